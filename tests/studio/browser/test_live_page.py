"""The live page in a real browser whose camera shows a rendered clip."""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from network_cameras import http_server
from studio_pages import RunningStudio, browser, demo_frames, running_studio, wait_until, write_clip

from aufait.analysis.readers import read_table

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, WebSocket

PATIENCE = 60_000  # ms; the first scores wait for a process that loads its networks


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with running_studio(tmp_path_factory.mktemp("live") / "studio") as running:
        yield running


@pytest.fixture(scope="module")
def with_camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    clip = write_clip(tmp_path_factory.mktemp("camera") / "camera.mjpeg", demo_frames(60, one_face=True))
    with browser(camera=clip) as running:
        yield running


@pytest.fixture
def page(studio: RunningStudio, with_camera: Browser) -> Iterator[Page]:
    context = with_camera.new_context(permissions=["camera"], viewport={"width": 1280, "height": 900})
    yield live_page(context.new_page(), studio)
    context.close()


def live_page(page: Page, studio: RunningStudio) -> Page:
    page.goto(studio.address)
    page.goto(f"{studio.root}/#/live")
    page.get_by_role("heading", name="Live").wait_for()
    return page


def reading(page: Page, name: str) -> str:
    return page.locator(f"[data-reading={name}]").inner_text()


def wait_for_scores(page: Page) -> None:
    wait_until(page, "document.querySelector('[data-reading=rate]').textContent.includes('frames/s')")


def test_scores_come_with_their_delay_and_stop_when_asked(page: Page) -> None:
    page.get_by_role("button", name="Start").click()
    wait_for_scores(page)
    assert re.fullmatch(r"\d+ ms", reading(page, "latency"))
    assert int(reading(page, "latency").split()[0]) > 0
    wait_until(page, "parseFloat(document.querySelector('[data-reading=rate]').textContent) > 1")  # the first frames take longer
    assert reading(page, "faces") == "1"
    lane = page.get_by_role("button", name=re.compile(r"^AU12\D"))
    assert re.search(r"\d\.\d", lane.inner_text()), "the unit's value now"
    assert page.evaluate(_MARKED), "something is drawn over the picture"

    page.get_by_role("button", name="Stop").click()
    assert page.evaluate("document.querySelector('video').srcObject === null"), "the camera is let go"
    page.wait_for_timeout(5000)  # older answers no longer count after four seconds
    page.get_by_role("button", name="Start").wait_for()
    assert page.locator(".note.bad").count() == 0


def test_two_pictures_are_under_way_and_answered_in_their_order(page: Page) -> None:
    """``sent`` and ``answered`` are the clocks of the pictures."""
    sent: list[float] = []
    answered: list[float] = []
    under_way: list[int] = []
    dropped: list[int] = []

    def watch(socket: WebSocket) -> None:
        def goes(message: str | bytes) -> None:
            sent.append(struct.unpack_from("<d", message)[0])  # type: ignore[arg-type]
            under_way.append(len(sent) - len(answered))

        def comes(message: str | bytes) -> None:
            told = json.loads(message)
            if told["type"] == "scores":
                dropped.append(told["dropped"])
                answered.append(told["sent"])

        socket.on("framesent", goes)
        socket.on("framereceived", comes)

    page.on("websocket", watch)
    page.get_by_role("button", name="Start").click()
    wait_for_scores(page)
    page.wait_for_timeout(3000)
    page.get_by_role("button", name="Stop").click()
    assert len(answered) > 5
    assert answered == sent[: len(answered)]
    assert max(under_way) == 2
    assert dropped[-1] == 0, "the server passes nothing over"


_MARKED = """() => {
    const canvas = document.querySelector('canvas.overlay');
    return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
}"""


_TEN_ROWS = (
    r"""/^[1-9]\d+ rows/.test(document.querySelector('[aria-label="Scores as a table"] [role=status]').textContent.trim())"""
)


def test_recorded_scores_are_a_table_that_the_analysis_reads(page: Page, tmp_path: Path) -> None:
    page.get_by_role("button", name="Start").click()
    wait_for_scores(page)
    page.get_by_role("button", name="Record scores").click()
    wait_until(page, _TEN_ROWS)
    page.get_by_role("button", name="End recording").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    path = tmp_path / "live.csv"
    download.value.save_as(path)
    table = read_table(path)
    assert 12 in table.action_units
    assert len(table) >= 10
    assert table.found.all()
    assert (table.time[1:] > table.time[:-1]).all()
    assert 0 <= table.probability.min() <= table.probability.max() <= 1
    assert table.intensity.max() > 0.5


def test_a_video_file_is_a_source_too(page: Page, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "two.mp4", demo_frames(30))
    page.get_by_role("button", name="Video file").click()
    page.get_by_role("button", name="Start").click()
    assert "Choose a video file" in page.get_by_role("alert").inner_text()
    page.locator("input[type=file]").set_input_files(clip)
    page.get_by_role("button", name="Start").click()
    wait_for_scores(page)
    wait_until(page, "document.querySelector('[data-reading=faces]').textContent === '2'")
    page.get_by_role("button", name="Face 1").click()
    assert page.get_by_role("img", name="Scores of face 1").is_visible()


def test_a_file_that_is_no_video_is_answered_with_a_sentence(page: Page, tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"nothing to see" * 100)
    page.get_by_role("button", name="Video file").click()
    page.locator("input[type=file]").set_input_files(tmp_path / "no.mp4")
    page.get_by_role("button", name="Start").click()
    assert "no.mp4 cannot be played" in page.get_by_role("alert").inner_text()


@pytest.mark.skipif("AUFAIT_MEDIAPIPE_MODEL" in os.environ, reason="the finder is there: AUFAIT_MEDIAPIPE_MODEL names its file")
def test_a_finder_that_is_not_there_is_answered_with_the_studio_s_sentence(page: Page) -> None:
    page.get_by_text("Network and finder").click()
    page.get_by_label("Face finder").select_option("mesh")
    page.get_by_role("button", name="Start").click()
    told = page.get_by_role("alert")
    told.wait_for(timeout=PATIENCE)
    assert "face_landmarker.task" in told.inner_text()
    assert page.get_by_role("button", name="Start").is_visible()


def test_a_refused_camera_is_told_with_what_to_do(studio: RunningStudio) -> None:
    with browser(flags=("--use-fake-device-for-media-stream",)) as running:
        page = live_page(running.new_context().new_page(), studio)
        page.get_by_role("button", name="Start").click()
        assert "may not use the camera. Allow it" in page.get_by_role("alert").inner_text()
        assert page.get_by_role("button", name="Start").is_visible()


def test_a_computer_without_a_camera_is_told_so(studio: RunningStudio) -> None:
    with browser(flags=("--use-fake-ui-for-media-stream",)) as running:
        page = live_page(running.new_context(permissions=["camera"]).new_page(), studio)
        page.get_by_role("button", name="Start").click()
        assert "finds no camera" in page.get_by_role("alert").inner_text()


def test_an_address_that_is_none_is_refused_in_a_sentence(page: Page) -> None:
    page.get_by_role("button", name="Stream or camera of the studio").click()
    page.get_by_role("button", name="Add").click()
    assert "Write the address" in page.get_by_role("alert").inner_text()
    page.get_by_role("textbox").fill("file:///etc/passwd")
    page.get_by_role("button", name="Add").click()
    wait_until(page, "document.querySelector('[role=alert]')?.textContent.includes('Write the address') === false")
    assert page.get_by_role("alert").inner_text()
    assert page.get_by_role("button", name="Watch").count() == 0


def test_a_stream_that_the_studio_opens_is_shown_with_its_faces_until_it_ends(page: Page, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "stream.mp4", demo_frames(100))
    with http_server({"stream.mp4": clip.read_bytes()}, kinds={"stream.mp4": "video/mp4"}) as server:
        page.get_by_role("button", name="Stream or camera of the studio").click()
        page.get_by_role("textbox").fill(f"http://{server.address}/stream.mp4")
        page.get_by_role("button", name="Add").click()
        page.get_by_role("button", name="Watch").click()
        wait_until(page, "document.querySelector('[data-reading=faces]').textContent === '2'")
        assert reading(page, "latency") == "not known", "when a stream's picture was taken, nobody knows"
        assert page.evaluate("document.querySelector('canvas[aria-label]').width") == 960
        assert page.evaluate(_MARKED), "something is drawn over the picture"
        wait_until(page, "document.querySelector('.note.warn, .note.bad') !== null")
        assert page.locator(".note.bad").count() == 0, "an end is no fault"
        page.get_by_role("button", name=re.compile("^Remove")).click()
        page.get_by_role("button", name="Watch").wait_for(state="detached")
