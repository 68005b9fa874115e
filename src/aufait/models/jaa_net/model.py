"""JAA-Net: action units and landmarks learned together, each action unit attending to its own place.

Papers: Shao, Liu, Cai and Ma, "Deep Adaptive Attention for Joint Facial Action Unit Detection and Face Alignment", ECCV 2018
(version 1); the same, "JAA-Net: Joint Facial Action Unit Detection and Face Alignment via Adaptive Attention", IJCV 2021
(version 2). Where the text leaves a choice, the authors' released PyTorch program decides.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from aufait.layers.high_level import HighLevelExtractor
from aufait.layers.region_learning import RegionLearning
from aufait.losses.intensity import MAX_INTENSITY
from aufait.models.jaa_net.adaptive_attention import AdaptiveAttention
from aufait.models.jaa_net.au_detection import IntegratedDetection, LocalDetection
from aufait.models.jaa_net.config import JAANetConfig
from aufait.models.jaa_net.face_alignment import FaceAlignment
from aufait.models.outputs import AUOutput
from aufait.models.system import AUSystem
from aufait.models.transfer_rule import JAA_NET_STAND_INS, TransferRule


class JAANet(AUSystem):
    """Both versions of JAA-Net; ``config.version`` chooses.

    The output's ``landmarks`` (B, 49, 2) are those the network located, ``attention_maps`` (B, A, M, M) the refined ones,
    ``features`` (B, 64 c) the last hidden layer. ``extra`` holds ``predefined_maps`` (B, A, M, M) and, in version 2,
    ``local_logits`` (B, A) of the action units' own classifiers.
    """

    pixel_mean: ClassVar[float] = 0.5
    pixel_std: ClassVar[float] = 0.5
    transfer_rule: ClassVar[TransferRule] = TransferRule(
        JAA_NET_STAND_INS, ("detection.", "local_detection.hidden", "local_detection.output"), "JAA-Net's released program"
    )

    def __init__(self, config: JAANetConfig) -> None:
        super().__init__(config)
        channels = 8 * config.unit
        self.region_learning = RegionLearning(config.unit)
        self.face_alignment = FaceAlignment(channels, config.unit, config.map_size)
        self.adaptive_attention = AdaptiveAttention(config)
        self.local_detection = LocalDetection(config)
        self.global_extractor = HighLevelExtractor(channels, config.unit)
        self.detection = IntegratedDetection(
            config, self.global_extractor.out_channels, self.global_extractor.output_size(config.map_size)
        )

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        """Aligned faces (B, 3, S, S), RGB in [0, 1]; landmarks given to it are ignored, because the network locates them itself."""
        images, _ = self.prepare(images)
        shared = self.region_learning(images)  # (B, 8 c, M, M)
        located, alignment = self.face_alignment(shared)
        refined, predefined = self.adaptive_attention(located)
        local, local_logits = self.local_detection(shared, refined)
        if self.config.detaches_local_features:
            local = local.detach()
        logits, hidden = self.detection(alignment, self.global_extractor(shared), local)
        extra = {"predefined_maps": predefined}
        if local_logits is not None:
            extra["local_logits"] = local_logits
        intensity = MAX_INTENSITY * logits.sigmoid() if self.config.task == "intensity" else None
        return AUOutput(
            logits=logits, intensity=intensity, landmarks=located, attention_maps=refined, features=hidden, extra=extra
        )

    def parameter_groups(self, learning_rate: float, weight_decay: float) -> list[dict[str, Any]]:
        """Groups for an optimiser: in version 1 the attention refinement learns faster ("back-propagation enhancement").

        Args:
            learning_rate: of all other parameters.
            weight_decay: of all, the optimiser's own.
        """
        enhanced = list(self.adaptive_attention.refinement.parameters())
        chosen = {id(parameter) for parameter in enhanced}
        others = [parameter for parameter in self.parameters() if id(parameter) not in chosen]
        factor = self.config.gradient_enhancement if self.config.version == 1 else 1.0
        return [{"params": others, "lr": learning_rate}, {"params": enhanced, "lr": learning_rate * factor}]
