"""Leave one data set out: each data set is tested once by a network that was trained on all the others.

This is no paper's protocol. Scores within a data set depend on its cameras, its people's tasks and its coders' habits; this
protocol shows how good a network is elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aufait.data.dataset import AUDataset
from aufait.data.protocols.protocol import Fold, Part, Protocol
from aufait.errors import InputError

LODO = "leave_one_dataset_out"
SHORT = "lodo"
_THRESHOLD = 2


def leave_one_dataset_out(
    datasets: Mapping[str, AUDataset], *, target: str = "occurrence", threshold: int = _THRESHOLD
) -> Protocol:
    """A protocol with one fold per data set, in the order of their names: test on it, train on the others.

    The network predicts the action units that at least two of the data sets code; a data set is scored on those of them that it
    codes itself, each of which is then known in the training of its fold. People whom a training set shares with the test set, by
    ``Recording.person`` (DISFA and DISFA+; BP4D, FERA 2015 and FERA 2017), are left out of that fold's training.

    Args:
        datasets: name -> data set, two at least.
        target: "occurrence" or "intensity".
        threshold: intensity from which an action unit is present, where occurrence was not coded by people.

    Raises:
        InputError: fewer than two data sets, no action unit that two of them code, nobody left to train on, or an unknown target.
    """
    if target not in ("occurrence", "intensity"):
        raise InputError(f"target must be 'occurrence' or 'intensity', got {target!r}")
    if len(datasets) < 2:
        got = ", ".join(datasets) or "none"
        raise InputError(f"leaving one data set out needs two data sets or more, got {got}; give each as NAME=FOLDER")
    names = sorted(datasets)
    coded = {name: _coded(datasets[name], target) for name in names}
    units = tuple(sorted(unit for unit in set().union(*coded.values()) if sum(unit in one for one in coded.values()) > 1))
    if not units:
        listed = "; ".join(f"{name} codes AUs {', '.join(map(str, sorted(coded[name]))) or 'none'}" for name in names)
        raise InputError(f"no action unit is coded by two of the data sets: {listed}")
    scored = {name: tuple(unit for unit in units if unit in coded[name]) for name in names}
    tested = [name for name in names if scored[name]]
    folds = [_fold(number, name, names, datasets) for number, name in enumerate(tested, start=1)]
    return Protocol(
        name=SHORT,
        title=f"leave one data set out of {', '.join(names)} ({len(units)} action units)",
        action_units=units,
        target=target,
        occurrence_threshold=threshold if target == "occurrence" else None,
        metrics=("f1_frame", "roc_area") if target == "occurrence" else ("icc_3_1", "mae"),
        folds=tuple(folds),
        citation="no publication; made from the data sets that were given",
        notes=("Action units that a training set does not code are unknown there and masked in the loss.",),
        evaluated=scored,
    )


def _coded(dataset: AUDataset, target: str) -> set[int]:
    """Action units with a known label."""
    table = dataset.label_table()
    known = table.intensity_known if target == "intensity" else table.occurrence_known
    return {unit for unit, has in zip(dataset.action_units, np.any(known, axis=0).tolist(), strict=True) if has}


def _fold(number: int, test: str, names: list[str], datasets: Mapping[str, AUDataset]) -> Fold:
    seen = set(datasets[test].persons)
    train = []
    for name in names:
        people = {one.subject for one in datasets[name].recordings if one.person not in seen}
        whole = len(people) == len(datasets[name].subjects)
        if name != test and people:
            train.append(Part(name if whole else f"{name}_without_{test}", name, tuple(sorted(people))))
    if not train:
        raise InputError(f"everybody in the other data sets is also in {test}; nobody is left to train on")
    return Fold(number, tuple(train), (Part(f"{test}_test", test, tuple(sorted(datasets[test].subjects))),), (test,))
