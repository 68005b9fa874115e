"""Where a long video is cut into pieces that can be read one without the other, and what is read of each.

The places follow from the video alone, not from how many processes share it: every ``PieceRule.frames`` frames. A piece is read
from a little before its own first frame, so that whoever follows faces through it has found them by then. Packets are counted
without decoding; a piece then begins at the key frame before, and what is decoded must have the very times that were counted.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av.error
import numpy as np

from aufait.errors import AufaitError
from aufait.media.containers import open_container
from aufait.media.frame_times import FrameTimes
from aufait.media.missing_end import missing_bytes
from aufait.media.video import VideoFrame, VideoReader, video_stream

_SEARCHED = {"mov,mp4,m4a,3gp,3g2,mj2": "dts", "matroska,webm": "pts"}
"""Containers whose index names every key frame -> by which of its times it is searched for."""

_FILTER_FRAMES = 4  # before the first that is used: deinterlacing looks at the frames around each


class InexactSearch(AufaitError):
    """What was read from the middle of a video is not what its beginning promised."""


@dataclass(frozen=True)
class PieceRule:
    """Where videos are cut.

    Attributes:
        frames: of a piece; the last one has half to one and a half times as many.
        warm_frames, warm_seconds: how long before its own first frame a piece is read at least, both.
    """

    frames: int = 3000
    warm_frames: int = 60
    warm_seconds: float = 2.0


PIECE_RULE = PieceRule()


@dataclass(frozen=True)
class Piece:
    """Frames of a video, numbered from 0.

    Attributes:
        number: of the piece, from 0.
        warm: the first frame that is followed.
        first: the first of its own.
        tail: the first that the next piece follows too; ``end`` for the last piece.
        end: the one after its last.
        last: whether the video ends with it.
        begin: the frame with which reading begins, at or before ``warm``.
        begin_time: its stored time, in units of the stream; None to read from the beginning.
        search: what to search for in the file: the key frame at or before it.
        detour: frames from there to ``begin``, which are decoded for nothing.
        times: checksum of the times from ``warm`` to ``end``.
    """

    number: int
    warm: int
    first: int
    tail: int
    end: int
    last: bool
    begin: int
    begin_time: int | None
    search: int
    detour: int
    times: int


@dataclass(frozen=True, eq=False)
class _Packets:
    """What the packets of a stream say: (N,) presentation times in order, in units and in seconds; of key frames also what to
    search for; and how many packets there are, also of frames that are not shown."""

    stored: np.ndarray
    seconds: np.ndarray
    keys: np.ndarray
    searched: np.ndarray
    count: int


def pieces_of(path: Path, stream: int | None = None, rule: PieceRule = PIECE_RULE) -> tuple[tuple[Piece, ...], str]:
    """The pieces of a video; none of one that is too short for two.

    Returns:
        The pieces, and why a video has none that could be long enough; empty otherwise.

    Raises:
        InputError: it cannot be opened, or has no such stream.
    """
    with open_container(path) as container:
        if container.format.name not in _SEARCHED:
            return (), f"frames in the middle of a file of this kind ({container.format.name}) are not found exactly"
        chosen = video_stream(container, path, stream)
        found = _packets(container, chosen, _SEARCHED[container.format.name])
        if isinstance(found, str):
            return (), found
        promised, step = chosen.frames, 1.0 / float(chosen.average_rate or chosen.guessed_rate or 25)
    if len(found.stored) < 1.5 * rule.frames:
        return (), ""
    if (promised and found.count < 0.98 * promised - 2) or missing_bytes(path):
        return (), "the file is cut off"
    times = FrameTimes(step)
    for time, following in zip(found.seconds.tolist(), [*found.seconds[1:].tolist(), None], strict=True):
        times(time, following)
    if times.facts:
        return (), "its times jump"
    pieces = _cut(found, rule)
    if any(piece.detour > rule.frames for piece in pieces):
        return (), "it has too few key frames at which reading could begin"
    return pieces, ""


def _packets(container: Any, stream: Any, searched: str) -> _Packets | str:
    """What the packets say, or why nothing can be relied on."""
    stored, keys, count = [], [], 0
    try:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            count += 1
            if packet.is_corrupt:
                return "the file is damaged"
            if packet.pts is None:
                return "not every frame has a time of its own"
            if packet.is_keyframe:
                at = getattr(packet, searched)
                keys.append((packet.pts, packet.pts if at is None else at))
            if not packet.is_discard:  # which is decoded for others, but not shown
                stored.append(packet.pts)
    except (av.error.FFmpegError, ValueError):
        return "the file is damaged"
    times = np.unique(np.array(stored, np.int64))
    if len(times) < len(stored):
        return "not every frame has a time of its own"
    if not keys:
        return "it has no key frame at which reading could begin"
    unit = stream.time_base
    seconds = np.array([float(pts * unit) for pts in times.tolist()])
    at = np.array(sorted(keys), np.int64)
    return _Packets(times, seconds, at[:, 0], at[:, 1], count)


def _cut(found: _Packets, rule: PieceRule) -> tuple[Piece, ...]:
    total = len(found.stored)
    count = max(1, round(total / rule.frames))
    firsts = [rule.frames * number for number in range(count)]
    warm = [_warm(found.seconds, first, rule) for first in firsts]
    ends = [*firsts[1:], total]
    pieces = []
    for number, (first, end) in enumerate(zip(firsts, ends, strict=True)):
        begin = max(0, warm[number] - _FILTER_FRAMES)
        key = int(np.searchsorted(found.keys, found.stored[begin], side="right")) - 1
        last = number == count - 1
        pieces.append(Piece(
            number, warm[number], first, end if last else warm[number + 1], end, last, begin,
            int(found.stored[begin]) if key > 0 else None, int(found.searched[max(key, 0)]),
            begin - int(np.searchsorted(found.stored, found.keys[max(key, 0)])), checksum(found.seconds[warm[number] : end]),
        ))  # fmt: skip
    return tuple(pieces)


def _warm(seconds: np.ndarray, first: int, rule: PieceRule) -> int:
    if first == 0:
        return 0
    early = int(np.searchsorted(seconds, seconds[first] - rule.warm_seconds, side="right")) - 1
    return max(0, first - rule.frames, min(first - rule.warm_frames, early))


def checksum(seconds: Sequence[float] | np.ndarray) -> int:
    """Of times, bit by bit."""
    return zlib.crc32(np.asarray(seconds, np.float64).tobytes())


class PieceReader:
    """The frames of a piece, from ``warm`` on, with the numbers and times that they have in the whole video.

    Args:
        path, stream: as of ``VideoReader``.
        piece: which.
        ahead: frames to read beyond its end, as far as there are some.

    Attributes:
        reader: what reads the file.
        info: see ``VideoInfo``.

    Raises:
        InexactSearch: while frames are taken: others came, or other times, than were counted, or damaged ones.
    """

    live = False

    def __init__(self, path: Path, stream: int | None, piece: Piece, ahead: int = 0) -> None:
        self._piece, self._ahead = piece, ahead
        self.reader = VideoReader(path, stream=stream)
        self.info = self.reader.info

    def __enter__(self) -> PieceReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()

    def __iter__(self) -> Iterator[VideoFrame]:
        piece, times = self._piece, []
        if piece.begin_time is not None:
            self.reader.begin_at(piece.begin, piece.begin_time, piece.search)
        for frame in self.reader:
            if frame.index >= piece.end + self._ahead:
                break
            if frame.index >= piece.warm:
                if frame.corrupt:
                    raise InexactSearch(f"{self.reader.path}: frame {frame.index + 1} is damaged")
                if frame.index < piece.end:
                    times.append(frame.timestamp)
                if frame.index == piece.end - 1:
                    self._check(times)
                yield frame
        if len(times) < piece.end - piece.warm:
            self._check(times)

    def _check(self, times: Sequence[float]) -> None:
        if checksum(times) != self._piece.times:
            raise InexactSearch(f"{self.reader.path}: the frames in its middle are not found by its index")
