"""ELAN's ``.eaf``: all tiers, also those whose annotations refer to others and have no times of their own.

Times are milliseconds on ELAN's time line; where the first medium begins later on it (``TIME_ORIGIN``), they are moved to the
clock of that medium.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from aufait.analysis.annotations.checks import refuse
from aufait.analysis.annotations.text import shown
from aufait.analysis.annotations.xml_tree import parse_xml
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning

Times = dict[str, tuple[float, float]]
"""Identifier of an annotation -> start and end in milliseconds."""


@dataclass
class _Note:
    """An annotation as it stands in the file."""

    name: str
    tier: str
    person: str
    value: str
    slots: tuple[str, str] | None
    parent: str
    previous: str


def spans(path: Path, text: str) -> list[Span]:
    """The annotations of all tiers.

    Raises:
        InputError: no file of ELAN, damaged, or with annotations that refer to none.
    """
    root = parse_xml(path, text)
    if root.tag != "ANNOTATION_DOCUMENT":
        raise InputError(f"{path} is XML but not ELAN's: it begins with <{shown(root.tag)}>, expected <ANNOTATION_DOCUMENT>")
    recording, origin = _medium(path, root)
    per_second = _units(path, root)
    notes = list(_notes(root))
    times = _times(path, root, notes)
    backwards = [note for note in notes if times[note.name][1] < times[note.name][0]]
    refuse(path, [f"{one.name} on the tier {shown(one.tier)} ends before it begins" for one in backwards], "correct it in ELAN")
    return [
        Span(
            (times[note.name][0] + origin) / per_second,
            (times[note.name][1] + origin) / per_second,
            note.value or note.tier,
            note.tier,
            note.person,
            recording,
        )
        for note in notes
    ]


def _units(path: Path, root: Element) -> float:
    header = root.find("HEADER")
    units = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if units != "milliseconds":
        raise InputError(f"{path}: times are in {shown(units)}, expected milliseconds; save it with a current ELAN")
    return 1000.0


def _medium(path: Path, root: Element) -> tuple[str, float]:
    """Name of the first medium, and the milliseconds of it that pass before ELAN's time line begins."""
    media = root.findall("HEADER/MEDIA_DESCRIPTOR")
    if not media:
        return "", 0.0
    try:
        origins = [float(int(medium.get("TIME_ORIGIN", "0"))) for medium in media]
    except (ValueError, OverflowError):
        raise InputError(f"{path}: the offset of a medium is no number; set it again in ELAN") from None
    url = unquote(media[0].get("MEDIA_URL", "") or media[0].get("RELATIVE_MEDIA_URL", ""))
    name = re.split(r"[/\\]", url)[-1]
    if len(set(origins)) > 1:
        warnings.warn(
            f"{path}: its media begin at different times; annotations are in the clock of the first, {shown(name)}",
            InputWarning,
            stacklevel=4,
        )
    return name.rsplit(".", 1)[0] if "." in name else name, origins[0]


def _notes(root: Element) -> Iterator[_Note]:
    for tier in root.findall("TIER"):
        for element in tier.findall("ANNOTATION/*"):
            value = element.find("ANNOTATION_VALUE")
            alignable = element.tag == "ALIGNABLE_ANNOTATION"
            yield _Note(
                element.get("ANNOTATION_ID", ""),
                tier.get("TIER_ID", ""),
                tier.get("PARTICIPANT", "").strip(),
                ((value.text if value is not None else None) or "").strip(),
                (element.get("TIME_SLOT_REF1", ""), element.get("TIME_SLOT_REF2", "")) if alignable else None,
                element.get("ANNOTATION_REF", ""),
                element.get("PREVIOUS_ANNOTATION", ""),
            )


def _times(path: Path, root: Element, notes: list[_Note]) -> Times:
    """Milliseconds of all annotations."""
    if len({note.name for note in notes}) != len(notes):
        raise InputError(f"{path}: two annotations have the same identifier; open and save it with ELAN")
    slots = _slots(path, root, notes)
    times: Times = {}
    try:
        times.update({note.name: (slots[note.slots[0]], slots[note.slots[1]]) for note in notes if note.slots})
    except KeyError as error:
        raise InputError(f"{path}: an annotation refers to the time {error}, which is not there; save it with ELAN") from None
    waiting = _families([note for note in notes if not note.slots])
    while waiting:
        ready = [family for family in waiting if family[0] in times]
        if not ready:
            names = ", ".join(shown(name) for family in waiting for name in waiting[family][:1])
            raise InputError(
                f"{path}: annotations refer to others that are not there, or to each other ({names[:80]}); save it with ELAN"
            )
        for family in ready:
            times.update(_children(times[family[0]], waiting.pop(family), divided=family[2]))
    return times


def _families(notes: list[_Note]) -> dict[tuple[str, str, bool], list[str]]:
    """Annotations without times by what they refer to, tier and whether they divide it among them, in their order."""
    groups: dict[tuple[str, str], list[_Note]] = {}
    for note in notes:
        groups.setdefault((note.parent, note.tier), []).append(note)
    return {(*key, any(note.previous for note in group)): _in_order(group) for key, group in groups.items()}


def _in_order(group: list[_Note]) -> list[str]:
    """First the one without a predecessor, then the one that names it, ...; what is left stands last, as in the file."""
    after = {note.previous: note.name for note in group if note.previous}
    ordered = [note.name for note in group if not note.previous]
    seen = set(ordered)
    for name in ordered:  # grows while it is walked
        follower = after.get(name)
        if follower and follower not in seen:
            ordered.append(follower)
            seen.add(follower)
    return ordered + [note.name for note in group if note.name not in seen]


def _children(parent: tuple[float, float], names: list[str], divided: bool) -> Times:
    """ELAN shows a symbolic subdivision as equal parts of its parent, an association as long as its parent."""
    if not divided:
        return dict.fromkeys(names, parent)
    start, part = parent[0], (parent[1] - parent[0]) / len(names)
    return {name: (start + place * part, start + (place + 1) * part) for place, name in enumerate(names)}


def _slots(path: Path, root: Element, notes: list[_Note]) -> dict[str, float]:
    """Milliseconds of every time slot; those without one, inside a time subdivision, lie evenly between their neighbours."""
    slots: dict[str, float] = {}
    open_slots = set()
    for element in root.findall("TIME_ORDER/TIME_SLOT"):
        name, value = element.get("TIME_SLOT_ID", ""), element.get("TIME_VALUE")
        try:
            if value is None:
                open_slots.add(name)
            else:
                slots[name] = float(int(value))
        except (ValueError, OverflowError):
            said = shown(value or "")
            raise InputError(f"{path}: the time {said!r} is no whole number of milliseconds; save it with ELAN") from None
    if open_slots:
        _close(path, slots, open_slots, notes)
    return slots


def _close(path: Path, slots: dict[str, float], open_slots: set[str], notes: list[_Note]) -> None:
    following = {(note.tier, note.slots[0]): note.slots[1] for note in notes if note.slots}
    closed = 0
    for (tier, slot), next_slot in list(following.items()):
        if slot not in slots or next_slot not in open_slots or next_slot in slots:
            continue
        run = []
        while next_slot in open_slots and next_slot not in run and (tier, next_slot) in following:
            run.append(next_slot)
            next_slot = following[tier, next_slot]
        if next_slot in slots:
            step = (slots[next_slot] - slots[slot]) / (len(run) + 1)
            slots.update({name: slots[slot] + (place + 1) * step for place, name in enumerate(run)})
            closed += len(run)
    if closed:
        message = f"{path}: {closed} borders were never placed in time; they are spread evenly, as ELAN shows them"
        warnings.warn(message, InputWarning, stacklevel=6)
