"""Columns of numbers as lines of text, quickly: each different value is spelled once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

_CHUNK = 50_000  # rows at a time: 50 MB of references for 120 columns


def as_text(values: np.ndarray, missing: str = "") -> np.ndarray:
    """(N,) numbers -> (N,) object array of the shortest texts that mean the same; NaN and infinities are ``missing``."""
    different, place = np.unique(values, return_inverse=True)
    texts = np.array([_plain(text) for text in different.astype(str).tolist()], dtype=object)
    if different.dtype.kind == "f":
        texts[~np.isfinite(different)] = missing
    return texts[place] if len(texts) else np.empty(len(values), dtype=object)


def _plain(text: str) -> str:
    """"1.0" -> "1", which is shorter and the same."""
    return text.removesuffix(".0")


def lines(columns: Sequence[np.ndarray], separator: str = ",") -> Iterator[str]:
    """Lines of the table in pieces of many rows; the cells must not hold the separator."""
    rows = len(columns[0]) if columns else 0
    for start in range(0, rows, _CHUNK):
        cells = zip(*(column[start : start + _CHUNK].tolist() for column in columns), strict=True)
        yield "\n".join(map(separator.join, cells)) + "\n"
