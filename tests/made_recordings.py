"""Tables and events whose names, faces and values ask much of a file format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas

from aufait.analysis import Event, ScoreTable

UNITS = (1, 12, 43)
NASTY = 'Zoë; "A,B"\n=1+1\t| x'


def score_table(name: str, frames: int = 90, rate: float = 30.0, faces: tuple[int, ...] = (0, 1), **given: object) -> ScoreTable:
    """Frames with a row per face; frames 10 to 19 show nobody, face 1 has no intensities."""
    generator = np.random.default_rng(7)
    rows = [(number, face) for number in range(frames) for face in ((-1,) if 10 <= number < 20 else faces)]
    number, face = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    shape = (len(rows), len(UNITS))
    probability = np.round(generator.random(shape), 4).astype(np.float32)
    intensity = np.round(5 * generator.random(shape), 2).astype(np.float32)
    sides = {f"{score}_{side}": values * np.float32(0.5) for side in ("left", "right")
             for score, values in (("probability", probability), ("intensity", intensity))}  # fmt: skip
    arrays = {"probability": probability, "intensity": intensity, "occurrence": (probability >= 0.5).astype(np.float32), **sides}
    for values in arrays.values():
        values[face < 0] = np.nan
    arrays["intensity"][face == 1] = np.nan
    arrays["intensity_left"][:, 2] = np.nan
    seen = np.where(face < 0, np.nan, 0.75).astype(np.float32)
    times = number / rate if "time" not in given else np.asarray(given.pop("time"))[number]
    return ScoreTable.made_of(name, UNITS, times, face, frame=number + 1, confidence=seen, quality=seen, **arrays, **given)  # type: ignore[arg-type]


def event(label: str, onset: float, offset: float, face: int = 0, **given: object) -> Event:
    """An event that is strongest in its middle."""
    values: dict[str, object] = {"peak": 2.5, "mean": 2.0, "face_id": face, "recording": "clip"} | given
    return Event(label=label, onset=onset, apex=(onset + offset) / 2, offset=offset, **values)  # type: ignore[arg-type]


EVENTS = (
    event("AU12", 0.1, 0.7345, peak=4.6),
    event("AU12", 0.7345, 1.0),  # begins when the other ends
    event("AU12", 0.8, 1.2, peak=1.6),  # overlaps it
    event("AU12 left", 0.2, 0.5, face=1, peak=0.93, kind="probability"),
    event("AU1", 0.0, 0.04, face=1, peak=float("nan"), mean=float("nan")),
    event('6 & 12 | "x", <b>ü</b>\n\x07', 1.5, 2.5, face=-1, peak=5.0),
)

_SUFFIXES = {
    "probability": "p", "intensity": "r", "occurrence": "c", "probability_left": "left_p", "probability_right": "right_p",
    "intensity_left": "left_r", "intensity_right": "right_r",
}  # fmt: skip


def csv_of(table: ScoreTable, path: Path, source: str) -> Path:
    """The table as ``aufait detect`` writes it, as far as it is read."""
    columns = {"frame": table.frame, "face_id": table.face_id, "presentation_time": table.time, "confidence": table.confidence}
    columns |= {"success": table.found.astype(int), "quality": table.quality, "source": [source] * len(table)}
    for name, suffix in _SUFFIXES.items():
        for place, unit in enumerate(table.action_units):
            columns[f"AU{unit:02d}_{suffix}"] = getattr(table, name)[:, place]
    pandas.DataFrame(columns).to_csv(path, index=False)
    return path
