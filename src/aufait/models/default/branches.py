"""The branches of the mesh model: what each reads of a face, and how they vote.

Our design; no published system. Renders alone teach a network little about real skin, so the branches read from networks that
their makers trained on real pictures and that stay frozen. They make different errors:

* features: a head on the feature maps of the landmark network (``aufait.faces.mesh_networks``), which has seen real faces;
* photo: a head on the maps of a trunk that has seen photographs of everything (``aufait.models.default.photo_trunk``);
* named: the blend-shape scores that correspond to a unit, against what they are on resting faces;
* pixels: the compact model, our own network on the aligned grey crop (``aufait.models.default.network``).

Each votes with ordinal logits and is trained on its own. The model's logits are the mean of the votes, without those of a branch
about units that it cannot see. How the two sides differ is asked only of the branches that are trained to distinguish the sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from aufait.action_units import DEFAULT_ACTION_UNITS
from aufait.faces.mesh_networks import BLENDSHAPES as BLENDSHAPE_NAMES
from aufait.layers.conv_block import conv_block
from aufait.models.default.ordinal import LEVELS, monotone_logits
from aufait.models.default.photo_trunk import COARSE_CHANNELS, FINE_CHANNELS, PhotoTrunk

FINE_SHAPE = (128, 16, 16)
"""Channels, height and width of the landmark network's map before its last but one pooling."""
COARSE_SHAPE = (128, 8, 8)
"""The same after it and the layers that follow."""
BLENDSHAPES = len(BLENDSHAPE_NAMES)
_LEAST_SCORE = 1e-4


@dataclass(frozen=True)
class FeatureBranchConfig:
    """Sizes of ``FeatureBranch``; by our own choice, for two CPU cores."""

    fine: int = 96
    """Channels that the fine map is reduced to."""
    joint: int = 128
    """Channels of the joint map."""
    reduced: int = 64
    """Channels before the flattening that keeps where on the face something is."""
    hidden: int = 256
    """Width of the layer before the outputs."""
    dropout: float = 0.3
    """Dropped share before each linear layer while training."""
    channel_dropout: float = 0.1
    """Share of the channels of both maps that is dropped while training."""


class FeatureBranch(nn.Module):
    """Feature maps of the frozen landmark network -> ordinal logits."""

    def __init__(self, action_units: int, config: FeatureBranchConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or FeatureBranchConfig()
        self.drop = nn.Dropout2d(c.channel_dropout)
        self.fine = nn.Sequential(conv_block(FINE_SHAPE[0], c.fine, 1), conv_block(c.fine, c.fine, 3, stride=2))
        self.joint = nn.Sequential(conv_block(c.fine + COARSE_SHAPE[0], c.joint, 3), conv_block(c.joint, c.reduced, 1))
        self.out = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(c.dropout),
            nn.Linear(c.reduced * COARSE_SHAPE[1] * COARSE_SHAPE[2], c.hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(c.dropout),
            nn.Linear(c.hidden, action_units * 2 * LEVELS),
        )

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """fine (B, 128, 16, 16), coarse (B, 128, 8, 8) -> (B, A, 2, 5) logits of level >= 1..5; side 0 is the subject's left."""
        halved = self.fine(self.drop(fine))  # (B, fine, 8, 8)
        joint = self.joint(torch.cat([halved, self.drop(coarse)], dim=1))  # (B, reduced, 8, 8)
        return monotone_logits(self.out(joint).unflatten(1, (-1, 2, LEVELS)).float())


@dataclass(frozen=True)
class PhotoBranchConfig:
    """Sizes of ``PhotoBranch``."""

    fine: int = 64
    """Channels that the fine map is reduced to."""
    joint: int = 128
    """Channels of the joint map."""
    reduced: int = 64
    """Channels before the flattening."""
    hidden: int = 256
    """Width of the layer before the outputs."""
    dropout: float = 0.3
    """Dropped share before each linear layer while training."""
    channel_dropout: float = 0.1
    """Share of the channels of both maps that is dropped while training."""


class PhotoBranch(nn.Module):
    """Maps of the frozen photo trunk -> ordinal logits."""

    def __init__(self, action_units: int, config: PhotoBranchConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or PhotoBranchConfig()
        self.drop = nn.Dropout2d(c.channel_dropout)
        self.norm_fine, self.norm_coarse = nn.BatchNorm2d(FINE_CHANNELS), nn.BatchNorm2d(COARSE_CHANNELS)
        self.fine = conv_block(FINE_CHANNELS, c.fine, 3, stride=2)
        self.joint = nn.Sequential(
            conv_block(c.fine + COARSE_CHANNELS, c.joint, 3),
            conv_block(c.joint, c.joint, 3, stride=2),
            conv_block(c.joint, c.reduced, 1),
        )
        self.out = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(c.dropout),
            nn.Linear(c.reduced * 7 * 7, c.hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(c.dropout),
            nn.Linear(c.hidden, action_units * 2 * LEVELS),
        )

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """fine (B, 40, 28, 28), coarse (B, 112, 14, 14) -> (B, A, 2, 5) logits of level >= 1..5; side 0 is the subject's left."""
        halved = self.fine(self.drop(self.norm_fine(fine)))  # (B, fine, 14, 14)
        joint = self.joint(torch.cat([halved, self.drop(self.norm_coarse(coarse))], dim=1))  # (B, reduced, 7, 7)
        return monotone_logits(self.out(joint).unflatten(1, (-1, 2, LEVELS)).float())


NAMED_BLENDSHAPES: dict[int, str] = {
    1: "browInnerUp", 2: "browOuterUp*", 4: "browDown*", 5: "eyeWide*", 7: "eyeSquint*", 10: "mouthUpperUp*", 12: "mouthSmile*",
    15: "mouthFrown*", 17: "mouthShrugLower", 20: "mouthStretch*", 24: "mouthPress*", 25: "jawOpen", 26: "jawOpen", 43: "eyeBlink*",
}  # fmt: skip
"""Action unit -> the blend shape that names its movement; ``*`` means Left and Right of the subject. The scores that would
name AU 6, 9, 14, 23 and 28 hardly move on any face."""


class NamedBlendshapes(nn.Module):
    """A unit's own blend shapes as a vote: their log-odds above those of a resting face, the same for all levels.

    Learns only ``rest`` and ``spread``, the middle and the spread of the log-odds over real faces; a spread counts as one
    logit.
    """

    rest: Tensor
    spread: Tensor
    rows: Tensor
    counts: Tensor

    def __init__(self, action_units: tuple[int, ...]) -> None:
        super().__init__()
        named = [NAMED_BLENDSHAPES.get(au) for au in action_units]
        sides = [[(name or "neutral").replace("*", side) for side in ("Left", "Right")] for name in named]  # (A, 2)
        self.register_buffer("rows", torch.tensor([[BLENDSHAPE_NAMES.index(n) for n in pair] for pair in sides]), persistent=False)
        has_name = torch.tensor([name is not None for name in named])
        self.register_buffer("counts", has_name[:, None].float(), persistent=False)
        self.register_buffer("rest", torch.zeros(len(action_units), 2))
        self.register_buffer("spread", torch.ones(len(action_units), 2))

    def log_odds(self, blendshapes: Tensor) -> Tensor:
        """(B, 52) scores in [0, 1] -> (B, A, 2) log-odds of the units' own."""
        chosen = blendshapes[:, self.rows].clamp(_LEAST_SCORE, 1 - _LEAST_SCORE)
        return torch.log(chosen / (1 - chosen))

    def fit_rest(self, blendshapes: Tensor) -> None:
        """Set ``rest`` and ``spread`` from the scores (N, 52) of real faces, most of them not showing any one unit."""
        odds = self.log_odds(blendshapes)
        self.rest.copy_(odds.median(dim=0).values)
        self.spread.copy_(((odds.quantile(0.84, dim=0) - odds.quantile(0.16, dim=0)) / 2).clamp_min(0.1))

    def forward(self, blendshapes: Tensor) -> Tensor:
        """(B, 52) -> (B, A, 2, 1) logits, the same for all levels; 0 for a unit that no score names."""
        return (self.counts * (self.log_odds(blendshapes) - self.rest) / self.spread)[..., None]


@dataclass(frozen=True)
class MeshModelConfig:
    """The mesh model without its pixel branch."""

    action_units: tuple[int, ...] = DEFAULT_ACTION_UNITS
    """Action units in output order."""
    features: FeatureBranchConfig = field(default_factory=FeatureBranchConfig)
    """Head on the landmark network."""
    photo: PhotoBranchConfig = field(default_factory=PhotoBranchConfig)
    """Head on the photo trunk."""
    unheard: tuple[tuple[int, ...], ...] = ((4, 17), (7,), (4,), ())
    """Units about which features, photo, named blend shapes and pixels have no vote. The maps of the landmark network hold where
    points are, which a raised chin or a frown hardly moves; its blend shapes call other movements lowered brows; and in the
    photo trunk's maps narrowed lids are lost."""
    tells_sides: tuple[bool, ...] = (True, True, False, True)
    """Which of them say how the sides of a face differ."""


class MeshModel(nn.Module):
    """The photo trunk and the three branches other than the pixels, and the number of votes."""

    votes: Tensor
    side_votes: Tensor

    def __init__(self, config: MeshModelConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or MeshModelConfig()
        units = len(c.action_units)
        self.trunk = PhotoTrunk()
        self.features = FeatureBranch(units, c.features)
        self.photo = PhotoBranch(units, c.photo)
        self.named = NamedBlendshapes(c.action_units)
        heard = [[unit not in units for unit in c.action_units] for units in c.unheard]  # (4, A)
        sides = [[hears and tells for hears in row] for row, tells in zip(heard, c.tells_sides, strict=True)]
        self.register_buffer("votes", _shares(heard), persistent=False)
        self.register_buffer("side_votes", _shares(sides), persistent=False)

    def forward(self, fine: Tensor, coarse: Tensor, blendshapes: Tensor, crops: Tensor, pixel_logits: Tensor) -> Tensor:
        """Logits by all votes, see ``MeshModelConfig``.

        Args:
            fine, coarse: maps of the landmark network, (B, 128, 16, 16) and (B, 128, 8, 8).
            blendshapes: (B, 52) in [0, 1].
            crops: (B, 3, 224, 224) RGB in [0, 1], see ``au_crop.photo_crops``.
            pixel_logits: (B, A, 2, 5) of the compact model.

        Returns:
            (B, A, 2, 5) logits of level >= 1..5; side 0 is the subject's left.
        """
        return self.count(
            self.features(fine, coarse), self.photo(*self.trunk(crops)), self.named(blendshapes), pixel_logits
        )

    def count(self, features: Tensor, photo: Tensor, named: Tensor, pixels: Tensor) -> Tensor:
        """Logits (B, A, 2, 5) from the four votes, of which ``named`` may be (B, A, 2, 1)."""
        votes = torch.stack([features, photo, named.expand_as(pixels), pixels])
        middle = votes.mean(dim=3, keepdim=True)
        shares, side_shares = (share[:, None, :, None, None] for share in (self.votes, self.side_votes))
        counted = (shares * middle + side_shares * (votes - middle)).sum(dim=0)
        levels = list(counted.unbind(-1))
        for level in range(1, len(levels)):  # none is likelier than the one below it, however much the votes differ
            levels[level] = torch.minimum(levels[level - 1], levels[level])
        return torch.stack(levels, dim=-1)


def _shares(heard: Sequence[Sequence[bool]]) -> Tensor:
    """Who is heard about which unit, (4, A) -> equal shares (4, A) of those who are, adding up to 1 for each unit.

    In plain numbers: arithmetic on tensors without memory, as which a network is first made, loads PyTorch's compiler: 1.6 s.
    """
    counts = [sum(column) for column in zip(*heard, strict=True)]
    return torch.tensor([[hears / count for hears, count in zip(row, counts, strict=True)] for row in heard])
