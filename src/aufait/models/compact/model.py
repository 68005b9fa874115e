"""The compact model from pixels in [0, 1] to calibrated scores of both sides."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from aufait.models.compact.config import CompactConfig
from aufait.models.default.crop import mirror_sides, normalize
from aufait.models.default.network import AUNetwork
from aufait.models.default.ordinal import output_of
from aufait.models.default.predictor import AUPredictor
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem


class Compact(AUSystem):
    """Aligned crops (B, 3, 112, 112) -> occurrence, intensity and both sides.

    ``logits`` and ``intensity`` are those of the stronger side; ``extra["level_logits"]`` (B, A, 2, 5) are the logits of level >= 1
    to 5 of the subject's left and right. ``calibration`` (A, 2) scales and shifts each action unit's logits; fresh it changes
    nothing.
    """

    input_alignment: ClassVar[str] = "default"

    calibration: Tensor

    def __init__(self, config: CompactConfig) -> None:
        super().__init__(config)
        self.network = AUNetwork(config.network())
        self.register_buffer("calibration", torch.tensor([[1.0, 0.0]]).repeat(len(config.action_units), 1))

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        """Images (B, 3, 112, 112) in [0, 1] -> output; landmarks are ignored."""
        images, _ = self.prepare(images)
        crops = normalize(images.mean(dim=1, keepdim=True))
        levels = self.network(crops)  # (B, A, 2, 5)
        if self.config.mirror and not self.training:
            levels = (levels + mirror_sides(self.network(crops.flip(3)))) / 2
        return output_of(levels, self.calibration)


def shipped_compact(path: str = "compact") -> Compact:
    """The shipped compact model, or a file of ``aufait train-default``, as a network in evaluation mode."""
    predictor = AUPredictor.load(path)
    sizes = predictor.network.config
    model = Compact(
        CompactConfig.create(
            sizes.action_units, widths=sizes.widths, blocks=sizes.blocks, reduced=sizes.reduced, hidden=sizes.hidden,
            dropout=sizes.dropout,
        )
    )  # fmt: skip
    model.network.load_state_dict(predictor.network.state_dict())
    model.calibration.copy_(torch.from_numpy(predictor.calibration.table.astype(np.float32)))
    return model.eval()
