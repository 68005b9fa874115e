"""A person's own weakest to strongest frames of one action unit: good pictures, spread over the values and over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.studio.insight.asked import face_of, number, unit_of

if TYPE_CHECKING:
    from aufait.analysis import ScoreTable

MOST = 24
GOOD_QUALITY = (0.7, 0.5, 0.3)
"""Frames of at least this quality; the next where hardly any frame has it."""

_APART = 0.5  # seconds between two frames at least, where the recording is long enough
_WIDTH = 0.5  # of the distance between two wanted values: frames within it are equally fit
_SEVERAL = 4  # frames per picture that are wanted before a lower quality is taken


def strip(table: ScoreTable, face: int | None, unit: int, count: int = 8) -> dict[str, Any]:
    """The frames, weakest first.

    Args:
        table: of a recording.
        face: None for the one that is seen longest.
        unit: FACS number.
        count: of frames at most.

    Raises:
        StudioError: there is no such face or unit.
    """
    column = unit_of(table, unit)
    rows = table.of_face(face_of(table, face))
    values, kind = rows.strength()
    value = values[:, column].astype(np.float64)
    good = _good_rows(value, rows.quality, count)
    chosen = good[spread(rows.time[good], value[good], rows.quality[good], count)]
    frames = [{"time": round(float(rows.time[row]), 4), "value": number(value[row], 3)} for row in chosen]
    return {"face": int(rows.face_id[0]), "unit": unit, "kind": kind, "frames": frames}


def _good_rows(value: np.ndarray, quality: np.ndarray, count: int) -> np.ndarray:
    """Rows with a value, of the highest quality that enough of them have; all where none has any."""
    known = np.isfinite(value)
    for least in GOOD_QUALITY:
        good = np.flatnonzero(known & ~(quality < least))
        if len(good) >= _SEVERAL * count:
            return good
    return good if len(good) else np.flatnonzero(known)


def spread(time: np.ndarray, value: np.ndarray, quality: np.ndarray, count: int) -> np.ndarray:
    """Positions of frames whose values go evenly from the lowest to the highest, each as far from the others in time as possible.

    Args:
        time: (N,) seconds.
        value: (N,) finite.
        quality: (N,) in [0, 1] or NaN.
        count: of frames at most.

    Returns:
        (<= count,) positions in the order of their values.
    """
    if not len(value):
        return np.zeros(0, np.int64)
    apart = min(_APART, float(np.ptp(time)) / (2 * count))
    wanted = np.linspace(value.min(), value.max(), count)
    reach = max(float(np.ptp(value)) / max(count - 1, 1) * _WIDTH, 1e-9)
    nearest = np.full(len(value), np.inf)  # seconds to the nearest frame that is chosen
    chosen: list[int] = []
    # The ends first: there are fewest frames like them.
    for place in sorted(range(count), key=lambda one: -abs(one - (count - 1) / 2)):
        miss = np.abs(value - wanted[place])
        fit = (miss <= reach) & (nearest > apart) if chosen else miss <= reach / 4
        if not fit.any():
            continue
        merit = np.minimum(nearest, 10 * _APART) / (10 * _APART) + np.nan_to_num(quality) - miss / reach
        row = int(np.where(fit, merit, -np.inf).argmax()) if chosen else int(np.where(fit, np.nan_to_num(quality), -1).argmax())
        chosen.append(row)
        nearest = np.minimum(nearest, np.abs(time - time[row]))
    order = sorted(chosen, key=lambda row: (value[row], time[row]))
    return np.array(order, np.int64)
