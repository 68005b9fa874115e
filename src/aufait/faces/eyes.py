"""Gaze, points of the eyes and landmarks in space, from the mesh points of a face and its head pose.

Frame and units are those of ``aufait.faces.pose``: x right, y down, z away from the camera, millimetres, for an assumed camera and
a head of average size.

**Landmarks in space.** Each of the 68 landmarks is on its line of sight, at the depth that this point of the generic head has in
the pose that was fitted. So they fall on the 2D landmarks exactly.

**Gaze.** The middle between the corners of an eye is placed in space in the same way. From it, a fixed step in the frame of the
head leads to the centre of the eyeball. Where the line of sight through the iris (mean of the mesh's four points on its edge)
meets a sphere about that centre, there is the iris; the gaze goes from the centre through it. Up and down, lids hide part of the
iris, and its points move less than the eye does; that is undone by one factor in the frame of the head. The constants are from
renders that look in known directions and from portraits that look into the camera; docs/output.md says how good the result is.

**Eye points.** 28 per eye, the subject's right eye first (on the left in the picture), in the order of OpenFace: 0-7 edge of the
iris; 8-19 lids, from the corner on the left in the picture along the upper lid, and back along the lower one; 20-27 edge of the
pupil. The mesh has four points on the edge of an iris, which are 0, 2, 4 and 6 (right, top, left and bottom of the picture when
the head is upright); those between are on the ellipse through them. Even lid points are the face's landmarks 36-47, odd ones the
mesh point between two of them. The mesh does not show pupils: their points are nan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aufait.faces.face import Face, HeadPose
from aufait.faces.pose import Camera, head_points, matrix_from_euler

EYE_POINTS = 56
"""Points of both eyes; the first half is the subject's right eye."""

_RING = ((469, 470, 471, 472), (474, 475, 476, 477))  # mesh points on the edge of the iris; both from the picture's right upwards
_CORNERS = ((33, 133), (263, 362))  # mesh points of the outer and the inner corner
_HEAD_CORNERS = ((36, 39), (45, 42))  # the same among the 68
_LID_LANDMARKS = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))
_LID_MESH = ((246, 159, 157, 154, 145, 7), (384, 386, 466, 249, 374, 381))  # between one landmark of the lids and the next

_TO_CENTER = (-1.3, -1.7, 7.0)
"""Millimetres in the frame of the head from the middle between the corners of the right eye to the eyeball's centre; x is mirrored
for the left eye."""

_RADIUS = 10.6
"""Millimetres from the centre of the eyeball to the iris."""

_LIFT, _TILT = 1.8, 0.06
"""The angle of the gaze up and down in the frame of the head is that of the iris times the first, plus the second in radians."""


def with_points_in_space(faces: Sequence[Face], size: tuple[int, int], camera: Camera | None = None) -> list[Face]:
    """The faces, with ``landmarks_3d`` where they have a pose, with ``gaze`` and ``eye_landmarks`` where they have a mesh too.

    Args:
        faces: of one picture.
        size: width and height of the picture in pixels.
        camera: the one that the poses are for; None for the one that is assumed where none is known.
    """
    camera = camera or Camera.guess(*size)
    posed = [row for row, face in enumerate(faces) if face.pose is not None and np.isfinite(face.pose.translation).all()]
    if not posed:
        return list(faces)
    found = list(faces)
    points = landmarks_in_space(np.stack([faces[row].landmarks for row in posed]), _poses(faces, posed), camera)
    for row, place in zip(posed, points, strict=True):
        found[row] = replace(found[row], landmarks_3d=place.astype(np.float32))
    meshed = [row for row in posed if faces[row].mesh is not None]
    if not meshed:
        return found
    mesh = np.stack([np.asarray(faces[row].mesh, dtype=np.float64) for row in meshed])
    gaze, iris = eye_gaze(mesh, _poses(faces, meshed), camera)
    marks = points[[posed.index(row) for row in meshed]]
    eyes = eye_points(mesh, np.stack([faces[row].landmarks for row in meshed]), marks, gaze, iris, camera)
    for row, look, eye in zip(meshed, gaze, eyes, strict=True):
        found[row] = replace(found[row], gaze=look.astype(np.float32), eye_landmarks=eye.astype(np.float32))
    return found


def _poses(faces: Sequence[Face], rows: Sequence[int]) -> list[HeadPose]:
    return [pose for row in rows if (pose := faces[row].pose) is not None]


def _placed(poses: Sequence[HeadPose]) -> tuple[np.ndarray, np.ndarray]:
    """Rotation matrices (F, 3, 3) and translations (F, 3)."""
    return matrix_from_euler(np.stack([pose.rotation for pose in poses])), np.stack([pose.translation for pose in poses])


def _rays(points: np.ndarray, camera: Camera) -> np.ndarray:
    """(..., 2) pixels -> (..., 3) directions with z = 1."""
    plane = (np.asarray(points, np.float64) - (camera.center_x, camera.center_y)) / (camera.focal_x, camera.focal_y)
    return np.concatenate([plane, np.ones((*plane.shape[:-1], 1))], axis=-1)


def landmarks_in_space(landmarks: np.ndarray, poses: Sequence[HeadPose], camera: Camera) -> np.ndarray:
    """The 68 landmarks (F, 68, 2) px -> (F, 68, 3) mm in the camera frame."""
    rotation, translation = _placed(poses)
    depth = head_points() @ rotation[:, 2, :, None] + translation[:, 2, None, None]  # (F, 68, 1)
    return _rays(landmarks, camera) * np.maximum(depth, 1.0)


def eye_gaze(mesh: np.ndarray, poses: Sequence[HeadPose], camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Where the eyes look.

    Args:
        mesh: (F, 478, 2 or 3) px.
        poses: F poses.
        camera: the one that they are for.

    Returns:
        (F, 2, 3) unit vectors of the subject's right and left eye, and (F, 2, 3) mm, the middles of the irises; camera frame.
    """
    rotation, translation = _placed(poses)
    middle = np.stack([head_points()[list(pair)].mean(axis=0) for pair in _HEAD_CORNERS])  # (2, 3)
    depth = middle @ rotation[:, 2, :, None] + translation[:, 2, None, None]  # (F, 2, 1)
    corners = mesh[:, np.array(_CORNERS), :2].mean(axis=2)  # (F, 2, 2)
    steps = np.array(_TO_CENTER) * [[1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]]  # (2, 3)
    center = _rays(corners, camera) * np.maximum(depth, 1.0) + steps @ rotation.transpose(0, 2, 1)
    sight = _rays(mesh[:, np.array(_RING), :2].mean(axis=2), camera)
    sight /= np.linalg.norm(sight, axis=-1, keepdims=True)
    along = (sight * center).sum(axis=-1)
    inside = along**2 - (center**2).sum(axis=-1) + _RADIUS**2  # below 0 the line misses the sphere: the nearest point then
    iris = sight * (along - np.sqrt(np.maximum(inside, 0.0)))[..., None]
    seen = (iris - center) @ rotation  # in the frame of the head
    return _lifted(seen) @ rotation.transpose(0, 2, 1), iris


def _lifted(seen: np.ndarray) -> np.ndarray:
    """Directions (..., 3) in the frame of the head -> unit vectors, with the angle up and down made what the eye does."""
    forward = np.maximum(-seen[..., 2], 1e-6)
    up = np.clip(_LIFT * np.arctan2(seen[..., 1], forward) + _TILT, -1.4, 1.4)
    look = np.stack([seen[..., 0], forward * np.tan(up), -forward], axis=-1)
    return np.asarray(look / np.linalg.norm(look, axis=-1, keepdims=True))


def eye_points(
    mesh: np.ndarray, landmarks: np.ndarray, marks: np.ndarray, gaze: np.ndarray, iris: np.ndarray, camera: Camera
) -> np.ndarray:
    """Points of the eyes in the order of OpenFace.

    Args:
        mesh: (F, 478, 2 or 3) px.
        landmarks: (F, 68, 2) px.
        marks: (F, 68, 3) mm, from ``landmarks_in_space``.
        gaze, iris: (F, 2, 3), from ``eye_gaze``.
        camera: the one of the pose.

    Returns:
        (F, 56, 5): x, y in pixels, X, Y, Z in millimetres in the camera frame; nan for the pupils.
    """
    found = np.full((len(mesh), EYE_POINTS, 5), np.nan)
    for eye in (0, 1):
        first = eye * EYE_POINTS // 2
        edge, lids = slice(first, first + 8), slice(first + 8, first + 20)
        found[:, edge, :2] = _edge(mesh[:, list(_RING[eye]), :2])
        found[:, edge, 2:] = _on_disc(found[:, edge, :2], gaze[:, eye], iris[:, eye], camera)
        found[:, lids, :2], depth = _lids(mesh, landmarks, marks, eye)
        found[:, lids, 2:] = _rays(found[:, lids, :2], camera) * depth[..., None]
    return found


def _edge(ring: np.ndarray) -> np.ndarray:
    """Four points (F, 4, 2) a quarter apart -> eight (F, 8, 2) on the ellipse through them."""
    middle = ring.mean(axis=1, keepdims=True)
    across, up = (ring[:, 0] - ring[:, 2])[:, None] / 2.0, (ring[:, 1] - ring[:, 3])[:, None] / 2.0
    diagonal = np.pi / 4.0 * np.arange(1, 8, 2)[:, None]
    eight = np.empty((len(ring), 8, 2))
    eight[:, 0::2], eight[:, 1::2] = ring, middle + np.cos(diagonal) * across + np.sin(diagonal) * up
    return eight


def _on_disc(points: np.ndarray, gaze: np.ndarray, iris: np.ndarray, camera: Camera) -> np.ndarray:
    """Where the lines of sight (F, N, 2) meet the disc of the iris (middle (F, 3) mm), which stands across the gaze (F, 3)."""
    rays = _rays(points, camera)
    slope = (rays * gaze[:, None]).sum(axis=-1)
    slope = np.where(slope < -0.2, slope, -0.2)  # seen from the side, the disc would reach far into the head
    depth = (iris * gaze).sum(axis=-1)[:, None] / slope
    near = np.clip(depth, iris[:, None, 2] - _RADIUS, iris[:, None, 2] + _RADIUS)
    return np.asarray(rays * near[..., None])


def _lids(mesh: np.ndarray, landmarks: np.ndarray, marks: np.ndarray, eye: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of the lids (F, 12, 2) px, and their depths (F, 12) mm."""
    own = list(_LID_LANDMARKS[eye])
    points = np.empty((len(mesh), 12, 2))
    points[:, 0::2], points[:, 1::2] = landmarks[:, own], mesh[:, list(_LID_MESH[eye]), :2]
    depth = np.empty((len(mesh), 12))
    depth[:, 0::2] = marks[:, own, 2]
    depth[:, 1::2] = (depth[:, 0::2] + np.roll(depth[:, 0::2], -1, axis=1)) / 2.0
    return points, depth
