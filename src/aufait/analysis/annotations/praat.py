"""Praat's ``.TextGrid`` as text, in the long and in the short form.

Both hold the same numbers and quoted texts in the same order; the long form puts words around them, which Praat itself skips.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from math import isfinite
from pathlib import Path

from aufait.analysis.annotations.checks import refuse
from aufait.analysis.annotations.text import shown
from aufait.analysis.span import Span
from aufait.errors import InputError

_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(?<![^\s])(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?![^\s])|(<exists>)|(<absent>)|![^\n]*')


def spans(path: Path, text: str) -> list[Span]:
    """Intervals that have a text, and points; empty intervals are what Praat puts between them.

    Raises:
        InputError: no TextGrid, damaged, or an interval ends before it begins.
    """
    tokens = _tokens(text)
    try:
        kind, what = next(tokens), next(tokens)
        if (kind, what) != ("ooTextFile", "TextGrid"):
            raise InputError(f"{path} is no TextGrid of Praat: it holds {shown(str(what))!r}")
        _numbers(tokens, 2)
        if next(tokens) is not True:
            return []
        found = [row for _ in range(_count(tokens)) for row in _tier(path, tokens)]
    except (StopIteration, RuntimeError, TypeError):
        raise InputError(
            f"{path} is not a whole TextGrid: a text or number is not where it should be; save it with Praat"
        ) from None
    backwards = [
        f"{shown(row[2])!r} on the tier {shown(row[3])} runs from {row[0]:g} to {row[1]:g} s" for row in found if row[1] < row[0]
    ]
    refuse(path, backwards, "an interval must not end before it begins")
    return [Span(start, end, label, tier) for start, end, label, tier in found]


def _tier(path: Path, tokens: Iterator[object]) -> list[tuple[float, float, str, str]]:
    kind, name = next(tokens), next(tokens)
    _numbers(tokens, 2)
    count = _count(tokens)
    rows: list[tuple[float, float, str, str]] = []
    if kind == "IntervalTier":
        for _ in range(count):
            (start, end), label = _numbers(tokens, 2), _text(tokens)
            if label:
                rows.append((start, end, label, str(name)))
    elif kind == "TextTier":
        for _ in range(count):
            (time,), label = _numbers(tokens, 1), _text(tokens)
            rows.append((time, time, label or str(name), str(name)))
    else:
        raise InputError(f"{path}: tiers are IntervalTier or TextTier, got {shown(str(kind))!r}")
    return rows


def _tokens(text: str) -> Iterator[object]:
    for match in _TOKEN.finditer(text):
        quoted, number, exists, absent = match.groups()
        if quoted is not None:
            yield quoted.replace('""', '"')
        elif number is not None:
            yield float(number)
        elif exists or absent:
            yield bool(exists)


def _numbers(tokens: Iterator[object], count: int) -> list[float]:
    values = list(islice(tokens, count))
    if len(values) < count or not all(isinstance(value, float) and isfinite(value) for value in values):
        raise TypeError("expected numbers")
    return values  # type: ignore[return-value]


def _count(tokens: Iterator[object]) -> int:
    return int(_numbers(tokens, 1)[0])


def _text(tokens: Iterator[object]) -> str:
    value = next(tokens)
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value.strip()
