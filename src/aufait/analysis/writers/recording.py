"""What is written: recordings, each with its events, its scores and the video they come from, as far as they are known."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aufait.analysis.event import Event
from aufait.analysis.event_file import read_events
from aufait.analysis.events import find_events
from aufait.analysis.readers import read_table
from aufait.analysis.readers.header import read_header
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.writers.picture_tables import of_pictures
from aufait.errors import InputError, InputWarning
from aufait.files.safe_text import original_name

_EVENT_COLUMNS = {"label", "onset", "offset"}


@dataclass(frozen=True)
class Recording:
    """One recording to be written.

    Attributes:
        name: what joins tables, events and files.
        events: in the order of time.
        table: the scores frame by frame, or None where only events are known.
        media: the video, which need not be on this machine; None where nothing names it.
    """

    name: str
    events: tuple[Event, ...] = ()
    table: ScoreTable | None = None
    media: Path | None = None

    @property
    def length(self) -> float:
        """Seconds until the last frame and the last event have ended."""
        ends = [event.offset for event in self.events]
        if self.table is not None and len(self.table):
            ends.append(float(self.table.time[-1]) + self.table.frame_distance)
        return max([0.0, *ends])


@dataclass(frozen=True)
class Choices:
    """What the user may settle about the files; every format takes what concerns it.

    Attributes:
        subject, task: BIDS labels; empty takes the subject from the recording's name, and the task "video".
        rate: rows per second of continuous BIDS recordings; None for the frames' own rate.
        overwrite: whether existing files may be replaced.
    """

    subject: str = ""
    task: str = ""
    rate: float | None = None
    overwrite: bool = False


@dataclass
class _Parts:
    table: ScoreTable | None = None
    events: list[Event] | None = None
    from_files: list[Path] = field(default_factory=list)


def read_recordings(
    paths: Sequence[str | Path],
    media: str | Path | None = None,
    *,
    events: bool = True,
    sides: bool = True,
    fps: float | None = None,
) -> list[Recording]:
    """Read tables and files of events; those of one name become one recording.

    Args:
        paths: tables of any known tool, and files of events as ``aufait events`` writes them.
        media: the video, for a single recording; else each table's own source is taken.
        events: whether events are wanted; a recording that no file of events names gets those of the default rule.
        sides: whether events that are found here are also those of the left and right.
        fps: frames per second, for tables without times.

    Raises:
        InputError: nothing given, a file that is neither, two tables of one name, or one video for several recordings.
    """
    parts: dict[str, _Parts] = {}
    for path in map(Path, paths):
        _add(path.expanduser(), parts, fps)
    if not parts:
        raise InputError("give at least one table of action units or one file of events")
    if media is not None and len(parts) > 1:
        raise InputError(f"one video cannot belong to {len(parts)} recordings ({', '.join(parts)}); convert them one by one")
    return [_recording(name, part, media, events, sides) for name, part in sorted(parts.items())]


def _add(path: Path, parts: dict[str, _Parts], fps: float | None) -> None:
    if set(read_header(path).columns) >= _EVENT_COLUMNS:
        found = read_events(path)
        for event in found:
            part = parts.setdefault(event.recording or _stem(path), _Parts())
            part.events = [*(part.events or []), event]
            part.from_files.append(path)
        if not found:
            part = parts.setdefault(_stem(path), _Parts())
            part.events = part.events or []
        return
    table = read_table(path, fps=fps)
    part = parts.setdefault(table.name, _Parts())
    if part.table is not None:
        raise InputError(f"{path} and {part.table.path} are both tables of {table.name!r}; give one, or rename one")
    part.table = table


def _stem(path: Path) -> str:
    return path.stem.removesuffix("_events").removesuffix(".events") or path.stem


def _recording(name: str, part: _Parts, media: str | Path | None, events: bool, sides: bool) -> Recording:
    found: Iterable[Event] = part.events or ()
    if events and part.table is not None and of_pictures(part.table):
        raise InputError(f"{name} is a table of pictures, which have no times; this format needs a video. Take wide, long or fex")
    if events and part.events is None and part.table is not None:
        found = find_events(part.table, sides=sides)
    ordered = tuple(sorted(found, key=lambda event: (event.onset, event.offset, event.face_id, event.label)))
    if events and part.events and part.table is not None:
        _warn_outside(name, ordered, part.table)
    return Recording(name, ordered, part.table, media_of(part.table) if media is None else Path(media).expanduser())


def _warn_outside(name: str, events: tuple[Event, ...], table: ScoreTable) -> None:
    end = float(table.time[-1]) + max(table.frame_distance, 0.001) if len(table) else 0.0
    late = [event for event in events if event.onset > end]
    if late:
        warnings.warn(
            f"{name}: {len(late)} of {len(events)} events begin after the table's end at {end:.3f} s, the first at"
            f" {late[0].onset:.3f} s; do they belong to this recording?",
            InputWarning,
            stacklevel=3,
        )


def media_of(table: ScoreTable | None) -> Path | None:
    """The video that a table names; looked for from here, then from the table's folder."""
    if table is None or not table.source or "://" in table.source or table.source.startswith("camera "):
        return None
    named = Path(original_name(table.source)).expanduser()
    beside = [] if table.path is None else [table.path.parent / named, table.path.parent / named.name]
    return next((place for place in (named, *beside) if place.is_file()), named)
