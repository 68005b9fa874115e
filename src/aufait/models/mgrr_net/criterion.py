"""Loss of MGRR-Net.

Paper: MGRR-Net section III-C, eq. 10-12. Departure: the weights of eq. 10 have mean 1, as in JAA-Net's release; printed as they
are, weights that sum to 1 and a division by n would count n twice (``au_weight_sum="one"`` does that).
"""

from __future__ import annotations

from torch import Tensor

from aufait.losses.labels import AULabels, Losses
from aufait.losses.landmark import landmark_error
from aufait.losses.occurrence import dice, weighted_bce
from aufait.models.criterion import Criterion
from aufait.models.outputs import AUOutput


class MGRRNetCriterion(Criterion):
    """L_au of the local heads + L_int of the integrated head + lambda L_align (eq. 12).

    Terms: ``occurrence_local``, ``occurrence_integrated``, ``landmarks`` (absent when its weight is 0), and with
    ``config.dice`` also ``dice_local`` and ``dice_integrated``.
    """

    system = "MGRR-Net"

    def forward(self, output: AUOutput, labels: AULabels) -> Losses:
        """Losses of a batch.

        Raises:
            InputError: no occurrence labels, or no landmarks while the landmark loss has a weight.
        """
        occurrence = labels.require("occurrence", self.system)
        terms: dict[str, Tensor] = {}
        for head in ("local", "integrated"):
            terms[f"occurrence_{head}"] = self._cross_entropy(output.extra[f"{head}_logits"], occurrence, labels.known)
        if self.config.alignment_weight and output.landmarks is not None:
            target = labels.require("landmarks", self.system)
            terms["landmarks"] = landmark_error(output.landmarks, target, labels.landmarks_known)
        if self.config.dice != "none":
            for head in ("local", "integrated"):
                logits = output.extra[f"{head}_logits"]
                terms[f"dice_{head}"] = dice(logits, occurrence, labels.known, self.au_weight, variant=self.config.dice)
        return self.combine(terms, {"landmarks": self.config.alignment_weight})

    def _cross_entropy(self, logits: Tensor, occurrence: Tensor, known: Tensor | None) -> Tensor:
        loss = weighted_bce(logits, occurrence, known, self.au_weight)
        return loss / logits.shape[1] if self.config.au_weight_sum == "one" else loss
