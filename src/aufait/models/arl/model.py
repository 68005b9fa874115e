"""ARL: shared region features, then one branch per action unit that attends to channels and pixels.

Paper: Z. Shao, Z. Liu, J. Cai, Y. Wu, L. Ma, "Facial Action Unit Detection Using Attention and Relation Learning", IEEE
Transactions on Affective Computing, 2019, Figure 2. Where the paper is silent, the released program decides: which
convolutions have BatchNorm and ReLU, TanH before the spatial attention, and colours (value - 128) / 128 in the order blue,
green, red. Differs from it in: momentum of BatchNorm (``ARLConfig.norm_momentum``), exact sums in the random field.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from aufait.layers.grouped import GroupedLinear, grouped_conv
from aufait.layers.region_learning import RegionLearning
from aufait.losses.intensity import MAX_INTENSITY
from aufait.models.arl.channel_attention import BranchConvolution, ChannelAttention
from aufait.models.arl.config import ARLConfig
from aufait.models.arl.pixel_relation import PixelRelation
from aufait.models.arl.spatial_attention import AttendedConvolution, SpatialAttention
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem
from aufait.models.transfer_rule import TransferRule

INIT_STD = 0.01
"""Standard deviation of fresh weights (released program)."""


class ARL(AUSystem):
    """ARL, iARL and pARL and their ablations, by the switches of ``ARLConfig``.

    ``AUOutput``: logits; intensity for the task "intensity"; attention_maps v(s) (B, A, S / 4, S / 4) with spatial attention;
    features f(r) (B, A, 8 c); extra "channel_attention" v(c) (B, A, 8 c), "initial_attention" v(0s) as attention_maps, and
    "crf_energy" (B, A) where ``crf_energy_weight`` is not 0.
    """

    pixel_mean: ClassVar[float] = 128 / 255
    pixel_std: ClassVar[float] = 128 / 255
    channel_order: ClassVar[str] = "bgr"
    input_alignment: ClassVar[str] = "arl"
    transfer_rule: ClassVar[TransferRule] = TransferRule({9: 10, 25: 23, 26: 24}, source="ARL section 4.1.2")

    def __init__(self, config: ARLConfig) -> None:
        super().__init__(config)
        units, channels = len(config.action_units), config.channels
        self.region_learning = RegionLearning(config.unit)
        self.first = BranchConvolution(units, channels, channels, shared_input=True)
        self.second: nn.Module
        if config.channel_attention:
            self.second = ChannelAttention(units, channels)
        else:
            self.second = BranchConvolution(units, channels, channels)
        self.third = BranchConvolution(units, channels, channels)
        self.spatial_attention = SpatialAttention(units, channels, 2 * config.unit) if config.spatial_attention else None
        self.pixel_relation = _pixel_relation(config) if config.crf else None
        self.fourth: nn.Module
        if config.spatial_attention:
            self.fourth = AttendedConvolution(units, channels)
        else:
            self.fourth = BranchConvolution(units, channels, channels)
        self.last = grouped_conv(units, channels, channels, padding=1)
        self.classifier = GroupedLinear(units, channels, 1)
        self._initialise()

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        """RGB images (B, 3, S, S) in [0, 1] -> prediction; landmarks are ignored."""
        images, _ = self.prepare(images, landmarks)
        extra: dict[str, Tensor] = {}
        branches = self.first(self.region_learning(images))  # (B, A * C, S / 4, S / 4)
        branches = self.third(self._weigh_channels(branches, extra))
        attention = self._attend(branches, extra)
        branches = self.fourth(branches) if attention is None else self.fourth(branches, attention)
        pooled = self.last(branches).mean((-2, -1))
        features = pooled.unflatten(1, (len(self.action_units), -1))  # f(r), (B, A, C)
        logits = self.classifier(features)[..., 0]
        intensity = MAX_INTENSITY * logits.sigmoid() if self.config.task == "intensity" else None
        return AUOutput(logits=logits, intensity=intensity, attention_maps=attention, features=features, extra=extra)

    def parameter_groups(self, learning_rate: float, weight_decay: float) -> list[dict[str, Any]]:
        """Parameters by learning rate and decay, for any optimiser of PyTorch.

        Weights take the base rate; biases twice that without decay; the field's kernel weights 1/100 and its compatibility
        1/1000 of it (released program). BatchNorm's scales and shifts count as weights, as there.

        Args:
            learning_rate: of the weights; 0.006 for detection, 0.0006 for intensity (section 4.1.2).
            weight_decay: 0.0005 (section 4.1.2).

        Returns:
            Groups with the keys "name", "params", "lr" and "weight_decay"; each trainable parameter is in exactly one.
        """
        config = self.config
        settings = {
            "weights": (1.0, weight_decay),
            "biases": (config.bias_rate, 0.0),
            "crf_kernels": (config.crf_kernel_rate, weight_decay),
            "crf_compatibility": (config.crf_compatibility_rate, weight_decay),
        }
        members: dict[str, list[nn.Parameter]] = {name: [] for name in settings}
        shifts = {id(module.bias) for module in self.modules() if isinstance(module, nn.BatchNorm2d)}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                members["weights" if id(parameter) in shifts else _group_of(name)].append(parameter)
        return [
            {"name": name, "params": members[name], "lr": learning_rate * rate, "weight_decay": decay}
            for name, (rate, decay) in settings.items()
            if members[name]
        ]

    def _weigh_channels(self, branches: Tensor, extra: dict[str, Tensor]) -> Tensor:
        if not self.config.channel_attention:
            return self.second(branches)
        weighted, extra["channel_attention"] = self.second(branches)
        return weighted

    def _attend(self, branches: Tensor, extra: dict[str, Tensor]) -> Tensor | None:
        """Attention maps v(s) (B, A, S / 4, S / 4), or ``None`` without spatial attention."""
        if self.spatial_attention is None:
            return None
        unary, features = self.spatial_attention(branches)
        extra["initial_attention"] = unary.sigmoid()
        if self.pixel_relation is None:
            return extra["initial_attention"]
        refined = self.pixel_relation(unary, features)
        if self.config.crf_energy_weight:
            extra["crf_energy"] = self.pixel_relation.expected_energy(unary, refined, features)
        return refined.sigmoid().to(unary.dtype)

    @torch.no_grad()
    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | GroupedLinear):
                nn.init.normal_(module.weight, std=INIT_STD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                module.momentum = self.config.norm_momentum


def _pixel_relation(config: ARLConfig) -> PixelRelation:
    return PixelRelation(
        len(config.action_units),
        alpha=config.crf_alpha,
        beta=config.crf_beta,
        gamma=config.crf_gamma,
        bilateral_weight=config.crf_bilateral_weight,
        spatial_weight=config.crf_spatial_weight,
        init=config.crf_init,
        iterations=config.crf_iterations,
        backend=config.crf_backend,
        chunk=config.crf_chunk,
    )


def _group_of(parameter: str) -> str:
    if parameter.startswith("pixel_relation."):
        return "crf_compatibility" if parameter.endswith("compatibility") else "crf_kernels"
    return "biases" if parameter.endswith("bias") else "weights"
