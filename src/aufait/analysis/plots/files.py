"""A table's picture in memory, and as a file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from aufait.analysis.plots import plot_table
from aufait.errors import InputError
from aufait.files.atomic import write_bytes
from aufait.visualization.findings.figure import FORMATS

if TYPE_CHECKING:
    from aufait.analysis.score_table import ScoreTable


def format_of(path: Path) -> str:
    """Kind of file by its ending.

    Raises:
        InputError: pictures have another ending.
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise InputError(f"{path}: pictures are {', '.join(FORMATS)}; give a name with one of these endings")
    return ending


def picture_of(table: ScoreTable, path: str | Path | None, kind: str, overwrite: bool, given: Mapping[str, Any]) -> Image.Image:
    """What ``ScoreTable.plot`` does."""
    target = None if path is None else Path(path).expanduser()
    wanted = "png" if target is None else format_of(target)
    drawing = plot_table(table, kind, file_format=wanted, **given)
    if target is not None:
        write_bytes(target, drawing, overwrite=overwrite)
    picture = drawing if wanted == "png" else plot_table(table, kind, **given)
    return Image.open(io.BytesIO(picture))
