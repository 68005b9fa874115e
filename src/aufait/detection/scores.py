"""What models give the detector, in one form: scores of some faces, with None for what a model does not give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from aufait.results import PER_UNIT, AttentionMaps


@dataclass(frozen=True, eq=False)
class FaceScores:
    """Scores of F faces, for A action units; see ``FaceAnalysis`` for what each means.

    Attributes:
        probability: (F, A).
        intensity, probability_left, probability_right, intensity_left, intensity_right: (F, A), or None: not given.
        model_landmarks: (F, N, 2) pixels of the picture, or None.
        attention: F maps, or None.
    """

    probability: np.ndarray
    intensity: np.ndarray | None = None
    probability_left: np.ndarray | None = None
    probability_right: np.ndarray | None = None
    intensity_left: np.ndarray | None = None
    intensity_right: np.ndarray | None = None
    model_landmarks: np.ndarray | None = None
    attention: tuple[AttentionMaps, ...] | None = None

    @classmethod
    def of(cls, scores: Any) -> Self:
        """From anything that has the six scores, such as ``AUScores``."""
        return scores if isinstance(scores, cls) else cls(**{name: getattr(scores, name) for name in PER_UNIT})

    def __len__(self) -> int:
        """Number of faces."""
        return len(self.probability)

    def row(self, face: int) -> dict[str, Any]:
        """The scores of one face as arguments of ``FaceAnalysis``."""
        values = {name: getattr(self, name) for name in (*PER_UNIT, "model_landmarks", "attention")}
        return {name: None if value is None else value[face] for name, value in values.items()}
