"""What a finished recording can be taken away as: tables, events for other programs, drawings."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aufait.analysis.event import Event
from aufait.studio.analysis import STEM
from aufait.studio.corrections import CONFIRMED
from aufait.studio.errors import StudioError
from aufait.studio.events import events_of

if TYPE_CHECKING:
    from aufait.analysis import ScoreTable
    from aufait.studio.studio import Studio

Maker = Callable[["Studio", str, Path], Path]
"""Takes studio, recording and an empty folder; returns a file in it, or another that is not to be removed."""


@dataclass(frozen=True)
class Export:
    """One format.

    Attributes:
        format: its name in the API.
        name: for people.
        extension: of the file.
        media_type: of the file.
        make: writes it; None for drawings, which take longer and are made by ``aufait.studio.drawings``.
        package, extra: what must be installed for it, and the extra that brings it; empty: nothing.
        of_videos: it needs times, which pictures do not have.
    """

    format: str
    name: str
    extension: str
    media_type: str
    make: Maker | None = None
    package: str = ""
    extra: str = ""
    of_videos: bool = True

    @property
    def needs(self) -> str | None:
        """The extra that is missing here."""
        return self.extra if self.package and find_spec(self.package) is None else None

    @property
    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        facts = {"format": self.format, "name": self.name, "extension": self.extension}
        return {**facts, "needs": self.needs, "slow": self.make is None, "of_videos": self.of_videos}


def export_of(name: str) -> Export:
    """A format by its name.

    Raises:
        StudioError: 422, unknown; 501, something it needs is not installed.
    """
    found = EXPORTS.get(name)
    if found is None:
        raise StudioError(422, f"There is no format {name[:40]!r}; known: {', '.join(EXPORTS)}.")
    if found.needs:
        raise StudioError(501, f"{found.name} needs an extra: pip install 'aufait[{found.needs}]'.", "missing_extra")
    return found


def stem_of(name: str) -> str:
    """The part of a file's name before its ending, safe as a part of another."""
    from aufait.analysis.writers.names import one_line

    plain = "".join("_" if sign in '<>:"/\\|?*' or ord(sign) < 32 else sign for sign in one_line(Path(name).stem))
    return plain.strip(" .")[:100] or "recording"


def table_of(studio: Studio, identity: str) -> ScoreTable:
    """The scores under the name that files get."""
    return replace(studio.table(identity), name=stem_of(studio.recording(identity)["name"]))


def standing_events(studio: Studio, identity: str) -> list[Event]:
    """Events that stand: found and not rejected, at their corrected places, and added ones."""
    name = stem_of(studio.recording(identity)["name"])
    return [as_event(one, name) for one in events_of(studio.store, identity) if one["status"] != "rejected"]


def as_event(one: dict[str, Any], recording: str, label: str | None = None) -> Event:
    """An event of the API as one of the package; a level that a coder gave is its peak."""
    unknown = float("nan")
    onset, offset = one["onset"], one["offset"]
    apex = min(max(one["apex"] if one["apex"] is not None else onset, onset), offset)
    peak = unknown if one["peak"] is None else one["peak"]
    kind = one["kind"] or "intensity"
    if one["level"] is not None:
        peak, kind = float(one["level"]), "intensity"
    mean = unknown if one["mean"] is None else one["mean"]
    return Event(label or label_of(one), onset, apex, offset, peak, mean, kind, one["face"], recording)


def label_of(one: dict[str, Any]) -> str:
    """"AU12 left"."""
    return f"AU{one['unit']} {one['side'] or ''}".rstrip()


def _csv(studio: Studio, identity: str, folder: Path) -> Path:
    return studio.place(identity) / f"{STEM}.csv"


def _parquet(studio: Studio, identity: str, folder: Path) -> Path:
    import pyarrow.parquet

    path = folder / "table.parquet"
    pyarrow.parquet.write_table(table_of(studio, identity).to_dataframe("arrow"), path)
    return path


def _events(studio: Studio, identity: str, folder: Path) -> Path:
    from aufait.analysis.event_file import write_events

    return write_events(folder / "events.csv", standing_events(studio, identity))


def _corrections(studio: Studio, identity: str, folder: Path) -> Path:
    """Events that a person confirmed, as a tier that ``read_annotations`` reads."""
    from aufait.analysis.writers.names import LEVELS
    from aufait.files.atomic import write_text
    from aufait.files.csv_text import csv_text

    names = ("start", "end", "label", "tier", "face_id", "status", "found_start", "found_end", "note")
    rows = []
    for one in events_of(studio.store, identity):
        if one["status"] in CONFIRMED:
            level = LEVELS[one["level"] - 1] if one["level"] else ""
            label = " ".join(filter(None, (f"AU{one['unit']}{level}", one["side"])))
            found = one["found"] or {}
            place = f"corrections face {one['face']}" if one["face"] >= 0 else "corrections"
            ends = (found.get("onset", ""), found.get("offset", ""))
            rows.append((one["onset"], one["offset"], label, place, one["face"], one["status"], *ends, one["note"]))
    return write_text(folder / "corrections.csv", csv_text(names, rows), overwrite=True)


def _converted(to: str) -> Maker:
    """A maker by one of the writers of ``aufait convert``."""

    def make(studio: Studio, identity: str, folder: Path) -> Path:
        from aufait.analysis.writers import Recording, convert

        table = table_of(studio, identity)
        events = standing_events(studio, identity)
        if to == "elan":
            events = _beside(studio, identity, table.name)
        media = folder / studio.recording(identity)["name"]
        recording = Recording(table.name, tuple(sorted(events, key=lambda one: (one.onset, one.offset))), table, media)
        written = convert([recording], to, folder)
        _forget_folder(written, folder)
        return written[0] if len(written) == 1 else _zipped(folder)

    return make


def _forget_folder(written: list[Path], folder: Path) -> None:
    """Files name the video beside them, not where it was for a moment."""
    for path in written:
        text = path.read_bytes()
        if (there := f"{folder.as_posix()}/".encode()) in text:
            path.write_bytes(text.replace(there, b"/"))


def _beside(studio: Studio, identity: str, name: str) -> list[Event]:
    """Events as they were found and, once there is a correction, those that stand in tiers of their own beside them."""
    events = events_of(studio.store, identity)
    found = [as_event({**one, **(one["found"] or {}), "level": None}, name) for one in events if one["status"] != "added"]
    if all(one["status"] == "found" for one in events):
        return found
    standing = [as_event(one, name, f"{label_of(one)} corrected") for one in events if one["status"] != "rejected"]
    return found + standing


def _zipped(folder: Path) -> Path:
    """All files of a folder, in one beside them."""
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return Path(shutil.move(path, folder / "all.zip"))


def _json(studio: Studio, identity: str, folder: Path) -> Path:
    from aufait.studio.export_json import write_json

    return write_json(studio, identity, folder / "recording.json")


_PARQUET = "application/vnd.apache.parquet"

EXPORTS = MappingProxyType(
    {
        one.format: one
        for one in (
            Export("csv", "CSV, row by row (OpenFace's columns and ours)", ".csv", "text/csv", _csv, of_videos=False),
            Export("parquet", "Parquet, row by row", ".parquet", _PARQUET, _parquet, "pyarrow", "parquet", of_videos=False),
            Export("json", "JSON: scores, events and markers", ".json", "application/json", _json, of_videos=False),
            Export("events", "Events that stand, CSV", ".csv", "text/csv", _events),
            Export("corrections", "Events that a person confirmed, CSV", ".csv", "text/csv", _corrections),
            Export("elan", "ELAN, corrections beside what was found", ".eaf", "application/xml", _converted("elan")),
            Export("boris", "BORIS project", ".boris", "application/json", _converted("boris")),
            Export("praat", "Praat TextGrid", ".TextGrid", "text/plain", _converted("praat")),
            Export("webvtt", "Subtitles, WebVTT", ".vtt", "text/vtt", _converted("webvtt")),
            Export("noldus", "The Observer XT", ".txt", "text/plain", _converted("noldus")),
            Export("bids", "BIDS, zipped", ".zip", "application/zip", _converted("bids")),
            Export("spss", "SPSS and R: CSV with codebook, zipped", ".zip", "application/zip", _converted("wide"), of_videos=False),
            Export("report", "Report, HTML", ".html", "text/html", of_videos=False),
            Export("annotated", "Video with overlay", ".mp4", "video/mp4"),
            Export("timeline", "Timeline, PNG", ".png", "image/png", None, "matplotlib", "plot"),
        )
    }
)
