"""The pages for newcomers say what the code does: commands and options exist, figures are those of the model card."""

from __future__ import annotations

import re
import shlex
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPOSITORY

import aufait
from aufait.action_units import ACTION_UNITS, AU_SETS, DEFAULT_ACTION_UNITS
from aufait.cli.reference import commands
from aufait.files.hashes import file_sha256
from aufait.models.default.shipped import model_path

DOCS = REPOSITORY / "docs"
NAMES = (
    "architecture", "comparison", "data_protection", "facs", "faq", "gallery", "glossary", "index", "responsible_use", "systems",
    "testers", "versioning",
)  # fmt: skip
PAGES = [
    *(DOCS / f"{name}.md" for name in NAMES), *sorted((DOCS / "start").glob("*.md")), REPOSITORY / "README.md",
    REPOSITORY / "SECURITY.md",
]  # fmt: skip
BARE = {"--help", "--version"}


def commands_on(page: Path) -> list[str]:
    """What the page writes as code and begins with ``aufait ``: inline or as lines of a block."""
    text = page.read_text("utf-8")
    inline = [" ".join(code.split()) for code in re.findall(r"(?<!`)`(aufait [^`]+)`(?!`)", text)]
    blocks = [line for block in re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE) for line in block.splitlines()]
    return [*inline, *(line for line in blocks if line.startswith("aufait "))]


@lru_cache(maxsize=1)
def options() -> dict[str, set[str]]:
    """Command -> its options, in every spelling."""
    return {name: {word for one in command.params for word in (*one.opts, *one.secondary_opts)} for name, command in commands()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_and_options_exist(page: Path) -> None:
    known, wrong = options(), []
    for line in commands_on(page):
        words = shlex.split(line, comments=True)[1:]
        name = next((name for name in (" ".join(words[:2]), words[0]) if name in known), None)
        used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        if name is None or used - known[name] - BARE:
            wrong.append(line)
    assert wrong == []


def test_commands_are_found_in_blocks_and_in_lines() -> None:
    assert "aufait events clip.csv --blinks -o blinks.csv" in commands_on(DOCS / "faq.md")
    assert "aufait doctor --self-test" in commands_on(DOCS / "faq.md")


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_to_headings_lead_to_one(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text("utf-8"))
    missing = []
    for file, anchor in links:
        target = page.parent / file if file else page
        if "://" not in file and anchor not in anchors(target):
            missing.append(f"{file}#{anchor}")
    assert missing == []


def test_links_of_the_security_page_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#\s]+)", (REPOSITORY / "SECURITY.md").read_text("utf-8"))
    assert links
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


def test_figures_of_the_first_screen_are_those_of_the_benchmarks() -> None:
    page, measured = ((REPOSITORY / name).read_text("utf-8") for name in ("README.md", "docs/benchmarks.md"))
    first = page.partition("## In a clone")[0]
    (scores,) = re.findall(r"^\| `dev`: mean F1 at 0.5, 12 units \|(.*)$", measured, re.MULTILINE)
    (mesh, builtin) = ([f"{float(number):.2f}" for number in re.findall(r"0\.\d+", cell)] for cell in scores.strip(" |").split("|"))
    assert f"mean F1 {mesh[0]} ({mesh[1]}-{mesh[2]}) with the finder `mesh`, {builtin[0]} ({builtin[1]}-{builtin[2]})" in first
    speeds = dict(re.findall(r"^\| `(mesh|builtin)`, \w+ model \| ([\d.]+) \(", measured, re.MULTILINE))
    assert f"{float(speeds['mesh']):.0f} frames/s with `mesh`, {float(speeds['builtin']):.0f} with `builtin`" in first
    sided = sum(ACTION_UNITS[unit].bilateral for unit in DEFAULT_ACTION_UNITS)
    assert f"{len(DEFAULT_ACTION_UNITS)} action units" in first and f"for {sided} of them also left and right" in first


def rows(text: str, pattern: str) -> dict[int, tuple[str, ...]]:
    return {int(row[0]): row[1:] for row in re.findall(pattern, text, re.MULTILINE)}


def test_figures_of_the_facs_page_are_those_of_the_model_card() -> None:
    card = (DOCS / "model_card.md").read_text("utf-8").partition("## Figures on real faces")[2].partition("\n## ")[0]
    told = rows(card, r"^\| AU(\d+) [^|]*\| (\d+) / \d+ \| ([\d.]+) [^|]*\| ([\d.]+) [^|]*\| ([\d.]+) [^|]*\| ([\d.]+) ")
    page = (DOCS / "facs.md").read_text("utf-8")
    shown = rows(page, r"^\| \*\*(\d+)\*\* \|.*\| (\d+) \| ([\d.]+) / ([\d.]+) \| ([\d.]+) / ([\d.]+) \|$")
    assert len(told) == 13
    assert shown == told
    unknown = {int(number) for number in re.findall(r"^\| \*\*(\d+)\*\* .*\| not known \| not known \|$", page, re.MULTILINE)}
    assert unknown | set(told) == set(DEFAULT_ACTION_UNITS)
    assert unknown.isdisjoint(told)


@pytest.mark.parametrize("number", DEFAULT_ACTION_UNITS)
def test_the_facs_page_names_units_and_muscles_as_the_code_does(number: int) -> None:
    unit = ACTION_UNITS[number]
    cells = f"| **{number}** | {unit.name} | {'; '.join(unit.muscles)} | {unit.description} |"
    line = next(line for line in (DOCS / "facs.md").read_text("utf-8").splitlines() if line.startswith(f"| **{number}** "))
    assert line.startswith(cells)
    assert f"| {'yes' if unit.bilateral else 'no'} |" in line


def test_the_facs_page_lists_the_units_of_data_sets_as_the_code_does() -> None:
    page = (DOCS / "facs.md").read_text("utf-8")
    shown = dict(re.findall(r"^\| ([\w, ]+?) \| ([\d, ]+) \|$", page, re.MULTILINE))
    names = {
        "BP4D": "bp4d", "DISFA, occurrence": "disfa", "DISFA, intensity": "disfa_intensity", "FERA 2015, intensity": "fera2015",
        "FERA 2017": "fera2017", "AffWild2": "affwild2",
    }  # fmt: skip
    assert shown == {title: ", ".join(str(unit) for unit in AU_SETS[key]) for title, key in names.items()}


def test_the_model_card_is_of_the_weights_that_ship() -> None:
    card = (DOCS / "model_card.md").read_text("utf-8")
    for name in ("mesh", "compact"):
        assert f"SHA-256 `{file_sha256(model_path(name))}`" in card, f"{name}: new weights need new figures"


def test_the_glossary_is_in_the_order_of_the_alphabet() -> None:
    words = re.findall(r"^\*\*([^*]+)\*\*", (DOCS / "glossary.md").read_text("utf-8"), re.MULTILINE)
    assert words == sorted(words, key=lambda word: re.sub(r"[^a-z ]", "", word.lower()))


def yaml_file(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text("utf-8")))


TEMPLATES = sorted((REPOSITORY / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_issue_templates_are_forms_that_can_be_shown(path: Path) -> None:
    form = yaml_file(path)
    assert {"name", "description", "body"} <= set(form)
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert asked
    assert all(part["type"] in ("input", "textarea", "dropdown", "checkboxes") and part["attributes"]["label"] for part in asked)
    identities = [part["id"] for part in asked]
    assert len(set(identities)) == len(identities)


def test_templates_name_pages_that_are_there() -> None:
    for path in [*TEMPLATES, REPOSITORY / ".github" / "PULL_REQUEST_TEMPLATE.md"]:
        for page in re.findall(r"(?<![\w/])((?:docs/[\w]+|SECURITY)\.md)", path.read_text("utf-8")):
            assert (REPOSITORY / page).is_file(), f"{path.name}: {page}"


def test_the_citation_file_is_of_this_version_and_licence() -> None:
    citation = yaml_file(REPOSITORY / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors", "type", "version", "license"} <= set(citation)
    assert citation["version"] == aufait.__version__
    assert citation["license"] == "Apache-2.0"
    assert all("name" in author or "family-names" in author for author in citation["authors"])
