"""Protocols: the published ways to divide the data sets, as data files in this folder.

``get_protocol("disfa").split(dataset, fold=1)`` gives training and test recordings that share no person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Any

from aufait.action_units import AU_SETS
from aufait.data.dataset import AUDataset
from aufait.data.protocols.across import LODO, SHORT, leave_one_dataset_out
from aufait.data.protocols.protocol import Fold, Part, Protocol, Split, refuse_overlap
from aufait.data.protocols.redrawn import can_be_redrawn, redrawn
from aufait.data.protocols.splits import deal, hold_out, seeded_order
from aufait.errors import InputError
from aufait.plugins import Plugins, find_plugins, refuse_taken
from aufait.settings import did_you_mean

OCCURRENCE_METRICS = ("f1_frame", "accuracy")
INTENSITY_METRICS = ("icc_3_1", "mae")
_FOLDS = 5
_LEAVE_ONE_OUT, _FOLD_NAME = "leave_one_subject_out", re.compile(r"(k|\d+)_folds?")


def list_protocols(dataset: str | None = None) -> list[str]:
    """Names of the published protocols, those of one data set if its name is given."""
    ours = [name for name in _files() if dataset is None or dataset in _datasets(_files()[name])]
    return ours + [name for name, one in _strangers().items() if dataset is None or dataset in one.datasets]


_REGISTERED: dict[str, Protocol] = {}


def register_protocol(protocol: Protocol) -> None:
    """Add a protocol, for this process. Installed packages name an entry point ``aufait.protocols`` instead.

    Raises:
        InputError: the name is taken, or it is not a ``Protocol``.
    """
    wrong = _wrong_with(protocol.name if isinstance(protocol, Protocol) else "", protocol)
    if wrong:
        raise InputError(wrong)
    refuse_taken("protocol", protocol.name, [*_files(), *_strangers()])
    _REGISTERED[protocol.name] = protocol


@lru_cache(maxsize=1)
def _plugins() -> Plugins:
    return find_plugins("aufait.protocols", _files(), _wrong_with)


def _strangers() -> dict[str, Protocol]:
    return {**_plugins().objects, **_REGISTERED}


def _wrong_with(name: str, protocol: Any) -> str:
    if not isinstance(protocol, Protocol):
        return f"a protocol is a Protocol of aufait.data, got a {type(protocol).__name__}"
    return "" if protocol.name == name else f"Protocol.name must be the name of the entry, {name!r}, got {protocol.name!r}"


def get_protocol(name: str, *, seed: int | None = None) -> Protocol:
    """A published protocol by name.

    Args:
        name: one of ``list_protocols()``.
        seed: for protocols whose subjects were not published: which of the possible splits.

    Raises:
        InputError: unknown name (with the nearest ones), or a seed for a protocol whose subjects are published.

    Example:
        >>> protocol = get_protocol("disfa")
        >>> protocol.action_units, protocol.occurrence_threshold, len(protocol.folds)
        ((1, 2, 4, 6, 9, 12, 25, 26), 2, 3)
    """
    key = name.strip().lower().replace("+", "_plus").replace("-", "_")
    if key in _strangers():
        if seed is not None:
            raise InputError(f"the protocol {key} takes no seed")
        return _strangers()[key]
    if key not in _files():
        _plugins().refuse_broken(key)
        known = [*_files(), *_strangers()]
        raise InputError(
            f"unknown protocol {name!r}{did_you_mean(key, known)} Known: {', '.join(known)}. For your own data: "
            "leave_one_subject_out, k_fold (5 folds), 3_fold, 10_fold, ...; for several data sets: lodo"
        )
    data = _files()[key]
    if seed is not None and "generator" not in data:
        raise InputError(f"the subjects of {key} are published, so it takes no seed")
    return _build(data, seed)


def protocol_for(dataset: AUDataset, name: str, *, seed: int | None = None) -> Protocol:
    """A protocol as a user names it: a published one, or one that divides the subjects of this data set.

    Args:
        dataset: what "leave_one_subject_out", "k_fold" (5 folds) and "3_fold", "10_fold" divide.
        name: of the protocol.
        seed: which of the possible splits, for protocols that are drawn.

    Raises:
        InputError: unknown name (with the nearest ones), a seed where nothing is drawn, or too few subjects.
    """
    key = _own_key(name)
    if key == _LEAVE_ONE_OUT:
        return leave_one_subject_out(dataset)
    if match := _FOLD_NAME.fullmatch(key):
        return k_fold(dataset, _FOLDS if match[1] == "k" else int(match[1]), seed=seed or 0)
    return get_protocol(name, seed=seed)


def divides_own_data(name: str) -> bool:
    """Whether a protocol of this name is made from the subjects of a data set: "leave_one_subject_out", "k_fold", "3_fold", ..."""
    key = _own_key(name)
    return key == _LEAVE_ONE_OUT or _FOLD_NAME.fullmatch(key) is not None


def leaves_datasets_out(name: str) -> bool:
    """Whether a protocol of this name is made from several data sets: "lodo", "leave_one_dataset_out"."""
    return _own_key(name) in (SHORT, LODO)


def _own_key(name: str) -> str:
    return name.strip().lower().replace("-", "_")


def leave_one_subject_out(dataset: AUDataset, *, target: str = "occurrence", threshold: int | None = None) -> Protocol:
    """Each subject is tested once, with all others in training; for your own data sets.

    Args:
        dataset: data set with at least two persons.
        target: "occurrence" or "intensity".
        threshold: intensity from which an action unit is present, where occurrence was not coded.

    Raises:
        InputError: fewer than two subjects, or an unknown target.
    """
    subjects = _own_subjects(dataset)
    groups = [[subject] for subject in subjects]
    return _own(dataset, "leave_one_subject_out", f"leave one subject out ({len(subjects)} folds)", groups, target, threshold)


def k_fold(
    dataset: AUDataset, folds: int = _FOLDS, *, seed: int = 0, target: str = "occurrence", threshold: int | None = None
) -> Protocol:
    """Subject-exclusive folds drawn from a seed; for your own data sets.

    Raises:
        InputError: fewer subjects than folds, fewer than two folds, or an unknown target.
    """
    groups = deal(_own_subjects(dataset), folds, seed)
    return _own(dataset, "k_fold", f"{folds} subject-exclusive folds, seed {seed}", groups, target, threshold)


def _own_subjects(dataset: AUDataset) -> tuple[str, ...]:
    persons: dict[str, str] = {}
    for one in dataset.recordings:
        if persons.setdefault(one.person, one.subject) != one.subject:
            raise InputError(f"{one.person} appears as {persons[one.person]} and as {one.subject}; use one name per person")
    if len(persons) < 2:
        raise InputError(f"{dataset.name} has {len(persons)} subject; a subject-exclusive split needs at least 2")
    return tuple(sorted(persons.values()))


def _own(
    dataset: AUDataset, name: str, title: str, groups: Sequence[Sequence[str]], target: str, threshold: int | None
) -> Protocol:
    if target not in ("occurrence", "intensity"):
        raise InputError(f"target must be 'occurrence' or 'intensity', got {target!r}")
    parts = [Part(f"group{number}", dataset.name, tuple(group)) for number, group in enumerate(groups, start=1)]
    folds = [
        Fold(number, tuple(part for part in parts if part is not test), (test,), (test.name,))
        for number, test in enumerate(parts, start=1)
    ]
    return Protocol(
        name=name,
        title=f"{dataset.name}, {title}",
        action_units=dataset.action_units,
        target=target,
        occurrence_threshold=threshold,
        metrics=INTENSITY_METRICS if target == "intensity" else OCCURRENCE_METRICS,
        folds=tuple(folds),
        citation="no publication; made from the subjects of the data set",
    )


@lru_cache(maxsize=1)
def _files() -> dict[str, dict[str, Any]]:
    files = (file for file in resources.files(__package__).iterdir() if file.name.endswith(".json"))
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return {data["name"]: data for data in sorted(found, key=lambda data: data["order"])}


def _datasets(data: dict[str, Any]) -> set[str]:
    if "generator" in data:
        return {data["generator"]["train_dataset"], data["generator"].get("test_dataset", data["generator"]["train_dataset"])}
    return {part["dataset"] for part in data["parts"].values()}


def _build(data: dict[str, Any], seed: int | None) -> Protocol:
    notes: tuple[str, ...] = ()
    if "generator" in data:
        chosen = data["generator"]["seed"] if seed is None else seed
        parts, notes = _drawn(data["generator"], chosen), (f"Seed {chosen}.",)
        folds: list[dict[str, Any]] = [{"number": 1, "train": ["train"], "test": ["test"]}]
    else:
        parts = {name: _part(name, **fields) for name, fields in data["parts"].items()}
        folds = data["folds"]
    units = data["action_units"]
    return Protocol(
        name=data["name"],
        title=data["title"],
        action_units=AU_SETS[units] if isinstance(units, str) else tuple(units),
        target=data["target"],
        occurrence_threshold=data["occurrence_threshold"],
        metrics=tuple(data["metrics"]),
        folds=tuple(
            Fold(
                fold["number"],
                tuple(parts[name] for name in fold["train"]),
                tuple(parts[name] for name in fold["test"]),
                tuple(fold.get("aliases", ())),
            )
            for fold in folds
        ),
        citation=data["citation"],
        notes=(*data["notes"], *notes),
        excluded=data.get("excluded", {}),
        evaluated={name: tuple(units) for name, units in data.get("evaluated", {}).items()},
    )


def _part(
    name: str,
    dataset: str,
    subjects: Sequence[str] | None = None,
    partition: str | None = None,
    views: Sequence[int] | None = None,
) -> Part:
    return Part(name, dataset, None if subjects is None else tuple(subjects), partition, None if views is None else tuple(views))


def _drawn(generator: dict[str, Any], seed: int) -> dict[str, Part]:
    """Training and test part of a split that was not published, from a seed."""
    order = seeded_order(generator["subjects"], seed)
    test, train = sorted(order[: generator["test_subjects"]]), sorted(order[generator["test_subjects"] :])
    home = generator["train_dataset"]
    return {
        "train": _part("train", home, train, generator.get("train_partition"), generator.get("train_views")),
        "test": _part("test", generator.get("test_dataset", home), test),
    }


__all__ = [
    "Fold", "Part", "Protocol", "Split", "can_be_redrawn", "get_protocol", "hold_out", "k_fold", "leave_one_dataset_out",
    "leave_one_subject_out", "leaves_datasets_out", "list_protocols", "protocol_for", "redrawn", "refuse_overlap",
]  # fmt: skip
