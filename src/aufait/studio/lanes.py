"""Curves of one face, thinned out to as many points as a screen shows: mean, least and most of each stretch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aufait.studio.arrays import Arrays, FaceRows
from aufait.studio.number_text import NOT_KNOWN, number_list, score_list


@dataclass(frozen=True, eq=False)
class Lanes:
    """P points of U action units.

    Attributes:
        time: (P,) seconds.
        step: seconds from point to point.
        mean, low, high: (U, P) of the scores in each point's stretch, NaN where the face is not there.
        probability: (U, P) mean.
        quality: (P,) mean.
        known: (P,) share of the frames in which the face is there.
    """

    time: np.ndarray
    step: float
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    probability: np.ndarray
    quality: np.ndarray
    known: np.ndarray


def make_lanes(arrays: Arrays, face: FaceRows, units: Sequence[int], start: float, end: float, points: int) -> Lanes:
    """Curves between two times.

    Args:
        units: U positions of action units in the arrays.
        points: at most so many.
    """
    times = arrays.time[face.start : face.stop]
    first, last = face.start + int(np.searchsorted(times, start)), face.start + int(np.searchsorted(times, end, "right"))
    frames = arrays.frame_times[np.searchsorted(arrays.frame_times, start) : np.searchsorted(arrays.frame_times, end, "right")]
    kind = "intensity" if arrays.has_intensity else "probability"
    rows = slice(first, last)
    scores = _some(arrays.scores[kind], units, rows)
    probability = scores if kind == "probability" else _some(arrays.scores["probability"], units, rows)
    quality = np.asarray(arrays.quality[rows])
    if len(frames) <= points:
        return _each(frames, np.asarray(arrays.time[rows]), scores, probability, quality, arrays.frame_distance)
    return _binned(frames, np.asarray(arrays.time[rows]), scores, probability, quality, (start, end, points))


def _some(scores: np.ndarray, units: Sequence[int], rows: slice) -> np.ndarray:
    return np.stack([scores[unit, rows] for unit in units]) if len(units) else np.empty((0, rows.stop - rows.start), np.float32)


def _each(
    frames: np.ndarray, times: np.ndarray, scores: np.ndarray, probability: np.ndarray, quality: np.ndarray, step: float
) -> Lanes:
    """A point for every frame."""
    places = np.searchsorted(frames, times)

    def spread(values: np.ndarray) -> np.ndarray:
        out = np.full((*values.shape[:-1], len(frames)), np.nan, np.float32)
        out[..., places] = values
        return out

    mean = spread(scores)
    known = np.zeros(len(frames), np.float32)
    known[places] = 1.0
    return Lanes(np.asarray(frames), step, mean, mean, mean, spread(probability), spread(quality), known)


def _binned(
    frames: np.ndarray, times: np.ndarray, scores: np.ndarray, probability: np.ndarray, quality: np.ndarray,
    window: tuple[float, float, int],
) -> Lanes:  # fmt: skip
    """Equal stretches, which begin at multiples of their length, so that they do not change while a window is moved."""
    start, end, points = window
    step = (end - start) / points
    first = int(np.floor(start / step))
    count = int(np.floor(end / step)) - first + 1
    bins = np.floor(times / step).astype(np.int64) - first
    begins = np.flatnonzero(np.diff(bins, prepend=-1))
    filled = bins[begins]

    def put(values: np.ndarray) -> np.ndarray:
        out = np.full((*values.shape[:-1], count), np.nan, np.float32)
        out[..., filled] = values
        return out

    sizes = np.bincount(np.floor(frames / step).astype(np.int64) - first, minlength=count)[:count]
    own = np.bincount(bins, minlength=count)[:count] if len(bins) else np.zeros(count)
    known = np.divide(own, sizes, out=np.zeros(count), where=sizes > 0)
    return Lanes(
        (np.arange(count) + first + 0.5) * step, step,
        put(_mean(scores, begins)), put(_extreme(np.fmin, scores, begins)), put(_extreme(np.fmax, scores, begins)),
        put(_mean(probability, begins)), put(_mean(quality, begins)), known,
    )  # fmt: skip


def _mean(values: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Mean of each stretch of the last axis, of what is known of it."""
    if not len(begins):
        return np.empty((*values.shape[:-1], 0), np.float32)
    known = np.isfinite(values)
    if known.all():
        return np.add.reduceat(values, begins, axis=-1) / np.diff(begins, append=values.shape[-1])
    count = np.add.reduceat(known, begins, axis=-1, dtype=np.float32)
    total = np.add.reduceat(np.where(known, values, 0), begins, axis=-1)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _extreme(function: np.ufunc, values: np.ndarray, begins: np.ndarray) -> np.ndarray:
    return function.reduceat(values, begins, axis=-1) if len(begins) else np.empty((*values.shape[:-1], 0), np.float32)


def lanes_json(arrays: Arrays, face: int, units: Sequence[int], window: tuple[float, float], lanes: Lanes) -> str:
    """The answer of the API. ``units`` are FACS numbers, in the order of the rows of ``lanes``."""
    parts = []
    for place, unit in enumerate(units):
        own = {"mean": lanes.mean, "min": lanes.low, "max": lanes.high, "probability": lanes.probability}
        texts = [f'"{name}":{score_list(values[place])}' for name, values in own.items()]
        parts.append(f'"{unit}":{{{",".join(texts)},"low":{NOT_KNOWN},"high":{NOT_KNOWN}}}')
    kind = "intensity" if arrays.has_intensity else "probability"
    head = f'"face":{face},"kind":"{kind}","start":{window[0]:.6f},"end":{window[1]:.6f},"step":{lanes.step:.6f}'
    rows = f'"time":{number_list(lanes.time, 4)},"quality":{score_list(lanes.quality)},"known":{score_list(lanes.known)}'
    return f'{{{head},{rows},"units":{{{",".join(parts)}}}}}'
