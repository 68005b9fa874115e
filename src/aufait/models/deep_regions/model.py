"""Deep Regions Learning: patches around landmarks, each with its own convolutions, joined by fully connected layers.

Paper: section 2 and Figure 2. Layer by layer:
    faces (B, 3, 200, 200) -> Conv1, shared, 11 x 11 -> (B, 32, 190, 190)
    -> 22 patches of 48 x 48 -> Conv2 to Conv6 per patch -> (B, 22, 8 * 12 * 12)
    -> Fully7 (2048) -> Fully8 (1024) -> one logit per action unit.
Our reading, the paper being silent: kernels of Conv3 to Conv6, width of Fully7 and the choice of landmarks (see config.py);
pixels in [0, 1] without further normalisation; no normalisation layers; dropout after Fully7 and Fully8; He-normal weights
where a ReLU follows, biases of zero. The sigmoid of the last layer is left to ``AUOutput.probability``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aufait.models.deep_regions.config import CONV1_FILTERS, CONV1_KERNEL, FC8_WIDTH, KERNEL_PRESETS, PATCH_SIZE, DeepRegionsConfig
from aufait.models.deep_regions.patches import extract_patches, to_map_pixels
from aufait.models.deep_regions.region_layers import RegionLayers
from aufait.models.explanation import PATCHES, Explanation
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem


class DeepRegions(AUSystem):
    """Action units from patches around landmarks, or from the whole face as the "convnet" baseline.

    Reads aligned faces (B, 3, 200, 200) and, for patches, landmarks (B, 49, 2). Fills ``logits`` and ``features``
    (B, 1024), the output of Fully8.
    """

    patch_points: Tensor

    def __init__(self, config: DeepRegionsConfig) -> None:
        super().__init__(config)
        # The baseline sees the whole face and needs no landmarks.
        self.landmark_points = 49 if config.backbone == "regions" else 0  # type: ignore[misc]
        points = torch.tensor(config.patch_landmarks) - 1
        self.register_buffer("patch_points", points, persistent=False)
        self.conv1 = nn.Conv2d(3, CONV1_FILTERS, CONV1_KERNEL)
        self.regions = RegionLayers(config.groups, CONV1_FILTERS, KERNEL_PRESETS[config.kernel_preset])
        self.fully7 = nn.Linear(config.groups * config.group_features, config.fc7_width)
        self.fully8 = nn.Linear(config.fc7_width, FC8_WIDTH)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(FC8_WIDTH, len(config.action_units))
        self._initialise()

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        """Predict the action units of aligned faces; shapes as in the description of the class."""
        images, landmarks = self.prepare(images, landmarks)
        local = self.local_features(images, landmarks)  # (B, G, D)
        return self.classify(self.fully7(local.flatten(1)))

    def explain(self, images: Tensor, landmarks: Tensor | None = None) -> Explanation | None:
        """Significance of the patches (section 2.1): how far each action unit's probability moves when one falls silent."""
        if self.config.backbone != "regions" or landmarks is None:
            return None
        from aufait.models.deep_regions.significance import patch_maps

        return Explanation(PATCHES, patch_maps(self, images, landmarks), "how far the probability moves without the patch")

    def local_features(self, images: Tensor, landmarks: Tensor) -> Tensor:
        """Outputs of Conv6 (B, G, D), one vector per patch, for prepared images (B, 3, S, S) and landmarks (B, 49, 2)."""
        # Channels-last: a pixel's channels are together, so that patches are cut out and convolved without reordering.
        images = images.contiguous(memory_format=torch.channels_last)
        feature_map = self.conv1(images).relu_()  # (B, 32, 190, 190)
        if self.config.backbone == "convnet":
            return self.regions(feature_map)
        points = landmarks.index_select(1, self.patch_points)  # (B, G, 2)
        centres = to_map_pixels(points, self.config.image_size, self.config.map_size, self.config.landmark_map)
        return self.regions(extract_patches(feature_map, centres, PATCH_SIZE))

    def classify(self, fully7: Tensor) -> AUOutput:
        """The rest of the network, from the output (B, 2048) of Fully7 before its ReLU."""
        hidden = self.dropout(fully7.relu())
        features = self.fully8(hidden).relu()  # (B, 1024)
        return AUOutput(logits=self.output(self.dropout(features)), features=features)

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear" if module is self.output else "relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
