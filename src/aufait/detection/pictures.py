"""What callers may hand in as a picture, and how it becomes pixels."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeGuard

import numpy as np

from aufait.errors import InputError
from aufait.media.addresses import shown

if TYPE_CHECKING:
    import torch
    from PIL import Image

    ImageLike = np.ndarray | str | os.PathLike[str] | bytes | BinaryIO | Image.Image | torch.Tensor
    """A picture: (H, W, 3) uint8 RGB, a path, the bytes of a file or the open file, a Pillow picture, a (3, H, W) or (H, W, 3)
    uint8 tensor."""

_ACCEPTED = "a path, the bytes of a file, an open file, a NumPy array, a Pillow picture or a torch tensor"
_LARGEST_FILE = 1 << 31  # bytes that an open file is read to


def load_picture(picture: ImageLike) -> tuple[np.ndarray, str]:
    """A picture as (H, W, 3) uint8 RGB, with a name for it.

    Raises:
        InputError: a file that cannot be read, an array of the wrong shape or type, or something else altogether.
    """
    if (pixels := _array(picture)) is not None:
        return _checked(pixels), name_of(picture)
    from aufait.media.images import decoding, read_image
    from aufait.media.pixels import to_array

    if isinstance(picture, str | os.PathLike):
        return read_image(Path(picture).expanduser()), name_of(picture)
    if isinstance(picture, bytes | bytearray | memoryview):
        return read_image(bytes(picture)), name_of(picture)
    if _is_open_file(picture):
        return read_image(_bytes_of(picture)), name_of(picture)
    if _is_pillow(picture):
        with decoding("the picture", b""):  # Pillow reads a file when its pixels are asked for
            return to_array(picture.copy()), name_of(picture)
    raise InputError(f"a picture must be {_ACCEPTED}; got {type(picture).__name__}")


def pictures_in(item: ImageLike) -> list[ImageLike] | None:
    """The pictures of an array, tensor, Pillow picture, open file or bytes, one or, with four dimensions, many; None for a path."""
    if isinstance(item, str | os.PathLike):
        return None
    pixels = _array(item)
    return [item] if pixels is None else list(pixels if pixels.ndim == 4 else pixels[None])


def as_inputs(inputs: Any) -> Sequence[ImageLike]:
    """One input or several -> several."""
    single = isinstance(inputs, np.ndarray | str | os.PathLike | bytes | bytearray | memoryview)
    if single or _is_tensor(inputs) or _is_pillow(inputs) or _is_open_file(inputs):
        return [inputs]
    if isinstance(inputs, Iterable) and not isinstance(inputs, dict):
        return list(inputs)
    raise InputError(f"inputs must be {_ACCEPTED}, or several of these; got {type(inputs).__name__}")


def name_of(picture: ImageLike) -> str:
    """What to call a picture in results and messages."""
    if isinstance(picture, str | os.PathLike):
        return shown(os.fspath(picture))
    if _is_open_file(picture):
        name = getattr(picture, "name", None)  # pipes have a number
        return name if isinstance(name, str) else "file"
    return "bytes" if isinstance(picture, bytes | bytearray | memoryview) else "picture" if _is_pillow(picture) else "array"


def _array(picture: Any) -> np.ndarray | None:
    if _is_tensor(picture):
        values: np.ndarray = picture.detach().cpu().numpy()
        channels_first = values.ndim in (3, 4) and values.shape[-3] == 3
        return np.moveaxis(values, -3, -1) if channels_first else values
    return picture if isinstance(picture, np.ndarray) else None


def _checked(image: np.ndarray) -> np.ndarray:
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InputError(f"a picture must have shape (H, W, 3), red green blue, got {image.shape}")
    if image.dtype != np.uint8:
        raise InputError(f"a picture must be uint8 with values 0 to 255, got {image.dtype}")
    return np.ascontiguousarray(image)


def _bytes_of(file: BinaryIO) -> bytes:
    """What is left to read in an open file."""
    name = name_of(file)
    try:
        data = file.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: closed
        raise InputError(f"{name} cannot be read: {error}") from error
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InputError(f"{name} was opened as text; open it as bytes: open(path, 'rb')")
    if not data:
        raise InputError(f"{name} has nothing left to read; if it was read before, call seek(0) first")
    if len(data) > _LARGEST_FILE:
        raise InputError(f"{name} is larger than 2 GiB, which no picture is; a video is given by its path")
    return bytes(data)


def _is_open_file(value: object) -> TypeGuard[BinaryIO]:
    return callable(getattr(value, "read", None)) and not isinstance(value, str | os.PathLike) and not _is_pillow(value)


def _is_tensor(value: object) -> TypeGuard[torch.Tensor]:
    module = sys.modules.get("torch")  # who has a tensor has loaded it
    return module is not None and isinstance(value, module.Tensor)


def _is_pillow(value: object) -> TypeGuard[Image.Image]:
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)
