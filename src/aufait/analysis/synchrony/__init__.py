"""Two people: do their faces move together, who is first, and could it be chance?

| question | file |
|---|---|
| the scores of two faces at the same times | grid.py |
| how alike are they, window by window and lag by lag | correlation.py |
| which lag is the peak, who leads | peaks.py |
| would strangers be as alike | surrogates.py |
| do events of one come with events of the other | cooccurrence.py |
"""

from __future__ import annotations

from aufait.analysis.synchrony.cooccurrence import Cooccurrence, cooccurrence
from aufait.analysis.synchrony.correlation import LaggedCorrelation, lagged_correlation
from aufait.analysis.synchrony.grid import Pair, pair_scores, resample
from aufait.analysis.synchrony.peaks import Peaks, find_peaks
from aufait.analysis.synchrony.surrogates import Synchrony, SynchronySettings, synchrony

__all__ = [
    "Cooccurrence", "LaggedCorrelation", "Pair", "Peaks", "Synchrony", "SynchronySettings", "cooccurrence", "find_peaks",
    "lagged_correlation", "pair_scores", "resample", "synchrony",
]  # fmt: skip
