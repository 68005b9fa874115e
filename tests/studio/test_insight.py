"""What the studio answers about finished recordings: strip, summary, plots, comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finished_studio import RATE, add_recording, open_studio
from live_fakes import fake_worker

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
from fastapi.testclient import TestClient

from aufait.studio.insight.strip import spread

SECONDS = 60
TIMES = np.arange(SECONDS * RATE) / RATE
WAVE = 2.5 + 2.4 * np.sin(2 * np.pi * TIMES / 7.0) * np.cos(2 * np.pi * TIMES / 23.0)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    from fastapi import FastAPI

    from aufait.studio import insight
    from aufait.studio.answers import handle_errors
    from aufait.studio.live.pool import Pool

    studio = open_studio(tmp_path_factory.mktemp("studio"))
    quality = np.where(TIMES < 20, 0.1, 0.95)
    later = np.concatenate([np.full(15, WAVE[0]), WAVE[:-15]])  # 0.6 s after the first
    add_recording(studio, 1, {0: WAVE, 3: np.clip(5 - WAVE, 0, 5)}, name="first.mp4", quality=quality)
    add_recording(studio, 2, {0: later}, name="second.mp4")
    add_recording(studio, 3, {0: WAVE[:50]}, name="short.mp4")
    studio.store.add(f"{4:012x}", {"name": "waiting.mp4", "kind": "video"})
    app = FastAPI()
    handle_errors(app)
    app.include_router(insight.router(studio, Pool(2, fake_worker)))
    app.state.studio = studio
    with TestClient(app) as client:
        yield client
    studio.store.close()


def place(number: int) -> str:
    """Where a recording is in the API."""
    return f"/api/recordings/{number:012x}"


def compared(client: TestClient, kind: str, first: int = 1, second: int = 2, **more: Any) -> Any:
    """The answer to a comparison."""
    return client.get("/api/compare", params={"first": f"{first:012x}", "second": f"{second:012x}", "kind": kind, **more})


def test_a_strip_goes_from_weakest_to_strongest_on_good_pictures(client: TestClient) -> None:
    found = client.get(f"{place(1)}/strip", params={"face": 0, "unit": 12, "count": 8}).json()
    frames = found["frames"]
    values = [one["value"] for one in frames]
    assert (found["face"], found["unit"], found["kind"], len(frames)) == (0, 12, "intensity", 8)
    assert values == sorted(values)
    good = WAVE[TIMES >= 20]
    assert values[0] == pytest.approx(good.min(), abs=0.2)
    assert values[-1] == pytest.approx(good.max(), abs=0.2)
    assert np.diff(values).min() > 0.2
    assert min(one["time"] for one in frames) >= 20  # before, the quality is low
    times = sorted(one["time"] for one in frames)
    assert np.diff(times).min() >= 0.5


def test_a_strip_of_a_face_that_never_changes_shows_what_there_is(client: TestClient) -> None:
    frames = client.get(f"{place(1)}/strip", params={"unit": 1}).json()["frames"]
    assert frames
    assert {one["value"] for one in frames} == {1.0}


def test_a_strip_says_what_is_not_there(client: TestClient) -> None:
    for more, code in (({"unit": 45}, "unknown_unit"), ({"unit": 12, "face": 9}, "unknown_face")):
        answer = client.get(f"{place(1)}/strip", params=more)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)
    assert client.get(f"{place(1)}/strip", params={"unit": 12, "count": 0}).status_code == 422
    assert client.get(f"{place(4)}/strip", params={"unit": 12}).json()["error"]["code"] == "not_ready"


def test_chosen_frames_are_spread_over_values_and_time() -> None:
    time = np.arange(1000) / 25
    value = np.tile(np.linspace(0, 5, 100), 10)
    rows = spread(time, value, np.ones(1000), 6)
    assert np.allclose(value[rows], np.linspace(0, 5, 6), atol=0.3)
    assert np.diff(np.sort(time[rows])).min() > 1
    assert len(spread(time[:1], value[:1], np.ones(1), 6)) == 1
    assert len(spread(time[:0], value[:0], np.ones(0), 6)) == 0


def test_a_summary_has_intervals_and_says_what_its_measures_mean(client: TestClient) -> None:
    found = client.get(f"{place(2)}/summary").json()
    rows = {row["measure"]: row for row in found["rows"] if (row["face"], row["unit"]) == (0, 12)}
    mean = rows["intensity_mean"]
    assert mean["value"] == pytest.approx(WAVE[:-15].mean(), abs=0.05)
    assert mean["low"] < mean["value"] < mean["high"]
    assert rows["events"]["value"] >= 3
    assert rows["events"]["low"] is None  # a number that was counted
    meant = {one["measure"] for one in found["measures"]}
    assert set(rows) <= meant
    assert set(found["faces"][0]) - {"face"} <= meant
    assert found["faces"][0]["valid_seconds"] == pytest.approx(60.0, abs=0.1)


def test_a_summary_of_a_stretch_is_about_that_stretch(client: TestClient) -> None:
    found = client.get(f"{place(2)}/summary", params={"start": 10, "end": 15}).json()
    (mean,) = (row["value"] for row in found["rows"] if row["unit"] == 12 and row["measure"] == "intensity_mean")
    inside = (TIMES - 0.6 >= 9.4) & (TIMES - 0.6 < 14.4)
    assert mean == pytest.approx(WAVE[:-15][inside[15:]].mean(), abs=0.05)
    assert found["faces"][0]["seconds"] == pytest.approx(5.0)
    for start, end in ((15, 10), (100, 200)):
        assert client.get(f"{place(2)}/summary", params={"start": start, "end": end}).status_code == 422


def test_two_faces_are_summed_up_apart(client: TestClient) -> None:
    rows = client.get(f"{place(1)}/summary").json()["rows"]
    means = {row["face"]: row["value"] for row in rows if row["unit"] == 12 and row["measure"] == "intensity_mean"}
    good = WAVE[TIMES >= 20]
    assert means[0] == pytest.approx(good.mean(), abs=0.05)
    assert means[3] == pytest.approx((5 - good).mean(), abs=0.05)


@pytest.mark.parametrize("kind", ["timeline", "heatmap", "cooccurrence"])
def test_plots_are_pngs(client: TestClient, kind: str) -> None:
    pytest.importorskip("matplotlib")
    client.app.state.studio.store.replace_all(  # type: ignore[attr-defined]
        "DELETE FROM markers WHERE recording = ?", f"{2:012x}", "INSERT INTO markers VALUES (?, ?, ?, ?)",
        [(f"{2:012x}", 5.0, 9.0, "film")],
    )  # fmt: skip
    answer = client.get(f"{place(2)}/plots/{kind}", params={"units": "12"} if kind == "timeline" else {})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")


def test_a_plot_that_does_not_exist_is_refused_with_a_sentence(client: TestClient) -> None:
    assert client.get(f"{place(2)}/plots/pie").json()["error"]["code"] == "bad_input"
    assert client.get(f"{place(2)}/plots/timeline", params={"units": "six"}).status_code == 422


def test_plots_leave_out_what_was_rejected_and_show_what_was_added(client: TestClient) -> None:
    from aufait.studio.events import events_of, write_event
    from aufait.studio.insight.plots import kept_events

    studio = client.app.state.studio  # type: ignore[attr-defined]
    recording = f"{3:012x}"
    before = events_of(studio.store, recording)
    assert before
    write_event(studio.store, recording, before[0] | {"status": "rejected"}, before[0]["id"])
    added = {"face": 0, "unit": 1, "onset": 0.2, "offset": 0.8, "status": "added", "note": ""}
    write_event(studio.store, recording, added)
    kept = kept_events(studio, recording, studio.table(recording))
    assert [(one.label, one.onset, one.apex) for one in kept if one.label == "AU1"] == [("AU1", 0.2, 0.5)]
    assert len(kept) == len(before)


def test_agreement_has_measures_and_the_stretches_that_differ(client: TestClient) -> None:
    found = compared(client, "agreement", units="12", offset=-0.6).json()
    values = {row["measure"]: row for row in found["measures"]}
    assert values["Cohen's kappa"]["value"] > 0.95
    assert {row["unit"] for row in found["measures"]} == {12}
    apart = compared(client, "agreement", units="12").json()
    kappa = next(row for row in apart["measures"] if row["measure"] == "Cohen's kappa")
    assert kappa["low"] < kappa["value"] < kappa["high"]
    assert kappa["value"] < values["Cohen's kappa"]["value"]
    assert {one["said_by"] for one in apart["stretches"]} == {"first", "second"}
    lengths = [one["end"] - one["start"] for one in apart["stretches"]]
    assert lengths == sorted(lengths, reverse=True)


def test_a_difference_is_the_second_minus_the_first_on_common_times(client: TestClient) -> None:
    found = compared(client, "difference", first_face=0, second_face=0, offset=-0.6, units="12", points=200).json()
    lane = found["units"]["12"]
    assert len(found["time"]) == len(lane["first"]) == len(lane["second"]) == len(lane["difference"]) == 200
    known = [value for value in lane["difference"] if value is not None]
    assert np.abs(known).max() < 0.05  # after the offset they are the same
    assert lane["first"][0] is None  # its quality is low there
    raw = compared(client, "difference", first=2, second=3, units="12", points=10_000).json()
    assert len(raw["time"]) == 50
    assert raw["kind"] == "intensity"


def test_synchrony_finds_the_lag_and_who_is_first(client: TestClient) -> None:
    found = compared(client, "synchrony", units="12").json()
    (row,) = found["rows"]
    assert row["lag"] == pytest.approx(0.6, abs=0.05)
    assert row["correlation"] > 0.9
    assert row["first_leads"] > 0.9
    assert 0 < row["p"] <= 1
    assert "the first is ahead" in found["caption"]


def test_two_that_cannot_be_compared_are_refused_with_a_sentence(client: TestClient) -> None:
    cases = [
        (compared(client, "agreement", 1, 1), "same_face"),
        (compared(client, "agreement", 1, 4), "not_ready"),
        (compared(client, "agreement", 1, 77), "unknown_recording"),
        (compared(client, "synchrony", 1, 3), "bad_input"),
        (compared(client, "difference", 1, 3, offset=500), "bad_input"),
        (compared(client, "agreement", 1, 2, units="45"), "nothing_in_common"),
        (compared(client, "agreement", 1, 2, first_face=8), "unknown_face"),
        (compared(client, "love", 1, 2), "bad_request"),
    ]
    for answer, code in cases:
        assert answer.json()["error"]["code"] == code
        assert answer.status_code in (404, 409, 422)
    assert compared(client, "agreement", 1, 1, first_face=0, second_face=3, units="12").status_code == 200


def test_why_shows_the_face_and_its_map(client: TestClient, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import base64
    import io

    from PIL import Image

    asked = {"time": 0.1, "face": 0, "unit": 12}
    found = client.get(f"{place(3)}/why", params=asked).json()
    assert found["method"] == "occlusion"
    assert found["caption"].startswith("AU12 Lip corner puller, probability ")
    assert found["limits"]
    kind, _, data = found["picture"].partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (568, 280)
    other = client.get(f"{place(3)}/why", params=asked | {"unit": 1}).json()
    assert other["caption"].startswith("AU1 ")


def test_why_says_what_is_not_there(client: TestClient) -> None:
    for more, code in (({"face": 9}, "unknown_face"), ({"time": 50.0}, "no_face"), ({"unit": 45}, "unknown_unit")):
        answer = client.get(f"{place(3)}/why", params={"time": 0.1, "face": 0, "unit": 12, **more})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)


def test_the_server_loads_no_network() -> None:
    import subprocess
    import sys

    code = "import sys, aufait.studio.insight, aufait.studio.live, aufait.analysis.plots; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
