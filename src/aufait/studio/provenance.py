"""The record of how a recording's table was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aufait.detection.resume import read_record
from aufait.studio.analysis import STEM


def record_of(place: Path) -> dict[str, Any] | None:
    """The record in a recording's folder, None where it cannot be read."""
    return read_record(place / f"{STEM}.provenance.json")
