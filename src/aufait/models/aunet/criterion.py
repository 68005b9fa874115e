"""Loss of AUNet and its ablations: weighted cross-entropy, and consistency with the labels as a label VAE sees them.

Paper: AUNet, equations (1), (3) and (4); one VAE per training set (section IV-B), several at once in section V-E.
Our readings: Sigma is the standard deviation exp(log-variance / 2), as in the released program; the squared norms are means
over faces and latents, as there. "Label space" compares the decoder's probabilities at the two means. Where labels of a face
are unknown, the VAE is given 0.5 in both the prediction and the label, so that they add nothing to the distance beyond the
action units that are known; a face without a known label of its data set does not count.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from aufait.errors import InputError
from aufait.losses.labels import AULabels, Losses
from aufait.losses.occurrence import masked_mean, weighted_bce
from aufait.losses.statistics import LabelStatistics
from aufait.models.aunet.label_vae import LabelVAE
from aufait.models.configuration import ModelConfig
from aufait.models.criterion import Criterion
from aufait.models.outputs import AUOutput


class AUNetCriterion(Criterion):
    """Terms "occurrence" (eq. 1) and, with ``use_vae``, "consistency" (eq. 3); the total is eq. 4.

    Args:
        config: of the network; ``use_vae``, ``vae_loss``, ``align_space`` and ``consistency_weight`` are read.
        statistics: of the training labels, for the weights of eq. 1.
        vae: trained label VAE, copied and frozen; or one per index of ``labels.dataset`` when several data sets are trained on.

    Raises:
        InputError: ``use_vae`` without a VAE, or one that covers action units which the network does not predict.
    """

    system = "AUNet"

    def __init__(
        self,
        config: ModelConfig,
        statistics: LabelStatistics | None = None,
        *,
        vae: LabelVAE | Mapping[int, LabelVAE] | None = None,
    ) -> None:
        super().__init__(config, statistics)
        if self.config.use_vae and not vae:
            raise InputError(
                "this network is trained with a label VAE: make one with fit_label_vae(occurrence, action_units=...) of "
                "aufait.models.aunet and pass it as vae=..., or create the network with use_vae=False"
            )
        self.one_for_all = isinstance(vae, LabelVAE)
        members = {0: vae} if isinstance(vae, LabelVAE) else dict(vae or {})
        self.vaes = nn.ModuleDict({str(index): self._space(member) for index, member in members.items()})

    def _space(self, vae: LabelVAE) -> _LatentSpace:
        return _LatentSpace(vae, _columns(vae, self.config), self.config.vae_loss, self.config.align_space)

    def forward(self, output: AUOutput, labels: AULabels) -> Losses:
        """Losses of a batch; unknown labels count in neither term."""
        occurrence = labels.require("occurrence", self.system)
        logits = output.logits
        terms = {"occurrence": weighted_bce(logits, occurrence, labels.known, self.au_weight)}
        if self.config.use_vae:
            terms["consistency"] = self._consistency(logits, occurrence, labels)
        return self.combine(terms, {"consistency": self.config.consistency_weight})

    def _consistency(self, logits: Tensor, occurrence: Tensor, labels: AULabels) -> Tensor:
        """Mean over all faces that a VAE covers; each face is judged by the VAE of its data set."""
        known = torch.ones_like(logits, dtype=torch.bool) if labels.known is None else labels.known
        distances, counts = [], []
        for index, space in self.vaes.items():
            own = known
            if not self.one_for_all:
                own = known & (labels.require("dataset", self.system) == int(index))[:, None]
            distance, counted = space(logits, occurrence, own)
            distances.append(distance)
            counts.append(counted)
        return masked_mean(torch.cat(distances), torch.cat(counts))


class _LatentSpace(nn.Module):
    """Distance of predictions and labels in one frozen VAE."""

    columns: Tensor

    def __init__(self, vae: LabelVAE, columns: Tensor, vae_loss: str, align_space: str) -> None:
        super().__init__()
        self.vae_loss, self.align_space = vae_loss, align_space
        self.vae = copy.deepcopy(vae).requires_grad_(False).eval()
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, logits: Tensor, occurrence: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, labels and known (B, A) -> distance of each face (B,) and whether it counts (B,) bool."""
        known = known[:, self.columns]
        # The VAE is a few small layers in its own precision, single or double; half would only cost accuracy.
        own = self.vae.mean.weight.dtype
        predicted = torch.where(known, logits[:, self.columns].to(own).sigmoid(), 0.5)
        target = torch.where(known, occurrence[:, self.columns].to(own), 0.5)
        with torch.autocast(logits.device.type, enabled=False):
            distance = self._label_distance if self.align_space == "label" else self._latent_distance
            return distance(predicted, target), known.any(-1)

    def _latent_distance(self, predicted: Tensor, target: Tensor) -> Tensor:
        mean, log_variance = self.vae.encode(predicted)
        wanted_mean, wanted_log_variance = self.vae.encode(target)
        spread, wanted_spread = (0.5 * log_variance).exp(), (0.5 * wanted_log_variance).exp()
        spread_term = spread if self.vae_loss == "released" else (spread - wanted_spread).square()
        return ((mean - wanted_mean).square() + spread_term).mean(-1)

    def _label_distance(self, predicted: Tensor, target: Tensor) -> Tensor:
        decoded, wanted = (self.vae.decode(self.vae.encode(labels)[0]).sigmoid() for labels in (predicted, target))
        return (decoded - wanted).square().mean(-1)


def _columns(vae: LabelVAE, config: ModelConfig) -> Tensor:
    """Positions of the VAE's action units among the network's."""
    predicted = config.action_units
    wanted_latent = getattr(config, "vae_latent", None)
    if wanted_latent is not None and vae.latent_size != wanted_latent:
        raise InputError(f"the network's settings ask for a label VAE with vae_latent {wanted_latent}, got {vae.latent_size}")
    if vae.numbers is None:
        if vae.action_units != len(predicted):
            raise InputError(
                f"the label VAE covers {vae.action_units} action units without saying which, the network predicts "
                f"{len(predicted)}; train it with fit_label_vae(..., action_units=...)"
            )
        return torch.arange(len(predicted))
    missing = [number for number in vae.numbers if number not in predicted]
    if missing:
        raise InputError(f"the label VAE covers AUs {missing}, which the network does not predict: {predicted}")
    return torch.tensor([predicted.index(number) for number in vae.numbers])
