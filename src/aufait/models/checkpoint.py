"""Networks on disc: one safetensors file whose header holds the configuration as JSON. Nothing in it can run code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from aufait.errors import InputError
from aufait.files.weights import make_filled, read_description, read_tensors, write_weights
from aufait.models.configuration import resolve_au_set
from aufait.models.registry import list_models, model_entry
from aufait.models.system import AUSystem

_FORMAT = 1


def save_model(model: AUSystem, path: str | Path, *, name: str, notes: dict[str, Any] | None = None) -> Path:
    """Write a network's weights and configuration; the file is whole or absent.

    Args:
        model: the network.
        path: ends in .safetensors.
        name: registry name it was created with, such as "arl".
        notes: anything JSON can hold that a reader should know: data, recipe, scores.

    Raises:
        InputError: unknown name, or a network of another class than the one of that name.
        OutputError: the file cannot be written.
    """
    entry = model_entry(name)
    if type(model) is not entry.network:
        raise InputError(f"{name!r} is the name of {entry.network.__name__}, the network is a {type(model).__name__}")
    header = {"format": _FORMAT, "model": entry.name, "config": model.config.to_dict(), "notes": notes or {}}
    header["package"] = entry.origin
    return write_weights(model, path, header)


def read_header(path: str | Path) -> dict[str, Any]:
    """Model name, configuration and notes of a saved network, without its weights.

    Raises:
        MissingModelError: there is no such file.
        InputError: the file is not one that ``save_model`` wrote.
    """
    path = Path(path)
    header = read_description(path, f"no model file at {path}; expected a .safetensors file written by aufait")
    if not isinstance(header, dict) or not {"format", "model", "config"} <= header.keys() or not isinstance(header["config"], dict):
        raise InputError(
            f"{path} does not say which network it holds; expected a file written by aufait. "
            "Authors' checkpoints are converted with: aufait import-checkpoint"
        )
    if not isinstance(header.get("notes", {}), dict):
        raise InputError(f"{path}: the notes in its header must be values by name, got {header['notes']!r:.60}; save it again")
    if header["format"] != _FORMAT:
        raise InputError(f"{path} has format {header['format']!r}, this version reads {_FORMAT}; update aufait")
    return header


def load_model(path: str | Path, *, au_set: str | Sequence[int] | None = None, device: str | torch.device = "cpu") -> AUSystem:
    """Read a network back, in evaluation mode.

    Args:
        path: file written by ``save_model``.
        au_set: action units the caller needs; the file must have exactly these, in this order. ``None`` takes the file's.
        device: where the network goes.

    Raises:
        MissingModelError: there is no such file.
        InputError: not a file of aufait, an unknown network, other action units, weights that do not fit the configuration
            or are NaN or infinite.
    """
    path = Path(path)
    header = read_header(path)
    if not isinstance(header["model"], str) or header["model"] not in list_models():
        raise InputError(_stranger(path, header))
    entry = model_entry(header["model"])
    config = entry.config.from_dict(header["config"])
    if au_set is not None and resolve_au_set(au_set) != config.action_units:
        raise InputError(f"{path} predicts AUs {config.action_units}, asked for {resolve_au_set(au_set)}; choose a matching file")
    model = make_filled(lambda: entry.network(config), read_tensors(path), f"the weights in {path} do not fit its configuration")
    return model.to(device).eval()


def _stranger(path: Path, header: dict[str, Any]) -> str:
    """What to do with a file whose network is not there."""
    name, package = header["model"], str(header.get("package", "aufait"))
    if package.partition(" ")[0] == "aufait":
        return f"{path} holds a model {name!r} that this version does not know; update aufait"
    return (
        f"{path} holds the network {name!r} of the plug-in {package}, which is not installed here; install it (pip install "
        f"{package.partition(' ')[0]}), or register the network first: aufait.register_model(...)"
    )
