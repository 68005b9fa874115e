"""The site as it is built: without a warning, without anything from elsewhere, and its search answers what newcomers ask. Slow."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY
from site_search import hits

DOCS = REPOSITORY / "docs"
CHROMIUM = Path("/usr/bin/chromium")
ROW = re.compile(r"^\| \d+ \| ([^|]+) \| `([^`]+)` \| \[[^]]+\]\(([^)#]+)\.md", re.MULTILINE)
QUESTIONS = ROW.findall((DOCS / "testers.md").read_text("utf-8"))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site, as ``make docs`` builds it."""
    for package in ("sphinx", "myst_nb", "furo", "sphinx_copybutton"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", f"{folder}/doctrees", str(DOCS)]
    done = subprocess.run([*command, f"{folder}/html"], capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-5000:]
    return folder / "html"


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """A page of a browser that may read files and nothing else."""
    driver = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    with driver.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page()
        browser.close()


def test_pages_take_nothing_from_elsewhere(site: Path) -> None:
    wanted = re.compile(r"<(?:script|link|img|iframe|video|source)\b[^>]*\b(?:src|href)=[\"']((?:https?:)?//[^\"']+)")
    pages = list(site.rglob("*.html"))
    assert len(pages) > 60
    assert {found for one in pages for found in wanted.findall(one.read_text("utf-8"))} == set()
    styles = "".join(one.read_text("utf-8") for one in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", styles) == []


def test_there_are_ten_questions() -> None:
    assert len(QUESTIONS) == 10


@pytest.mark.parametrize(("question", "words", "answer"), QUESTIONS, ids=[words for _, words, _ in QUESTIONS])
def test_the_search_leads_a_newcomer_to_the_answer(site: Path, page: Any, question: str, words: str, answer: str) -> None:
    assert f"{answer}.html" in hits(page, site, words), question


@pytest.mark.parametrize("name", ["index", "cli", "output", "generated/api/root", "gallery"])
def test_a_telephone_shows_a_page_at_its_width(site: Path, page: Any, name: str) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto((site / f"{name}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
