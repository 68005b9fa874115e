"""What is told of a part: shares, rates, means and their intervals."""

from __future__ import annotations

import math

import numpy as np

from aufait.analysis.bootstrap import Bootstrap
from aufait.analysis.summary.part import FaceTime, Part
from aufait.analysis.summary.sums import named

Measures = dict[str, np.ndarray]
"""Name -> (A,) or (rounds, A); NaN where there is nothing to tell. KIND stands for the kind of strength."""


def unit_measures(part: Part) -> Measures:
    """All measures of the action units of a part, each (A,)."""
    seen = named(part.sums)["seen"]
    units = len(seen)
    median = np.full(units, np.nan)
    for unit in np.unique(part.event_unit):
        median[unit] = np.median(part.event_length[part.event_unit == unit])
    counted = {
        "events": np.bincount(part.event_unit, minlength=units).astype(np.float64),
        "events_cut": np.bincount(part.event_unit[part.event_cut], minlength=units).astype(np.float64),
        "event_seconds": part.event_seconds,
    }
    return {
        "valid_seconds": seen,
        **from_sums(part.sums),
        **{name: np.where(seen > 0, values, np.nan) for name, values in counted.items()},
        "event_median_duration": median,
        "KIND_peak": part.peak,
        "KIND_peak_time": part.peak_time,
    }


def intervals(part: Part, bootstrap: Bootstrap) -> tuple[Measures, Measures]:
    """Lower and upper ends of what can be resampled over time; empty where the time is too short."""
    if part.draws is None:
        return {}, {}
    ends = {name: bootstrap.ends(draws) for name, draws in from_sums(part.draws).items()}
    return {name: low for name, (low, _) in ends.items()}, {name: high for name, (_, high) in ends.items()}


def from_sums(sums: np.ndarray) -> Measures:
    """Shares, rates, means.

    Args:
        sums: (..., Q, A); of one stretch of time, or of many draws.
    """
    total = named(sums)
    mean = _ratio(total["strength"], total["graded"])
    return {
        "share_present": _ratio(total["present"], total["seen"]),
        "events_per_minute": _ratio(60 * total["onsets"], total["seen"]),
        "KIND_mean": mean,
        "KIND_sd": np.sqrt(np.maximum(_ratio(total["square"], total["graded"]) - mean**2, 0)),
        "KIND_mean_present": _ratio(total["strength_present"], total["both"]),
        "KIND_mean_corrected": _ratio(total["corrected"], total["corrected_seen"]),
    }


def face_measures(face: FaceTime) -> dict[str, float]:
    """Measures of the whole face."""
    return {
        "seconds": face.seconds,
        "valid_seconds": face.valid,
        "missing_share": _rest(1, face.valid / face.seconds) if face.seconds > 0 else math.nan,
        "missing_no_frame_seconds": _rest(face.seconds, face.with_frame),
        "missing_no_face_seconds": _rest(face.with_frame, face.with_face),
        "missing_low_quality_seconds": _rest(face.with_face, face.valid),
        "frames": face.frames,
        "valid_frames": face.valid_frames,
        "quality_mean": face.quality / face.rated if face.rated > 0 else math.nan,
    }


def _rest(whole: float, part: float) -> float:
    """What is left of a sum, without the last digits of sums in another order."""
    return whole - part if whole - part > 1e-9 * whole else 0.0


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 1e-9)
