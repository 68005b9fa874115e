"""The exported pipeline gives a detector's results on pictures, says what it is, and runs without aufait."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from aufait import Detector
from aufait.alignment import invert, similarity_from_points, warp
from aufait.cli.app import app
from aufait.export.pipeline.sampling import crops_of, inverse, similarities
from aufait.media.sources import demo_clip
from aufait.media.video import open_video


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Two rendered people, 240 pixels high."""
    with open_video(demo_clip()) as frames:
        image = next(iter(frames)).image
    return np.asarray(Image.fromarray(image).resize((image.shape[1] // 2, image.shape[0] // 2), Image.Resampling.BOX)).copy()


def matrices(shrinks: float) -> np.ndarray:
    """From picture to crop pixels: turned, shrunk, partly outside."""
    angle = np.array([0.0, 0.4, -1.2])
    linear = np.stack([np.stack([np.cos(angle), -np.sin(angle)], -1), np.stack([np.sin(angle), np.cos(angle)], -1)], 1) / shrinks
    return np.concatenate([linear, np.array([[-20.0], [10.0]]) * np.ones((3, 1, 1))], 2)


@pytest.mark.parametrize(("shrinks", "allowed"), [(0.7, 1.01), (1.6, 1.01), (3.1, 12.0)])
def test_crops_are_those_of_the_warp(picture: np.ndarray, shrinks: float, allowed: float) -> None:
    """To the rounding of a byte; where many pixels become one, as near as means of samples are to means of blocks."""
    to_crop = matrices(shrinks)
    expected = warp(picture, to_crop, 64, 110).permute(0, 2, 3, 1).float()
    found = crops_of(torch.from_numpy(picture), torch.from_numpy(invert(to_crop)).float(), 64, 110)
    assert float((found - expected).abs().quantile(0.99)) <= allowed


def test_similarities_and_inverses_are_those_of_the_alignment() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(4, 5, 2)) * 30 + 100, rng.normal(size=(5, 2)) * 20
    expected = similarity_from_points(source, target)
    found = similarities(torch.from_numpy(source), torch.from_numpy(target))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)
    np.testing.assert_allclose(inverse(found).numpy(), invert(expected), atol=1e-9)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("pipeline")
    done = CliRunner().invoke(app, ["export", "pipeline", "-o", str(folder)])
    assert done.exit_code == 0, done.output
    assert done.output.count("largest difference") == 2
    return folder


def run(folder: Path, name: str, *inputs: np.ndarray) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), providers=["CPUExecutionProvider"])
    return list(session.run(None, {one.name: array for one, array in zip(session.get_inputs(), inputs, strict=True)}))


@pytest.mark.slow
def test_both_graphs_agree_with_the_detector(exported: Path, picture: np.ndarray) -> None:
    with Detector(finder="builtin", model="compact", device="cpu", threads=1) as detector:
        faces = detector.analyze_image(picture).faces
    assert len(faces) == 2
    boxes, scores = run(exported, "find", picture)
    middle = boxes.reshape(-1, 2, 2).mean(axis=1)
    near = [np.argmax(scores - np.linalg.norm(middle - face.landmarks.mean(axis=0), axis=1) / 20) for face in faces]
    assert (scores[near] > 0.5).all()
    points, sure, probability, intensity, *_ = run(exported, "read", picture, boxes[near])
    assert (sure > 0.5).all()
    for row, face in enumerate(faces):
        assert np.abs(points[row] - face.landmarks).mean() < 0.5
        np.testing.assert_allclose(probability[row], face.probability, atol=0.05)
        np.testing.assert_allclose(intensity[row], face.intensity, atol=0.25)


@pytest.mark.slow
def test_the_facts_are_those_of_the_files(exported: Path) -> None:
    facts = json.loads((exported / "pipeline.json").read_text())
    assert set(facts["files"]) == {path.name for path in exported.iterdir() if path.suffix == ".onnx"}
    card = (exported / "MODEL_CARD.md").read_text()
    assert all(one["sha256"] in card for one in facts["files"].values())
    assert facts["model"]["sha256"] in card


@pytest.mark.slow
def test_the_consumer_needs_no_aufait(exported: Path, picture: np.ndarray, tmp_path: Path) -> None:
    program = exported / "consumer.py"
    text = program.read_text()
    assert "aufait" not in re.sub(r'"""', "", text) and "torch" not in text
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 30
    Image.fromarray(picture).save(tmp_path / "two.png")
    words = [sys.executable, "-I", str(program), str(tmp_path / "two.png")]
    output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"face (\d) AU12 probability [\d.]+", output)) == {"0", "1"}


@pytest.mark.slow
def test_files_that_are_there_are_kept(exported: Path) -> None:
    before = {path: path.read_bytes() for path in exported.iterdir()}
    assert CliRunner().invoke(app, ["export", "pipeline", "-o", str(exported)]).exit_code == 3
    assert {path: path.read_bytes() for path in exported.iterdir()} == before


@pytest.mark.parametrize("words", [["--opset", "18"], ["--format", "torch"], ["--no-check"]])
def test_options_of_single_networks_are_refused(tmp_path: Path, words: list[str]) -> None:
    done = CliRunner().invoke(app, ["export", "pipeline", *words, "-o", str(tmp_path / "new")])
    assert done.exit_code == 2
    assert not (tmp_path / "new").exists()
