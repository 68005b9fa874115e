"""Times as coders' files write them, in seconds: numbers in a unit that the header names, or hours, minutes and seconds."""

from __future__ import annotations

import math
import re

UNITS = {"s": 1.0, "ms": 0.001, "min": 60.0}
"""Seconds in one of each."""

_SPELLINGS = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "ms": "ms", "msec": "ms", "msecs": "ms", "millisecond": "ms", "milliseconds": "ms",
    "min": "min", "mins": "min", "minute": "min", "minutes": "min",
    "hh:mm:ss": "s", "hh:mm:ss.ms": "s", "hh:mm:ss.mmm": "s", "hh:mm:ss.sss": "s", "mm:ss": "s",
}  # fmt: skip
_CLOCK = re.compile(r"(-?)(?:(\d{1,6}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")
_MISSING = frozenset({"", "n/a", "na", "nan", "none", "null", "-"})


def unit_of(text: str) -> str | None:
    """The unit that a word such as "msec" means, None for one that is not known."""
    return _SPELLINGS.get(text.strip().lower())


def seconds(cell: str, unit: str = "s") -> float:
    """A cell as seconds; NaN where it says that there is none.

    Raises:
        ValueError: it is no time.
    """
    cell = cell.strip()
    if cell.lower() in _MISSING:
        return math.nan
    if match := _CLOCK.fullmatch(cell):
        sign, hours, minutes, rest = match.groups()
        value = int(hours or 0) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))
        return -value if sign else value
    value = float(cell.replace(",", ".") if cell.count(",") == 1 and "." not in cell else cell) * UNITS[unit]
    if not math.isfinite(value):
        raise ValueError(f"not a finite time: {cell}")
    return value
