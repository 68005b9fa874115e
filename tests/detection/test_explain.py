"""Explanations: maps are where the evidence is, whatever kind of model gives the scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import FakeFinder, textured, write_picture
from networks import Echo, EchoConfig, face
from one_eye import LooksAtOneEye
from torch import Tensor
from typer.testing import CliRunner

import aufait
from aufait.cli.app import app
from aufait.detection import detector as detector_module
from aufait.detection.detector import Detector
from aufait.detection.explain import GRID, explain_faces
from aufait.models.deep_regions.significance import patch_maps, patch_significance
from aufait.models.outputs import AUOutput
from aufait.models.resnet.model import class_activation


def test_covering_shows_where_the_evidence_is() -> None:
    one, image = face(40, 25, 110), np.full((160, 200, 3), 60, np.uint8)
    x, y = one.landmarks[36:42].mean(0).round().astype(int)
    image[y - 5 : y + 6, x - 5 : x + 6] = 220
    (found,) = explain_faces(LooksAtOneEye(), FakeFinder(), image, [one])
    assert found.kind == "occlusion" and found.maps.shape == (2, GRID, GRID) and found.maps.max() == pytest.approx(1.0)
    row, column = np.unravel_index(found.maps[0].argmax(), (GRID, GRID))
    assert column < GRID / 2 and row < GRID / 2  # the subject's right is on the left of the picture
    assert found.maps[1].max() == 0.0  # nothing moves what looks at nothing


def test_a_network_with_attention_maps_shows_them_unless_covering_is_asked_for() -> None:
    model = Echo(EchoConfig(action_units=(1, 2, 4)))
    with Detector(finder=FakeFinder(), model=model, device="cpu") as detector:
        (own,) = detector.explain(textured(120, 120))
        (covered,) = detector.explain(textured(120, 120), occlusion=True)
    assert own.kind == "attention map" and own.maps.shape == (3, 12, 12) and own.highest == 1.0
    assert own.picture.shape == (48, 48, 3) and covered.kind == "occlusion"


class Blind(Echo):
    """Has no maps."""

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        return AUOutput(logits=super().forward(images, landmarks).logits)


def test_a_network_without_maps_is_covered() -> None:
    with Detector(finder=FakeFinder(), model=Blind(EchoConfig(action_units=(1,))), device="cpu") as detector:
        assert detector.explain(textured(120, 120))[0].kind == "occlusion"


def test_class_activation_maps_add_up_to_the_score() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(2, 6, 3, 3, generator=generator)
    classifier = torch.nn.Linear(6, 4)
    with torch.no_grad():
        classifier.weight.abs_()
        maps = class_activation(features, classifier)
        expected = classifier(features.mean((2, 3)))
    torch.testing.assert_close(maps.mean((2, 3)) + classifier.bias, expected)


def test_patch_maps_hold_the_effects_of_the_study_on_many_faces() -> None:
    torch.manual_seed(0)
    model = aufait.create_model("deep-regions", (1, 12), fc7_width=16).eval()
    inputs = model.example_inputs(1)
    with torch.no_grad():
        maps = patch_maps(model, **inputs)
    study = patch_significance(model, [(inputs["images"], inputs["landmarks"])])
    assert maps.shape == (1, 2, 200, 200)
    assert float(maps.max()) <= float(study.effect.max()) + 1e-6 and float(maps.max()) > 0
    assert float(maps[0, :, 0, 0].abs().max()) == 0.0  # no patch reaches the corner


def test_the_command_writes_overlays_and_a_page_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    pytest.importorskip("matplotlib")
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: LooksAtOneEye())
    path = write_picture(tmp_path / "ann.png", textured(120, 120))
    words = ["explain", "default", str(path), "-o", str(tmp_path / "out"), "--device", "cpu"]
    done = CliRunner().invoke(app, [*words, "--au", "1,12"])
    assert done.exit_code == 0, done.output
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "ann_face0_AU01.png", "ann_face0_AU12.png", "ann_face0_explained.png",
    ]  # fmt: skip
    assert Image.open(tmp_path / "out" / "ann_face0_AU12.png").size == (224, 224)
    again = CliRunner().invoke(app, [*words, "--au", "1"])
    assert again.exit_code == 3 and "--overwrite" in again.output
    wrong = CliRunner().invoke(app, [*words, "--au", "4"])
    assert wrong.exit_code == 2 and "scores AUs 1, 12, not AU 4" in " ".join(wrong.output.split())


def test_a_picture_without_a_face_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: LooksAtOneEye())
    path = write_picture(tmp_path / "plain.png", np.full((40, 40, 3), 9, np.uint8))
    done = CliRunner().invoke(app, ["explain", "default", str(path), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0 and "no face found" in done.output + str(done.stderr_bytes)
