"""Faces by aufait's own two networks: nothing to install, nothing to download.

A single picture goes through the detector at several sizes; every box is cropped and read by the landmark network,
cropped again after those points (upright and tight), and read once more, from both sides. In a video the crop comes from the
previous frame's points, is read from both sides only now and then or in doubt, and the detector runs only now and then. The
landmark network's face score decides what is a face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from aufait.alignment import apply_transform, invert, warp
from aufait.errors import InputError, MissingModelError
from aufait.faces.boxes import keep_best, landmark_boxes, overlap, overlap_of_smaller
from aufait.faces.face import Face
from aufait.faces.following import Effort, FollowingConfig, FollowingFinder
from aufait.faces.networks import (
    FaceDetectorConfig,
    FaceDetectorNet,
    FaceLandmarkConfig,
    FaceLandmarkNet,
    decode_boxes,
    places_and_spreads,
)
from aufait.faces.pose import Camera, estimate_pose, fit_error
from aufait.faces.weights import load_weights, with_weights
from aufait.landmarks import MIRROR_68
from aufait.layers.runtimes import TORCH, Call, Runtime
from aufait.machine import check_device

BORDER = 110
"""Grey level outside the picture."""

ConfigT = TypeVar("ConfigT", FaceDetectorConfig, FaceLandmarkConfig)


@dataclass(frozen=True)
class BuiltinConfig:
    """Settings of ``BuiltinFinder``."""

    few_sides: tuple[int, ...] = (160,)
    """Longer side of the picture that the detector sees, in pixels, where only so many faces of a single picture are wanted: enough
    for the large ones, which then settle it."""

    glance_sides: tuple[int, ...] = (320,)
    """The same when it must be quick. Faces of 12 to 400 pixels there are found."""

    look_sides: tuple[int, ...] = (320, 640)
    """The same for the regular search in a video: at 1280 x 720, faces from about 24 pixels."""

    search_sides: tuple[int, ...] = (160, 320, 640, 1280)
    """The same for single pictures. Sides that would enlarge the picture more than twice are left out."""

    box_score: float = 0.35
    """Boxes below this detector score are not read."""

    smallest_face: float = 16.0
    """Pixels; smaller faces have no readable expression."""

    max_candidates: int = 60
    """Most boxes that are read per picture, best first."""

    same_box: float = 0.5
    """Of boxes with a higher overlap than this, the surest is read. Half a face in a box may still overlap the whole by
    0.47, and its points are not true enough to be believed."""

    part_of: float = 0.75
    """A box of which this share is inside a larger box with a higher score is a part of that face, such as an eye, and is left out.
    A larger box is never left out for a smaller one: on portraits that fill the picture an eye often has the higher score, and the
    landmark network then tells the two apart."""

    same_face: float = 0.2
    """A reading of a box or of a followed face counts when the points found have this overlap with it."""

    first_reading: float = 0.3
    """A box whose first reading scores less is not read again."""

    agreement: float = 0.8
    """The second reading of a new face must overlap this much with the first: on a face the two agree closely."""

    mirrored: tuple[float, float] = (0.02, 0.06)
    """Distance between the points of a crop and those of its mirror image, over the face's size: up to the first a new
    face counts in full, from the second not at all. Half of held-out rendered faces are below 0.01, 98 of 100 below
    0.044; half of the crops without a face above 0.1."""

    new_face: float = 1.5
    """A new face must be more certain than a followed one by this factor of ``min_confidence`` ..."""

    new_face_limit: float = 0.75
    """... as long as that is no more than this; above it, ``min_confidence`` alone decides."""

    alone: float = 0.9
    """The reading of a followed face that scores less is not believed without that of its mirror image ..."""

    check_frames: int = 15
    """... nor is any in one of so many frames."""

    sharp: float = 0.06
    """Spread of the heatmaps, as a share of the crop's side, up to which they are as sharp as on a clear face."""

    flat: float = 0.12
    """Spread from which there is no face. On held-out renders 98 of 100 faces, dark and covered ones included, are
    below the middle between the two; half of the crops without a face are above 0.2."""

    misfit: tuple[float, float] = (0.09, 0.18)
    """Distance of the points from those of a rigid head, see ``pose.fit_error``: up to the first a face counts in full, from the
    second not at all."""


def detector_network(folder: Path | None = None) -> FaceDetectorNet:
    """The detector with the shipped weights, or those in ``folder``.

    Raises:
        MissingModelError: no such file, or not of this network.
    """
    tensors, header = load_weights("face_detector", folder)
    sizes = _config_from(header, FaceDetectorConfig)
    return with_weights(lambda: FaceDetectorNet(sizes), tensors, "face_detector")


def landmark_network(folder: Path | None = None) -> FaceLandmarkNet:
    """The landmark network with the shipped weights, or those in ``folder``.

    Raises:
        MissingModelError: no such file, or not of this network.
    """
    tensors, header = load_weights("face_landmarks", folder)
    sizes = _config_from(header, FaceLandmarkConfig)
    return with_weights(lambda: FaceLandmarkNet(sizes), tensors, "face_landmarks")


class BoxDetector:
    """The detector network with its image pyramid."""

    def __init__(
        self, network: FaceDetectorNet, device: str = "cpu", config: BuiltinConfig | None = None, runtime: Runtime = TORCH
    ) -> None:
        self.device = torch.device(device)
        self.config = config or BuiltinConfig()
        self._network = runtime.ready(network, self.device, Call("face-boxes", ((1, 3, 192, 320),), free=(2, 3)))
        self._sizes = network.config

    @classmethod
    def load(
        cls, folder: Path | None = None, device: str = "cpu", config: BuiltinConfig | None = None, runtime: Runtime = TORCH
    ) -> Self:
        """The shipped weights, or those in ``folder``.

        Raises:
            MissingModelError: no such file, or not of this network.
        """
        return cls(detector_network(folder), device, config, runtime)

    def propose(self, image: np.ndarray, small: bool = True) -> np.ndarray:
        """Candidate boxes (N, 4) float32 px of a picture (H, W, 3) uint8, best first, for another finder to check.

        Without ``small``, only the first of ``look_sides`` is searched: a quarter of the time, and half as far down in size.
        """
        sides = self.config.look_sides if small else self.config.look_sides[:1]
        return self.detect(image, sides, 0.7 * self.config.box_score)[0]

    def detect(self, image: np.ndarray, sides: Sequence[int], threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (N, 4) float32 in pixels and scores (N,) in [0, 1], best first, overlaps removed.

        Args:
            image: (H, W, 3) uint8.
            sides: longer side in pixels of each level of the pyramid.
            threshold: least score.
        """
        longer = max(image.shape[:2])
        usable = [side for side in sides if side <= 2 * longer] or [min(sides)]
        # A level much above the picture's own size only repeats the one below.
        usable = [s for k, s in enumerate(usable) if k == 0 or usable[k - 1] < 1.1 * longer]
        levels = [self._level(image, side) for side in usable]
        boxes = np.concatenate([b for b, _ in levels])
        scores = np.concatenate([s for _, s in levels])
        rows = np.flatnonzero(scores >= threshold)
        rows = rows[np.argsort(-scores[rows], kind="stable")][:500]
        rows = rows[keep_best(boxes[rows], scores[rows], self.config.same_box)]
        kept = rows[_whole(boxes[rows], self.config.part_of)][: self.config.max_candidates]
        return boxes[kept], scores[kept]

    @torch.inference_mode()
    def _level(self, image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
        pixels, scale = self._shrunk(image, side)
        boxes, scores = [], []
        outputs = self._network(pixels)
        for (logits, edges), stride, reference in zip(
            outputs, self._sizes.strides, self._sizes.reference_sizes, strict=True
        ):
            score = logits[0].flatten().sigmoid()
            rows = (score > 0.05).nonzero()[:, 0]
            scores.append(score[rows])
            boxes.append(decode_boxes(edges, stride, reference)[0, rows])
        box = (torch.cat(boxes) + 0.5) * torch.tensor([*scale, *scale], device=pixels.device) - 0.5
        return box.cpu().numpy().astype(np.float32), torch.cat(scores).cpu().numpy()

    def _shrunk(self, image: np.ndarray, side: int) -> tuple[Tensor, tuple[float, float]]:
        """(1, 3, h, w) in [0, 1] with h, w multiples of 32, grey beyond the picture; source pixels per pixel in x
        and y."""
        height, width = image.shape[:2]
        factor = side / max(height, width)
        size = (max(round(height * factor), 1), max(round(width * factor), 1))
        # On the CPU always: GPUs cannot shrink bytes with anti-aliasing, and the small copy travels faster.
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
        pixels = functional.interpolate(pixels, size=size, mode="bilinear", antialias=True)
        margin = (0, -size[1] % 32, 0, -size[0] % 32)
        pixels = functional.pad(pixels, margin, value=BORDER).to(self.device).float().div_(255.0)
        return pixels.contiguous(memory_format=torch.channels_last), (width / size[1], height / size[0])


class LandmarkReader:
    """The landmark network on windows of a picture."""

    def __init__(
        self, network: FaceLandmarkNet, device: str = "cpu", config: BuiltinConfig | None = None, runtime: Runtime = TORCH
    ) -> None:
        self.device = torch.device(device)
        self.config = config or BuiltinConfig()
        self.sizes = network.config
        side = self.sizes.crop_size
        self._network = runtime.ready(network, self.device, Call("landmarks", ((2, 3, side, side),)))

    @classmethod
    def load(
        cls, folder: Path | None = None, device: str = "cpu", config: BuiltinConfig | None = None, runtime: Runtime = TORCH
    ) -> Self:
        """The shipped weights, or those in ``folder``.

        Raises:
            MissingModelError: no such file, or not of this network.
        """
        return cls(landmark_network(folder), device, config, runtime)

    @torch.inference_mode()
    def read(self, image: np.ndarray, matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points and face scores.

        Args:
            image: (H, W, 3) uint8.
            matrices: (F, 2, 3) from picture to crop pixels, see ``crop_from_boxes`` and ``crop_from_landmarks``.

        Returns:
            (F, 68, 2) float32 pixels of the picture, and (F,) how much each crop looks like a face, in [0, 1]: the
            network's face score, lowered where the heatmaps of the inner points are not sharp.
        """
        if len(matrices) == 0:
            return np.zeros((0, 68, 2), np.float32), np.zeros(0)
        points, scores = self._run(self._crops_of(image, matrices))
        return self._in_picture(matrices, points), scores.cpu().numpy()

    @torch.inference_mode()
    def read_twice(self, image: np.ndarray, matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``read`` of the crops and of their mirror images: mean points, and a score that both must support.

        What is no face seldom looks the same to the network from both sides.
        """
        if len(matrices) == 0:
            return self.read(image, matrices)
        crops = self._crops_of(image, matrices)
        points, scores = self._run(torch.cat([crops, crops.flip(-1)]))
        count = len(crops)
        middle, together = self._joined(points[:count], scores[:count], points[count:], scores[count:])
        return self._in_picture(matrices, middle), together.cpu().numpy()

    @torch.inference_mode()
    def read_followed(self, image: np.ndarray, matrices: np.ndarray, *, check: bool) -> tuple[np.ndarray, np.ndarray]:
        """``read`` of crops after the points of the frame before, and of the mirror images of those in doubt.

        Half of the time of ``read_twice``; the points move a little more from frame to frame, the action units hardly do.

        Args:
            image, matrices: as of ``read``.
            check: read all mirror images: scores are then those of ``read_twice``, but points stay those of the crop, lest
                they jump.
        """
        if len(matrices) == 0:
            return self.read(image, matrices)
        crops = self._crops_of(image, matrices)
        points, scores = self._run(crops)
        doubt = scores < self.config.alone
        rows = (doubt | check).nonzero()[:, 0]
        if len(rows):
            middle, together = self._joined(points[rows], scores[rows], *self._run(crops[rows].flip(-1)))
            points[rows] = torch.where(doubt[rows, None, None], middle, points[rows])
            scores[rows] = together
        return self._in_picture(matrices, points), scores.cpu().numpy()

    def _joined(self, points: Tensor, scores: Tensor, mirrored: Tensor, mirrored_scores: Tensor) -> tuple[Tensor, Tensor]:
        """Points and scores of crops and of their mirror images -> the mean points, the score that both support."""
        back = mirrored[:, list(MIRROR_68)]
        back[..., 0] = self.sizes.crop_size - 1 - back[..., 0]
        size = self.sizes.crop_size / self.sizes.crop_scale
        apart = (points - back).norm(dim=2)[:, 17:].mean(dim=1) / size
        low, high = self.config.mirrored
        agreement = ((high - apart) / (high - low)).clamp(0.0, 1.0)
        return (points + back) / 2, torch.minimum(scores, mirrored_scores) * agreement

    def _crops_of(self, image: np.ndarray, matrices: np.ndarray) -> Tensor:
        return warp(image, matrices, self.sizes.crop_size, BORDER).to(self.device).float().div_(255.0)

    def _run(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Crops (F, 3, S, S) -> points (F, 68, 2) in crop pixels and scores (F,)."""
        heatmaps, logits = self._network(crops.contiguous(memory_format=torch.channels_last))
        points, spreads = places_and_spreads(heatmaps)
        spread = spreads[:, 17:].median(dim=1).values / self.sizes.crop_size
        sharpness = ((self.config.flat - spread) / (self.config.flat - self.config.sharp)).clamp(0.0, 1.0)
        return points, logits.float().sigmoid() * sharpness

    def _in_picture(self, matrices: np.ndarray, points: Tensor) -> np.ndarray:
        return apply_transform(invert(matrices), points.cpu().numpy().astype(np.float64)).astype(np.float32)

    def crop_from_boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Upright crops around boxes (F, 4) -> (F, 2, 3)."""
        size = np.maximum((boxes[:, 2:] - boxes[:, :2]).max(axis=1), 1.0).astype(np.float64)
        center = (boxes[:, :2] + boxes[:, 2:]) / 2.0
        return self._crops(np.zeros(len(boxes)), center.astype(np.float64), size)

    def crop_from_landmarks(self, landmarks: np.ndarray) -> np.ndarray:
        """Crops around faces (F, 68, 2), turned so that the line between the eyes is level -> (F, 2, 3)."""
        points = landmarks.astype(np.float64)
        eyes = points[:, 42:48].mean(axis=1) - points[:, 36:42].mean(axis=1)
        angle = -np.arctan2(eyes[:, 1], eyes[:, 0])
        cosine, sine = np.cos(angle), np.sin(angle)
        turn = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], axis=1)
        level = points @ turn.transpose(0, 2, 1)
        low, high = level.min(axis=1), level.max(axis=1)
        center = ((low + high)[:, None] / 2.0 @ turn)[:, 0]
        return self._crops(angle, center, np.maximum((high - low).max(axis=1), 1.0))

    def _crops(self, angle: np.ndarray, center: np.ndarray, size: np.ndarray) -> np.ndarray:
        scale = self.sizes.crop_size / (self.sizes.crop_scale * size)
        cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
        linear = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], axis=1)
        middle = (self.sizes.crop_size - 1) / 2.0
        return np.concatenate([linear, middle - linear @ center[..., None]], axis=2)


class BuiltinFinder(FollowingFinder):
    """``FaceFinder`` on the builtin networks.

    ``confidence`` is the landmark network's face score, lowered where the points do not fit a head.

    Args:
        weights: folder with other weights files; None takes those of the package.
        device: "cpu", "cuda", ...
        max_faces, min_confidence, following: see ``FollowingFinder``.
        runtime: what runs the networks.

    Raises:
        MissingModelError: the weights are not there or are of another network.
        InputError: the device does not exist.
    """

    name = "builtin"

    def __init__(
        self,
        *,
        weights: Path | None = None,
        device: str = "cpu",
        max_faces: int | None = None,
        min_confidence: float = 0.5,
        config: BuiltinConfig | None = None,
        following: FollowingConfig | None = None,
        runtime: Runtime = TORCH,
    ) -> None:
        super().__init__(max_faces=max_faces, min_confidence=min_confidence, following=following)
        self.config = config or BuiltinConfig()
        check_device(device)
        self._detector = BoxDetector.load(weights, device, self.config, runtime)
        self._reader = LandmarkReader.load(weights, device, self.config, runtime)
        self._unchecked = 0

    def _search(self, image: np.ndarray, effort: Effort, known: list[Face]) -> list[Face]:
        settings = self.config
        sides = (settings.few_sides, settings.glance_sides, settings.look_sides, settings.search_sides)[effort]
        boxes, _ = self._detector.detect(image, sides, settings.box_score)
        boxes = boxes[(boxes[:, 2:] - boxes[:, :2]).max(axis=1) >= settings.smallest_face]
        boxes = boxes[~self._taken(boxes, known)]
        landmarks, scores = self._reader.read(image, self._reader.crop_from_boxes(boxes))
        near = _overlap_of_pairs(landmark_boxes(landmarks), boxes) >= settings.same_face
        near &= scores >= settings.first_reading
        windows = self._reader.crop_from_landmarks(landmarks[near])
        few = effort is Effort.FEW
        points, again = self._reader.read_followed(image, windows, check=False) if few else self._reader.read_twice(image, windows)
        faces = self._faces(image, points, np.minimum(again, scores[near]), landmarks[near], settings.agreement)
        least = max(min(settings.new_face * self.min_confidence, settings.new_face_limit), self.min_confidence)
        return [face for face in faces if face.confidence >= least]

    def _look_again(self, image: np.ndarray, expected: list[Face]) -> list[Face]:
        before = np.stack([face.landmarks for face in expected])
        self._unchecked = (self._unchecked + 1) % self.config.check_frames
        windows = self._reader.crop_from_landmarks(before)
        points, scores = self._reader.read_followed(image, windows, check=self._unchecked == 0)
        return self._faces(image, points, scores, before, self.config.same_face)

    def reset(self) -> None:
        """Start of another video: forgets all tracks."""
        super().reset()
        self._unchecked = 0

    def _faces(
        self, image: np.ndarray, points: np.ndarray, scores: np.ndarray, before: np.ndarray, least_overlap: float
    ) -> list[Face]:
        """Faces from points that overlap those of an earlier reading enough, with pose; less certain where they fit no
        head."""
        if len(points) == 0:
            return []
        boxes = landmark_boxes(points)
        near = _overlap_of_pairs(boxes, landmark_boxes(before)) >= least_overlap
        size = (image.shape[1], image.shape[0])
        poses = estimate_pose(points, size)
        good, bad = self.config.misfit
        misfit = np.clip((fit_error(points, poses, Camera.guess(*size)) - good) / (bad - good), 0.0, 1.0)
        sure = scores * (1.0 - misfit)
        return [
            Face(box=boxes[row], confidence=float(sure[row]), landmarks=points[row], pose=poses[row])
            for row in np.flatnonzero(near)
        ]


def _whole(boxes: np.ndarray, share: float) -> np.ndarray:
    """Rows of boxes (N, 4), best first, without those of which ``share`` is inside a larger box before them."""
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    inside = (overlap_of_smaller(boxes, boxes) > share) & (area[:, None] < area[None])
    return np.flatnonzero(~np.tril(inside, -1).any(axis=1))


def _overlap_of_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of first[k] and second[k]: (N, 4), (N, 4) -> (N,)."""
    return np.diagonal(overlap(first, second)) if len(first) else np.zeros(0)


def _config_from(header: dict[str, Any], kind: type[ConfigT]) -> ConfigT:
    """The network's sizes as the weights file states them."""
    values = header.get("config")
    if not isinstance(values, dict):
        raise MissingModelError(f"the weights file of {kind.__name__} does not state its sizes; train it again")
    try:
        return kind(**{key: _tuples(value) for key, value in values.items()})
    except (TypeError, InputError) as error:
        raise MissingModelError(f"the weights file is not for this version's {kind.__name__}: {error}") from error


def _tuples(value: Any) -> Any:
    """JSON lists as tuples, all the way down."""
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
