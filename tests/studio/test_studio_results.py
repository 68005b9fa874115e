"""Lanes and overlay against what is computed plainly from the same rows; media; frames."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finished_studio import RATE, UNITS, _write_table

from aufait.studio.arrays import Arrays, write_arrays
from aufait.studio.lanes import lanes_json, make_lanes
from aufait.studio.overlay import faces_json, rows_between

FRAMES = 500


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Arrays:
    """Face 0 is there all the time, face 3 for the first 300 frames."""
    folder = tmp_path_factory.mktemp("arrays")
    random = np.random.default_rng(3)
    faces = {0: np.round(random.uniform(0, 5, FRAMES), 2), 3: np.round(random.uniform(0, 5, 300), 2)}
    write_arrays(_write_table(folder / "result.csv", faces, np.round(random.uniform(0, 1, FRAMES), 2)), folder / "arrays")
    return Arrays(folder / "arrays")


def test_arrays_hold_the_table_of_the_file(arrays: Arrays) -> None:
    from aufait.analysis import read_table

    table, whole = arrays.table("result", "clip.mp4"), read_table(Path(arrays._arrays["time"].filename).parents[1] / "result.csv")
    assert table.action_units == whole.action_units == UNITS and len(table) == len(whole) == FRAMES + 300
    for name in ("time", "frame", "face_id", "confidence", "quality", "probability", "intensity"):
        np.testing.assert_array_equal(getattr(table, name), getattr(whole, name))
    assert [one.face for one in arrays.faces] == [0, 3] and [one.stop - one.start for one in arrays.faces] == [FRAMES, 300]


def lanes(arrays: Arrays, face: int, start: float, end: float, points: int) -> dict[str, Any]:
    rows = arrays.face(face)
    assert rows is not None
    made = make_lanes(arrays, rows, list(range(len(UNITS))), start, end, points)
    return dict(json.loads(lanes_json(arrays, face, UNITS, (start, end), made)))


def test_a_short_window_shows_every_frame_and_where_the_face_is_not(arrays: Arrays) -> None:
    found = lanes(arrays, 3, 11.0, 13.0, 1200)
    times = np.arange(int(11 * RATE), int(13 * RATE) + 1) / RATE
    np.testing.assert_allclose(found["time"], times, atol=1e-4)
    there = times < 300 / RATE
    values = arrays.scores["intensity"][1, arrays.face(3).start : arrays.face(3).stop]
    for place, (time, shown) in enumerate(zip(times, found["units"]["12"]["mean"], strict=True)):
        assert (shown is None) == (not there[place])
        if shown is not None:
            assert shown == pytest.approx(values[round(time * RATE)], abs=6e-4)
    assert found["known"] == [float(one) for one in there] and found["step"] == pytest.approx(1 / RATE)
    assert found["units"]["12"]["low"] is None and found["kind"] == "intensity"


@pytest.mark.parametrize("points", [1, 7, 40, 99])
def test_a_long_window_shows_mean_least_and_most_of_each_stretch(arrays: Arrays, points: int) -> None:
    start, end = 1.3, 18.9
    found = lanes(arrays, 3, start, end, points)
    rows = arrays.face(3)
    times, values = arrays.time[rows.start : rows.stop], arrays.scores["intensity"][1, rows.start : rows.stop]
    all_times = arrays.frame_times[(arrays.frame_times >= start) & (arrays.frame_times <= end)]
    step = (end - start) / points
    assert found["step"] == pytest.approx(step, abs=1e-6) and points <= len(found["time"]) <= points + 1
    for place, middle in enumerate(found["time"]):
        low = round((middle - step / 2) / step) * step
        inside = (times >= max(low, start)) & (times < low + step) & (times <= end)
        frames = ((all_times >= low) & (all_times < low + step)).sum()
        told = [found["units"]["12"][name][place] for name in ("mean", "min", "max")]
        if not inside.any():
            assert told == [None, None, None]
        else:
            some = values[inside]
            assert told == pytest.approx([some.mean(), some.min(), some.max()], abs=1e-3)
        assert found["known"][place] == pytest.approx(inside.sum() / frames if frames else 0, abs=1e-3)


def test_windows_without_anything_are_empty(arrays: Arrays) -> None:
    assert lanes(arrays, 0, 100.0, 200.0, 50)["time"] == []
    assert json.loads(faces_json(arrays, rows_between(arrays, 100.0, 101.0)))["frames"] == []


def test_scores_that_are_not_known_do_not_count() -> None:
    from aufait.studio.lanes import _mean

    values = np.array([[1.0, np.nan, 3.0, np.nan, np.nan, 4.0]], np.float32)
    np.testing.assert_array_equal(_mean(values, np.array([0, 3, 5])), np.array([[2.0, np.nan, 4.0]], np.float32))


def test_the_overlay_holds_every_face_of_every_frame(arrays: Arrays) -> None:
    found = json.loads(faces_json(arrays, rows_between(arrays, 11.9, 12.1)))
    assert found["action_units"] == list(UNITS)
    assert [round(one["time"] * RATE) for one in found["frames"]] == [298, 299, 300, 301, 302]
    assert [[face["face"] for face in one["faces"]] for one in found["frames"]] == [[0, 3], [0, 3], [0], [0], [0]]
    face = found["frames"][0]["faces"][0]
    row = arrays.face(0).start + 298
    assert face["box"] == pytest.approx(arrays.box[row].tolist(), abs=0.051)
    assert len(face["landmarks"]) == 136 and face["landmarks"][::2] == pytest.approx(arrays.landmarks[row, ::2] / arrays.scale)
    assert face["intensity"] == pytest.approx(arrays.scores["intensity"][:, row].tolist(), abs=1e-3)
    assert face["left"] == [None, None] and face["quality"] == pytest.approx(float(arrays.quality[row]), abs=1e-3)


def test_landmarks_of_large_pictures_keep_what_fits() -> None:
    from aufait.studio.arrays import NOWHERE, _scaled

    for largest, scale in ((1920.0, 10), (4000.0, 5), (7680.0, 2), (20_000.0, 1)):
        stored, found = _scaled(np.array([[largest, -3.0, np.nan]]))
        assert found == scale and stored[0, 2] == NOWHERE
        assert stored[0, :2] / found == pytest.approx([largest, -3.0], abs=0.5 / scale)


def test_lanes_over_the_api(served: Any) -> None:
    whole = served.get("lanes", units="12").json()
    assert whole["face"] == served.recording["faces"][0]["face"] and list(whole["units"]) == ["12"] and len(whole["time"]) == 75
    assert max(whole["units"]["12"]["mean"]) > 3.5 and min(whole["units"]["12"]["mean"]) < 1.0
    for query in (
        {"units": "6"}, {"units": "x"}, {"units": ","}, {"start": 3, "end": 1}, {"start": "nan"}, {"points": 0}, {"points": 10**9},
        {"end": "inf"}, {"start": "1e999"},
    ):  # fmt: skip
        answer = served.get("lanes", **query)
        assert answer.status_code == 422 and answer.json()["error"]["message"].endswith("."), query
    assert served.get("lanes", face=99).json()["error"]["code"] == "unknown_face"
    assert served.get("faces", start=0, end=21).status_code == 422
    assert served.get("faces", start=2, end=1).status_code == 422
    assert len(served.get("faces", start=0, end=1).json()["frames"]) == 26


def test_media_understands_ranges(served: Any) -> None:
    whole = served.get("media")
    assert whole.headers["content-type"] == "video/mp4" and whole.headers["accept-ranges"] == "bytes"
    part = served.client.get(f"{served.place}/media", headers={"Range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == whole.content[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    end = served.client.get(f"{served.place}/media", headers={"Range": "bytes=-5"})
    assert end.status_code == 206 and end.content == whole.content[-5:]
    for odd in ("bytes=99999999-", "bytes=5-1", "bytes=a-b", "bytes=" + "0-1," * 3000 + "0-1", "x" * 5000):
        answer = served.client.get(f"{served.place}/media", headers={"Range": odd})
        assert answer.status_code in (200, 206, 400, 416), odd[:20]
        if answer.status_code >= 400:
            assert answer.json()["error"]["message"]


def test_frames_are_those_of_the_time_and_crops_are_round_the_face(served: Any) -> None:
    from PIL import Image

    def brightness(**query: Any) -> float:
        answer = served.get("frame", **query)
        assert answer.headers["content-type"] == "image/jpeg"
        return float(np.asarray(Image.open(io.BytesIO(answer.content)).convert("L")).mean())

    assert brightness(time=0.5) < 60 < 150 < brightness(time=1.5) and brightness(time=99.0) < 60
    face = served.recording["faces"][0]["face"]
    whole, crop = (Image.open(io.BytesIO(served.get("frame", time=1.5, **more).content)).size for more in ({}, {"face": face}))
    assert whole == (96, 64) and crop[0] < 96
    assert Image.open(io.BytesIO(served.get("thumbnail").content)).size == (96, 64)
    assert served.get("frame", time=1.5, face=99).json()["error"]["code"] == "unknown_face"
    assert served.get("frame", time=50, face=face).status_code in (200, 404)
    for query in ({"time": "nan"}, {"width": 0}, {"width": 10**9}, {"time": "1e300"}):
        assert served.get("frame", **query).status_code == 422


def test_about_tells_what_a_page_needs(served: Any) -> None:
    about = served.client.get("/api/about").json()
    units = {one["unit"]: one for one in about["action_units"]}
    assert units[12]["muscles"] == "zygomaticus major" and units[12]["points"][0][0] > 0.5 > units[12]["points"][1][0]
    points = np.array([point for one in about["action_units"] for point in one["points"]])
    assert points.min() > 0 and points.max() < 1
    assert about["limits"] == {"upload_bytes": 3_000_000} and about["model"] == "fake-model" and "abrnet" in about["networks"]
    assert {one["format"] for one in about["exports"]} >= {"csv", "elan", "boris", "bids", "annotated", "report"}


def test_the_description_of_the_api_is_whole_and_the_page_of_it_loads_nothing(served: Any) -> None:
    described = served.client.get("/api/openapi.json").json()
    assert {"/api/recordings", "/api/recordings/{identity}/lanes", "/api/recordings/{identity}/export"} <= set(described["paths"])
    page = served.client.get("/api/docs")
    assert page.headers["content-type"].startswith("text/html") and "https://" not in page.text and "<script" not in page.text
    assert "/api/recordings/{identity}/lanes" in page.text


def test_the_page_is_served_and_nothing_beside_it(tmp_path: Path) -> None:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from aufait.studio.answers import handle_errors
    from aufait.studio.routes.page import router

    pages = tmp_path / "pages"
    (pages / "assets").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    app = FastAPI()
    handle_errors(app)
    app.include_router(router(pages=pages))
    client = TestClient(app)
    assert "make web" in client.get("/").text
    (pages / "index.html").write_text("<p>hello")
    (pages / "assets" / "index-1.js").write_text("1")
    (pages / "link").symlink_to(tmp_path / "secret.txt")
    assert client.get("/").text == "<p>hello"
    script = client.get("/assets/index-1.js")
    assert script.headers["content-type"].startswith("text/javascript") and "immutable" in script.headers["cache-control"]
    outside = ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/link", "//etc/passwd")
    for path in (*outside, "/assets", "/%00", "/api/x"):
        assert client.get(path).status_code == 404, path
