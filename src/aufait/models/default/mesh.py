"""The mesh model, ready to use: the face finder's feature maps and blend shapes, our own pixels, one calibrated answer.

It needs faces from the ``mesh`` finder, whose landmark network has computed the feature maps already. Its weight file holds the
photo trunk and our branches; the pixel branch is the compact model, named by the SHA-256 of its file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from aufait.errors import InputError, MissingModelError
from aufait.files.hashes import file_sha256
from aufait.files.weights import make_filled
from aufait.layers.runtimes import TORCH, Call, Runtime
from aufait.models.configuration import resolve_au_set
from aufait.models.default.base_rates import REFERENCE_RATE, BaseRates
from aufait.models.default.branches import (
    BLENDSHAPES,
    COARSE_SHAPE,
    FINE_SHAPE,
    FeatureBranchConfig,
    MeshModel,
    MeshModelConfig,
    PhotoBranchConfig,
)
from aufait.models.default.crop import CROP_SIZE, photo_crops
from aufait.models.default.ordinal import LEVELS
from aufait.models.default.predictor import (
    AUPredictor,
    AUScores,
    Calibration,
    crops_of_faces,
    model_errors,
    read_calibration,
    read_model,
    resolve_model,
    write_model,
)

if TYPE_CHECKING:
    from aufait.faces.face import Face

FORMAT = "aufait-au-mesh-1"


class MeshPredictor:
    """Action units from the branches over the landmark network and from our own pixels.

    Args:
        model: the photo trunk and the branches; what scores faces is a copy made for inference, so train it before.
        pixels: the compact model; its calibration plays no part here.
        calibration: (A, 2) scale (> 0) and shift of each unit's joint logits.
        reference_rate: base rate that the calibration is for.
        name: what results call the model.
        sha256: digest of the weight file; empty for a model that was never saved.
        device: where the branches run.
        base_rates: how often units are expected, where that is known; see ``aufait.models.default.base_rates``.
        runtime: what runs trunk and branches.

    Raises:
        InputError: the parts score different units.
    """

    needs_mesh = True

    def __init__(
        self,
        model: MeshModel,
        pixels: AUPredictor,
        calibration: np.ndarray | None = None,
        *,
        reference_rate: float = REFERENCE_RATE,
        name: str = "mesh",
        sha256: str = "",
        device: str = "cpu",
        base_rates: BaseRates = None,
        runtime: Runtime = TORCH,
    ) -> None:
        if model.config.action_units != pixels.action_units:
            raise InputError(f"the branches score units {model.config.action_units}, the pixel model {pixels.action_units}")
        self.action_units = pixels.action_units
        self.name, self.sha256, self.pixels = name, sha256, pixels
        self.device = torch.device(device)
        self.model = model.eval()
        self._ready = runtime.ready(self.model, self.device, _call(len(self.action_units)))
        self.calibration = Calibration(calibration, self.action_units, reference_rate, base_rates)

    @classmethod
    def load(
        cls,
        name_or_path: str | Path = "mesh",
        device: str = "cpu",
        *,
        base_rates: BaseRates = None,
        runtime: Runtime = TORCH,
    ) -> MeshPredictor:
        """The shipped model by name, or a weight file that ``save`` wrote.

        Raises:
            MissingModelError: no such file, not a mesh model, or made for another compact model than the one that is there.
        """
        path = resolve_model(name_or_path)
        header, tensors = read_model(path, FORMAT)
        pixels = AUPredictor.load(device=device, mirror=False, runtime=runtime)
        if header.get("pixels_sha256") != pixels.sha256:
            raise MissingModelError(
                f"{path} was made for the compact model with SHA-256 {header.get('pixels_sha256')}, the one that is here has "
                f"{pixels.sha256}; get both files from one release"
            )
        with model_errors(path):
            config = _config_from(header["config"])
            model = make_filled(lambda: MeshModel(config), tensors, "its weights do not fit its header")
            calibration, reference_rate = read_calibration(header, pixels.action_units)
        return cls(
            model,
            pixels,
            calibration,
            reference_rate=reference_rate,
            name=str(header.get("name", path.stem)),
            sha256=file_sha256(path),
            device=device,
            base_rates=base_rates,
            runtime=runtime,
        )

    def save(self, path: str | Path, training: dict[str, object] | None = None) -> Path:
        """Write trunk and branches (8 bits), calibration and ``training`` notes to one safetensors file, whole or not."""
        header = {
            "format": FORMAT,
            "name": self.name,
            "config": dataclasses.asdict(self.model.config),
            "pixels_sha256": self.pixels.sha256,
            **self.calibration.header(),
            "training": training or {},
        }
        return write_model(path, header, self.model.state_dict())

    @torch.inference_mode()
    def predict_faces(self, images: Sequence[np.ndarray], faces: Sequence[Sequence[Face]]) -> AUScores:
        """Action units of all faces of some pictures, in turn: one pass for all.

        Args:
            images: pictures (H, W, 3) uint8 RGB.
            faces: the faces of each, from the ``mesh`` finder; a picture may have none.

        Raises:
            InputError: a face has no feature maps.
        """
        everyone = [face for group in faces for face in group]
        if not everyone:
            return AUScores(np.zeros((0, len(self.action_units), 2, 5), np.float32))
        maps = [face.features for face in everyone if face.features is not None]
        shapes = [face.blendshapes for face in everyone if face.blendshapes is not None]
        if len(maps) < len(everyone) or len(shapes) < len(everyone):
            raise InputError("the mesh model needs faces from the mesh finder: Detector(finder='mesh'), or model='compact'")
        pairs = zip(images, faces, strict=True)
        groups = [(image, np.stack([face.landmarks for face in group])) for image, group in pairs if group]
        logits = self._ready(
            torch.stack([m.fine for m in maps]).to(self.device),
            torch.stack([m.coarse for m in maps]).to(self.device),
            torch.from_numpy(np.stack(shapes)).to(self.device),
            torch.cat([photo_crops(image, points) for image, points in groups]).to(self.device).float() / 255.0,
            self.pixels.crop_logits(crops_of_faces(images, faces)),
        )
        return AUScores(self.calibration(logits).sigmoid().cpu().numpy())


def _call(units: int) -> Call:
    """How the branches are called: both feature maps, blend shapes, photo crops, the pixel model's logits."""
    shapes = (FINE_SHAPE, COARSE_SHAPE, (BLENDSHAPES,), (3, 2 * CROP_SIZE, 2 * CROP_SIZE), (units, 2, LEVELS))
    return Call("mesh-action-units", tuple((2, *shape) for shape in shapes))


def _config_from(values: dict[str, Any]) -> MeshModelConfig:
    return MeshModelConfig(
        action_units=resolve_au_set(values["action_units"]),
        features=FeatureBranchConfig(**values["features"]),
        photo=PhotoBranchConfig(**values["photo"]),
        unheard=tuple(tuple(units) for units in values["unheard"]),
        tells_sides=tuple(values["tells_sides"]),
    )
