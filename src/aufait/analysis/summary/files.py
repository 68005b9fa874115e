"""Writes all files of a summary: two tables, the codebook, a record of how it was made, the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from aufait import __version__
from aufait.analysis import codebook
from aufait.analysis.summary.batch import Batch
from aufait.analysis.summary.page import page_of
from aufait.analysis.summary.tables import LONG_NAMES, long_lines, wide_lines, wide_names, write_csv, write_parquet
from aufait.errors import OutputError
from aufait.files.atomic import write_text
from aufait.files.safe_text import encodable

NAMES = ("summary_long.csv", "summary_wide.csv", "codebook.csv", "summary.json", "index.html")
PARQUET_NAMES = ("summary_long.parquet", "summary_wide.parquet")


def check_folder(folder: Path, parquet: bool, overwrite: bool) -> None:
    """Refuse before any work is done what could not be written.

    Raises:
        OutputError: a file is there already, or the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; give a folder for the summary")
    there = [name for name in (*NAMES, *(PARQUET_NAMES if parquet else ())) if (folder / name).exists()]
    if there and not overwrite:
        raise OutputError(f"{folder} has {', '.join(there)} already; choose another folder or allow overwriting (--overwrite)")


def write_summary(
    batch: Batch, folder: str | Path, *, parquet: bool = False, overwrite: bool = False, warned: Sequence[str] = ()
) -> list[Path]:
    """Write a batch's files; each is whole or absent.

    Args:
        folder: made where it is missing.
        parquet: the two tables as Parquet too.
        warned: what had to be told about the inputs, for the record and the page.

    Returns:
        The files, the page last.
    """
    folder = Path(folder).expanduser()
    check_folder(folder, parquet, overwrite)
    rows, wide = batch.rows, wide_names(batch.rows)
    kinds = tuple(sorted({row.kind for row in rows if row.kind}))
    book = [("table", "name", "unit", "meaning"), *codebook.rows(kinds, wide)]
    files = [
        write_csv(folder / "summary_long.csv", LONG_NAMES, long_lines(rows), overwrite),
        write_csv(folder / "summary_wide.csv", wide, wide_lines(rows, wide), overwrite),
        write_csv(folder / "codebook.csv", book[0], book[1:], overwrite),
        write_text(folder / "summary.json", _record(batch, warned), overwrite=overwrite),
    ]
    if parquet:
        files.append(write_parquet(folder / "summary_long.parquet", LONG_NAMES, long_lines(rows)))
        files.append(write_parquet(folder / "summary_wide.parquet", wide, wide_lines(rows, wide)))
    page = page_of(batch, folder, files, warned)
    return [*files, write_text(folder / "index.html", page, overwrite=overwrite)]


def _record(batch: Batch, warned: Sequence[str]) -> str:
    record = {
        "aufait": __version__,
        "events": asdict(batch.settings.rule),
        "intervals": asdict(batch.settings.bootstrap),
        "baseline": batch.baseline,
        "tables": {name: {"path": str(path), "bytes": path.stat().st_size} for name, path in batch.tables.items()},
        "failed": batch.failed,
        "messages": list(warned),
    }
    return encodable(json.dumps(record, indent=2, ensure_ascii=False)) + "\n"
