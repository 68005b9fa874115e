"""FAN as a face aligner: crops in, 68 landmarks out, and its files.

Paper: Bulat and Tzimiropoulos, ICCV 2017. Files are safetensors whose header holds the settings as JSON; nothing in them can
run code. Weights of the released files come in through ``aufait import-checkpoint``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aufait.errors import InputError
from aufait.files.weights import make_filled, read_description, read_tensors, write_weights
from aufait.models.fan.config import FANConfig
from aufait.models.fan.heat_maps import landmarks_from_heat_maps
from aufait.models.fan.network import FAN, channels_last

_FORMAT = 1


@dataclass
class FaceAlignment:
    """Landmarks of B faces.

    Attributes:
        landmarks: (B, N, 2) x, y in pixels of the input.
        confidence: (B, N) height of each heat map's peak: about 1 for a landmark that is well seen, about 0 for one that is not.
        heat_maps: (B, N, S/4, S/4) of the last stack.
    """

    landmarks: Tensor
    confidence: Tensor
    heat_maps: Tensor


torch.export.register_dataclass(FaceAlignment, serialized_type_name="aufait.FaceAlignment")


class FaceAligner(nn.Module):
    """FAN with its heat maps read out.

    Args:
        config: settings of the network.

    Example:
        >>> import torch
        >>> aligner = FaceAligner(FANConfig(image_size=64)).eval()
        >>> with torch.no_grad():
        ...     aligner(torch.rand(1, 3, 64, 64)).landmarks.shape
        torch.Size([1, 68, 2])
    """

    def __init__(self, config: FANConfig | None = None) -> None:
        super().__init__()
        self.config = config or FANConfig()
        self.fan = FAN(self.config)

    def forward(self, images: Tensor) -> FaceAlignment:
        """Locate the landmarks of a batch of face crops.

        Args:
            images: (B, 3, S, S) RGB, float in [0, 1], S = ``config.image_size``; the face fills most of it.

        Raises:
            InputError: wrong shape, size or type.
        """
        self._check(images)
        heat_maps = self.fan(channels_last(images)).heat_maps[-1]
        landmarks = landmarks_from_heat_maps(heat_maps, self.config.image_size)
        return FaceAlignment(landmarks=landmarks, confidence=heat_maps.amax((-2, -1)), heat_maps=heat_maps)

    def _check(self, images: Tensor) -> None:
        size = self.config.image_size
        if images.ndim != 4 or tuple(images.shape[1:]) != (3, size, size):
            raise InputError(f"the aligner expects images (B, 3, {size}, {size}), got {tuple(images.shape)}; crop the faces first")
        if not images.is_floating_point():
            raise InputError(f"the aligner expects float images in [0, 1], got {images.dtype}; divide 8-bit pixels by 255")


def save_aligner(aligner: FaceAligner, path: str | Path, *, notes: dict[str, Any] | None = None) -> Path:
    """Write an aligner's weights and settings; the file is whole or absent.

    Args:
        aligner: the aligner.
        path: ends in .safetensors.
        notes: anything JSON can hold that a reader should know: origin, licence, data.

    Raises:
        OutputError: the file cannot be written.
    """
    header = {"format": _FORMAT, "aligner": "fan", "config": aligner.config.to_dict(), "notes": notes or {}}
    return write_weights(aligner.fan, path, header)


def load_aligner(path: str | Path, *, device: str | torch.device = "cpu") -> FaceAligner:
    """Read an aligner back, in evaluation mode.

    Args:
        path: file written by ``save_aligner``.
        device: where the network goes.

    Raises:
        MissingModelError: there is no such file.
        InputError: the file is not an aligner of aufait, or its weights do not fit its settings.
    """
    path = Path(path)
    header = read_description(path, f"no aligner file at {path}; expected a .safetensors file written by aufait")
    config = _config(path, header)
    tensors = {f"fan.{name}": values for name, values in read_tensors(path).items()}
    aligner = make_filled(lambda: FaceAligner(config), tensors, f"the weights in {path} do not fit its settings")
    return aligner.to(device).eval()


def _config(path: Path, header: Any) -> FANConfig:
    """Settings from a file's header."""
    if not isinstance(header, dict) or header.get("aligner") != "fan" or not isinstance(header.get("config"), dict):
        raise InputError(
            f"{path} does not hold a face aligner; expected a file written by save_aligner. Released FAN weights are converted "
            "with: aufait import-checkpoint FILE --as fan"
        )
    if header.get("format") != _FORMAT:
        raise InputError(f"{path} has format {header.get('format')}, this version reads {_FORMAT}; update aufait")
    return FANConfig.from_dict(header["config"])
