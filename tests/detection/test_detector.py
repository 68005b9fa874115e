"""Detector: results, order, errors and manners (threads, locks, files)."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakes import FakeFinder, FakePredictor, write_clip, write_picture
from PIL import Image

from aufait.detection.detector import Detector
from aufait.errors import InputError, InputWarning
from aufait.faces.face import Face
from aufait.machine import resolve_device
from aufait.results import FrameAnalysis


@dataclass(frozen=True)
class Frame:
    """What the video reader yields."""

    index: int
    timestamp: float
    image: np.ndarray
    corrupt: bool = False


def textured(brightness: int = 128) -> np.ndarray:
    image = np.full((60, 80, 3), brightness, dtype=np.uint8)
    image[::2, ::2] += 10
    return image


def frames(count: int) -> Iterator[Frame]:
    for index in range(count):
        yield Frame(index, index * 0.04, textured(10 + index % 200))


@pytest.fixture
def detector() -> Iterator[Detector]:
    with Detector(finder=FakeFinder(), model=FakePredictor(), device="cpu") as made:
        yield made


def test_image_gives_one_result_with_all_scores(detector: Detector) -> None:
    result = detector.analyze_image(textured())
    assert (result.source, result.frame, result.timestamp, result.size) == ("array", 1, 0.0, (80, 60))
    (face,) = result.faces
    assert face.face_id == 0
    assert face.action_units == (1, 12)
    assert face.probability[1] == pytest.approx(textured().mean() / 255)
    assert 0 <= face.quality <= 1


def test_image_without_a_face_gives_an_empty_result(detector: Detector) -> None:
    assert detector.analyze_image(np.zeros((20, 20, 3), np.uint8)).faces == ()


def test_frames_keep_their_order_time_and_track(detector: Detector) -> None:
    results = [frame.analysis for frame in detector.follow(frames(40), source="clip")]
    assert [result.frame for result in results] == list(range(1, 41))
    assert [result.timestamp for result in results] == pytest.approx([0.04 * index for index in range(40)])
    assert {face.face_id for result in results for face in result.faces} == {7}
    # every result belongs to its own picture
    brightness = [float(result.faces[0].probability[1]) for result in results]
    assert brightness == sorted(brightness)


def test_video_and_image_give_the_same_scores(detector: Detector) -> None:
    image = textured()
    single = detector.analyze_image(image).faces[0]
    (frame,) = detector.follow([Frame(0, 0.0, image)], source="clip")
    np.testing.assert_array_equal(frame.analysis.faces[0].probability, single.probability)


def test_damaged_frame_is_reported_and_the_rest_goes_on(detector: Detector) -> None:
    clip = [Frame(0, 0.0, textured()), Frame(1, 0.1, textured(), corrupt=True), Frame(2, 0.2, textured())]
    errors = [frame.analysis.error for frame in detector.follow(clip, source="clip")]
    assert errors[0] is None and errors[2] is None and "damaged" in errors[1]


def test_error_while_reading_reaches_the_caller(detector: Detector) -> None:
    def broken() -> Iterator[Frame]:
        yield from frames(3)
        raise InputError("the file ends early")

    seen: list[int] = []
    with pytest.raises(InputError, match="ends early"):
        seen.extend(frame.analysis.frame for frame in detector.follow(broken(), source="clip"))
    assert seen == [1, 2, 3]


def test_leaving_a_stream_early_frees_the_detector_and_its_threads(detector: Detector) -> None:
    stream = detector.follow(frames(1000), source="clip")
    next(stream)
    with pytest.raises(RuntimeError, match="another video"):
        next(detector.follow(frames(2), source="other"))
    stream.close()
    assert len(list(detector.follow(frames(2), source="other"))) == 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("aufait-")]


def test_finder_forgets_one_video_before_the_next() -> None:
    finder = FakeFinder()
    detector = Detector(finder=finder, model=FakePredictor(), device="cpu")
    for _ in range(2):
        list(detector.follow(frames(2), source="clip"))
    assert finder.resets == 2


def test_callers_finder_stays_open(detector: Detector) -> None:
    finder = FakeFinder()
    with Detector(finder=finder, model=FakePredictor(), device="cpu"):
        pass
    assert not finder.closed


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_torch_thread_count_of_the_caller_is_left_alone(threads: int | None) -> None:
    before = torch.get_num_threads()
    detector = Detector(finder=FakeFinder(), model=FakePredictor(), device="cpu", threads=threads)
    for _ in detector.follow(frames(5), source="clip"):
        assert torch.get_num_threads() == before
    detector.analyze_image(textured())
    assert torch.get_num_threads() == before


def test_batch_equals_one_by_one(detector: Detector) -> None:
    pictures = np.stack([textured(20), textured(90)])
    together = detector.detect(pictures)
    single = [detector.analyze_image(picture) for picture in pictures]
    assert len(together) == 2
    for left, right in zip(together, single, strict=True):
        np.testing.assert_array_equal(left.faces[0].intensity, right.faces[0].intensity)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_batch_size_changes_nothing(batch_size: int) -> None:
    def run(size: int) -> list[FrameAnalysis]:
        detector = Detector(finder=FakeFinder(count=2), model=FakePredictor(), device="cpu", batch_size=size)
        clip = [*frames(7), Frame(7, 0.3, np.zeros((20, 20, 3), np.uint8)), *frames(3)]
        return [frame.analysis for frame in detector.follow(clip, source="clip")]

    for left, right in zip(run(batch_size), run(1), strict=True):
        assert (left.frame, left.timestamp, len(left)) == (right.frame, right.timestamp, len(right))
        for one, other in zip(left.faces, right.faces, strict=True):
            np.testing.assert_array_equal(one.probability, other.probability)


def test_frames_of_a_live_source_do_not_wait_for_others() -> None:
    seen = threading.Event()

    def camera() -> Iterator[Frame]:
        first, second, third = frames(3)
        yield first
        yield second
        seen.wait(10)
        yield third

    with Detector(finder=FakeFinder(), model=FakePredictor(), device="cpu", batch_size=8) as detector:
        results = detector.follow(camera(), source="camera")
        assert [next(results).analysis.frame, next(results).analysis.frame] == [1, 2]
        assert not seen.is_set()  # a whole batch would have waited for the third frame, which waits for this
        seen.set()
        assert [frame.analysis.frame for frame in results] == [3]


def test_frames_of_a_file_are_scored_in_whole_batches() -> None:
    class Clip(list[Frame]):
        live = False

    class Counting(FakePredictor):
        def predict_faces(self, images: list[np.ndarray], faces: list[list[Face]]) -> object:
            sizes.append(len(images))
            return self.predict(images[0], np.stack([face.landmarks for group in faces for face in group]))

    sizes: list[int] = []
    with Detector(finder=FakeFinder(), model=Counting(), device="cpu", batch_size=4) as detector:
        assert len(list(detector.follow(Clip(frames(10)), source="clip"))) == 10
    assert sizes == [1, 4, 4, 1]


def test_batched_crops_of_the_real_network_score_as_single_frames() -> None:
    from aufait.models.default.network import AUNetwork
    from aufait.models.default.predictor import AUPredictor

    torch.manual_seed(0)
    predictor = AUPredictor(AUNetwork())

    def run(size: int) -> list[FrameAnalysis]:
        detector = Detector(finder=FakeFinder(count=2), model=predictor, device="cpu", batch_size=size)
        return [frame.analysis for frame in detector.follow(frames(5), source="clip")]

    for left, right in zip(run(4), run(1), strict=True):
        for one, other in zip(left.faces, right.faces, strict=True):
            np.testing.assert_allclose(one.probability, other.probability, atol=1e-5)
            np.testing.assert_allclose(one.intensity_left, other.intensity_left, atol=1e-4)


def test_several_faces_get_different_numbers() -> None:
    detector = Detector(finder=FakeFinder(count=3), model=FakePredictor(), device="cpu")
    assert [face.face_id for face in detector.analyze_image(textured()).faces] == [0, 1, 2]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4), np.uint8), r"shape \(H, W, 3\)"),
        (np.zeros((4, 4, 4), np.uint8), r"shape \(H, W, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(H, W, 3\)"),
        (np.zeros((4, 4, 3), np.float32), "uint8"),
    ],
)
def test_wrong_array_is_refused_with_the_reason(detector: Detector, image: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        detector.analyze_image(image)
    kept = detector.detect([image], on_error="keep")
    assert kept[0].error and not kept[0].faces


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_faces": 0}, "max_faces"),
        ({"min_confidence": 1.5}, "min_confidence"),
        ({"threads": 0}, "threads"),
        ({"batch_size": 0}, "batch_size"),
        ({"device": "cuda:99"}, "cpu"),
        ({"device": "gpu"}, "device must be"),
    ],
)
def test_wrong_option_is_refused_with_the_reason(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Detector(finder=FakeFinder(), model=FakePredictor(), **{"device": "cpu", **options})  # type: ignore[arg-type]


def test_auto_device_exists() -> None:
    assert torch.device(resolve_device("auto")).type in ("cpu", "cuda", "mps")


def test_settings_name_everything_that_decides_the_numbers(detector: Detector) -> None:
    settings = detector.settings
    assert settings["finder"] == "fake"
    assert settings["model"] == "fake-model"
    assert len(settings["model_sha256"]) == 64
    assert settings["action_units"] == [1, 12]


def test_settings_name_the_finders_model_files() -> None:
    from aufait.detection.detector import finder_models

    models = finder_models("builtin")
    assert set(models) == {"face_detector", "face_landmarks"}
    assert all(len(digest) == 64 for digest in models.values())
    assert finder_models("a finder of one's own") == {}


def test_detector_works_in_a_forked_process_after_its_parent_used_threads() -> None:
    """In a separate process: a child that waits for threads it does not have would wait for ever."""
    script = """
import os, sys
import numpy as np
from aufait import Detector

image = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
detector = Detector(finder="builtin", threads=2, min_confidence=0.0)
detector.analyze_image(image)
child = os.fork()
if child == 0:
    detector.analyze_image(image)
    os._exit(7)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    assert subprocess.run([sys.executable, "-c", script], timeout=180, check=False).returncode == 7


def as_bytes(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    "convert",
    [Image.fromarray, as_bytes, torch.from_numpy, lambda image: torch.from_numpy(image).permute(2, 0, 1), lambda image: [image]],
    ids=["pillow", "bytes", "tensor", "tensor with channels first", "list"],
)
def test_pictures_of_every_kind_give_the_result_of_the_array(detector: Detector, convert: Callable[[np.ndarray], Any]) -> None:
    picture = textured()
    (expected,) = detector.detect(picture)
    (result,) = detector.detect(convert(picture))
    np.testing.assert_array_equal(result.faces[0].probability, expected.faces[0].probability)
    if not isinstance(convert(picture), list):
        assert detector.analyze_image(convert(picture)).size == expected.size


def test_a_batch_of_tensors_gives_a_result_each(detector: Detector) -> None:
    assert len(detector.detect(torch.from_numpy(np.stack([textured()] * 3)).permute(0, 3, 1, 2))) == 3


@pytest.mark.parametrize("wrong", [None, 3, {"image": 1}, object(), torch.zeros(3, 8, 8), b"words"])
def test_what_is_no_picture_is_an_input_error(detector: Detector, wrong: object) -> None:
    with pytest.raises(InputError):
        detector.detect(wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        detector.analyze_image(wrong)  # type: ignore[arg-type]


def test_home_folder_may_be_written_with_a_tilde(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_picture(tmp_path / "a.png")
    write_clip(tmp_path / "a.mp4", 2)
    assert detector.analyze_image("~/a.png").has_face
    assert len(detector.detect(["~/a.png", "~/a.mp4"])) == 3
    assert len(list(detector.stream("~/a.mp4"))) == 2


def test_oddities_of_a_file_come_as_warnings(detector: Detector, tmp_path: Path) -> None:
    pages = [Image.fromarray(textured(brightness)) for brightness in (20, 90, 160)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.warns(InputWarning, match="holds 3 pictures"):
        assert detector.analyze_image(tmp_path / "a.tif").has_face
    assert [frame.timestamp for frame in detector.stream(tmp_path / "a.tif")] == pytest.approx([0, 0.1, 0.2])
    with pytest.raises(InputError, match="got list"):
        next(iter(detector.stream([tmp_path / "a.tif"])))  # type: ignore[arg-type]
