"""The AU predictor: crops, mirroring, weight files, errors. Networks here are untrained; their answers do not matter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import draw_landmarks, draw_test_image
from safetensors.torch import save_file

from aufait.errors import InputError, MissingModelError
from aufait.faces.template import ALIGNMENT_POINTS, TEMPLATE
from aufait.models.default.crop import CROP_SIZE, crop_faces, crop_transforms, network_input
from aufait.models.default.network import AUNetwork, AUNetworkConfig
from aufait.models.default.predictor import FORMAT, AUPredictor

SMALL = AUNetworkConfig(widths=(8, 8, 16, 16), blocks=(1, 1, 1), reduced=8, hidden=32)


@pytest.fixture(scope="module")
def predictor() -> AUPredictor:
    torch.manual_seed(0)
    return AUPredictor(AUNetwork(SMALL))


def test_aligned_points_lie_on_the_template() -> None:
    points = draw_landmarks((150.0, 120.0), 1.3, 20.0)[None]
    matrix = crop_transforms(points)[0]
    aligned = points[0, list(ALIGNMENT_POINTS)] @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(aligned - (TEMPLATE - 8)).max() < 8  # the drawn face has other proportions
    eye_line = aligned[3] - aligned[0]
    assert abs(np.degrees(np.arctan2(eye_line[1], eye_line[0]))) < 1.0


def test_scores_do_not_depend_on_turn_scale_and_place_of_the_face(predictor: AUPredictor) -> None:
    image = draw_test_image(300, 300, seed=3)
    points = draw_landmarks((150.0, 150.0))[None]
    rotated = np.ascontiguousarray(np.rot90(image))
    turned = np.stack([points[..., 1], 299 - points[..., 0]], axis=-1)
    a, b = predictor.predict(image, points), predictor.predict(rotated, turned.astype(np.float32))
    assert np.abs(a.exceedance - b.exceedance).max() < 0.02


def test_mirrored_face_exchanges_the_sides(predictor: AUPredictor) -> None:
    crops = torch.randint(0, 256, (3, 3, CROP_SIZE, CROP_SIZE), dtype=torch.uint8)
    straight = predictor.predict_crops(crops).exceedance
    mirrored = predictor.predict_crops(crops.flip(3)).exceedance
    assert np.abs(straight - mirrored[:, :, ::-1]).max() < 1e-5


def test_batch_equals_one_by_one(predictor: AUPredictor) -> None:
    image = draw_test_image(400, 300, seed=1)
    faces = np.stack([draw_landmarks((120.0, 150.0)), draw_landmarks((270.0, 140.0), 0.8, 10.0)])
    together = predictor.predict(image, faces).exceedance
    apart = np.concatenate([predictor.predict(image, f[None]).exceedance for f in faces])
    assert np.abs(together - apart).max() < 1e-4


def test_exposure_and_contrast_drop_out() -> None:
    crops = torch.randint(40, 120, (1, 3, CROP_SIZE, CROP_SIZE), dtype=torch.uint8)
    brighter = (crops.float() * 1.5 + 20).to(torch.uint8)
    assert (network_input(crops) - network_input(brighter)).abs().mean() < 0.2


def test_no_face_gives_empty_scores(predictor: AUPredictor) -> None:
    scores = predictor.predict(draw_test_image(), np.zeros((0, 68, 2)))
    assert scores.probability.shape == scores.intensity.shape == (0, len(predictor.action_units))
    assert (
        predictor.predict_faces([draw_test_image(50, 40)], [[]]).probability.shape
        == predictor.predict(draw_test_image(50, 40), np.zeros((0, 68, 2))).probability.shape
    )


@pytest.mark.parametrize(("points", "message"), [(np.zeros((1, 49, 2)), "68"), (np.full((1, 68, 2), np.nan), "NaN")])
def test_bad_landmarks_are_answered(predictor: AUPredictor, points: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        predictor.predict(draw_test_image(), points)


def test_saved_model_gives_the_same_scores(predictor: AUPredictor, tmp_path: Path) -> None:
    torch.manual_seed(1)
    table = np.stack([np.linspace(0.5, 2, 19), np.linspace(-1, 1, 19)], axis=1)
    model = AUPredictor(AUNetwork(SMALL), table)
    path = model.save(tmp_path / "model.safetensors")
    loaded = AUPredictor.load(path)
    image, points = draw_test_image(300, 300), draw_landmarks((150.0, 150.0))[None]
    difference = model.predict(image, points).exceedance - loaded.predict(image, points).exceedance
    assert np.abs(difference).max() < 5e-3  # stored in 8 bits
    assert len(loaded.sha256) == 64
    assert loaded.action_units == model.action_units


def test_calibration_shifts_and_scales_the_logits() -> None:
    torch.manual_seed(0)
    network = AUNetwork(SMALL)
    crops = torch.randint(0, 256, (2, 3, CROP_SIZE, CROP_SIZE), dtype=torch.uint8)
    plain = AUPredictor(network).predict_crops(crops).exceedance
    shifted = AUPredictor(network, np.tile([2.0, 1.0], (19, 1))).predict_crops(crops).exceedance
    expected = 1 / (1 + np.exp(-(2 * np.log(plain / (1 - plain)) + 1)))
    assert np.abs(shifted - expected).max() < 1e-4


def test_unknown_names_and_wrong_files_are_answered(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="did you mean 'default'"):
        AUPredictor.load("defualt")
    with pytest.raises(MissingModelError, match="no model file"):
        AUPredictor.load(tmp_path / "absent.safetensors")
    other = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, other)
    with pytest.raises(MissingModelError, match="not an aufait AU model"):
        AUPredictor.load(other)
    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, foreign, metadata={"aufait": json.dumps({"format": FORMAT, "config": {}})})
    with pytest.raises(MissingModelError, match="its header states"):
        AUPredictor.load(foreign)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not a weight file")
    with pytest.raises(MissingModelError, match="not a whole safetensors file"):
        AUPredictor.load(broken)


def test_crops_have_the_size_the_network_takes() -> None:
    crops = crop_faces(draw_test_image(200, 200), draw_landmarks()[None])
    assert crops.shape == (1, 3, CROP_SIZE, CROP_SIZE)
    assert crops.dtype == torch.uint8
