"""A chain of FFmpeg's filters for single frames: one frame out for each frame in."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av.error
import av.filter

_CLOCK = Fraction(1, 1000)  # frames are numbered, not timed: what a filter makes of their times does not matter

Step = tuple[str, dict[str, str]]
"""A filter's name and its options."""


class FilterError(Exception):
    """This chain is not available: a filter is not part of this FFmpeg, or does not take such frames."""


def kind_of_frame(frame: Any) -> tuple[Any, ...]:
    """What a chain is made for: frames that differ in it need another chain."""
    return frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range


class FrameFilter:
    """Frames through a chain of filters. Beside each frame travels a label that comes out with it.

    Args:
        steps: the filters, each of which gives one frame for one.
        first: a frame as all others will be, see ``kind_of_frame``.

    Raises:
        FilterError: the chain is not available.
    """

    def __init__(self, steps: Sequence[Step], first: Any) -> None:
        missing = [name for name, _ in steps if name not in av.filter.filters_available]
        if missing:
            raise FilterError(f"this FFmpeg has no filter {missing[0]}")
        self._labels: list[Any] = []
        self._pushed = 0
        try:
            self._graph = av.filter.Graph()
            self._source = self._graph.add("buffer", **_description(first))
            self._sink = self._graph.add("buffersink")
            middle = [self._graph.add(name, **options) for name, options in steps]
            nodes = [self._source, *middle, self._sink]
            for node, following in zip(nodes, nodes[1:], strict=False):
                node.link_to(following)
            self._graph.configure()
        except (av.error.FFmpegError, ValueError) as error:
            raise FilterError(str(getattr(error, "strerror", None) or error)) from error

    def push(self, frame: Any, label: Any = None) -> list[tuple[Any, Any]]:
        """Take in a frame; return those that are ready, with their labels. A filter that looks ahead gives them later.

        Raises:
            FilterError: the chain gave up.
        """
        frame.pts, frame.time_base = self._pushed, _CLOCK
        self._pushed += 1
        self._labels.append(label)
        try:
            self._source.push(frame)
        except (av.error.FFmpegError, ValueError) as error:
            raise FilterError(str(error)) from error
        return self._ready()

    def finish(self) -> list[tuple[Any, Any]]:
        """End the chain and return the frames that were still in it."""
        try:
            self._source.push(None)
        except av.error.FFmpegError as error:
            raise FilterError(str(error)) from error
        return self._ready()

    def _ready(self) -> list[tuple[Any, Any]]:
        frames = []
        while self._labels:
            try:
                frame = self._sink.pull()
            except (BlockingIOError, av.error.EOFError):
                break
            except av.error.FFmpegError as error:
                raise FilterError(str(error)) from error
            frames.append((frame, self._labels.pop(0)))
        return frames


def _description(frame: Any) -> dict[str, str]:
    options = {
        "video_size": f"{frame.width}x{frame.height}",
        "pix_fmt": frame.format.name,
        "time_base": f"{_CLOCK.numerator}/{_CLOCK.denominator}",
    }
    if av.library_versions["libavfilter"] >= (10,):  # before, the frames themselves said it
        options |= {"colorspace": str(int(frame.colorspace)), "range": str(int(frame.color_range))}
    return options
