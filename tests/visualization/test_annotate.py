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


def test_panels_of_several_faces_do_not_overlap():
    faces = [make_face(number, (160 + 240 * number, 400), 0.8) for number in range(5)]
    annotator = Annotator()
    annotator(grey(), make_frame(*faces))
    panels = [(x, y, x + layout.width, y + layout.height(rows)) for layout, rows, x, y in annotator._places.values()]
    assert len(panels) == 5
    for first in range(5):
        for second in range(first + 1, 5):
            a, b = panels[first], panels[second]
            assert min(a[2], b[2]) <= max(a[0], b[0]) or min(a[3], b[3]) <= max(a[1], b[1])


def test_the_panel_keeps_its_place_while_the_face_moves_a_little():
    annotator = Annotator()
    places = set()
    for step in range(10):
        annotator(grey(), make_frame(make_face(center=(640 + 3 * step, 360 - 2 * step)), number=step + 1))
        places.add(annotator._places[0][2:])
    assert len(places) == 1
    annotator(grey(), make_frame(make_face(center=(places.pop()[0] + 80, 360))))
    assert annotator._places[0][2:] not in places  # and moves when the face comes to it


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (64, 48), (320, 180), (320, 240), (720, 1280), (3840, 2160)])
def test_every_size_of_picture(size):
    scale = max(size[1] / 400, 0.02)
    face = make_face(center=(size[0] / 2, size[1] / 2), scale=scale)
    assert annotate(grey(*size), make_frame(face, size=size), caption=True).shape == (size[1], size[0], 3)


def test_faces_partly_or_wholly_outside():
    for center in ((-30, 360), (1279, 719), (-900, -900), (3000, 300)):
        assert annotate(grey(), make_frame(make_face(center=center))).shape == grey().shape


def test_small_pictures_still_get_readable_rows():
    annotator = Annotator()
    annotator(grey(320, 240), make_frame(make_face(center=(220, 120), scale=0.7), size=(320, 240)))
    layout, rows, _, _ = annotator._places[0]
    assert layout.font >= 9 and rows >= 12


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
