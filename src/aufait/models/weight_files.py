"""Weights on disc: a safetensors file whose header holds a description as JSON; whole or absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from aufait.errors import InputError, MissingModelError, OutputError

HEADER = "aufait"
"""Key of the JSON text among the metadata of the file."""


def write_weights(module: nn.Module, path: str | Path, header: dict[str, Any]) -> Path:
    """Write the state of a module with its description.

    Args:
        module: what ``state_dict`` is taken from.
        path: the file; folders are made.
        header: anything JSON can hold.

    Raises:
        OutputError: the file cannot be written; nothing is left of it.
    """
    path = Path(path)
    tensors = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, partial, metadata={HEADER: json.dumps(header, sort_keys=True)})
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error}") from error
    return path


def read_description(path: Path, absent: str) -> Any:
    """What ``write_weights`` put into the header, or ``None`` where the file has no such header.

    Args:
        path: the file.
        absent: what to say when there is none.

    Raises:
        MissingModelError: there is no such file.
        InputError: not a whole safetensors file.
    """
    if not path.is_file():
        raise MissingModelError(absent)
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(HEADER)
    except SafetensorError as error:
        raise InputError(f"{path} is not a whole safetensors file ({error}); get it again or save it again") from error
    try:
        return json.loads(text) if text else None
    except json.JSONDecodeError:
        return None


def load_weights(module: nn.Module, path: Path, description: str) -> None:
    """Fill a module from a file that has exactly its tensors.

    Args:
        module: made as the file's header says.
        path: the file.
        description: what the weights should fit, for the message ("its configuration").

    Raises:
        InputError: missing, superfluous or differently shaped tensors.
    """
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dictionary
    try:
        module.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise InputError(f"the weights in {path} do not fit {description}: {error}") from error
