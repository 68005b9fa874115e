"""What every network returns: one dataclass, so that training, evaluation and drawing need not know the system."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class AUOutput:
    """Prediction of one network for a batch of faces. Entries that a system does not have are ``None``.

    Shape letters: B faces, A action units in the order of ``model.action_units``, N landmarks, H and W map sizes,
    R relation layers, D feature size.

    Attributes:
        logits: (B, A); occurrence has the probability ``sigmoid(logits)``. Systems with two outputs per action unit give
            the difference of the two, systems with several heads the log-odds of the mean probability. An intensity
            system's logits are those of intensity / 5, so that "occurs" means an intensity of 2.5 or more.
        intensity: (B, A) in [0, 5], not rounded.
        landmarks: (B, N, 2) x, y in pixels of the network's input, as the network located them.
        attention_maps: (B, A, H, W) in [0, 1]; what each action unit's branch looked at, after learning.
        relations: (B, A, A) or (B, R, A, A) relation weights between action units; row i says how much unit i uses of j.
        features: (B, A, D) one vector per action unit, or (B, D) one per face, before the last classifier.
        side_logits: (B, A, 2) of occurrence on the subject's left and right, from networks that give values per side.
        side_intensity: (B, A, 2) in [0, 5], from the same networks.
        extra: further tensors of one system by name; its page in the documentation lists them.
    """

    logits: Tensor
    intensity: Tensor | None = None
    landmarks: Tensor | None = None
    attention_maps: Tensor | None = None
    relations: Tensor | None = None
    features: Tensor | None = None
    side_logits: Tensor | None = None
    side_intensity: Tensor | None = None
    extra: dict[str, Tensor] = field(default_factory=dict)

    @property
    def probability(self) -> Tensor:
        """(B, A) probability of occurrence in [0, 1]."""
        return self.logits.sigmoid()


# Makes the class a value that torch.export and torch.compile can trace through.
torch.export.register_dataclass(AUOutput, serialized_type_name="aufait.AUOutput")
