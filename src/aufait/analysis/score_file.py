"""A file of scores row by row: raw and corrected side by side, strengths of combinations, PSPI."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from aufait.analysis.baseline import BaselineResult
from aufait.analysis.score_table import ScoreTable
from aufait.files.atomic import AtomicOutput, output_errors
from aufait.files.safe_text import encodable, plain_cell

_CHUNK = 8192
_LETTERS = {"intensity": "r", "probability": "p"}


def score_columns(table: ScoreTable, baseline: BaselineResult | None, extra: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns of the file by name, (N,) each: ``AU12_r`` and, with a baseline, ``AU12_r_baseline`` and ``AU12_r_corrected``."""
    columns: dict[str, np.ndarray] = {}
    for kind in ("intensity", "probability"):
        for side in ("", "_left", "_right"):
            values = getattr(table, f"{kind}{side}")
            if values is None:
                continue
            for place, unit in enumerate(table.action_units):
                if np.isfinite(values[:, place]).any():
                    name = f"AU{unit:02d}{side}_{_LETTERS[kind]}"
                    columns[name] = values[:, place]
                    columns |= _corrected(baseline, f"{kind}{side}", place, name)
    return columns | dict(extra)


def _corrected(baseline: BaselineResult | None, array: str, place: int, name: str) -> dict[str, np.ndarray]:
    if baseline is None or array not in baseline.corrected:
        return {}
    return {f"{name}_baseline": baseline.level[array][:, place], f"{name}_corrected": baseline.corrected[array][:, place]}


def write_scores(
    path: str | Path, recordings: Iterable[tuple[ScoreTable, Mapping[str, np.ndarray]]], overwrite: bool = False
) -> Path:
    """Write the rows of recordings as CSV, whole or not at all; unknown cells are empty.

    Args:
        recordings: tables with columns by name, (N,) each; columns that another recording has are empty.

    Raises:
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    recordings = list(recordings)
    names = list(dict.fromkeys(name for _, columns in recordings for name in columns))
    output = AtomicOutput(path, overwrite=overwrite)
    try:
        with output_errors(output.path), output.partial.open("w", encoding="utf-8", newline="") as file:
            file.write(_line(["recording", "face_id", "frame", "time", *map(plain_cell, names)]))
            for table, columns in recordings:
                file.writelines(_rows(table, columns, names))
        return output.commit()
    except BaseException:
        output.discard()
        raise


def _rows(table: ScoreTable, columns: Mapping[str, np.ndarray], names: list[str]) -> Iterable[str]:
    recording = _line([plain_cell(encodable(table.name))]).removesuffix("\n")
    pattern = ",%d,%d,%.6f" + ",%.4f" * len(names) + "\n"
    unknown = np.full(len(table), np.nan)
    for start in range(0, len(table), _CHUNK):
        some = slice(start, start + _CHUNK)
        values = [columns.get(name, unknown)[some].tolist() for name in names]
        rows = zip(table.face_id[some].tolist(), table.frame[some].tolist(), table.time[some].tolist(), *values, strict=True)
        yield "".join(recording + (pattern % row).replace(",nan", ",") for row in rows)


def _line(cells: list[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
