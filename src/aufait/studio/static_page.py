"""A folder with a page that needs no server: finder, landmarks, crop and the compact model run in the browser itself.

The page is built from ``web/browser`` by ``make web``; this adds the networks as ONNX files, ``models.json`` with every constant
that the page works with, and a README. Any web server can hand the folder out, as it is nothing but files.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from aufait.errors import InputError, MissingModelError, OutputError
from aufait.files.atomic import output_errors, sync_to_disc

MODELS_FILE = "models.json"
"""Which networks there are, and all constants; the page reads it first."""
_README_FILE = "README.txt"
_WRITTEN = {"index.html", "assets", "models", MODELS_FILE, _README_FILE}

_README = """\
Action units in the browser alone
=================================

Everything in this folder is files: a page, the networks it runs and the constants it works with. Pictures and videos that are
opened in it stay in the browser; it asks no other machine for anything.

A browser does not run such pages from file:// addresses, so hand the folder out by any web server, for instance:

    python -m http.server --directory {folder} --bind 127.0.0.1 8000

and open http://127.0.0.1:8000/ . Cameras are allowed on that address and on https:// ones. A server that sends the headers
Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp lets the networks use more processor cores.

Written by aufait {version}. Licence: Apache-2.0; ONNX Runtime Web (MIT) and Svelte (MIT) are part of the page.
"""


@dataclass(frozen=True)
class StaticPage:
    """What was written.

    Attributes:
        folder: where.
        bytes: of all files together.
        differences: network -> largest difference of its file's results from the original's.
    """

    folder: Path
    bytes: int
    differences: dict[str, float]

    def __str__(self) -> str:
        return (
            f"{self.folder} holds the page and its networks, {self.bytes / 1e6:.0f} MB. Hand it out by a web server, such as:\n"
            f"python -m http.server --directory {shlex.quote(str(self.folder))} --bind 127.0.0.1 8000"
        )


def built_page() -> Path:
    """Folder of the page as ``make web`` built it.

    Raises:
        MissingModelError: it was not built.
    """
    folder = Path(str(files("aufait.studio"))) / "pages" / "browser"
    if not (folder / "index.html").is_file():
        raise MissingModelError(f"the page is not built: {folder} is absent; in a checkout run: make web (it needs Node.js)")
    return folder


def write_static_page(folder: str | Path, *, overwrite: bool = False) -> StaticPage:
    """Write the page with its networks into a folder, whole or not at all.

    Args:
        folder: is made; it may exist if it is empty.
        overwrite: replace a page that was written there before.

    Raises:
        MissingExtraError: the packages of the extra ``export`` are not installed.
        MissingModelError: the page was not built, or weights are absent.
        InputError: the folder holds something else.
        OutputError: there is a page already, or the folder cannot be written.
    """
    folder = Path(folder).expanduser().absolute()
    page = built_page()
    _check_target(folder, overwrite=overwrite)
    with _whole_folder(folder) as partial:
        shutil.copytree(page, partial, dirs_exist_ok=True)
        differences = _write_networks(partial)
        (partial / _README_FILE).write_text(_readme(folder), encoding="utf-8")
        size = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
    return StaticPage(folder, size, differences)


def _write_networks(folder: Path) -> dict[str, float]:
    """The ONNX files and what the page has to know about them."""
    from aufait.export.browser.write import shipped_graphs, write_graph
    from aufait.faces.builtin import BuiltinConfig
    from aufait.models.default.predictor import AUPredictor
    from aufait.studio.static_facts import facts

    predictor, config = AUPredictor.load("compact"), BuiltinConfig()
    written = {graph.name: write_graph(graph, folder / "models") for graph in shipped_graphs(predictor, config)}
    text = json.dumps(facts(predictor, config, written), indent=1, allow_nan=False)
    (folder / MODELS_FILE).write_text(text, encoding="utf-8")
    return {name: one.difference for name, one in written.items()}


def _readme(folder: Path) -> str:
    import aufait

    return _README.format(folder=folder.name, version=aufait.__version__)


def _check_target(folder: Path, *, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give the name of a folder for the page")
    held = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if not held:
        return
    if not held <= _WRITTEN:
        other = min(held - _WRITTEN)
        raise InputError(f"{folder} holds other files, such as {other}; give an empty folder or a new name for the page")
    if not overwrite:
        raise OutputError(f"{folder} holds a page already; give the name of another folder, or delete this one first")


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write to, which takes the name ``folder`` when the block ends well and is gone when it does not."""
    partial, old = folder.with_name(f".{folder.name}.partial"), folder.with_name(f".{folder.name}.replaced")
    with output_errors(folder):
        for left in (partial, old):  # of a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            yield partial
            if folder.exists():
                folder.replace(old)
            partial.replace(folder)
            sync_to_disc(folder.parent)
        finally:
            if old.exists() and not folder.exists():
                old.replace(folder)
            for left in (partial, old):
                shutil.rmtree(left, ignore_errors=True)
