"""Losses of ARL and iARL.

Paper: ARL (Shao et al., IEEE Transactions on Affective Computing, 2019), section 3.5, equations (8)-(13). Where the released
program differs from the equations we follow it and keep the paper's form as a switch: no energy of the random field
(``crf_energy_weight``), no factor 1/2 of the squared error (``half_squared_error``). The program takes unknown labels into
the cosine term with their code 9; we leave them out. Without weights (B-Net) the loss is the mean over action units, where
the paper's w_i = 1 would give their sum; the two differ by a constant factor.
"""

from __future__ import annotations

from torch import Tensor

from aufait.errors import InputError
from aufait.losses.intensity import cosine_distance, weighted_squared_error
from aufait.losses.labels import AULabels, Losses
from aufait.losses.occurrence import weighted_bce
from aufait.losses.statistics import LabelStatistics
from aufait.models.arl.pixel_relation import uniform_share
from aufait.models.criterion import Criterion
from aufait.models.outputs import AUOutput


class ARLCriterion(Criterion):
    """Cross-entropy of occurrence, or squared error and cosine distance of intensity.

    Terms, unweighted: "occurrence" (eq. 8), or "intensity" (eq. 11) and "cosine" (eq. 12, unless lambda_cos is 0); and
    "crf_energy", the sum over action units of E_crf, where ``crf_energy_weight`` is not 0. With the field there is a figure for
    logs, "uniform_maps": the share of attention maps that are on or off everywhere, as a field that has collapsed leaves them.

    Statistics for the weights: of occurrence labels for detection; for intensity see ``intensity_statistics``.
    """

    system = "ARL"

    def weighs_action_units(self) -> bool:
        """See ``Criterion``; off in B-Net and iB-Net."""
        return bool(self.config.weighted)

    def forward(self, output: AUOutput, labels: AULabels) -> Losses:
        """See ``Criterion``."""
        config = self.config
        terms = self._intensity(output, labels) if config.task == "intensity" else self._occurrence(output, labels)
        if config.crf_energy_weight:
            terms["crf_energy"] = output.extra["crf_energy"].sum(-1).mean()
        weights = {"cosine": config.lambda_cos, "crf_energy": config.crf_energy_weight}
        if config.half_squared_error:
            weights["intensity"] = 0.5
        losses = self.combine(terms, weights)
        if config.crf and output.attention_maps is not None:
            losses.figures["uniform_maps"] = uniform_share(output.attention_maps)
        return losses

    def _occurrence(self, output: AUOutput, labels: AULabels) -> dict[str, Tensor]:
        target = labels.require("occurrence", self.system)
        return {"occurrence": weighted_bce(output.logits, target, labels.known, self.au_weight)}

    def _intensity(self, output: AUOutput, labels: AULabels) -> dict[str, Tensor]:
        target = labels.require("intensity", "iARL")
        if output.intensity is None:
            raise InputError("the criterion of iARL needs output.intensity; make the network with task='intensity'")
        terms = {"intensity": self._squared_error(output.intensity, target, labels)}
        if self.config.lambda_cos:
            terms["cosine"] = cosine_distance(output.intensity, target, labels.known, keep_empty=self.config.cosine_keep_empty)
        return terms

    def _squared_error(self, intensity: Tensor, target: Tensor, labels: AULabels) -> Tensor:
        released = self.config.intensity_weighting == "released_gradient"
        return weighted_squared_error(intensity, target, labels.known, self.au_weight, released_gradient=released)


def intensity_statistics(intensity: Tensor, known: Tensor | None = None) -> LabelStatistics:
    """Label statistics for iARL: intensities of at least ceil(L / 2) = 3 count as occurrence (section 3.5).

    Args:
        intensity: (N, A) in [0, 5], training faces only.
        known: (N, A) bool; unknown entries may hold anything.
    """
    return LabelStatistics.from_intensities(intensity, known)
