"""The weights that come with the package: safetensors files whose header says what they are."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from aufait.errors import InputError, MissingModelError

if TYPE_CHECKING:
    import torch

    from aufait.files.weights import ModuleT

FORMAT = "aufait-face-1"
"""What the header of such a file says it is."""


def weights_path(name: str, folder: Path | None = None) -> Path:
    """Path of the weights ``name`` ("face_detector", "face_landmarks") in ``folder`` or in the package."""
    base = Path(str(files("aufait"))) / "weights" if folder is None else folder
    return base / f"{name}.safetensors"


def weights_available(name: str, folder: Path | None = None) -> bool:
    """Whether the file is there."""
    return weights_path(name, folder).is_file()


def load_weights(name: str, folder: Path | None = None) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
    """Tensors (float32) and header of a weights file.

    Raises:
        MissingModelError: the file is absent, damaged, or of another format version.
    """
    from aufait.files.weights import read_description, read_tensors

    path = weights_path(name, folder)
    absent = f"the builtin face finder's weights are not at {path}; reinstall aufait, or train them with: aufait train-faces"
    try:
        header = read_description(path, absent)
        tensors = {key: values.float() for key, values in read_tensors(path).items()}
    except InputError as error:
        raise MissingModelError(f"{path} cannot be read as weights: {error}") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        found = header.get("format") if isinstance(header, dict) else None
        raise MissingModelError(f"{path} has the format {found!r}, read is {FORMAT!r}; reinstall aufait, or train it again")
    return tensors, header


def load_state(network: torch.nn.Module, tensors: dict[str, torch.Tensor], name: str) -> None:
    """Put the tensors of the weights ``name`` into a network that is to be trained on.

    Raises:
        MissingModelError: they are of another network.
    """
    try:
        result = network.load_state_dict(tensors, strict=False)
    except RuntimeError as error:  # tensors of other shapes
        raise MissingModelError(f"the weights {name} do not fit the network that their header states: {error}") from error
    missing = [key for key in result.missing_keys if not key.endswith("num_batches_tracked")]
    if missing or result.unexpected_keys:
        odd = (missing + list(result.unexpected_keys))[:3]
        raise MissingModelError(f"the weights {name} do not fit the network of this version (first differences: {odd})")


def with_weights(make: Callable[[], ModuleT], tensors: dict[str, torch.Tensor], name: str) -> ModuleT:
    """A network with the tensors of the weights ``name``; counts of training batches, which may be missing from files, start at 0.

    Raises:
        MissingModelError: they are of another network.
    """
    from aufait.files.weights import make_filled

    try:
        return make_filled(make, tensors, f"the weights {name} do not fit the network that their header states")
    except InputError as error:
        raise MissingModelError(str(error)) from error


def save_weights(path: Path, tensors: dict[str, torch.Tensor], header: dict[str, object]) -> None:
    """Write tensors (8 bits, see ``files.weights.packed``) with a header of JSON values; whole or not at all."""
    from aufait.files.weights import packed, write_tensors

    write_tensors(packed(tensors), path, {**header, "format": FORMAT})
