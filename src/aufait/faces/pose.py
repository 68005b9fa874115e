"""Head pose from 68 landmarks: perspective-n-point on a generic rigid head, in OpenFace's convention.

Frame: x to the right of the picture, y down, z away from the camera, origin at the camera; millimetres. The rotation is
R = Rx(pitch) @ Ry(yaw) @ Rz(roll) with right-handed elementary rotations, the matrix that OpenFace 2 writes out. It
maps the frame of a head that looks along -z, straight at the camera plane, to the camera frame, so that such a face
has 0, 0, 0:

* pitch (``pose_Rx``) > 0: the person looks down (the chin moves away from the camera);
* yaw (``pose_Ry``) > 0: the nose points to the left side of the picture (the person turns to their own right);
* roll (``pose_Rz``) > 0: the head leans clockwise as seen in the picture (the person's own left ear goes down).

Translation is that of the head's centre (mean of the 68 points). Its depth depends on a guessed focal length and an
adult head
of average size: read it as an order of magnitude unless you pass the true camera. Rotation refers to the camera's
axes and not to the line of sight, as in OpenFace's ``GetPose``.

The fit is Gauss-Newton with damping on all faces at once. Weights favour points that move little with expression,
and are lowered for points that do not fit (iteratively reweighted least squares, Cauchy weights).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from aufait.errors import InputError
from aufait.faces.face import HeadPose

ITERATIONS = 9
"""Steps of the fit, at most."""
LEAST_SCALE = 0.004
"""Residual scale floor of the robust weights, as a share of the face's size in pixels."""
TRUSTED = 0.8
"""Prior weight from which a point counts when the scale of the residuals is chosen."""


@dataclass(frozen=True)
class Camera:
    """Pinhole camera without distortion; all figures in pixels."""

    focal_x: float
    focal_y: float
    center_x: float
    center_y: float

    @classmethod
    def guess(cls, width: int, height: int) -> Camera:
        """The camera that OpenFace assumes for a picture of unknown origin: about 65 degrees across a 4:3 picture."""
        focal = (500.0 * width / 640.0 + 500.0 * height / 480.0) / 2.0
        return cls(focal, focal, width / 2.0, height / 2.0)


@cache
def head_points() -> np.ndarray:
    """(68, 3) float64: a generic neutral head in millimetres, in the frame of a face that looks at the camera.

    The numbers come from ICT-FaceKit (MIT); ``head_points.json`` in this folder gives their origin.
    """
    record = json.loads(files("aufait.faces").joinpath("head_points.json").read_text(encoding="utf-8"))
    points = np.asarray(record["points"], dtype=np.float64)
    points.setflags(write=False)
    return points


@cache
def rigid_weights() -> np.ndarray:
    """(68,) prior weight of each point: 1 where the face hardly moves, little where expression or definition moves
    it."""
    weight = np.full(68, 0.03)
    weight[[0, 1, 15, 16]] = 0.08  # jaw outline at the ears: a silhouette point in most landmark schemes
    weight[17:27] = 0.10  # brows
    weight[27:31] = 1.0  # bridge and tip of the nose
    weight[31:36] = 0.8  # base of the nose
    weight[36:48] = 0.15  # lids
    weight[[36, 39, 42, 45]] = 1.0  # corners of the eyes
    weight[[48, 51, 54]] = 0.15  # corners of the mouth, upper lip
    return weight


def estimate_pose(landmarks: np.ndarray, size: tuple[int, int], camera: Camera | None = None) -> list[HeadPose]:
    """Head pose of each face.

    Args:
        landmarks: (F, 68, 2) pixels.
        size: width and height of the picture in pixels, used to guess the camera.
        camera: the true camera, if known.

    Returns:
        F poses; a face whose points cannot be fitted (not finite, or all in one place) gets nan.

    Raises:
        InputError: ``landmarks`` has another shape.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise InputError(f"landmarks must have shape (faces, 68, 2), got {points.shape}")
    rotation, translation = solve_pose(points, camera or Camera.guess(*size))
    angles = euler_from_matrix(rotation)
    return [HeadPose(translation=t, rotation=a) for t, a in zip(translation, angles, strict=True)]


def solve_pose(landmarks: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Fit the generic head to landmarks (F, 68, 2) px -> rotation matrices (F, 3, 3), translations (F, 3) mm."""
    model, prior = head_points(), rigid_weights()
    focal = np.array([camera.focal_x, camera.focal_y])
    observed = (landmarks - (camera.center_x, camera.center_y)) / focal  # (F, 68, 2) on the plane z = 1
    spread = observed.std(axis=1).mean(axis=1)  # (F,)
    usable = np.isfinite(spread) & (spread > 1e-9)
    rotation = np.full((len(observed), 3, 3), np.nan)
    translation = np.full((len(observed), 3), np.nan)
    if usable.any():
        rotation[usable], translation[usable] = _refine(model, prior, observed[usable])
    return rotation, translation


def fit_error(landmarks: np.ndarray, poses: list[HeadPose], camera: Camera) -> np.ndarray:
    """How badly the 51 inner points fit a rigid neutral head: median distance over the face's size, (F,).

    About 0.03-0.05 for faces, whatever their expression; more for points that are no face. nan becomes inf.

    Args:
        landmarks: (F, 68, 2) pixels.
        poses: F poses, from ``estimate_pose`` with the same camera.
        camera: see ``Camera.guess``.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if len(points) == 0:
        return np.zeros(0)
    rotation = matrix_from_euler(np.stack([pose.rotation for pose in poses]))
    translation = np.stack([pose.translation for pose in poses])
    distance = np.linalg.norm(project(rotation, translation, camera) - points, axis=2)[:, 17:]
    width = np.ptp(points, axis=1).max(axis=1)
    error = np.median(distance, axis=1) / np.maximum(width, 1e-6)
    return np.where(np.isfinite(error), error, np.inf)


def _refine(model: np.ndarray, prior: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rotation, translation = _weak_perspective(model, prior, observed)
    faces = len(observed)
    spread = observed.std(axis=1).mean(axis=1)[:, None]
    jacobian = np.zeros((faces, len(model), 2, 6))
    for _ in range(ITERATIONS):
        turned = model @ rotation.transpose(0, 2, 1)  # (F, 68, 3)
        placed = turned + translation[:, None]
        inverse_depth = 1.0 / np.maximum(placed[..., 2], 1.0)
        seen = placed[..., :2] * inverse_depth[..., None]
        residual = observed - seen
        weight = _robust_weights(residual, prior, spread)
        _projection_jacobian(jacobian, turned, seen, inverse_depth)
        weighted = (jacobian * weight[..., None, None]).reshape(faces, -1, 6)
        flat = jacobian.reshape(faces, -1, 6)
        normal = weighted.transpose(0, 2, 1) @ flat  # (F, 6, 6)
        normal[:, range(6), range(6)] *= 1.0 + 1e-6
        gradient = weighted.transpose(0, 2, 1) @ residual.reshape(faces, -1, 1)
        step = np.linalg.solve(normal, gradient)[..., 0]  # (F, 6)
        rotation = _exponential(np.minimum(np.maximum(step[:, :3], -0.5), 0.5)) @ rotation
        translation = translation + step[:, 3:]
        translation[:, 2] = np.maximum(translation[:, 2], 50.0)
        if np.abs(step[:, :3]).max() < 2e-4:
            break
    return rotation, translation


def _weak_perspective(model: np.ndarray, prior: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starting point: the scaled orthographic fit (F faces), exact when the head is small compared with its distance."""
    weight = np.sqrt(prior)[:, None]
    design = np.concatenate([model, np.ones((len(model), 1))], axis=1) * weight
    affine = np.linalg.pinv(design) @ (observed * weight)  # (F, 4, 2)
    first, second = affine[:, :3, 0], affine[:, :3, 1]
    scale = (np.linalg.norm(first, axis=1) + np.linalg.norm(second, axis=1)) / 2.0
    scale = np.maximum(scale, 1e-9)
    rows = np.stack([first, second], axis=1) / scale[:, None, None]
    rows = np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], axis=1)
    left, _, right = np.linalg.svd(rows)
    flip = np.sign(np.linalg.det(left @ right))
    left[:, :, 2] *= flip[:, None]
    depth = 1.0 / scale
    translation = np.concatenate([affine[:, 3] * depth[:, None], depth[:, None]], axis=1)
    return left @ right, translation


def _robust_weights(residual: np.ndarray, prior: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(F, 68) prior times the Cauchy weight of each point's distance; the scale is the median over trusted points."""
    squared = (residual**2).sum(axis=2)
    trusted = np.sort(squared[:, prior >= TRUSTED], axis=1)  # an odd number of points; ``np.median`` takes most of the fit's time
    floor = (LEAST_SCALE * spread) ** 2
    scale = np.maximum(trusted[:, trusted.shape[1] // 2, None] * 4.0, floor)
    return prior / (1.0 + squared / scale)


def _projection_jacobian(jacobian: np.ndarray, turned: np.ndarray, seen: np.ndarray, inverse_depth: np.ndarray) -> None:
    """Fill (F, 68, 2, 6): change of the projected point with a left rotation (3) and a shift (3) of the head."""
    x, y, z = turned[..., 0], turned[..., 1], turned[..., 2]
    u, v = seen[..., 0], seen[..., 1]
    jacobian[..., 0, 0] = -u * y * inverse_depth
    jacobian[..., 0, 1] = (z + u * x) * inverse_depth
    jacobian[..., 0, 2] = -y * inverse_depth
    jacobian[..., 1, 0] = (-z - v * y) * inverse_depth
    jacobian[..., 1, 1] = v * x * inverse_depth
    jacobian[..., 1, 2] = x * inverse_depth
    jacobian[..., 0, 3] = inverse_depth
    jacobian[..., 0, 5] = -u * inverse_depth
    jacobian[..., 1, 4] = inverse_depth
    jacobian[..., 1, 5] = -v * inverse_depth


def _exponential(vector: np.ndarray) -> np.ndarray:
    """Rotation matrices (F, 3, 3) of rotation vectors (F, 3) in radians (Rodrigues' formula)."""
    angle = np.sqrt((vector * vector).sum(axis=1))[:, None, None]
    safe = np.maximum(angle, 1e-12)
    cross = np.zeros((len(vector), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2] = -vector[:, 2], vector[:, 1]
    cross[:, 1, 0], cross[:, 1, 2] = vector[:, 2], -vector[:, 0]
    cross[:, 2, 0], cross[:, 2, 1] = -vector[:, 1], vector[:, 0]
    cross /= safe
    return np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * (cross @ cross)


def matrix_from_euler(angles: np.ndarray) -> np.ndarray:
    """Pitch, yaw, roll (..., 3) in radians -> rotation matrices (..., 3, 3), R = Rx @ Ry @ Rz."""
    a = np.asarray(angles, dtype=np.float64)
    (c1, c2, c3), (s1, s2, s3) = np.moveaxis(np.cos(a), -1, 0), np.moveaxis(np.sin(a), -1, 0)
    rows = [
        [c2 * c3, -c2 * s3, s2],
        [c1 * s3 + s1 * s2 * c3, c1 * c3 - s1 * s2 * s3, -s1 * c2],
        [s1 * s3 - c1 * s2 * c3, s1 * c3 + c1 * s2 * s3, c1 * c2],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def euler_from_matrix(rotation: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) -> pitch, yaw, roll (..., 3) in radians; yaw is in [-pi/2, pi/2]."""
    r = np.asarray(rotation, dtype=np.float64)
    pitch = np.arctan2(-r[..., 1, 2], r[..., 2, 2])
    yaw = np.arcsin(np.clip(r[..., 0, 2], -1.0, 1.0))
    roll = np.arctan2(-r[..., 0, 1], r[..., 0, 0])
    return np.stack([pitch, yaw, roll], axis=-1)


def project(rotation: np.ndarray, translation: np.ndarray, camera: Camera) -> np.ndarray:
    """Where the generic head's 68 points fall: (F, 3, 3) and (F, 3) mm -> (F, 68, 2) pixels."""
    placed = head_points() @ rotation.transpose(0, 2, 1) + translation[:, None]
    focal = np.array([camera.focal_x, camera.focal_y])
    return placed[..., :2] / placed[..., 2:] * focal + (camera.center_x, camera.center_y)
