"""Loss of JAA-Net: occurrence and landmarks, and either the refinement of the attention (v1) or the local classifiers (v2).

Papers: Shao et al., ECCV 2018; IJCV 2021. Weights as in the released program. Cross-entropy of a two-class
softmax equals the binary one on the difference of the two outputs.
"""

from __future__ import annotations

from torch import Tensor

from aufait.errors import InputError
from aufait.losses.attention import map_cross_entropy
from aufait.losses.intensity import COSINE_WEIGHT, MAX_INTENSITY, cosine_distance, weighted_squared_error
from aufait.losses.labels import AULabels, Losses
from aufait.losses.landmark import landmark_error
from aufait.losses.occurrence import dice, weighted_bce
from aufait.models.criterion import Criterion
from aufait.models.outputs import AUOutput


class JAANetCriterion(Criterion):
    """Terms: occurrence, dice, landmarks; version 1 adds refinement, version 2 local_occurrence and local_dice.

    For intensities (ARL section 4.2) "intensity" and "cosine" of ARL equations 11 and 12 take the place of occurrence and dice.
    """

    system = "JAA-Net"

    def forward(self, output: AUOutput, labels: AULabels) -> Losses:
        """Needs ``labels.occurrence`` and ``labels.landmarks``; unknown ones leave no trace."""
        if output.landmarks is None or output.attention_maps is None:
            raise InputError(f"{self.system} needs landmarks and attention maps; give it that network's output")
        terms = self._unit_terms(output.logits, labels)
        target = labels.require("landmarks", self.system)
        terms["landmarks"] = landmark_error(output.landmarks, target, labels.landmarks_known)
        if self.config.version == 1:
            terms["refinement"] = map_cross_entropy(output.attention_maps, output.extra["predefined_maps"])
        else:
            local = self._unit_terms(output.extra["local_logits"], labels)
            terms |= {f"local_{name}": value for name, value in local.items()}
        refinement = self.config.refinement_weight / self.config.gradient_enhancement
        if self.config.refinement_sum == "sum":
            refinement *= output.attention_maps.shape[-2] * output.attention_maps.shape[-1]
        weights = {"landmarks": self.config.landmark_weight, "refinement": refinement}
        return self.combine(terms, {**weights, "cosine": COSINE_WEIGHT, "local_cosine": COSINE_WEIGHT})

    def _unit_terms(self, logits: Tensor, labels: AULabels) -> dict[str, Tensor]:
        if self.config.task == "occurrence":
            return self._occurrence_terms(logits, labels)
        target, intensity = labels.require("intensity", self.system), MAX_INTENSITY * logits.sigmoid()
        return {
            "intensity": weighted_squared_error(intensity, target, labels.known, self.au_weight),
            "cosine": cosine_distance(intensity, target, labels.known),
        }

    def _occurrence_terms(self, logits: Tensor, labels: AULabels) -> dict[str, Tensor]:
        occurrence = labels.require("occurrence", self.system)
        return {
            "occurrence": weighted_bce(logits, occurrence, labels.known, self.au_weight),
            "dice": dice(logits, occurrence, labels.known, self.au_weight, variant=self.config.dice),
        }
