"""What a face finder says about one face: box, 68 landmarks, confidence, head pose, track."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class HeadPose:
    """Position and orientation of a head in the camera frame (x right, y down, z away from the camera).

    Attributes:
        translation: (3,) millimetres from the camera centre, for an assumed focal length (see ``faces.pose``).
        rotation: (3,) radians about the x, y and z axis: pitch, yaw, roll, with R = Rx(pitch) @ Ry(yaw) @ Rz(roll).
    """

    translation: np.ndarray
    rotation: np.ndarray


@dataclass(frozen=True, eq=False)
class MeshFeatures:
    """What the landmark network of the ``mesh`` finder saw of one face, on the device that it runs on.

    Attributes:
        window: (2, 3) from pixels of the picture to those of the 256 x 256 window that the network was shown.
        fine: (128, 16, 16) feature map.
        coarse: (128, 8, 8) feature map.
    """

    window: np.ndarray
    fine: Tensor
    coarse: Tensor


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one picture. Coordinates are pixels, x to the right and y down, the centre of the top-left pixel
    is 0.

    Attributes:
        box: (4,) float32, x0, y0, x1, y1: the smallest upright box around brows, jaw and chin.
        confidence: how sure the finder is that this is a face, in [0, 1].
        landmarks: (68, 2) float32, the 68-point scheme of ``aufait.landmarks``.
        pose: head pose, or None if it was not requested.
        track_id: stays with a person through a video; -1 for a single picture.
        mesh: (478, 3) float32, x and y in pixels of the picture and depth on the same scale; None from finders without.
        blendshapes: (52,) float32 in [0, 1], see ``mesh_networks.BLENDSHAPES``; None from finders without.
        features: what a model can use as its input; None from finders without.
        gaze: (2, 3) float32 unit vectors of the subject's right and left eye in the camera frame. This and the next two come from
            ``eyes.with_points_in_space``, and are None until then.
        eye_landmarks: (56, 5) float32, x, y in pixels, X, Y, Z in millimetres.
        landmarks_3d: (68, 3) float32 millimetres in the camera frame.
    """

    box: np.ndarray
    confidence: float
    landmarks: np.ndarray
    pose: HeadPose | None = None
    track_id: int = -1
    mesh: np.ndarray | None = None
    blendshapes: np.ndarray | None = None
    features: MeshFeatures | None = None
    gaze: np.ndarray | None = None
    eye_landmarks: np.ndarray | None = None
    landmarks_3d: np.ndarray | None = None
