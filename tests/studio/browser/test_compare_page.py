"""The compare page in a real browser: two faces of one rendered recording."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from studio_pages import RunningStudio, browser, demo_frames, running_studio, wait_until, write_clip

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE = 60_000  # ms, on a busy machine


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with running_studio(tmp_path_factory.mktemp("compare") / "studio") as running:
        yield running


@pytest.fixture(scope="module")
def recording(studio: RunningStudio, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One face opens her mouth, raises her brows and so on; the other does something else at the same time."""
    return studio.upload(write_clip(tmp_path_factory.mktemp("clip") / "two.mp4", demo_frames(40, start=30)))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def page(studio: RunningStudio, recording: str, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(studio.address)
    page.goto(f"{studio.root}/#/compare")
    page.get_by_role("table").first.wait_for(timeout=PATIENCE)
    yield page
    context.close()


def times(page: Page) -> list[float]:
    found: list[float] = page.evaluate("[...document.querySelectorAll('video')].map((video) => video.currentTime)")
    return found


def test_two_faces_of_the_newest_recording_are_compared_at_once_and_their_difference_is_shown(page: Page) -> None:
    group = page.get_by_role("group", name=re.compile("Units that are shown"))
    distances = [float(text.split()[-1]) for text in group.get_by_role("button").all_inner_texts()]
    assert distances == sorted(distances, reverse=True), "the units that differ most come first"
    assert distances[0] > 0.5
    assert page.get_by_role("img", name=re.compile(r"^Curves of AU\d+: mean of the first")).count() == 4
    drawn = page.evaluate("""[...document.querySelectorAll('.u-wrap canvas')].map((one) =>
        one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some((value) => value > 0))""")
    assert drawn == [True] * 8


_BOTH_AT = "(wanted) => [...document.querySelectorAll('video')].every((one) => Math.abs(one.currentTime - wanted) < 0.06)"


def test_a_click_on_a_disagreement_brings_both_videos_there(page: Page) -> None:
    row = page.get_by_role("button", name=re.compile(r"^AU\d+ .* only in")).nth(1)
    start = float(re.search(r"0:(\d+\.\d)", row.inner_text())[1])  # type: ignore[index]
    page.get_by_label("Common time", exact=True).fill("0")
    row.click()
    wait_until(page, _BOTH_AT, start)


def test_both_play_on_one_clock_also_with_an_offset(page: Page) -> None:
    offset = page.get_by_label(re.compile("The second begins"))
    offset.fill("0.4")
    offset.press("Enter")
    page.get_by_role("table").first.wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Play").click()
    wait_until(page, "document.querySelectorAll('video')[1].currentTime > 0.2")
    page.get_by_role("button", name=re.compile("Pause|Play")).first.click()
    page.wait_for_timeout(500)
    first, second = times(page)
    assert first - second == pytest.approx(0.4, abs=0.06)


def test_a_face_with_itself_is_not_compared(page: Page) -> None:
    second = page.get_by_role("group", name="Second")
    second.get_by_label("Face").select_option("0")
    assert "the same face of the same recording" in page.locator(".note.info").inner_text()


def test_what_cannot_be_asked_of_a_short_clip_is_said(page: Page) -> None:
    page.get_by_role("button", name="Do they move together?").click()
    told = page.get_by_role("alert")
    told.wait_for(timeout=PATIENCE)
    assert "seconds" in told.inner_text() or " s " in told.inner_text()
