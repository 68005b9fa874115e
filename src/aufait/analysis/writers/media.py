"""The video behind a recording, as other programs want it named: kind, place from the file that names it, length, rate."""

from __future__ import annotations

import mimetypes
import os
from dataclasses import dataclass
from pathlib import Path

from aufait.analysis.writers.recording import Recording
from aufait.errors import AufaitError, printable

_KINDS = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".mpg": "video/mpeg", ".mpeg": "video/mpeg",
    ".mkv": "video/x-matroska", ".webm": "video/webm", ".avi": "video/x-msvideo", ".wmv": "video/x-ms-wmv",
    ".wav": "audio/x-wav",
}  # fmt: skip


def kind_of(path: Path) -> str:
    """MIME type by the name's ending."""
    return _KINDS.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "unknown"


def address(path: Path) -> str:
    """``file:///...`` as ELAN writes it: slashes, nothing encoded."""
    return "file:///" + printable(path.absolute().as_posix()).lstrip("/")


def relative_to(path: Path, folder: Path) -> str:
    """Place of the video as seen from a folder, "./clip.mp4" or "../videos/clip.mp4"; empty where there is none (another drive)."""
    try:
        place = Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:
        return ""
    return printable(place if place.startswith("../") else f"./{place}")


@dataclass(frozen=True)
class MediaFacts:
    """Length in seconds, frames per second (0: unknown), and whether there is sound (None: unknown)."""

    length: float
    rate: float
    sound: bool | None


def facts_of(recording: Recording) -> MediaFacts:
    """From the file itself where it can be opened, else from the table and the events."""
    distance = recording.table.frame_distance if recording.table is not None else 0.0
    told = MediaFacts(recording.length, round(1 / distance, 3) if distance else 0.0, None)
    if recording.media is None or not recording.media.is_file():
        return told
    import av

    try:
        with av.open(str(recording.media)) as file:
            video = next(iter(file.streams.video), None)
            rate = video.average_rate if video is not None else None
            length = file.duration / av.time_base if file.duration else told.length
            return MediaFacts(length, float(rate) if rate else told.rate, bool(file.streams.audio))
    except (OSError, ValueError, AufaitError):  # no video for the library: what the table says is left
        return told
