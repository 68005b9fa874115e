"""Training data of the face check: aligned faces that are covered, moved and degraded on purpose.

``gather_faces`` stores aligned faces with some surroundings, from renders (where the engine says which pixels are covered) and
from pictures of real people (taken as uncovered). ``draw_batch`` makes examples of them:

* covers: rendered hands, masks and objects moved onto another face, the same shapes filled with skin, hair or background of a
  third picture, and plain ellipses and bars; what is covered of each region is counted;
* fit: the crop is moved, turned, scaled or put upside down; the answer follows from how far the landmarks went;
* clarity: blur, few pixels, noise, compression, darkness; the answer is how well the fine structure of the degraded crop agrees
  with that of the original one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from aufait.alignment import apply_transform, warp
from aufait.errors import InputError
from aufait.faces.face_check import CHECK_SIZE, REGIONS
from aufait.faces.finder import FaceFinder
from aufait.faces.template import TEMPLATE_SIZE
from aufait.media.images import read_image
from aufait.models.default.crop import crop_transforms
from aufait.shipped.real_faces import RealFace
from aufait.synthetic.dataset import read_records
from aufait.synthetic.renderer import PARTS

STORE_SIZE = 160
"""Side of a stored face in pixels."""
STORE_SCALE = 0.75
"""Stored pixels per pixel of the ``TEMPLATE_SIZE`` crop: outer eye corners 48 px apart, and room around the crop."""
MAX_YAW = 60.0
_COVERING = tuple(PARTS.index(name) for name in ("occluder", "headwear"))
_EYEWEAR = PARTS.index("eyewear")
# Region -> (68-point indices whose mean is its centre, radius in outer eye-corner distances).
_DISCS = {
    "brow_left": ((22, 23, 24, 25, 26), 0.17), "brow_right": ((17, 18, 19, 20, 21), 0.17),
    "eye_left": ((42, 43, 44, 45, 46, 47), 0.16), "eye_right": ((36, 37, 38, 39, 40, 41), 0.16),
    "nose": ((30, 31, 33, 35), 0.18), "mouth_left": ((53, 54, 55, 63, 65), 0.15), "mouth_right": ((48, 49, 59, 61, 67), 0.15),
    "cheek_left": ((46, 54, 13), 0.16), "cheek_right": ((41, 48, 3), 0.16), "chin": ((8, 57, 57), 0.15),
}  # fmt: skip
_STEPS = np.linspace(-1, 1, 9)
_GRID = np.stack(np.meshgrid(_STEPS, _STEPS), axis=-1).reshape(-1, 2)
_IN_DISC = _GRID[(_GRID**2).sum(axis=1) <= 1]  # (n, 2) places spread over the unit disc
_MIRRORED = tuple(
    REGIONS.index(name.replace("left", "right") if "left" in name else name.replace("right", "left")) for name in REGIONS
)


@dataclass(frozen=True, eq=False)
class StoredFaces:
    """N aligned faces.

    Attributes:
        pictures: (N, 3, 160, 160) uint8 RGB.
        covered: (N, 160, 160) uint8, 255 where something covers the face or its surroundings.
        points: (N, 68, 2) float32 landmarks in stored pixels.
        real: (N,) bool, pictures of real people.
        covers: (C,) rows with a hand, mask or object that can be moved onto other faces.
    """

    pictures: np.ndarray
    covered: np.ndarray
    points: np.ndarray
    real: np.ndarray
    covers: np.ndarray

    def save(self, path: Path) -> None:
        """To one .npz file."""
        np.savez(path, **{name: getattr(self, name) for name in self.__dataclass_fields__})

    @classmethod
    def load(cls, path: Path) -> StoredFaces:
        """From ``save``."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name] for name in cls.__dataclass_fields__})


def gather_faces(renders: Sequence[Path], real: Sequence[RealFace], finder: FaceFinder, *, plain: int = 1200) -> StoredFaces:
    """Stored faces of rendered data sets and of real pictures.

    Args:
        renders: folders of ``aufait synth``; every covered frame is taken, of the others ``plain``.
        real: pictures of real people; those without exactly one found face are left out.
        finder: finds the landmarks of real faces.
    """
    pictures, covered, points, is_real, covers = [], [], [], [], []
    records = [r for folder in renders for r in read_records(folder) if abs(r.rotation[1]) <= MAX_YAW]
    for record in _some(records, plain):
        image, parts = read_image(record.image_path), read_image(record.parts_path)[..., 0]
        hidden = np.isin(parts, (*_COVERING, _EYEWEAR) if record.occlusion == "sunglasses" else _COVERING)
        mask = np.repeat((hidden * 255).astype(np.uint8)[..., None], 3, axis=2)
        matrix = _store_transform(record.landmarks)
        pictures.append(_stored(image, matrix))
        covered.append(_stored(mask, matrix, border=0)[0])
        points.append(apply_transform(matrix, record.landmarks[None])[0])
        is_real.append(False)
        if record.occlusion in ("hand", "mask", "object") and (covered[-1] > 127).mean() > 0.02:
            covers.append(len(pictures) - 1)
    for face in real:
        image = read_image(face.path)
        found = finder.find(image)
        if len(found) == 1:
            matrix = _store_transform(found[0].landmarks)
            pictures.append(_stored(image, matrix))
            covered.append(np.zeros((STORE_SIZE, STORE_SIZE), np.uint8))
            points.append(apply_transform(matrix, found[0].landmarks[None].astype(np.float64))[0])
            is_real.append(True)
    if not covers:
        raise InputError("no rendered frame has a hand, mask or object before the face; render some with occluder_odds above 0")
    columns = (np.stack(pictures), np.stack(covered), np.stack(points).astype(np.float32))
    return StoredFaces(*columns, np.array(is_real), np.array(covers))


def _some(records: list, plain: int) -> list:  # type: ignore[type-arg]
    hidden = [r for r in records if r.occlusion in ("hand", "mask", "object", "sunglasses")]
    others = [r for r in records if r.occlusion not in ("hand", "mask", "object", "sunglasses")]
    return hidden + others[:: max(1, len(others) // max(plain, 1))]


def _store_transform(landmarks: np.ndarray) -> np.ndarray:
    """(1, 2, 3): the template crop, scaled, in the middle of the stored picture."""
    matrix = crop_transforms(np.asarray(landmarks)[None], size=TEMPLATE_SIZE) * STORE_SCALE
    matrix[:, :, 2] += (STORE_SIZE - TEMPLATE_SIZE * STORE_SCALE) / 2
    return matrix


def _stored(image: np.ndarray, matrix: np.ndarray, border: int = 128) -> np.ndarray:
    return warp(image, matrix, STORE_SIZE, border)[0].numpy()


@dataclass(frozen=True, eq=False)
class Examples:
    """B examples: crops (B, 3, 64, 64) float in [0, 255]; answers (B, 12) in [0, 1]; counts (B, 12) bool, which are known."""

    crops: Tensor
    answers: Tensor
    counts: Tensor


def region_shares(mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Share of each region that is not covered.

    Args:
        mask: (H, W) bool, covered pixels.
        points: (68, 2) landmarks in pixels of the mask.

    Returns:
        (10,) in [0, 1], in the order of ``REGIONS``, from places spread over each; those outside the picture do not count.
    """
    scale = float(np.linalg.norm(points[45] - points[36]))
    centres = np.stack([points[list(chosen)].mean(axis=0) for chosen, _ in _DISCS.values()])  # (10, 2)
    reach = np.array([radius for _, radius in _DISCS.values()]) * scale
    places = np.rint(centres[:, None] + reach[:, None, None] * _IN_DISC).astype(int)  # (10, n, 2)
    inside = ((places >= 0) & (places < (mask.shape[1], mask.shape[0]))).all(axis=2)
    x, y = np.clip(places, 0, (mask.shape[1] - 1, mask.shape[0] - 1)).transpose(2, 0, 1)
    shares: np.ndarray = 1 - (mask[y, x] & inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    return shares.astype(np.float32)


def draw_batch(faces: StoredFaces, rows: np.ndarray, rng: np.random.Generator) -> Examples:
    """One example of each chosen stored face."""
    crops, answers, counts = zip(*(_example(faces, int(row), rng) for row in rows), strict=True)
    pixels = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float().contiguous()
    return Examples(pixels, torch.from_numpy(np.stack(answers)), torch.from_numpy(np.stack(counts)))


def mirrored(batch: Examples) -> Examples:
    """The same faces, mirrored; what was said of the left regions is said of the right ones."""
    order = [0, 1, *(2 + place for place in _MIRRORED)]
    return Examples(batch.crops.flip(3), batch.answers[:, order], batch.counts[:, order])


def _example(faces: StoredFaces, row: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(64, 64, 3) uint8 crop, (12,) answers, (12,) which of them are known."""
    matrix, fit = _placement(faces.points[row], rng)
    face, mask = _sampled(faces, row, matrix)
    points = apply_transform(matrix[None], faces.points[row][None].astype(np.float64))[0]
    if rng.random() < 0.55:
        face, mask = _cover(face, mask, points, faces, matrix, rng)
    visible = region_shares(mask > 0.5, points)
    clean = _tint(face, rng)
    spoilt = _spoil(clean, rng)
    clarity = structure_agreement(clean, spoilt)
    if rng.random() < 0.5:
        spoilt = spoilt[:, ::-1]
        visible = visible[list(_MIRRORED)]
    answers = np.concatenate([[fit, clarity], visible]).astype(np.float32)
    counts = np.ones(len(answers), bool)
    counts[1:] = fit >= 0.6  # nothing can be said about a face that is not there
    return spoilt, answers, counts


def _placement(points: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Where the crop looks: (2, 3) matrix from stored to crop pixels, and how well it fits the face, in [0, 1].

    The fit follows from how far landmarks that agree with the crop would be from the true ones.
    """
    kind = rng.random()
    if kind < 0.62:
        angle, zoom, shift = rng.normal(0, 2.5), rng.normal(0, 0.03), rng.normal(0, 1.0, 2)
    elif kind < 0.80:
        angle, zoom, shift = 180 + rng.normal(0, 15), rng.normal(0, 0.15), rng.normal(0, 9, 2)
    elif kind < 0.87:
        angle, zoom, shift = rng.choice([-1, 1]) * rng.uniform(30, 130), rng.normal(0, 0.15), rng.normal(0, 8, 2)
    else:
        angle, zoom, shift = rng.normal(0, 12), rng.normal(0, 0.3), rng.normal(0, 22, 2)
    turn, zoom = np.radians(angle), float(np.exp(zoom))
    wrong = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    centre = (STORE_SIZE - 1) / 2
    moved = (points - centre) @ wrong.T + centre + shift  # where the landmarks would have been found
    error = float(np.linalg.norm(moved - points, axis=1).mean() / np.linalg.norm(points[45] - points[36]))
    step = TEMPLATE_SIZE * STORE_SCALE / CHECK_SIZE
    to_crop = np.linalg.inv(wrong * step)
    origin = np.full(2, (CHECK_SIZE - 1) / 2) - to_crop @ (centre + shift)
    matrix = np.concatenate([to_crop, origin[:, None]], axis=1)
    return matrix, float(np.clip((0.35 - error) / (0.35 - 0.08), 0, 1))


def _sampled(faces: StoredFaces, row: int, matrix: np.ndarray, *, edge: int = cv2.BORDER_REFLECT) -> tuple[np.ndarray, np.ndarray]:
    """(64, 64, 3) float32 picture and (64, 64) float32 in [0, 1], what is covered, of a stored face."""
    size = (CHECK_SIZE, CHECK_SIZE)
    picture = cv2.warpAffine(np.ascontiguousarray(faces.pictures[row].transpose(1, 2, 0)), matrix, size, borderMode=edge)
    mask = cv2.warpAffine(faces.covered[row], matrix, size)
    return picture.astype(np.float32), mask.astype(np.float32) / 255


def _cover(
    face: np.ndarray, mask: np.ndarray, points: np.ndarray, faces: StoredFaces, matrix: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A crop with something in front of the face, and what is covered."""
    kind = rng.random()
    if kind > 0.7:
        alpha, texture = _drawn_shape(rng), None
    else:
        texture, alpha = _moved_cover(faces, matrix, rng)
    if kind > 0.35 or texture is None:  # the same shape with something else inside
        texture = _patch(faces, rng) if rng.random() < 0.75 else np.full(face.shape, rng.uniform(0, 255, 3), np.float32)
    if rng.random() < 0.5:  # skin before skin: the colour of the covered face itself
        texture = _recoloured(texture, alpha, face, points, rng)
    alpha = alpha[..., None]
    if rng.random() < 0.4:
        shadow = cv2.blur(np.roll(alpha, (int(rng.integers(-2, 3)), int(rng.integers(-2, 3))), (0, 1)), (5, 5))[..., None]
        face = face * (1 - float(rng.uniform(0.1, 0.5)) * shadow * (1 - alpha))
    return np.clip(face * (1 - alpha) + texture * alpha, 0, 255), np.maximum(alpha[..., 0], mask)


def _moved_cover(faces: StoredFaces, matrix: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A rendered hand, mask or object somewhere near where it was: (64, 64, 3) texture and (64, 64) alpha in [0, 1]."""
    centre = (STORE_SIZE / 2, STORE_SIZE / 2)
    moved = np.array(cv2.getRotationMatrix2D(centre, float(rng.normal(0, 15)), float(np.exp(rng.normal(0, 0.15)))), np.float64)
    moved[:, 2] += rng.normal(0, 9, 2)
    if rng.random() < 0.5:
        moved[0] = (-moved[0, 0], -moved[0, 1], STORE_SIZE - 1 - moved[0, 2])
    both = matrix @ np.concatenate([moved, [[0, 0, 1]]])
    return _sampled(faces, int(rng.choice(faces.covers)), both, edge=cv2.BORDER_REPLICATE)


def _drawn_shape(rng: np.random.Generator) -> np.ndarray:
    """An ellipse, a box or a few parallel bars: (64, 64) alpha."""
    alpha = np.zeros((CHECK_SIZE, CHECK_SIZE), np.float32)
    x, y = rng.uniform(6, CHECK_SIZE - 6, 2)
    width, height = rng.uniform(8, 48, 2)
    angle = float(rng.uniform(0, 180))
    kind = rng.random()
    if kind < 0.4:
        cv2.ellipse(alpha, ((x, y), (width, height), angle), 1.0, -1, cv2.LINE_AA)
    elif kind < 0.7:
        cv2.fillConvexPoly(alpha, cv2.boxPoints(((x, y), (width, height), angle)).astype(np.int32), 1.0, cv2.LINE_AA)
    else:
        turn = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        across = np.array([-turn[1], turn[0]]) * rng.uniform(5.5, 8.5)
        for k in range(int(rng.integers(1, 5))):
            middle = np.array([x, y]) + across * (k - 1.5)
            ends = [tuple(np.rint(middle + s * turn * rng.uniform(14, 36)).astype(int).tolist()) for s in (-1, 1)]
            cv2.line(alpha, ends[0], ends[1], 1.0, int(rng.uniform(4, 8)), cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(alpha, (3, 3), float(rng.uniform(0.2, 0.7))))


def _patch(faces: StoredFaces, rng: np.random.Generator) -> np.ndarray:
    """(64, 64, 3) texture: a part of another stored picture."""
    side = int(rng.integers(24, 90))
    x, y = rng.integers(0, STORE_SIZE - side, 2)
    other = faces.pictures[int(rng.integers(len(faces.pictures))), :, y : y + side, x : x + side]
    patch = cv2.resize(np.ascontiguousarray(other.transpose(1, 2, 0)), (CHECK_SIZE, CHECK_SIZE))
    return np.rot90(patch, int(rng.integers(4))).astype(np.float32)


def _recoloured(
    texture: np.ndarray, alpha: np.ndarray, face: np.ndarray, points: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The texture with the mean colour of the middle of the face, a little lighter or darker."""
    x, y = np.clip(np.rint(points[[30, 33, 2, 14]].mean(axis=0)).astype(int), 4, CHECK_SIZE - 5)
    skin = face[y - 4 : y + 5, x - 4 : x + 5].mean(axis=(0, 1))
    inside = alpha > 0.5
    mean = texture[inside].mean(axis=0) if inside.any() else np.full(3, 128.0)
    return (texture * (skin * rng.uniform(0.75, 1.15) / np.maximum(mean, 8))).astype(np.float32)


def _tint(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(64, 64, 3) float32 in other light: brightness, contrast, white balance, sometimes grey."""
    pixels = np.clip(face * (rng.uniform(0.9, 1.1, 3) / 255), 0, 1) ** float(np.exp(rng.normal(0, 0.25)))
    pixels = np.clip((pixels - 0.5) * rng.uniform(0.7, 1.25) + 0.5 + rng.normal(0, 0.06), 0, 1)
    if rng.random() < 0.2:
        pixels = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)
    return (pixels * 255).astype(np.float32)


def _spoil(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(64, 64, 3) uint8 after blur, few pixels, darkness, noise and compression, each with some odds."""
    picture = clean
    if rng.random() < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), float(np.exp(rng.uniform(np.log(0.3), np.log(5)))))
    if rng.random() < 0.2:
        side = int(CHECK_SIZE / np.exp(rng.uniform(0, np.log(9))))
        picture = cv2.resize(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), (CHECK_SIZE, CHECK_SIZE))
    if rng.random() < 0.12:
        picture = picture * float(np.exp(rng.uniform(np.log(0.02), 0)))
    if rng.random() < 0.2:
        noise = rng.standard_normal(picture.shape, np.float32)
        picture = picture + noise * float(np.exp(rng.uniform(np.log(2), np.log(50))))
    whole = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        whole = _compressed(whole, int(np.exp(rng.uniform(np.log(3), np.log(90)))), float(rng.choice([1, 1.5, 2.5])))
    return whole


def _compressed(picture: np.ndarray, quality: int, enlarged: float) -> np.ndarray:
    """Through a JPEG file, ``enlarged`` times as large, so that the file's blocks have different sizes on the face."""
    side = round(CHECK_SIZE * enlarged)
    big = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
    _, file = cv2.imencode(".jpg", big, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.resize(decoded, (CHECK_SIZE, CHECK_SIZE), interpolation=cv2.INTER_AREA))


def structure_agreement(clean: np.ndarray, spoilt: np.ndarray) -> float:
    """How much of the fine structure is left: correlation of what means over 9 x 9 pixels take away, in [0, 1].

    Args:
        clean, spoilt: (H, W, 3) of the same face; differences in brightness and contrast do not count.
    """
    first, second = _fine(clean), _fine(spoilt)
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.clip((first * second).sum() / norm, 0, 1)) if norm > 1e-3 else 0.0


def _fine(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) -> (H, W) grey without its coarse structure, zero mean."""
    grey = picture.astype(np.float32).mean(axis=2)
    fine = grey - cv2.blur(grey, (9, 9))
    return np.asarray(fine - fine.mean())
