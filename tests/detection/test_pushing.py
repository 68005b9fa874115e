"""Frames pushed one by one give what a stream gives of the same frames, for models that answer at once and for those that wait."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, textured, write_clip
from networks import BeforeAndAfter, BeforeAndAfterConfig

from aufait.detection.detector import Detector
from aufait.errors import InputError
from aufait.media.sources import demo_clip
from aufait.media.video import open_video
from aufait.results import FrameAnalysis


@pytest.fixture
def detector() -> Iterator[Detector]:
    with Detector(finder=FakeFinder(count=2), model=FakePredictor(), device="cpu") as made:
        yield made


def waiting_model() -> BeforeAndAfter:
    """Reads an earlier and a later frame."""
    return BeforeAndAfter(BeforeAndAfterConfig(action_units=(1, 2, 4)))


def pushed(detector: Detector, path: Path) -> list[FrameAnalysis]:
    results: list[FrameAnalysis] = []
    with open_video(path) as video:
        for frame in video:
            results += detector.track(frame.image, frame.timestamp, source=str(path))
    return results + detector.finish()


def assert_same(one: list[FrameAnalysis], other: list[FrameAnalysis], tolerance: float = 0.0) -> None:
    assert [(frame.source, frame.frame, frame.timestamp, frame.size) for frame in one] == [
        (frame.source, frame.frame, frame.timestamp, frame.size) for frame in other
    ]
    for left, right in zip(one, other, strict=True):
        assert [face.face_id for face in left.faces] == [face.face_id for face in right.faces]
        for first, second in zip(left.faces, right.faces, strict=True):
            np.testing.assert_allclose(first.probability, second.probability, atol=tolerance)
            np.testing.assert_array_equal(first.landmarks, second.landmarks)
            assert first.quality == second.quality


def test_pushed_frames_give_what_a_stream_gives(detector: Detector, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 9)
    assert_same(pushed(detector, clip), list(detector.stream(clip)))


def test_halves_in_two_threads_give_what_a_stream_gives(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 9)
    with Detector(finder=FakeFinder(count=2), model=waiting_model(), device="cpu") as detector, ThreadPoolExecutor(1) as scoring:
        with open_video(clip) as video:
            found = (detector.find_next(frame.image, frame.timestamp, source=str(clip)) for frame in video)
            ready = [scoring.submit(detector.score_next, frame) for frame in found]
        results = [result for one in ready for result in one.result()]
        assert_same(results + detector.finish(), list(detector.stream(clip)))


def test_a_frame_of_a_video_that_is_over_is_not_scored(detector: Detector) -> None:
    found = detector.find_next(textured(), 0.0)
    detector.reset()
    with pytest.raises(RuntimeError, match="before finish"):
        detector.score_next(found)


def test_shipped_networks_give_what_a_stream_gives() -> None:
    """With real tracks; sums of other groups of frames differ in their last bits."""
    with Detector(finder="builtin", device="cpu") as detector:
        clip = demo_clip()
        results: list[FrameAnalysis] = []
        with open_video(clip) as video:
            for frame in video:
                results += detector.track(frame.image, frame.timestamp, source=str(clip))
                if frame.index == 11:
                    break
        detector.finish()
        stream = detector.stream(clip)
        expected = [next(stream) for _ in range(12)]
        stream.close()
    assert any(frame.faces for frame in expected)
    assert_same(results, expected, 1e-5)


def test_a_model_that_reads_later_frames_answers_late_and_gives_the_rest_at_the_end(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 8)
    with Detector(finder=FakeFinder(), model=waiting_model(), device="cpu") as detector:
        with open_video(clip) as video:
            ready = [[result.frame for result in detector.track(frame.image, frame.timestamp)] for frame in video]
        rest = [result.frame for result in detector.finish()]
        assert ready[0] == [] and rest
        assert [number for group in ready for number in group] + rest == list(range(1, 9))
        assert_same(pushed(detector, clip), list(detector.stream(clip)), 1e-6)


def test_faces_keep_their_number_until_the_video_is_finished() -> None:
    finder = FakeFinder()
    detector = Detector(finder=finder, model=FakePredictor(), device="cpu")
    for _ in range(2):
        for number in range(3):
            (result,) = detector.track(textured(), number / 25)
            assert (result.frame, result.faces[0].face_id) == (number + 1, 7)
        assert detector.finish() == []
    assert finder.resets == 2


def test_reset_forgets_the_video_and_its_late_results() -> None:
    detector = Detector(finder=FakeFinder(), model=waiting_model(), device="cpu")
    detector.track(textured(), 5.0)
    detector.reset()
    assert detector.finish() == []
    detector.track(textured(), 0.0)
    assert [result.frame for result in detector.finish()] == [1]


def test_nothing_tracked_is_nothing_to_finish(detector: Detector) -> None:
    assert detector.finish() == [] and detector.reset() is None


@pytest.mark.parametrize(
    ("time", "words"), [(0.5, "order of time"), (0.4, "order of time"), (np.nan, "finite"), (np.inf, "finite")]
)
def test_time_must_go_on(detector: Detector, time: float, words: str) -> None:
    detector.track(textured(), 0.5)
    with pytest.raises(InputError, match=words):
        detector.track(textured(), time)
    (result,) = detector.track(textured(), 0.6)
    assert result.frame == 2  # the refused frame does not count


def test_one_video_at_a_time(detector: Detector, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 4)
    detector.track(textured(), 0.0)
    with pytest.raises(RuntimeError, match=r"finish\(\)"):
        next(detector.stream(clip))
    with pytest.raises(RuntimeError, match=r"finish\(\)"):
        detector.analyze_image(textured())
    detector.finish()
    stream = detector.stream(clip)
    next(stream)
    with pytest.raises(RuntimeError, match="another video"):
        detector.track(textured(), 0.0)
    stream.close()
    assert len(detector.track(textured(), 0.0)) == 1


def test_a_closed_detector_tracks_nothing() -> None:
    detector = Detector(finder=FakeFinder(), model=FakePredictor(), device="cpu")
    detector.track(textured(), 0.0)
    detector.close()
    with pytest.raises(InputError, match="closed"):
        detector.track(textured(), 1.0)
    assert detector.finish() == []


def test_a_frame_that_is_no_picture_does_not_begin_a_video(detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="uint8"):
        detector.track(np.zeros((8, 8, 3), np.float32), 0.0)
    assert len(list(detector.stream(write_clip(tmp_path / "clip.mp4", 2)))) == 2


def test_a_forked_process_is_told_to_make_its_own_detector(detector: Detector) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    detector.track(textured(), 0.0)
    detector._process, detector._pushed.process = -1, -1  # type: ignore[union-attr] # as seen from a child
    with pytest.raises(InputError, match="in the worker"):
        detector.track(textured(), 1.0)


def test_pushing_starts_no_thread(detector: Detector) -> None:
    before = threading.active_count()
    detector.track(textured(), 0.0)
    assert threading.active_count() == before
