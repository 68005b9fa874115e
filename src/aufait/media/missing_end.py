"""Files that were cut off: containers that say how long they are and are shorter.

Matroska, WebM, AVI and the MP4 family state the length of their outer blocks. FFmpeg reads a cut one to its end silently.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_SLACK = 1024  # bytes by which old programs miscount
_MAX_BLOCKS = 1000
_SEGMENT = 0x18538067
_MP4_BLOCKS = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"sidx", b"styp", b"uuid", b"meta", b"mfra", b"pnot"}


def missing_bytes(path: Path) -> int:
    """How many bytes are missing from a video file, by its own account; 0 where it is complete or does not say.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        file.seek(0)
        if start[:4] == b"\x1a\x45\xdf\xa3":
            end = _end_of_matroska(file, size)
        elif start[:4] == b"RIFF" and start[8:] in (b"AVI ", b"AVIX"):
            end = _end_of_blocks(file, size, riff=True)
        elif start[4:8] in _MP4_BLOCKS:
            end = _end_of_blocks(file, size, riff=False)
        else:
            return 0
    missing = end - size
    return missing if missing > _SLACK else 0


def _end_of_matroska(file: BinaryIO, file_size: int) -> int:
    """Where the segment after the header ends; 0 where it does not say, as in live recordings."""
    for _ in range(_MAX_BLOCKS):
        kind, size = _number(file, keep_marker=True), _number(file)
        if kind is None or size is None:
            return 0
        end = file.tell() + size
        if kind == _SEGMENT or end > file_size:
            return end
        file.seek(end)
    return 0


def _number(file: BinaryIO, *, keep_marker: bool = False) -> int | None:
    """A number of variable length; None at the end of the file, or for "unknown"."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    rest = file.read(more)
    if len(rest) < more:
        return None
    value = int.from_bytes(first + rest, "big")
    if keep_marker:
        return value
    mask = (1 << 7 * (more + 1)) - 1
    return None if value & mask == mask else value & mask


def _end_of_blocks(file: BinaryIO, file_size: int, *, riff: bool) -> int:
    """Where the last outer block ends that begins in the file."""
    place = 0
    for _ in range(_MAX_BLOCKS):
        if place >= file_size:  # perhaps farther than files can be
            return place
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return place
        if riff:
            if head[:4] != b"RIFF":  # what follows is not part of the video
                return place
            size = int.from_bytes(head[4:8], "little")
            if size in (0, 0xFFFFFFFF):  # never finished by its writer
                return 0
            place += 8 + size + size % 2
            continue
        if head[4:8] not in _MP4_BLOCKS:
            return place
        size = int.from_bytes(head[:4], "big")
        size = int.from_bytes(head[8:16], "big") if size == 1 else size
        if size < 8:  # up to the end
            return 0
        place += size
    return 0
