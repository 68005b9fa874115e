"""A folder of numbered frames, read as one video: what programs leave that take a video apart.

The frames follow each other in the natural order of their names, and frame k, counted from 0, is shown at k / rate seconds. A
picture that cannot be read keeps its place, black and marked as damaged: were it left out, all later frames would be too early.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from aufait.errors import InputError, InputWarning
from aufait.media.images import read_picture
from aufait.media.sources import IMAGE_EXTENSIONS, Source, expand_inputs
from aufait.media.video import VideoFrame, VideoInfo

OPENFACE_RATE = 30.0
"""Frames per second where nobody says; OpenFace writes the video of a folder of frames at this rate."""

_NAMED = 3  # frames that cannot be read; more are only counted
_LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")


def frame_sequence(folder: str | os.PathLike[str], frame_rate: float) -> Source:
    """A folder of frames as a source of the kind of a video.

    Args:
        folder: its pictures are the frames, in natural order (``frame2`` before ``frame10``).
        frame_rate: frames per second, more than 0.

    Raises:
        InputError: not a folder, no picture in it, or a frame rate that is none.
    """
    if not (np.isfinite(frame_rate) and 0 < frame_rate <= 10_000):
        raise InputError(f"the frame rate must be more than 0 frames per second, got {frame_rate:g}; give it with --fps 25")
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise InputError(f"{folder} is not a folder; a sequence is a folder of numbered pictures, one per frame")
    place = place if place.name else place.resolve()  # results are named after it
    frames, others = _frames_of(expand_inputs([place]))
    if not frames:
        raise InputError(f"{folder} holds no picture; a sequence is a folder of numbered pictures, one per frame")
    if others:
        what = f"{others[0].path} is" if len(others) == 1 else f"{others[0].path} and {len(others) - 1} more are"
        warnings.warn(f"{what} no picture, and not part of the sequence {folder}", InputWarning, stacklevel=2)
    return Source("video", place, frames=tuple(frames), frame_rate=float(frame_rate))


def _frames_of(sources: Sequence[Source]) -> tuple[list[Path], list[Source]]:
    """The frames, also those that cannot be read, and what else is there."""
    frames: list[Path] = []
    others: list[Source] = []
    for source in sources:
        path = source.path
        if isinstance(path, Path) and (source.kind == "image" or path.suffix.lower() in IMAGE_EXTENSIONS):
            frames.append(path)
        else:
            others.append(source)
    return frames, others


def is_numbered(folder: str | os.PathLike[str]) -> bool:
    """Whether the pictures of a folder are two or more and their names differ in their last number alone.

    Raises:
        InputError: the folder is missing or holds nothing that can be read.
    """
    frames, _ = _frames_of(expand_inputs([folder]))
    patterns = {_LAST_NUMBER.sub("#", path.stem.casefold()) for path in frames}
    return len(frames) > 1 and len(patterns) == 1 and "#" in patterns.pop()


class FrameFolder:
    """Frames in files of their own; takes the place of ``VideoReader``, with the same attributes.

    Args:
        frames: the files in their order.
        frame_rate: frames per second.

    Raises:
        InputError: none of them can be read.
    """

    live = False

    def __init__(self, frames: Sequence[Path], frame_rate: float) -> None:
        self._frames = tuple(frames)
        self.frames = 0
        self.corrupt = 0
        self.error: str | None = None
        self.notes: list[str] = [] if (note := _jump(self._frames)) is None else [note]
        self.doubts: list[str] = []
        count = len(self._frames)
        self._sizes: set[tuple[int, int]] = set()
        self.info = VideoInfo(
            size=self._first_size(),
            frame_rate=frame_rate,
            duration=count / frame_rate,
            frame_count=count,
            rotation=0,
            codec=self._frames[0].suffix.lstrip(".").lower(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[VideoFrame]:
        rate = self.info.frame_rate or OPENFACE_RATE
        for index, path in enumerate(self._frames):
            yield self._read(index, path, index / rate)
            self.frames += 1

    def _read(self, index: int, path: Path, time: float) -> VideoFrame:
        try:
            picture = read_picture(path)
        except InputError as error:
            self.corrupt += 1
            if self.corrupt <= _NAMED:
                self.doubts.append(f"frame {index + 1} is given as black, because it cannot be read: {error}")
            width, height = self.info.size
            return VideoFrame(index, time, np.zeros((height, width, 3), np.uint8), corrupt=True)
        self._note(path, picture.image, picture.notes)
        return VideoFrame(index, time, picture.image)

    def _note(self, path: Path, image: np.ndarray, notes: Sequence[str]) -> None:
        size = (image.shape[1], image.shape[0])
        if size != self.info.size and not self._sizes:
            first = "x".join(map(str, self.info.size))
            self.notes.append(f"{path.name} has {size[0]}x{size[1]} pixels, frames before it {first}; others may differ too")
            self._sizes.add(size)
        if notes and not any(note in self.notes for note in notes):
            self.notes += notes

    def _first_size(self) -> tuple[int, int]:
        """Width and height of the first frame that can be read."""
        problem: InputError | None = None
        for path in self._frames:
            try:
                image = read_picture(path).image
            except InputError as error:
                problem = problem or error
                continue
            return image.shape[1], image.shape[0]
        raise problem or InputError("a sequence without frames; name a folder of numbered pictures")

    @property
    def facts(self) -> dict[str, Any]:
        """For the record: how the times came about."""
        return {"sequence": {"frames": len(self._frames), "frame_rate": self.info.frame_rate}}

    def close(self) -> None:
        """Nothing is held open between two frames."""


def _jump(frames: Sequence[Path]) -> str | None:
    """What should be known about numbers that do not go up evenly, or None."""
    found = [_LAST_NUMBER.search(path.stem) for path in frames]
    if not all(found):
        return None
    numbers = [int(match[1]) for match in found if match]
    steps = [after - before for before, after in pairwise(numbers)]
    usual = min(steps, default=1)
    odd = next((place for place, step in enumerate(steps) if step != usual), None)
    if odd is None and usual > 0:
        return None
    odd = odd or 0
    where = f"{frames[odd].name} is followed by {frames[odd + 1].name}"
    return f"the frames are not numbered evenly ({where}); their times are as if none was missing"
