"""How far an expression parts the lips, without drawing it: the planner must know how AU 25 will be labelled.

The engine labels AU 25 by the visible gap between the lips, whatever opened it. Here the same gap is taken from the
rims of a person's lips alone, which costs a fraction of a millisecond.
"""

from __future__ import annotations

import functools

import numpy as np

from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.expression import Intensities, shape_weights
from aufait.synthetic.head.geometry import identity_vertices
from aufait.synthetic.head.lips import gap_of_rims, lip_rims, parted_intensity
from aufait.synthetic.head.own_shapes import own_shapes
from aufait.synthetic.head.person import Traits


class LipGap:
    """Predicts the AU 25 label of a person's expression.

    Args:
        model: face geometry.
        traits: of the person.
    """

    def __init__(self, model: FaceModel, traits: Traits) -> None:
        self._model = model
        self._neutral = identity_vertices(model, traits)[lip_rims(model)[0]].astype(np.float64)
        self._shapes = _rim_shapes(model)

    def __call__(self, shown: dict[int, float]) -> float:
        """Intensities 0 to 5 of a symmetric expression -> predicted intensity 0 to 5 of AU 25."""
        weights = shape_weights(Intensities.symmetric(shown))
        moved = sum((weight * self._shapes[name] for name, weight in weights.items()), np.zeros_like(self._neutral))
        return parted_intensity(gap_of_rims(self._model, self._neutral + moved))


@functools.lru_cache(maxsize=2)
def _rim_shapes(model: FaceModel) -> dict[str, np.ndarray]:
    """Shape name -> (n, 3) displacement of the rims of the lips at weight 1."""
    rows = lip_rims(model)[0]
    shapes = {name: model.expression_shapes[place][rows] for name, place in model.expression_index.items()}
    for name, (vertices, field) in own_shapes(model).items():
        moved = np.zeros((len(model.neutral), 3), np.float32)
        moved[vertices] = field
        shapes[name] = moved[rows]
    return shapes
