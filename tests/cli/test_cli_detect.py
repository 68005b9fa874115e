"""aufait detect: files in, files out, in every combination, with substitutes for the networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, textured, write_clip, write_picture
from typer.testing import CliRunner, Result

from aufait.cli.app import app
from aufait.detection import detector as detector_module
from aufait.detection.tables import read_openface_csv

runner = CliRunner()


@pytest.fixture(autouse=True)
def fake_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: FakePredictor())


def detect(*arguments: object) -> Result:
    result = runner.invoke(app, ["detect", *map(str, arguments)])
    assert "Traceback" not in result.output
    return result


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_video_gives_a_table_with_a_row_per_frame_and_a_record(tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 12), tmp_path / "out"
    result = detect(clip, "-o", out)
    assert result.exit_code == 0, result.output
    assert names(out) == {"clip.csv", "clip.provenance.json"}
    table = read_openface_csv(out / "clip.csv")
    np.testing.assert_array_equal(table["frame"], np.arange(1, 13))
    np.testing.assert_allclose(table["timestamp"], np.arange(12) / 25, atol=1e-3)
    record = json.loads((out / "clip.provenance.json").read_text())
    assert record["completed"] and record["counts"]["frames"] == 12
    assert record["model"]["name"] == "fake-model" and record["finder"] == "fake"
    assert record["inputs"][0]["sha256"] and record["outputs"] == ["clip.csv"]


def test_more_frames_scored_together_give_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, fit = [], detector_module.frames_that_fit
    monkeypatch.setattr(detector_module, "frames_that_fit", lambda most, size: asked.append(most) or fit(most, size))
    clip = write_clip(tmp_path / "clip.mp4", 12)
    for batch in (1, 7):
        assert detect(clip, "-o", tmp_path / str(batch), "--batch", batch).exit_code == 0
        assert batch in asked
    assert (tmp_path / "1" / "clip.csv").read_bytes() == (tmp_path / "7" / "clip.csv").read_bytes()
    assert detect(clip, "-o", tmp_path / "none", "--batch", 0).exit_code == 2


def test_pictures_of_a_call_share_one_table(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg"):
        write_picture(tmp_path / name)
    result = detect(tmp_path / "a.jpg", tmp_path / "b.png", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    table = read_openface_csv(tmp_path / "out" / "images.csv")
    assert [Path(str(source)).name for source in table["source"]] == ["a.jpg", "b.png"]


def test_folder_takes_pictures_and_videos_and_leaves_the_rest(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deeper").mkdir(parents=True)
    write_picture(folder / "a.png")
    write_clip(folder / "v.mp4", 3)
    write_clip(folder / "deeper" / "w.mp4", 3)
    (folder / "notes.txt").write_text("hello")
    assert detect(folder, "-o", tmp_path / "flat").exit_code == 0
    assert names(tmp_path / "flat") == {"images.csv", "images.provenance.json", "v.csv", "v.provenance.json"}
    assert detect(folder, "-r", "-o", tmp_path / "deep").exit_code == 0
    assert "w.csv" in names(tmp_path / "deep")


def test_equal_stems_do_not_collide(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_clip(tmp_path / folder / "clip.mp4", 3)
    result = detect(tmp_path / "a", tmp_path / "b", "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert {"a_clip.csv", "b_clip.csv"} <= names(tmp_path / "out")


def test_every_kind_of_output_is_written_and_recorded(tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 6), tmp_path / "out"
    picture = write_picture(tmp_path / "face.png")
    result = detect(clip, picture, "-o", out, "--parquet", "--annotate", "--plot", "--report")
    assert result.exit_code == 0, result.output
    assert names(out) == {
        "clip.csv",
        "clip.parquet",
        "clip.provenance.json",
        "clip_annotated.mp4",
        "clip_timeline.png",
        "clip_report.html",
        "images.csv",
        "images.parquet",
        "images.provenance.json",
        "face_annotated.png",
        "images_report.html",
    }
    record = json.loads((out / "clip.provenance.json").read_text())
    assert set(record["outputs"]) == {name for name in names(out) if name.startswith("clip")} - {"clip.provenance.json"}


def test_parquet_alone_is_possible(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    assert detect(clip, "-o", tmp_path / "out", "--format", "parquet").exit_code == 0
    assert names(tmp_path / "out") == {"clip.parquet", "clip.provenance.json"}


def test_openface_flags_work(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    folder = tmp_path / "in"
    folder.mkdir()
    write_picture(folder / "a.png")
    result = detect("-f", clip, "-fdir", folder, "-out_dir", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert {"clip.csv", "images.csv"} <= names(tmp_path / "out")


def test_json_progress_is_one_object_per_line(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    result = detect(clip, "-o", tmp_path / "out", "--json-progress")
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert result.stdout == "" and [one["event"] for one in events] == ["progress", "done"]
    assert events[0] | {"item": str(clip), "done": 1, "total": 3, "items_done": 0, "items": 1} == events[0]
    assert set(events[0]) == {
        "event", "item", "text", "done", "total", "frames_per_second", "items_done", "items", "all_frames_per_second",
        "seconds_left",
    }  # fmt: skip
    assert events[-1]["status"] == "ok" and events[-1]["frames"] == 3
    assert events[-1]["items_done"] == 1 and events[-1]["seconds_left"] == 0.0


def test_quiet_prints_nothing_when_all_is_well(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    assert detect(clip, "-o", tmp_path / "out", "-q").output == ""


def test_annotated_video_has_the_frames_and_times_of_the_source(tmp_path: Path) -> None:
    from aufait.media.video import open_video

    clip = write_clip(tmp_path / "clip.mp4", 7)
    assert detect(clip, "-o", tmp_path / "out", "--annotate").exit_code == 0
    with open_video(clip) as before, open_video(tmp_path / "out" / "clip_annotated.mp4") as after:
        assert [f.timestamp for f in before] == pytest.approx([f.timestamp for f in after], abs=1e-3)


def test_many_frames_keep_a_row_each_and_in_order(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 300)
    assert detect(clip, "-o", tmp_path / "out").exit_code == 0
    table = read_openface_csv(tmp_path / "out" / "clip.csv")
    np.testing.assert_array_equal(table["frame"], np.arange(1, 301))


def test_options_reach_the_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    def load_finder(finder: str, path: object, device: str, max_faces: int, min_confidence: float, runtime: Any) -> FakeFinder:
        seen.update(finder=finder, path=path, device=device, max_faces=max_faces, min_confidence=min_confidence)
        seen["runtime"] = runtime.name
        return FakeFinder()

    monkeypatch.setattr(detector_module, "_load_finder", load_finder)
    picture = write_picture(tmp_path / "a.png", textured())
    options = ["--finder", "mesh", "--finder-model", "m.task", "--device", "cpu", "--max-faces", 2]
    result = detect(picture, "-o", tmp_path / "out", *options, "--min-confidence", 0.3)
    assert result.exit_code == 0
    assert seen == {
        "finder": "mesh",
        "path": Path("m.task"),
        "device": "cpu",
        "max_faces": 2,
        "min_confidence": 0.3,
        "runtime": "torch",
    }
