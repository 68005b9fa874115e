"""Tables of one face at 25 frames per second whose AU12 is known, and a reader of what was written."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

RATE = 25

_HEADER = "frame,face_id,timestamp,confidence,success,presentation_time,quality,AU12_p,AU12_r,AU12_c,source\n"


def smile(before: int, during: int, after: int, strength: float = 3.0) -> np.ndarray:
    """Intensities of AU12: so many frames absent, present, absent."""
    return np.concatenate([np.zeros(before), np.full(during, strength), np.zeros(after)])


def write_table(path: Path, intensity: np.ndarray) -> Path:
    """Write a table as ``aufait detect`` does, with fewer columns."""
    lines = [
        f"{place + 1},0,{place / RATE:.3f},1.0,1,{place / RATE!r},1.0,"
        f"{min(level / 3, 1):.3f},{level:.2f},{int(level >= 1.5)},v.mp4\n"
        for place, level in enumerate(intensity.tolist())
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_HEADER + "".join(lines))
    return path


def damaged_table(path: Path) -> Path:
    """Write a table with a word where a number should be."""
    path.write_text(_HEADER + "1,0,0.0,1.0,1,0.0,1.0,oops,1,1,v.mp4\n")
    return path


def cells(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV by the names of its columns."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
