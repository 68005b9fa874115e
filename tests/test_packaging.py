"""The project files agree with each other and with the code."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY

import aufait

SOURCE = REPOSITORY / "src" / "aufait"

# Import name -> name on the package index, where they differ.
DISTRIBUTIONS = {
    "PIL": "pillow", "cv2": "opencv-python-headless", "mpl_toolkits": "matplotlib", "pympi": "pympi-ling",
    "python_multipart": "python-multipart", "yaml": "pyyaml",
}  # fmt: skip

# Folders and files that need an extra; everything else must run on the base installation.
EXTRA_OF = {
    "synthetic/opengl": "opengl", "synthetic": "synth", "twins": "synth", "training": "train", "shipped": "train", "studio": "web",
}  # fmt: skip

# Optional packages that base code may ask for inside a function, with a clear error.
OPTIONAL_IN_BASE = {
    "pyarrow", "pandas", "pympi-ling", "pylsl", "polars", "matplotlib", "ray", "s3fs", "huggingface_hub",
    "h5py", "scipy", "onnx", "onnxruntime", "onnxscript", "openvino", "pyyaml", "timm",
}  # fmt: skip


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~; ]", requirement)[0].lower() for requirement in requirements}


def declared(project: dict[str, Any], extra: str | None) -> set[str]:
    """Distributions that an installation with one extra may import, extras of extras included."""
    found = names(project["dependencies"])
    waiting = [extra] if extra else []
    while waiting:
        for requirement in project["optional-dependencies"][waiting.pop()]:
            own = re.match(r"aufait\[(.*)\]", requirement)
            if own:
                waiting += own[1].split(",")
            else:
                found |= names([requirement])
    return found


def third_party_imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return {DISTRIBUTIONS.get(name, name) for name in found - set(sys.stdlib_module_names) - {"aufait", "__future__"}}


MODULES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_import_is_declared(path: Path, project: dict[str, Any]) -> None:
    place = path.relative_to(SOURCE)
    extra = next((extra for folder, extra in EXTRA_OF.items() if place.is_relative_to(folder)), None)
    allowed = declared(project, extra) | (OPTIONAL_IN_BASE if extra in (None, "web") else set())
    assert third_party_imports(path) <= allowed, f"not in the {extra or 'base'} installation"


BASE_PACKAGES = (
    "", "analysis", "analysis/readers", "cli",
    "data", "data/datasets", "data/protocols", "detection", "export", "faces", "files", "media", "visualization",
    "visualization/figures", "visualization/results",
)  # fmt: skip


PROGRAMS = {SOURCE / "export" / "consumer.py"}
"""Written next to an exported model for others to run; nothing imports them."""


@pytest.mark.parametrize("package", BASE_PACKAGES)
def test_optional_packages_are_not_imported_at_the_top_of_base_modules(package: str) -> None:
    for path in set((SOURCE / package).glob("*.py")) - PROGRAMS:
        assert not third_party_imports(path, top_level_only=True) & OPTIONAL_IN_BASE, path


def test_every_declared_distribution_is_pinned(project: dict[str, Any]) -> None:
    pins = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0] for line in pins if "==" in line}
    assert declared(project, "dev") <= pinned


def test_extras_are_those_of_the_package(project: dict[str, Any]) -> None:
    from aufait.extras import EXTRAS

    told = {name: set(extra.distributions) for name, extra in EXTRAS.items()}
    known = names(project["dependencies"]) | {"aufait"}  # an extra may ask for a newer version of what is there
    assert told == {name: names(project["optional-dependencies"][name]) - known for name in told}
    assert {DISTRIBUTIONS.get(name, name) for extra in EXTRAS.values() for name in extra.packages} == set().union(*told.values())
    assert set(project["optional-dependencies"]) - set(told) == {"all", "dev", "docs", "lint"}


def test_versions_agree() -> None:
    citation = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {aufait.__version__}\n" in citation


def test_readme_names_the_action_units_that_are_scored() -> None:
    from aufait.action_units import DEFAULT_ACTION_UNITS

    listed = ", ".join(str(number) for number in DEFAULT_ACTION_UNITS[:-1]) + f" and {DEFAULT_ACTION_UNITS[-1]}"
    readme = " ".join((REPOSITORY / "README.md").read_text(encoding="utf-8").split())
    assert f"AUs {listed} are scored" in readme


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in
                                  (REPOSITORY / "docs").glob("*.md"))])  # fmt: skip
def test_links_between_pages_lead_somewhere(page: str) -> None:
    path = REPOSITORY / page
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text)
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not missing


def test_documented_columns_are_the_ones_written() -> None:
    from aufait.action_units import ACTION_UNITS, DEFAULT_ACTION_UNITS
    from aufait.detection.tables import extra_columns

    text = (REPOSITORY / "docs" / "output.md").read_text(encoding="utf-8")
    for column in extra_columns(DEFAULT_ACTION_UNITS):
        general = re.sub(r"^AU\d\d", "AUxx", column)
        assert f"`{general}`" in text, column
    sided = ", ".join(str(unit) for unit in DEFAULT_ACTION_UNITS[:-1] if ACTION_UNITS[unit].bilateral)
    assert f"{sided} and 43." in " ".join(text.split())
