"""The mesh model as a system: the shipped model's scores by every way, its files, and what it answers where it cannot work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import draw_test_image
from fakes import FakeFinder, textured
from mesh_faces import made_face

import aufait
from aufait.detection.detector import Detector
from aufait.detection.predictors import open_predictor
from aufait.errors import InputError
from aufait.inputs.network_inputs import network_inputs
from aufait.models.contract import check_network
from aufait.models.default.crop import crop_faces, photo_crops
from aufait.models.default.mesh import MeshPredictor
from aufait.models.default.predictor import MODELS, WEIGHTS_FOLDER
from aufait.models.mesh import Mesh, MeshSystemConfig, shipped_mesh
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem

pytestmark = pytest.mark.skipif(
    not all((WEIGHTS_FOLDER / name).is_file() for name in MODELS.values()), reason="the shipped weights are not here"
)


@pytest.fixture(scope="module")
def model() -> Mesh:
    return shipped_mesh()


def test_the_system_gives_the_shipped_models_scores(model: Mesh) -> None:
    image, faces = draw_test_image(400, 300), [made_face((120.0, 150.0), 1), made_face((270.0, 140.0), 2)]
    expected = MeshPredictor.load().predict_faces([image], [faces])
    points = np.stack([face.landmarks for face in faces])
    maps = [face.features for face in faces]
    with torch.no_grad():
        got = model(
            photo_crops(image, points).float() / 255,
            crops=crop_faces(image, points).float() / 255,
            fine=torch.stack([one.fine for one in maps if one is not None]),
            coarse=torch.stack([one.coarse for one in maps if one is not None]),
            blendshapes=torch.from_numpy(np.stack([face.blendshapes for face in faces])),
        )
    np.testing.assert_allclose(got.probability.numpy(), expected.probability, atol=1e-4)
    np.testing.assert_allclose(got.intensity.numpy(), expected.intensity, atol=2e-3)
    np.testing.assert_allclose(got.side_logits[..., 1].sigmoid().numpy(), expected.probability_right, atol=1e-4)


def test_a_file_of_the_system_scores_bit_for_bit_as_the_shipped_model(model: Mesh, tmp_path: Path) -> None:
    path = aufait.save_model(model, tmp_path / "mesh.safetensors", name="aufait-mesh")
    image, faces = draw_test_image(300, 300), [made_face((150.0, 150.0), 3)]
    shipped = open_predictor("mesh").predict_faces([image], [faces])
    read = open_predictor(path)
    assert isinstance(read, MeshPredictor) and len(read.sha256) == 64
    np.testing.assert_array_equal(read.predict_faces([image], [faces]).exceedance, shipped.exceedance)
    object_ = open_predictor(aufait.load_model(path))
    np.testing.assert_array_equal(object_.predict_faces([image], [faces]).exceedance, shipped.exceedance)


def test_counting_the_votes_without_a_running_minimum_of_torch_changes_no_bit(model: Mesh) -> None:
    votes = [torch.randn(50, len(model.action_units), 2, 5, generator=torch.Generator().manual_seed(k)) for k in range(4)]
    stacked = torch.stack(votes)
    middle = stacked.mean(dim=3, keepdim=True)
    shares, sides = (one[:, None, :, None, None] for one in (model.branches.votes, model.branches.side_votes))
    expected = (shares * middle + sides * (stacked - middle)).sum(dim=0).cummin(dim=-1).values
    assert torch.equal(model.branches.count(*votes), expected)


def test_default_with_the_mesh_finder_is_the_mesh_model_itself() -> None:
    image, faces = draw_test_image(300, 300), [made_face((150.0, 150.0), 5)]
    chosen, direct = open_predictor("default", finder="mesh"), MeshPredictor.load()
    assert isinstance(chosen, MeshPredictor) and chosen.sha256 == direct.sha256
    np.testing.assert_array_equal(
        chosen.predict_faces([image], [faces]).exceedance, direct.predict_faces([image], [faces]).exceedance
    )


def test_another_finder_and_stored_faces_are_answered_with_what_is_missing(model: Mesh) -> None:
    with Detector(finder=FakeFinder(), model=model, device="cpu") as detector, pytest.raises(InputError, match="mesh finder"):
        detector.analyze_image(textured())
    with pytest.raises(InputError, match=r"also reads crops, fine, coarse, blendshapes of the mesh finder.*stored faces do not"):
        network_inputs(model, torch.zeros(1, 128, 128, 3, dtype=torch.uint8))


def test_a_recipe_cannot_train_it_and_says_so() -> None:
    from aufait.training.recipe import Recipe

    with pytest.raises(InputError, match="aufait-mesh cannot be trained by a recipe: it also reads crops, fine"):
        Recipe.from_dict({"name": "mine", "title": "Mine", "model": "aufait-mesh", "protocol": "disfa"})


def test_missing_and_misshapen_inputs_are_named(model: Mesh) -> None:
    inputs = model.example_inputs(2)
    with pytest.raises(InputError, match=r"Mesh needs fine \(B, 128, 16, 16\), got nothing"):
        model(**{name: value for name, value in inputs.items() if name != "fine"})
    with pytest.raises(InputError, match=r"needs blendshapes \(B, 52\), got \(2, 51\)"):
        model(**inputs | {"blendshapes": inputs["blendshapes"][:, :51]})
    with pytest.raises(InputError, match="2 images but coarse of 1"):
        model(**inputs | {"coarse": inputs["coarse"][:1]})


@pytest.mark.parametrize(
    "settings",
    [{"branches": {"features": {"fine": 3, "sizes": 4}}}, {"pixels": {"width": 8}}, {"reference_rate": 1.0}, {"image_size": 112}],
)
def test_settings_that_are_none_are_refused(settings: dict) -> None:
    with pytest.raises(InputError, match="aufait-mesh: "):
        MeshSystemConfig.create((1, 12), **settings)


class Silent(AUSystem):
    """Says that it reads maps, and neither takes them nor says where they come from."""

    further_inputs = {"maps": (4,)}  # noqa: RUF012

    def forward(self, images, landmarks=None, *, other=None):
        return AUOutput(logits=images.mean((2, 3))[:, :1])


class Taking(Silent):
    def forward(self, images, landmarks=None, *, maps=None):
        return AUOutput(logits=images.mean((2, 3))[:, :1])


class Misnamed(Taking):
    further_inputs = {"images": (4,)}  # noqa: RUF012


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Silent, "Silent.forward must take maps, as further_inputs says; it takes images, landmarks, other"),
        (Taking, "Taking.own_predictor must say how a detector gets maps"),
        (Misnamed, "Misnamed.further_inputs must name shapes of what is not images or landmarks, got images"),
    ],
)
def test_further_inputs_are_part_of_the_contract(kind: type[AUSystem], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_network(kind(MeshSystemConfig.create((1,))))


@pytest.mark.slow
def test_the_exported_model_takes_what_the_network_takes(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    import onnx
    from typer.testing import CliRunner

    from aufait.cli.app import app

    done = CliRunner().invoke(app, ["export", "mesh", "-o", str(tmp_path / "mesh.onnx")])
    assert done.exit_code == 0, f"{done.output}\n{done.exception}"
    assert "largest difference" in done.output and not (tmp_path / "mesh_consumer.py").exists()
    written = onnx.load(tmp_path / "mesh.onnx")
    assert [one.name for one in written.graph.input] == ["images", "crops", "fine", "coarse", "blendshapes"]
    told = json.loads({one.key: one.value for one in written.metadata_props}["aufait"])
    assert told["inputs"]["blendshapes"]["shape"] == ["B", 52] and "Mesh.forward" in told["inputs"]["fine"]["content"]
