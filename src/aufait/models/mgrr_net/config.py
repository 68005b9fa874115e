"""Settings of MGRR-Net.

Paper: Ge, Jose, Xu, Liu, Han, "MGRR-Net: Multi-level Graph Relational Reasoning Network for Facial Action Units Detection".
No program was released; where the paper is silent, the default is our reading and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aufait.models.configuration import ModelConfig
from aufait.models.trial import LONGER, Trial, sizes


@dataclass(frozen=True, kw_only=True)
class MGRRNetConfig(ModelConfig):
    """Every value that the paper gives, and every one that it leaves open.

    ``image_size`` 176 is section IV-A.
    """

    SYSTEM: ClassVar[str] = "mgrr-net"
    TRIAL: ClassVar[Trial] = Trial(
        quick=sizes(unit=4, image_size=96, dim=256), tiny=sizes(unit=4, image_size=96, dim=64), drawn=LONGER
    )

    unit: int = 8
    """c: the shared feature map has 8 c = 64 channels (section IV-A), the high-level features 20 c (as JAA-Net)."""

    layers: int = 2
    """K reasoning layers (section IV-A, table VII). Without graph and global features there is nothing to repeat."""

    heads: int = 8
    """L parallel attention heads (section IV-A)."""

    dim: int = 1024
    """D, width of queries, keys and values of all heads together (section IV-A)."""

    use_graph: bool = True
    """D_G of table VI: patches exchange messages along learned edges (eq. 6)."""

    use_global: bool = True
    """O_G of table VI: the shared feature map itself is offered to every action unit (eq. 7)."""

    use_channel: bool = True
    """C_G of table VI: channel-level attention over the shared feature map (eq. 3-5)."""

    use_pixel: bool = True
    """P_G of table VI: pixel-level attention over the shared feature map (section III-B2)."""

    channel_stride: int = 2
    """Stride of the convolution before channel-level attention (section IV-A); 1: no such convolution (section III-B2)."""

    pixel_stride: int = 2
    """Stride of the convolution before pixel-level attention, undone by a deconvolution after it (section III-B2; stride as
    in section IV-A); 1: neither."""

    attention_norm: bool = False
    """LayerNorm on the tokens of both attention blocks; the paper names no normalisation, so none (our reading)."""

    graph_init: str = "prior"
    """"prior": edges start from the training labels (eq. 1-2); "random": uniform in [0, 1) (section IV-C1)."""

    graph_self_term: bool = True
    """Whether the sum of eq. 6 includes j = i in addition to the separate W_i v_i, as printed."""

    gfc_norm: str = "channel"
    """Axis of the l2 norm in eq. 8: "channel" at each pixel, or "all" the map at once (our reading: channel)."""

    fusion_shared: bool = True
    """Whether the last gated fusion has one set of weights for all action units (our reading) or one for each."""

    update_global: bool = True
    """Whether the next layer's O_G is this layer's fused global map ("O_G^k" in eq. 7; our reading) or stays the stem's."""

    refine_attention: bool = True
    """Whether patches are cut out by JAA-Net's refined attention maps (our reading of section III-A) or the predefined ones."""

    integrated_global: bool = False
    """Whether the integrated head also sees JAA-Net's global features; section III-C does not name them."""

    detach_local: bool = False
    """Whether the integrated loss stops at the local features, as in JAA-Net's release (our reading: it does not)."""

    local_hidden: int = 64
    """Width between the two fully connected layers of a local head (JAA-Net's release)."""

    integrated_hidden: int = 512
    """Width between the two fully connected layers of the integrated head (JAA-Net's release)."""

    sample_relevance: bool = True
    """Whether ``relations`` is one matrix per face, by ``relevance`` (our reading of figure 4), or repeats the learned edges."""

    relevance: str = "message"
    """What a face makes of the learned edges: "message" weighs each by the size of the message that goes along it, which can
    strengthen and weaken it; "likeness" by the cosine of the two patches, which can only weaken it (our readings of figure 4)."""

    alignment_weight: float = 0.5
    """lambda, weight of the landmark loss (section IV-A)."""

    au_weight_sum: str = "count"
    """What the weights of eq. 10 sum to before the division by n: "count": n, as in JAA-Net's release (our reading);
    "one": 1, as printed."""

    dice: str = "none"
    """"none" (eq. 12), or a Dice term on both heads: "per_sample" or "batch_release", as JAA-Net has it."""

    def validate(self) -> None:
        """Raise ``InputError`` for values that do not fit together."""
        self._multiple("image_size", 16, "the stem divides it into patches twice")
        self._at_least("image_size", 32)
        for name in ("unit", "layers", "heads", "local_hidden", "integrated_hidden"):
            self._at_least(name, 1)
        self._multiple("dim", self.heads, "each head has an equal share")
        for name in ("channel_stride", "pixel_stride"):
            self._choose(name, (1, 2))
        self._choose("graph_init", ("prior", "random"))
        self._choose("gfc_norm", ("channel", "all"))
        self._choose("relevance", ("message", "likeness"))
        self._choose("au_weight_sum", ("count", "one"))
        self._choose("dice", ("none", "per_sample", "batch_release"))
        self._at_least("alignment_weight", 0.0)

    @property
    def channels(self) -> int:
        """C, channels of the shared feature map and of every patch."""
        return 8 * self.unit

    @property
    def map_size(self) -> int:
        """M, side of the shared feature map: the stem pools by 2 twice."""
        return self.image_size // 4

    @property
    def reasons(self) -> bool:
        """Whether there is anything for a reasoning layer to do (all rows of table VI but the first)."""
        return self.use_graph or self.uses_global_map

    @property
    def uses_global_map(self) -> bool:
        """Whether patches are fused with anything that comes from the whole face."""
        return self.use_global or self.use_channel or self.use_pixel
