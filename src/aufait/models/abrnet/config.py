"""Settings of ABRNet; the defaults are those of section 3.1 of the paper, and our readings where it is silent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from aufait.errors import InputError
from aufait.layers.region_learning import RegionLearning
from aufait.layers.timm_backbone import is_timm
from aufait.models.configuration import ModelConfig
from aufait.models.trial import Trial, sizes

FUSIONS = ("self_attention", "avg", "concat", "score_avg")
ACTIVATIONS = ("none", "relu")
DRAWS = ("face", "action_unit")
_ROUNDED = 1e-3
"""How far from a whole number a share of layers may be: shares such as 2/3 are written with a few digits."""


@dataclass(frozen=True, kw_only=True)
class ABRNetConfig(ModelConfig):
    """ABRNet: local features, m relation layers side by side, their fusion, and the terms of its loss."""

    SYSTEM: ClassVar[str] = "abrnet"
    TRIAL: ClassVar[Trial] = Trial(
        quick=sizes(unit=4, image_size=96, feature_size=128, relation_size=64),
        tiny=sizes(unit=4, image_size=96, feature_size=64, relation_size=32),
    )

    image_size: int = 176
    """Side of the input in pixels, a multiple of 16 (section 3.1)."""

    backbone: str = "region"
    """What makes the shared feature map of a quarter of the side: "region", the module of JAA-Net (section 2.1), or "timm:NAME",
    the first stages of a network of the timm collection with fresh weights."""

    unit: int = 8
    """Channel unit c of the region module and the extractors, as in JAA-Net, which section 2.1 refers to."""

    feature_size: int = 512
    """d_l, length of an action unit's feature vector (section 3.1)."""

    feature_activation: str = "none"
    """After the layer that makes the feature vector: none (our reading, section 2.1 names none) or relu."""

    relation_layers: int = 4
    """m, relation layers side by side (section 3.1; table 1a: 0, 2, 4, 6). With 0 the fused feature is the local one."""

    relation_size: int = 256
    """d_m, length of queries and keys (section 3.1)."""

    top_k: int | None = None
    """k, how many action units each one listens to (equation 2 gives no number). None: half of them, rounded up, so 4 of 8
    (our reading); k = number of action units keeps all."""

    slope: float = 0.01
    """Negative slope of the leaky ReLUs of equations 1 and 2 (our reading: PyTorch's default)."""

    fusion: str = "self_attention"
    """How relation layers become one feature (section 2.3, table 1b): self_attention, avg, concat or score_avg."""

    include_identity: bool = False
    """Whether the local feature joins the fusion as layer 0, the literal lower limit of equation 3 (default: read as 1)."""

    relation_dropout: float = 0.5
    """1 - t/m, share of relation layers left out in training (section 3.1: t = 2 of 4; table 1c: 0, 0.25, 0.5, 0.75)."""

    kept_layers: int | None = None
    """t, how many relation layers a training sample uses, where it is fixed and not the share: 2 for every m of table 1a. None
    takes ``relation_dropout``."""

    dropout_draw: str = "face"
    """What draws its own layers: the face (our reading of "each sample") or each action unit (the index i of equation 4)."""

    classifier_size: int = 64
    """Hidden units of each action unit's classifier (section 3.1)."""

    classifier_activation: str = "none"
    """Between the two layers of the classifier: none (our reading, section 3.1 names none) or relu."""

    lambda_aur: float = 0.1
    """Weight of the relation loss (equation 10, section 3.1; table 1d: 0, 0.05, 0.1, 0.2)."""

    p_pos: float = 0.5
    """Relations above it count as positive (p_pos of equation 9, section 3.1)."""

    p_neg: float = -0.7
    """Relations below it count as negative (p_neg of equation 9, section 3.1)."""

    aur_diagonal: bool = False
    """Whether the relation loss sums over i = j too, the letter of equation 8 (default: no relation to itself)."""

    def validate(self) -> None:
        """Check ranges, and that the dropout leaves a whole number of layers."""
        self._multiple("image_size", RegionLearning.SIZE_FACTOR, "the patches of the region module")
        if self.image_size < 32:
            raise InputError(f"abrnet: image_size must be at least 32, so that three poolings leave a pixel, got {self.image_size}")
        if not is_timm(self.backbone):
            self._choose("backbone", ("region", "timm:NAME"))
        self._multiple("unit", 4, "the branches of the region module halve it twice")
        for name in ("feature_size", "relation_size", "classifier_size"):
            self._at_least(name, 1)
        for name in ("relation_layers", "slope", "lambda_aur"):
            self._at_least(name, 0)
        self._choose("fusion", FUSIONS)
        self._choose("dropout_draw", DRAWS)
        self._choose("feature_activation", ACTIVATIONS)
        self._choose("classifier_activation", ACTIVATIONS)
        if self.top_k is not None and not 1 <= self.top_k <= len(self.action_units):
            raise InputError(
                f"abrnet: top_k must be in 1..{len(self.action_units)} (the action units) or be None, got {self.top_k}"
            )
        if not (0 <= self.p_pos <= 1 and -1 <= self.p_neg <= 0):
            raise InputError(f"abrnet: p_pos must be in [0, 1] and p_neg in [-1, 0], got {self.p_pos} and {self.p_neg}")
        self._check_dropout()

    @property
    def selected(self) -> int:
        """k as a number: ``top_k``, or half of the action units, rounded up."""
        return self.top_k if self.top_k is not None else math.ceil(len(self.action_units) / 2)

    @property
    def kept(self) -> int:
        """t as a number: ``kept_layers``, or what ``relation_dropout`` leaves."""
        return self.kept_layers if self.kept_layers is not None else round(self.relation_layers * (1 - self.relation_dropout))

    @property
    def fused_layers(self) -> int:
        """How many feature vectors per action unit the fusion joins: m, and one more with ``include_identity``."""
        return self.relation_layers + self.include_identity

    def _check_dropout(self) -> None:
        if not 0 <= self.relation_dropout < 1:
            raise InputError(f"abrnet: relation_dropout must be in [0, 1), got {self.relation_dropout}")
        layers = self.relation_layers
        if self.kept_layers is not None:
            if layers and not 1 <= self.kept_layers <= layers:
                raise InputError(f"abrnet: kept_layers must be in 1..{layers} (the relation layers), got {self.kept_layers}")
            return
        exact = layers * (1 - self.relation_dropout)
        if abs(exact - round(exact)) > _ROUNDED:
            rates = ", ".join(f"{1 - kept / layers:g}" for kept in range(layers, 0, -1))
            raise InputError(
                f"abrnet: relation_dropout {self.relation_dropout} of {layers} relation layers leaves {exact:g} of them; "
                f"choose one of {rates}, or set kept_layers"
            )
