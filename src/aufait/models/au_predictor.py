"""From a picture and landmarks to action units: crop, network, calibration.

Weights are safetensors with everything needed to use them in the header: network sizes, calibration, version, how they
were trained.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from aufait.errors import InputError, MissingModelError
from aufait.models.au_crop import crop_faces, mirror_sides, network_input
from aufait.models.au_network import AUNetwork, AUNetworkConfig
from aufait.models.ordinal import OCCURRENCE_LEVEL, median_intensity

WEIGHTS_FOLDER = Path(__file__).resolve().parent.parent / "weights"
MODELS = {"default": "au_default.safetensors"}
FORMAT = "aufait-au-1"


@dataclass(frozen=True, eq=False)
class AUScores:
    """Action units of F faces.

    Attributes:
        exceedance: (F, A, 2, 5) float32, P(level >= k) for k = 1..5; side 0 is the subject's left, 1 the right;
            non-increasing in k.
    """

    exceedance: np.ndarray

    @cached_property
    def _stronger(self) -> np.ndarray:
        """(F, A, 5): the stronger side's exceedance at each level, itself a distribution (FACS codes a unit that shows
        on either side)."""
        return self.exceedance.max(axis=2)

    @cached_property
    def probability(self) -> np.ndarray:
        """(F, A) in [0, 1]: the unit is present (level >= 2) on at least one side."""
        return self._stronger[..., OCCURRENCE_LEVEL - 1]

    @cached_property
    def intensity(self) -> np.ndarray:
        """(F, A) in [0, 5]: median of the stronger side's distribution; >= 1.5 where ``probability`` >= 0.5."""
        return median_intensity(self._stronger)

    @property
    def probability_left(self) -> np.ndarray:
        return self.exceedance[:, :, 0, OCCURRENCE_LEVEL - 1]

    @property
    def probability_right(self) -> np.ndarray:
        return self.exceedance[:, :, 1, OCCURRENCE_LEVEL - 1]

    @cached_property
    def intensity_left(self) -> np.ndarray:
        return median_intensity(self.exceedance[:, :, 0])

    @cached_property
    def intensity_right(self) -> np.ndarray:
        return median_intensity(self.exceedance[:, :, 1])


class AUPredictor:
    """The AU model, ready to use.

    Args:
        network: the trained network, any device.
        calibration: (A, 2) scale (> 0) and shift of each action unit's logits.
        name: what results call the model.
        sha256: digest of the weight file; empty for a model that was never saved.
        mirror: average each face with its mirror image (twice the work, steadier scores).
    """

    def __init__(
        self,
        network: AUNetwork,
        calibration: np.ndarray | None = None,
        *,
        name: str = "default",
        sha256: str = "",
        device: str = "cpu",
        mirror: bool = True,
    ) -> None:
        self.action_units = network.config.action_units
        self.name, self.sha256, self.mirror = name, sha256, mirror
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        if self.device.type == "cpu":
            self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        table = np.tile([1.0, 0.0], (len(self.action_units), 1)) if calibration is None else calibration
        self.calibration = torch.as_tensor(np.asarray(table, np.float32)).to(self.device)

    @classmethod
    def load(cls, name_or_path: str | Path = "default", device: str = "cpu", *, mirror: bool = True) -> AUPredictor:
        """The shipped model by name, or a weight file that ``save`` wrote.

        Raises:
            MissingModelError: no such name or file, or the file is not an aufait AU model.
        """
        path = _resolve(name_or_path)
        try:
            with safe_open(path, framework="pt") as file:
                header = json.loads((file.metadata() or {}).get("aufait", "{}"))
                tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 (not a dict)
        except Exception as error:  # safetensors raises its own, undocumented, error class
            raise MissingModelError(f"{path} cannot be read as safetensors: {error}") from error
        if header.get("format") != FORMAT:
            raise MissingModelError(f"{path} is not an aufait AU model (format {header.get('format')!r}, need {FORMAT!r})")
        try:
            network = AUNetwork(_config_from(header["config"]))
            network.load_state_dict(tensors, strict=True)
            calibration = np.array(header["calibration"], np.float32).reshape(len(network.config.action_units), 2)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise MissingModelError(f"{path} does not hold the network that its header states: {error}") from error
        return cls(
            network,
            calibration,
            name=header.get("name", path.stem),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            device=device,
            mirror=mirror,
        )

    def save(self, path: str | Path, training: dict[str, object] | None = None) -> Path:
        """Write weights (float16), sizes, calibration and ``training`` notes to one safetensors file, whole or not."""
        target = Path(path)
        header = {
            "format": FORMAT,
            "name": self.name,
            "config": dataclasses.asdict(self.network.config),
            "calibration": self.calibration.cpu().numpy().astype(float).round(5).tolist(),
            "training": training or {},
        }
        tensors = {
            key: (value.half() if value.is_floating_point() else value).contiguous().cpu()
            for key, value in self.network.state_dict().items()
        }
        temporary = target.with_suffix(".part")
        # One entry: the file format does not keep the order of several, and equal models must give equal files.
        save_file(tensors, temporary, metadata={"aufait": json.dumps(header, sort_keys=True)})
        temporary.replace(target)
        return target

    def predict(self, image: np.ndarray, landmarks: np.ndarray) -> AUScores:
        """Action units of the faces of one picture.

        Args:
            image: (H, W, 3) uint8 RGB.
            landmarks: (F, 68, 2) pixels; F may be 0.

        Raises:
            InputError: shapes do not fit, or a landmark is not finite.
        """
        points = np.asarray(landmarks, np.float32)
        if points.ndim != 3 or points.shape[1:] != (68, 2):
            raise InputError(f"landmarks must be (faces, 68, 2), got {points.shape}")
        if not np.isfinite(points).all():
            raise InputError("landmarks hold NaN or infinite coordinates; drop those faces first")
        if len(points) == 0:
            return AUScores(np.zeros((0, len(self.action_units), 2, 5), np.float32))
        return self.predict_crops(crop_faces(image, points))

    @torch.inference_mode()
    def predict_crops(self, crops: Tensor) -> AUScores:
        """(F, 3, 112, 112) uint8 aligned crops (see ``au_crop``) -> scores."""
        inputs = network_input(crops.to(self.device))
        if self.mirror:
            inputs = torch.cat([inputs, inputs.flip(3)])
        if self.device.type == "cpu":
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        logits = self.network(inputs)  # (F or 2 F, A, 2, 5)
        if self.mirror:
            straight, mirrored = logits.chunk(2)
            logits = (straight + mirror_sides(mirrored)) / 2
        return AUScores(self._calibrated(logits).sigmoid().cpu().numpy())

    def _calibrated(self, logits: Tensor) -> Tensor:
        scale, shift = self.calibration[:, 0], self.calibration[:, 1]
        return logits * scale[:, None, None] + shift[:, None, None]


def _config_from(values: dict) -> AUNetworkConfig:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return AUNetworkConfig(**fields)


def _resolve(name_or_path: str | Path) -> Path:
    name = str(name_or_path)
    if name in MODELS:
        path = WEIGHTS_FOLDER / MODELS[name]
        if not path.is_file():
            raise MissingModelError(f"the weights of model {name!r} are missing: {path}; install aufait again")
        return path
    path = Path(name_or_path)
    if path.is_file():
        return path
    if path.suffix or "/" in name or "\\" in name:
        raise MissingModelError(f"no model file at {path}")
    near = difflib.get_close_matches(name, MODELS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise MissingModelError(f"unknown model {name!r}{hint} Known: {', '.join(MODELS)}, or the path of a weight file")
