"""Tables of pictures, which have numbers where videos have times: which are such, and what the picture of a row is called."""

from __future__ import annotations

import numpy as np

from aufait.analysis.readers.columns import read_columns
from aufait.analysis.readers.header import read_header
from aufait.analysis.score_table import ScoreTable


def of_pictures(table: ScoreTable) -> bool:
    """Whether the times are the numbers of the pictures; a video's first frame is number 1 and begins at 0."""
    return len(table) > 0 and np.array_equal(table.time, table.frame)


def picture_names(table: ScoreTable) -> np.ndarray | None:
    """(N,) the picture of each row as its file says, an object array; None where the file does not say."""
    if table.source or table.path is None or not table.path.is_file():
        return None
    header = read_header(table.path)
    sources = read_columns(table.path, header, (), ["source"]).get("source")
    names = [] if sources is None else [*dict.fromkeys(sources)]
    if len(names) != int(table.frame.max(initial=0)):
        return None
    return np.array(names, dtype=object)[table.frame - 1]
