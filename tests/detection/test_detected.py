"""What a detector returns: a list that makes data frames and pictures, and frames that find their picture again."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, textured, write_clip, write_picture
from PIL import Image

import aufait
from aufait.detection.detected import THUMBNAIL_SIDE, Detections
from aufait.detection.detector import Detector
from aufait.errors import InputError, OutputError
from aufait.media.video import open_video
from aufait.results import FrameAnalysis


@pytest.fixture
def detector() -> Iterator[Detector]:
    with Detector(finder=FakeFinder(), model=FakePredictor(), device="cpu") as made:
        yield made


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", 6)


def test_results_are_still_a_list_of_frames(detector: Detector, clip: Path) -> None:
    results = detector.detect(clip)
    assert isinstance(results, list) and all(isinstance(frame, FrameAnalysis) for frame in results)
    assert [frame.frame for frame in results[1:3]] == [2, 3] and isinstance(results[1:3], Detections)
    assert len(results + results) == 12
    copy = pickle.loads(pickle.dumps(results))
    assert repr(copy) == repr(results) and copy.action_units == (1, 12)
    again = FrameAnalysis.from_dict(results[0].to_dict())
    assert again.faces[0].probability.tolist() == results[0].faces[0].probability.tolist()


def test_printed_results_are_one_line(detector: Detector, clip: Path) -> None:
    assert repr(detector.detect(clip)) == f"Detections(6 frames of {clip}, 6 with a face, 2 action units)"
    assert repr(detector.detect(clip)[0]).startswith("DetectedFrame(")
    assert repr(Detections()) == "Detections(0 frames of nothing, 0 with a face, 0 action units)"


def test_data_frame_of_many_sources(detector: Detector, clip: Path, tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "a.png")
    empty = write_picture(tmp_path / "b.png", np.zeros((30, 40, 3), np.uint8))
    table = detector.detect([clip, picture, empty]).to_dataframe()
    assert list(table["source"].unique()) == [str(clip), str(picture), str(empty)]
    assert len(table) == 8 and table["success"].sum() == 7
    assert len(detector.detect([empty]).to_dataframe(form="long")) == 2  # AU1 and AU12; no sides without a face
    assert len(detector.detect(clip).to_dataframe(form="long")) == 6 * 2 * 3


def test_results_of_one_source(detector: Detector, clip: Path, tmp_path: Path) -> None:
    results = detector.detect([clip, write_picture(tmp_path / "a.png")])
    assert len(results.of(str(clip))) == 6
    with pytest.raises(InputError, match="there are results of"):
        results.of("other.mp4")


def test_pictures_are_kept_where_that_is_asked_for(detector: Detector, clip: Path) -> None:
    large = Image.fromarray(textured(900, 600))
    assert detector.analyze_image(large).thumbnail is None
    kept = detector.analyze_image(large, keep_picture=True)
    assert Image.open(io.BytesIO(kept.thumbnail)).size == (THUMBNAIL_SIDE, round(THUMBNAIL_SIDE * 2 / 3))  # type: ignore[arg-type]
    assert "image/jpeg" in kept._repr_html_() and "image/jpeg" not in detector.analyze_image(large)._repr_html_()
    results = detector.detect(clip, keep_pictures=True)
    assert results._repr_html_().count("<img") == 4
    assert detector.detect(clip)._repr_html_().count("<img") == 0
    assert "thumbnail" not in results[0].to_dict()


def test_cards_of_nothing_and_of_names_with_markup(detector: Detector, tmp_path: Path) -> None:
    assert "0 of 0" in Detections()._repr_html_()
    result = detector.detect([textured()])
    result[0].__dict__["source"] = "<script>"
    assert "<script>" not in result._repr_html_() and "&lt;script&gt;" in result._repr_html_()


def test_annotated_picture_is_the_one_of_the_frame(detector: Detector, tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", textured(400, 300))
    result = detector.analyze_image(path)
    drawn = result.annotate()
    assert drawn.size == (400, 300) and not np.array_equal(np.asarray(drawn), textured(400, 300))
    assert np.array_equal(np.asarray(drawn), np.asarray(result.annotate(textured(400, 300))))


def test_frame_of_a_video_finds_its_picture_again(detector: Detector, clip: Path) -> None:
    frame = detector.detect(clip)[4]
    with open_video(clip) as video:
        images = [shown.image for shown in video]
    assert np.array_equal(np.asarray(frame.annotate()), np.asarray(frame.annotate(images[4])))


def test_a_picture_that_is_not_at_hand_is_asked_for(detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"annotate\(picture\)"):
        detector.analyze_image(textured()).annotate()
    path = write_picture(tmp_path / "a.png")
    result = detector.analyze_image(path)
    write_picture(path, textured(50, 40))
    with pytest.raises(InputError, match="96 x 64"):
        result.annotate()


def test_annotated_copies_of_pictures_and_videos(detector: Detector, clip: Path, tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "a.png")
    results = detector.detect([picture, clip])
    written = results.annotate(tmp_path / "out")
    assert [path.name for path in written] == ["a_annotated.png", "clip_annotated.mp4"]
    with open_video(written[1]) as video:
        assert [frame.timestamp for frame in video] == pytest.approx([frame.timestamp for frame in results[1:]], abs=1e-3)
    with pytest.raises(OutputError):
        results.annotate(tmp_path / "out")
    results.annotate(tmp_path / "out", overwrite=True)


def test_annotated_copy_of_some_frames_holds_those(detector: Detector, clip: Path, tmp_path: Path) -> None:
    (path,) = detector.detect(clip)[2:4].annotate(tmp_path / "out")
    with open_video(path) as video:
        assert len(list(video)) == 2


def test_annotated_copy_keeps_the_sound(detector: Detector, tmp_path: Path) -> None:
    import av

    from aufait.media.sources import demo_clip

    frames = list(Detector(finder=FakeFinder(), model=FakePredictor(), device="cpu").stream(demo_clip()))
    with av.open(str(demo_clip())) as before:
        sounds = len(before.streams.audio)
    (path,) = Detections(frames).annotate(tmp_path)
    with av.open(str(path)) as copy:
        assert len(copy.streams.audio) == sounds


def test_another_file_under_the_name_is_refused(detector: Detector, clip: Path, tmp_path: Path) -> None:
    results = detector.detect(clip)
    write_clip(clip.with_name("short.mp4"), 3).replace(clip)
    with pytest.raises(InputError, match="fewer frames"):
        results.annotate(tmp_path / "out")
    with pytest.raises(InputError, match="follow each other"):
        Detections([results[0], detector.detect(write_picture(tmp_path / "a.png"))[0], results[1]]).annotate(tmp_path / "other")


def test_plots_are_pictures(detector: Detector, clip: Path, tmp_path: Path) -> None:
    results = detector.detect(clip)
    timeline, bars = results.plot(), results[0].plot()
    assert min(timeline.size) > 100 and min(bars.size) > 100
    assert np.asarray(bars.convert("L")).std() > 5
    assert min(detector.analyze_image(np.zeros((30, 40, 3), np.uint8)).plot().size) > 50
    both = detector.detect([clip, write_picture(tmp_path / "a.png")])
    with pytest.raises(InputError, match="one video at a time"):
        both.plot()
    assert both.plot(str(clip)).size == timeline.size
    with pytest.raises(InputError, match="two frames or more"):
        results[:1].plot()


@pytest.mark.parametrize("kind", ["file", "stream", "closed", "text", "empty", "video"])
def test_open_files_are_pictures(detector: Detector, tmp_path: Path, clip: Path, kind: str) -> None:
    path = write_picture(tmp_path / "a.png")
    (expected,) = detector.detect(path)
    if kind in ("file", "stream"):
        with path.open("rb") as file:
            given = file if kind == "file" else io.BytesIO(path.read_bytes())
            (result,) = detector.detect(given)
        assert result.source == (str(path) if kind == "file" else "file")
        np.testing.assert_array_equal(result.faces[0].probability, expected.faces[0].probability)
        return
    wrong = {"closed": io.BytesIO(b"x"), "text": io.StringIO("x"), "empty": io.BytesIO(), "video": io.BytesIO(clip.read_bytes())}[
        kind
    ]
    if kind == "closed":
        wrong.close()
    words = {"closed": "closed", "text": "'rb'", "empty": r"seek\(0\)", "video": "not a picture"}[kind]
    with pytest.raises(InputError, match=words):
        detector.detect(wrong)  # type: ignore[arg-type]
    (kept,) = detector.detect([wrong], on_error="keep")  # type: ignore[list-item]
    assert kept.error


def test_shortcut_returns_the_same(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fakes import use_fakes

    monkeypatch.setattr("aufait.detection.detector._load_finder", None)
    monkeypatch.setattr("aufait.detection.detector.open_predictor", None)
    use_fakes()
    results = aufait.detect(clip, keep_pictures=True)
    assert isinstance(results, Detections) and results[0].thumbnail
