"""The page without a server, in a real browser: the numbers of Python, and what it says when something is wrong."""

from __future__ import annotations

import csv
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from static_pages import OPENED, StaticPage, serving, write_once
from studio_pages import browser, demo_frames, write_clip

import aufait
from aufait.analysis.readers import read_table
from aufait.studio.static_page import MODELS_FILE

PROBABILITY, INTENSITY, PLACE = 0.02, 0.02, 0.004
"""How far the page may be from Python: in probabilities, in levels, and in the size of the face. The table has two decimals of
levels and one of pixels."""
STEADY, UNSTEADY = 0.95, 0.25
"""In a video the points of one frame say where the next is read, and a point that could be at either of two places may take the
other. Grey levels that differ by one at random change single probabilities of Python's own by up to 0.18 in this clip. So this
share of all must be as near as in pictures, and none further away than this."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_once(tmp_path_factory)


@contextmanager
def opened(folder: Path, *, script: str = "", camera: Path | None = None, **options: Any) -> Iterator[StaticPage]:
    """The page in a browser of its own."""
    with serving(folder) as address, browser(camera=camera) as chromium:
        context = chromium.new_context(accept_downloads=True, **options)
        if script:
            context.add_init_script(script)
        yield StaticPage(context.new_page(), address)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Rendered faces as people have them: two, turned and leaning heads, grey, small, dark, part outside, turned by EXIF, none."""
    folder = tmp_path_factory.mktemp("pictures")
    first, later = (Image.fromarray(frame) for frame in (demo_frames(1)[0], demo_frames(1, start=45)[0]))
    turned = Image.Exif()
    turned[0x0112] = 6
    made = {
        "two.png": first,
        "expressive.jpg": later,
        "turned.png": later.crop((0, 0, 480, 480)),
        "leaning.png": first.crop((480, 0, 960, 480)).rotate(24, Image.Resampling.BICUBIC, fillcolor=(90, 120, 90)),
        "grey.png": later.convert("L"),
        "small.png": first.resize((240, 120), Image.Resampling.LANCZOS),
        "large.jpg": later.crop((480, 0, 960, 480)).resize((1920, 1920), Image.Resampling.BICUBIC),
        "dark.png": later.point(lambda value: value // 5),
        "part.png": first.crop((560, 120, 960, 480)),
        "exif.jpg": first.crop((0, 0, 480, 480)).rotate(90, expand=True),
        "none.png": Image.fromarray(np.random.default_rng(3).integers(90, 140, (200, 300, 3), dtype=np.uint8)),
    }
    for name, picture in made.items():
        options: dict[str, Any] = {"quality": 92} if name.endswith("jpg") else {}
        picture.save(folder / name, **options | ({"exif": turned} if name == "exif.jpg" else {}))
    return {name: folder / name for name in made}


def differences(rows: list[dict[str, str]], faces: tuple[Any, ...]) -> dict[str, np.ndarray]:
    """Of the table's rows from Python's faces in the same order: every probability, intensity, place over the size of the face,
    quality, and angle in degrees."""
    found: dict[str, list[float]] = {"probability": [], "intensity": [], "place": [], "quality": [], "degrees": []}

    def note(what: str, name: str, row: dict[str, str], value: float, unit: float = 1.0) -> None:
        found[what].append(abs(float(row[name]) - float(value)) / unit)

    for row, face in zip(rows, faces, strict=True):
        for k, unit in enumerate(face.action_units):
            note("probability", f"AU{unit:02d}_p", row, face.probability[k])
            note("intensity", f"AU{unit:02d}_r", row, face.intensity[k])
            if f"AU{unit:02d}_left_p" in row:
                note("probability", f"AU{unit:02d}_left_p", row, face.probability_left[k])
                note("probability", f"AU{unit:02d}_right_p", row, face.probability_right[k])
                note("intensity", f"AU{unit:02d}_right_r", row, face.intensity_right[k])
        size = float(max(face.box[2:] - face.box[:2]))
        for k, (x, y) in enumerate(face.landmarks):
            note("place", f"x_{k}", row, x, size)
            note("place", f"y_{k}", row, y, size)
        note("quality", "quality", row, face.quality)
        for axis, angle in zip("xyz", face.pose.rotation, strict=True):
            note("degrees", f"pose_R{axis}", row, angle, float(np.radians(1)))
    return {what: np.array(values) for what, values in found.items()}


def test_the_page_gives_the_numbers_of_python_and_asks_no_other_machine(folder: Path, pictures: dict[str, Path]) -> None:
    expected = {}
    with aufait.Detector(finder="builtin", model="compact", threads=1) as detector:
        for name, path in pictures.items():
            expected[name] = detector.analyze_image(path).faces
    assert len(expected["two.png"]) == 2
    assert not expected["none.png"]
    assert sum(len(faces) for faces in expected.values()) >= 12
    with opened(folder) as static:
        static.open()
        for name, path in pictures.items():
            rows = [row for row in static.analyse(path) if row["success"] == "1"]
            assert len(rows) == len(expected[name]), name
            found = {what: values.max(initial=0.0) for what, values in differences(rows, expected[name]).items()}
            assert found["probability"] <= PROBABILITY, (name, found)
            assert found["intensity"] <= INTENSITY, (name, found)
            assert found["place"] <= PLACE, (name, found)
            assert found["quality"] <= 0.02, (name, found)
            assert found["degrees"] <= 0.5, (name, found)
        assert static.problems == []
        assert static.elsewhere() == []
        assert any(url.endswith(".onnx") for url in static.asked)  # what was asked was seen


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9"])
def test_people_of_a_video_keep_their_numbers_in_a_table_that_python_reads(folder: Path, tmp_path: Path, codec: str) -> None:
    exact = codec == "libx264"  # frames of MP4 are decoded one by one, others are reached by the browser's player
    clip = write_clip(tmp_path / f"=clip, of two.{'mp4' if exact else 'webm'}", demo_frames(12), codec=codec)
    with opened(folder) as static:
        static.open().page.get_by_label("frames of a video per second").select_option("30" if exact else "10")
        static.page.set_input_files("input[type=file]", str(clip))
        static.page.locator("[data-state=done]").wait_for(timeout=OPENED)
        (path := tmp_path / "saved.csv").write_text(static.table_text(), encoding="utf-8")
        assert static.problems == []
        assert static.elsewhere() == []
    table = read_table(path)
    assert table.source == f"./{clip.name}"
    assert sorted(set(table.face_id.tolist())) == [0, 1]
    if not exact:
        assert len(np.unique(table.time)) == 5  # 12 of 25 frames a second, 10 of them each second
        return
    assert table.frame.tolist() == [frame for frame in range(1, 13) for _ in range(2)]
    assert np.allclose(table.time, (table.frame - 1) / 25, atol=1e-3)
    with aufait.Detector(finder="builtin", model="compact", threads=1) as detector:
        expected = list(detector.stream(clip))
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    found = differences(rows, tuple(expected[int(row["frame"]) - 1].faces[int(row["face_id"])] for row in rows))
    for what, limit in (("probability", PROBABILITY), ("intensity", INTENSITY), ("place", PLACE)):
        assert (found[what] <= limit).mean() >= STEADY, (what, np.sort(found[what])[-40:])
    assert found["probability"].max() <= UNSTEADY
    assert found["place"].max() <= 5 * PLACE


def test_a_camera_is_followed_until_it_is_stopped(folder: Path, tmp_path: Path) -> None:
    camera = write_clip(tmp_path / "camera.mjpeg", demo_frames(10, one_face=True))
    with opened(folder, camera=camera) as static:
        static.open().page.get_by_role("button", name="Use the camera").click()
        static.page.get_by_text("frames/s").wait_for(timeout=OPENED)
        static.page.locator("table[data-face]").wait_for(timeout=OPENED)
        static.page.get_by_role("button", name="Stop").click()
        static.page.locator("[data-state=done]").wait_for(timeout=OPENED)
        rows = static.table()
        assert static.problems == []
        assert static.elsewhere() == []
    times = [float(row["timestamp"]) for row in rows]
    assert len(rows) >= 3
    assert times == sorted(times)
    assert any(row["success"] == "1" and float(row["AU12_p"]) >= 0 for row in rows)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("WebAssembly.validate = () => false", "no WebAssembly with vectors"),
        ("delete globalThis.OffscreenCanvas", "OffscreenCanvas"),
    ],
)
def test_a_browser_that_cannot_run_the_networks_is_told_so(folder: Path, script: str, said: str) -> None:
    with opened(folder, script=script) as static:
        static.page.goto(static.address)
        assert said in static.page.get_by_role("alert").inner_text(timeout=OPENED)


def test_damaged_files_of_the_page_are_named(folder: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(folder, tmp_path / "page")
    network = broken / "models" / "detector.onnx"
    network.write_bytes(network.read_bytes()[:-1] + b"?")
    with opened(broken) as static:
        static.page.goto(static.address)
        said = static.page.get_by_role("alert").inner_text(timeout=OPENED)
        assert "models/detector.onnx is not the file that models.json names" in said
        (broken / MODELS_FILE).unlink()
        static.page.goto(static.address)
        assert "models.json cannot be read (404)" in static.page.get_by_role("alert").inner_text(timeout=OPENED)


def test_what_is_neither_a_picture_nor_a_video_is_refused_in_a_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("no picture", encoding="utf-8")
    (tmp_path / "empty.mp4").write_bytes(b"")
    with opened(folder, permissions=[]) as static:
        static.open()
        for name in ("notes.jpg", "empty.mp4"):
            static.page.set_input_files("input[type=file]", str(tmp_path / name))
            static.page.get_by_role("alert").get_by_text(f"{name} is neither a picture nor a video").wait_for(timeout=OPENED)
        static.page.get_by_role("button", name="Use the camera").click()
        static.page.get_by_role("alert").get_by_text("camera").wait_for(timeout=OPENED)


def test_the_page_fits_a_phone_and_is_dark_where_the_system_is(folder: Path, pictures: dict[str, Path]) -> None:
    with opened(folder, viewport={"width": 390, "height": 844}, color_scheme="dark") as static:
        static.open().analyse(pictures["two.png"])
        assert static.page.evaluate("document.documentElement.scrollWidth") <= 390
        assert static.page.evaluate("document.documentElement.dataset.theme") == "dark"
        static.page.get_by_role("button", name="Face 1").press("Enter")
        assert static.page.locator("table[data-face='1']").count() == 1


@pytest.mark.slow
def test_ten_frames_with_a_face_are_analysed_each_second(folder: Path, tmp_path: Path) -> None:
    busy = os.getloadavg()[0]
    if busy > (os.cpu_count() or 2) / 2:
        pytest.skip(f"other programs keep this machine busy (load {busy:.1f}): speed says nothing now")
    clip = write_clip(tmp_path / "clip.mp4", demo_frames(150, one_face=True))
    with opened(folder) as static:
        static.open().page.get_by_label("frames of a video per second").select_option("30")
        begun = time.monotonic()
        rows = static.analyse(clip)
        took = time.monotonic() - begun
    assert len(rows) == 150
    assert len(rows) / took >= 10, f"{len(rows)} frames in {took:.1f} s: {len(rows) / took:.1f} frames/s"
