"""Interlaced frames: two half pictures of different moments, line by line, become one picture of one moment.

FFmpeg's ``bwdif`` does it (the BBC's three-field filter where something moves, the other field's own lines where nothing does):
one frame out for each frame in, showing the moment of its first field. Frames that are not marked as interlaced are left unchanged.
"""

from __future__ import annotations

from typing import Any

from aufait.media.frame_filter import FilterError, FrameFilter, kind_of_frame

METHOD = "bwdif"


class Deinterlacer:
    """Lets frames pass until the first interlaced one; from there on they come one frame late.

    Attributes:
        used: interlaced frames were found.
        problem: None, or why they were left as they are.
    """

    def __init__(self) -> None:
        self.used = False
        self.problem: str | None = None
        self._filter: FrameFilter | None = None
        self._kind: tuple[Any, ...] = ()

    def push(self, frame: Any, label: Any) -> list[tuple[Any, Any]]:
        """Take in a frame; return those that are ready, with the labels that they came with."""
        before = self._end() if self._filter is not None and kind_of_frame(frame) != self._kind else []
        if self._filter is None and (not frame.interlaced_frame or self.problem):
            return [*before, (frame, label)]
        self.used = True
        try:
            if self._filter is None:
                options = {"mode": "send_frame", "parity": "auto", "deint": "interlaced"}
                self._filter, self._kind = FrameFilter([(METHOD, options)], frame), kind_of_frame(frame)
            return before + self._filter.push(frame, label)
        except FilterError as error:
            self.problem, self._filter = str(error), None
            return [*before, (frame, label)]

    def finish(self) -> list[tuple[Any, Any]]:
        """The frames that are still waiting."""
        return self._end() if self._filter is not None else []

    def _end(self) -> list[tuple[Any, Any]]:
        ended, self._filter = self._filter, None
        try:
            return [] if ended is None else ended.finish()
        except FilterError as error:
            self.problem = str(error)
            return []
