"""Faces that act on one side: half of a person's resting portrait and half of the same person's expression, in one picture.

The acting portrait is brought onto the resting one by points that expressions hardly move (eye corners, bridge and base of the
nose). Along the midline it is then bent until its nose, lips and chin meet those of the resting face; away from the midline the
bend fades, so that mouth corner, cheek and brow stay as they were. The halves are joined over a Laplacian pyramid (Burt and
Adelson 1983): light and colour change softly, lines stay sharp.

Made for frontal portraits of one session: hair, clothes and background are those of the resting portrait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from aufait.alignment import apply_transform, invert, similarity_from_points
from aufait.errors import InputError, MissingExtraError
from aufait.landmarks import inter_ocular_distance_outer

if TYPE_CHECKING:
    Side = Literal["left", "right"]

STEADY_POINTS = (36, 39, 42, 45, 27, 28, 29, 33)
"""68-point indices that bring one portrait onto the other."""
MIDLINE_POINTS = (27, 28, 29, 30, 33, 51, 62, 66, 57, 8)
"""68-point indices along which the halves must meet, from the bridge of the nose to the chin."""
BEND_WIDTH = 0.16
"""Distance from the midline at which the bend has fallen to 1/e, in outer eye-corner distances."""
FEATHER = 0.025
"""Half-width of the seam in outer eye-corner distances, before the pyramid widens it for low frequencies."""
SOFTEST = 0.12
"""Width of the softest seam, that of light and colour, in outer eye-corner distances."""


def half_face(
    resting: np.ndarray, acting: np.ndarray, resting_landmarks: np.ndarray, acting_landmarks: np.ndarray, side: Side
) -> np.ndarray:
    """The resting portrait with one half of the face taken from the acting portrait.

    Args:
        resting, acting: (H, W, 3) uint8 RGB of the same person; the sizes may differ.
        resting_landmarks, acting_landmarks: (68, 2) pixels of each.
        side: the subject's side that acts, "left" or "right".

    Returns:
        (H, W, 3) uint8 RGB of the size of ``resting``, whose landmarks outside the acting half still hold.

    Raises:
        InputError: an unknown side, or landmarks that are not (68, 2).
        MissingExtraError: OpenCV is not installed.
    """
    if side not in ("left", "right"):
        raise InputError(f"side must be 'left' or 'right' (the subject's), got {side!r}")
    rest, act = (np.asarray(points, np.float64) for points in (resting_landmarks, acting_landmarks))
    if rest.shape != (68, 2) or act.shape != (68, 2):
        raise InputError(f"landmarks must be (68, 2) twice, got {rest.shape} and {act.shape}")
    cv2 = _opencv()
    across, down, scale = _face_axes(rest, resting.shape[:2])
    to_rest = similarity_from_points(act[None, list(STEADY_POINTS)], rest[None, list(STEADY_POINTS)])
    moved = apply_transform(to_rest, act[None])[0]  # (68, 2) the acting points in the resting picture
    depth, seam, offset = _midline(rest, moved, down)
    distance = (across - np.interp(down, depth, seam)) / scale  # (H, W) from the midline; positive on the subject's left
    target = _bent_grid(distance, down, depth, offset)  # (H, W, 2) where each pixel is in the moved acting picture
    source = apply_transform(invert(to_rest), target.reshape(1, -1, 2)).reshape(target.shape).astype(np.float32)
    aligned = cv2.remap(acting, source[..., 0], source[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    signed = distance if side == "left" else -distance
    weight = np.clip(signed / (2 * FEATHER) + 0.5, 0, 1) * _face_region(cv2, rest, moved, resting.shape[:2], scale)
    return _blend(cv2, resting, aligned, weight.astype(np.float32), levels=max(1, round(np.log2(SOFTEST * scale))))


def _face_axes(points: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, float]:
    """(H, W) coordinates across and down the face in pixels (origin in the picture's), and the outer eye-corner distance."""
    scale = float(inter_ocular_distance_outer(points[None])[0])
    right = (points[45] - points[36]) / scale
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float64)
    return x * right[0] + y * right[1], -x * right[1] + y * right[0], scale


def _midline(rest: np.ndarray, moved: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth (M,) down the face, place across it (M,), and the way to the acting face (M, 2) of the midline points.

    The line is prolonged up to the hair and down below the chin, where both pictures are taken as they are.
    """
    scale = float(np.linalg.norm(rest[45] - rest[36]))
    right = (rest[45] - rest[36]) / scale
    turn = np.array([right, [-right[1], right[0]]])  # rows: across, down
    line, way = rest[list(MIDLINE_POINTS)], moved[list(MIDLINE_POINTS)] - rest[list(MIDLINE_POINTS)]
    across, depth = turn @ line.T
    depth = np.maximum.accumulate(depth + np.arange(len(depth)) * 1e-3)  # closed lips share one depth
    ends = depth[0] - 0.6 * scale, depth[-1] + 0.4 * scale
    depth = np.concatenate([[min(ends[0], down.min())], depth, [max(ends[1], down.max())]])
    across = np.concatenate([[across[0]], across, [across[-1]]])
    return depth, across, np.concatenate([np.zeros((1, 2)), way, np.zeros((1, 2))])


def _bent_grid(distance: np.ndarray, down: np.ndarray, depth: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """(H, W, 2): each pixel of the resting picture, shifted near the midline to where the acting face has the same point."""
    y, x = np.mgrid[0 : distance.shape[0], 0 : distance.shape[1]].astype(np.float64)
    fade = np.exp(-((distance / BEND_WIDTH) ** 2))
    return np.stack([x + fade * np.interp(down, depth, offset[:, 0]), y + fade * np.interp(down, depth, offset[:, 1])], axis=-1)


def _face_region(cv2: Any, rest: np.ndarray, moved: np.ndarray, size: tuple[int, int], scale: float) -> np.ndarray:
    """(H, W) in [0, 1]: 1 where both pictures show the face or its forehead; soft towards the edge."""
    up = np.array([(rest[45] - rest[36])[1], -(rest[45] - rest[36])[0]]) / scale
    region = np.ones(size, np.float32)
    for points in (rest, moved):
        hull = cv2.convexHull(np.concatenate([points, points[17:27] + up * 0.45 * scale]).astype(np.float32))
        one = np.zeros(size, np.float32)
        cv2.fillConvexPoly(one, hull.astype(np.int32), 1.0)
        region *= one
    return np.asarray(cv2.GaussianBlur(region, (0, 0), 0.04 * scale))


def _blend(cv2: Any, resting: np.ndarray, acting: np.ndarray, weight: np.ndarray, levels: int) -> np.ndarray:
    """Both pictures joined by frequency band; ``weight`` (H, W) is the share of the acting one."""
    height, width = resting.shape[:2]
    step = 2**levels
    pad = (0, -height % step, 0, -width % step)
    layers = [cv2.copyMakeBorder(a, *pad, cv2.BORDER_REPLICATE).astype(np.float32) for a in (resting, acting, weight[..., None])]
    layers[2] = layers[2].reshape(*layers[0].shape[:2])
    bands = []
    for _ in range(levels):
        smaller = [cv2.pyrDown(layer) for layer in layers]
        share = layers[2][..., None]
        details = [layers[k] - cv2.pyrUp(smaller[k]) for k in (0, 1)]
        bands.append(details[0] * (1 - share) + details[1] * share)
        layers = smaller
    result = layers[0] * (1 - layers[2][..., None]) + layers[1] * layers[2][..., None]
    for band in reversed(bands):
        result = cv2.pyrUp(result) + band
    return np.clip(np.rint(result[:height, :width]), 0, 255).astype(np.uint8)


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("joining the halves of two faces", "synth") from error
    return cv2
