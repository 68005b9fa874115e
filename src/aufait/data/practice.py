"""A data set to practise on: rendered faces with labels, which ship with the package. Everybody on them is synthetic.

``tools/practice_set.py`` makes it: 24 persons, ten pictures each, six action units (1, 2, 4, 12, 25, 43), strong movements on
nearly frontal faces. Small networks learn them within minutes; figures on it say nothing about real faces.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from aufait.errors import OutputError

ARCHIVE = Path(__file__).parent / "practice.zip"
TABLE = "labels.csv"


def write_practice_set(folder: str | Path) -> Path:
    """Unpack the practice set.

    Args:
        folder: is made, or must be empty, or hold the set already.

    Returns:
        the table of labels, to be opened with ``open_dataset("csv", table)``.

    Raises:
        OutputError: other files are in the way, or the folder cannot be written.
    """
    target = Path(folder)
    with zipfile.ZipFile(ARCHIVE) as archive:
        others = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()} - set(archive.namelist())
        if others:
            raise OutputError(f"{target} holds other files ({min(others)}): name a new folder for the practice set")
        try:
            target.mkdir(parents=True, exist_ok=True)
            archive.extractall(target)
        except OSError as error:
            raise OutputError(f"cannot write the practice set to {target}: {error.strerror or error}") from error
    return target / TABLE
