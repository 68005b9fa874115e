"""The tables of a comparison: one row per action unit and measure, and the disagreements, longest first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from aufait.analysis.agreement.compare import Disagreement, Measure
from aufait.errors import OutputError
from aufait.files.atomic import write_text
from aufait.files.csv_text import csv_text


def write_agreement(
    folder: Path, measures: Sequence[Measure], stretches: Sequence[Disagreement], overwrite: bool = False
) -> list[Path]:
    """Write ``agreement.csv`` and ``disagreements.csv``.

    Raises:
        OutputError: one exists and ``overwrite`` is false.
    """
    paths = [folder / "agreement.csv", folder / "disagreements.csv"]
    if (there := next((path for path in paths if path.exists()), None)) and not overwrite:
        raise OutputError(f"{there} exists; use --overwrite or choose another folder")
    rows = [[f"AU{one.unit}", one.first, one.second, one.measure, _number(one.value), one.count] for one in measures]
    longest = sorted(stretches, key=lambda one: one.start - one.end)
    times = [
        [f"AU{one.unit}", one.first, one.second, *map(_number, (one.start, one.end, one.end - one.start)), one.said_by]
        for one in longest
    ]
    write_text(paths[0], csv_text(["action_unit", "first", "second", "measure", "value", "count"], rows), overwrite=True)
    columns = ["action_unit", "first", "second", "start", "end", "duration", "present_for"]
    write_text(paths[1], csv_text(columns, times), overwrite=True)
    return paths


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(round(value, 6))
