"""Faces by MediaPipe's Face Landmarker (extra ``mediapipe``), made to see small and many faces.

MediaPipe's short-range detector looks at 128 x 128 pixels and wants a face that fills a fifth of them or more. So a
single
picture is shown to it several times: whole, padded, in overlapping tiles of falling size, and around boxes that the
builtin detector proposes. Whatever turns up is looked at once more in a window of its own, which refines the
points and drops most false finds. In a video only those windows are looked at, around the place where each face is
expected.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aufait.errors import MissingExtraError, MissingModelError
from aufait.faces.boxes import box_centers, box_sizes, keep_best, landmark_boxes, overlap
from aufait.faces.face import Face
from aufait.faces.following import Effort, FollowingConfig, FollowingFinder
from aufait.faces.mediapipe_model import find_model
from aufait.faces.mediapipe_release import refuse_reporting_release
from aufait.faces.mesh_points import MESH_POINTS, landmarks_from_mesh
from aufait.faces.pose import Camera, estimate_pose, fit_error

_NOISE = re.compile(rb"^(?:[IWEF]\d{4} |INFO: |WARNING: (?:All log messages|Logging before)|\s*$)")


@dataclass(frozen=True)
class MediaPipeConfig:
    """Settings of ``MediaPipeFinder``. Sizes are pixels of the picture."""

    smallest_face: float = 40.0
    """Faces down to this size are searched for; in pictures above 1,600 pixels, to a fortieth of the longer side."""

    window: float = 2.2
    """Side of the window that one face is looked at in, over the size of its box."""

    tile_per_face: float = 6.0
    """Side of the smallest tile over the smallest face: MediaPipe still finds a face of a sixth of the side."""

    max_view: int = 640
    """Views with a longer side are shrunk to this; the networks look at 128 and 256 pixels anyway."""

    faces_per_view: int = 6
    """Most faces that MediaPipe is asked for at once."""

    detection_confidence: float = 0.5
    """MediaPipe's own threshold for a detection and for the presence of a face in the mesh."""

    confirm_overlap: float = 0.35
    """A find is believed when the second look's box has this intersection over union with it."""


class MediaPipeFinder(FollowingFinder):
    """``FaceFinder`` on MediaPipe Face Landmarker. Close it, or use it in a ``with`` statement.

    ``confidence`` starts at 0.5 for a face that passes MediaPipe's thresholds (it reports no score) and rises to 1
    with the agreement between its points and a rigid head.

    Args:
        model_path: the model file; None looks at ``AUFAIT_MEDIAPIPE_MODEL`` and the cache.
        max_faces, min_confidence: see ``FollowingFinder``.
        proposals: picture (H, W, 3) uint8 -> candidate boxes (N, 4); used beside MediaPipe's own detector.

    Raises:
        MissingExtraError: the package is not installed, misses a system library, or is of a release that reports its
            use over the network (see ``mediapipe_release``).
        MissingModelError: no model file, or another one.
    """

    name = "mediapipe"

    def __init__(
        self,
        *,
        model_path: Path | None = None,
        max_faces: int | None = None,
        min_confidence: float = 0.5,
        proposals: Callable[[np.ndarray], np.ndarray] | None = None,
        config: MediaPipeConfig | None = None,
        following: FollowingConfig | None = None,
    ) -> None:
        super().__init__(max_faces=max_faces, min_confidence=min_confidence, following=following)
        self.config = config or MediaPipeConfig()
        self._proposals = proposals
        self._landmarker: Any = None
        refuse_reporting_release()
        model = find_model(model_path)
        with _quiet():
            self._mediapipe, vision = _import_mediapipe()
            self._landmarker = _create_landmarker(vision, model, self.config)
            # The first picture sets up the graph, with some chatter; let it happen here.
            self._mesh(np.zeros((64, 64, 3), np.uint8))

    def close(self) -> None:
        """Release MediaPipe's graph now: left to the interpreter's exit, it complains on stderr."""
        landmarker, self._landmarker = self._landmarker, None
        if landmarker is not None:
            with _quiet():
                landmarker.close()
        super().close()

    def __del__(self) -> None:
        if getattr(self, "_landmarker", None) is not None and not sys.is_finalizing():
            self.close()

    def _search(self, image: np.ndarray, effort: Effort, known: list[Face]) -> list[Face]:
        views = [_whole(image)]
        if effort > Effort.GLANCE:
            proposed = self._proposals(image) if self._proposals else None
            if proposed is not None:
                views += [_window(box, self.config.window) for box in proposed]
            if proposed is None or effort is Effort.SEARCH:
                views += self._tiles(image)
        if effort is Effort.SEARCH:
            views.append(_padded(image))
        found = [points for view in views for points in self._points_in(image, view)]
        return self._confirmed(image, found)

    def _look_again(self, image: np.ndarray, expected: list[Face]) -> list[Face]:
        found: list[Face] = []
        for face in expected:
            candidates = self._points_in(image, _window(face.box, self.config.window))
            best = _closest(candidates, face.box, 0.1)
            if best is not None:
                found += self._faces([best], image)
        return found

    def _confirmed(self, image: np.ndarray, found: list[np.ndarray]) -> list[Face]:
        """Each find once, with the points of a second look in a window of its own."""
        if not found:
            return []
        boxes = landmark_boxes(np.stack(found))
        kept = keep_best(boxes, box_sizes(boxes), 0.3, nested=0.7)
        points = []
        for row in kept:
            again = self._points_in(image, _window(boxes[row], self.config.window))
            best = _closest(again, boxes[row], self.config.confirm_overlap)
            if best is not None:
                points.append(best)
        return self._faces(points, image)

    def _faces(self, points: list[np.ndarray], image: np.ndarray) -> list[Face]:
        if not points:
            return []
        landmarks = np.stack(points).astype(np.float32)
        size = (image.shape[1], image.shape[0])
        poses = estimate_pose(landmarks, size)
        error = fit_error(landmarks, poses, Camera.guess(*size))
        confidence = 0.5 + 0.5 * np.clip(1.15 - error / 0.10, 0.0, 1.0)
        confidence = np.where(error > 0.25, 0.0, confidence)
        return [
            Face(box=box, confidence=float(sure), landmarks=face, pose=pose)
            for box, sure, face, pose in zip(landmark_boxes(landmarks), confidence, landmarks, poses, strict=True)
        ]

    def _tiles(self, image: np.ndarray) -> list[tuple[float, float, float, float]]:
        """Half-overlapping square tiles of falling size, down to one that shows the smallest face large enough."""
        height, width = image.shape[:2]
        smallest = max(self.config.smallest_face, max(height, width) / 40.0)
        side, tiles = max(height, width) / 1.6, []
        while side >= 0.9 * smallest * self.config.tile_per_face:
            tiles += [(x, y, x + side, y + side) for y in _starts(height, side) for x in _starts(width, side)]
            side /= 1.6
        return tiles

    def _points_in(self, image: np.ndarray, view: tuple[float, float, float, float]) -> list[np.ndarray]:
        """Landmarks (68, 2) px of the picture of every face in a view x0, y0, x1, y1, which may reach outside."""
        part, scale, offset = _cut(image, view, self.config.max_view)
        if part is None:
            return []
        # Mesh coordinates run from 0 to 1 between the outer edges of the first and the last pixel.
        size = np.array([part.shape[1], part.shape[0]], dtype=np.float64)
        points = [landmarks_from_mesh(mesh) * size / scale + offset - 0.5 for mesh in self._mesh(part)]
        return [p for p in points if _inside(p, image)]

    def _mesh(self, picture: np.ndarray) -> list[np.ndarray]:
        wrapped = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=picture)
        result = self._landmarker.detect(wrapped)
        return [
            np.fromiter((v for p in face for v in (p.x, p.y)), np.float64, 2 * MESH_POINTS).reshape(MESH_POINTS, 2)
            for face in result.face_landmarks
        ]


def _import_mediapipe() -> tuple[Any, Any]:
    try:
        return importlib.import_module("mediapipe"), importlib.import_module("mediapipe.tasks.python.vision")
    except ModuleNotFoundError as error:
        raise MissingExtraError("the mediapipe face finder", "mediapipe") from error
    except (ImportError, OSError) as error:
        raise _missing_library(error) from error


def _create_landmarker(vision: Any, model: Path, config: MediaPipeConfig) -> Any:
    try:
        base = importlib.import_module("mediapipe.tasks.python").BaseOptions(model_asset_path=str(model))
        options = vision.FaceLandmarkerOptions(
            base_options=base,
            num_faces=config.faces_per_view,
            min_face_detection_confidence=config.detection_confidence,
            min_face_presence_confidence=config.detection_confidence,
        )
        return vision.FaceLandmarker.create_from_options(options)
    except (ImportError, OSError) as error:
        raise _missing_library(error) from error
    except (RuntimeError, ValueError) as error:
        raise MissingModelError(f"MediaPipe cannot use the face model {model}: {error}") from error


def _missing_library(error: BaseException) -> MissingExtraError:
    """MediaPipe is there, but the system misses a shared library that it loads."""
    problem = MissingExtraError("the mediapipe face finder", "mediapipe")
    problem.msg = (
        f"MediaPipe is installed but cannot be loaded: {error}. On Debian or Ubuntu: apt-get install libegl1 libgles2 "
        "libgl1 libglib2.0-0; or use the builtin finder (--finder builtin), which needs no system library."
    )
    return problem


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what native code writes to stderr: drop MediaPipe's log lines, pass on the rest.

    File descriptor 2 belongs to the whole process, so this is kept to a few short moments (load, first picture, close).
    """
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, ValueError, AttributeError):
        yield  # no stderr to speak of
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            rest = b"".join(line for line in held if not _NOISE.match(line))
            if rest:
                os.write(2, rest)


def _whole(image: np.ndarray) -> tuple[float, float, float, float]:
    return (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))


def _padded(image: np.ndarray) -> tuple[float, float, float, float]:
    """The picture with a broad margin: MediaPipe misses faces that fill the picture to its edges."""
    height, width = image.shape[:2]
    side = 1.6 * max(height, width)
    x, y = (width - side) / 2.0, (height - side) / 2.0
    return (x, y, x + side, y + side)


def _window(box: np.ndarray, factor: float) -> tuple[float, float, float, float]:
    """Square window for one face, moved up a little: the box ends at the brows, the head does not."""
    (x, y), size = box_centers(box[None])[0], float(box_sizes(box[None])[0])
    half = max(size, 8.0) * factor / 2.0
    y -= 0.08 * size
    return (x - half, y - half, x + half, y + half)


def _starts(length: int, side: float) -> list[float]:
    """Left or upper edges of tiles that cover ``length`` with at least half overlap; one centred tile if it is
    longer."""
    if side >= length:
        return [(length - side) / 2.0]
    count = int(np.ceil((length - side) / (side / 2.0))) + 1
    return np.linspace(0.0, length - side, count).tolist()


def _cut(
    image: np.ndarray, view: tuple[float, float, float, float], max_view: int
) -> tuple[np.ndarray | None, float, np.ndarray]:
    """The pixels of a view, grey outside the picture -> pixels or None, scale, x and y of the view's corner."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (round(v) for v in view)
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if right - left < 4 or bottom - top < 4:
        return None, 1.0, np.zeros(2)
    part = image[top:bottom, left:right]
    scale = min(1.0, max_view / max(x1 - x0, y1 - y0))
    if scale < 1.0:
        size = (max(round((right - left) * scale), 1), max(round((bottom - top) * scale), 1))
        part = np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
    margins = [(top - y0, y1 - bottom), (left - x0, x1 - right)]
    if any(m for pair in margins for m in pair):
        pad = [(round(before * scale), round(after * scale)) for before, after in margins]
        part = np.pad(part, [*pad, (0, 0)], constant_values=110)
        return np.ascontiguousarray(part), scale, np.array([left, top]) - np.array([pad[1][0], pad[0][0]]) / scale
    return np.ascontiguousarray(part), scale, np.array([left, top], dtype=np.float64)


def _inside(points: np.ndarray, image: np.ndarray) -> bool:
    """Whether the middle of the face lies in the picture and the face has a size."""
    center = points.mean(axis=0)
    in_picture = (center > -0.5).all() and center[0] < image.shape[1] and center[1] < image.shape[0]
    return bool(in_picture and np.isfinite(points).all() and np.ptp(points[:, 0]) > 4.0)


def _closest(candidates: list[np.ndarray], box: np.ndarray, least: float) -> np.ndarray | None:
    """The candidate whose box overlaps ``box`` most, if by ``least`` intersection over union or more."""
    if not candidates:
        return None
    shared = overlap(landmark_boxes(np.stack(candidates)), box[None])[:, 0]
    best = int(np.argmax(shared))
    return candidates[best] if shared[best] >= least else None
