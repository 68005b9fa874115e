"""Columns of numbers as lines of text, quickly: each different value is spelled once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

_CHUNK = 100_000  # rows at a time: 100 MB of references for 120 columns


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


def lines(columns: Sequence[np.ndarray], separator: str = ",", missing: str = "") -> Iterator[str]:
    """Lines of the table in pieces of many rows.

    Args:
        columns: (N,) each, numbers or an object array of texts, which must not hold the separator.
        missing: text of numbers that are NaN.
    """
    rows = len(columns[0]) if columns else 0
    for start in range(0, rows, _CHUNK):
        pieces = (column[start : start + _CHUNK] for column in columns)
        texts = [piece if piece.dtype.kind == "O" else as_text(piece, missing) for piece in pieces]
        yield "\n".join(map(separator.join, zip(*(text.tolist() for text in texts), strict=True))) + "\n"
