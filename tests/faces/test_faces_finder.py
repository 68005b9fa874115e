"""The common interface: names, single pictures, following through a video, bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aufait.errors import InputError, MissingModelError
from aufait.faces import FINDERS, Face, FaceFinder, create_finder
from aufait.faces import finder as finder_module
from aufait.faces.boxes import landmark_boxes
from aufait.faces.following import Effort, FollowingFinder
from aufait.faces.pose import Camera, project

SIZE = (640, 360)
SHAPE = project(np.eye(3)[None], np.array([[0.0, 0.0, 700.0]]), Camera.guess(*SIZE))[0]
SHAPE -= SHAPE.mean(axis=0)
IMAGE = np.full((360, 640, 3), 120, np.uint8)


def face_at(x: float, y: float, size: float = 80.0, confidence: float = 0.9) -> Face:
    points = (SHAPE / np.ptp(SHAPE[:, 1]) * size + (x, y)).astype(np.float32)
    return Face(box=landmark_boxes(points[None])[0], confidence=confidence, landmarks=points)


class ScriptedFinder(FollowingFinder):
    """A back end that sees what it is told to see and notes how it was asked."""

    name = "scripted"

    def __init__(self, **options: int | float | None) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.there: list[Face] = []
        self.efforts: list[Effort] = []

    def _search(self, image: np.ndarray, effort: Effort, known: list[Face]) -> list[Face]:
        self.efforts.append(effort)
        return list(self.there) if effort > Effort.GLANCE else [f for f in self.there if np.ptp(f.landmarks) > 60]

    def _look_again(self, image: np.ndarray, expected: list[Face]) -> list[Face]:
        near = [e.landmarks.mean(axis=0) for e in expected]
        return [f for f in self.there if min(np.linalg.norm(f.landmarks.mean(axis=0) - n) for n in near) < 60]


def test_it_is_a_face_finder() -> None:
    assert isinstance(ScriptedFinder(), FaceFinder)
    assert set(FINDERS) == {"auto", "mesh", "builtin"}


@pytest.mark.parametrize(("name", "nearest"), [("buildin", "builtin"), ("mehs", "mesh"), ("Auto", "auto")])
def test_unknown_name_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"did you mean {nearest}"):
        create_finder(name)


@pytest.mark.parametrize("options", [{"max_faces": 0}, {"min_confidence": 1.5}, {"min_confidence": -0.1}])
def test_numbers_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="got"):
        ScriptedFinder(**options)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 4), np.uint8)],
)
def test_what_is_no_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(InputError):
        ScriptedFinder().find(image)


def test_a_closed_finder_says_so() -> None:
    with ScriptedFinder() as finder:
        pass
    finder.close()
    with pytest.raises(InputError, match="closed"):
        finder.find(IMAGE)


def test_single_pictures_get_every_face_once_with_pose_largest_first() -> None:
    finder = ScriptedFinder()
    finder.there = [
        face_at(100, 100, 50),
        face_at(400, 200, 120),
        face_at(402, 201, 118, 0.6),
        face_at(250, 300, 40, 0.3),
    ]
    faces = finder.find(IMAGE)
    assert [round(float(np.ptp(f.landmarks[:, 1]))) for f in faces] == [120, 50]
    assert all(f.pose is not None and f.track_id == -1 for f in faces)
    assert finder.efforts == [Effort.SEARCH]
    finder.there = []
    assert finder.find(IMAGE) == []


def test_max_faces_keeps_the_largest() -> None:
    finder = ScriptedFinder(max_faces=1)
    finder.there = [face_at(100, 100, 60, 0.99), face_at(400, 200, 120, 0.7)]
    (face,) = finder.find(IMAGE)
    assert np.ptp(face.landmarks[:, 1]) == pytest.approx(120, abs=1)


@pytest.mark.parametrize(
    ("there", "wanted", "efforts"),
    [
        ([(120, 0.95)], 1, [Effort.FEW]),
        ([(120, 0.95), (110, 0.95), (100, 0.95)], 2, [Effort.FEW]),
        ([(120, 0.95)], 2, [Effort.FEW, Effort.SEARCH]),  # a second may be small
        ([(60, 0.95)], 1, [Effort.FEW, Effort.SEARCH]),  # a larger one may be hard to find
        ([(120, 0.7)], 1, [Effort.FEW, Effort.SEARCH]),
        ([], 1, [Effort.FEW, Effort.SEARCH]),
        ([(120, 0.95)], None, [Effort.SEARCH]),
    ],
)
def test_no_more_is_searched_for_when_the_largest_faces_that_are_wanted_are_there(
    there: list[tuple[int, float]], wanted: int | None, efforts: list[Effort]
) -> None:
    finder = ScriptedFinder(max_faces=wanted)
    finder.there = [face_at(100 + 200 * place, 180, size, confidence) for place, (size, confidence) in enumerate(there)]
    assert len(finder.find(IMAGE)) == min(len(there), wanted or len(there))
    assert finder.efforts == efforts


def test_following_searches_rarely_while_everybody_is_there() -> None:
    finder = ScriptedFinder()
    for frame in range(60):
        finder.there = [face_at(100 + frame, 180), face_at(450, 180, 100)]
        assert [f.track_id for f in finder.track(IMAGE, frame / 30)] == [0, 1]
    assert finder.efforts.count(Effort.LOOK) <= 5
    assert Effort.GLANCE not in finder.efforts


@pytest.mark.parametrize(
    ("seen", "last"),
    [
        (80, 26),  # somebody walks in: within half a second
        (7, 26),  # hardly brighter than the wall behind, but brighter
        (0, 71),  # cannot be told from it, or was there before the network saw it: at the next search that is not put off
    ],
)
def test_a_newcomer_is_noticed_when_the_picture_changes(seen: int, last: int) -> None:
    finder = ScriptedFinder()
    for frame in range(80):
        newcomer = frame >= 10
        image = IMAGE.copy()
        image[160:200, 430:470] += np.uint8(seen * newcomer)
        finder.there = [face_at(100, 180)] + ([face_at(450, 180, 40)] if newcomer else [])
        found = finder.track(image, frame / 30)
        assert len(found) == 2 if frame >= last else len(found) <= 1 + newcomer
    assert len(finder.efforts) < 5 or seen


def test_searches_are_put_off_only_while_nothing_changes_away_from_those_who_are_followed() -> None:
    def searches(changed: tuple[slice, slice]) -> int:
        finder = ScriptedFinder()
        finder.there = [face_at(300, 180)]
        for frame in range(125):
            image = IMAGE.copy()
            image[changed] = 40 + frame
            finder.track(image, frame / 30)
        return len(finder.efforts)

    assert searches(np.s_[:0, :0]) == 3  # in four seconds: at the start, then every two seconds
    assert searches(np.s_[120:240, 240:360]) == 3  # the face itself
    assert searches(np.s_[0:60, 500:640]) == 9  # every half second, and the first


def test_a_cut_or_another_size_ends_the_patience() -> None:
    finder = ScriptedFinder()
    finder.there = [face_at(300, 180)]
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 255, (36, 64, 3), np.uint8).repeat(10, 0).repeat(10, 1) for _ in range(2))
    for frame in range(30):
        finder.track(first, frame / 30)
    before = len(finder.efforts)
    finder.track(second, 1.0)
    assert len(finder.efforts) == before + 1


def test_who_is_enough_is_not_searched_for() -> None:
    finder = ScriptedFinder(max_faces=1)
    for frame in range(60):
        finder.there = [face_at(100, 180), face_at(450, 180, 40)]
        image = np.full_like(IMAGE, 3 * frame)
        assert len(finder.track(image, frame / 30)) == 1
    assert len(finder.efforts) == 1


def test_a_large_face_is_found_again_at_once() -> None:
    finder = ScriptedFinder()
    ids = []
    for frame in range(30):
        finder.there = [] if 10 <= frame < 15 else [face_at(100 + 80 * (frame >= 15), 180)]
        ids.append([f.track_id for f in finder.track(IMAGE, frame / 30)])
    assert ids == [[0]] * 10 + [[]] * 5 + [[0]] * 15


def test_two_tracks_never_share_a_face() -> None:
    """Somebody walks behind somebody else: both predictions lead to the face in front."""
    finder = ScriptedFinder()
    for frame in range(50):
        x = 150 + 8 * frame
        hidden = abs(x - 330) < 60
        finder.there = [face_at(330, 180)] + ([] if hidden else [face_at(x, 182)])
        found = finder.track(IMAGE, frame / 30)
        assert len(found) == len({f.track_id for f in found}) == (1 if hidden else 2)


def test_reset_starts_a_new_video() -> None:
    finder = ScriptedFinder()
    finder.there = [face_at(100, 180)]
    finder.track(IMAGE, 7.0)
    finder.reset()
    assert finder.track(IMAGE, 0.0)[0].track_id == 0
    with pytest.raises(InputError, match="finite"):
        finder.track(IMAGE, float("nan"))


def test_auto_falls_back_to_builtin_and_says_what_brings_mesh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    monkeypatch.delenv("AUFAIT_MEDIAPIPE_MODEL", raising=False)
    monkeypatch.delenv("AUFAIT_DOWNLOAD", raising=False)
    monkeypatch.setattr(finder_module, "_create_builtin", lambda *_: ScriptedFinder())
    finder = create_finder("auto")
    assert finder.name == "scripted"
    assert "aufait doctor --fetch" in finder.reason and "\n" not in finder.reason and len(finder.reason) < 150


def test_auto_says_that_the_cached_task_file_is_damaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "face_landmarker.task").write_bytes(b"PK\x03\x04 cut off")
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    monkeypatch.delenv("AUFAIT_MEDIAPIPE_MODEL", raising=False)
    monkeypatch.setattr(finder_module, "_create_builtin", lambda *_: ScriptedFinder())
    assert "SHA-256" in create_finder("auto").reason


@pytest.mark.parametrize("by_environment", [True, False])
def test_auto_does_not_hide_a_wrong_model_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, by_environment: bool
) -> None:
    wrong = tmp_path / "face.task"
    monkeypatch.setenv("AUFAIT_MEDIAPIPE_MODEL", str(wrong) if by_environment else "")
    with pytest.raises(MissingModelError, match=r"face\.task"):
        create_finder("auto", model_path=None if by_environment else wrong)


def test_the_former_finder_name_points_to_the_new_one() -> None:
    with pytest.raises(InputError, match="'mesh' runs the same networks"):
        create_finder("mediapipe")
