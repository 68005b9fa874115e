"""Where on a face an action unit's score comes from, as a network tells it itself."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

ATTENTION, ACTIVATION, PATCHES = "attention map", "class activation map", "patch significance"


@dataclass(frozen=True)
class Explanation:
    """Maps over a network's input.

    Attributes:
        kind: what the maps are: one of the words above, or a network's own.
        maps: (B, A, H, W), not negative, over the whole input; what they mean is the kind's.
        meaning: one clause for captions.
        highest: value that full colour stands for; None takes each face's highest.
    """

    kind: str
    maps: Tensor
    meaning: str
    highest: float | None = None
