"""Run the notebooks of the documentation and store them with their outputs, without anything of the machine they ran on.

    python tools/run_notebooks.py                 # all of docs/notebooks
    python tools/run_notebooks.py interview.ipynb

They run in a temporary folder. Times, process output and names of folders of this machine are left out of what is stored, so that
the same results make the same file.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "notebooks"
MOST_BYTES = 300_000
_SECONDS = 600
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_OWN_FOLDERS = re.compile(r"(/tmp|/home|/root|/work|/Users|[A-Z]:\\\\Users)[/\\\\][\w.-]+")


def run(path: Path, checks: str = "") -> Any:
    """Execute a notebook in a temporary folder with the files it stands next to.

    Args:
        path: of the notebook, which stays as it is.
        checks: code to run in a cell after the last one.

    Returns:
        The executed notebook.
    """
    notebook = nbformat.read(path, as_version=4)
    if checks:
        notebook.cells.append(nbformat.v4.new_code_cell(checks))
    with tempfile.TemporaryDirectory(prefix="notebook-") as folder:
        for module in path.parent.glob("*.py"):
            shutil.copy(module, folder)
        NotebookClient(notebook, timeout=_SECONDS, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    return notebook


def clean(notebook: Any) -> None:
    """Take out what says when and where it ran."""
    notebook.metadata = {"kernelspec": _KERNEL, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
            for data in (one.get("data", {}) for one in cell.outputs):
                if "image/png" in data:
                    data.pop("image/jpeg", None)  # the same picture again


def problems(notebook: Any) -> list[str]:
    """Why a notebook must not be stored; empty where it may."""
    text = nbformat.writes(notebook)
    found = [f"{len(text)} bytes, more than {MOST_BYTES}"] if len(text) > MOST_BYTES else []
    found += [f"names a folder of this machine: {match[0]}" for match in _OWN_FOLDERS.finditer(text)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="names in docs/notebooks; all if left out")
    for name in parser.parse_args().notebooks or sorted(path.name for path in FOLDER.glob("*.ipynb")):
        path = FOLDER / name
        notebook = run(path)
        clean(notebook)
        if wrong := problems(notebook):
            raise SystemExit(f"{path.name}: {'; '.join(wrong)}")
        nbformat.write(notebook, path)
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
