"""A detector over the pictures of a data set: who is scored, what a missing face counts as, and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, textured, write_clip, write_picture
from networks import Echo, EchoConfig
from typer.testing import CliRunner

from aufait.cli.app import app
from aufait.data import open_dataset
from aufait.detection import detector as detector_module
from aufait.detection.detector import Detector
from aufait.errors import InputError
from aufait.evaluation import Predictions
from aufait.evaluation.predict_pictures import predict_pictures


def table(folder: Path, *, faceless: int = 0) -> Path:
    """Eight pictures of four people: AU12 is present in the bright ones, with intensities; some pictures are plain."""
    lines = ["path,subject,AU12_c,AU12_r,AU01_c"]
    for number in range(8):
        bright = number % 2
        name = f"p{number}.png"
        plain = np.full((64, 96, 3), 90, np.uint8)
        write_picture(folder / name, plain if number < faceless else textured(brightness=200 if bright else 40))
        lines.append(f"{name},S{number // 2},{bright},{4 * bright},0")
    path = folder / "labels.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def detector() -> Detector:
    return Detector(finder=FakeFinder(), model=FakePredictor(), device="cpu")


def test_every_labelled_picture_is_scored_next_to_its_label(tmp_path: Path) -> None:
    found = predict_pictures(detector(), open_dataset("csv", table(tmp_path)))
    assert found.action_units == (1, 12) and len(found) == 8 and found.intensity is not None
    order = found.action_units.index(12)
    bright = found.probability[:, order] > 0.5
    np.testing.assert_array_equal(bright, found.occurrence[:, order] == 1)
    assert found.about["notes"] == []


def test_pictures_without_a_face_count_as_showing_nothing_and_are_counted(tmp_path: Path) -> None:
    found = predict_pictures(detector(), open_dataset("csv", table(tmp_path, faceless=2)))
    assert len(found) == 8
    assert (found.probability[found.probability.sum(1) == 0] == 0).all() and (found.probability.sum(1) == 0).sum() == 2
    assert "In 2 of 8 pictures no face was found" in found.about["notes"][0]


def test_a_network_without_intensities_gives_predictions_without_them(tmp_path: Path) -> None:
    model = Echo(EchoConfig(action_units=(12, 25)))
    with Detector(finder=FakeFinder(), model=model, device="cpu") as ready:
        found = predict_pictures(ready, open_dataset("csv", table(tmp_path)))
    assert found.action_units == (12,) and found.intensity is None


def test_units_that_the_model_does_not_score_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not AU 4; score the shared ones"):
        predict_pictures(detector(), open_dataset("csv", table(tmp_path)), action_units=(4, 12))


def test_frames_of_a_video_are_followed_in_order(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 12, brightness=180)
    lines = ["video,frame,subject,AU12_c"] + [f"clip.mp4,{frame},S1,1" for frame in range(3, 9)]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = predict_pictures(detector(), open_dataset("csv", tmp_path / "labels.csv"))
    assert found.frame.tolist() == list(range(3, 9)) and (found.probability > 0.5).all()


def test_the_command_evaluates_a_model_on_a_table_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: FakePredictor())
    path, out = table(tmp_path), tmp_path / "report"
    words = ["evaluate", "default", "--data", f"csv={path}", "-o", str(out), "--draws", "20", "--device", "cpu"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    found = Predictions.load(out / "predictions.npz")
    assert found.about["model"] == "fake-model" and found.about["split"] == "all"
    text = (out / "report.md").read_text(encoding="utf-8")
    assert "cannot be checked" in text and "All labelled frames" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "default", "--cache", "x", "-o", "out"], "reads pictures, not prepared faces"),
        (["evaluate", "default", "--data", "labels.csv", "-o", "out"], "--data takes NAME=ROOT"),
        (["evaluate", "defualt", "--data", "csv={table}", "-o", "out"], "did you mean 'default'"),
        (["evaluate", "default", "--data", "csv={table}", "--fold", "2", "-o", "out"], "parts of a protocol"),
        (["evaluate", "default", "--data", "disffa=x", "-o", "out"], "did you mean 'disfa'"),
    ],
)
def test_wrong_use_is_answered_with_the_right_one(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [word.format(table=path) for word in words])
    assert done.exit_code != 0
    assert message in " ".join((done.output + str(done.exception)).split())
