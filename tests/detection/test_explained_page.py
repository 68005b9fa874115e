"""Explanations on the page: which faces, what is shown next to them, and that nothing happens where nobody asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from analysed import Page, make_face, make_frame
from fakes import FakeFinder, textured, write_clip, write_picture
from networks import Echo, EchoConfig, face
from one_eye import LooksAtOneEye
from typer.testing import CliRunner

from aufait.cli.app import app
from aufait.detection import detector as detector_module
from aufait.detection import plan, telling_faces
from aufait.detection.detector import AnalyzedFrame, Detector
from aufait.detection.plan import OutputOptions
from aufait.detection.telling_faces import LONGEST, TellingFaces, explain_telling
from aufait.errors import InputError, MissingExtraError
from aufait.results import FaceAnalysis, FrameAnalysis
from aufait.visualization.results.report import Report


def analyzed(one, image: np.ndarray, scores: list[float], time: float = 0.0, source: str = "clip.mp4") -> AnalyzedFrame:
    found = FaceAnalysis(0, one.box, 0.9, one.landmarks, None, (1, 12), np.array(scores, np.float32))
    return AnalyzedFrame(FrameAnalysis(source, 1, time, image.shape[1::-1], (found,)), image)


def test_the_faces_are_those_on_which_units_are_strongest() -> None:
    image, collected = textured(200, 160), TellingFaces(most=1)
    for time, scores in ((0.0, [0.6, 0.2]), (1.0, [0.9, 0.8]), (2.0, [0.2, 0.82]), (3.0, [0.91, 0.4])):
        collected.add(analyzed(face(), image, scores, time))
    (chosen,) = collected.chosen()
    assert chosen.timestamp == 1.0 and chosen.units == (1, 12)  # what is stronger by a hair replaces nothing
    assert TellingFaces().chosen() == []


def test_what_is_kept_is_small_and_the_points_stay_on_the_face() -> None:
    one, image = face(600, 500, 1500), np.zeros((2400, 2800, 3), np.uint8)
    x, y = one.landmarks[30].round().astype(int)
    image[y - 40 : y + 41, x - 40 : x + 41] = 250
    collected = TellingFaces()
    collected.add(analyzed(one, image, [0.9, 0.1]))
    (kept,) = collected.chosen()
    assert max(kept.picture.shape[:2]) == LONGEST
    rows, columns = np.nonzero(kept.picture[..., 0] > 128)
    np.testing.assert_allclose([columns.mean(), rows.mean()], kept.face.landmarks[30], atol=0.6)


def test_many_frames_keep_one_picture_for_each_unit_at_most() -> None:
    collected = TellingFaces()
    for number in range(200):
        scores = [0.5 + number / 450, 0.9 - number / 450]
        collected.add(analyzed(face(), textured(200, 160), scores, float(number)))
    assert len({id(kept) for _, kept in collected._best.values()}) == 2


def explained(model, scores=(0.9, 0.6)):
    one, image = face(40, 25, 110), textured(200, 160, brightness=60)
    x, y = one.landmarks[36:42].mean(0).round().astype(int)
    image[y - 5 : y + 6, x - 5 : x + 6] = 220
    collected = TellingFaces()
    collected.add(analyzed(one, image, list(scores), 1.5))
    with Detector(finder=FakeFinder(), model=model, device="cpu") as detector:
        return explain_telling(detector, collected.chosen())


def page_with(faces, tmp_path: Path) -> tuple[Page, str]:
    pytest.importorskip("matplotlib")
    report = Report("clip.mp4")
    report.add(make_frame(1, make_face(au12=3)), np.full((40, 60, 3), 90, np.uint8))
    text = report.write(tmp_path / "page.html", explained=faces).read_text(encoding="utf-8")
    return Page(text), text[text.index('id="explanations"') :]


def test_the_page_shows_maps_with_name_score_scale_and_what_they_do_not_mean(tmp_path: Path) -> None:
    page, text = page_with(explained(LooksAtOneEye()), tmp_path)
    words = ("Where the model looked", "occlusion", "log-odds", "Inner brow raiser", "probability 90 %", "10 × 10 places",
             "does not show where a muscle moved", "places are only as fine as the square", "1.50 s")  # fmt: skip
    assert not [word for word in words if word not in text]
    (scale,) = [one for one in page.all("img") if "Colours from 0 to" in str(one["alt"])]
    assert float(str(scale["alt"]).split()[-1]) > 0
    assert all(str(one["src"]).startswith("data:image/") and one["alt"] for one in page.all("img"))
    assert text.count("<figure>") == 3  # the face and two units
    assert f"map up to {str(scale['alt']).split()[-1]}" in text  # full colour is the highest of the maps that are shown
    assert "this picture by itself" in text  # the eye's brightness is not what the table says


def test_a_networks_own_maps_are_named_with_their_own_limits(tmp_path: Path) -> None:
    _, text = page_with(explained(Echo(EchoConfig(action_units=(1, 12)))), tmp_path)
    assert "attention map: where the action unit" in text and "not evidence" in text and "12 × 12 places" in text


class Unwilling:
    """Scores nothing."""

    action_units, name, sha256 = (1, 12), "unwilling", ""

    def predict(self, image: np.ndarray, landmarks: np.ndarray):
        raise InputError("cannot <score> this")


def test_a_face_that_cannot_be_explained_says_why(tmp_path: Path) -> None:
    _, text = page_with(explained(Unwilling()), tmp_path)
    assert "cannot &lt;score&gt; this" in text and "<figure>" not in text


def test_without_action_units_there_is_nothing_to_explain(tmp_path: Path) -> None:
    _, text = page_with([], tmp_path)
    assert "nothing to explain" in text


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: LooksAtOneEye())


@pytest.mark.parametrize("kind", ["clip.mp4", "ann.png"])
def test_the_command_explains_videos_and_pictures(kind: str, tmp_path: Path, faked: None) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / kind
    _ = write_clip(path, 5, brightness=200) if kind.endswith("mp4") else write_picture(path, textured(120, 120, brightness=200))
    done = CliRunner().invoke(app, ["detect", str(path), "--explain", "--quiet", "-o", str(tmp_path / "out"), "--device", "cpu"])
    assert done.exit_code == 0, f"{done.output}\n{done.exception}"
    (page,) = (tmp_path / "out").glob("*_report.html")
    text = page.read_text(encoding="utf-8")
    assert "Where the model looked" in text and "occlusion of AU1 Inner brow raiser" in text


def test_without_the_option_nothing_is_kept_or_explained(
    tmp_path: Path, faked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("nobody asked")

    monkeypatch.setattr(telling_faces, "_kept", never)
    monkeypatch.setattr(telling_faces, "explain_telling", never)
    path = write_clip(tmp_path / "clip.mp4", 4, brightness=200)
    done = CliRunner().invoke(app, ["detect", str(path), "--report", "--quiet", "-o", str(tmp_path / "out"), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "Where the model looked" not in (tmp_path / "out" / "clip_report.html").read_text(encoding="utf-8")


def test_explanations_need_the_page_and_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="shown on the page"):
        OutputOptions(explain=True)
    monkeypatch.setattr(plan, "can_plot", lambda: False)
    with pytest.raises(MissingExtraError, match="aufait\\[plot\\]"):
        plan.check_outputs([], OutputOptions(report=True, explain=True))


def test_a_detector_that_follows_a_video_cannot_explain_meanwhile(tmp_path: Path, faked: None) -> None:
    with Detector(device="cpu") as detector:
        frames = detector.stream(write_clip(tmp_path / "clip.mp4", 6))
        next(frames)
        with pytest.raises(RuntimeError, match="following a video"):
            detector.explain(textured())
        frames.close()  # type: ignore[attr-defined]
        assert detector.explain(textured())
