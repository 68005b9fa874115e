"""From MediaPipe's face mesh (478 points) to the 68-point scheme.

Row k of the table is (a, b, share): point k is at (1 - share) * mesh[a] + share * mesh[b]. Where a and b are the
same, the mesh has a vertex of its own for the point; elsewhere the point is between two neighbours, in quarters of
the way.

How the table came about: on 297 renders of the ICT face model (many identities, expressions and poses) MediaPipe's mesh
was compared with the true 68 points, and for each point the vertex, or the pair of neighbouring vertices of the same
contour, with the least mean distance was kept; left and right were fitted together as mirror images. Mean distance over
the outer-canthus distance: eyes .019, nose .024, mouth .025, brows .031, jaw .043; a usual table of single vertices
gives .048 over the 51 inner points, this one .025.

What it means: brow points are above the hair of the brow, as in the renders, on photographs by a good brow's height above its
middle (drawings move them down, see ``visualization/results/face_marks.py``); jaw points stay on the skin of the jaw,
so that in a turned head those of the far side are inside the outline, where hand-made labels would follow the outline.
"""

from __future__ import annotations

import numpy as np

MESH_POINTS = 478

MESH_TO_68: tuple[tuple[int, int, float], ...] = (
    # jaw, points 0-16
    (21, 127, 0.75),
    (116, 234, 0.75),
    (132, 137, 0.75),
    (172, 177, 0.75),
    (136, 138, 0.75),
    (135, 150, 0.75),
    (140, 149, 0.75),
    (32, 148, 0.75),
    (152, 175, 0.25),
    (262, 377, 0.75),
    (369, 378, 0.75),
    (364, 379, 0.75),
    (365, 367, 0.75),
    (397, 401, 0.75),
    (361, 366, 0.75),
    (345, 454, 0.75),
    (251, 356, 0.75),
    # right brow, points 17-21
    (68, 70, 0.75),
    (68, 105, 0.50),
    (66, 104, 0.50),
    (69, 107, 0.50),
    (107, 151, 0.25),
    # left brow, points 22-26
    (336, 151, 0.25),
    (299, 336, 0.50),
    (296, 333, 0.50),
    (298, 334, 0.50),
    (298, 300, 0.75),
    # nose bridge, points 27-30
    (168, 168, 0.00),
    (6, 197, 0.50),
    (5, 195, 0.75),
    (4, 4, 0.00),
    # nose base, points 31-35
    (98, 167, 0.25),
    (97, 164, 0.25),
    (2, 164, 0.50),
    (326, 164, 0.25),
    (327, 393, 0.25),
    # right eye, points 36-41
    (33, 33, 0.00),
    (160, 161, 0.25),
    (158, 158, 0.00),
    (155, 133, 0.50),
    (153, 153, 0.00),
    (163, 144, 0.25),
    # left eye, points 42-47
    (382, 362, 0.50),
    (385, 385, 0.00),
    (387, 388, 0.25),
    (263, 263, 0.00),
    (390, 373, 0.25),
    (380, 380, 0.00),
    # outer lip, points 48-59
    (61, 61, 0.00),
    (40, 39, 0.25),
    (37, 37, 0.00),
    (0, 0, 0.00),
    (267, 267, 0.00),
    (270, 269, 0.25),
    (291, 291, 0.00),
    (321, 405, 0.25),
    (405, 314, 0.50),
    (17, 17, 0.00),
    (181, 84, 0.50),
    (91, 181, 0.25),
    # inner lip, points 60-67
    (78, 78, 0.00),
    (81, 81, 0.00),
    (13, 13, 0.00),
    (311, 311, 0.00),
    (308, 308, 0.00),
    (402, 402, 0.00),
    (14, 14, 0.00),
    (178, 178, 0.00),
)
"""68 rows of first mesh vertex, second mesh vertex, share of the second."""

_FIRST = np.array([row[0] for row in MESH_TO_68])
_SECOND = np.array([row[1] for row in MESH_TO_68])
_SHARE = np.array([row[2] for row in MESH_TO_68])[:, None]


def landmarks_from_mesh(mesh: np.ndarray) -> np.ndarray:
    """Mesh points (..., 478, 2) -> the 68 points (..., 68, 2), same unit."""
    return (1.0 - _SHARE) * mesh[..., _FIRST, :] + _SHARE * mesh[..., _SECOND, :]
