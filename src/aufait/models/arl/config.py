"""Settings of ARL, iARL and pARL and of their ablations.

Paper: Z. Shao, Z. Liu, J. Cai, Y. Wu, L. Ma, "Facial Action Unit Detection Using Attention and Relation Learning", IEEE
Transactions on Affective Computing, 2019. "Released program" below is the authors' Caffe definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aufait.errors import InputError
from aufait.layers.region_learning import RegionLearning
from aufait.models.configuration import ModelConfig
from aufait.models.trial import LONGER, Trial, sizes


@dataclass(frozen=True, kw_only=True)
class ARLConfig(ModelConfig):
    """Network, conditional random field, loss and learning-rate factors; the defaults are ARL for detection."""

    SYSTEM: ClassVar[str] = "arl"
    TRIAL: ClassVar[Trial] = Trial(
        quick=sizes(unit=4, image_size=96), tiny=sizes(unit=4, image_size=96), drawn=LONGER, rarity="weighted"
    )

    image_size: int = 176
    """l, side of the input in pixels, a multiple of 16 (section 4.1.2)."""

    unit: int = 8
    """c, the unit of channel counts: 8 c in each branch, 2 c in the features of the field (section 4.1.2)."""

    task: str = "occurrence"
    """"occurrence" (eq. 8) or "intensity", where the prediction is 5 sigmoid(logit) (eq. 10)."""

    channel_attention: bool = True
    """Weigh the channels of f(2) (eq. 1-2); off in B-Net and W-Net (Table 9)."""

    spatial_attention: bool = True
    """Weigh the pixels of f(4) (eq. 6); off in B-Net, W-Net and WC-Net (Table 9)."""

    crf: bool = True
    """Refine the spatial attention with the fully-connected field (section 3.4); off in WCS-Net (Table 9)."""

    crf_backend: str = "attention"
    """"attention": memory grows with the number of pixels. "dense": the kernels as matrices, the plain reference."""

    crf_chunk: int = 1
    """How many action units' matrices "dense" holds at a time, 15 MB each per face at 44 x 44 pixels."""

    crf_iterations: int = 5
    """Mean-field iterations, in training and test (section 4.1.2)."""

    crf_alpha: float = 160.0
    """Width of the bilateral kernel in position, map pixels (eq. 4, section 4.1.2)."""

    crf_beta: float = 3.0
    """Width of the bilateral kernel in features (eq. 4, section 4.1.2)."""

    crf_gamma: float = 3.0
    """Width of the spatial kernel, map pixels (eq. 4, section 4.1.2)."""

    crf_bilateral_weight: float = 5.0
    """w(1), start of the bilateral kernel's weights (eq. 4, section 4.1.2)."""

    crf_spatial_weight: float = 3.0
    """w(2), start of the spatial kernel's weights (eq. 4, section 4.1.2)."""

    crf_init: str = "paper"
    """Start of the 2 x 2 kernel weights. "paper": w(1) and w(2) on the diagonals (section 4.1.2). "released_float": what the
    released program makes of them in single precision, where it reads 8-byte numbers into 4-byte places."""

    crf_energy_weight: float = 0.0
    """Weight of the expected energy of the field in the loss. Eq. 9 and 13 print 1; the released program has no such term."""

    lambda_cos: float = 0.5
    """lambda, weight of the cosine term of the intensity loss (eq. 13, section 4.1.2); 0 for iB-Net to iWCSP-Net (Table 9)."""

    cosine_keep_empty: bool = True
    """Whether faces whose intensities are all 0 count in the cosine term, as the constant 1 (released program)."""

    half_squared_error: bool = False
    """Whether the squared error has the factor 1/2 of eq. 11, which the released program leaves out."""

    intensity_weighting: str = "paper"
    """Gradient of the weighted squared error: "paper", that of eq. 11; or "released_gradient": the program's backward pass, which
    weighs action units by sqrt(w_i) instead of w_i, under the same value."""

    weighted: bool = True
    """Inverse occurrence rates as weights of the action units (eq. 8); off in B-Net (section 4.3)."""

    norm_momentum: float = 0.1
    """Share of the newest batch in the running statistics of BatchNorm. The released program keeps 0.999 of the old ones,
    that is 0.001 here; we take PyTorch's usual value, with which short trainings can be evaluated."""

    bias_rate: float = 2.0
    """Learning rate of the biases of convolutions and fully connected layers relative to the weights'; they have no weight decay
    (released program)."""

    crf_kernel_rate: float = 0.01
    """Relative learning rate of the field's kernel weights (released program)."""

    crf_compatibility_rate: float = 0.001
    """Relative learning rate of the field's label compatibility (released program)."""

    def validate(self) -> None:
        """See ``ModelConfig``."""
        self._multiple("image_size", RegionLearning.SIZE_FACTOR, "both region stages divide into 8 x 8 patches")
        self._choose("task", ("occurrence", "intensity"))
        self._choose("crf_backend", ("attention", "dense"))
        self._choose("crf_init", ("paper", "released_float"))
        self._choose("intensity_weighting", ("paper", "released_gradient"))
        for name in ("unit", "crf_chunk", "crf_iterations"):
            self._at_least(name, 1)
        if self.crf_iterations > 1000:
            raise InputError(f"arl: crf_iterations must be at most 1000 (the field settles within ten), got {self.crf_iterations}")
        for name in ("crf_energy_weight", "lambda_cos", "bias_rate", "crf_kernel_rate", "crf_compatibility_rate"):
            self._at_least(name, 0)
        for name in ("crf_alpha", "crf_beta", "crf_gamma"):
            if not getattr(self, name) > 0:
                raise InputError(f"arl: {name} is the width of a kernel and must be positive, got {getattr(self, name)}")
        if not 0 < self.norm_momentum <= 1:
            raise InputError(f"arl: norm_momentum must be in (0, 1], got {self.norm_momentum}")
        if self.crf and not self.spatial_attention:
            raise InputError("arl: crf refines the spatial attention and needs spatial_attention=True; set crf=False as well")
        if self.crf_energy_weight and not self.crf:
            raise InputError("arl: crf_energy_weight needs crf=True; without the field there is no energy")

    @property
    def channels(self) -> int:
        """8 c, the width of a branch."""
        return 8 * self.unit

    @property
    def map_size(self) -> int:
        """l / 4, the side of feature and attention maps."""
        return self.image_size // 4
