"""Settings of the compact model; all by our own choice, for two processor cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aufait.models.configuration import ModelConfig
from aufait.models.default.crop import CROP_SIZE
from aufait.models.default.network import AUNetworkConfig
from aufait.models.trial import Trial, sizes


@dataclass(frozen=True, kw_only=True)
class CompactConfig(ModelConfig):
    """Sizes of the network, and what surrounds it."""

    SYSTEM: ClassVar[str] = "aufait-compact"
    TRIAL: ClassVar[Trial] = Trial(quick=sizes(widths=(8, 16, 24, 32)), tiny=sizes(widths=(8, 16, 24, 32), hidden=32))

    image_size: int = CROP_SIZE
    """Side of the crop in pixels; no other."""

    widths: tuple[int, ...] = (24, 56, 104, 192)
    """Channels at 56, 28, 14 and 7 px."""

    blocks: tuple[int, ...] = (1, 2, 2)
    """Residual blocks at 28, 14 and 7 px."""

    reduced: int = 64
    """Channels before the flattening that keeps where on the face something is."""

    hidden: int = 320
    """Width of the layer before the outputs."""

    dropout: float = 0.2
    """Dropped share before each linear layer while training."""

    mirror: bool = True
    """Whether a face is averaged with its mirror image, outside training."""

    task: str = "occurrence"
    """What is learned in training by recipes: "occurrence", or "intensity", all five levels."""

    def validate(self) -> None:
        """See ``ModelConfig.validate``."""
        self._choose("image_size", (CROP_SIZE,))
        self._choose("task", ("occurrence", "intensity"))
        self._at_least("reduced", 1)
        self._at_least("hidden", 1)

    def network(self) -> AUNetworkConfig:
        """Sizes of the network inside."""
        return AUNetworkConfig(
            self.action_units, self.widths, self.blocks, self.reduced, self.hidden, self.dropout  # type: ignore[arg-type]
        )
