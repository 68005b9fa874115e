"""Opens a shipped model by name, or a weight file of one of their kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aufait.errors import InputError, MissingModelError
from aufait.files.weights import HEADER, parse_json, read_metadata
from aufait.layers.runtimes import TORCH, Runtime
from aufait.models.default import mesh as mesh_predictor
from aufait.models.default import predictor as au_predictor
from aufait.models.default.base_rates import BaseRates
from aufait.models.default.mesh import MeshPredictor
from aufait.models.default.predictor import AUPredictor, resolve_model

DEFAULT = "default"
"""The best shipped model that the face finder can feed."""


def open_model(
    name_or_path: str | Path = DEFAULT,
    *,
    finder: str = "",
    device: str = "cpu",
    base_rates: BaseRates = None,
    runtime: Runtime = TORCH,
) -> AUPredictor | MeshPredictor:
    """A shipped model, or one that ``aufait train-default`` wrote.

    Args:
        name_or_path: ``"default"``, ``"mesh"``, ``"compact"`` or a file.
        finder: name of the face finder; with ``"mesh"`` the default is the mesh model, else the compact one.
        device: where the networks run.
        base_rates: see ``aufait.models.default.base_rates``.
        runtime: what runs them.

    Raises:
        MissingModelError: no such model, or not a model file.
        InputError: base rates that are none.
    """
    path = model_path(name_or_path, finder=finder)
    if model_header(path).get("format") == mesh_predictor.FORMAT:
        return MeshPredictor.load(path, device, base_rates=base_rates, runtime=runtime)
    return AUPredictor.load(path, device, base_rates=base_rates, runtime=runtime)


def model_path(name_or_path: str | Path = DEFAULT, *, finder: str = "") -> Path:
    """The weight file that a name or path refers to, as ``open_model`` reads them."""
    if str(name_or_path) == DEFAULT:
        name_or_path = "mesh" if finder == "mesh" else "compact"
    return resolve_model(name_or_path)


def is_shipped_format(header: dict[str, Any]) -> bool:
    """Whether a header is that of a shipped kind of model: the compact or the mesh model."""
    return header.get("format") in (au_predictor.FORMAT, mesh_predictor.FORMAT)


def model_header(path: Path) -> dict[str, Any]:
    """What a weight file says about itself: format, sizes, calibration, training; empty for other safetensors files.

    Raises:
        MissingModelError: not a safetensors file.
    """
    try:
        header = parse_json(read_metadata(path).get(HEADER))
    except InputError as error:
        raise MissingModelError(str(error)) from error
    return header if isinstance(header, dict) else {}
