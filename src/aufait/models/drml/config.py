"""Settings of DRML; the defaults are those of its authors' Caffe release, the paper was not available."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aufait.errors import InputError
from aufait.models.configuration import ModelConfig
from aufait.models.drml.region_layer import REGION_NORMS
from aufait.models.trial import Trial, sizes

GRID = 8
"""Regions per side."""

STEM_KERNEL = 11
"""Side of the first convolution's kernel."""

CONVOLUTIONS = ((8, 1), (8, 1), (6, 2), (5, 1))
"""Kernel and stride of the four convolutions after the pooling."""


@dataclass(frozen=True, kw_only=True)
class DRMLConfig(ModelConfig):
    """DRML: one convolution, the region layer, four convolutions, two fully connected layers."""

    SYSTEM: ClassVar[str] = "drml"
    TRIAL: ClassVar[Trial] = Trial(
        quick={**sizes(hidden_sizes=(512, 256)), "batch_size": 16}, tiny=sizes(hidden_sizes=(256, 128))
    )

    task: str = "occurrence"
    """"occurrence", or "intensity", where the prediction is 5 sigmoid(logit) under a squared error (ARL Tables 6 and 7 quote such a
    DRML from other papers; the form is our reading)."""

    image_size: int = 170
    """Side of the input in pixels; less 10 it must divide into 8 regions (re-implementations)."""

    stem_channels: int = 32
    """Channels of the first convolution and of the region layer (re-implementations)."""

    channels: int = 16
    """Channels of the four later convolutions (re-implementations)."""

    hidden_sizes: tuple[int, int] = (4096, 2048)
    """Units of the two fully connected layers (re-implementations)."""

    norm: str = "lrn"
    """After the pooling: lrn (release: 5 channels, alpha 1e-4, beta 0.75) or batch_norm (re-implementation in PyTorch)."""

    region_norm: str = "running"
    """Normalisation of each region. "running": without scale and shift as in the release, by running statistics in tests (our
    reading); "batch": by those of the batch in tests too, as in the release, where the faces of a batch then change each other;
    "affine": with scale and shift (re-implementation in PyTorch)."""

    dropout: float = 0.5
    """After each hidden fully connected layer (re-implementations)."""

    init: str = "caffe"
    """caffe: Gaussian weights and constant biases of the published Caffe definition; pytorch: the layers' defaults."""

    bias_rate: float = 2.0
    """Learning rate of biases relative to the weights'; they have no weight decay (release)."""

    def validate(self) -> None:
        """Check ranges, and that the image divides into regions and survives the convolutions."""
        self._choose("task", ("occurrence", "intensity"))
        self._choose("norm", ("batch_norm", "lrn"))
        self._choose("region_norm", REGION_NORMS)
        self._at_least("bias_rate", 0)
        self._choose("init", ("caffe", "pytorch"))
        for name in ("stem_channels", "channels"):
            self._at_least(name, 1)
        if min(self.hidden_sizes) < 1:
            raise InputError(f"drml: hidden_sizes must be positive, got {self.hidden_sizes}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"drml: dropout must be in [0, 1), got {self.dropout}")
        if self.region_side % GRID or self.last_side < 1:
            raise InputError(
                f"drml: image_size less {STEM_KERNEL - 1} must be a multiple of {GRID} and leave a pixel after all convolutions "
                f"(such as 170), got {self.image_size}"
            )

    @property
    def region_side(self) -> int:
        """Side of the feature map that the region layer divides, 160 for images of 170."""
        return self.image_size - (STEM_KERNEL - 1)

    @property
    def last_side(self) -> int:
        """Side of the last feature map, 27 for images of 170; below 1 where the image is too small."""
        side = self.region_side // 2
        for kernel, stride in CONVOLUTIONS:
            side = (side - kernel) // stride + 1
        return side
