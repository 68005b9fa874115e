"""DRML: deep region and multi-label learning.

Paper: Zhao, Chu and Zhang, "Deep Region and Multi-label Learning for Facial Action Unit Detection", CVPR 2016. It was not at
hand; layer sizes, initialisation and loss are those of its public re-implementations in PyTorch and Caffe.
Our readings: images are RGB scaled to [-1, 1] (neither re-implementation fixes it); of the two normalisations after the
pooling the default is BatchNorm, of the two initialisations the Caffe one, the only one that is written out.
"""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

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
    pixel_std: ClassVar[float] = 0.5

    def __init__(self, config: DRMLConfig) -> None:
        super().__init__(config)
        self.stem = nn.Conv2d(3, config.stem_channels, STEM_KERNEL)
        self.region = RegionLayer(GRID, config.stem_channels)
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
        """Gaussian weights: 0.01 for convolutions, 0.005 for hidden layers, 0.001 for the output.

        Biases are 1 in the four later convolutions and the hidden layers, so that their ReLUs start open, and 0 elsewhere.
        """
        for part, deviation, bias in (
            (self.stem, 0.01, 0.0),
            (self.region.conv, 0.01, 0.0),
            (self.convolutions, 0.01, 1.0),
            (self.hidden, 0.005, 1.0),
            (self.output, 0.001, 0.0),
        ):
            for name, parameter in part.named_parameters():
                if name.endswith("weight"):
                    nn.init.normal_(parameter, std=deviation)
                else:
                    nn.init.constant_(parameter, bias)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        """Predict the action units of aligned faces, images (B, 3, S, S) RGB in [0, 1]; landmarks are not used."""
        images, _ = self.prepare(images, landmarks)
        regions = F.relu(self.region(self.stem(images)))  # (B, 32, 160, 160)
        pooled = self.norm(F.max_pool2d(regions, 2))  # (B, 32, 80, 80)
        features = self.convolutions(pooled).flatten(1)  # (B, 16 * 27 * 27)
        for layer in self.hidden:
            features = self.dropout(F.relu(layer(features)))
        return AUOutput(logits=self.output(features), features=features)
