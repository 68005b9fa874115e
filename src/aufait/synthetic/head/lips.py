"""How far the lips are seen to part, and the intensity of AU 25 that follows from it.

FACS codes AU 25 whenever the lips part, whatever parts them. What counts is the opening that shows from the front: lips that
roll in or press together move their points without opening anything.
"""

from __future__ import annotations

import functools

import numpy as np

from aufait.synthetic.head.assets import FaceModel

CONTACT = 0.02
"""Rims nearer than this, in cm, touch: the seam between closed lips is not a gap."""
LEAST_GAP = 0.04
"""Gaps below this, in cm, are not AU 25."""
FULL_GAP = 0.75
"""Gap in cm at which AU 25 reaches intensity 5; about what its own shape opens on the mean face."""
_CURVE = 0.7
_EDGES = np.array([-1.15, -0.69, -0.23, 0.23, 0.69, 1.15], np.float32)


@functools.lru_cache(maxsize=2)
def lip_rims(model: FaceModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices of the red of both lips near the opening, in five columns.

    Returns:
        Vertex rows (n,), their column 0-4 (n,), and whether each belongs to the lower lip (n,) bool.
    """
    x, y, z = model.neutral.T
    lower = model.expression_shapes[model.expression_index["jawOpen"]][:, 1] < -1.5
    near = np.where(lower, (y > -4.15) & (y < -3.2), (y > -3.5) & (y < -2.7)) & (np.abs(x) < 1.15) & (z > 10.4)
    used = np.zeros(len(x), bool)
    used[np.unique(model.triangles[model.material == 0])] = True
    rows = np.flatnonzero(near & used)
    column = np.clip(np.searchsorted(_EDGES, x[rows]) - 1, 0, 4)
    return rows, column, lower[rows]


def lip_opening(model: FaceModel, rims: np.ndarray) -> np.ndarray:
    """(5,) signed distance in cm between the rims, seen from the front, from the subject's right to left.

    Args:
        model: the geometry.
        rims: (n, 3) positions of the vertices of ``lip_rims``, head upright; negative where the lips overlap.
    """
    _, column, lower = lip_rims(model)
    height = rims[:, 1]
    return np.array([height[(column == k) & ~lower].min() - height[(column == k) & lower].max() for k in range(len(_EDGES) - 1)])


def lip_gap(model: FaceModel, vertices: np.ndarray) -> float:
    """Visible gap in cm of (V, 3) vertices before the head is turned: mean over the three widest columns."""
    return _gap(lip_opening(model, vertices[lip_rims(model)[0]]))


def gap_of_rims(model: FaceModel, rims: np.ndarray) -> float:
    """As ``lip_gap``, of (n, 3) positions of the vertices of ``lip_rims``."""
    return _gap(lip_opening(model, rims))


def _gap(opening: np.ndarray) -> float:
    return float(np.clip(np.sort(opening)[-3:] - CONTACT, 0.0, None).mean())


def parted_intensity(gap: float) -> float:
    """Intensity 0-5 of AU 25 for a visible gap in cm: 1.2 at 1 mm, 2.0 at 2 mm, 3.2 at 4 mm, 5 from 7.5 mm on."""
    if gap < LEAST_GAP:
        return 0.0
    return float(5.0 * min(gap / FULL_GAP, 1.0) ** _CURVE)
