"""Results of a detector as a ``ScoreTable``: from the pictures in memory to everything that reads tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

import numpy as np

from aufait.analysis.score_table import NO_FACE, PER_UNIT, ScoreTable
from aufait.errors import InputError
from aufait.results import FrameAnalysis
from aufait.views.face_columns import columns_of_frames

_OTHERS = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz", "box_x0", "box_y0", "box_x1", "box_y1")


def table_of(frames: Iterable[FrameAnalysis], name: str | None = None) -> ScoreTable:
    """The table of one video, or of several pictures, as ``read_table`` would read it from a file of ours.

    Args:
        frames: what ``detect`` or ``stream`` gives of one video; pictures get the numbers 1, 2, ... as their time.
        name: of the recording; None for the name of the file without its ending.

    Raises:
        InputError: no frame, frames of several videos, or frames out of order.
    """
    kept = list(frames)
    if not kept:
        raise InputError("a table needs at least one frame; the list of results is empty")
    pictures = len(kept) > 1 and all(frame.frame == 1 for frame in kept)
    sources = list(dict.fromkeys(frame.source for frame in kept))
    times = np.arange(1.0, len(kept) + 1) if pictures else np.array([frame.timestamp for frame in kept])
    if not pictures and len(sources) > 1:
        raise InputError(
            f"a table is of one recording; these are results of {', '.join(sources[:5])}: results.of(source) takes one"
        )
    if (np.diff(times) <= 0).any():
        raise InputError(f"frames of {sources[0]} are not in the order of time; was the list sorted or joined?")
    title = name or ("images" if pictures else PurePath(sources[0]).stem)
    return _table(kept, times, title, "" if len(sources) > 1 else sources[0], pictures)


def _table(frames: list[FrameAnalysis], times: np.ndarray, title: str, source: str, of_pictures: bool) -> ScoreTable:
    columns = columns_of_frames(frames)
    rows = [max(1, len(frame)) for frame in frames]
    index = columns.index
    given: dict[str, Any] = {name: values for name, values in columns.scores.items() if name in PER_UNIT}
    return ScoreTable.made_of(
        title,
        columns.action_units,
        np.repeat(times, rows),
        np.ma.filled(index["face_id"], NO_FACE).astype(np.int64),
        frame=index["frame"],
        confidence=index["confidence"],
        quality=index["quality"],
        others={name: index[name] for name in _OTHERS},
        source=source,
        of_pictures=of_pictures,
        **given,
    )
