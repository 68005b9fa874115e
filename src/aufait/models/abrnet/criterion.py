"""The loss of ABRNet: weighted cross-entropy plus lambda times the relation loss.

Paper: ABRNet (Wei et al.), section 2.4, equations 5 and 10. Our reading: the mean over the faces of a batch.
"""

from __future__ import annotations

from torch import Tensor

from aufait.errors import InputError
from aufait.losses.labels import AULabels, Losses
from aufait.losses.occurrence import weighted_bce
from aufait.losses.statistics import LabelStatistics
from aufait.models.abrnet.aur_loss import action_unit_relations, relation_loss
from aufait.models.abrnet.config import ABRNetConfig
from aufait.models.criterion import Criterion
from aufait.models.outputs import AUOutput


class ABRNetCriterion(Criterion):
    """Terms "occurrence" and, where ``lambda_aur`` is not 0, "au_relation".

    Args:
        config: settings of the network.
        statistics: of the training labels, needed for the relations a_ij; without it action units have equal weights.

    Raises:
        InputError: ``lambda_aur`` is above 0 and there are no statistics.
    """

    system = "abrnet"

    relations: Tensor | None

    def __init__(self, config: ABRNetConfig, statistics: LabelStatistics | None = None) -> None:
        super().__init__(config, statistics)
        if config.lambda_aur > 0 and statistics is None:
            raise InputError(
                "the relation loss of abrnet is built from the training labels, got no statistics; give "
                "LabelStatistics.from_labels(occurrence, known) of the training part, or create the network with lambda_aur=0"
            )
        relations = None
        if config.lambda_aur > 0 and statistics is not None:
            relations = action_unit_relations(statistics, diagonal=config.aur_diagonal)
        self.register_buffer("relations", relations, persistent=False)

    def forward(self, output: AUOutput, labels: AULabels) -> Losses:
        """Losses of a batch; unknown labels change nothing."""
        occurrence = labels.require("occurrence", self.system)
        terms = {"occurrence": weighted_bce(output.logits, occurrence, labels.known, self.au_weight)}
        if self.relations is not None:
            terms["au_relation"] = relation_loss(
                output.probability,
                occurrence,
                self.relations,
                labels.known,
                self.au_weight,
                p_pos=self.config.p_pos,
                p_neg=self.config.p_neg,
            )
        return self.combine(terms, {"au_relation": self.config.lambda_aur})
