"""How the code is laid out: imports point one way and never in circles, functions are short, private names stay at home.

``CONTRIBUTING.md`` says the same in words, under "How the code is laid out". Imports for types alone are left out: they are
not there when the program runs.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import aufait

ROOT = Path(aufait.__file__).resolve().parent

LAYERS = (
    ("__main__",),
    ("cli",),
    ("studio",),
    ("shortcuts",),
    ("reproduction",),
    ("doctor", "self_test"),
    ("bench", "evaluation"),
    ("training", "shipped"),
    ("analysis", "detection", "twins"),
    ("visualization",),
    ("data", "export"),
    ("inputs",),
    ("models",),
    ("results", "synthetic"),
    ("faces", "losses", "views"),
    ("layers", "media", "metrics", "workers"),
    ("extras", "files", "machine", "plugins", "settings"),
    ("alignment", "au_centers"),
    ("landmarks", "action_units"),
    ("errors",),
)
"""Rooms from the top down: a room imports only rooms of lines below its own. ``aufait`` itself only names what they hold."""

UPWARDS = {("aufait.models.contract", "inputs")}
"""Files that import upwards nevertheless: the contract asks which standard frames of faces there are."""

LOOPS_WHEN_CALLED = {
    # A network opens the stream that runs it; the stream is written for that network.
    frozenset({"aufait.models.aunet.model", "aufait.models.aunet.streaming", "aufait.models.aunet.track"}),
    frozenset({"aufait.detection.network_video", "aufait.detection.trained_network"}),
    # A source opens as a video or as pages, which are shown as the frames of one.
    frozenset({"aufait.media.pages", "aufait.media.video"}),
    # The contract asks which standard frames of faces there are, these ask networks by name.
    frozenset({"aufait.inputs.alignments", "aufait.models.contract", "aufait.models.registry"}),
}
"""Circles of files through imports inside functions. None closes while modules are loaded; no others are wanted."""


class Import(NamedTuple):
    """That one module imports another."""

    importer: str
    imported: str
    inside: bool
    """Whether it happens when a function is called, not when the module is loaded."""
    name: str


@lru_cache(maxsize=1)
def modules() -> dict[str, Path]:
    """Dotted name -> file, of every module of the package."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ("aufait", *path.relative_to(ROOT).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@lru_cache(maxsize=1)
def trees() -> dict[str, ast.Module]:
    """Dotted name -> source code."""
    return {module: ast.parse(path.read_text("utf-8")) for module, path in modules().items()}


@lru_cache(maxsize=1)
def imports() -> tuple[Import, ...]:
    """Every import of one module of the package by another, those for types alone left out."""
    return tuple(one for module, tree in trees().items() for one in imports_of(module, tree))


def imports_of(module: str, tree: ast.AST, inside: bool = False) -> Iterator[Import]:
    """The imports of a piece of code."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        pairs: list[tuple[str, str]] = []
        if isinstance(node, ast.Import):
            pairs = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}, line {node.lineno}: imports here are absolute"
            pairs = [(node.module or "", alias.name) for alias in node.names]
        for source, name in pairs:
            target = f"{source}.{name}" if f"{source}.{name}" in modules() else source
            if target in modules() and target != module:
                yield Import(module, target, inside, name)
        yield from imports_of(module, node, inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def circles(arrows: Iterable[tuple[str, str]]) -> set[frozenset[str]]:
    """Sets of nodes from each of which all others of the set can be reached."""
    following: dict[str, set[str]] = defaultdict(set)
    for start, end in arrows:
        following[start].add(end)

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for node in following[waiting.pop()] - seen:
                seen.add(node)
                waiting.append(node)
        return seen

    reach = {node: reached(node) for node in list(following)}
    return {frozenset(other for other in reach[node] if node in reach.get(other, ())) for node in reach if node in reach[node]}


def siblings(arrow: Import) -> tuple[str, str]:
    """What meets in an import: the two folders or files that are side by side in the same folder."""
    ends = []
    for module in (arrow.importer, arrow.imported):
        is_folder = modules()[module].name == "__init__.py"
        ends.append([*module.split("."), *(["__init__"] if is_folder else [])])
    for depth, (one, other) in enumerate(zip(*ends, strict=False)):
        if one != other:
            return ".".join(ends[0][: depth + 1]), ".".join(ends[1][: depth + 1])
    raise AssertionError(arrow)


def room(module: str) -> str:
    """The folder or file of ``src/aufait`` that a module belongs to."""
    return module.split(".")[1] if "." in module else "aufait"


def test_circles_are_found() -> None:
    assert circles([("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("e", "d")]) == {frozenset("abc")}
    assert circles([("a", "b"), ("b", "d"), ("a", "c"), ("c", "d")]) == set()


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles((one.importer, one.imported) for one in imports() if not one.inside) == set()


def test_no_folders_import_each_other_in_a_circle() -> None:
    """At every depth: neither rooms, nor the folders and files of one folder."""
    assert circles(siblings(one) for one in imports() if not one.inside) == set()


def test_imports_inside_functions_close_no_other_circle_than_the_listed() -> None:
    assert circles((one.importer, one.imported) for one in imports()) == LOOPS_WHEN_CALLED


def test_every_room_has_its_place() -> None:
    placed = [name for line in LAYERS for name in line]
    assert sorted(placed) == sorted({room(module) for module in modules()} - {"aufait", "assets", "recipes", "weights"})


def test_imports_point_one_way() -> None:
    height = {name: -line for line, names in enumerate(LAYERS) for name in names}
    upwards = {
        (one.importer, room(one.imported))
        for one in imports()
        if room(one.importer) in height
        and room(one.imported) in height
        and room(one.importer) != room(one.imported)
        and height[room(one.imported)] >= height[room(one.importer)]
    }
    assert upwards == UPWARDS


def test_the_face_engine_knows_nothing_of_ours_but_files_workers_and_errors() -> None:
    known = {room(one.imported) for one in imports() if room(one.importer) == "synthetic"}
    assert known == {"synthetic", "files", "workers", "errors"}


def test_no_module_imports_a_private_name_of_another() -> None:
    private = [one for one in imports() if one.name.startswith("_") and not one.name.startswith("__")]
    assert [f"{one.importer}: {one.imported}.{one.name}" for one in private] == []


def body_lengths() -> list[int]:
    """Lines that each function works with, shortest first: without its name, arguments and docstring."""
    found = []
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[ast.get_docstring(node) is not None :]
                found.append((body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0)
    return sorted(found)


def test_nine_functions_in_ten_are_shorter_than_twenty_lines() -> None:
    found = body_lengths()
    assert found[int(0.9 * len(found))] < 20


def test_every_module_says_what_it_is() -> None:
    assert [module for module, tree in trees().items() if tree.body and not ast.get_docstring(tree)] == []
