"""Which subjects a small twin has: spread so that no part of any protocol of the data set is empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aufait.data.protocols import get_protocol, list_protocols
from aufait.errors import InputError
from aufait.settings import did_you_mean
from aufait.twins.layouts import TwinLayout


def choose_subjects(layout: TwinLayout, wanted: int | Sequence[str] | None) -> tuple[str, ...]:
    """Subjects of a twin, in the data set's order.

    Args:
        layout: of the data set.
        wanted: a number (spread over the parts of all protocols), names, or None for all.

    Raises:
        InputError: more subjects than there are, none, or a name that the data set does not have.
    """
    if wanted is None:
        return layout.subjects
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(layout.subjects):
            raise InputError(f"{layout.title} has {len(layout.subjects)} subjects; a twin takes 1 to that many, got {wanted}")
        return _spread(layout, wanted)
    names = [str(one) for one in wanted]
    for name in names:
        if name not in layout.subjects:
            shown = ", ".join(layout.subjects[:3])
            raise InputError(f"{layout.title} has no subject {name!r}{did_you_mean(name, layout.subjects)} They are {shown}, ...")
    if not names:
        raise InputError("a twin needs at least one subject")
    return tuple(one for one in layout.subjects if one in names)


def protocol_parts(layout: TwinLayout) -> list[frozenset[str]]:
    """The groups of subjects that any protocol trains or tests on, each once; partitions and the whole included."""
    groups: list[frozenset[str]] = [frozenset(layout.subjects)]
    groups += [_with_value(layout.partitions, value) for value in sorted(set(layout.partitions.values()))]
    for name in list_protocols(layout.name):
        for fold in get_protocol(name).folds:
            for parts in (fold.train, fold.test):
                # Parts of one side are also separate groups: a fold elsewhere may test them alone.
                groups += [frozenset(one.subjects) for one in parts if one.dataset == layout.name and one.subjects]
    return list(dict.fromkeys(groups))


def _with_value(values: Mapping[str, str], wanted: str) -> frozenset[str]:
    return frozenset(name for name, value in values.items() if value == wanted)


def _spread(layout: TwinLayout, count: int) -> tuple[str, ...]:
    """Greedy: next comes who reaches most parts that are still empty, then who keeps parts and sexes evenly filled."""
    parts = protocol_parts(layout)
    chosen: list[str] = []
    while len(chosen) < count:
        left = [one for one in layout.subjects if one not in chosen]
        chosen.append(min(left, key=lambda one: _price(one, chosen, parts)))
    return tuple(one for one in layout.subjects if one in chosen)


def _price(subject: str, chosen: Iterable[str], parts: list[frozenset[str]]) -> tuple[float, float, int]:
    taken = set(chosen)
    mine = [part for part in parts if subject in part]
    empty = sum(not taken & part for part in mine)
    crowded = sum(len(taken & part) / len(part) for part in mine) / max(len(mine), 1)
    alike = sum(_letter(one) == _letter(subject) for one in taken)
    return -empty, round(crowded, 6), alike


def _letter(subject: str) -> str:
    """F or M, where names say it."""
    return subject.removeprefix("VA_")[:1]
