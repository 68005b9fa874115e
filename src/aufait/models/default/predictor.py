"""From a picture and landmarks to action units: crop, network, calibration.

Weights are safetensors with everything needed to use them in the header: network sizes, calibration and the base rate it is
for, version, how they were trained.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from aufait.errors import InputError, MissingModelError
from aufait.files.atomic import whole_file
from aufait.files.hashes import file_sha256
from aufait.files.weights import HEADER, make_filled, packed, parse_json, read_metadata, read_tensors
from aufait.layers.runtimes import TORCH, Call, Runtime
from aufait.models.configuration import resolve_au_set
from aufait.models.default.base_rates import REFERENCE_RATE, BaseRates, log_odds_shift
from aufait.models.default.crop import CROP_SIZE, crop_faces, mirror_sides, network_input
from aufait.models.default.network import AUNetwork, AUNetworkConfig
from aufait.models.default.ordinal import LEVELS, OCCURRENCE_LEVEL, median_intensity
from aufait.settings import did_you_mean

if TYPE_CHECKING:
    from aufait.faces.face import Face

WEIGHTS_FOLDER = Path(__file__).resolve().parents[2] / "weights"
MODELS = {"compact": "au_default.safetensors", "mesh": "au_mesh.safetensors"}
"""Shipped models: the compact one needs nothing else, the mesh model needs the ``mesh`` finder."""
FORMAT = "aufait-au-1"
_LARGEST_SHIFT = 100.0
"""Logits; beyond, a calibration is a damaged number and not one that was fitted."""


@dataclass(frozen=True, eq=False)
class AUScores:
    """Action units of F faces.

    Attributes:
        exceedance: (F, A, 2, 5) float32, P(level >= k) for k = 1..5; side 0 is the subject's left, 1 the right;
            non-increasing in k.

    Raises:
        InputError: a number is NaN or infinite.
    """

    exceedance: np.ndarray

    def __post_init__(self) -> None:
        if not np.isfinite(self.exceedance).all():
            raise InputError("the model gives scores that are not numbers: its weights are damaged or its training diverged")

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
    """The compact AU model, ready to use: one network on the aligned crop, nothing else.

    Args:
        network: the trained network; what scores faces is a copy made for inference, so train it before.
        calibration: (A, 2) scale (> 0) and shift of each action unit's logits.
        reference_rate: base rate that the calibration is for.
        name: what results call the model.
        sha256: digest of the weight file; empty for a model that was never saved.
        mirror: average each face with its mirror image (twice the work, steadier scores).
        base_rates: how often units are expected, where that is known; see ``aufait.models.default.base_rates``.
        runtime: what runs the network.
    """

    needs_mesh = False

    def __init__(
        self,
        network: AUNetwork,
        calibration: np.ndarray | None = None,
        *,
        reference_rate: float = REFERENCE_RATE,
        name: str = "default",
        sha256: str = "",
        device: str = "cpu",
        mirror: bool = True,
        base_rates: BaseRates = None,
        runtime: Runtime = TORCH,
    ) -> None:
        self.action_units = network.config.action_units
        self.name, self.sha256, self.mirror = name, sha256, mirror
        self.device = torch.device(device)
        self.network = network.eval()
        self._ready = runtime.ready(self.network, self.device, Call("action-units", ((2, 1, CROP_SIZE, CROP_SIZE),)))
        self.calibration = Calibration(calibration, self.action_units, reference_rate, base_rates)

    @classmethod
    def load(
        cls,
        name_or_path: str | Path = "compact",
        device: str = "cpu",
        *,
        mirror: bool = True,
        base_rates: BaseRates = None,
        runtime: Runtime = TORCH,
    ) -> AUPredictor:
        """The shipped model by name, or a weight file that ``save`` wrote.

        Raises:
            MissingModelError: no such name or file, or the file is not an aufait AU model.
        """
        path = resolve_model(name_or_path)
        header, tensors = read_model(path, FORMAT)
        with model_errors(path):
            config = _config_from(header["config"])
            network = make_filled(lambda: AUNetwork(config), tensors, "its weights do not fit its header")
            calibration, reference_rate = read_calibration(header, config.action_units)
        return cls(
            network,
            calibration,
            reference_rate=reference_rate,
            name=str(header.get("name", path.stem)),
            sha256=file_sha256(path),
            device=device,
            mirror=mirror,
            base_rates=base_rates,
            runtime=runtime,
        )

    def save(self, path: str | Path, training: dict[str, object] | None = None) -> Path:
        """Write weights (8 bits), sizes, calibration and ``training`` notes to one safetensors file, whole or not."""
        header = {
            "format": FORMAT,
            "name": self.name,
            "config": dataclasses.asdict(self.network.config),
            **self.calibration.header(),
            "training": training or {},
        }
        return write_model(path, header, self.network.state_dict())

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
            return AUScores(np.zeros((0, len(self.action_units), 2, LEVELS), np.float32))
        return self.predict_crops(crop_faces(image, points))

    def predict_faces(self, images: Sequence[np.ndarray], faces: Sequence[Sequence[Face]]) -> AUScores:
        """Action units of all faces of some pictures, in turn: one pass for all.

        Args:
            images: pictures (H, W, 3) uint8 RGB.
            faces: the faces of each; a picture may have none.
        """
        if not any(faces):
            return AUScores(np.zeros((0, len(self.action_units), 2, LEVELS), np.float32))
        return self.predict_crops(crops_of_faces(images, faces))

    @torch.inference_mode()
    def predict_crops(self, crops: Tensor) -> AUScores:
        """(F, 3, 112, 112) uint8 aligned crops (see ``au_crop``) -> scores."""
        return AUScores(self.calibration(self.crop_logits(crops)).sigmoid().cpu().numpy())

    def crop_logits(self, crops: Tensor) -> Tensor:
        """(F, 3, 112, 112) uint8 aligned crops -> (F, A, 2, 5) logits before calibration."""
        inputs = network_input(crops.to(self.device))
        if self.mirror:
            inputs = torch.cat([inputs, inputs.flip(3)])
        logits = self._ready(inputs.contiguous(memory_format=torch.channels_last))  # (F or 2 F, A, 2, 5)
        if self.mirror:
            straight, mirrored = logits.chunk(2)
            logits = (straight + mirror_sides(mirrored)) / 2
        return logits


class Calibration:
    """From a network's logits to logits whose sigmoid is a probability at a stated base rate.

    Args:
        table: (A, 2) scale (> 0) and shift of each unit; None for 1 and 0.
        action_units: in output order.
        reference_rate: base rate that the table is for.
        base_rates: rates to give probabilities for instead.
    """

    def __init__(
        self, table: np.ndarray | None, action_units: Sequence[int], reference_rate: float, base_rates: BaseRates = None
    ) -> None:
        rows = np.tile([1.0, 0.0], (len(action_units), 1)) if table is None else np.asarray(table, np.float64)
        self.table, self.reference_rate = rows, reference_rate
        shift = rows[:, 1] + log_odds_shift(base_rates, action_units, reference_rate)
        self._scale = torch.from_numpy(rows[:, 0].astype(np.float32))[:, None, None]
        self._shift = torch.from_numpy(shift.astype(np.float32))[:, None, None]

    def __call__(self, logits: Tensor) -> Tensor:
        """(F, A, 2, 5) -> the same shape."""
        return logits * self._scale.to(logits.device) + self._shift.to(logits.device)

    def header(self) -> dict[str, object]:
        """What a weight file keeps of it."""
        return {"calibration": self.table.astype(float).round(5).tolist(), "reference_rate": self.reference_rate}


def crops_of_faces(images: Sequence[np.ndarray], faces: Sequence[Sequence[Face]]) -> Tensor:
    """(F, 3, 112, 112) uint8 aligned crops of all faces of some pictures, in turn."""
    crops = [
        crop_faces(image, np.stack([face.landmarks for face in group]))
        for image, group in zip(images, faces, strict=True)
        if group
    ]
    return torch.cat(crops) if crops else torch.zeros((0, 3, CROP_SIZE, CROP_SIZE), dtype=torch.uint8)


def read_model(path: Path, file_format: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and float32 tensors of a model file.

    Raises:
        MissingModelError: the file is not an aufait AU model of this format.
    """
    try:
        header = parse_json(read_metadata(path).get(HEADER))
        found = header.get("format") if isinstance(header, dict) else None
        if found != file_format:
            raise MissingModelError(f"{path} is not an aufait AU model (format {found!r}, need {file_format!r})")
        return header, {key: values.float() for key, values in read_tensors(path).items()}
    except InputError as error:
        raise MissingModelError(str(error)) from error


@contextmanager
def model_errors(path: Path) -> Iterator[None]:
    """Inside, a header in which something is missing or impossible is a ``MissingModelError`` that names the file."""
    try:
        yield
    except (InputError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        said = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise MissingModelError(f"{path} does not hold the network that its header states: {said}; get it again") from error


def read_calibration(header: Mapping[str, Any], action_units: Sequence[int]) -> tuple[np.ndarray, float]:
    """Scale and shift of each unit (A, 2) and the base rate that they are for, as a header states them.

    Raises:
        KeyError, TypeError, ValueError: it states none, or impossible ones.
    """
    table = np.array(header["calibration"], np.float64).reshape(len(action_units), 2)
    if not np.isfinite(table).all() or (table[:, 0] <= 0).any() or np.abs(table).max(initial=0) > _LARGEST_SHIFT:
        raise ValueError(f"calibration needs a scale above 0 and a shift for each unit, none beyond {_LARGEST_SHIFT}")
    rate = float(header.get("reference_rate", REFERENCE_RATE))
    if not 0 < rate < 1:
        raise ValueError(f"reference_rate is a share between 0 and 1, got {rate}")
    return table, rate


def write_model(path: str | Path, header: dict[str, Any], state: Mapping[str, Tensor]) -> Path:
    """Write a model file with small weights (see ``files.weights.packed``), whole or not at all."""
    target = Path(path)
    with whole_file(target) as partial:
        # One entry: the file format does not keep the order of several, and equal models must give equal files.
        save_file(packed(state), partial, metadata={HEADER: json.dumps(header, sort_keys=True)})
    return target


def _config_from(values: Mapping[str, Any]) -> AUNetworkConfig:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return AUNetworkConfig(**fields | {"action_units": resolve_au_set(fields["action_units"])})


def resolve_model(name_or_path: str | Path) -> Path:
    """The weight file that a model's name or path refers to."""
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
    hint = did_you_mean(name, [*MODELS, "default"])
    raise MissingModelError(f"unknown model {name!r}{hint} Known: {', '.join(MODELS)}, or the path of a weight file")
