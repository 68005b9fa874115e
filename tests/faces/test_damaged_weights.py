"""Weights from strangers: NaN is named, claims of sizes cost nothing, headers of any kind give clear errors."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from aufait.errors import AufaitError, InputError, MissingModelError
from aufait.faces.builtin import BuiltinFinder
from aufait.faces.networks import FaceDetectorConfig, FaceLandmarkConfig
from aufait.files.weights import make_filled, read_description
from aufait.models.checkpoint import load_model, save_model
from aufait.models.default.network import AUNetwork, AUNetworkConfig
from aufait.models.default.predictor import AUPredictor, AUScores
from aufait.models.import_checkpoint import read_checkpoint
from aufait.models.registry import create_model

SMALL = {"arl": {"image_size": 48, "unit": 2}, "drml": {"image_size": 42}}
WEIGHTS = Path(__file__).resolve().parents[2] / "src" / "aufait" / "weights"


def network_file(folder: Path) -> Path:
    return save_model(create_model("arl", au_set=(1, 2), **SMALL["arl"]), folder / "a.safetensors", name="arl")


def default_file(folder: Path) -> Path:
    sizes = {"action_units": (1, 12), "widths": (4, 4, 4, 4), "blocks": (1, 1, 1), "reduced": 4, "hidden": 4}
    return AUPredictor(AUNetwork(AUNetworkConfig(**sizes))).save(folder / "a.safetensors")


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


def rewritten(path: Path, change: Callable[[dict[str, Any]], Any] | None = None, **tensors: torch.Tensor) -> Path:
    """The file with its header changed, or with other tensors."""
    texts, state = metadata(path), load_file(path)
    if change is not None:
        header = json.loads(texts["aufait"])
        replaced = change(header)
        texts["aufait"] = json.dumps(header if replaced is None else replaced)
    save_file({**state, **tensors}, path, metadata=texts)
    return path


MAKERS = {"a default model": (default_file, AUPredictor.load), "a network": (network_file, load_model)}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers_are_named(kind: str, value: float, tmp_path: Path) -> None:
    make, load = MAKERS[kind]
    path = make(tmp_path)
    load(path)
    floats = [name for name, values in load_file(path).items() if values.is_floating_point()]
    for name in (floats[0], floats[-1], next(one for one in floats if one.endswith("running_mean"))):
        values = load_file(path)[name].clone()
        values.view(-1)[-1] = value
        damaged = make(tmp_path)
        with pytest.raises(AufaitError, match=f"{name.removesuffix('/scale')} are NaN or infinite"):
            load(rewritten(damaged, **{name: values}))


def test_statistics_that_cannot_be_are_named(tmp_path: Path) -> None:
    path = default_file(tmp_path)
    name = next(one for one in load_file(path) if one.endswith("running_var"))
    with pytest.raises(MissingModelError, match=f"{name} holds a variance below zero"):
        AUPredictor.load(rewritten(path, **{name: -load_file(path)[name]}))


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="not numbers"):
        AUScores(np.full((1, 2, 2, 5), np.nan, np.float32))


@pytest.mark.parametrize("header", [[], 3, None, "x", {}, {"format": "aufait-au-1"}, {"format": 1, "model": [], "config": {}}])
@pytest.mark.parametrize("kind", MAKERS)
def test_a_header_of_another_kind_is_an_error_in_words(kind: str, header: Any, tmp_path: Path) -> None:
    make, load = MAKERS[kind]
    path = make(tmp_path)
    save_file(load_file(path), path, metadata={"aufait": json.dumps(header)})
    with pytest.raises(AufaitError, match=r"a\.safetensors"):
        load(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("widths", [2**24] * 4), ("widths", 3), ("widths", None), ("blocks", [10**6] * 3), ("blocks", ["x"] * 3), ("hidden", 2**40),
     ("hidden", -1), ("reduced", "64"), ("action_units", [1, 10**6]), ("action_units", "bp4d"), ("action_units", 3),
     ("dropout", "x"), ("strange", 1)],
)  # fmt: skip
def test_sizes_that_a_default_model_only_claims_cost_nothing(field: str, value: Any, tmp_path: Path) -> None:
    path = rewritten(default_file(tmp_path), lambda header: header["config"].update({field: value}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MissingModelError, match=r"a\.safetensors"):
        AUPredictor.load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


@pytest.mark.parametrize("table", [None, "x", [[1.0]], [[0.0, 1.0]] * 2, [[float("nan"), 0.0]] * 2, [[1.0, 1e6]] * 2, [[1e400, 0]]])
def test_a_calibration_that_cannot_be_is_an_error_in_words(table: Any, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="its header states"):
        AUPredictor.load(rewritten(default_file(tmp_path), lambda header: header.update(calibration=table)))


@pytest.mark.parametrize("rate", [0, 1, -1, 2, "x", None, float("nan")])
def test_a_base_rate_that_cannot_be_is_an_error_in_words(rate: Any, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match=r"a\.safetensors"):
        AUPredictor.load(rewritten(default_file(tmp_path), lambda header: header.update(reference_rate=rate)))


@pytest.mark.parametrize(
    ("field", "value"),
    [("unit", 2**20), ("unit", "x"), ("image_size", 2**20), ("image_size", 0), ("crf_iterations", 2**60), ("system", "drml"),
     ("strange", 1), ("crf_alpha", float("nan")), ("action_units", [1, 2, 4])],
)  # fmt: skip
def test_sizes_that_a_network_only_claims_cost_nothing(field: str, value: Any, tmp_path: Path) -> None:
    path = rewritten(network_file(tmp_path), lambda header: header["config"].update({field: value}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError):
        load_model(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_a_network_of_more_layers_than_the_file_has_stops_while_it_is_made() -> None:
    made = []

    def make() -> torch.nn.Module:
        return torch.nn.Sequential(*(made.append(0) or torch.nn.Linear(2, 2) for _ in range(10**7)))  # type: ignore[func-returns-value]

    with pytest.raises(InputError, match="more or larger weights"):
        make_filled(make, {"0.weight": torch.zeros(2, 2), "0.bias": torch.zeros(2)}, "x")
    assert len(made) < 10


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [("face_landmarks", "crop_size", "128"), ("face_landmarks", "crop_size", 2**20), ("face_landmarks", "crop_size", 100),
     ("face_landmarks", "points", 5), ("face_landmarks", "widths", 3), ("face_landmarks", "crop_scale", None),
     ("face_detector", "strides", 8), ("face_detector", "strides", ["a", "b", "c"]), ("face_detector", "widths", [2**30] * 5),
     ("face_detector", "depths", [10**9] * 5), ("face_detector", "reference_sizes", [1, 2]), ("face_detector", "neck", 2.5),
     ("face_detector", "size_ranges", [[1, 2], [3]]), ("face_detector", "strange", 1)],
)  # fmt: skip
def test_fields_of_face_weights_are_refused_in_words(name: str, field: str, value: Any, tmp_path: Path) -> None:
    for file in ("face_detector", "face_landmarks"):
        (tmp_path / f"{file}.safetensors").write_bytes((WEIGHTS / f"{file}.safetensors").read_bytes())
    path = tmp_path / f"{name}.safetensors"
    texts = metadata(path)
    header = json.loads(texts["aufait"])
    header["config"] = {**header["config"], field: value}
    texts["aufait"] = json.dumps(header)
    save_file(load_file(path), path, metadata=texts)
    with pytest.raises(MissingModelError, match=field):
        BuiltinFinder(weights=tmp_path)


def test_the_configurations_of_the_shipped_face_networks_are_valid() -> None:
    assert FaceDetectorConfig().neck == 64 and FaceLandmarkConfig().heatmap_size == 32


def test_a_released_tensor_of_more_numbers_than_its_storage_is_refused(tmp_path: Path) -> None:
    giant = torch.zeros(1).expand(2**40, 12)
    torch.save({"fc1.weight": giant, "fc1.bias": torch.zeros(8)}, tmp_path / "vae.pth")
    with pytest.raises(InputError, match="not as many numbers"):
        read_checkpoint(tmp_path / "vae.pth", "vae")


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("a/data/0", bytes(20_000_000))
    with pytest.raises(InputError, match="unpacks to"):
        read_checkpoint(tmp_path / "a.pth", "vae")


def test_a_description_nested_without_end_counts_as_none(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", metadata={"aufait": "[" * 100_000})
    assert read_description(tmp_path / "a.safetensors", "absent") is None
