"""Panels: never over a head or each other, near their face, and in a video in one place as long as it is free."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from conftest import draw_landmarks
from test_annotate import UNITS, make_face

from aufait.results import FaceAnalysis
from aufait.visualization.results.panel_layout import layouts
from aufait.visualization.results.panel_places import PanelPlaces, Place, head_box, overlaps

SIZES = ((1280, 720), (720, 1280), (640, 480), (320, 240))


def crowd(seed: int, size: tuple[int, int]) -> list[FaceAnalysis]:
    """1 to 20 faces anywhere, also beyond the edges, of any size and roll."""
    rng = np.random.default_rng(seed)
    faces = []
    for number in range(int(rng.integers(1, 21))):
        scale = float(rng.uniform(0.2, 2.5)) * min(size) / 720
        center = tuple(rng.uniform(-0.05, 1.05, 2) * size)
        landmarks = draw_landmarks(center, scale, float(rng.uniform(-180, 180)) if rng.random() < 0.3 else float(rng.normal(0, 8)))
        probability = np.where(rng.random(len(UNITS)) < 0.3, 0.9, 0.1)
        box = np.concatenate([landmarks.min(axis=0), landmarks.max(axis=0)])
        faces.append(make_face(number, landmarks=landmarks, box=box, probability=probability))
    return faces


def check(size: tuple[int, int], faces: list[FaceAnalysis], places: dict[int, Place]) -> None:
    heads = [head_box(face) for face in faces]
    for place in places.values():
        assert not overlaps(place.box, heads)
        assert place.x >= 0 and place.y >= 0 and place.box[2] <= size[0] and place.box[3] <= size[1]
    for one, other in combinations(places.values(), 2):
        assert not overlaps(one.box, [other.box])


@pytest.mark.parametrize("size", SIZES)
def test_no_panel_covers_a_head_or_another_panel(size):
    placed = 0
    for seed in range(25):
        faces = crowd(seed, size)
        places = PanelPlaces().arrange(size[::-1], faces)
        check(size, faces, places)
        placed += len(places)
    assert placed > 25


@pytest.mark.parametrize("seed", range(6))
def test_nor_in_any_frame_of_a_video_with_moving_faces(seed):
    size, places = SIZES[seed % 3], PanelPlaces()
    rng = np.random.default_rng(seed)
    faces = crowd(100 + seed, size)
    for _ in range(25):
        moved = []
        for face in faces:
            shift = rng.normal(0, 0.02 * size[0], 2)
            probability = np.where(rng.random(len(UNITS)) < 0.3, 0.9, 0.1)
            moved.append(make_face(face.face_id, landmarks=face.landmarks + shift, box=face.box + np.tile(shift, 2),
                                   probability=probability))  # fmt: skip
        faces = [face for face in moved if rng.random() > 0.02]
        check(size, faces, places.arrange(size[::-1], faces))


def test_a_free_place_is_found_where_there_is_one():
    """Three heads leave one gap between them, just wide enough for the smallest panels."""
    (*_, smallest) = layouts((720, 1280), len(UNITS), crowd=True)
    gap = (500.0, 500.0 + smallest.width)
    faces = []
    for number, (start, end) in enumerate([(0.0, gap[0]), (gap[1], 1280.0), (gap[1], 1280.0)]):
        middle, half = (start + end) / 2, (end - start) / 2 / 1.28  # a head is 1.28 times as wide as the box
        box = np.array([middle - half, -300, middle + half, 900])
        faces.append(make_face(number, landmarks=draw_landmarks((middle, 360), 1.0), box=box))
    assert head_box(faces[0])[2] == pytest.approx(gap[0]) and head_box(faces[1])[0] == pytest.approx(gap[1])
    places = PanelPlaces().arrange((720, 1280), faces)
    assert places and all(abs(place.x - gap[0]) <= 1 for place in places.values())


@pytest.mark.parametrize("roll", [0, 90, 180, 270])
def test_the_head_reaches_from_the_chin_over_the_forehead_whichever_way_it_is_turned(roll):
    landmarks = draw_landmarks((500, 500), 2.0, roll)
    box = np.concatenate([landmarks.min(axis=0), landmarks.max(axis=0)])
    head = head_box(make_face(landmarks=landmarks, box=box))
    angle = np.deg2rad(roll)
    up = np.array([np.sin(angle), -np.cos(angle)])
    brows = landmarks[17:27].mean(axis=0)
    hair = brows + 0.55 * np.linalg.norm(brows - landmarks[8]) * up
    assert (head[:2] < hair).all() and (hair < head[2:]).all() and (head[:2] < box[:2]).all() and (head[2:] > box[2:]).all()


def test_the_panel_keeps_its_place_while_the_face_moves_a_little():
    places, seen = PanelPlaces(), set()
    for step in range(10):
        place = places.arrange((720, 1280), [make_face(center=(640 + 2 * step, 360 - step))])[0]
        seen.add((place.x, place.y))
    assert len(seen) == 1
    x, y = seen.pop()
    place = places.arrange((720, 1280), [make_face(center=(x + 80, 360))])[0]
    assert (place.x, place.y) != (x, y)  # and moves when the face comes to it


def test_panels_of_a_crowd_keep_their_places_while_what_occurs_changes():
    places, corners = PanelPlaces(), []
    rng = np.random.default_rng(0)
    for _ in range(30):
        faces = [make_face(number, (160 + 240 * number, 420), 0.8, probability=np.where(rng.random(len(UNITS)) < 0.15, 0.9, 0.1))
                 for number in range(5)]  # fmt: skip
        corners.append({number: (place.x, place.y) for number, place in places.arrange((720, 1280), faces).items()})
    for number in range(5):
        assert len({frame[number] for frame in corners if number in frame}) == 1


def test_a_newcomer_goes_around_the_panels_that_stand():
    places = PanelPlaces()
    old = places.arrange((720, 1280), [make_face(5, (300, 360), 1.0)])[5]
    both = places.arrange((720, 1280), [make_face(2, (900, 360), 1.0), make_face(5, (300, 360), 1.0)])
    assert both[5] == old and set(both) == {2, 5}


def test_a_face_that_comes_and_goes_does_not_change_how_panels_look():
    places = PanelPlaces()
    people = [make_face(number, (250 + 350 * number, 400), 0.8) for number in range(3)]
    first = places.arrange((720, 1280), people)
    assert places.crowd
    for _ in range(5):
        assert places.arrange((720, 1280), people[:2])[0] == first[0]
        assert places.arrange((720, 1280), people)[2] == first[2]


def test_a_panel_shrinks_before_it_is_left_out():
    roomy = PanelPlaces().arrange((720, 1280), [make_face(center=(400, 360), scale=1.5)])[0]
    tight = PanelPlaces().arrange((360, 360), [make_face(center=(150, 200), scale=1.4)])[0]
    none = PanelPlaces().arrange((200, 200), [make_face(center=(100, 100), scale=1.8)])
    assert roomy.layout.rows == len(UNITS) and roomy.layout.names == "full"
    assert tight.layout.width < roomy.layout.width / 2 and none == {}


def test_small_pictures_still_get_readable_rows():
    place = PanelPlaces().arrange((240, 320), [make_face(center=(220, 130), scale=0.7)])[0]
    assert place.layout.font >= 9 and place.layout.rows >= 12
