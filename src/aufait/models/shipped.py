"""Opens a shipped model by name, or a weight file of one of their kinds."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from aufait.errors import MissingModelError
from aufait.models import mesh_predictor
from aufait.models.au_predictor import MODELS, WEIGHTS_FOLDER, AUPredictor, resolve_model
from aufait.models.base_rates import BaseRates
from aufait.models.mesh_predictor import MeshPredictor

DEFAULT = "default"
"""The best shipped model that the face finder can feed."""


def open_model(
    name_or_path: str | Path = DEFAULT, *, finder: str = "", device: str = "cpu", base_rates: BaseRates = None
) -> AUPredictor | MeshPredictor:
    """A shipped model, or one that ``aufait train-default`` wrote.

    Args:
        name_or_path: ``"default"``, ``"mesh"``, ``"compact"`` or a file.
        finder: name of the face finder; with ``"mesh"`` the default is the mesh model, else the compact one.
        device: where the networks run.
        base_rates: see ``aufait.models.base_rates``.

    Raises:
        MissingModelError: no such model, or not a model file.
        InputError: base rates that are none.
    """
    if str(name_or_path) == DEFAULT:
        name_or_path = "mesh" if finder == "mesh" and (WEIGHTS_FOLDER / MODELS["mesh"]).is_file() else "compact"
    path = resolve_model(name_or_path)
    if _format(path) == mesh_predictor.FORMAT:
        return MeshPredictor.load(path, device, base_rates=base_rates)
    return AUPredictor.load(path, device, base_rates=base_rates)


def _format(path: Path) -> str:
    try:
        with safe_open(path, framework="pt") as file:
            return str(json.loads((file.metadata() or {}).get("aufait", "{}")).get("format"))
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise MissingModelError(f"{path} cannot be read as safetensors: {error}") from error


__all__ = ["DEFAULT", "MODELS", "open_model"]
