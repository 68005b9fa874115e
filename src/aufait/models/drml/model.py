"""DRML: deep region and multi-label learning.

Paper: Zhao, Chu and Zhang, "Deep Region and Multi-label Learning for Facial Action Unit Detection", CVPR 2016. It was not at
hand; layer sizes, normalisation, initialisation, learning rates and loss are those of the authors' Caffe release.
Differs from it in: the mean image that it takes off the pixels 0 to 255 was not released, and grey 127.5 is taken off instead (on
the scale of 255, without which its small initial weights give every face the same answer); regions are normalised by running
statistics in tests (``DRMLConfig.region_norm``).
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.layers.fast_path import in_blocks, use_fast_path
from aufait.losses.intensity import MAX_INTENSITY
from aufait.models.drml.config import CONVOLUTIONS, GRID, STEM_KERNEL, DRMLConfig
from aufait.models.drml.region_layer import ChannelResponseNorm, RegionLayer
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem


class DRML(AUSystem):
    """Convolution, region layer, four convolutions, two hidden layers, one logit per action unit.

    Args:
        config: settings.

    The output holds ``features`` (B, 2048), the last hidden layer.
    """

    pixel_mean: ClassVar[float] = 0.5
    pixel_std: ClassVar[float] = 1 / 255

    def __init__(self, config: DRMLConfig) -> None:
        super().__init__(config)
        self.stem = nn.Conv2d(3, config.stem_channels, STEM_KERNEL)
        self.region = RegionLayer(GRID, config.stem_channels, config.region_norm)
        batch_norm = config.norm == "batch_norm"
        self.norm: nn.Module = nn.BatchNorm2d(config.stem_channels) if batch_norm else ChannelResponseNorm()
        widths = [config.stem_channels] + [config.channels] * len(CONVOLUTIONS)
        layers: list[nn.Module] = []
        for before, after, (kernel, stride) in zip(widths, widths[1:], CONVOLUTIONS, strict=False):
            layers += [nn.Conv2d(before, after, kernel, stride), nn.ReLU(inplace=True)]
        self.convolutions = nn.Sequential(*layers)
        sizes = (config.channels * config.last_side**2, *config.hidden_sizes)
        self.hidden = nn.ModuleList(nn.Linear(before, after) for before, after in zip(sizes, sizes[1:], strict=False))
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(sizes[-1], len(config.action_units))
        if config.init == "caffe":
            self.reset_as_caffe()

    def reset_as_caffe(self) -> None:
        """Gaussian weights: 0.01 for convolutions and the output, 0.005 for hidden layers.

        Biases are 1 in the regions' and the four later convolutions and the hidden layers, so that their ReLUs start open, and 0
        elsewhere.
        """
        for part, deviation, bias in (
            (self.stem, 0.01, 0.0),
            (self.region.conv, 0.01, 1.0),
            (self.convolutions, 0.01, 1.0),
            (self.hidden, 0.005, 1.0),
            (self.output, 0.01, 0.0),
        ):
            for name, parameter in part.named_parameters():
                if name.endswith("weight"):
                    nn.init.normal_(parameter, std=deviation)
                else:
                    nn.init.constant_(parameter, bias)

    def parameter_groups(self, learning_rate: float, weight_decay: float) -> list[dict[str, Any]]:
        """Biases of convolutions and fully connected layers at ``bias_rate`` times the rate, without decay; the others as given."""
        layers = [module for module in self.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
        biases = [module.bias for module in layers if module.bias is not None]
        known = {id(bias) for bias in biases}
        return [
            {"params": [one for one in self.parameters() if id(one) not in known]},
            {"params": biases, "lr": self.config.bias_rate * learning_rate, "weight_decay": 0.0},
        ]

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        """Predict the action units of aligned faces, images (B, 3, S, S) RGB in [0, 1]; landmarks are not used."""
        images, _ = self.prepare(images, landmarks)
        if use_fast_path(self, images):
            images = images.contiguous(memory_format=torch.channels_last)
            pooled = in_blocks(self._regions, 4 * self.config.stem_channels * self.config.region_side**2, images)
        else:
            pooled = self._regions(images)
        features = self.convolutions(pooled).flatten(1)  # (B, 16 * 27 * 27)
        for layer in self.hidden:
            features = self.dropout(F.relu(layer(features)))
        logits = self.output(features)
        intensity = MAX_INTENSITY * logits.sigmoid() if self.config.task == "intensity" else None
        return AUOutput(logits=logits, intensity=intensity, features=features)

    def _regions(self, images: Tensor) -> Tensor:
        """The first convolution, the region layer, the pooling: normalised images (B, 3, 170, 170) -> (B, 32, 80, 80)."""
        regions = F.relu(self.region(self.stem(images)))  # (B, 32, 160, 160)
        return self.norm(F.max_pool2d(regions, 2))
