"""What the page tells about one face of a recording: the drawn face, the strip, the reason of a score, the summary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from studio_pages import RunningStudio, browser, demo_frames, running_studio, wait_until, write_clip

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE = 90_000  # ms; reasons need a hundred passes of the network


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with running_studio(tmp_path_factory.mktemp("insight") / "studio") as running:
        yield running


@pytest.fixture(scope="module")
def recording(studio: RunningStudio, tmp_path_factory: pytest.TempPathFactory) -> str:
    """She smiles until one second has passed, then her brows rise and her mouth opens, from about frame 40."""
    return studio.upload(write_clip(tmp_path_factory.mktemp("clip") / "one.mp4", demo_frames(50, one_face=True, start=10)))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def page(studio: RunningStudio, recording: str, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(studio.address)
    page.goto(f"{studio.root}/#/recording/{recording}?t=0.4&face=0")
    page.get_by_role("tab", name="Face").click()
    page.locator("[role=option]").first.wait_for(timeout=PATIENCE)
    yield page
    context.close()


def test_the_face_lights_up_where_units_act_and_the_list_says_the_same(page: Page) -> None:
    wait_until(page, "document.querySelectorAll('figure svg circle[fill^=url]').length > 0")
    smile = page.locator("[role=option][data-unit='12']")
    assert "Lip corner puller" in smile.inner_text()
    assert "zygomaticus major" in smile.inner_text()
    assert float(re.search(r"(\d\.\d)", smile.inner_text())[1]) > 1  # type: ignore[index]


def test_arrow_keys_choose_units_and_their_frames_are_shown_from_weak_to_strong(page: Page) -> None:
    page.locator("[role=option][data-unit='10']").click()
    page.keyboard.press("ArrowDown")
    chosen = page.locator("[role=option][aria-selected=true]")
    assert chosen.get_attribute("data-unit") == "12"
    assert chosen.evaluate("(one) => one === document.activeElement")
    strip = page.get_by_role("region", name="Weakest to strongest frames of AU12")
    strip.get_by_role("button").first.wait_for(timeout=PATIENCE)
    values = [float(text.split()[0]) for text in strip.get_by_role("button").all_inner_texts()]
    assert len(values) > 1
    assert values == sorted(values)
    pictures = strip.locator("img")
    pictures.first.scroll_into_view_if_needed()
    wait_until(page, "[...document.querySelectorAll('[aria-label^=Weakest] img')].some((one) => one.naturalWidth > 0)")


def test_a_frame_of_the_strip_is_shown_when_it_is_clicked(page: Page) -> None:
    page.locator("[role=option][data-unit='12']").click()
    last = page.get_by_role("region", name="Weakest to strongest frames of AU12").get_by_role("button").last
    last.wait_for(timeout=PATIENCE)
    wanted = float(re.search(r"0:(\d+\.\d)", last.inner_text())[1])  # type: ignore[index]
    last.click()
    wait_until(page, "(wanted) => Math.abs(document.querySelector('video').currentTime - wanted) < 0.1", wanted)


def test_why_answers_with_a_picture_and_what_it_does_not_show(page: Page) -> None:
    page.locator("[role=option][data-unit='12']").click()
    page.get_by_role("button", name="Why AU12 here?").click()
    part = page.get_by_role("region", name="Where the score came from")
    picture = part.locator("img")
    picture.wait_for(timeout=PATIENCE)
    assert picture.evaluate("(one) => one.decode().then(() => one.naturalWidth)") > 100
    told = part.locator("figcaption").inner_text()
    assert "AU12 at 0:00.40" in told
    assert "covered like this" in told, "the limits of the method are said"


def test_the_summary_can_be_sorted_and_its_drawings_come(page: Page) -> None:
    page.get_by_role("tab", name="Summary").click()
    table = page.get_by_role("region", name=re.compile("Table of face")).get_by_role("table")
    table.wait_for(timeout=PATIENCE)
    table.get_by_role("button", name="Peak").click()
    column = table.locator("thead th").evaluate_all("(all) => all.findIndex((one) => one.ariaSort === 'descending')")
    peaks = [float(row.locator("th, td").nth(column).inner_text().split()[0]) for row in table.locator("tbody tr").all()]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] > 2
    page.get_by_text("Timeline", exact=True).click()
    drawing = page.get_by_alt_text("Timeline")
    drawing.wait_for(timeout=PATIENCE)
    assert drawing.evaluate("(one) => one.decode().then(() => one.naturalWidth)") > 300
