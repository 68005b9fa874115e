"""Faces at rest, lips that part and lids that close: what is seen and what is labelled. Needs the ICT geometry file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba", reason="the face engine needs the 'synth' extra")

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.drawing.scene import Scene, sample_scene
from aufait.synthetic.head.actions import BROWS, LABELLED_ACTION_UNITS, PROTOTYPES, VISEMES, sample_intensities
from aufait.synthetic.head.assets import FaceModel, load_face_model
from aufait.synthetic.head.expression import FORMULAS, Intensities, shape_weights
from aufait.synthetic.head.geometry import (
    LEAST_APERTURE,
    LEAST_RESTING_APERTURE,
    TEETH_DEPTH,
    blend_expression,
    hold_lids,
    identity_vertices,
    lid_aperture,
    turn_eyes,
)
from aufait.synthetic.head.lips import CONTACT, FULL_GAP, LEAST_GAP, gap_of_rims, lip_gap, lip_opening, lip_rims, parted_intensity
from aufait.synthetic.head.own_shapes import own_shapes
from aufait.synthetic.head.person import sample_traits
from aufait.synthetic.head.resting import BROW_KINDS, resting_face
from aufait.synthetic.looks.wrinkle_amounts import static_amounts
from aufait.synthetic.looks.wrinkle_maps import wrinkle_maps
from aufait.synthetic.renderer import PARTS, Frame, Person, frame_labels, make_person, render
from aufait.twins.lips import LipGap

PEOPLE = (11, 12, 20, 31)


@pytest.fixture(scope="module")
def model(shared: Path) -> FaceModel:
    return load_face_model(shared / "assets")


@pytest.fixture(scope="module")
def people(model: FaceModel) -> list[Person]:
    return [replace(make_person(model, seed), head_props=()) for seed in PEOPLE]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return replace(sample_scene(3).clean(), rotation=(0.0, 0.0, 0.0), gaze=(0.0, 0.0), mouth_drift={})


def pixels(frame: Frame, part: str, points: range) -> int:
    """Pixels of a part inside the box around some landmarks."""
    x, y = np.rint(frame.landmarks[points.start : points.stop]).astype(int).T
    return int((frame.parts[y.min() : y.max() + 1, x.min() : x.max() + 1] == PARTS.index(part)).sum())


# --- at rest --------------------------------------------------------------------------------------------------------


def test_a_resting_face_is_labelled_zero(people: list[Person], scene: Scene) -> None:
    for person in people:
        labels = frame_labels(render(person, Intensities({}, {}), scene, size=64))
        assert all(value == 0.0 for side in labels.values() for value in side.values())


def test_resting_faces_belong_to_the_person() -> None:
    first, again, other = sample_traits(5), sample_traits(5), sample_traits(6)
    assert resting_face(first) == resting_face(again)
    assert resting_face(first).weights != resting_face(other).weights


def test_every_kind_of_resting_face_occurs() -> None:
    faces = [resting_face(sample_traits(seed)) for seed in range(400)]
    assert {face.brow_kind for face in faces} == set(BROW_KINDS)
    assert min(sum(face.brow_kind == kind for face in faces) for kind in BROW_KINDS) > 12
    for name in ("own_hood_L", "own_lipsFull", "own_cornerDown_L", "own_browLow_L"):
        values = np.array([face.weights.get(name, 0.0) for face in faces])
        assert values.std() > 0.15, name
    hung, lifted = (np.mean([np.sign(s) * f.weights.get("own_cornerDown_L", 0.0) > 0.3 for f in faces]) for s in (1, -1))
    assert hung > 0.05 and lifted > 0.02
    for fold in ("nasolabial", "dimple", "glabella", "forehead_inner_a", "eye_bag"):
        share = np.mean([fold in face.folds for face in faces])
        assert 0.03 < share < 0.7, fold


def test_some_people_are_clearly_uneven(model: FaceModel) -> None:
    uneven = []
    for seed in range(60):
        brows = identity_vertices(model, sample_traits(seed))[model.landmarks[[19, 24]], 1]
        uneven.append(abs(brows[0] - brows[1]))
    assert np.median(uneven) < 0.12
    assert max(uneven) > 0.2


def test_brows_sit_at_different_heights_and_slopes(model: FaceModel) -> None:
    faces = [identity_vertices(model, sample_traits(seed))[model.landmarks] for seed in range(60)]
    height = [face[24, 1] - face[42:48, 1].mean() for face in faces]
    slope = [face[26, 1] - face[22, 1] for face in faces]
    assert np.std(height) > 0.2
    assert np.std(slope) > 0.12


def test_folds_of_the_resting_face_are_in_the_skin(model: FaceModel) -> None:
    maps = wrinkle_maps(model)
    for seed in range(40):
        traits = sample_traits(seed)
        amounts = static_amounts(traits)
        for fold, (left, right) in resting_face(traits).folds.items():
            if not fold.endswith(("_a", "_b")):  # of two variants a person may have one alone
                assert amounts[maps.index[f"{fold}_left"]] >= 0.6 * left
                assert amounts[maps.index[f"{fold}_right"]] >= 0.6 * right


def test_eyes_are_open_and_lips_meet_before_the_teeth_at_rest(model: FaceModel) -> None:
    rows, column, _ = lip_rims(model)
    teeth = np.unique(model.triangles[model.material == Material.TEETH])
    for seed in range(40):
        vertices = identity_vertices(model, sample_traits(seed))
        assert min(lid_aperture(model, vertices)) > 0.8 * LEAST_RESTING_APERTURE
        assert lip_opening(model, vertices[rows])[1:4].max() <= CONTACT + 1e-3
        assert lip_gap(model, vertices) < LEAST_GAP
        middle = vertices[rows[column == 2], 2].min()
        central = teeth[np.abs(model.neutral[teeth, 0]) < 0.2]
        assert vertices[central, 2].max() <= middle - TEETH_DEPTH + 1e-3


# --- lips -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("millimetres", "low", "high"), [(0.0, 0, 0), (0.3, 0, 0), (1.0, 1.0, 1.5), (2.0, 1.7, 2.3), (4.0, 2.8, 3.6), (9.0, 5, 5)]
)
def test_intensity_of_au25_follows_the_gap_in_millimetres(model: FaceModel, millimetres: float, low: float, high: float) -> None:
    rows, _, lower = lip_rims(model)
    rims = model.neutral[rows].copy()
    rims[lower, 1] -= lip_opening_to(model, rims, CONTACT + millimetres / 10)
    assert low <= parted_intensity(gap_of_rims(model, rims)) <= high


def lip_opening_to(model: FaceModel, rims: np.ndarray, opening: float) -> float:
    """How far to lower the lower lip for a mean ``opening`` over the three widest columns."""
    return opening - float(np.sort(lip_opening(model, rims))[-3:].mean())


@pytest.mark.parametrize("au", [15, 17, 23, 24, 28])
def test_pressed_and_rolled_lips_are_not_parted(people: list[Person], scene: Scene, au: int) -> None:
    for person in people:
        frame = render(person, Intensities.symmetric({au: 5.0}), scene, size=128)
        assert frame.intensities.mean(25) == 0.0
        assert pixels(frame, "mouth", range(48, 68)) <= 3


def test_the_inside_of_the_mouth_shows_when_au25_says_so(people: list[Person], scene: Scene) -> None:
    for person in people:
        before = 0.0
        for intensity in (0.0, 1.0, 2.0, 3.5, 5.0):
            frame = render(person, Intensities.symmetric({25: intensity}), scene, size=128)
            label, seen = frame.intensities.mean(25), pixels(frame, "mouth", range(48, 68))
            assert label >= before
            before = label
            if label > 1.5:
                assert seen > 8
            if label == 0:
                assert seen <= 3
        assert before > 4.0


@pytest.mark.parametrize("au", [9, 20])
def test_units_that_hardly_part_the_lips(people: list[Person], scene: Scene, au: int) -> None:
    labels = [render(person, Intensities.symmetric({au: 5.0}), scene, size=64).intensities.mean(25) for person in people]
    assert max(labels) < 2.5


def test_a_stretched_jaw_counts_as_a_dropped_one(people: list[Person], scene: Scene) -> None:
    frame = render(people[0], Intensities.symmetric({27: 4.0}), scene, size=64)
    assert frame_labels(frame)["left"][26] == 4.0
    assert frame.intensities.mean(25) == 5.0


def test_the_planner_of_twins_predicts_the_label(people: list[Person], scene: Scene) -> None:
    for person in people:
        predict = LipGap(person.model, person.traits)
        for shown in ({25: 3.0}, {12: 4.0, 25: 2.0}, {24: 4.0}, {26: 3.0, 25: 3.0}):
            label = render(person, Intensities.symmetric(shown), scene, size=64).intensities.mean(25)
            assert predict(shown) == pytest.approx(label, abs=0.6)


def test_au20_draws_the_corners_aside_and_au15_down(model: FaceModel) -> None:
    corner = model.landmarks[54]
    moves = {}
    for au in (15, 20):
        weights = shape_weights(Intensities.symmetric({au: 5.0}))
        moves[au] = blend_expression(model, model.neutral, weights)[corner] - model.neutral[corner]
    assert moves[20][0] > 2 * moves[15][0] > 0
    assert moves[20][0] > 3 * abs(moves[20][1])
    assert moves[15][1] < -0.6


def test_au9_raises_the_wings_of_the_nose_and_au10_the_lip(model: FaceModel) -> None:
    wing, lip, brow = model.landmarks[35], model.landmarks[52], model.landmarks[22]
    rise = {}
    for au in (9, 10):
        moved = blend_expression(model, model.neutral, shape_weights(Intensities.symmetric({au: 5.0})))
        rise[au] = (moved - model.neutral)[[wing, lip, brow], 1]
    assert rise[9][0] > 1.5 * rise[9][1]
    assert rise[10][1] > rise[10][0]
    assert rise[9][2] < -0.15 < rise[10][2]


# --- lids and gaze --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [{6: 5.0}, {6: 5.0, 12: 5.0}, {6: 5.0, 7: 5.0, 12: 5.0}, {7: 5.0}])
def test_squinting_and_laughing_leave_the_eyes_open(people: list[Person], scene: Scene, units: dict[int, float]) -> None:
    for person in people:
        frame = render(person, Intensities.symmetric(units), scene, size=160)
        assert frame.intensities.mean(43) == 0.0
        assert pixels(frame, "eyes", range(36, 42)) > 4
        assert pixels(frame, "eyes", range(42, 48)) > 4


def test_a_lowered_gaze_is_not_a_closed_eye(people: list[Person], scene: Scene) -> None:
    for person in people:
        frame = render(person, Intensities({}, {}), replace(scene, gaze=(0.0, -1.0)), size=160)
        assert frame.intensities.mean(43) == 0.0
        assert pixels(frame, "eyes", range(36, 48)) > 8


def test_au43_closes_every_eye_on_its_side(people: list[Person], scene: Scene) -> None:
    for person in people:
        frame = render(person, Intensities({43: 5.0}, {}), scene, size=160)
        assert pixels(frame, "eyes", range(42, 48)) <= 6  # the subject's left
        assert pixels(frame, "eyes", range(36, 42)) > 12
        assert frame.intensities.left[43] == 5.0 and 43 not in frame.intensities.right


def test_lid_shapes_shrink_only_where_they_would_shut_the_eye(model: FaceModel) -> None:
    mild = {"eyeSquint_L": 0.5, "eyeSquint_R": 0.5}
    kept = dict(mild)
    hold_lids(model, model.neutral, kept, least=LEAST_APERTURE)
    assert kept == mild
    harsh = {"eyeSquint_L": 1.9, "cheekSquint_L": 1.9, "eyeBlink_L": 0.6, "browDown_L": 1.0}
    held = dict(harsh)
    hold_lids(model, model.neutral, held, least=LEAST_APERTURE)
    assert held["browDown_L"] == 1.0
    assert held["eyeSquint_L"] < harsh["eyeSquint_L"]
    left, right = lid_aperture(model, blend_expression(model, model.neutral, held))
    assert left == pytest.approx(LEAST_APERTURE, abs=0.02)
    assert right == pytest.approx(lid_aperture(model, model.neutral)[1], abs=1e-4)


@pytest.mark.parametrize(
    ("gaze", "axis", "sign"), [((0.8, 0.0), 0, 1), ((-0.8, 0.0), 0, -1), ((0.0, 0.8), 1, 1), ((0.0, -0.8), 1, -1)]
)
def test_the_gaze_turns_both_eyeballs(model: FaceModel, gaze: tuple[float, float], axis: int, sign: int) -> None:
    turned = turn_eyes(model, model.neutral.copy(), gaze)
    for eye in model.eyes:
        front = np.arange(eye.vertices.start, eye.vertices.stop)[model.neutral[eye.vertices, 2].argmax()]
        moved = turned[front] - model.neutral[front]
        assert sign * moved[axis] > 0.4
        assert abs(moved[1 - axis]) < 0.05


# --- what is drawn --------------------------------------------------------------------------------------------------


def test_draws_hold_rest_near_rest_speech_and_one_sided_frames() -> None:
    draws = [sample_intensities(np.random.default_rng([i, 3])) for i in range(3000)]
    peak = np.array([max([max(d.left.get(a, 0), d.right.get(a, 0)) for a in d.present], default=0.0) for d in draws])
    assert 0.07 < np.mean(peak == 0) < 0.16
    assert 0.12 < np.mean(peak < 1.0) < 0.28
    assert np.mean([any(d.mean(au) > 0.5 for au in (16, 18, 22)) for d in draws]) > 0.06
    uneven = [any(abs(d.left.get(a, 0) - d.right.get(a, 0)) > 1.2 for a in d.present) for d in draws]
    assert 0.1 < np.mean(uneven) < 0.22
    slight = [0 < d.mean(25) < 1.7 for d in draws]
    assert np.mean(slight) > 0.12


def test_oblique_brows_go_with_every_kind_of_mouth() -> None:
    draws = [sample_intensities(np.random.default_rng([i, 5])) for i in range(4000)]
    oblique = [d for d in draws if d.mean(1) > 1.5 and d.mean(4) > 1.5]
    assert 0.06 < len(oblique) / len(draws) < 0.16
    for mouth in (12, 17, 20, 25, 26):
        assert sum(d.mean(mouth) > 1.5 for d in oblique) > 0.04 * len(oblique), mouth
    assert sum(d.mean(15) < 0.5 and d.mean(17) < 0.5 for d in oblique) > 0.4 * len(oblique)


def test_prototypes_and_visemes_name_known_units() -> None:
    for weights in (*PROTOTYPES, *BROWS, *VISEMES):
        assert set(weights) <= set(FORMULAS)
        assert all(0 < value <= 1 for value in weights.values())
    named = {au for weights in PROTOTYPES for au in weights}
    assert named >= set(LABELLED_ACTION_UNITS) - {28}


def test_own_shapes_move_skin_and_nothing_else(model: FaceModel) -> None:
    hard = np.unique(model.triangles[~np.isin(model.material, (Material.FACE, Material.HEAD))])
    skin = np.unique(model.triangles[np.isin(model.material, (Material.FACE, Material.HEAD))])
    for name, (rows, field) in own_shapes(model).items():
        assert not np.isin(rows, np.setdiff1d(hard, skin)).any(), name
        assert np.isfinite(field).all() and np.abs(field).max() < 0.8, name


def test_full_gap_is_about_what_au25_opens(model: FaceModel) -> None:
    opened = blend_expression(model, model.neutral, shape_weights(Intensities.symmetric({25: 5.0})))
    assert lip_gap(model, opened) == pytest.approx(FULL_GAP, abs=0.15)
