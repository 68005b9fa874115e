"""The part of the page with events: per face and action unit how many, how long, how strong, and a list that leads to them."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from aufait.visualization.results.page_text import duration_text, intensity_text, key_frame_id, section, time_link, unit_name

MAX_LISTED = 200
"""Events of one face that are listed; more are only counted."""

_HEAD = ("Action unit", "Name", "Events#", "Total time#", "Longest#", "Strongest#", "At")  # "#": columns of numbers
_LIST_HEAD = ("Action unit", "Onset", "Apex", "Offset", "Lasts#", "Peak#")


class PlainEvent(Protocol):
    """What the page needs to know of an event; times are seconds. ``aufait.analysis.Event`` is one."""

    @property
    def label(self) -> str:
        """What happens, "AU12"."""
    @property
    def face_id(self) -> int:
        """On which face."""
    @property
    def onset(self) -> float:
        """Time of its first frame."""
    @property
    def apex(self) -> float:
        """Time at which it is strongest."""
    @property
    def offset(self) -> float:
        """Time at which it ends."""
    @property
    def peak(self) -> float:
        """Largest value in it."""
    @property
    def kind(self) -> str:
        """Whether that is an "intensity" or a "probability"."""


@dataclass(frozen=True)
class PageEvents:
    """Events of one recording, and by which rule they were found.

    Attributes:
        found: by face, then label, then time.
        rule: a sentence or two for the page.
        problem: why there are none to show, where they could not be looked for.
    """

    found: Sequence[PlainEvent]
    rule: str
    problem: str = ""


def event_tables(events: PageEvents | None, faces: Sequence[int], key_frames: Collection[tuple[int, int]], film: str | None) -> str:
    """The part of the page with events, or nothing where none were looked for.

    Args:
        events: None leaves it out.
        faces: that the page shows, in its order.
        key_frames: faces and action units whose key frame is on the page.
        film: address of the video, for links to times.
    """
    if events is None:
        return ""
    if events.problem:
        return section("Events", "events", f"<p>No events were looked for: {html.escape(events.problem)}</p>")
    body = f'<p class="small">{html.escape(events.rule)}</p>'
    for face in faces:
        own = [event for event in events.found if event.face_id == face]
        body += f"<h3>Face {face}</h3>" + (_of_face(face, own, key_frames, film) if own else "<p>No event.</p>")
    more = len({event.face_id for event in events.found} - set(faces))
    rest = f'<p class="lead">Events of {more} more face{"s" if more > 1 else ""} are not shown.</p>' if more else ""
    return section("Events", "events", body + rest)


def _of_face(face: int, events: Sequence[PlainEvent], key_frames: Collection[tuple[int, int]], film: str | None) -> str:
    rows = "".join(_unit_row(face, label, list(own), key_frames, film) for label, own in groupby(events, lambda one: one.label))
    by_time = sorted(events, key=lambda event: event.onset)
    listed = "".join(_event_row(face, event, key_frames, film) for event in by_time[:MAX_LISTED])
    more = len(by_time) - MAX_LISTED
    rest = f'<p class="small">{more:,} more are not listed.</p>' if more > 0 else ""
    words = f"All {len(by_time):,} events" if len(by_time) > 1 else "The event"
    units = _table(f"Events of face {face} by action unit", _HEAD, rows)
    times = _table(f"Events of face {face} by time", _LIST_HEAD, listed)
    return f"{units}<details><summary>{words} of face {face} by time</summary>{times}{rest}</details>"


def _table(name: str, head: Sequence[str], rows: str) -> str:
    kind = {True: ' class="number"', False: ""}
    cells = "".join(f'<th scope="col"{kind[title.endswith("#")]}>{title.removesuffix("#")}</th>' for title in head)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{name}"><table><caption>{name}</caption>'
        f"<thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _unit_row(
    face: int, label: str, events: Sequence[PlainEvent], key_frames: Collection[tuple[int, int]], film: str | None
) -> str:
    lengths = [event.offset - event.onset for event in events]
    best = max(events, key=lambda event: event.peak)
    return (
        f'<tr><th scope="row">{_label(face, label, key_frames)}</th><td>{unit_name(_unit(label))}</td>'
        f'<td class="number">{len(events):,}</td><td class="number">{duration_text(sum(lengths))}</td>'
        f'<td class="number">{_seconds(max(lengths))}</td><td class="number">{_peak(best)}</td>'
        f"<td>{time_link(best.apex, film)}</td></tr>"
    )


def _event_row(face: int, event: PlainEvent, key_frames: Collection[tuple[int, int]], film: str | None) -> str:
    times: Iterable[str] = (time_link(time, film) for time in (event.onset, event.apex, event.offset))
    cells = "".join(f"<td>{time}</td>" for time in times)
    return (
        f'<tr><th scope="row">{_label(face, event.label, key_frames)}</th>{cells}'
        f'<td class="number">{_seconds(event.offset - event.onset)}</td><td class="number">{_peak(event)}</td></tr>'
    )


def _label(face: int, label: str, key_frames: Collection[tuple[int, int]]) -> str:
    """The label, as a link to its key frame where the page has that."""
    words = html.escape(label)
    unit = _unit(label)
    return f'<a href="#{key_frame_id(face, unit)}">{words}</a>' if (face, unit) in key_frames else words


def _unit(label: str) -> int:
    """Number of the action unit of "AU12"; -1 for other labels."""
    number = label.removeprefix("AU")
    return int(number) if number.isascii() and number.isdigit() else -1


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value < 10 else duration_text(value)


def _peak(event: PlainEvent) -> str:
    return intensity_text(event.peak) if event.kind == "intensity" else f"{100 * event.peak:.0f} %"
