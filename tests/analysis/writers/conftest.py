"""Recordings that ask much of a file format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_recordings import EVENTS, NASTY, event, score_table

from aufait.analysis.writers import Recording


@pytest.fixture
def recording() -> Recording:
    """Two faces, sides, overlapping and adjacent events, an odd label."""
    return Recording("clip", EVENTS, score_table("clip"), Path("videos/Zoë 1.mp4"))


@pytest.fixture
def nasty() -> Recording:
    """A name with separators, quotes, a line break and a formula."""
    table = score_table(NASTY, source=NASTY)
    return Recording(NASTY, (event("=cmd|' /C calc'!A0", 0.5, 1.0), event("@SUM(1;2)", 1.0, 1.5)), table)


@pytest.fixture
def empty() -> Recording:
    """A table without rows and without events."""
    table = score_table("nothing")
    return Recording("nothing", (), table.rows(np.zeros(len(table), bool)))
