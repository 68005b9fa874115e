"""The mesh model from crops and what the face finder saw to calibrated scores of both sides."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from aufait.models.default.branches import BLENDSHAPES, COARSE_SHAPE, FINE_SHAPE, MeshModel
from aufait.models.default.crop import CROP_SIZE, normalize
from aufait.models.default.mesh import MeshPredictor
from aufait.models.default.network import AUNetwork
from aufait.models.default.ordinal import output_of
from aufait.models.default.predictor import AUPredictor
from aufait.models.mesh.config import MeshSystemConfig
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem
from aufait.settings import plain


class Mesh(AUSystem):
    """Crops and the finder's maps and blend shapes -> occurrence, intensity and both sides.

    ``logits`` and ``intensity`` are those of the stronger side; ``extra["level_logits"]`` (B, A, 2, 5) are the logits of level >= 1
    to 5 of the subject's left and right. ``calibration`` (A, 2) scales and shifts each action unit's logits; fresh it changes
    nothing. The photo trunk is frozen.
    """

    input_alignment: ClassVar[str] = "default"
    needs_finder: ClassVar[str] = "mesh"
    further_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = MappingProxyType(
        {"crops": (3, CROP_SIZE, CROP_SIZE), "fine": FINE_SHAPE, "coarse": COARSE_SHAPE, "blendshapes": (BLENDSHAPES,)}
    )

    calibration: Tensor

    def __init__(self, config: MeshSystemConfig) -> None:
        super().__init__(config)
        self.branches = MeshModel(config.branch_config())
        self.branches.trunk.requires_grad_(False)
        self.pixels = AUNetwork(config.pixel_config())
        self.register_buffer("calibration", torch.tensor([[1.0, 0.0]]).repeat(len(config.action_units), 1))

    def forward(
        self,
        images: Tensor,
        landmarks: Tensor | None = None,
        *,
        crops: Tensor | None = None,
        fine: Tensor | None = None,
        coarse: Tensor | None = None,
        blendshapes: Tensor | None = None,
    ) -> AUOutput:
        """Predict the action units of a batch of faces; landmarks are ignored.

        Args:
            images: (B, 3, 224, 224) RGB in [0, 1], see ``aufait.models.default.crop.photo_crops``.
            crops: (B, 3, 112, 112) RGB in [0, 1], see ``crop_faces`` there.
            fine, coarse: maps of the finder's landmark network, (B, 128, 16, 16) and (B, 128, 8, 8).
            blendshapes: (B, 52) in [0, 1].
        """
        images, _ = self.prepare(images)
        given = {"crops": crops, "fine": fine, "coarse": coarse, "blendshapes": blendshapes}
        crops, fine, coarse, blendshapes = self.check_further(images, given)
        pixels = self.pixels(normalize(crops.mean(dim=1, keepdim=True)))
        levels = self.branches(fine, coarse, blendshapes, images, pixels)  # (B, A, 2, 5)
        return output_of(levels, self.calibration)

    def own_predictor(self, *, name: str = "", sha256: str = "", device: str = "cpu") -> MeshPredictor:
        """The detector's way of running it: crops cut straight from the picture, what the finder saw taken from its faces."""
        pixels = AUPredictor(self.pixels, name="pixels", device=device, mirror=False)
        table = self.calibration.detach().cpu().numpy().astype(np.float64)
        rate = self.config.reference_rate
        return MeshPredictor(
            self.branches, pixels, table, reference_rate=rate, name=name or "Mesh", sha256=sha256, device=device
        )


def shipped_mesh(path: str = "mesh") -> Mesh:
    """The shipped mesh model, or a file of ``aufait train-mesh``, as a network in evaluation mode."""
    predictor = MeshPredictor.load(path)
    branches, pixels = predictor.model.config, predictor.pixels.network.config
    config = MeshSystemConfig.create(
        pixels.action_units,
        branches=_settings(branches),
        pixels=_settings(pixels),
        reference_rate=predictor.calibration.reference_rate,
    )
    model = Mesh(config)
    model.branches.load_state_dict(predictor.model.state_dict())
    model.pixels.load_state_dict(predictor.pixels.network.state_dict())
    model.calibration.copy_(torch.from_numpy(predictor.calibration.table.astype(np.float32)))
    return model.eval()


def _settings(config: Any) -> dict[str, Any]:
    """Settings of a part as JSON has them, without the action units."""
    return {name: value for name, value in plain(dataclasses.asdict(config)).items() if name != "action_units"}
