"""Settings of JAA-Net. Sources: v1 = Shao et al., ECCV 2018; v2 = the same, IJCV 2021; program = the authors' PyTorch release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aufait.layers.attention_refinement import AttentionRefinement
from aufait.layers.region_learning import RegionLearning
from aufait.models.configuration import ModelConfig
from aufait.models.trial import LONGER, Trial, sizes


@dataclass(frozen=True, kw_only=True)
class JAANetConfig(ModelConfig):
    """Settings of both versions; ``image_size`` is 176 (program)."""

    SYSTEM: ClassVar[str] = "jaa_net"
    TRIAL: ClassVar[Trial] = Trial(quick=sizes(unit=4, image_size=96), tiny=sizes(unit=4, image_size=96), drawn=LONGER)

    version: int = 2
    """1: the conference network, whose refined attention is kept near the predefined one by a loss. 2: the journal network,
    where each action unit has a separate classifier instead (program)."""

    task: str = "occurrence"
    """"occurrence", or "intensity", where the prediction is 5 sigmoid(logit) and iARL's loss of intensities takes the place of the
    cross-entropy and Dice terms (ARL section 4.2, Table 8)."""

    unit: int = 8
    """c; all widths are multiples of it (program)."""

    map_rules: str = "jaa_net"
    """Rules for the two centres of an action unit, see ``aufait.au_centers`` (program)."""

    dice: str = "per_sample"
    """Dice loss: "per_sample" as the papers print it, or "batch_release" as the program computes it."""

    landmark_weight: float = 0.5
    """Weight of the landmark loss (program)."""

    refinement_weight: float = 0.0002
    """Weight of the attention refinement loss before it is divided by ``gradient_enhancement``; version 1 only (program; it
    averages over pixels and sums over action units, where v1 equation 4 sums both)."""

    refinement_sum: str = "mean"
    """Over the pixels of a map in the attention refinement loss: "mean" (program) or "sum", as v1 equation 4 prints it."""

    gradient_enhancement: float = 2.0
    """Factor of the learning rate of the attention refinement; version 1 only, 1 in version 2 (program; "back-propagation
    enhancement" in the papers)."""

    detach_local_features: bool | None = None
    """Whether the final classifier sends no gradient into the branches of the action units. ``None``: as the program does,
    in version 2 only."""

    @property
    def map_size(self) -> int:
        """Side of the shared feature map and of the refined attention maps."""
        return self.image_size // 4

    @property
    def predefined_map_size(self) -> int:
        """Side of the predefined attention maps; unpadded convolutions shrink them to ``map_size``."""
        return self.map_size + AttentionRefinement.SHRINK

    @property
    def detaches_local_features(self) -> bool:
        """``detach_local_features`` with ``None`` resolved."""
        return self.version == 2 if self.detach_local_features is None else self.detach_local_features

    def validate(self) -> None:
        """Check ranges and choices."""
        self._choose("version", (1, 2))
        self._choose("task", ("occurrence", "intensity"))
        self._choose("dice", ("per_sample", "batch_release"))
        self._choose("refinement_sum", ("mean", "sum"))
        self._at_least("unit", 1)
        self._at_least("landmark_weight", 0)
        self._at_least("refinement_weight", 0)
        self._at_least("gradient_enhancement", 1e-6)
        self._multiple("image_size", RegionLearning.SIZE_FACTOR, "the second region stage cuts its map into 8 x 8 patches")
        self._at_least("image_size", 2 * RegionLearning.SIZE_FACTOR)
