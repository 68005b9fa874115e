"""Where on a face an action unit's score comes from, as the network itself shows it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

ATTENTION, ACTIVATION, PATCHES = "attention map", "class activation map", "patch significance"
OCCLUSION = "occlusion"
"""Made by covering parts of the face, for networks that show nothing themselves."""

LIMITS = {
    ATTENTION: "A weight inside the network, not evidence: it can be high where the action unit is absent, and the network may "
    "look at a place that decides nothing.",
    ACTIVATION: "Evidence against the action unit is not drawn, and places are only as fine as the network's last feature map.",
    PATCHES: "One patch is switched off at a time; evidence that is in two patches at once looks weaker than it is.",
    OCCLUSION: "The model learned from no faces covered like this, places are only as fine as the square, and evidence that is in "
    "two places at once looks weaker than it is.",
}
"""What the maps of each kind do not show."""


@dataclass(frozen=True)
class Explanation:
    """Maps over a network's input.

    Attributes:
        kind: what the maps are: one of the first three words above, or a network's own.
        maps: (B, A, H, W), not negative, over the whole input; what they mean is the kind's.
        meaning: one clause for captions.
        highest: value that is shown in full colour; None takes each face's highest.
    """

    kind: str
    maps: Tensor
    meaning: str
    highest: float | None = None
