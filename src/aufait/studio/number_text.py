"""JSON of many numbers, quickly: each rounded number is looked up as text instead of being printed. NaN becomes null."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_SCORES = 5_000
NOT_KNOWN = "null"


@lru_cache(maxsize=1)
def _score_texts() -> list[str]:
    return [f"{number / 1000:g}" for number in range(_SCORES + 1)] + [NOT_KNOWN]


@lru_cache(maxsize=4)
def _place_texts(scale: int) -> list[str]:
    return [NOT_KNOWN, *(f"{number / scale:g}" for number in range(-32_767, 32_768))]


def score_cells(values: np.ndarray) -> list[str]:
    """Scores in [0, 5] -> texts of three decimals, in the order of ``values.ravel()``."""
    texts = _score_texts()
    with np.errstate(invalid="ignore"):
        whole = np.where(np.isfinite(values), np.clip(np.rint(values * 1000), 0, _SCORES), _SCORES + 1)
    return list(map(texts.__getitem__, whole.astype(np.int64).ravel().tolist()))


def place_cells(stored: np.ndarray, scale: int) -> list[str]:
    """Stored landmarks (int16, pixels times ``scale``; -32768: not known) -> texts of pixels."""
    texts = _place_texts(scale)
    return list(map(texts.__getitem__, (stored.astype(np.int64) + 32_768).ravel().tolist()))


def score_list(values: np.ndarray) -> str:
    """(N,) scores -> a JSON list."""
    return f"[{','.join(score_cells(values))}]"


def number_list(values: np.ndarray, digits: int) -> str:
    """(N,) any numbers -> a JSON list, rounded."""
    rounded = np.round(np.asarray(values, np.float64), digits).tolist()
    return f"[{','.join(NOT_KNOWN if value != value else f'{value:.{digits}f}' for value in rounded)}]"
