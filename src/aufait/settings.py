"""Hints for names that were typed wrongly."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean bp4d?"``, or ``"."`` where nothing is near."""
    close = difflib.get_close_matches(name.lower(), {one.lower() for one in known}, n=2, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else "."
