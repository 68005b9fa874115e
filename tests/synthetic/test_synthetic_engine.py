"""The face engine: expressions, geometry, rendering, labels, data sets on disk. Needs the ICT geometry file."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("numba", reason="the face engine needs the 'synth' extra")

from aufait.errors import InputError, MissingModelError, OutputError
from aufait.files.claims import Claim
from aufait.synthetic import dataset
from aufait.synthetic.dataset import DatasetConfig, generate_dataset, identity_frames, read_records
from aufait.synthetic.drawing.scene import Scene, sample_scene
from aufait.synthetic.head.actions import LABELLED_ACTION_UNITS, event_course, sample_intensities, sample_sequence
from aufait.synthetic.head.assets import FaceModel, load_face_model
from aufait.synthetic.head.expression import FORMULAS, MAX_WEIGHT, MIN_WEIGHT, Intensities, shape_weights
from aufait.synthetic.head.geometry import (
    blend_expression,
    fit_rotation,
    occluder_proxy,
    pose_head,
    push_lids_out,
    rotation_matrix,
)
from aufait.synthetic.head.own_shapes import own_shapes
from aufait.synthetic.head.person import sample_traits
from aufait.synthetic.renderer import PARTS, Frame, Person, make_person, render


@pytest.fixture(scope="module")
def model(shared: Path) -> FaceModel:
    return load_face_model(shared / "assets")


@pytest.fixture(scope="module")
def person(model: FaceModel) -> Person:
    return replace(make_person(model, 12), head_props=())


@pytest.fixture(scope="module")
def scene() -> Scene:
    return replace(sample_scene(3).clean(), rotation=(0.0, 0.0, 0.0), gaze=(0.0, 0.0), mouth_drift={})


def look(person: Person, scene: Scene, **units: float) -> Frame:
    intensities = Intensities.symmetric({int(k[2:]): v for k, v in units.items()})
    return render(person, intensities, scene, size=96)


# --- expressions ----------------------------------------------------------------------------------------------------


def test_every_formula_names_shapes_that_exist(model: FaceModel) -> None:
    own = own_shapes(model)
    for au in FORMULAS:
        for name in shape_weights(Intensities.symmetric({au: 5.0})):
            assert name in model.expression_index or name in own, (au, name)


def test_left_units_leave_the_right_side_alone() -> None:
    weights = shape_weights(Intensities({12: 5.0, 4: 3.0}, {}))
    assert weights
    assert all(not name.endswith("_R") for name in weights)


@pytest.mark.parametrize("seed", range(20))
def test_weights_stay_in_range_for_any_draw(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = shape_weights(sample_intensities(rng), rng)
    assert all(MIN_WEIGHT <= w <= MAX_WEIGHT for w in weights.values())


def test_dropped_jaw_keeps_the_lips_together_unless_they_part() -> None:
    closed = shape_weights(Intensities.symmetric({26: 5.0}))
    parted = shape_weights(Intensities.symmetric({26: 5.0, 25: 4.0}))
    assert closed["mouthClose"] == pytest.approx(0.91 * closed["jawOpen"])
    assert "mouthClose" not in parted


def test_closing_the_eye_ends_its_widening() -> None:
    assert abs(shape_weights(Intensities.symmetric({5: 5.0, 43: 5.0})).get("eyeWide_L", 0.0)) < 1e-3


def test_draws_cover_every_unit_with_and_without_its_partner_side() -> None:
    draws = [sample_intensities(np.random.default_rng(i)) for i in range(1500)]
    for au in LABELLED_ACTION_UNITS:
        assert sum(d.mean(au) >= 1.5 for d in draws) > 15, au
    one_sided = [abs(d.left.get(12, 0) - d.right.get(12, 0)) > 1.5 for d in draws]
    assert any(one_sided)


def test_events_start_and_end_at_rest() -> None:
    course = event_course(100, np.random.default_rng(0))
    assert course[0] == 0.0
    assert course.max() == pytest.approx(1.0)
    assert np.abs(np.diff(course)).max() < 0.35


def test_sequences_have_the_asked_length() -> None:
    assert len(list(sample_sequence(50, np.random.default_rng(1)))) == 50


# --- geometry -------------------------------------------------------------------------------------------------------


def test_geometry_units_are_centimetres_and_sides_are_the_subjects(model: FaceModel) -> None:
    corners = model.neutral[model.landmarks[[36, 45]]]
    assert np.linalg.norm(corners[0] - corners[1]) == pytest.approx(8.92, abs=0.05)
    assert model.eyes[0].center[0] > 0 > model.eyes[1].center[0]  # left eye on +x


def test_closed_lids_stay_outside_the_eyeball(model: FaceModel) -> None:
    closed = blend_expression(model, model.neutral, {"eyeBlink_L": 1.07, "eyeBlink_R": 1.07})
    push_lids_out(model, closed)
    for eye in model.eyes:
        shell = closed[eye.vertices]
        center = (shell.min(axis=0) + shell.max(axis=0)) / 2
        back = (model.neutral[eye.vertices] - eye.center)[:, 2] < 0.9
        radius = np.linalg.norm(shell[back] - center, axis=1).mean()
        offset = closed[eye.lid_vertices] - center
        front = offset[:, 2] / np.linalg.norm(offset, axis=1) > 0.2
        assert np.linalg.norm(offset[front], axis=1).min() > radius + 0.04


def test_blending_adds_the_weighted_shapes(model: FaceModel) -> None:
    weights = {"jawOpen": 0.7, "own_chinUp": -0.2, "browDown_L": 1.3}
    rows, field = own_shapes(model)["own_chinUp"]
    expected = model.neutral.astype(np.float64)
    expected[rows] -= 0.2 * field
    for name in ("jawOpen", "browDown_L"):
        expected += weights[name] * model.expression_shapes[model.expression_index[name]]
    np.testing.assert_allclose(blend_expression(model, model.neutral, weights), expected, atol=1e-5)


def test_pose_turns_the_head_and_leaves_the_shoulders(model: FaceModel) -> None:
    turned = pose_head(model, model.neutral, np.radians([0.0, 30.0, 0.0]))
    nose, low = model.landmarks[30], np.flatnonzero(model.neutral[:, 1] < -16)
    assert turned[nose, 0] > model.neutral[nose, 0] + 3  # positive yaw: towards the subject's left, +x
    assert np.abs(turned[low] - model.neutral[low]).max() < 1e-4


def test_fitted_rotation_is_the_one_applied() -> None:
    points = np.random.default_rng(0).normal(size=(30, 3))
    rotation = rotation_matrix(np.array([0.2, -0.4, 0.1]))
    assert np.abs(fit_rotation(points, points @ rotation.T + 3) - rotation).max() < 1e-5


def test_proxy_is_coarse_and_uses_real_vertices(model: FaceModel) -> None:
    proxy = occluder_proxy(model)
    assert 1000 < len(proxy) < len(model.triangles) / 4
    assert proxy.max() < len(model.neutral)


# --- rendering ------------------------------------------------------------------------------------------------------


def test_same_seed_same_bytes(model: FaceModel) -> None:
    config = DatasetConfig(frames=2, seed=4, size=64)
    first, second = (list(identity_frames(model, config, config.identities[0])) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.landmarks, b.landmarks)
    assert not np.array_equal(first[0].image, first[1].image)


def test_frame_has_face_eyes_mouth_and_background_where_landmarks_say(person: Person, scene: Scene) -> None:
    frame = look(person, scene, AU25=5.0)
    x, y = np.rint(frame.landmarks).astype(int).T
    eye = frame.parts[y[36:42].min() : y[36:42].max() + 1, x[36:42].min() : x[36:42].max() + 1]
    assert (eye == PARTS.index("eyes")).any()
    assert frame.parts[y[30], x[30]] == PARTS.index("skin")
    assert frame.visible[17:].mean() > 0.9
    assert frame.alpha[y[30], x[30]] == 255
    assert frame.alpha[0, 0] == 0


def test_another_unit_changes_the_face_and_not_the_scene(person: Person, scene: Scene) -> None:
    rest, smile = look(person, scene), look(person, scene, AU12=5.0)
    mouth = np.abs(smile.landmarks[[48, 54]] - rest.landmarks[[48, 54]]).max()
    eyes = np.abs(smile.landmarks[[36, 45]] - rest.landmarks[[36, 45]]).max()
    assert mouth > 1.5 > eyes
    backdrop = (rest.alpha == 0) & (smile.alpha == 0)
    assert np.array_equal(rest.parts[backdrop], smile.parts[backdrop])


@pytest.mark.parametrize(
    ("units", "point", "direction"),
    [
        ({"AU1": 5.0}, 21, -1),  # inner brow up: y falls
        ({"AU4": 5.0}, 21, 1),
        ({"AU12": 5.0}, 48, -1),
        ({"AU15": 5.0}, 48, 1),
        ({"AU43": 5.0}, 37, 1),
        ({"AU5": 5.0}, 37, -1),
    ],
)
def test_units_move_their_landmarks_the_right_way(
    person: Person, scene: Scene, units: dict[str, float], point: int, direction: int
) -> None:
    moved = look(person, scene, **units).landmarks[point, 1] - look(person, scene).landmarks[point, 1]
    assert direction * moved > 0.4


def test_whatever_parts_the_lips_is_labelled_au25(person: Person, scene: Scene) -> None:
    assert look(person, scene, AU12=1.0).intensities.mean(25) < 1.5
    assert look(person, scene, AU10=5.0).intensities.mean(25) > 1.5
    assert look(person, scene, AU25=5.0).intensities.mean(25) > 3.5
    together, parted = look(person, scene, AU26=5.0), look(person, scene, AU26=5.0, AU25=3.0)
    assert together.intensities.mean(25) < 2.2  # the jaw drops, the lips nearly keep together
    assert parted.intensities.mean(25) == 5.0


def test_one_sided_unit_shows_on_its_side(person: Person, scene: Scene) -> None:
    rest = look(person, scene)
    frame = render(person, Intensities({2: 5.0}, {}), scene, size=96)
    rise = rest.landmarks[:, 1] - frame.landmarks[:, 1]
    assert rise[25] > 1.0 > abs(rise[18])  # subject's left brow is points 22-26
    assert frame.intensities.left[2] == 5.0
    assert 2 not in frame.intensities.right


def test_mask_hides_the_mouth(person: Person, scene: Scene) -> None:
    frame = render(person, Intensities({}, {}), replace(scene, occluder="mask"), size=96)
    x, y = np.rint(frame.landmarks[[51, 57]]).astype(int).T
    assert (frame.parts[y, x] == PARTS.index("occluder")).all()


def test_impossible_sizes_are_refused(person: Person, scene: Scene) -> None:
    with pytest.raises(ValueError, match="32-2048"):
        render(person, Intensities({}, {}), scene, size=16)


def test_people_are_balanced() -> None:
    people = [sample_traits(i) for i in range(600)]
    assert 0.42 < np.mean([p.is_man for p in people]) < 0.58
    ages, tones = [p.age for p in people], [p.skin_tone for p in people]
    assert 18 <= min(ages) < 22
    assert 76 < max(ages) <= 80
    assert np.histogram(tones, bins=7, range=(0, 7))[0].min() > 50


# --- data sets on disk --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_set(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> tuple[Path, DatasetConfig]:
    config = DatasetConfig(frames=5, seed=2, size=48, frames_per_identity=3)
    folder = tmp_path_factory.mktemp("set") / "out"
    generate_dataset(folder, config, assets=shared / "assets", workers=1)
    return folder, config


def test_records_match_what_was_asked(small_set: tuple[Path, DatasetConfig]) -> None:
    folder, config = small_set
    records = read_records(folder)
    assert len(records) == config.frames
    assert len({r.identity for r in records}) == 2
    assert all(r.image_path.is_file() and r.mask_path.is_file() and r.parts_path.is_file() for r in records)
    assert set(records[0].intensity_left) == set(LABELLED_ACTION_UNITS)
    assert json.loads((folder / "dataset.json").read_text())["synthetic"] is True
    assert len((folder / "labels.csv").read_text().splitlines()) == config.frames + 1


def test_pictures_on_disc_are_the_rendered_ones(small_set: tuple[Path, DatasetConfig], model: FaceModel) -> None:
    folder, config = small_set
    frames = list(identity_frames(model, config, config.identities[0]))
    for record, frame in zip(read_records(folder), frames, strict=False):
        assert np.array_equal(cv2.imread(str(record.image_path), cv2.IMREAD_COLOR)[..., ::-1], frame.image)
        assert np.array_equal(cv2.imread(str(record.alpha_path), cv2.IMREAD_UNCHANGED), frame.alpha)
        assert np.array_equal(cv2.imread(str(record.parts_path), cv2.IMREAD_UNCHANGED), frame.parts)


def test_resume_renders_only_what_is_missing(small_set: tuple[Path, DatasetConfig], shared: Path) -> None:
    folder, config = small_set
    victim = sorted((folder / "labels").glob("*.jsonl"))[0]
    kept = sorted((folder / "labels").glob("*.jsonl"))[1]
    before, content = kept.stat().st_mtime_ns, victim.read_text()
    victim.unlink()
    counts: list[int] = []
    generate_dataset(folder, config, assets=shared / "assets", workers=1, progress=counts.append)
    assert victim.read_text() == content
    assert kept.stat().st_mtime_ns == before
    assert sum(counts) == config.frames


def test_processes_in_one_folder_share_the_persons_out(
    small_set: tuple[Path, DatasetConfig], shared: Path, tmp_path: Path
) -> None:
    whole, _ = small_set
    folder = tmp_path / "set"
    command = [sys.executable, "-m", "aufait", "synth", str(folder), "--frames", "24", "--seed", "2", "--size", "48"]
    command += ["--frames-per-identity", "1", "--workers", "1", "--assets", str(shared / "assets")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0] for process in started] == [f"24 frames in {folder}\n"] * 3
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len((folder / "labels.csv").read_text().splitlines()) == 25
    assert not [path for path in folder.rglob("*") if "claim" in path.name or "partial" in path.name]
    alone = folder / "images" / "02000000_0000.png"
    assert alone.read_bytes() == (whole / "images" / alone.name).read_bytes()


def test_persons_whom_others_render_are_waited_for_and_those_of_the_dead_rendered(
    small_set: tuple[Path, DatasetConfig], shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, config = small_set
    first, second = config.identities
    waits: list[float] = []
    rendered = []

    def sleep(seconds: float) -> None:  # the other process ends meanwhile, without labels
        waits.append(seconds)
        claim.__exit__()

    def draw(*given: Any) -> list[str]:
        rendered.append(given[-1])
        return render_frames(*given)

    render_frames = dataset._render_frames
    claim = Claim(dataset._claim_of(tmp_path / "set", second), "")
    monkeypatch.setattr(dataset, "_render_frames", draw)
    monkeypatch.setattr(dataset.time, "sleep", sleep)
    with claim:
        generate_dataset(tmp_path / "set", config, assets=shared / "assets", workers=1)
    assert rendered == [first, second]
    assert len(waits) == 1
    assert (tmp_path / "set" / "labels.csv").read_bytes() == (whole / "labels.csv").read_bytes()


def test_other_settings_in_the_same_folder_are_refused(small_set: tuple[Path, DatasetConfig], shared: Path) -> None:
    folder, config = small_set
    with pytest.raises(OutputError, match=r"other settings \(size was 48, now 64\); choose another folder"):
        generate_dataset(folder, replace(config, size=64), assets=shared / "assets", workers=1)
    marker = folder / "dataset.json"
    written = marker.read_text()
    marker.write_text(json.dumps(json.loads(written) | {"format": "of another version"}))
    with pytest.raises(OutputError, match=r"\(format was of another version, now "):
        generate_dataset(folder, config, assets=shared / "assets", workers=1)
    marker.write_text(written)


def test_a_full_disc_is_told_and_the_same_call_goes_on(
    small_set: tuple[Path, DatasetConfig], shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, config = small_set
    write, left = Path.write_text, [0]

    def fill(self: Path, text: str, *rest: Any, **named: Any) -> int:
        left[0] -= 1
        if left[0] < 0:
            write(self, text[: len(text) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, text, *rest, **named)

    for left[0] in (0, 1):  # the disc is full at the first file of text, at the second
        with monkeypatch.context() as patch, pytest.raises(OutputError, match="No space left on device; free some space"):
            patch.setattr(Path, "write_text", fill)
            generate_dataset(tmp_path / "set", config, assets=shared / "assets", workers=1)
        assert not [path for path in tmp_path.rglob("*") if ".partial" in path.name or path.suffix == ".jsonl"]
    generate_dataset(tmp_path / "set", config, assets=shared / "assets", workers=1)
    for path in whole.rglob("*.*"):
        assert (tmp_path / "set" / path.relative_to(whole)).read_bytes() == path.read_bytes()


def test_sequences_move_smoothly(model: FaceModel) -> None:
    config = DatasetConfig(frames=6, seed=3, size=48, frames_per_identity=6, sequences=True)
    frames = list(identity_frames(model, config, config.identities[0]))
    assert len(frames) == 6
    steps = [np.abs(a.landmarks - b.landmarks).mean() for a, b in zip(frames, frames[1:], strict=False)]
    assert max(steps) < 2.0


def test_missing_geometry_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUFAIT_ASSETS", raising=False)
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    with pytest.raises(MissingModelError, match="AUFAIT_ASSETS"):
        load_face_model()


def test_wrong_files_and_settings_are_answered(tmp_path: Path) -> None:
    fake = tmp_path / "ict_facekit.npz"
    fake.write_bytes(b"nothing")
    with pytest.raises(InputError, match="not the compact ICT-FaceKit file"):
        load_face_model(fake)
    with pytest.raises(MissingModelError, match="SHA-256"):
        load_face_model(fake, verify=True)
    with pytest.raises(InputError, match="frames must be"):
        DatasetConfig(frames=0)
    with pytest.raises(InputError, match="not a rendered data set"):
        read_records(tmp_path)
