"""The documentation site: all that is public has a docstring, links lead somewhere, the gallery is what its commands make."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "generated" not in path.parts)


def loaded(path: Path) -> ModuleType:
    """A Python file that is part of no package."""
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


gallery, public_face = loaded(REPOSITORY / "tools" / "make_gallery.py"), loaded(DOCS / "_site" / "public_face.py")
SECTIONS = list(gallery.sections(gallery.PAGE.read_text("utf-8")))


def without_docstring(name: str, value: Any) -> list[str]:
    """What of a public object a reader would find without an explanation."""
    own = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    made = inspect.isclass(value) and str(own).startswith(f"{value.__name__}(")  # a dataclass repeats its signature
    silent = [] if own and not made else [name]
    if inspect.isclass(value):
        members = public_face.own_members(value)
        silent += [f"{name}.{key}" for key, member in members.items() if not getattr(member, "__func__", member).__doc__]
    return silent


@pytest.fixture(scope="module")
def documented() -> dict[str, Any]:
    """Everything in the API reference, by module and name."""
    return {f"{module.__name__}.{name}": getattr(module, name) for _, module, names in public_face.documented() for name in names}


def test_everything_public_has_a_docstring(documented: dict[str, Any]) -> None:
    assert len(documented) > 200
    assert [silent for name, value in documented.items() for silent in without_docstring(name, value)] == []


def test_a_missing_docstring_is_found() -> None:
    class Silent:
        def speak(self) -> None: ...

    assert without_docstring("Silent", Silent) == ["Silent", "Silent.speak"]


def imported(code: str) -> set[tuple[str, str]]:
    """Module and name of everything that an example imports from the package."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    return {(str(node.module), one.name) for node in nodes if str(node.module).startswith("aufait") for one in node.names}


def test_what_examples_import_is_in_the_reference(documented: dict[str, Any]) -> None:
    python = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
    blocks = [code for page in PAGES for code in python.findall(page.read_text("utf-8"))]
    used = {pair: getattr(importlib.import_module(pair[0]), pair[1]) for code in blocks for pair in imported(code)}
    assert len(used) > 30
    known = {id(value) for value in documented.values()}
    assert [".".join(pair) for pair, value in used.items() if callable(value) and id(value) not in known] == []


def test_the_reference_has_every_page_in_its_menu() -> None:
    menu = re.findall(r"^generated/api/(\w+)$", (DOCS / "api.md").read_text("utf-8"), re.MULTILINE)
    assert menu == [page.name for page in public_face.PAGES]


def menus() -> set[str]:
    """Pages that a menu of the site names, from docs/."""
    found = set()
    for page in PAGES:
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            names = [line for line in block.splitlines() if line and not line.startswith(":")]
            found |= {(page.parent / name).relative_to(DOCS).as_posix() for name in names}
    return found


def test_every_page_is_in_a_menu_and_every_entry_is_a_page() -> None:
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in [*PAGES, *(DOCS / "notebooks").glob("*.ipynb")]}
    named = {name for name in menus() if not name.startswith("generated/")}
    assert named == pages - {"index"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_local_links_and_pictures_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_every_picture_of_the_gallery_is_there_small_and_made_by_what_is_written() -> None:
    parts = [part for _, found in SECTIONS for part in found]
    assert isinstance(parts[0], gallery.Block)
    pictures = [part for part in parts if isinstance(part, gallery.Picture)]
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", gallery.PAGE.read_text("utf-8"))
    assert [one.target for one in pictures] == shown
    assert [name for name in shown if (DOCS / name).stat().st_size > gallery.MOST_BYTES] == []
    assert {path.name for path in (DOCS / "images" / "gallery").iterdir()} == {Path(name).name for name in shown}


def commands() -> list[str]:
    blocks = [part for _, found in SECTIONS for part in found if isinstance(part, gallery.Block)]
    return [line for block in blocks if not block.language for line in block.code.splitlines()]


def test_the_gallery_shows_every_kind_of_plot_and_figures_of_the_papers() -> None:
    from aufait.analysis.plots import KINDS
    from aufait.reproduction import list_items

    lines = commands()
    plots = [line for line in lines if line.startswith("aufait plot ")]
    assert {next((kind for kind in KINDS if f"--kind {kind}" in line), KINDS[0]) for line in plots} == set(KINDS)
    told = {(paper, number) for line in lines for paper, number in re.findall(r"reproduce (\S+) --figure (\d+)", line)}
    figures = {(item.paper, item.number) for item in list_items() if item.kind == "figure" and not item.cannot}
    assert told and told <= figures


SOURCES = REPOSITORY / "src" / "aufait"
EXAMPLE = re.compile(r"^ *>>> (?!.*\+SKIP)", re.MULTILINE)  # what is skipped needs pictures or data
EXAMPLES = sorted(path for path in SOURCES.rglob("*.py") if EXAMPLE.search(path.read_text("utf-8")))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.relative_to(SOURCES).as_posix())
def test_examples_in_docstrings_do_what_they_show(path: Path) -> None:
    name = ".".join(path.relative_to(REPOSITORY / "src").with_suffix("").parts).removesuffix(".__init__")
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted and not result.failed
