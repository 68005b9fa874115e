"""The tables of a comparison: one row per action unit and measure, and the disagreements, longest first."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from aufait.analysis.agreement.compare import Disagreement, Measure
from aufait.errors import OutputError
from aufait.files.atomic import write_text
from aufait.files.safe_text import encodable, plain_cell


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
    _write(paths[0], ["action_unit", "first", "second", "measure", "value", "count"], rows)
    _write(paths[1], ["action_unit", "first", "second", "start", "end", "duration", "present_for"], times)
    return paths


def _write(path: Path, header: list[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([plain_cell(encodable(cell)) if isinstance(cell, str) else cell for cell in row] for row in rows)
    write_text(path, text.getvalue(), overwrite=True)


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(round(value, 6))
