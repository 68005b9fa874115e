"""Files of PyTorch weights -> plain tensors, without running anything that a file contains.

Only ``torch.load(weights_only=True)`` reads them: it rebuilds tensors and plain containers and refuses everything else. What
it refuses, and what is no such file at all, is answered with what the file is and what to do about it.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aufait.errors import InputError, MissingModelError

_ZIP, _PICKLE = b"PK", b"\x80"
_MOST_UNPACKED = 20
"""Times the size of the file; torch.save does not pack at all, and packed weights shrink little."""
_AGAIN = "get it again from where it was published"
_RE_SAVE = (
    "aufait never runs code from a file. Where you trust its origin, save the tensors alone in the program it belongs to: "
    "torch.save(model.state_dict(), 'weights.pth')"
)


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Names and tensors of a file that ``torch.save(state_dict)`` wrote, on the CPU, in the file's order.

    A ``module.`` before every name (left by ``DataParallel``) is taken off, and so is one outer ``state_dict`` entry.

    Raises:
        MissingModelError: there is no such file.
        InputError: not a PyTorch file, a damaged or cut-off one, one that needs code to be read (a whole pickled network, a
            TorchScript archive), or one that holds something else than named tensors.
    """
    path = Path(path)
    _refuse_other_kinds(path)
    return _named_tensors(_load(path), path)


def _load(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on the file's age, which need no action
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f" ({refused[1]})" if refused else ""
        raise InputError(f"{path} holds Python objects besides tensors{what}; {_RE_SAVE}") from error
    except Exception as error:  # a damaged file can fail anywhere in the reader, with any class of error
        first_line = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{path} is damaged or cut off ({first_line}); {_AGAIN}") from error


def _refuse_other_kinds(path: Path) -> None:
    """Raise where the first bytes, or the list of a zip archive's members, show that it is not a file of plain tensors."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected a file of weights (.pth)")
    if not path.is_file():
        raise MissingModelError(f"no file at {path}; expected weights as their authors published them (.pth)")
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        raise InputError(f"{path} is empty; {_AGAIN}")
    if start.startswith(b"version https://git-lfs"):
        raise InputError(f"{path} is a Git LFS pointer, not the weights; run 'git lfs pull' where it came from")
    if start[8:9] == b"{" and start[7:8] == b"\0":
        raise InputError(f"{path} is a safetensors file; expected weights as their authors published them (.pth)")
    if start.startswith(_ZIP):
        _refuse_other_archives(path)
    elif not start.startswith(_PICKLE):
        raise InputError(f"{path} is not a PyTorch file (it starts with {start[:12]!r}); expected one that torch.save wrote (.pth)")


def _refuse_other_archives(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise InputError(f"{path} is damaged or cut off ({error}); {_AGAIN}") from error
    if unpacked > _MOST_UNPACKED * path.stat().st_size:
        raise InputError(f"{path} unpacks to {unpacked / 2**20:,.0f} MiB, which weights do not; {_AGAIN}")
    inner = {member.partition("/")[2] for member in members}
    if "constants.pkl" in inner:
        raise InputError(f"{path} is a TorchScript archive, which carries a program. {_RE_SAVE}")
    if "data.pkl" not in inner:
        raise InputError(f"{path} is a zip archive but not a PyTorch file; unpack it and give the file of weights inside (.pth)")


def _named_tensors(loaded: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping):
        raise InputError(f"{path} holds a {type(loaded).__name__}; expected a state dict, that is, tensors by name")
    for name, value in loaded.items():
        if not isinstance(name, str) or not _is_plain(value):
            kind = f"{value.dtype} {value.layout}" if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"{path} holds {name!r}: {kind}; expected a state dict, that is, dense tensors by name")
    if not loaded:
        raise InputError(f"{path} holds no tensors; {_AGAIN}")
    for name, value in loaded.items():
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise InputError(f"{path} holds {name!r} of {tuple(value.shape)}, but not as many numbers; {_AGAIN}")
    wrapped = all(name.startswith("module.") for name in loaded)
    return {name.removeprefix("module.") if wrapped else name: value for name, value in loaded.items()}


def _is_plain(value: Any) -> bool:
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and not value.is_complex()
    )
