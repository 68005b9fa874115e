"""How long each frame of a recording lasts."""

from __future__ import annotations

import numpy as np

EVEN_FRAMES = 1.5
"""A gap longer than this many frame distances is missing time."""

_EPSILON = 1e-6  # seconds; two sums of frame distances may differ in the last digit


def frame_ends(time: np.ndarray, frame_times: np.ndarray, distance: float, even: float) -> np.ndarray:
    """(n,) seconds until which each frame lasts: the time of the next frame of the recording, or the usual distance before a hole.

    Args:
        time: (n,) of the rows asked about.
        frame_times: (F,) of all frames, ascending, each once.
        distance: usual seconds from frame to frame.
        even: a longer distance than this many usual ones is a hole.
    """
    following = np.append(frame_times, frame_times[-1:] + distance)
    place = np.searchsorted(frame_times, time, side="right")
    ends = following[place]
    return np.where(ends - time > even * distance + _EPSILON, time + distance, ends)
