"""Every package that an installation brings has a known licence that lets everybody use aufait, and the page says which."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from types import ModuleType

import pytest
from conftest import REPOSITORY


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    spec = importlib.util.spec_from_file_location("licences", REPOSITORY / "tools" / "licences.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["licences"] = module
    spec.loader.exec_module(module)
    return module


def test_every_licence_is_known_and_compatible(licences: ModuleType) -> None:
    unknown = [part for part in licences.parts() if not licences.compatible(part.licence)]
    assert unknown == [], "look it up, and name it in tools/licences.py if everybody may use it"


@pytest.mark.parametrize(
    ("licence", "fits"),
    [("MIT", True), ("GPL-3.0-only", False), ("MIT AND GPL-3.0-only", False), ("MIT OR GPL-3.0-only", True), ("", False)],
)
def test_what_is_compatible(licences: ModuleType, licence: str, fits: bool) -> None:
    assert licences.compatible(licence) is fits


@pytest.mark.skipif(sys.platform != "linux", reason="the page was made on Linux; elsewhere other packages come along")
def test_the_page_says_what_the_packages_state(licences: ModuleType) -> None:
    shown = {part.name: part for part in licences.rows(licences.PAGE.read_text("utf-8"))}
    found = {part.name: part for part in licences.parts()}
    assert set(found) <= set(shown), "run: python tools/licences.py"
    assert {name: part.licence for name, part in found.items()} == {name: shown[name].licence for name in found}


def test_the_page_has_every_declared_package_with_its_extra(licences: ModuleType) -> None:
    shown = {part.name: part for part in licences.rows(licences.PAGE.read_text("utf-8"))}
    for extra, lines in licences.declared().items():
        for line in lines:
            by = shown[licences.canonicalize_name(licences.Requirement(line).name)].extras
            assert by == ("",) or extra in by, line


def test_the_bill_of_materials_has_a_version_of_all_that_is_pinned(licences: ModuleType) -> None:
    lines = licences.pins().splitlines()
    assert {"torch", "numpy", "av", "fastapi"} <= {line.split("==")[0] for line in lines if "==" in line}
    brought = {part.name: set(part.extras) for part in licences.rows(licences.PAGE.read_text("utf-8"))}
    unpinned = {line.split(":")[0].strip("# ") for line in lines if line.startswith("#")}
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        tested = re.findall(r"\w+", tomllib.load(file)["project"]["optional-dependencies"]["dev"][0])
    assert {name for name in unpinned if brought[name] & {"", *tested}} == set(), "run: make constraints"
