"""The library and the recording view in a real browser, against a real studio that analyses rendered clips.

With ``AUFAIT_SCREENSHOTS`` set to a folder, pictures of the pages are left there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from studio_pages import RunningStudio, browser, chromium_path, demo_frames, running_studio, write_clip

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

WORK = 120_000  # ms that an analysis may take on a busy machine
SOON = 15_000
FPS = 25
HEAVIEST = 500_000  # bytes of the whole page
HIDDEN = ("--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with running_studio(tmp_path_factory.mktemp("page") / "studio") as running:
        yield running


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two faces, 4 seconds."""
    chromium_path()
    return write_clip(tmp_path_factory.mktemp("clips") / "two people.mp4", demo_frames(100, start=30), rate=FPS)


@pytest.fixture(scope="module")
def recording(studio: RunningStudio, clip: Path) -> str:
    return studio.upload(clip)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser(flags=HIDDEN) as running:
        yield running


@pytest.fixture
def asked() -> list[str]:
    """Addresses that pages asked for, all of them."""
    return []


@pytest.fixture
def context(chromium: Browser, studio: RunningStudio, asked: list[str]) -> Iterator[BrowserContext]:
    made = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    made.on("request", lambda request: asked.append(request.url))
    problems: list[str] = []
    made.on("weberror", lambda error: problems.append(str(error.error)))
    yield made
    made.close()
    assert not problems, problems
    ours = (studio.root, studio.root.replace("http", "ws", 1), "blob:", "data:")
    assert [url for url in asked if not url.startswith(ours)] == [], "a request left the studio's own address"


@pytest.fixture
def page(context: BrowserContext, studio: RunningStudio) -> Page:
    return opened(context, studio)


def opened(context: BrowserContext, studio: RunningStudio) -> Page:
    page = context.new_page()
    page.goto(studio.address)
    page.get_by_role("button", name="Choose files").wait_for()
    return page


def show(page: Page, studio: RunningStudio, recording: str) -> Page:
    page.goto(f"{studio.root}/#/recording/{recording}")
    page.locator("canvas.sheet[data-drawn=yes]").wait_for(timeout=SOON)
    soon(lambda: page.evaluate(_SHOWN), "picture and overlay are shown")
    return page


_SHOWN = "document.querySelector('video').readyState >= 2 && !!document.querySelector('canvas.overlay').dataset.time"


def keep_picture(page: Page, name: str) -> None:
    if folder := os.environ.get("AUFAIT_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def soon(check: Callable[[], Any], what: str, seconds: float = SOON / 1000) -> Any:
    """What ``check`` gives as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, f"still not so after {seconds:g} s: {what}"
        time.sleep(0.1)
    return found


def card(page: Page, name: str) -> Locator:
    return page.locator("li.card[data-recording]", has=page.get_by_role("heading", name=name, exact=True))


def events(studio: RunningStudio, recording: str) -> list[dict[str, Any]]:
    return studio.ask(f"/api/recordings/{recording}/events")["events"]


def event(studio: RunningStudio, recording: str, number: int) -> dict[str, Any]:
    return next(one for one in events(studio, recording) if one["id"] == number)


def shown_time(page: Page) -> float:
    """Of the playhead."""
    return float(page.locator(".axis").get_attribute("aria-valuenow") or "nan")


def x_of(page: Page, time: float, duration: float = 4.0) -> float:
    box = page.locator(".plots").bounding_box()
    assert box
    return box["x"] + box["width"] * time / duration


def y_of(page: Page, unit: int) -> float:
    """Middle of a unit's lane, which is brought into sight."""
    name = page.locator("button.name", has_text=re.compile(rf"^AU{unit}\D"))
    name.evaluate("one => one.scrollIntoView({ block: 'center' })")
    box = name.bounding_box()
    assert box
    return box["y"] + box["height"] / 2


# -- the library


def test_an_empty_studio_says_what_to_do(chromium: Browser, tmp_path: Path) -> None:
    with running_studio(tmp_path / "empty") as empty:
        page = opened(chromium.new_context(), empty)
        page.get_by_role("heading", name="Drop a video or a picture with faces here").wait_for()
        page.get_by_text("Nothing leaves this machine").wait_for()
        keep_picture(page, "empty")
        page.context.close()


def test_a_file_is_sent_followed_and_opened(page: Page, clip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "followed.mp4"
    copy.write_bytes(clip.read_bytes())
    page.set_input_files("input[type=file]", str(copy))
    own = card(page, "followed.mp4")
    own.get_by_text(re.compile(r"\d+ of 100 frames")).wait_for(timeout=WORK)
    keep_picture(page, "progress")
    assert int(own.get_by_role("progressbar").get_attribute("aria-valuenow") or -1) > 0
    own.get_by_text("ready").wait_for(timeout=WORK)
    assert "2 faces" in own.inner_text()
    assert re.search(r"mean quality \d+ %", own.inner_text())
    assert own.locator("img").evaluate("image => image.complete && image.naturalWidth") == 320
    own.get_by_role("link", name="Open").click()
    page.get_by_role("heading", name="followed.mp4").wait_for()


def test_a_file_that_is_no_video_is_refused_with_a_sentence(page: Page, tmp_path: Path) -> None:
    (tmp_path / "letter.mp4").write_text("Dear Sir or Madam", encoding="utf-8")
    page.set_input_files("input[type=file]", str(tmp_path / "letter.mp4"))
    alert = page.get_by_role("alert").filter(has_text="letter.mp4")
    alert.wait_for(timeout=SOON)
    assert len(alert.inner_text().split()) > 5
    assert "Traceback" not in page.content()
    page.get_by_role("button", name="Remove letter.mp4 from this list").click()
    alert.wait_for(state="detached")


def test_a_file_is_dropped_on_the_page(page: Page, clip: Path) -> None:
    data = page.evaluate_handle(
        """async ([address]) => {
            const made = new DataTransfer();
            const answer = await fetch(address);
            made.items.add(new File([await answer.blob()], 'dropped.mp4', { type: 'video/mp4' }));
            return made;
        }""",
        [page.locator("img").first.get_attribute("src").replace("thumbnail", "media")],  # type: ignore[union-attr]
    )
    page.dispatch_event("main", "dragenter", {"dataTransfer": data})
    page.get_by_text("Drop to analyse").wait_for()
    page.dispatch_event("main", "drop", {"dataTransfer": data})
    own = card(page, "dropped.mp4")
    own.wait_for(timeout=SOON)
    own.get_by_role("button", name="Cancel").click()
    own.get_by_role("button", name="Again").wait_for(timeout=SOON)
    own.get_by_role("button", name="Delete dropped.mp4").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    own.wait_for(state="detached", timeout=SOON)


def test_a_reload_during_a_job_goes_on_where_it_was(page: Page, clip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "reloaded.mp4"
    copy.write_bytes(clip.read_bytes())
    page.set_input_files("input[type=file]", str(copy))
    card(page, "reloaded.mp4").wait_for(timeout=SOON)
    page.reload()
    own = card(page, "reloaded.mp4")
    own.get_by_role("progressbar").wait_for(timeout=SOON)
    own.get_by_text("ready").wait_for(timeout=WORK)


def test_two_tabs_agree(context: BrowserContext, studio: RunningStudio, recording: str) -> None:
    first, second = opened(context, studio), opened(context, studio)
    card(first, "two people.mp4").get_by_role("button", name="Rename").click()
    first.get_by_role("textbox", name="New name").fill("Anna and Ben")
    first.keyboard.press("Enter")
    card(second, "Anna and Ben").wait_for(timeout=SOON)

    show(first, studio, recording)
    show(second, studio, recording)
    first.locator("button.event").first.click()
    number = int(first.locator("button.event[aria-pressed=true]").get_attribute("data-event") or 0)
    first.keyboard.press("a")
    second.locator(f"button.event[data-event='{number}'] .dot.accepted").wait_for(timeout=SOON)
    first.get_by_role("link", name="All recordings").click()
    card(first, "Anna and Ben").get_by_role("button", name="Rename").click()
    first.get_by_role("textbox", name="New name").fill("two people.mp4")
    first.keyboard.press("Enter")
    card(first, "two people.mp4").wait_for(timeout=SOON)


# -- the recording


def test_scrubbing_moves_video_and_overlay_together_and_asks_for_no_lanes(
    page: Page, studio: RunningStudio, recording: str, asked: list[str]
) -> None:
    show(page, studio, recording)
    page.wait_for_timeout(500)
    before = sum("/lanes" in url for url in asked)
    box = page.locator(".plots").bounding_box()
    assert box
    y = box["y"] + 20
    page.mouse.move(x_of(page, 0.3), y)
    page.mouse.down()
    for step in range(40):
        page.mouse.move(x_of(page, 0.3 + step * 0.07), y)
    assert shown_time(page) == pytest.approx(3.03, abs=0.05), "the playhead is under the pointer at once"
    page.mouse.up()
    soon(lambda: page.evaluate(_TOGETHER), "the overlay is that of the picture")
    keep_picture(page, "scrubbed")
    assert sum("/lanes" in url for url in asked) == before
    page.keyboard.press("ArrowRight")
    assert shown_time(page) == pytest.approx(3.07, abs=0.03), "one frame on"
    page.keyboard.press("Shift+ArrowLeft")
    assert shown_time(page) == pytest.approx(2.07, abs=0.03), "one second back"


_TOGETHER = """() => {
    const video = document.querySelector('video');
    const drawn = Number(document.querySelector('canvas.overlay').dataset.time);
    return !video.seeking && Math.abs(drawn - video.currentTime) < 0.05;
}"""


def test_the_video_plays_and_the_playhead_follows(page: Page, studio: RunningStudio, recording: str) -> None:
    show(page, studio, recording)
    page.keyboard.press("Space")
    soon(lambda: shown_time(page) > 0.5, "the playhead has moved")
    page.keyboard.press("Space")
    page.get_by_role("button", name="Play").wait_for()
    assert page.evaluate("document.querySelector('video').paused")


def test_zooming_in_asks_for_finer_lanes_once(page: Page, studio: RunningStudio, recording: str, asked: list[str]) -> None:
    show(page, studio, recording)
    span = page.locator(".top .label")
    assert "4.0 s" in span.inner_text()
    for _ in range(4):
        page.keyboard.press("+")
    soon(lambda: "0.5 s" in span.inner_text(), "a window of half a second")
    page.keyboard.press("0")
    soon(lambda: "4.0 s" in span.inner_text(), "the whole recording")
    page.wait_for_timeout(400)
    before = sum("/lanes" in url for url in asked)
    for _ in range(4):
        page.keyboard.press("+")
    page.wait_for_timeout(600)
    assert sum("/lanes" in url for url in asked) == before, "what was shown once is kept"


def test_the_wheel_zooms_over_the_axis_and_scrolls_over_the_lanes(page: Page, studio: RunningStudio, recording: str) -> None:
    show(page, studio, recording)
    span = page.locator(".top .label")
    box = page.locator(".axis").bounding_box()
    assert box
    page.mouse.move(box["x"] + 300, box["y"] + 10)
    page.mouse.wheel(0, -400)
    soon(lambda: "4.0 s" not in span.inner_text(), "less time is shown")
    shown = span.inner_text()
    page.mouse.move(box["x"] + 300, box["y"] + 120)
    page.mouse.wheel(0, 200)
    soon(lambda: page.evaluate("window.scrollY") > 0, "the page has scrolled")
    assert span.inner_text() == shown


def test_an_event_is_accepted_moved_and_rejected_and_the_studio_keeps_it(page: Page, studio: RunningStudio, recording: str) -> None:
    show(page, studio, recording)
    found = next(one for one in events(studio, recording) if one["face"] == 0 and one["side"] is None and one["status"] == "found")
    page.locator(f"button.event[data-event='{found['id']}']").click()
    page.keyboard.press("a")
    soon(lambda: event(studio, recording, found["id"])["status"] == "accepted", "accepted")

    y = y_of(page, found["unit"])
    page.mouse.move(x_of(page, found["offset"]), y)
    page.mouse.down()
    page.mouse.move(x_of(page, found["offset"] - 0.1), y, steps=3)
    page.mouse.move(x_of(page, found["offset"] - 0.2), y, steps=3)
    page.mouse.up()
    moved = soon(lambda: (one := event(studio, recording, found["id"]))["status"] == "moved" and one, "moved")
    assert moved["offset"] == pytest.approx(found["offset"] - 0.2, abs=1.5 / FPS)
    assert moved["onset"] == found["onset"]
    assert moved["found"]["offset"] == pytest.approx(found["offset"])
    keep_picture(page, "moved")

    page.reload()
    page.locator(f"button.event[data-event='{found['id']}'] .dot.moved").wait_for(timeout=SOON)
    page.locator(f"button.event[data-event='{found['id']}']").click()
    page.get_by_role("button", name="As found").click()
    back = soon(lambda: (one := event(studio, recording, found["id"]))["status"] == "found" and one, "as found")
    assert back["offset"] == pytest.approx(found["offset"])
    page.keyboard.press("r")
    soon(lambda: event(studio, recording, found["id"])["status"] == "rejected", "rejected")
    page.keyboard.press("Control+z")
    soon(lambda: event(studio, recording, found["id"])["status"] == "found", "undone")


def test_an_event_is_added_by_key_and_by_dragging_described_and_removed(page: Page, studio: RunningStudio, recording: str) -> None:
    show(page, studio, recording)
    before = {one["id"] for one in events(studio, recording)}

    def added() -> dict[str, Any] | None:
        new = [one for one in events(studio, recording) if one["id"] not in before]
        return new[0] if len(new) == 1 else None

    page.locator("button.name", has_text=re.compile(r"^AU9\D")).click()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("n")
    made = soon(added, "an event was added")
    assert (made["unit"], made["status"]) == (9, "added")
    assert made["onset"] == pytest.approx(0.2, abs=0.05)
    page.get_by_label("Level").select_option("3")
    page.get_by_label("Note").fill("crinkled")
    page.keyboard.press("Tab")
    soon(lambda: (added() or {}).get("note") == "crinkled" and added()["level"] == 3, "level and note")  # type: ignore[index]
    page.get_by_role("textbox", name="Ends").fill("0:01.5")
    page.keyboard.press("Tab")
    soon(lambda: (added() or {}).get("offset") == 1.5, "its end")
    page.get_by_role("textbox", name="Ends").fill("soon")
    page.keyboard.press("Tab")
    page.get_by_role("alert").filter(has_text="Write a time").wait_for()
    page.get_by_role("button", name="Remove", exact=True).click()
    soon(lambda: {one["id"] for one in events(studio, recording)} == before, "removed")

    page.get_by_role("button", name="Add event").click()
    y = y_of(page, 4)
    page.mouse.move(x_of(page, 2.0), y)
    page.mouse.down()
    page.mouse.move(x_of(page, 2.6), y, steps=6)
    page.mouse.up()
    made = soon(added, "an event was drawn")
    assert made["unit"] == 4
    assert (made["onset"], made["offset"]) == (pytest.approx(2.0, abs=0.05), pytest.approx(2.6, abs=0.05))
    page.keyboard.press("Control+z")
    soon(lambda: {one["id"] for one in events(studio, recording)} == before, "undone")


def test_brackets_go_from_event_to_event(page: Page, studio: RunningStudio, recording: str) -> None:
    show(page, studio, recording)
    page.keyboard.press("]")
    first = page.locator("button.event[aria-pressed=true]")
    first.wait_for(timeout=SOON)
    number = first.get_attribute("data-event")
    page.keyboard.press("]")
    soon(lambda: page.locator("button.event[aria-pressed=true]").get_attribute("data-event") != number, "the next one")
    page.keyboard.press("[")
    soon(lambda: page.locator("button.event[aria-pressed=true]").get_attribute("data-event") == number, "back again")
    page.keyboard.press("Escape")
    page.locator("button.event[aria-pressed=true]").wait_for(state="detached")


def test_the_list_of_events_is_filtered(page: Page, studio: RunningStudio, recording: str) -> None:
    show(page, studio, recording)
    whole = [one for one in events(studio, recording) if one["face"] == 0 and one["side"] is None]
    unit = whole[0]["unit"]
    page.get_by_label("Units listed").select_option(label=f"AU{unit}")
    expected = sum(one["unit"] == unit for one in whole)
    page.get_by_text(re.compile(rf"^{expected} events?\b")).wait_for(timeout=SOON)
    page.get_by_label("Status listed").select_option(label="added")
    page.get_by_text("No event is listed").wait_for()


def test_markers_are_added_renamed_read_from_a_file_and_kept(
    page: Page, studio: RunningStudio, recording: str, tmp_path: Path
) -> None:
    show(page, studio, recording)
    address = f"/api/recordings/{recording}/markers"
    page.keyboard.press("m")
    soon(lambda: len(studio.ask(address)["markers"]) == 1, "one marker")
    page.get_by_label("Name of marker 1").fill("baseline")
    page.keyboard.press("Tab")
    soon(lambda: studio.ask(address)["markers"][0]["label"] == "baseline", "renamed")
    (tmp_path / "marks.csv").write_text("start,end,label\n0.5,1.5,joke\n2,3,question\n", encoding="utf-8")
    page.set_input_files("input[aria-label^='Marker file']", str(tmp_path / "marks.csv"))
    page.get_by_text("2 markers read from marks.csv").wait_for(timeout=SOON)
    assert [one["label"] for one in studio.ask(address)["markers"]] == ["joke", "question"]
    (tmp_path / "bad.csv").write_text("hello\n", encoding="utf-8")
    page.set_input_files("input[aria-label^='Marker file']", str(tmp_path / "bad.csv"))
    page.get_by_role("alert").filter(has_text="bad.csv").wait_for(timeout=SOON)
    keep_picture(page, "markers")


@pytest.mark.parametrize(("format", "check"), [
    ("csv", lambda data: data.startswith(b"frame")),
    ("json", lambda data: bool(json.loads(data))),
    ("elan", lambda data: b"<ANNOTATION_DOCUMENT" in data),
    ("timeline", lambda data: data.startswith(b"\x89PNG")),
])  # fmt: skip
def test_an_export_arrives_as_a_file(
    page: Page, studio: RunningStudio, recording: str, format: str, check: Callable[[bytes], bool], tmp_path: Path
) -> None:
    show(page, studio, recording)
    page.get_by_role("button", name="Export").click()
    keep_picture(page, "export")
    with page.expect_download(timeout=WORK) as download:
        page.locator(f"button[data-format={format}]").click()
    download.value.save_as(tmp_path / "export")
    assert check((tmp_path / "export").read_bytes())
    assert download.value.suggested_filename.startswith("two people")


def test_faces_are_told_apart_and_chosen(page: Page, studio: RunningStudio, recording: str) -> None:
    show(page, studio, recording)
    page.get_by_role("button", name="Face 1").click()
    soon(lambda: page.get_by_role("button", name="Face 1").get_attribute("aria-pressed") == "true", "face 1 is chosen")
    number = next(one["id"] for one in events(studio, recording) if one["face"] == 1 and one["side"] is None)
    page.locator(f"button.event[data-event='{number}']").wait_for(timeout=SOON)


def test_every_panel_opens_by_keyboard(page: Page, studio: RunningStudio, recording: str) -> None:
    show(page, studio, recording)
    page.get_by_role("tab", name="Events").focus()
    for name in ("Face", "Summary", "Markers", "Details"):
        page.keyboard.press("ArrowRight")
        soon(lambda name=name: page.get_by_role("tab", name=name).get_attribute("aria-selected") == "true", name)
        page.wait_for_timeout(700)
        keep_picture(page, f"panel_{name.lower()}")
    assert "frames a second" in page.get_by_role("tabpanel").inner_text()


def test_help_lists_the_keys(page: Page, studio: RunningStudio, recording: str) -> None:
    show(page, studio, recording)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys, mouse and touch")
    dialog.wait_for()
    assert "accept the event" in dialog.inner_text()
    keep_picture(page, "help")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_a_picture_shows_its_scores(page: Page, studio: RunningStudio, tmp_path: Path) -> None:
    Image.fromarray(demo_frames(1, start=60)[0]).save(tmp_path / "two.png")
    number = studio.upload(tmp_path / "two.png")
    page.goto(f"{studio.root}/#/recording/{number}")
    page.get_by_role("table").get_by_text("Lip corner puller").wait_for(timeout=SOON)
    soon(lambda: page.locator("canvas.overlay").get_attribute("data-time"), "the overlay is drawn")
    assert page.locator("video").count() == 0
    keep_picture(page, "picture")


def test_a_recording_that_is_not_there_is_said_to_be_gone(page: Page, studio: RunningStudio) -> None:
    page.goto(f"{studio.root}/#/recording/000000000000")
    page.get_by_role("heading", name="This recording is not here").wait_for(timeout=SOON)


@pytest.mark.parametrize("place", ["library", "recording", "about", "compare", "live"])
def test_a_phone_shows_everything_without_scrolling_sideways(
    chromium: Browser, studio: RunningStudio, recording: str, place: str
) -> None:
    phone = chromium.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, device_scale_factor=2)
    page = opened(phone, studio)
    if place == "recording":
        show(page, studio, recording)
        box = page.locator(".plots").bounding_box()
        assert box
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 20)
        soon(lambda: shown_time(page) == pytest.approx(2.0, abs=0.1), "a touch moves the playhead")
        page.locator("button.event").first.tap()
    elif place != "library":
        page.goto(f"{studio.root}/#/{place}")
    page.wait_for_timeout(800)
    keep_picture(page, f"phone_{place}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = page.evaluate(_TOO_WIDE)
    phone.close()
    assert wide == []


_TOO_WIDE = """() => [...document.querySelectorAll('main *')].filter((one) => {
    const box = one.getBoundingClientRect();
    const scrolls = one.closest('[style*="overflow"], .table, .tabs, .list, .scroll, [role=region], [role=tablist], table');
    return box.width > 0 && box.right > 391 && !scrolls;
}).map((one) => one.outerHTML.slice(0, 120))"""


def test_dark_and_light_can_be_chosen(page: Page) -> None:
    dark = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(dark)
    switch = page.get_by_role("button", name=re.compile("^Colours"))
    switch.click()
    switch.click()
    assert page.evaluate(dark) != light
    page.reload()
    page.get_by_role("button", name="Choose files").wait_for()
    assert page.evaluate(dark) != light, "the choice is kept"


def test_the_whole_page_is_light(studio: RunningStudio) -> None:
    pages = resources.files("aufait.studio") / "pages" / "studio"
    sizes = {str(path): path.stat().st_size for path in Path(str(pages)).rglob("*") if path.is_file()}
    assert sum(sizes.values()) < HEAVIEST, sizes


# -- the server goes and comes back


@contextlib.contextmanager
def killable(folder: Path) -> Iterator[tuple[subprocess.Popen[str], RunningStudio]]:
    """A studio that a test may kill."""
    command = [sys.executable, "-m", "aufait", "studio", str(folder), "--no-browser", "--finder", "builtin"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    address = ""
    for line in process.stdout or ():  # ends with the address, or with the process
        if found := re.search(r"http://\S+token=\S+", line):
            address = found[0]
            break
    assert process.stdout
    threading.Thread(target=process.stdout.read, daemon=True).start()
    try:
        yield process, RunningStudio(address)
    finally:
        process.kill()
        process.wait()


def test_a_killed_server_is_noticed_and_its_return_too(chromium: Browser, clip: Path, tmp_path: Path) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    with killable(tmp_path / "studio") as (process, studio):
        page = opened(context, studio)
        page.set_input_files("input[type=file]", str(clip))
        own = card(page, "two people.mp4")
        own.get_by_text(re.compile(r"\d+ of 100 frames")).wait_for(timeout=WORK)
        process.send_signal(signal.SIGKILL)
        process.wait()
        page.get_by_text("The connection to the studio is lost").wait_for(timeout=SOON)
        keep_picture(page, "lost")
    with killable(tmp_path / "studio") as (_, again):
        assert again.root == studio.root, "the studio comes back at its address"
        page.get_by_text("The connection to the studio is back").wait_for(timeout=WORK)
        words = own.get_by_text(re.compile("broken off|being analysed|waiting|ready")).first
        words.wait_for(timeout=SOON)
        if "broken off" in words.inner_text():
            own.get_by_role("button", name="Again").click()
        own.get_by_text("ready").wait_for(timeout=WORK)
        keep_picture(page, "back")
    context.close()
