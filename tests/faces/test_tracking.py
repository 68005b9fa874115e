"""Track ids stay with a person through crossings, short losses and detector noise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from aufait.faces.appearance import sketch
from aufait.faces.boxes import keep_best, landmark_boxes, overlap
from aufait.faces.face import Face
from aufait.faces.pose import Camera, project
from aufait.faces.tracking import FaceTracker, assign

SIZE = (640, 360)
SHAPE = project(np.eye(3)[None], np.array([[0.0, 0.0, 700.0]]), Camera.guess(*SIZE))[0]
SHAPE -= SHAPE.mean(axis=0)


def face_at(x: float, y: float, size: float = 80.0, noise: np.random.Generator | None = None) -> Face:
    points = SHAPE / np.ptp(SHAPE[:, 1]) * size + (x, y)
    if noise is not None:
        points = points + noise.normal(0, 0.01 * size, points.shape)
    points = points.astype(np.float32)
    return Face(box=landmark_boxes(points[None])[0], confidence=0.9, landmarks=points)


def picture(heads: list[tuple[Face, tuple[int, int, int]]]) -> np.ndarray:
    """Later heads are drawn over earlier ones."""
    image = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    for face, colour in heads:
        x0, y0, x1, y1 = np.rint(face.box).astype(int)
        grow = (x1 - x0) // 4
        image[max(y0 - grow, 0) : y1 + 2 * grow, max(x0 - grow, 0) : x1 + grow] = colour
    return image


def test_ids_survive_a_crossing_in_which_one_face_hides_the_other() -> None:
    tracker, noise = FaceTracker(), np.random.default_rng(0)
    pale, dark = (225, 190, 170), (90, 60, 45)
    for frame in range(90):
        t = frame / 30.0
        ahead = face_at(100 + 440 * t / 3, 180, noise=noise)
        behind = face_at(540 - 440 * t / 3, 184, noise=noise)
        image = picture([(behind, dark), (ahead, pale)])
        hidden = overlap(ahead.box[None], behind.box[None])[0, 0] > 0.15
        faces = [ahead] if hidden else [ahead, behind]
        ids = [f.track_id for f in tracker.update(faces, t, image)]
        assert ids == [0, 1][: len(ids)], f"frame {frame}: {ids}"


def test_ids_survive_a_crossing_of_people_who_turn_back_half_way() -> None:
    """Motion alone would swap them; their looks do not."""
    tracker, noise = FaceTracker(), np.random.default_rng(1)
    pale, dark = (225, 190, 170), (90, 60, 45)
    for frame in range(80):
        t = frame / 30.0
        swing = 170 * abs(frame - 40) / 40
        left, right = face_at(320 - swing, 180, noise=noise), face_at(320 + swing, 180, noise=noise)
        image = picture([(right, dark), (left, pale)])
        faces = [left] if 2 * swing < 60 else [left, right]
        ids = [f.track_id for f in tracker.update(faces, t, image)]
        assert ids == [0, 1][: len(ids)], f"frame {frame}: {ids}"


def test_an_id_survives_a_loss_of_most_of_a_second() -> None:
    tracker = FaceTracker()
    for frame in range(30):
        tracker.update([face_at(100 + 3 * frame, 180)], frame / 30)
    tracker.update([], 31 / 30)
    (back,) = tracker.update([face_at(190 + 25, 182)], 30 / 30 + 0.8)
    assert back.track_id == 0


def test_an_id_stays_in_a_video_of_two_frames_per_second() -> None:
    tracker = FaceTracker()
    ids = [tracker.update([face_at(100 + 5 * frame, 180)], frame / 2)[0].track_id for frame in range(6)]
    assert ids == [0] * 6


def test_a_face_that_returns_late_gets_a_new_id_and_ids_are_never_reused() -> None:
    tracker = FaceTracker()
    for frame in range(10):
        tracker.update([face_at(100, 180)], frame / 30)
    assert tracker.update([], 11 / 30) == []
    (late,) = tracker.update([face_at(100, 180)], 10 / 30 + 1.5)
    assert tracker.update([], 10 / 30 + 2.0) == []
    (later,) = tracker.update([face_at(100, 180)], 10 / 30 + 4.0)
    assert (late.track_id, later.track_id) == (1, 2)


def test_five_people_keep_their_ids_when_the_detector_shuffles_them() -> None:
    tracker, rng = FaceTracker(), np.random.default_rng(2)
    for frame in range(60):
        faces = [face_at(80 + 110 * k + 20 * np.sin(frame / 9 + k), 150 + 20 * k, 60, rng) for k in range(5)]
        order = rng.permutation(5) if frame else np.arange(5)
        found = tracker.update([faces[k] for k in order], frame / 25)
        assert [f.track_id for f in found] == order.tolist()


def test_a_detector_that_blinks_does_not_change_ids() -> None:
    tracker, rng = FaceTracker(), np.random.default_rng(3)
    for frame in range(120):
        faces = [face_at(150 + frame, 170, 70, rng), face_at(500 - frame, 260, 90, rng)]
        present = rng.random(2) > 0.3 if frame > 3 else np.array([True, True])
        found = tracker.update([f for f, p in zip(faces, present, strict=True) if p], frame / 30)
        assert [f.track_id for f in found] == np.flatnonzero(present).tolist()


def test_another_person_after_a_cut_gets_another_id() -> None:
    tracker = FaceTracker()
    first, second = face_at(200, 180), face_at(330, 200, 100)
    for frame in range(10):
        tracker.update([first], frame / 30, picture([(first, (225, 190, 170))]))
    (found,) = tracker.update([second], 10 / 30, picture([(second, (30, 20, 90))]))
    assert found.track_id == 1


def test_predictions_follow_the_motion() -> None:
    tracker = FaceTracker()
    for frame in range(20):
        tracker.update([face_at(100 + 5 * frame, 180)], frame / 30)
    (expected,) = tracker.predict(20 / 30)
    assert np.linalg.norm(expected.landmarks - face_at(200, 180).landmarks, axis=1).max() < 1.5
    assert expected.track_id == 0


def test_time_that_runs_backwards_starts_new_tracks() -> None:
    tracker = FaceTracker()
    tracker.update([face_at(100, 180)], 5.0)
    (found,) = tracker.update([face_at(100, 180)], 0.0)
    assert found.track_id == 1


def test_reset_starts_ids_at_zero() -> None:
    tracker = FaceTracker()
    tracker.update([face_at(100, 180), face_at(400, 180)], 0.0)
    tracker.reset()
    assert tracker.update([face_at(100, 180)], 0.0)[0].track_id == 0
    assert tracker.update([], 0.1) == []


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (4, 6), (6, 3), (5, 5)])
def test_assignment_is_optimal(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(shape))
    for _ in range(20):
        cost = rng.random(shape)
        pairs = assign(cost)
        wide = cost if shape[0] <= shape[1] else cost.T
        rows, columns = wide.shape
        best = min(sum(wide[r, c] for r, c in enumerate(p)) for p in itertools.permutations(range(columns), rows))
        assert len(pairs) == min(shape)
        assert sum(cost[r, c] for r, c in pairs) == pytest.approx(best)


def test_assignment_avoids_impossible_pairs() -> None:
    cost = np.array([[0.1, np.inf], [0.0, np.inf], [np.inf, 5.0]])
    finite = [(r, c) for r, c in assign(cost) if np.isfinite(cost[r, c])]
    assert finite == [(1, 0), (2, 1)]
    assert assign(np.zeros((0, 3))) == []


def test_the_sketch_tells_people_apart_and_forgives_light() -> None:
    face = face_at(320, 180)
    pale, dark = picture([(face, (225, 190, 170))]), picture([(face, (90, 60, 45))])
    dimmed = (pale * 0.85).astype(np.uint8)
    same = np.abs(sketch(pale, face.landmarks) - sketch(dimmed, face.landmarks)).mean()
    other = np.abs(sketch(pale, face.landmarks) - sketch(dark, face.landmarks)).mean()
    assert same < 0.3 * other


def test_non_maximum_suppression_keeps_the_most_confident_of_a_cluster() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [22, 2, 26, 6.0]])
    confidence = np.array([0.5, 0.9, 0.3, 0.2])
    assert keep_best(boxes, confidence, 0.4) == [1, 2, 3]
    assert keep_best(boxes, confidence, 0.4, nested=0.8) == [1, 2]
    assert keep_best(np.zeros((0, 4)), np.zeros(0), 0.4) == []
