"""ABRNet: attention based relation network for facial action unit recognition.

Paper: Wei, Wang, Sun and Liu, "Attention Based Relation Network for Facial Action Units Recognition", sections 2.1 to 2.4,
figure 2. No program was released; what the paper leaves open is marked "our reading" in the file of each part and has a
setting where another reading is plausible. Landmarks come from outside, at training and at test time (section 3.1).
Our readings here: pixels are scaled to [-1, 1] as in JAA-Net; one classifier per action unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.errors import InputError
from aufait.layers.grouped import GroupedLinear
from aufait.layers.timm_backbone import TimmBackbone
from aufait.models.abrnet.config import ABRNetConfig
from aufait.models.abrnet.fusion import make_fusion, mean_probability_logits
from aufait.models.abrnet.local_features import LocalFeatures
from aufait.models.abrnet.relation_dropout import RelationDropout
from aufait.models.abrnet.relation_learning import RelationLearning
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem
from aufait.models.transfer_rule import JAA_NET_STAND_INS, TransferRule


class AUClassifiers(nn.Module):
    """Two layers per action unit, d_l -> 64 -> 2 (section 3.1); class 1 is presence."""

    def __init__(self, action_units: int, feature_size: int, hidden: int, activation: str) -> None:
        super().__init__()
        self.activation = activation
        self.hidden = GroupedLinear(action_units, feature_size, hidden)
        self.output = GroupedLinear(action_units, hidden, 2)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, A, d_l) -> logits of occurrence (B, A), the difference of the two classes' scores."""
        hidden = self.hidden(features)
        scores = self.output(F.relu(hidden) if self.activation == "relu" else hidden)
        return scores[..., 1] - scores[..., 0]


class ABRNet(AUSystem):
    """Local features, relation layers, fusion, classifiers.

    Args:
        config: settings; ``relation_layers`` 0 leaves relations and fusion out, so that they have no parameters.

    The output holds ``attention_maps`` (B, A, S / 4, S / 4), ``relations`` (B, m, A, A) after the selection (``None`` for
    m = 0), ``features`` S (B, A, d_l) and, with self-attention fusion, ``extra["beta"]`` (B, m, A), the weight of each layer
    for each action unit. With ``include_identity`` beta has one more entry, first, for the local feature.
    """

    landmark_points: ClassVar[int] = 49
    has_backbone: ClassVar[bool] = True
    pixel_mean: ClassVar[float] = 0.5
    pixel_std: ClassVar[float] = 0.5
    transfer_rule: ClassVar[TransferRule] = TransferRule(JAA_NET_STAND_INS, ("classifiers.", "local.project"))

    def __init__(self, config: ABRNetConfig) -> None:
        super().__init__(config)
        units = len(config.action_units)
        self.local = LocalFeatures(config)
        self.relation: RelationLearning | None = None
        if config.relation_layers:
            self.relation = RelationLearning(
                config.relation_layers, config.feature_size, config.relation_size, config.selected, config.slope
            )
            self.dropout = RelationDropout(config.kept, per_action_unit=config.dropout_draw == "action_unit")
        self.fusion: nn.Module | None = None
        if config.fused_layers:
            self.fusion = make_fusion(config.fusion, config.fused_layers, config.feature_size)
        self.classifiers = AUClassifiers(units, config.feature_size, config.classifier_size, config.classifier_activation)

    def use_backbone(self, weights: Mapping[str, Tensor]) -> None:
        """Copy what timm saved of ``config.backbone``.

        Raises:
            InputError: the backbone is the paper's region module, or the weights are of another network.
        """
        if not isinstance(self.local.region, TimmBackbone):
            raise InputError("ABRNet's region module has no published weights; set backbone to timm:NAME, or leave pretrained out")
        self.local.region.use_weights(weights)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        """Predict the action units of aligned faces.

        Args:
            images: (B, 3, S, S) RGB in [0, 1].
            landmarks: (B, 49, 2) or (B, 68, 2) x, y in pixels of the images.
        """
        images, landmarks = self.prepare(images, landmarks)
        local, maps = self.local(images, landmarks)  # (B, A, d_l), (B, A, H, W)
        layers, weights, relations = self.relate(local)
        features, beta = local, None
        if self.fusion is not None:
            features, beta = self.fusion(layers, weights)  # (B, A, d_l), (B, L, A)
        logits = self.classify(features, layers, weights)
        extra = {} if beta is None else {"beta": beta}
        return AUOutput(logits=logits, attention_maps=maps, relations=relations, features=features, extra=extra)

    def relate(self, local: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Local features (B, A, d_l) -> what the fusion joins (B, L, A, d_l), its weights (B, L, A), relations (B, m, A, A).

        L is m, or m + 1 with the local feature first; relation dropout never leaves the local feature out.
        """
        layers = local[:, None]
        weights = local.new_ones(layers.shape[:-1])
        if self.relation is None:
            return layers, weights, None
        related, relations = self.relation(local)
        drawn = self.dropout(related)
        if not self.config.include_identity:
            return related, drawn, relations
        return torch.cat([layers, related], dim=1), torch.cat([weights, drawn], dim=1), relations

    def classify(self, features: Tensor, layers: Tensor, weights: Tensor) -> Tensor:
        """Logits (B, A) of the fused features, or with "score_avg" of the mean probability over the layers."""
        if self.fusion is None or self.config.fusion != "score_avg":
            return self.classifiers(features)
        logits = self.classifiers(layers.flatten(0, 1)).unflatten(0, layers.shape[:2])  # (B, L, A)
        return mean_probability_logits(logits, weights)
