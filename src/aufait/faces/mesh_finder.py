"""Faces by the three networks of MediaPipe's Face Landmarker (``mesh_networks``), made to see small, many and turned faces.

A single picture is shown to the face detector whole, with a broad margin, and in overlapping tiles of falling size; the builtin
detector's boxes are further candidates. Each candidate is read by the landmark network, in a window that its eyes make level,
and again in the window of the points found (``mesh_window``). All views, and all faces, go through a network together.

The landmark network's presence logit says what is a face and which way up it is: the right way up it is 13 to 25, upside down
below 9 (see ``MeshConfig``). So a face that is not clearly the right way up is also read turned by quarters of a circle.

In a video the previous points, moved by the estimated motion, give the next window: one pass per face and frame, whose points,
presence, blend shapes and feature maps are all that the rest of aufait needs. Searches of the whole picture meanwhile skip places
that were read recently and contained no face (``empty_places``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from aufait.alignment import apply_transform, compose, invert, warp
from aufait.faces.boxes import box_centers, box_sizes, keep_best, landmark_boxes, overlap, overlap_of_smaller
from aufait.faces.empty_places import EmptyPlaces, EmptyPlacesConfig
from aufait.faces.face import Face, MeshFeatures
from aufait.faces.following import Effort, FollowingConfig, FollowingFinder
from aufait.faces.mesh_networks import CROP_SIZE, DETECTOR_SIZE, MESH_POINTS, DetectorOutput, LandmarkOutput, MeshNetworks
from aufait.faces.mesh_points import landmarks_from_mesh
from aufait.faces.mesh_window import LEFT_EYE, RIGHT_EYE, mesh_window, window_matrix
from aufait.faces.pose import Camera, estimate_pose, fit_error
from aufait.landmarks import MIRROR_68
from aufait.layers.runtimes import TORCH, Call, Runtime

_BORDER = 0
"""Grey level outside the picture, as MediaPipe has it."""


@dataclass(frozen=True)
class MeshConfig:
    """Settings of ``MeshFinder``. Sizes are pixels of the picture; ``docs/faces.md`` says what presence logits to expect."""

    smallest_face: float = 40.0
    """Faces down to this size are searched for with tiles; in pictures above 1,600 pixels, to a fortieth of the longer side."""

    tile_per_face: float = 6.0
    """Side of the smallest tile over the smallest face: the detector still finds a face of a sixth of the side."""

    detection: float = 0.4
    """Least score of the face detector, in [0, 1]; what it finds is checked by the landmark network."""

    detection_window: float = 2.0
    """Side of the first window over the longer side of a candidate's box, which ends at brows and chin."""

    candidates: int = 60
    """Most candidates that are read per picture, best first."""

    batch: int = 16
    """Faces that go through the landmark network together at most; more would not be faster on a CPU."""

    glimpse: float = -6.0
    """Presence logit of the first reading of a single picture from which a second one is taken; in videos, that of
    confidence 0.5."""

    presence: tuple[float, float, float] = (-2.0, 1.5, 12.0)
    """Presence logits at which confidence is 0, 0.5 and 1, and between which it rises evenly."""

    new_face: float = 1.3
    """A new face must be more certain than a followed one by this factor of ``min_confidence`` ..."""

    new_face_limit: float = 0.75
    """... as long as that is no more than this; above it, ``min_confidence`` alone decides."""

    sure: float = 18.0
    """Presence logit from which one agreeing reading is enough; below, a new face is also read turned and mirrored."""

    turned_margin: float = 2.0
    """A face is taken to be turned when the presence logit of the turned look is higher by this."""

    mirrored: float = 0.07
    """Mean distance between the points of a window and of its mirror image, over the face's size, up to which a new face is
    believed: 0.004-0.05 on faces, mostly more elsewhere."""

    search_turned: float = 0.95
    """When no face of a single picture is found with this confidence, it is searched turned by quarters, too."""

    lying: tuple[float, float, float] = (40.0, 70.0, 6.0)
    """From the first to the second roll, in degrees, faces need a presence logit that is higher by up to the third: faces
    that far from upright are rare, and looking for them finds faces in coins and cups."""

    smallest: float = 16.0
    """Pixels; smaller faces have no readable expression."""

    confirm_overlap: float = 0.35
    """A find is believed when the second look's box has this intersection over union with the first's."""

    same_face: float = 0.1
    """A reading of a followed face counts when the points found have this overlap with where it was expected."""

    drift: float = 0.08
    """A followed face is read again when its own window is this far from the one it was read in: difference of the centres
    over the side, of the logarithms of the sides, or of the angles in radians."""

    shake: float = 0.02
    """The same for a new face, which is read again twice at most; where only few faces of a picture are wanted, ``drift`` holds."""


@dataclass(frozen=True, eq=False)
class _Looks:
    """What the landmark network saw in F windows."""

    windows: np.ndarray  # (F, 2, 3)
    points: np.ndarray  # (F, 478, 3) float32 px of the picture
    presence: np.ndarray  # (F,) logits
    inside: Tensor  # (F, 478, 3) the points in window pixels
    fine: Tensor  # (F, 128, 16, 16)
    coarse: Tensor  # (F, 128, 8, 8)


class _ReadyNetworks(NamedTuple):
    """The three networks as something runs them; see ``MeshNetworks``."""

    detector: Callable[[Tensor], DetectorOutput]
    landmarks: Callable[[Tensor], LandmarkOutput]
    blendshapes: Callable[[Tensor], Tensor]


def _ready(networks: MeshNetworks, device: str, runtime: Runtime) -> _ReadyNetworks:
    def ready(network: nn.Module, name: str, *shape: int) -> Callable[..., Any]:
        return runtime.ready(network, device, Call(name, ((2, *shape),)))

    return _ReadyNetworks(
        detector=ready(networks.detector, "mesh-boxes", 3, DETECTOR_SIZE, DETECTOR_SIZE),
        landmarks=ready(networks.landmarks, "mesh-landmarks", 3, CROP_SIZE, CROP_SIZE),
        blendshapes=ready(networks.blendshapes, "mesh-blendshapes", MESH_POINTS, 3),
    )


class MeshFinder(FollowingFinder):
    """``FaceFinder`` on the networks of ``face_landmarker.task``; its faces carry mesh, blend shapes and feature maps.

    ``confidence`` is the landmark network's presence, lowered where the points do not fit a head.

    Args:
        model_path: the task file or its folder; None looks at ``AUFAIT_MEDIAPIPE_MODEL`` and into the cache.
        device: "cpu", "cuda", ...
        max_faces, min_confidence, following: see ``FollowingFinder``.
        empty_places: how long places without a face are skipped while somebody is followed.
        runtime: what runs the networks.
        proposals: picture (H, W, 3) uint8 and whether small faces are wanted, too -> candidate boxes (N, 4) from brows to chin,
            in addition to the networks' own detector. While somebody is followed, small faces are searched for every second time.

    Raises:
        MissingModelError: no task file, or another one.
        InputError: the device does not exist.
    """

    name = "mesh"

    def __init__(
        self,
        *,
        model_path: Path | None = None,
        device: str = "cpu",
        max_faces: int | None = None,
        min_confidence: float = 0.5,
        proposals: Callable[[np.ndarray, bool], np.ndarray] | None = None,
        config: MeshConfig | None = None,
        following: FollowingConfig | None = None,
        empty_places: EmptyPlacesConfig | None = None,
        runtime: Runtime = TORCH,
    ) -> None:
        super().__init__(max_faces=max_faces, min_confidence=min_confidence, following=following)
        self.config = config or MeshConfig()
        self._empty = EmptyPlaces(empty_places)
        self.networks = _ready(MeshNetworks.load(model_path), device, runtime)
        self._device = torch.device(device)
        self._nothing = _no_looks(self._device)
        self._proposals = proposals
        self._small_faces = True  # whether the last search was for small faces too

    # -- Looking for faces ------------------------------------------------------------------------------------------

    def _search(self, image: np.ndarray, effort: Effort, known: list[Face]) -> list[Face]:
        boxes, angles = self._candidates(image, effort, known)
        if effort is Effort.LOOK:
            return self._read_news(image, boxes, angles, following=bool(known))
        glimpse = self.config.glimpse if effort is Effort.SEARCH else self.config.presence[1]
        shake = self.config.drift if effort is Effort.FEW else self.config.shake
        faces = self._read(image, self._first_windows(boxes, angles), glimpse, shake)
        if effort is Effort.SEARCH and all(face.confidence < self.config.search_turned for face in faces):
            faces += self._read(image, self._lying_candidates(image), glimpse, shake)
        return faces

    def _read_news(self, image: np.ndarray, boxes: np.ndarray, angles: np.ndarray, *, following: bool) -> list[Face]:
        """New faces of a video at candidates (N, 4), (N,); while somebody is followed, empty places are not read each time."""
        if not following:
            self._empty.forget()
        news = ~self._empty.still_empty(image, boxes)
        boxes, angles = boxes[news], angles[news]
        faces = self._read(image, self._first_windows(boxes, angles), self.config.presence[1], self.config.shake)
        self._empty.remember(image, boxes[~_covered(boxes, faces)])
        return faces

    def reset(self) -> None:
        super().reset()
        self._empty.forget()

    def _read(self, image: np.ndarray, windows: np.ndarray, glimpse: float, shake: float) -> list[Face]:
        """New faces (in no order) near ``windows`` (N, 2, 3) that several looks agree on, see ``MeshConfig.shake``."""
        looks, presence = self._right_way_up(image, *self._settle(image, windows, glimpse))
        presence = presence - self._unlikely(looks)
        kept = _one_reading(looks, presence)
        kept = kept[presence[kept] > self.config.presence[0]]
        looks = self._steadied(image, self._steadied(image, _part(looks, kept), shake), shake)
        faces = self._faces(image, looks, presence[kept])
        least = max(min(self.config.new_face * self.min_confidence, self.config.new_face_limit), self.min_confidence)
        return [face for face in faces if face.confidence >= least]

    def _settle(self, image: np.ndarray, windows: np.ndarray, glimpse: float) -> tuple[_Looks, np.ndarray]:
        """The second reading of each place where the first, at ``windows``, found something, and (F,) whether the two agree."""
        first = self._look(image, windows)
        chosen = np.flatnonzero(first.presence >= glimpse)
        chosen = chosen[keep_best(_boxes(first.points[chosen]), first.presence[chosen], 0.5, nested=0.8)]
        second = self._look(image, mesh_window(first.points[chosen]))
        return second, self._agree(second, first.points[chosen])

    def _agree(self, looks: _Looks, before: np.ndarray) -> np.ndarray:
        """(F,) whether looks are at the same faces as points (F, 478, 3) seen before."""
        return _overlap_of_pairs(_boxes(looks.points), _boxes(before)) >= self.config.confirm_overlap

    def _candidates(self, image: np.ndarray, effort: Effort, known: list[Face]) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (N, 4) px in which a new face may be, best first, and angles (N,) of their eye lines in radians."""
        boxes, angles, scores = self._detect(image, self._sides(image, effort))
        if effort > Effort.GLANCE and self._proposals is not None:
            self._small_faces = not known or not self._small_faces
            proposed = self._proposals(image, self._small_faces)
            boxes = np.concatenate([boxes, proposed])
            angles = np.concatenate([angles, np.zeros(len(proposed))])
            scores = np.concatenate([scores, np.linspace(0.4, 0.2, len(proposed))])
        new = ~_covered(boxes, known)
        boxes, angles, scores = boxes[new], angles[new], scores[new]
        kept = keep_best(boxes, scores, 0.5)[: self.config.candidates]
        return boxes[kept], angles[kept]

    def _first_windows(self, boxes: np.ndarray, angles: np.ndarray) -> np.ndarray:
        """(N, 2, 3) windows in which candidates (N, 4), (N,) are read first."""
        side = self.config.detection_window * np.maximum(box_sizes(boxes), 4.0)
        return window_matrix(box_centers(boxes), side, angles)

    def _lying_candidates(self, image: np.ndarray) -> np.ndarray:
        """(N, 2, 3) windows found with the picture turned by a quarter, a half and three quarters."""
        found = []
        for quarter in (1, 2, 3):
            windows = self._first_windows(*self._candidates(np.rot90(image, quarter).copy(), Effort.GLANCE, []))
            found.append(compose(windows, np.broadcast_to(_to_turned(image, quarter), windows.shape)))
        return np.concatenate(found)

    def _right_way_up(self, image: np.ndarray, looks: _Looks, agreed: np.ndarray) -> tuple[_Looks, np.ndarray]:
        """Faces that may be the other way up are read turned by a quarter, a half and three quarters; the surest reading stays.

        A face that is read the wrong way up is also read in the wrong place: so one reading finds it, and two must agree.

        Args:
            looks, agreed: of F places, and (F,) whether an earlier look agrees.

        Returns:
            F looks, and (F,) the presence logits that the mirror supports; -inf where looks do not agree.
        """
        presence = np.where(agreed, self._mirrored_presence(image, looks), -np.inf)
        unsure = np.flatnonzero(self._unsure(looks))
        turned = np.concatenate([_turned(looks.windows[unsure], quarter) for quarter in (1, 2, 3)])
        before = self._look(image, mesh_window(self._look(image, turned).points))
        best = before.presence.reshape(3, len(unsure)).argmax(axis=0) * len(unsure) + np.arange(len(unsure))
        others = self._look(image, mesh_window(before.points[best]))
        sure = np.where(self._agree(others, before.points[best]), self._mirrored_presence(image, others), -np.inf)
        better = np.flatnonzero(sure > presence[unsure] + self.config.turned_margin)
        presence[unsure[better]] = sure[better]
        return _replaced(looks, unsure[better], others, better), presence

    def _unsure(self, looks: _Looks) -> np.ndarray:
        """(F,) whether there may be a face, but more looks are needed to believe it, or that it is the right way up."""
        likely = looks.presence - self._unlikely(looks)
        return (likely < self.config.sure) & (looks.presence > self.config.presence[0])

    def _mirrored_presence(self, image: np.ndarray, looks: _Looks) -> np.ndarray:
        """(F,) presence logits that the mirror images support, where a reading is not certain by itself.

        What is not a face, or not this way up, seldom looks the same to the network from both sides."""
        presence = looks.presence.copy()
        unsure = np.flatnonzero(self._unsure(looks))
        mirrored = self._look(image, _mirrored(looks.windows[unsure]))
        here, there = _landmarks(looks.points[unsure]), _landmarks(mirrored.points)[:, list(MIRROR_68)]
        apart = np.linalg.norm(here - there, axis=2).mean(axis=1) / box_sizes(landmark_boxes(here))
        least, mean = np.minimum(presence[unsure], mirrored.presence), (presence[unsure] + mirrored.presence) / 2.0
        supported = np.where(apart <= self.config.mirrored / 2.0, mean, least)  # a hand is on one side of the face alone
        presence[unsure] = np.where(apart <= self.config.mirrored, supported, -np.inf)
        return presence

    def _unlikely(self, looks: _Looks) -> np.ndarray:
        """(F,) what to take from the presence logits of faces far from upright."""
        start, end, most = self.config.lying
        roll = np.degrees(np.abs(_eye_angle(looks.points)))
        return most * np.clip((roll - start) / (end - start), 0.0, 1.0)

    def _look_again(self, image: np.ndarray, expected: list[Face]) -> list[Face]:
        meshes = np.stack([face.mesh for face in expected if face.mesh is not None])
        looks = self._steadied(image, self._look(image, mesh_window(meshes)), self.config.drift)
        near = _overlap_of_pairs(_boxes(looks.points), _boxes(meshes)) >= self.config.same_face
        return self._faces(image, looks, np.where(near, looks.presence, -np.inf))

    def _steadied(self, image: np.ndarray, looks: _Looks, drift: float) -> _Looks:
        """Faces whose points are not placed in their window as they should be are read again, in the window that they call for."""
        windows = mesh_window(looks.points)
        rows = np.flatnonzero(_drift(windows, looks.windows) > drift)
        if len(rows) == 0:
            return looks
        return _replaced(looks, rows, self._look(image, windows[rows]), np.arange(len(rows)))

    # -- Networks ---------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def _look(self, image: np.ndarray, windows: np.ndarray) -> _Looks:
        """Read ``windows`` (F, 2, 3); F may be 0."""
        if len(windows) == 0:
            return self._nothing
        crops = warp(image, windows, CROP_SIZE, _BORDER).to(self._device)
        parts = [self.networks.landmarks(part.float().div_(255.0)) for part in crops.split(self.config.batch)]
        out = LandmarkOutput(*(torch.cat(values) if len(parts) > 1 else values[0] for values in zip(*parts, strict=True)))
        inside = out.points.cpu().numpy().astype(np.float64)
        points = np.empty_like(inside, dtype=np.float32)
        points[..., :2] = apply_transform(invert(windows), inside[..., :2])
        points[..., 2] = inside[..., 2] / _scales(windows)[:, None]
        return _Looks(windows, points, out.presence.cpu().numpy(), out.points, out.fine, out.coarse)

    @torch.inference_mode()
    def _detect(self, image: np.ndarray, sides: Sequence[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes (N, 4) px, angles (N,) of the eye line in radians, scores (N,), of all views."""
        views, corners, scales = [], [], []
        for side in sides:
            level = _level(image, side)
            views.append(level.pixels)
            corners.append(level.corners)
            scales.append(np.full(len(level.corners), level.scale))
        out = self.networks.detector(torch.cat(views).to(self._device))
        scores = out.scores.sigmoid()
        view, anchor = (scores >= self.config.detection).nonzero(as_tuple=True)
        rows = view.cpu().numpy()
        corner, scale = np.concatenate(corners)[rows], np.concatenate(scales)[rows]
        boxes = out.boxes[view, anchor].cpu().numpy().astype(np.float64) * DETECTOR_SIZE
        eyes = out.keypoints[view, anchor, :2].cpu().numpy().astype(np.float64)
        boxes = (boxes + np.tile(corner, 2)) / scale[:, None] - 0.5
        line = eyes[:, 1] - eyes[:, 0]
        return boxes, np.arctan2(line[:, 1], line[:, 0]), scores[view, anchor].cpu().numpy()

    def _sides(self, image: np.ndarray, effort: Effort) -> list[float]:
        """Sides of the square views that the detector sees, px, falling: with margin, whole, tiles."""
        longer = max(image.shape[:2])
        if effort < Effort.SEARCH:
            return [float(longer)]
        smallest = max(self.config.smallest_face, longer / 40.0)
        sides, side = [1.6 * longer, float(longer)], longer / 1.6
        while side >= 0.9 * smallest * self.config.tile_per_face:
            sides.append(side)
            side /= 1.6
        return sides

    # -- Results ----------------------------------------------------------------------------------------------------

    def _faces(self, image: np.ndarray, looks: _Looks, presence: np.ndarray) -> list[Face]:
        """Faces of F looks, given the presence logits (F,) to go by."""
        size = (image.shape[1], image.shape[0])
        large = box_sizes(_boxes(looks.points)) >= self.config.smallest
        rows = np.flatnonzero((presence > self.config.presence[0]) & large & _inside(looks.points, size))
        if len(rows) == 0:
            return []
        landmarks = _landmarks(looks.points[rows]).astype(np.float32)
        poses = estimate_pose(landmarks, size)
        error = fit_error(landmarks, poses, Camera.guess(*size))
        confidence = np.interp(presence[rows], self.config.presence, (0.0, 0.5, 1.0))
        confidence *= np.where(error > 0.25, 0.0, np.clip(1.3 - error / 0.10, 0.5, 1.0))
        boxes = landmark_boxes(landmarks)
        with torch.inference_mode():
            blendshapes = self.networks.blendshapes(looks.inside[torch.as_tensor(rows)]).cpu().numpy()
        return [
            Face(
                box=boxes[k],
                confidence=float(confidence[k]),
                landmarks=landmarks[k],
                pose=poses[k],
                mesh=looks.points[row],
                blendshapes=blendshapes[k],
                features=MeshFeatures(looks.windows[row], looks.fine[row], looks.coarse[row]),
            )
            for k, row in enumerate(rows)
        ]


@dataclass(frozen=True, eq=False)
class _Level:
    """A picture at one scale, cut into views of the detector's size."""

    pixels: Tensor  # (V, 3, 128, 128) in [0, 1]
    corners: np.ndarray  # (V, 2) x, y of each view's upper left edge, in pixels of the level
    scale: float  # pixels of the level per pixel of the picture


def _level(image: np.ndarray, side: float) -> _Level:
    """Views that show squares of ``side`` pixels of the picture; they overlap by half or more, black outside."""
    height, width = image.shape[:2]
    scale = DETECTOR_SIZE / side
    size = (max(round(height * scale), 1), max(round(width * scale), 1))
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
    pixels = functional.interpolate(pixels, size=size, mode="bilinear", antialias=True)
    rows, columns = _starts(size[0]), _starts(size[1])
    left, top = max(-columns[0], 0), max(-rows[0], 0)
    margin = (left, max(DETECTOR_SIZE - left - size[1], 0), top, max(DETECTOR_SIZE - top - size[0], 0))
    pixels = functional.pad(pixels, margin, value=_BORDER)[0]
    corners = np.array([(x, y) for y in rows for x in columns])
    views = [pixels[:, y + top : y + top + DETECTOR_SIZE, x + left : x + left + DETECTOR_SIZE] for x, y in corners]
    return _Level(torch.stack(views).float().div_(255.0), corners, scale)


def _starts(length: int) -> list[int]:
    """Left or upper edges of views that cover ``length`` with at least half overlap; one in the middle if it is shorter."""
    if length <= DETECTOR_SIZE:
        return [-((DETECTOR_SIZE - length) // 2)]
    count = int(np.ceil((length - DETECTOR_SIZE) / (DETECTOR_SIZE / 2))) + 1
    return [round(float(start)) for start in np.linspace(0, length - DETECTOR_SIZE, count)]


def _no_looks(device: torch.device) -> _Looks:
    """What was seen in no window."""
    points, fine, coarse = (torch.zeros((0, *shape), device=device) for shape in ((478, 3), (128, 16, 16), (128, 8, 8)))
    return _Looks(np.zeros((0, 2, 3)), np.zeros((0, 478, 3), np.float32), np.zeros(0, np.float32), points, fine, coarse)


def _turned(windows: np.ndarray, quarters: int) -> np.ndarray:
    """Windows (F, 2, 3) of the same squares, turned about their middle."""
    middle, turn = (CROP_SIZE - 1) / 2.0, np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), quarters)
    moved = windows.copy()
    moved[..., 2] -= middle
    moved = turn @ moved
    moved[..., 2] += middle
    return moved


def _to_turned(image: np.ndarray, quarters: int) -> np.ndarray:
    """(2, 3) from pixels of a picture to those of ``np.rot90(image, quarters)``."""
    right, bottom = image.shape[1] - 1.0, image.shape[0] - 1.0
    return {
        1: np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, right]]),
        2: np.array([[-1.0, 0.0, right], [0.0, -1.0, bottom]]),
        3: np.array([[0.0, -1.0, bottom], [1.0, 0.0, 0.0]]),
    }[quarters]


def _mirrored(windows: np.ndarray) -> np.ndarray:
    """Windows (F, 2, 3) of the same squares, left and right exchanged."""
    moved = windows.copy()
    moved[:, 0] *= -1.0
    moved[:, 0, 2] += CROP_SIZE - 1.0
    return moved


def _one_reading(looks: _Looks, presence: np.ndarray) -> np.ndarray:
    """Rows of readings without those that overlap a more certain one in another direction: the same face, read the wrong way up."""
    order = np.argsort(-presence, kind="stable")
    boxes, angles = _boxes(looks.points), _eye_angle(looks.points)
    kept: list[int] = []
    for row in order:
        clash = overlap_of_smaller(boxes[row : row + 1], boxes[kept])[0] > 0.25
        turned = np.cos(angles[row] - angles[kept]) < 0.5
        if not (clash & turned).any():
            kept.append(int(row))
    return np.array(kept, dtype=np.intp)


def _part(looks: _Looks, rows: np.ndarray) -> _Looks:
    """Some of the looks."""
    places = torch.as_tensor(rows, device=looks.fine.device)
    return _Looks(
        looks.windows[rows], looks.points[rows], looks.presence[rows],
        looks.inside[places], looks.fine[places], looks.coarse[places],
    )  # fmt: skip


def _joined(first: _Looks, second: _Looks) -> _Looks:
    return _Looks(
        windows=np.concatenate([first.windows, second.windows]),
        points=np.concatenate([first.points, second.points]),
        presence=np.concatenate([first.presence, second.presence]),
        inside=torch.cat([first.inside, second.inside]),
        fine=torch.cat([first.fine, second.fine]),
        coarse=torch.cat([first.coarse, second.coarse]),
    )


def _replaced(looks: _Looks, rows: np.ndarray, others: _Looks, places: np.ndarray) -> _Looks:
    """``looks`` with ``rows`` taken from ``places`` of ``others``."""
    source = np.arange(len(looks.points))
    source[rows] = len(looks.points) + places
    return _part(_joined(looks, others), source)


def _drift(wanted: np.ndarray, used: np.ndarray) -> np.ndarray:
    """(F,) how far two windows (F, 2, 3) of a face are apart, see ``MeshConfig.drift``."""
    middle = np.full((len(used), 1, 2), (CROP_SIZE - 1) / 2.0)
    apart = apply_transform(used, apply_transform(invert(wanted), middle))[:, 0] - middle[:, 0]
    turn = used[:, :, :2] @ wanted[:, :, :2].transpose(0, 2, 1)  # proportional to a rotation
    angle = np.abs(np.arctan2(turn[:, 1, 0], turn[:, 0, 0]))
    growth = np.abs(np.log(_scales(used) / _scales(wanted)))
    return np.maximum(np.linalg.norm(apart, axis=1) / CROP_SIZE, np.maximum(growth, angle))


def _scales(windows: np.ndarray) -> np.ndarray:
    """(F,) pixels of the window per pixel of the picture."""
    return np.linalg.norm(windows[:, 0, :2], axis=1)


def _landmarks(points: np.ndarray) -> np.ndarray:
    """Mesh points (F, 478, 3) -> the 68 landmarks (F, 68, 2)."""
    return landmarks_from_mesh(points[..., :2])


def _boxes(points: np.ndarray) -> np.ndarray:
    """Mesh points (F, 478, 3) -> upright boxes (F, 4) around the 68 landmarks."""
    return landmark_boxes(_landmarks(points))


def _eye_angle(points: np.ndarray) -> np.ndarray:
    """Mesh points (F, 478, 3) -> (F,) radians of the line between the eyes; 0 for upright faces."""
    line = points[:, LEFT_EYE, :2] - points[:, RIGHT_EYE, :2]
    return np.arctan2(line[:, 1], line[:, 0])


def _covered(boxes: np.ndarray, faces: list[Face]) -> np.ndarray:
    """(N,) whether boxes (N, 4) are on one of the faces."""
    if not faces or not len(boxes):
        return np.zeros(len(boxes), dtype=bool)
    return np.asarray(overlap_of_smaller(boxes, np.stack([face.box for face in faces])).max(axis=1) > 0.5)


def _overlap_of_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of matching rows: (N, 4), (N, 4) -> (N,)."""
    return np.array([overlap(a[None], b[None])[0, 0] for a, b in zip(first, second, strict=True)])


def _inside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(F,) whether the middle of the face is in the picture and the face has a size."""
    center = points[..., :2].mean(axis=1)
    in_picture = (center > -0.5).all(axis=1) & (center < np.array(size)).all(axis=1)
    return in_picture & np.isfinite(points).all(axis=(1, 2)) & (np.ptp(points[..., 0], axis=1) > 4.0)
