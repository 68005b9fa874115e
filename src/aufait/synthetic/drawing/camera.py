"""The camera: where points fall in the picture, and which of them can be seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aufait.synthetic.drawing.scene import Scene


@dataclass(frozen=True, eq=False)
class View:
    """A pinhole camera that looks along -z."""

    eye: np.ndarray
    focal: float
    resolution: int
    pixels_per_cm: float

    @classmethod
    def of(cls, scene: Scene, landmarks: np.ndarray, resolution: int) -> View:
        fov = np.radians(scene.field_of_view)
        distance = scene.frame_height / 2 / np.tan(fov / 2)
        center = landmarks.mean(axis=0) + np.asarray(scene.offset, np.float32)
        focal = resolution / 2 / np.tan(fov / 2)
        eye = (center + np.array([0.0, 0.0, distance])).astype(np.float32)
        return cls(eye, float(focal), resolution, float(focal / distance))

    def project(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) cm -> (..., 3) x, y in pixels (corner of the top-left pixel is 0), distance."""
        z = np.maximum(self.eye[2] - points[..., 2], 0.5)
        x = self.resolution / 2 + self.focal * (points[..., 0] - self.eye[0]) / z
        y = self.resolution / 2 - self.focal * (points[..., 1] - self.eye[1]) / z
        return np.stack([x, y, z], axis=-1).astype(np.float32)

    def buffers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shape = (self.resolution, self.resolution)
        return np.empty(shape, np.float32), np.empty(shape, np.int32), np.empty((*shape, 2), np.float32)


def visible_points(points: np.ndarray, depth: np.ndarray, tolerance: float = 0.7) -> np.ndarray:
    """(N,) bool: inside the picture and not behind something nearer than ``tolerance`` cm."""
    side = depth.shape[0]
    x, y = np.floor(points[:, 0]).astype(int), np.floor(points[:, 1]).astype(int)
    inside = (x >= 0) & (y >= 0) & (x < side) & (y < side)
    seen = depth[np.clip(y, 0, side - 1), np.clip(x, 0, side - 1)]
    return inside & (points[:, 2] < seen + tolerance)
