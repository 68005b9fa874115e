"""Stored times of frames, made to go forward only.

A file's times may be broken: recordings joined without a new clock start again from an earlier time, damaged ones have single
times that are missing, repeat or make no sense. What is certain is repaired by one rule, the rest is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_LEAP = 10.0  # seconds (or frames, if these are rarer) from which on a step forward is reported
_BACK = 0.5  # seconds (or three frames) from which on a step back is a new clock, not disorder
_RUN_OVER = 3600.0  # seconds forward from which on a clock that runs over has started again
_KEPT = 100  # entries of each list; a file may consist of jumps only


@dataclass(frozen=True)
class Jump:
    """A place where the stored time jumps.

    Attributes:
        frame: number of the frame after it, from 1.
        stored: time of that frame in the file, in seconds.
        shift: seconds added to the stored times from here on.
    """

    frame: int
    stored: float
    shift: float


class FrameTimes:
    """Gives each frame its time, later than that of the frame before.

    - A step back of half a second or more, after which time continues, joins two recordings: what follows is shifted so that it
      comes one frame after what was before.
    - A single time that is absent, repeats or does not fit between its neighbours is put between them and counted.
    - A step forward is kept, however large; but where clocks are known to run over (transport and program streams, every 26.5
      hours), a step of more than an hour joins two recordings too: FFmpeg takes a step back for a clock that ran over.

    Args:
        step: seconds from frame to frame where nothing better is known.
        runs_over: whether the container's clock does.

    Attributes:
        joints: places where the clock starts again, and what is added from there on.
        leaps: steps forward of ten seconds or more.
        estimated: numbers of the first frames, from 1, whose time is a guess.
        estimates: how many these are.
        untimed: how many of these have no stored time at all.
        frames: frames so far.
        shifts: everything that was ever added to stored times, in order; 0 first.
    """

    def __init__(self, step: float, *, runs_over: bool = False) -> None:
        self.step, self._runs_over = step, runs_over
        self.joints: list[Jump] = []
        self.leaps: list[Jump] = []
        self.estimated: list[int] = []
        self.estimates = self.untimed = self.frames = self.joined = 0
        self.shifts: list[float] = [0.0]
        self._before: float | None = None

    def __call__(self, stored: float | None, following: float | None) -> float:
        """Time of the next frame in seconds.

        Args:
            stored: its time in the file, None if it has none.
            following: the same of the frame after it, None if that has none or there is none.
        """
        self.frames += 1
        self._before = self._time(stored, following)
        return self._before

    @property
    def is_counted(self) -> bool:
        """No frame had a stored time: all were counted at the nominal rate."""
        return self.frames > 0 and self.untimed == self.frames

    @property
    def facts(self) -> dict[str, Any]:
        """What was found, for the record of a run; empty where every time was good."""
        facts: dict[str, Any] = {}
        if self.joints:
            facts["joints"] = [[jump.frame, jump.stored, jump.shift] for jump in self.joints]
        if self.leaps:
            facts["leaps"] = [[jump.frame, jump.stored, jump.shift] for jump in self.leaps]
        if self.estimates:
            facts["estimated"] = self.estimates
            facts["first_estimated"] = self.estimated
        return facts

    def _time(self, stored: float | None, following: float | None) -> float:
        before, shift = self._before, self.shifts[-1]
        after = None if following is None else following + shift
        if before is None:
            if stored is not None:
                return stored
            return self._guess(0.0 if after is None else after - self.step, untimed=True)
        leap = max(_LEAP, _LEAP * self.step)
        fits = after is not None and before < after <= before + leap  # the frame after this one continues from it
        between = (before + after) / 2 if fits and after is not None else before + self.step
        if stored is None:
            return self._guess(between, untimed=True)
        time = stored + shift
        goes_on = following is not None and stored < following <= stored + leap
        if self._runs_over and goes_on and time > before + _RUN_OVER:
            return self._join(stored, before + self.step)
        if time > before and not (fits and after is not None and time > after + leap):
            if time > before + leap and len(self.leaps) < _KEPT:
                self.leaps.append(Jump(self.frames, stored, shift))
            return time
        if fits:
            return self._guess(between)
        if goes_on and before - time >= max(_BACK, 3 * self.step):
            return self._join(stored, before + self.step)
        return self._guess(before + self.step / 4)  # less than a frame, so that the stored times catch up

    def _join(self, stored: float, time: float) -> float:
        self.joined += 1
        self.shifts.append(time - stored)
        if len(self.joints) < _KEPT:
            self.joints.append(Jump(self.frames, stored, time - stored))
        return time

    def _guess(self, time: float, *, untimed: bool = False) -> float:
        self.estimates += 1
        self.untimed += untimed
        if len(self.estimated) < _KEPT:
            self.estimated.append(self.frames)
        return time
