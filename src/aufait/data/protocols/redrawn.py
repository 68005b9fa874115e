"""A published cross-validation with its subjects divided into new folds: how much a score depends on the division."""

from __future__ import annotations

from dataclasses import replace

from aufait.data.protocols.protocol import Fold, Part, Protocol
from aufait.data.protocols.splits import deal
from aufait.errors import InputError


def can_be_redrawn(protocol: Protocol) -> bool:
    """Whether every fold tests one group of named subjects of one data set and trains on all other groups."""
    tested = [fold.test for fold in protocol.folds]
    whole = len(protocol.folds) > 1 and len(protocol.datasets) == 1 and all(len(parts) == 1 for parts in tested)
    groups = {parts[0] for parts in tested if parts}
    plain = all(part.subjects is not None and part.partition is None and part.views is None for part in groups)
    return whole and plain and all(set(fold.train) == groups - set(fold.test) for fold in protocol.folds)


def redrawn(protocol: Protocol, seed: int) -> Protocol:
    """As many subject-exclusive folds of the same subjects, drawn from a seed; everything else stays.

    Raises:
        InputError: the protocol is not a cross-validation of one data set's subjects.
    """
    if not can_be_redrawn(protocol):
        raise InputError(
            f"the folds of {protocol.name} cannot be drawn anew: it is not a cross-validation over the subjects of one data set"
        )
    (name,) = protocol.datasets
    subjects = [subject for fold in protocol.folds for subject in fold.test[0].subjects or ()]
    groups = deal(subjects, len(protocol.folds), seed)
    parts = [Part(f"drawn{number}", name, tuple(group)) for number, group in enumerate(groups, start=1)]
    folds = [Fold(number, tuple(one for one in parts if one is not part), (part,)) for number, part in enumerate(parts, start=1)]
    return replace(
        protocol,
        name=f"{protocol.name}_seed_{seed}",
        title=f"{protocol.title}, folds drawn anew from seed {seed}",
        folds=tuple(folds),
        notes=(*protocol.notes, f"Folds drawn from seed {seed}, not the published ones."),
    )
