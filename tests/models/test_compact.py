"""The shipped compact model as a system: the same numbers by every way, and by a program without aufait."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import face, picture

from aufait.detection.trained_network import NetworkPredictor
from aufait.models.compact import Compact, shipped_compact
from aufait.models.default.crop import crop_faces
from aufait.models.default.ordinal import median_intensity, median_of
from aufait.models.default.predictor import AUPredictor
from aufait.models.registry import model_entry


@pytest.fixture(scope="module")
def model() -> Compact:
    return shipped_compact()


def test_the_system_gives_the_shipped_models_scores(model: Compact) -> None:
    crops = crop_faces(picture(), np.stack([face().landmarks, face(20, 10, 120).landmarks]))
    expected = AUPredictor.load().predict_crops(crops)
    with torch.no_grad():
        got = model(crops.float() / 255)
    np.testing.assert_allclose(got.probability.numpy(), expected.probability, atol=1e-4)
    np.testing.assert_allclose(got.intensity.numpy(), expected.intensity, atol=2e-3)
    np.testing.assert_allclose(got.side_logits[..., 1].sigmoid().numpy(), expected.probability_right, atol=1e-4)
    np.testing.assert_allclose(got.side_intensity[..., 0].numpy(), expected.intensity_left, atol=2e-3)


def test_pictures_give_the_same_scores_as_network_and_as_predictor(model: Compact) -> None:
    faces = [face(40, 30, 100)]
    network = NetworkPredictor(model).predict_faces([picture()], [faces])
    shipped = AUPredictor.load().predict_faces([picture()], [faces])
    np.testing.assert_allclose(network.probability, shipped.probability, atol=0.02)  # the crop is cut a little differently
    assert network.probability_left is not None and network.intensity_right is not None


def test_the_median_of_tensors_is_that_of_arrays() -> None:
    levels = torch.rand(2000, 5, generator=torch.Generator().manual_seed(0)).sort(dim=-1, descending=True).values
    levels[:5] = torch.tensor([[0.0] * 5, [1.0] * 5, [1.0, 1, 0, 0, 0], [0.5] * 5, [1, 1, 1, 1, 0.75]])
    np.testing.assert_allclose(median_of(levels).numpy(), median_intensity(levels.numpy()), atol=3e-6)


@pytest.mark.parametrize(
    ("format", "file", "package"),
    [("onnx", "au.onnx", "onnxruntime"), pytest.param("openvino", "au.xml", "openvino", marks=pytest.mark.slow)],
)
def test_a_program_without_aufait_reads_the_exported_model(tmp_path: Path, format: str, file: str, package: str) -> None:
    if find_spec(package) is None:  # an import of openvino would do more than look
        pytest.skip(f"{package} is not installed")
    pytest.importorskip("onnxscript")
    from typer.testing import CliRunner

    from aufait.cli.app import app

    done = CliRunner().invoke(app, ["export", "default", "--format", format, "-o", str(tmp_path / file)])
    assert done.exit_code == 0, done.output
    image, points = picture(), face(40, 20, 115).landmarks
    np.save(tmp_path / "picture.npy", image)
    np.save(tmp_path / "landmarks.npy", points)
    consumer = tmp_path / "au_consumer.py"
    text = consumer.read_text(encoding="utf-8")
    assert "import aufait" not in text and "torch" not in text
    words = [sys.executable, "-I", str(consumer), *(str(tmp_path / name) for name in (file, "picture.npy", "landmarks.npy"))]
    output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    lines = re.findall(r"AU(\d+) probability ([\d.]+) intensity ([\d.]+)", output)
    scores = AUPredictor.load()
    expected = scores.predict(image, points[None])
    assert [int(unit) for unit, _, _ in lines] == list(scores.action_units)
    np.testing.assert_allclose([float(chance) for _, chance, _ in lines], expected.probability[0], atol=2e-3)
    np.testing.assert_allclose([float(strength) for _, _, strength in lines], expected.intensity[0], atol=1e-2)


def test_the_compact_model_is_one_of_the_systems() -> None:
    assert model_entry("aufait-compact").network is Compact
