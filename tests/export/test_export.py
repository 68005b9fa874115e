"""Exported networks: the file alone gives the network's results for any batch, says what it is, and is whole or absent."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from aufait import InputError, MissingExtraError, OutputError, create_model, save_model
from aufait.bench.networks import SYSTEMS
from aufait.cli.app import app
from aufait.errors import AufaitError
from aufait.export import export_int8, export_onnx, export_openvino, export_torch
from aufait.faces import create_finder
from aufait.files.hashes import file_sha256
from aufait.media.sources import demo_clip
from aufait.media.video import open_video
from aufait.models.compact import shipped_compact
from aufait.models.configuration import ModelConfig
from aufait.models.default.crop import crop_faces
from aufait.models.default.predictor import AUPredictor
from aufait.models.default.shipped import model_path
from aufait.models.fan import FaceAligner, FANConfig, save_aligner
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

runner = CliRunner()

needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")


@dataclass(frozen=True, kw_only=True)
class ToyConfig(ModelConfig):
    SYSTEM: ClassVar[str] = "toy"
    image_size: int = 16


class Toy(AUSystem):
    """A small network that reads landmarks, returns some too, and has something in ``extra``."""

    landmark_points = 49

    def __init__(self) -> None:
        super().__init__(ToyConfig.create("disfa"))
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.output = nn.Linear(4 + 98, 8)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        images, points = self.prepare(images, landmarks)
        feature_map = self.norm(self.conv(images)).relu()
        features = torch.cat([feature_map.mean((2, 3)), points.flatten(1) / 16], 1)
        return AUOutput(self.output(features), landmarks=points + 1, features=features, extra={"feature_map": feature_map})


class BreaksOnExport(Toy):
    """Computes something else while it is traced."""

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        output = super().forward(images, landmarks)
        if torch.compiler.is_compiling():
            output.logits = output.logits + 0.01
        return output


@pytest.fixture(scope="module")
def toy() -> Toy:
    torch.manual_seed(0)
    return Toy().train()


@pytest.fixture(scope="module")
def onnx_file(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "toy.onnx"
    export_onnx(toy, path, notes={"data": "none"})
    return path


def test_onnx_file_gives_the_networks_results_for_any_batch(toy: Toy, onnx_file: Path) -> None:
    session = onnxruntime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    inputs = toy.example_inputs(5, seed=3)
    arrays = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    results = dict(zip([output.name for output in session.get_outputs()], map(torch.from_numpy, arrays), strict=True))
    assert list(results) == ["logits", "landmarks_out", "features", "feature_map"]
    mode = toy.training
    with torch.no_grad():
        expected = toy.eval()(**inputs)
    toy.train(mode)
    torch.testing.assert_close(results["logits"], expected.logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(results["landmarks_out"], expected.landmarks)
    torch.testing.assert_close(results["feature_map"], expected.extra["feature_map"], atol=1e-4, rtol=0)


def test_onnx_file_says_what_it_is_and_needs(onnx_file: Path) -> None:
    model = onnx.load(onnx_file)
    onnx.checker.check_model(model)
    metadata = json.loads({entry.key: entry.value for entry in model.metadata_props}["aufait"])
    assert metadata["action_units"] == [1, 2, 4, 6, 9, 12, 25, 26]
    assert metadata["inputs"]["images"]["shape"] == ["B", 3, 16, 16]
    assert "RGB" in metadata["inputs"]["images"]["content"]
    assert metadata["inputs"]["landmarks"]["shape"] == ["B", 49, 2]
    assert metadata["outputs"] == [output.name for output in model.graph.output]
    assert metadata["config"]["system"] == "toy"
    assert metadata["notes"] == {"data": "none"}


@needs_openvino
def test_openvino_files_give_the_networks_results_and_say_what_they_are(toy: Toy, tmp_path: Path) -> None:
    from aufait.layers.runtimes.openvino import EXACT, import_openvino

    report = export_openvino(toy, tmp_path / "toy.xml", notes={"data": "none"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy.bin", "toy.xml"]
    core = import_openvino("this test").Core()
    network = core.read_model(tmp_path / "toy.xml")
    told = json.loads(network.get_rt_info("aufait").astype(str))
    assert (told["action_units"], told["notes"]) == ([1, 2, 4, 6, 9, 12, 25, 26], {"data": "none"})
    assert told["outputs"] == list(report.outputs) == ["logits", "landmarks_out", "features", "feature_map"]
    inputs = toy.example_inputs(5, seed=3)
    found = core.compile_model(network, "CPU", EXACT)({name: value.numpy() for name, value in inputs.items()})
    mode = toy.training
    with torch.no_grad():
        expected = toy.eval()(**inputs)
    toy.train(mode)
    torch.testing.assert_close(torch.from_numpy(found["logits"]), expected.logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.from_numpy(found["landmarks_out"]), expected.landmarks)


@needs_openvino
def test_openvino_files_of_before_stay_until_new_ones_are_whole(toy: Toy, tmp_path: Path) -> None:
    """And where the new ones fail the comparison, both stay as they were."""
    export_openvino(toy, tmp_path / "toy.xml", check=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(AufaitError, match="differs by"):
        export_openvino(BreaksOnExport(), tmp_path / "toy.xml")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    export_openvino(Toy(), tmp_path / "toy.xml")
    assert {path.name for path in tmp_path.iterdir()} == set(before)
    assert (tmp_path / "toy.bin").read_bytes() != before["toy.bin"]


def test_torch_program_runs_without_the_network(toy: Toy, tmp_path: Path) -> None:
    report = export_torch(toy, tmp_path / "toy.pt2")
    files = {"aufait.json": ""}
    program = torch.export.load(tmp_path / "toy.pt2", extra_files=files)
    inputs = toy.example_inputs(4, seed=1)
    with torch.no_grad():
        outputs = program.module()(**inputs)
    assert len(outputs) == len(report.outputs) == 4
    assert outputs[0].shape == (4, 8)
    assert json.loads(files["aufait.json"])["outputs"] == list(report.outputs)
    assert report.difference is not None
    assert report.difference <= 1e-4


def test_export_leaves_the_network_as_it_was(toy: Toy, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in toy.state_dict().items()}
    export_torch(toy, tmp_path / "toy.pt2", check=False)
    assert toy.training
    assert all(parameter.requires_grad for parameter in toy.parameters())
    assert all(value.equal(before[name]) for name, value in toy.state_dict().items())


@pytest.mark.parametrize(
    ("export", "name"),
    [(export_onnx, "x.onnx"), pytest.param(export_openvino, "x.xml", marks=needs_openvino), (export_torch, "x.pt2")],
)
def test_a_file_that_computes_something_else_is_not_kept(export: Any, name: str, tmp_path: Path) -> None:
    with pytest.raises(AufaitError, match=r"the exported network's logits differs by 0\.0"):
        export(BreaksOnExport(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("export", "name"), [(export_onnx, "x.pt2"), (export_openvino, "x.bin"), (export_torch, "x.onnx")])
def test_wrong_endings_are_refused(export: Any, name: str, toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must end in"):
        export(toy, tmp_path / name)


def test_other_modules_and_single_faces_are_refused(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a network of aufait\.create_model, got a Linear"):
        export_torch(nn.Linear(2, 2), tmp_path / "x.pt2")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="batch of 2 or more"):
        export_torch(toy, tmp_path / "x.pt2", inputs=toy.example_inputs(1))


def test_unwritable_places_are_output_errors(toy: Toy, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        export_torch(toy, tmp_path / "file" / "x.pt2")


QUICK = ("resnet18", "deep-regions", "jaa-net-v2")
"""The rest takes minutes; every network's torch.export is tested with its other promises."""


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SYSTEMS])
def test_every_system_exports(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = create_model(name, (1, 12))  # two action units: the exporter's time grows with the graph
    reports = [export_onnx(model, tmp_path / "x.onnx"), export_torch(model, tmp_path / "x.pt2")]
    if find_spec("openvino") is not None:
        reports.append(export_openvino(model, tmp_path / "x.xml"))
    for report in reports:
        assert report.outputs[0] == "logits"
        assert report.difference is not None
        assert report.difference <= 1e-4


@pytest.mark.slow
def test_a_face_aligner_exports_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    aligner = FaceAligner(FANConfig(stacks=1, image_size=64))
    save_aligner(aligner, tmp_path / "fan.safetensors")
    result = runner.invoke(app, ["export", str(tmp_path / "fan.safetensors"), "--format", "torch"])
    assert result.exit_code == 0, result.output
    assert "outputs  landmarks, confidence, heat_maps" in result.output


def test_a_missing_package_names_the_extra(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # what Python does with None: it cannot be imported
    with pytest.raises(MissingExtraError, match=r"pip install 'aufait\[export\]'"):
        export_onnx(toy, tmp_path / "x.onnx")


def test_a_missing_openvino_names_its_extra(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'aufait\[openvino\]'"):
        export_openvino(toy, tmp_path / "x.xml")
    assert list(tmp_path.iterdir()) == []


def test_eight_bits_are_small_and_keep_the_scores_of_a_face(tmp_path: Path) -> None:
    model = shipped_compact()
    report = export_int8(model, tmp_path / "x.onnx")
    assert report.path.stat().st_size < 4e6
    with open_video(demo_clip()) as video:
        image = next(iter(video)).image
    (crop, *_) = crop_faces(image, np.stack([face.landmarks for face in create_finder("builtin").find(image)]))
    images = crop[None].float() / 255
    session = onnxruntime.InferenceSession(report.path, providers=["CPUExecutionProvider"])
    names = list(report.outputs)
    found = dict(zip(names, session.run(names, {"images": images.numpy()}), strict=True))
    with torch.no_grad():
        wanted = model(images)
    apart = (torch.from_numpy(found["logits"]).sigmoid() - wanted.logits.sigmoid()).abs()
    assert 0 < apart.max() < 0.1  # rounded, but not much
    assert np.abs(found["side_intensity"] - wanted.side_intensity.numpy()).max() < 0.5
    about = json.loads(session.get_modelmeta().custom_metadata_map["aufait"])
    assert about["bits"] == 8
    assert about["action_units"] == list(model.action_units)


def test_eight_bits_are_refused_for_weights_that_were_not_measured(toy: Toy, tmp_path: Path) -> None:
    other = shipped_compact()
    with torch.no_grad():
        other.network.head[-1].bias += 0.1
    for model in (other, toy):
        with pytest.raises(InputError, match="export default"):
            export_int8(model, tmp_path / "x.onnx")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


# --- command ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "drml.safetensors"
    return save_model(create_model("resnet18", "disfa", image_size=64).eval(), path, name="resnet18")


@pytest.mark.parametrize(
    ("format", "ending"), [("onnx", ".onnx"), pytest.param("openvino", ".xml", marks=needs_openvino), ("torch", ".pt2")]
)
def test_command_writes_beside_the_network(saved: Path, format: str, ending: str) -> None:
    result = runner.invoke(app, ["export", str(saved), "--format", format])
    assert result.exit_code == 0, result.output
    assert saved.with_suffix(ending).is_file()
    assert "input    images (B, 3, 64, 64)" in result.output
    assert "outputs  logits" in result.output
    card = saved.with_name(f"{saved.stem}{ending}.md").read_text()
    assert file_sha256(saved.with_suffix(ending)) in card
    assert "add here: on which people and labels" in card
    again = runner.invoke(app, ["export", str(saved), "--format", format])
    assert again.exit_code == 3
    assert "--overwrite" in again.output


def test_command_writes_the_shipped_model_in_eight_bits_with_its_card(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "small.onnx"
    result = runner.invoke(app, ["export", "default", "--format", "onnx-int8", "-o", str(target)])
    assert result.exit_code == 0, result.output
    card = (tmp_path / "small.onnx.md").read_text()
    for text in (file_sha256(target), file_sha256(model_path("compact")), "base rate of 20%", "8 bits", "12 (lip corner puller)"):
        assert text in card
    assert (tmp_path / "small_consumer.py").is_file()
    other = runner.invoke(app, ["export", str(saved), "--format", "onnx-int8", "-o", str(tmp_path / "other.onnx")])
    assert (other.exit_code, "goes with default" in other.output) == (2, True)


def test_the_card_of_a_model_of_ones_own_does_not_pass_for_that_of_the_shipped_one(tmp_path: Path) -> None:
    predictor = AUPredictor.load("compact")
    predictor.calibration.table[0, 1] += 1.0
    own = predictor.save(tmp_path / "own.safetensors", {"calibrated_on": "faces of mine"})
    assert runner.invoke(app, ["export", str(own)]).exit_code == 0
    card = (tmp_path / "own.onnx.md").read_text()
    assert "faces of mine" in card
    assert "which licences the data have" in card
    assert "Apache-2.0" not in card


def test_command_explains_wrong_use(saved: Path, tmp_path: Path) -> None:
    unknown = runner.invoke(app, ["export", str(saved), "--format", "tflite"])
    assert (unknown.exit_code, "one of onnx, onnx-int8, openvino, torch" in unknown.output) == (2, True)
    opset = runner.invoke(app, ["export", str(saved), "--format", "torch", "--opset", "20", "-o", str(tmp_path / "x.pt2")])
    assert (opset.exit_code, "--opset goes with" in opset.output) == (2, True)
    absent = runner.invoke(app, ["export", str(tmp_path / "absent.safetensors")])
    assert absent.exit_code == 4
