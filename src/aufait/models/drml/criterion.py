"""The loss of DRML: sigmoid cross-entropy of every action unit, summed over them and divided by the batch size.

Paper: DRML (Zhao, Chu and Zhang, CVPR 2016), multi-label loss; labels that are 0 there (neither +1 nor -1) are our unknown ones.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from aufait.errors import InputError
from aufait.losses.intensity import weighted_squared_error
from aufait.losses.labels import AULabels, Losses
from aufait.models.criterion import Criterion
from aufait.models.outputs import AUOutput


def multi_label_loss(logits: Tensor, occurrence: Tensor, known: Tensor | None = None) -> Tensor:
    """Cross-entropy of (B, A) logits, summed over the known entries and divided by B."""
    target = occurrence.to(logits.dtype)
    if known is not None:
        target = torch.where(known, target, torch.zeros_like(target))
    loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if known is not None:
        loss = torch.where(known, loss, torch.zeros_like(loss))
    return loss.sum() / logits.shape[0]


class DRMLCriterion(Criterion):
    """One term, "occurrence" or, for intensities, "intensity", a mean squared error; all action units have equal weights."""

    system = "drml"

    def weighs_action_units(self) -> bool:
        """DRML balances its training frames instead."""
        return False

    def forward(self, output: AUOutput, labels: AULabels) -> Losses:
        """Loss of a batch; unknown labels add nothing."""
        if self.config.task == "intensity":
            target = labels.require("intensity", self.system)
            if output.intensity is None:
                raise InputError("drml: intensities need output.intensity; make the network with task='intensity'")
            return self.combine({"intensity": weighted_squared_error(output.intensity, target, labels.known)}, {})
        occurrence = labels.require("occurrence", self.system)
        return self.combine({"occurrence": multi_label_loss(output.logits, occurrence, labels.known)}, {})
