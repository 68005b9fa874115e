"""Annotated pictures: the argument stays, faces stay visible, panels stay put, every size works."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import draw_landmarks

from aufait.action_units import DEFAULT_ACTION_UNITS
from aufait.results import FaceAnalysis, FrameAnalysis
from aufait.visualization import drawing
from aufait.visualization.palette import FACE_COLOURS, face_colour, probability_colour, to_hex
from aufait.visualization.results.annotate import Annotator, annotate
from aufait.visualization.results.face_marks import on_the_brows

UNITS = DEFAULT_ACTION_UNITS


def make_face(face_id: int = 0, center=(640.0, 360.0), scale: float = 2.0, **changes) -> FaceAnalysis:
    landmarks = draw_landmarks(center, scale)
    intensity = np.linspace(0, 5, len(UNITS))
    probability = np.linspace(0, 1, len(UNITS))
    values = {
        "face_id": face_id,
        "box": np.concatenate([landmarks.min(axis=0), landmarks.max(axis=0)]),
        "confidence": 0.9,
        "landmarks": landmarks,
        "pose": None,
        "action_units": UNITS,
        "probability": probability,
        "intensity": intensity,
        "probability_left": probability,
        "probability_right": probability,
        "intensity_left": intensity,
        "intensity_right": intensity,
    }
    return FaceAnalysis(**(values | changes))


def make_frame(*faces: FaceAnalysis, size=(1280, 720), number: int = 1) -> FrameAnalysis:
    return FrameAnalysis("clip.mp4", number, number / 30, size, faces)


def grey(width: int = 1280, height: int = 720) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def changed_inside(before: np.ndarray, after: np.ndarray, box) -> float:
    x0, y0, x1, y1 = (int(side) for side in box)
    return float((before != after).any(axis=2)[y0:y1, x0:x1].mean())


def test_picture_is_copied_not_changed():
    image = grey()
    kept = image.copy()
    result = annotate(image, make_frame(make_face()))
    assert np.array_equal(image, kept) and result.shape == image.shape and result.dtype == np.uint8
    assert not np.shares_memory(result, image) and (result != image).any()


def test_read_only_and_strided_pictures_are_accepted():
    image = grey()[:, ::-1]
    image.flags.writeable = False
    assert annotate(image, make_frame(make_face())).flags.c_contiguous


def test_the_same_input_gives_the_same_picture():
    frame = make_frame(make_face())
    assert np.array_equal(annotate(grey(), frame), annotate(grey(), frame))


@pytest.mark.parametrize("center", [(300, 360), (640, 360), (980, 360), (640, 200)])
def test_the_panel_leaves_the_face_free(center):
    face = make_face(center=center)
    drawn = Annotator(landmarks=False, caption=False)(grey(), make_frame(face))
    inner = face.box + np.array([8, 8, -8, -8])  # within the corner brackets
    x0, y0, x1, y1 = inner.astype(int)
    brackets = (drawn != grey()).any(axis=2)[y0:y1, x0:x1]
    assert brackets[30:-30, 30:-30].sum() == 0
    assert (drawn != grey()).any(axis=2).sum() > 20_000  # the panel is somewhere


def test_a_face_that_fills_the_picture_gets_no_panel():
    face = make_face(center=(100, 90), scale=1.5)
    drawn = Annotator(landmarks=False, caption=False)(grey(200, 200), make_frame(face, size=(200, 200)))
    assert changed_inside(grey(200, 200), drawn, (60, 60, 140, 140)) == 0


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (64, 48), (320, 180), (320, 240), (720, 1280), (3840, 2160)])
def test_every_size_of_picture(size):
    scale = max(size[1] / 400, 0.02)
    face = make_face(center=(size[0] / 2, size[1] / 2), scale=scale)
    assert annotate(grey(*size), make_frame(face, size=size), caption=True).shape == (size[1], size[0], 3)


def test_faces_partly_or_wholly_outside():
    for center in ((-30, 360), (1279, 719), (-900, -900), (3000, 300)):
        assert annotate(grey(), make_frame(make_face(center=center))).shape == grey().shape


def test_longer_bars_for_stronger_action_units():
    weak = make_face(intensity=np.full(len(UNITS), 0.5))
    strong = make_face(intensity=np.full(len(UNITS), 4.5))
    options = {"landmarks": False, "caption": False}
    bright = [int((Annotator(**options)(grey(), make_frame(face)).astype(int) - 128).clip(0).sum()) for face in (weak, strong)]
    assert bright[1] > 1.2 * bright[0]


def test_one_sided_action_units_are_marked():
    intensity = np.zeros(len(UNITS))
    intensity[UNITS.index(12)] = 3
    probability = (intensity > 0) * 0.9
    face = make_face(
        intensity=intensity, probability=probability, intensity_left=intensity, probability_left=probability,
        intensity_right=np.zeros(len(UNITS)), probability_right=np.zeros(len(UNITS)),
    )  # fmt: skip
    even = replace(face, intensity_right=intensity, probability_right=probability)
    assert (annotate(grey(), make_frame(face)) != annotate(grey(), make_frame(even))).any()


def test_the_key_is_drawn_once_and_can_be_left_out():
    face = make_face(center=(400, 360), scale=1.0)
    with_key, without = (annotate(grey(), make_frame(face), legend=legend) for legend in (True, False))
    rows, columns = np.nonzero((with_key != without).any(axis=2))
    assert rows.min() > 600 and columns.min() > 900 and len(rows) > 3000  # one block in the lower right corner
    assert np.array_equal(annotate(grey(), make_frame()), grey())  # and none where there is nothing to explain


def test_the_key_says_how_halves_are_meant_only_where_there_are_sides():
    plain = {"probability_left": None, "probability_right": None, "intensity_left": None, "intensity_right": None}
    heights = []
    for changes in ({}, plain):
        frame = make_frame(make_face(center=(400, 360), scale=1.0, **changes))
        changed = (annotate(grey(), frame) != annotate(grey(), frame, legend=False)).any(axis=2)
        heights.append(np.ptp(np.nonzero(changed)[0]))
    assert heights[0] > 1.3 * heights[1]


def test_the_key_stays_where_it_is_while_it_can():
    annotator, corners = Annotator(caption=False), []
    for step in range(6):
        image = np.random.default_rng(step).integers(90, 160, (720, 1280, 3), dtype=np.uint8)
        frame = make_frame(make_face(center=(400 + 4 * step, 360), scale=1.0))
        annotator(image, frame)
        corners.append(annotator._key._corner)
    assert len(set(corners)) == 1


def test_brow_points_are_drawn_on_the_brow_and_all_others_where_they_are():
    points = draw_landmarks((640, 360), 2.0)
    moved = on_the_brows(points)
    brows = list(range(17, 27))
    assert np.array_equal(np.delete(moved, brows, axis=0), np.delete(points, brows, axis=0).astype(float))
    down = (moved - points)[brows, 1] / (points[33, 1] - points[27, 1])
    assert down.min() > 0.05 and down.max() < 0.2 and moved[brows, 1].max() < points[36:48, 1].min()


@pytest.mark.parametrize("roll", [0.0, 40.0, -90.0, 180.0])
def test_brow_points_move_with_the_head(roll):
    points, turned = draw_landmarks((0, 0), 1.0), draw_landmarks((0, 0), 2.0, roll)
    angle = np.deg2rad(roll)
    turn = 2 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert np.allclose(points @ turn.T, turned, atol=1e-3)
    assert np.allclose(on_the_brows(points) @ turn.T, on_the_brows(turned), atol=1e-3)


def test_brow_points_are_moved_alike_on_both_sides():
    moved = on_the_brows(draw_landmarks((0, 0), 1.0))
    assert np.allclose(moved[17:22] * [-1, 1], moved[22:27][::-1], atol=1e-4)


def test_a_face_that_fills_its_picture_gets_a_margin_on_request():
    face = make_face(center=(300, 300), scale=5.0)
    frame = make_frame(face, size=(600, 600))
    plain = Annotator(landmarks=False, caption=False)(grey(600, 600), frame)
    drawn = Annotator(landmarks=False, caption=False, margin=True)(grey(600, 600), frame)
    assert plain.shape == (600, 600, 3) and drawn.shape[0] == 600 and 700 < drawn.shape[1] < 1000
    assert np.array_equal(drawn[:, :600], plain) and (drawn[:, 600:].max(axis=2) > 200).any()


def test_pictures_with_room_get_no_margin():
    frame = make_frame(make_face(scale=1.0))
    assert np.array_equal(Annotator(margin=True)(grey(), frame), Annotator()(grey(), frame))


def test_the_caption_names_faces_without_a_panel():
    face = make_face(center=(640, 330), scale=5.0, face_id=7)
    wide = Annotator(landmarks=False, legend=False)
    wide._places.arrange = lambda size, faces: {}  # type: ignore[method-assign]
    told = wide(grey(), make_frame(face))
    assert np.nonzero((told != grey()).any(axis=2)[690:])[1].max() > 150


def test_frame_without_face_says_so_in_the_caption():
    drawn = annotate(grey(), make_frame(), caption=True)
    assert (drawn != 128).any() and np.array_equal(annotate(grey(), make_frame()), grey())


def test_wrong_pictures_are_refused():
    with pytest.raises(ValueError, match="must be"):
        annotate(np.zeros((4, 4), np.uint8), make_frame())
    with pytest.raises(ValueError, match="float"):
        annotate(np.zeros((4, 4, 3)), make_frame())


def test_lines_and_dots_have_the_area_they_should():
    image = np.zeros((60, 60, 3), np.uint8)
    drawing.strokes(image, [], 1, np.array([[30.0, 30.0]]), 8.0, (255, 255, 255))
    assert image[..., 0].sum() / 255 == pytest.approx(np.pi * 64, rel=0.05)
    assert image[30, 30, 0] > 250 and image[30, 45, 0] == 0


def test_text_is_placed_by_its_anchor():
    image = np.zeros((40, 200, 3), np.uint8)
    width = drawing.text(image, (100, 20), "AU12", 16, (255, 255, 255), anchor="r")
    columns = np.flatnonzero(image.any(axis=(0, 2)))
    assert 100 - width <= columns.min() and columns.max() < 100


def test_colours():
    assert face_colour(0) == face_colour(len(FACE_COLOURS)) and len(set(FACE_COLOURS)) == len(FACE_COLOURS)
    brightness = [sum(probability_colour(value)) for value in np.linspace(0, 1, 11)]
    assert brightness == sorted(brightness)
    assert to_hex((86, 180, 233)) == "#56b4e9"
