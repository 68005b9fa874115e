"""Files of the cache: written whole or not at all, hashed, and mapped into memory.

Layout of a cache folder:

- ``settings.json``: what the faces were made from and how; written first, compared before anything is added.
- ``shards/0003-disfa_SN004.u8``: the faces of one recording, (n, side, side, 3) uint8 RGB without header.
- ``shards/0003-disfa_SN004.safetensors``: their frames, labels, landmarks, head pose.
- ``shards/0003-disfa_SN004.json``: sizes and SHA-256 of both, and the frames without a face; written last.
- ``table.safetensors``: the tables of all shards as one.
- ``manifest.json``: everything else; a folder without it is unfinished.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aufait.errors import InputError
from aufait.files.atomic import whole_file

FORMAT = "aufait-faces-1"
"""Changes whenever older files would be read wrongly."""

MANIFEST = "manifest.json"
SETTINGS = "settings.json"
TABLE = "table.safetensors"
SHARDS = "shards"



def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """JSON with the same bytes for the same content.

    Raises:
        OutputError: the file cannot be written.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_file(path) as partial:
        partial.write_bytes(text.encode("utf-8", "surrogateescape"))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        InputError: the file is damaged or holds something else.
    """
    try:
        content = json.loads(path.read_bytes().decode("utf-8", "surrogateescape"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); remove it and prepare again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object; remove it and prepare again")
    return content


def checksum_of(content: Mapping[str, Any]) -> str:
    """SHA-256 of everything in a JSON object but its checksum, in hexadecimal digits."""
    rest = {key: value for key, value in content.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Arrays as a safetensors file; the same arrays give the same bytes.

    Returns:
        ``{"bytes": size, "sha256": digest}``.

    Raises:
        OutputError: the file cannot be written.
    """
    from safetensors.numpy import save

    content = save({name: np.ascontiguousarray(values) for name, values in sorted(tensors.items())})
    with whole_file(path) as partial:
        partial.write_bytes(content)
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


_DTYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64,
    "F16": np.float16, "F32": np.float32, "F64": np.float64,
}  # fmt: skip


def map_tensors(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a safetensors file, mapped into memory: nothing is read before it is needed. Read-only.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        content = np.memmap(path, dtype=np.uint8, mode="r")
        length = int(content[:8].view(np.uint64)[0])
        if length > len(content) - 8:
            raise ValueError("it ends early")
        header = json.loads(bytes(content[8 : 8 + length]))
        body = content[8 + length :]
        arrays = {}
        for name, facts in header.items():
            if name != "__metadata__":
                start, end = map(_size, facts["data_offsets"])
                if not start <= end <= len(body):
                    raise ValueError("it ends early")
                shape = tuple(map(_size, facts["shape"]))
                arrays[name] = body[start:end].view(_DTYPES[facts["dtype"]]).reshape(shape).view(np.ndarray)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(f"{path} is damaged and cannot be read ({error}); prepare again to replace it") from error
    return arrays


def _size(value: Any) -> int:
    """A size or place that a header states."""
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no size")
    return value
