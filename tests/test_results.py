"""Result classes: what they accept, what they refuse, and that they survive a round trip through JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from aufait.faces.face import HeadPose
from aufait.results import FaceAnalysis, FrameAnalysis

UNITS = (1, 12, 25)


def make_face(face_id: int = 0, **changes: object) -> FaceAnalysis:
    values: dict[str, object] = {
        "face_id": face_id,
        "box": [10, 20, 110, 140],
        "confidence": 0.9,
        "landmarks": np.arange(136).reshape(68, 2),
        "pose": HeadPose(translation=np.array([1.0, 2.0, 600.0]), rotation=np.array([0.1, -0.2, 0.0])),
        "action_units": UNITS,
        "probability": [0.1, 0.5, 0.9],
        "intensity": [0.2, 1.5, 4.0],
        "probability_left": [0.1, 0.5, 0.9],
        "probability_right": [0.0, 0.1, 0.9],
        "intensity_left": [0.2, 1.5, 4.0],
        "intensity_right": [0.0, 0.2, 4.0],
        "quality": 0.7,
    }
    return FaceAnalysis(**(values | changes))  # type: ignore[arg-type]


def test_arrays_become_read_only_float32():
    face = make_face()
    assert face.landmarks.dtype == np.float32 and face.probability.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        face.probability[0] = 1


def test_result_does_not_follow_later_changes_of_its_input():
    scores = np.array([0.1, 0.2, 0.3], dtype=np.float32)
    face = make_face(probability=scores)
    scores[:] = 1
    assert face.probability[0] == pytest.approx(0.1)


def test_occurrence_includes_the_threshold():
    assert make_face().occurrence.tolist() == [False, True, True]
    assert make_face().active() == (12, 25)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"landmarks": np.zeros((49, 2))}, r"landmarks must have shape \(68, 2\), got \(49, 2\)"),
        ({"probability": [0.1, 0.2]}, r"probability must have shape \(3,\)"),
        ({"intensity": [0, 0, 5.5]}, r"intensity must be in \[0, 5\]"),
        ({"probability_left": [0, -0.5, 0]}, "probability_left must be"),
        ({"box": [0, 0, np.nan, 1]}, "box must be finite"),
        ({"quality": 1.5}, "quality must be"),
        ({"confidence": float("nan")}, "confidence must be"),
        ({"action_units": (1, 1, 2)}, "must not repeat"),
        ({"face_id": -1}, "face_id must be 0 or more"),
    ],
)
def test_wrong_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        make_face(**changes)


def test_rounding_dust_is_clipped():
    assert make_face(probability=[0, 1.00001, 1]).probability.max() == 1


def test_unknown_action_unit_lists_the_known_ones():
    with pytest.raises(KeyError, match="1, 12, 25"):
        make_face().index(4)


def test_frame_round_trip_through_json():
    frame = FrameAnalysis("clip.mp4", 3, 0.1, (640, 480), (make_face(1), make_face(0, pose=None)), error="corrupt")
    back = FrameAnalysis.from_dict(json.loads(json.dumps(frame.to_dict())))
    assert back.to_dict() == frame.to_dict()
    assert [face.face_id for face in back.faces] == [0, 1]
    assert back.faces[0].pose is None and back.faces[1].pose is not None


def test_unknown_keys_are_refused():
    with pytest.raises(TypeError, match="surprise"):
        FrameAnalysis.from_dict(FrameAnalysis("a.png", 1, 0.0, (1, 1)).to_dict() | {"surprise": 1})


def test_frame_without_faces():
    frame = FrameAnalysis("a.png", 1, 0.0, (4, 4))
    assert not frame.has_face and len(frame) == 0 and frame.main_face() is None and frame.action_units == ()


def test_main_face_is_the_largest():
    frame = FrameAnalysis("a.png", 1, 0.0, (4, 4), (make_face(0), make_face(1, box=[0, 0, 500, 500])))
    main = frame.main_face()
    assert main is not None and main.face_id == 1
    assert frame.face(0) is frame.faces[0] and frame.face(7) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frame": 0}, "counts from 1"),
        ({"timestamp": float("inf")}, "finite"),
        ({"size": (-1, 3)}, "width and height"),
        ({"faces": (make_face(0), make_face(0))}, "differ"),
    ],
)
def test_wrong_frames_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(FrameAnalysis("a.png", 1, 0.0, (4, 4)), **changes)
