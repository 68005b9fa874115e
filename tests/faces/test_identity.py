"""Who is who through cuts, fades, covered faces, far frames, changing sizes: on drawn people and, where there are, portraits."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from conftest import draw_landmarks, draw_test_image
from PIL import Image

from aufait.faces import Face, create_finder
from aufait.faces.appearance import difference, face_difference, head_difference, looks_of, part_difference
from aufait.faces.boxes import landmark_boxes
from aufait.faces.cuts import CutDetector, change, small_picture
from aufait.faces.following import Effort, FollowingFinder
from aufait.media.images import read_image

SIZE = (480, 360)
PLACE = (240.0, 170.0)


@lru_cache
def head(person: int) -> np.ndarray:
    """(300, 260, 3) the head of a drawn person: a tint and edges that are this person's own."""
    rng = np.random.default_rng(person)
    coarse = np.clip(rng.uniform(60, 190, 3) + rng.uniform(-90, 90, (30, 26, 3)), 0, 255)
    return np.asarray(Image.fromarray(coarse.astype(np.uint8)).resize((260, 300), Image.Resampling.BICUBIC))


@lru_cache
def studio(number: int = 0) -> np.ndarray:
    return draw_test_image(*SIZE, seed=100 + number)


def scene(*people: tuple[int, float, float], wall: int = 0, noise: int | None = None) -> np.ndarray:
    """People (who, x, y) before a wall; ``noise`` is the seed of the camera's noise."""
    image = studio(wall).astype(np.float64)
    for person, x, y in people:
        left, top = round(x) - 130, round(y) - 160
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + 260, SIZE[0]), min(top + 300, SIZE[1])
        image[y0:y1, x0:x1] = head(person)[y0 - top : y1 - top, x0 - left : x1 - left]
    if noise is not None:
        image += np.random.default_rng(noise).normal(0, 3, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def face_at(x: float = PLACE[0], y: float = PLACE[1], scale: float = 1.0) -> Face:
    landmarks = draw_landmarks((x, y), scale)
    return Face(box=landmark_boxes(landmarks[None])[0], confidence=0.95, landmarks=landmarks)


class Watcher(FollowingFinder):
    """Sees the faces that it is given; followed faces are believed to be where they were, as long as somebody is near."""

    name = "watcher"

    def __init__(self, **options: int | None) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.there: list[Face] = []
        self.asked: list[tuple[Effort | None, int]] = []

    def _search(self, image: np.ndarray, effort: Effort, known: list[Face]) -> list[Face]:
        self.asked.append((effort, len(known)))
        return list(self.there)

    def _look_again(self, image: np.ndarray, expected: list[Face]) -> list[Face]:
        self.asked.append((None, len(expected)))
        places = [face.landmarks.mean(axis=0) for face in expected]
        return [f for f in self.there if min(np.linalg.norm(f.landmarks.mean(axis=0) - p) for p in places) < 80]


def watch(
    pictures: list[np.ndarray], faces: list[list[Face]] | None = None, *, rate: float = 25.0, **options: int | None
) -> list[list[int]]:
    """Track ids of each frame."""
    finder, ids = Watcher(**options), []
    for frame, picture in enumerate(pictures):
        finder.there = [face_at()] if faces is None else faces[frame]
        ids.append([face.track_id for face in finder.track(picture, frame / rate)])
    return ids


def shots(*people: int, length: int = 20, walls: bool = False) -> list[np.ndarray]:
    return [
        scene((person, *PLACE), wall=shot if walls else 0, noise=100 * shot + frame)
        for shot, person in enumerate(people)
        for frame in range(length)
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Cuts of the pictures
# ---------------------------------------------------------------------------------------------------------------------


def cuts_of(pictures: list[np.ndarray]) -> list[int]:
    detector = CutDetector()
    return [frame for frame, picture in enumerate(pictures) if detector.cut_before(picture)]


def test_a_cut_is_seen_in_the_frame_after_it() -> None:
    pictures = [draw_test_image(320, 180, seed=shot) for shot in range(3) for _ in range(20)]
    assert cuts_of(pictures) == [20, 40]


def test_motion_light_noise_and_another_size_are_no_cut() -> None:
    wide = draw_test_image(900, 200, seed=4)
    panned = [np.ascontiguousarray(wide[:, 12 * frame : 12 * frame + 320]) for frame in range(40)]
    assert cuts_of(panned) == []
    picture = draw_test_image(320, 180, seed=1)
    flicker = [np.clip(picture * (0.6 if frame % 2 else 1.0) + 5, 0, 255).astype(np.uint8) for frame in range(20)]
    assert cuts_of(flicker) == []
    sizes = [np.asarray(Image.fromarray(picture).resize(size)) for size in [(320, 180), (640, 360), (160, 90), (1280, 720)] * 3]
    assert cuts_of(sizes) == []
    rng = np.random.default_rng(0)
    assert cuts_of([rng.normal(128, 3, (90, 160, 3)).astype(np.uint8) for _ in range(20)]) == []


def test_change_is_zero_for_the_same_picture_and_near_one_for_another() -> None:
    first, second = (small_picture(draw_test_image(320, 180, seed=seed)) for seed in (0, 7))
    assert change(first, first, 4.0) == pytest.approx(0.0, abs=1e-5)
    assert change(first, 0.5 * first + 60, 4.0) < 0.05
    assert change(first, second, 4.0) > 0.4


def test_pictures_of_one_pixel_and_of_odd_shapes_are_taken() -> None:
    for shape in [(1, 1, 3), (3, 700, 3), (700, 2, 3)]:
        assert cuts_of([np.zeros(shape, np.uint8)] * 3) == []


# ---------------------------------------------------------------------------------------------------------------------
# Looks
# ---------------------------------------------------------------------------------------------------------------------


def test_looks_tell_people_apart_and_forgive_light_place_and_size() -> None:
    here, mine = face_at(), scene((1, *PLACE))
    known = looks_of(mine, here.landmarks)
    dimmed = looks_of((mine * 0.7).astype(np.uint8), here.landmarks)
    moved = looks_of(scene((1, 200.0, 180.0)), face_at(200.0, 180.0).landmarks)
    larger = np.asarray(Image.fromarray(mine).resize((720, 540), Image.Resampling.BICUBIC))
    grown = looks_of(larger, here.landmarks * 1.5 + 0.25)
    other = looks_of(scene((2, *PLACE)), here.landmarks)
    assert face_difference(known, other) > 0.3 and head_difference(known, other) > 0.06
    for same in (dimmed, moved, grown):
        assert difference(known, same) < 0.4 * difference(known, other)


def test_one_covered_half_leaves_the_face_alike() -> None:
    image = scene((1, *PLACE))
    covered = image.copy()
    covered[205:] = (180, 140, 120)
    landmarks = face_at().landmarks
    assert face_difference(looks_of(image, landmarks), looks_of(covered, landmarks)) < 0.1


def test_a_part_that_shows_the_same_person_is_found_and_none_of_another_person() -> None:
    image, landmarks = scene((1, *PLACE)), face_at().landmarks
    covered = image.copy()
    covered[185:] = draw_test_image(480, 175, seed=3)
    known = looks_of(image, landmarks)
    assert part_difference(known, looks_of(covered, landmarks)) < 0.1 < 0.2 < face_difference(known, looks_of(covered, landmarks))
    assert min(part_difference(known, looks_of(scene((person, *PLACE)), landmarks)) for person in range(2, 8)) > 0.2


def test_plain_pictures_have_looks_without_a_difference() -> None:
    plain = np.full((100, 100, 3), 90, np.uint8)
    looks = looks_of(plain, draw_landmarks((50, 50), 0.4))
    assert difference(looks, looks) == pytest.approx(0.0, abs=1e-6)


# ---------------------------------------------------------------------------------------------------------------------
# Ids
# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("walls", [True, False], ids=["other wall", "same wall"])
def test_two_people_cut_to_and_fro_are_two_ids_and_the_first_comes_back(walls: bool) -> None:
    assert watch(shots(1, 2, 1, 2, walls=walls)) == [[0]] * 20 + [[1]] * 20 + [[0]] * 20 + [[1]] * 20


def test_everybody_of_a_quick_series_of_cuts_has_an_id_of_their_own() -> None:
    assert watch(shots(1, 2, 3, 4, 5, length=6, walls=True)) == [[person] for person in range(5) for _ in range(6)]


def test_people_who_change_places_across_a_cut_keep_their_ids() -> None:
    left, right = (110.0, 170.0), (370.0, 170.0)
    finder, found = Watcher(), []
    for frame in range(30):
        first, second = (left, right) if frame < 15 else (right, left)
        finder.there = [face_at(*left, 0.8), face_at(*right, 0.8)]
        picture = scene((1, *first), (2, *second), wall=frame // 15, noise=frame)
        faces = {face.track_id: face.box[0] < 200 for face in finder.track(picture, frame / 25)}
        found.append((faces.get(0), faces.get(1)))
    assert found[0] == (True, False) or found[0] == (False, True)
    assert found[:15] == [found[0]] * 15 and found[15:] == [found[0][::-1]] * 15


def test_somebody_who_fades_in_gets_another_id() -> None:
    before, after = scene((1, *PLACE)).astype(np.float64), scene((2, *PLACE), wall=1)
    share = np.concatenate([np.zeros(10), np.linspace(0, 1, 15), np.ones(15)])
    ids = watch([((1 - part) * before + part * after).astype(np.uint8) for part in share])
    assert ids[:12] == [[0]] * 12 and ids[-8:] == [ids[-1]] * 8 and ids[-1] != [0]


def hand_rises(image: np.ndarray, frame: int) -> np.ndarray:
    image = image.copy()
    top = max(360 - 30 * max(min(frame - 5, 18 - frame), 0), 200)
    image[top:, 150:330] = np.random.default_rng(9).uniform(90, 200, (360 - top, 180, 1)).astype(np.uint8)
    return image


def flash(image: np.ndarray, frame: int) -> np.ndarray:
    return np.clip(image.astype(np.float64) * (2.0 if frame in (8, 9) else 1.0), 0, 255).astype(np.uint8)


def flicker(image: np.ndarray, frame: int) -> np.ndarray:
    return (image * (0.65 + 0.35 * (frame % 2))).astype(np.uint8)


def blink(image: np.ndarray, frame: int) -> np.ndarray:
    image = image.copy()
    if frame % 6 == 0:
        image[160:185, 190:290] = 128
    return image


def blur(image: np.ndarray, frame: int) -> np.ndarray:
    return image if frame % 8 < 6 else np.mean([np.roll(image, shift, 1) for shift in range(-20, 21, 2)], axis=0).astype(np.uint8)


@pytest.mark.parametrize("disturbance", [hand_rises, flash, flicker, blink, blur])
def test_one_person_stays_one_id(disturbance: Callable[[np.ndarray, int], np.ndarray]) -> None:
    pictures = [disturbance(scene((3, *PLACE), noise=frame), frame) for frame in range(30)]
    assert watch(pictures) == [[0]] * 30


def test_a_head_that_moves_fast_keeps_its_id() -> None:
    places = [(240.0 + 90 * np.sin(frame / 2), 170.0) for frame in range(40)]
    pictures = [scene((1, *place), noise=frame) for frame, place in enumerate(places)]
    assert watch(pictures, [[face_at(*place)] for place in places]) == [[0]] * 40


def test_somebody_who_is_gone_for_less_than_max_lost_keeps_the_id() -> None:
    seen = [True] * 20 + [False] * 15 + [True] * 10
    pictures = [scene(*([(1, *PLACE)] if there else []), noise=frame) for frame, there in enumerate(seen)]
    ids = watch(pictures, [[face_at()] if there else [] for there in seen])
    assert ids == [[0]] * 20 + [[]] * 15 + [[0]] * 10


@pytest.mark.parametrize("apart", [0.9, 2.0, 30.0])
def test_a_still_face_in_far_frames_is_one_id(apart: float) -> None:
    assert watch([scene((1, *PLACE))] * 12, rate=1 / apart) == [[0]] * 12


def test_two_people_in_far_frames_are_two_ids() -> None:
    assert watch(shots(1, 2, 1, length=4, walls=True), rate=0.5) == [[0]] * 4 + [[1]] * 4 + [[0]] * 4


def test_frames_of_another_size_keep_the_id() -> None:
    factors = [1.0] * 5 + [2.0] * 5 + [0.5] * 5
    pictures = [np.asarray(Image.fromarray(scene((1, *PLACE))).resize((round(480 * f), round(360 * f)))) for f in factors]
    faces = [[face_at(PLACE[0] * f, PLACE[1] * f, f)] for f in factors]
    assert watch(pictures, faces) == [[0]] * 15


def test_max_faces_stays_with_the_person_it_began_with() -> None:
    pictures = [scene((1, 110.0, 170.0), (2, 370.0, 170.0), noise=frame) for frame in range(60)]
    faces = [
        [face_at(110, 170, 0.8 + 0.02 * (-1) ** frame), face_at(370, 170, 0.8 - 0.02 * (-1) ** frame)] for frame in range(60)
    ]
    for frame in range(20, 30):
        faces[frame] = faces[frame][1:]  # the one followed is not seen for 0.4 s: nobody takes the place
    finder, places = Watcher(max_faces=1), []
    for frame, picture in enumerate(pictures):
        finder.there = faces[frame]
        places.append([(face.track_id, face.box[0] < 240) for face in finder.track(picture, frame / 25)])
    assert places == [[(0, True)]] * 20 + [[]] * 10 + [[(0, True)]] * 30


def test_max_faces_takes_somebody_else_when_its_person_is_lost_for_good() -> None:
    pictures = [scene((1, 110.0, 170.0), (2, 370.0, 170.0), noise=frame) for frame in range(60)]
    faces = [[face_at(370, 170, 0.7)] + ([face_at(110, 170)] if frame < 10 else []) for frame in range(60)]
    ids = watch(pictures, faces, max_faces=1)
    assert ids[:10] == [[0]] * 10 and ids[10:30] == [[]] * 20 and ids[-10:] == [[1]] * 10


def test_after_a_cut_the_whole_picture_is_searched_and_old_places_are_not_looked_at() -> None:
    finder = Watcher()
    for frame, picture in enumerate(shots(1, 2, length=5, walls=True)):
        finder.there = [face_at()] if frame < 5 else []
        finder.asked.clear()
        found = finder.track(picture, frame / 25)
        if frame == 4:
            assert finder.asked == [(None, 1)] and len(found) == 1
        if frame == 5:
            assert finder.asked == [(Effort.LOOK, 0)] and found == []


def test_what_waits_for_a_cut_is_limited() -> None:
    finder = Watcher()
    for shot in range(40):
        finder.there = [face_at()]
        finder.track(scene((shot, *PLACE), wall=shot), shot / 5)
    assert len(finder._tracker._away) <= finder._tracker.config.max_away


def test_single_pictures_get_no_track() -> None:
    finder = Watcher()
    finder.there = [face_at()]
    assert [face.track_id for face in finder.find(scene((1, *PLACE)))] == [-1]


# ---------------------------------------------------------------------------------------------------------------------
# Real people
# ---------------------------------------------------------------------------------------------------------------------


def portrait(path: Path) -> np.ndarray:
    """A studio portrait, faces of all at about the same place, 320 pixels wide."""
    image = Image.fromarray(read_image(path))
    return np.asarray(image.resize((320, round(320 * image.height / image.width)), Image.Resampling.LANCZOS))


def test_portraits_from_one_studio_cut_to_and_fro_are_two_people(shared: Path) -> None:
    folder = shared / "real_faces" / "london"
    if not folder.is_dir():
        pytest.skip(f"no portraits at {folder}")
    first, second = portrait(folder / "005_neutral.jpg"), portrait(folder / "033_neutral.jpg")
    rng = np.random.default_rng(0)
    with create_finder("builtin") as finder:  # type: ignore[attr-defined]
        ids = []
        for frame in range(36):
            picture = (first, second, first)[frame // 12]
            noisy = np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
            ids.append([face.track_id for face in finder.track(noisy, frame / 25)])
    assert ids == [[0]] * 12 + [[1]] * 12 + [[0]] * 12
