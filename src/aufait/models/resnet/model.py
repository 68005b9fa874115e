"""ResNet18 on raw faces, and ResNet18-A: the same with AUNet's temporal differences.

Papers: He et al., CVPR 2016; AUNet (Yang et al.), sections V-D and V-F. One fully connected layer gives the logits; AUNet's own
baseline is printed with 0.2 million parameters more, whose place is not given.
Our reading of ResNet18-A, whose insertion points are not given: AUNet's difference head with ResNet's layers in place of its
blocks. Differences are taken of the features after layer 1, halved, and projected to 64 channels; they are added after layer 1
and, after one separate block (64 -> 128, halving), after layer 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.errors import InputError
from aufait.layers.timm_backbone import TimmBackbone
from aufait.models.aunet.label_vae_fitting import label_vaes
from aufait.models.explanation import ACTIVATION, Explanation
from aufait.models.outputs import AUOutput
from aufait.models.resnet.backbone import BasicBlock, ResNet18Backbone, initialise
from aufait.models.resnet.config import ResNetConfig
from aufait.models.system import AUSystem
from aufait.models.training_labels import TrainingLabels

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class ResNet18(AUSystem):
    """Images are (B, 3, S, S); with ``use_tdn`` (B, 3, 3, S, S) = current, earlier and later frame.

    11,182,668 parameters for 12 action units without ``use_tdn``. Output: ``features`` (B, 512), the pooled vector; as many values
    as its last map has channels where ``config.backbone`` names a network of timm.
    """

    input_alignment: ClassVar[str] = "aunet"
    mirrored_test: ClassVar[bool] = True
    has_backbone: ClassVar[bool] = True

    mean: Tensor
    std: Tensor

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(config)
        self.frames = 3 if config.use_tdn else 1  # type: ignore[misc]  # a setting here, a constant of other networks
        own = config.backbone == "resnet18"
        self.backbone: Any = ResNet18Backbone() if own else TimmBackbone(config.backbone, config.image_size)
        self.temporal = TemporalDifference(config.alpha, config.beta) if config.use_tdn else None
        self.classifier = nn.Linear(self.backbone.out_channels, len(config.action_units))
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_IMAGENET_STD)[:, None, None], persistent=False)

    @property
    def neighbour_nose(self) -> str:  # type: ignore[override]  # a setting here, a constant of other networks
        """``config.nose``."""
        return str(self.config.nose)

    @property
    def interval(self) -> int:
        """T of ``config.interval`` with ``use_tdn``, 0 without."""
        return self.config.interval if self.config.use_tdn else 0

    def use_backbone(self, weights: Mapping[str, Tensor]) -> None:
        """Copy a ResNet18 with the names of common releases, or what timm saved of another backbone; the classifier is left out.

        Raises:
            InputError: the weights are of another network; the message says what is missing or left over.
        """
        if isinstance(self.backbone, TimmBackbone):
            self.backbone.use_weights(weights)
            return
        given = {name: value for name, value in weights.items() if not name.startswith("fc.")}
        own = self.backbone.state_dict()
        counters = {name for name in own if name.endswith("num_batches_tracked")}  # absent from older files
        wrong = sorted(set(own) - counters - set(given)) + sorted(set(given) - set(own))
        wrong += [name for name in own if name in given and own[name].shape != given[name].shape]
        if wrong:
            shown = ", ".join(wrong[:3]) + (", ..." if len(wrong) > 3 else "")
            raise InputError(f"the weights are not those of a ResNet18: {shown} missing, left over or of another shape")
        self.backbone.load_state_dict({**own, **given})

    def criterion_arguments(self, labels: TrainingLabels) -> dict[str, Any]:
        """AUNet's label VAE with ``use_vae``, fitted to the training labels."""
        return {"vae": label_vaes(labels, self.config.vae_latent)} if self.config.use_vae else {}

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        """images (B, 3, S, S), or (B, 3, 3, S, S) = current, earlier and later frame -> ``AUOutput``."""
        pooled = self._feature_map(images, landmarks).mean((-2, -1))              # (B, 512)
        return AUOutput(logits=self.classifier(pooled), features=pooled)

    def explain(self, images: Tensor, landmarks: Tensor | None = None) -> Explanation:
        """Class activation maps: the classifier is one layer on the mean of the last feature map."""
        maps = class_activation(self._feature_map(images, landmarks), self.classifier)
        return Explanation(ACTIVATION, maps, "what each place adds to the score")

    def _feature_map(self, images: Tensor, landmarks: Tensor | None) -> Tensor:
        """(B, 512, S/32, S/32) of the current frame."""
        images, _ = self.prepare(images, landmarks)
        if self.config.normalization == "imagenet":
            images = (images - self.mean) / self.std
        return self.backbone(images) if self.temporal is None else self.temporal(self.backbone, images)


def class_activation(features: Tensor, classifier: nn.Linear) -> Tensor:
    """Class activation maps (Zhou et al., CVPR 2016): what each place adds to each logit, where it adds.

    Args:
        features: (B, C, H, W), averaged and then classified.
        classifier: C -> A.

    Returns:
        (B, A, H, W), 0 or more.
    """
    return torch.einsum("bchw,ac->bahw", features, classifier.weight).clamp(min=0)


class TemporalDifference(nn.Module):
    """Differences of the neighbours' features after layer 1, added to the current frame's after layers 1 and 2.

    Args:
        alpha, beta: weights of the static and the difference feature.
    """

    def __init__(self, alpha: float, beta: float) -> None:
        super().__init__()
        self.alpha, self.beta = alpha, beta
        self.project = nn.Conv2d(2 * 64, 64, 1)
        self.block = BasicBlock(64, 128, stride=2)
        initialise(self.block)

    def forward(self, backbone: ResNet18Backbone, images: Tensor) -> Tensor:
        """(B, 3, 3, S, S) -> the current frame's last feature map (B, 512, S/32, S/32)."""
        features = backbone.layer1(backbone.stem(images.flatten(0, 1)))           # (3 B, 64, S/4, S/4)
        current, earlier, later = features.unflatten(0, (-1, 3)).unbind(1)
        change = F.avg_pool2d(torch.cat((current - earlier, later - current), dim=1), 2)
        difference = self.project(change)                                         # (B, 64, S/8, S/8)
        static = backbone.layer2(self._add(current, difference))                  # (B, 128, S/8, S/8)
        static = self._add(static, self.block(difference))
        return backbone.layer4(backbone.layer3(static))

    def _add(self, static: Tensor, difference: Tensor) -> Tensor:
        """alpha static + beta difference, the latter doubled in size."""
        return self.alpha * static + self.beta * F.interpolate(difference, scale_factor=2.0, mode="nearest")
