"""Weights on disc: a safetensors file whose header holds a description as JSON; whole or absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from aufait.errors import OutputError

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
