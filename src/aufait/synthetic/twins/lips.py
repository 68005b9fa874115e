"""How far an expression parts the lips, without drawing it: the planner must know what AU 25 will be labelled.

The engine labels AU 25 by the visible gap between the lips, whatever opened it. Here the same gap is taken from the six lip
points of a person alone, which costs a fraction of a millisecond.
"""

from __future__ import annotations

import functools

import numpy as np

from aufait.synthetic.assets import FaceModel
from aufait.synthetic.expression import Intensities, own_shapes, shape_weights
from aufait.synthetic.geometry import identity_vertices
from aufait.synthetic.person import Traits

_UPPER, _LOWER = (61, 62, 63), (67, 66, 65)


class LipGap:
    """Predicts the AU 25 label of a person's expression.

    Args:
        model: face geometry.
        traits: of the person.
    """

    def __init__(self, model: FaceModel, traits: Traits) -> None:
        rows = model.landmarks[[*_UPPER, *_LOWER]]
        self._neutral = identity_vertices(model, traits)[rows].astype(np.float64)
        self._shapes = _lip_shapes(model)
        mean = model.neutral[rows].astype(np.float64)
        self._full = self._opening(mean, {25: 5.0})

    def __call__(self, shown: dict[int, float]) -> float:
        """Intensities 0 to 5 of a symmetric expression -> predicted intensity 0 to 5 of AU 25."""
        return float(np.clip(5.0 * self._opening(self._neutral, shown) / self._full, 0.0, 5.0))

    def _opening(self, neutral: np.ndarray, shown: dict[int, float]) -> float:
        weights = shape_weights(Intensities.symmetric(shown))
        moved = sum((weight * self._shapes[name] for name, weight in weights.items()), np.zeros_like(neutral))
        return _gap(neutral + moved) - _gap(neutral)


def _gap(points: np.ndarray) -> float:
    half = len(_UPPER)
    return float(np.linalg.norm(points[:half] - points[half:], axis=1).mean())


@functools.lru_cache(maxsize=2)
def _lip_shapes(model: FaceModel) -> dict[str, np.ndarray]:
    """Shape name -> (6, 3) displacement of the lip points at weight 1."""
    rows = model.landmarks[[*_UPPER, *_LOWER]]
    shapes = {name: model.expression_shapes[place][rows] for name, place in model.expression_index.items()}
    for name, (vertices, field) in own_shapes(model).items():
        moved = np.zeros((len(model.neutral), 3), np.float32)
        moved[vertices] = field
        shapes[name] = moved[rows]
    return shapes
