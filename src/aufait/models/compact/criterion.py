"""Loss of the compact model in training by recipes. What ships was trained on both sides of rendered faces instead."""

from __future__ import annotations

from torch import Tensor

from aufait.losses.labels import AULabels, Losses
from aufait.losses.occurrence import weighted_bce
from aufait.models.criterion import Criterion
from aufait.models.default.ordinal import LEVELS, level_targets
from aufait.models.outputs import AUOutput


class CompactCriterion(Criterion):
    """One term: cross-entropy of occurrence, or of all five levels with the task "intensity", on the stronger side."""

    system = "aufait-compact"

    def forward(self, output: AUOutput, labels: AULabels) -> Losses:
        """Loss of a batch; unknown labels add nothing."""
        if self.config.task == "occurrence":
            term = weighted_bce(output.logits, labels.require("occurrence", self.system), labels.known, self.au_weight)
            return self.combine({"occurrence": term}, {})
        strongest = output.extra["level_logits"].amax(dim=2)  # (B, A, 5)
        targets = level_targets(labels.require("intensity", self.system))
        terms = [weighted_bce(strongest[..., level], targets[..., level], labels.known, self.au_weight) for level in range(LEVELS)]
        total: Tensor = sum(terms[1:], terms[0]) / LEVELS
        return self.combine({"levels": total}, {})
