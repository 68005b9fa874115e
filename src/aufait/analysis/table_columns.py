"""A ``ScoreTable`` as columns of a data frame, and as a card in a notebook."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from aufait.views.cards import bar_table, summary_card
from aufait.views.score_columns import ScoreColumns

if TYPE_CHECKING:
    from aufait.analysis.score_table import ScoreTable

_WHOLE = ("intensity", "occurrence", "probability")
_SIDED = ("intensity_left", "intensity_right", "probability_left", "probability_right")


def columns_of_table(table: ScoreTable) -> ScoreColumns:
    """Columns with the names of ``docs/output.md``; the name of the recording stands left in each row."""
    found = table.found
    index = {
        "recording": np.full(len(table), table.name, object),
        "frame": table.frame,
        "timestamp": table.time,
        "face_id": np.ma.MaskedArray(np.where(found, table.face_id, 0), ~found),
        "success": found,
        "confidence": table.confidence,
        "quality": table.quality,
        **table.others,
    }
    given = [name for name in _WHOLE if np.isfinite(getattr(table, name)).any()] or _WHOLE
    sides = [name for name in _SIDED if getattr(table, name) is not None]
    return ScoreColumns(index, table.action_units, {name: getattr(table, name) for name in (*given, *sides)})


def card_of_table(table: ScoreTable) -> str:
    """HTML: whose table it is, how long, how many faces, and each action unit's mean."""
    times = table.frame_times
    length = f"{times[0]:.2f} to {times[-1]:.2f} s" if len(times) else "empty"
    facts = [
        ("tool", table.tool),
        ("time", length),
        ("frames", f"{len(times)}"),
        ("frames with a face", f"{len(np.unique(table.time[table.found]))}"),
        ("numbers of the faces", ", ".join(map(str, table.faces)) or "none"),
    ]
    scores, kind = table.strength()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of an action unit without a single value the mean is NaN
        means = np.nanmean(scores[table.found], axis=0, dtype=float)
    top = 5.0 if kind == "intensity" else 1.0
    bars = bar_table(table.action_units, np.clip(means / top, 0, 1), f"mean {kind} of the faces, in % of the scale's end, {top:g}")
    return summary_card(table.name, facts, bars=bars if table.found.any() else "")
