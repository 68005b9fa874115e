"""Which patch matters to which action unit: how the scores change when one patch is set to zero.

Paper: section 2.1 and Figure 3: the network with all 49 patches, 30,000 faces. Patch by patch, Fully7 reads zeros in place of
what Conv6 gave for it; how much an action unit's score changes on average is the patch's significance. Our reading: the score
is the probability, and the effect its absolute change; the signed change is kept too.

Fully7 is linear up to its ReLU, so silencing patch p takes exactly W_p x_p off its output. One batched product gives these
shares for all patches, and only the small layers after Fully7 run once per patch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from aufait.errors import InputError
from aufait.models.deep_regions.config import PATCH_SIZE

if TYPE_CHECKING:
    from aufait.models.deep_regions.model import DeepRegions


@dataclass(frozen=True)
class PatchSignificance:
    """Result of ``patch_significance`` for A action units and P patches.

    Attributes:
        change: (A, P) mean of the score without the patch minus the score with it; negative where the patch is evidence for the
            action unit.
        effect: (A, P) mean of the absolute change; at least ``abs(change)``.
        action_units: A numbers, the rows.
        landmark_ids: P landmarks, 1-based in the 49-point scheme, the columns.
        faces: how many faces the means come from.
    """

    change: Tensor
    effect: Tensor
    action_units: tuple[int, ...]
    landmark_ids: tuple[int, ...]
    faces: int

    def ranking(self, action_unit: int) -> tuple[int, ...]:
        """Landmark numbers of the patches, the most significant for an action unit first; equals keep the network's order.

        Raises:
            InputError: the network does not predict that action unit.
        """
        if action_unit not in self.action_units:
            raise InputError(f"AU{action_unit} is not among the action units of this study: {self.action_units}")
        order = self.effect[self.action_units.index(action_unit)].argsort(descending=True, stable=True)
        return tuple(self.landmark_ids[position] for position in order.tolist())


def patch_significance(
    model: DeepRegions, batches: Iterable[tuple[Tensor, Tensor]], *, score: str = "probability"
) -> PatchSignificance:
    """Average effect of each patch on each action unit's score.

    Args:
        model: with ``backbone="regions"``; runs in evaluation mode and is left in the mode it had.
        batches: pairs of images (B, 3, S, S) and landmarks (B, 49, 2), as the network takes them; read once, one at a time,
            and moved to the network's device.
        score: "probability" or "logit".

    Returns:
        Means over all faces, on the CPU.

    Raises:
        InputError: the "convnet" baseline, which has no patches; an unknown score; no faces.
    """
    if model.config.backbone != "regions":
        raise InputError("patch significance needs a network with patches; the 'convnet' backbone has none")
    if score not in ("probability", "logit"):
        raise InputError(f"score must be 'probability' or 'logit', got {score!r}")
    shape = (len(model.action_units), model.config.groups)
    device = model.output.weight.device
    # float64: sums over many thousands of faces.
    change, effect = torch.zeros(2, *shape, dtype=torch.float64)
    faces = 0
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for images, landmarks in batches:
                intact, silenced = _knock_out(model, images.to(device), landmarks.to(device))  # (B, A), (P, B, A)
                if score == "probability":
                    intact, silenced = intact.sigmoid(), silenced.sigmoid()
                difference = (silenced - intact).double().cpu()
                change += difference.sum(1).T
                effect += difference.abs().sum(1).T
                faces += len(images)
    finally:
        model.train(training)
    if faces == 0:
        raise InputError("patch significance needs at least one face, got no batches")
    return PatchSignificance(change / faces, effect / faces, model.action_units, model.config.patch_landmarks, faces)


def _knock_out(model: DeepRegions, images: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of the whole network (B, A), and with each patch silenced (P, B, A)."""
    images, landmarks = model.prepare(images, landmarks)
    local = model.local_features(images, landmarks)  # (B, P, D)
    whole = model.fully7(local.flatten(1))  # (B, F)
    weights = model.fully7.weight.unflatten(1, (model.config.groups, -1))  # (F, P, D)
    shares = torch.bmm(local.transpose(0, 1), weights.permute(1, 2, 0))  # (P, B, F)
    silenced = model.classify((whole - shares).flatten(0, 1)).logits  # (P * B, A)
    return model.classify(whole).logits, silenced.unflatten(0, (model.config.groups, -1))


@torch.no_grad()
def patch_maps(model: DeepRegions, images: Tensor, landmarks: Tensor) -> Tensor:
    """Effects of the patches of single faces, laid where the patches are; where several overlap, their mean.

    Args:
        model: with patches.
        images: (B, 3, S, S) in [0, 1].
        landmarks: (B, 49, 2) pixels of the images.

    Returns:
        (B, A, S, S) change of the probability, 0 or more.
    """
    size = model.config.image_size
    intact, silenced = (logits.sigmoid() for logits in _knock_out(model, images, landmarks))  # (B, A), (P, B, A)
    effect = (silenced - intact).abs()
    centres = model.prepare(images, landmarks)[1].index_select(1, model.patch_points)  # (B, P, 2)
    corners = (centres - PATCH_SIZE / 2).round().long().clamp(0, size - PATCH_SIZE)
    maps, layers = (effect.new_zeros(len(images), count, size, size) for count in (effect.shape[2], 1))
    for face in range(len(images)):
        for patch, (x, y) in enumerate(corners[face].tolist()):
            window = (face, slice(None), slice(y, y + PATCH_SIZE), slice(x, x + PATCH_SIZE))
            maps[window] += effect[patch, face][:, None, None]
            layers[window] += 1
    return maps / layers.clamp(min=1)
