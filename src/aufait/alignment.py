"""Similarity transforms that bring faces into a standard frame, and the warp that applies them to pictures.

A transform is a (2, 3) matrix that maps source pixels to crop pixels: ``crop = matrix[:, :2] @ source + matrix[:, 2]``.
Pixel centres are whole numbers, the centre of the top-left pixel is (0, 0). Everything works on F faces at once, and
the same matrix moves picture and landmarks, so that they cannot drift apart.

Three frames are used in the literature:

* ARL and JAA-Net: eye line horizontal, the box of five points enlarged 2.8 or 2.9 times, 200 x 200 pixels, border 128
  (``paper_transform``), of which the networks see a 176 x 176 window (``crop``).
* AUNet: the detector's box, 200 (w + h) / 260 wide, to 256 x 256 pixels, border 0 (``box_transform``).
* Earlier and later frames onto a frame: least-squares similarity of matching points (``similarity_from_points``).

NumPy images are (H, W, 3), torch images (3, H, W); NumPy in gives NumPy out, except for ``warp``, which feeds networks
and always returns torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from aufait.errors import InputError
from aufait.landmarks import check_landmarks, five_points, mirror_landmarks

if TYPE_CHECKING:
    import torch

    ArrayT = TypeVar("ArrayT", np.ndarray, torch.Tensor)
else:
    ArrayT = TypeVar("ArrayT")

ALIGNED_SIZE = 200
"""Side of the aligned face of ARL and JAA-Net, in pixels."""

CROP_SIZE = 176
"""Side of the window of the aligned face that their networks see, in pixels."""

BOX_MARGINS: Mapping[int, tuple[float, float, float, float]] = MappingProxyType(
    {
        68: (0.0, 0.35, 0.0, 0.0),
        66: (0.0, 0.35, 0.0, 0.0),
        49: (0.13, 0.455, 0.13, 0.30),
    }
)
"""Number of landmarks -> what a detector's box has more than theirs: left, top, right, bottom, as shares of their box's
width (left, right) and height (top, bottom)."""

ENLARGEMENT_ARL = 2.8
ENLARGEMENT_JAA_NET = 2.9
"""Side of the aligned square over the larger side of the five-point box; the 2.9 is also used by MGRR-Net and ABRNet."""

PAPER_BORDER = 128
"""Grey value outside the source picture in ARL and JAA-Net; AUNet uses 0."""

AUNET_SIZE = 256
AUNET_SIDE_FACTOR = 400 / 260
"""AUNet's square over the mean of the box's width and height: side = 200 (w + h) / 260."""


# ---------------------------------------------------------------------------------------------------------------------
# Transforms
# ---------------------------------------------------------------------------------------------------------------------


def similarity_from_points(source: ArrayT, target: ArrayT) -> ArrayT:
    """Rotation, uniform scale and shift that bring ``source`` onto ``target`` with the least squared error.

    In the plane, Umeyama's method without reflection reduces to one complex division: with centred points as complex
    numbers s and t, the factor is ``sum(conj(s) t) / sum(|s|^2)``.

    Args:
        source: (F, P, 2) points, P >= 2, any float or integer type.
        target: (F, P, 2) points, or (P, 2) for all faces.

    Returns:
        (F, 2, 3) float64 matrices; points that mirror the target best are rotated, never reflected.

    Raises:
        InputError: shapes do not match, or the points of one face coincide.
    """
    source, target = _double(source), _double(target)
    if source.ndim != 3 or source.shape[-1] != 2 or source.shape[1] < 2:
        raise InputError(f"source must have shape (F, P, 2) with at least 2 points, got {tuple(source.shape)}")
    if tuple(target.shape) not in (tuple(source.shape), tuple(source.shape[1:])):
        raise InputError(f"target must have shape {tuple(source.shape)} like the source, got {tuple(target.shape)}")
    source_mean, target_mean = source.mean(-2), target.mean(-2)                    # (F, 2)
    s, t = source - source_mean[..., None, :], target - target_mean[..., None, :]  # (F, P, 2)
    spread = (s * s).sum(-1).sum(-1)                                               # (F,)
    _require(spread > 1e-12, "the source points of face {} coincide: no similarity transform is defined")
    real = (s * t).sum(-1).sum(-1) / spread
    imaginary = (s[..., 0] * t[..., 1] - s[..., 1] * t[..., 0]).sum(-1) / spread
    return _similarity(real, imaginary, source_mean, target_mean + 0 * source_mean)


def paper_transform(
    landmarks: ArrayT, enlargement: float = ENLARGEMENT_JAA_NET, size: int = ALIGNED_SIZE
) -> ArrayT:
    """Alignment of ARL (``enlargement`` 2.8) and JAA-Net (2.9): eye line horizontal, five-point box centred.

    The five points (eye centres, nose tip, lip corners) are rotated about the origin until the eye line is horizontal;
    their upright box, enlarged to a square, fills the crop: its edges fall on pixel 0 and pixel ``size`` - 1. There is
    no template: the face keeps its proportions.

    Args:
        landmarks: (F, N, 2) pixels with N = 68, 66 or 49.
        enlargement: side of the square over the larger side of the five-point box.
        size: side of the crop in pixels.

    Returns:
        (F, 2, 3) float64 matrices.

    Raises:
        InputError: wrong shape, or a face whose eye centres coincide.
    """
    points = five_points(_double(landmarks))                    # (F, 5, 2)
    if points.ndim != 3:
        raise InputError(f"landmarks must have shape (F, N, 2), got {tuple(landmarks.shape)}; add a face axis")
    eye_line = points[:, 1] - points[:, 0]                      # (F, 2), from the image's left to its right
    length = (eye_line * eye_line).sum(-1) ** 0.5
    _require(length > 1e-9, "the eye centres of face {} coincide: it cannot be aligned")
    cosine, sine = eye_line[:, 0] / length, -eye_line[:, 1] / length
    rotated = apply_transform(_similarity(cosine, sine, 0 * eye_line, 0 * eye_line), points)
    low, high = _minimum(rotated), _maximum(rotated)            # (F, 2)
    half = 0.5 * enlargement * _larger(high - low)              # (F,)
    scale = (size - 1) / 2 / half
    middle = 0 * eye_line + (size - 1) / 2
    return _similarity(scale * cosine, scale * sine, _unrotate((low + high) / 2, cosine, sine), middle)


def box_transform(boxes: ArrayT, size: int = AUNET_SIZE, side_factor: float = AUNET_SIDE_FACTOR) -> ArrayT:
    """AUNet's crop: an upright square around the middle of a face box, without rotation.

    The side is ``side_factor`` times the mean of width and height; the middle of the box falls on ``size`` / 2, as in
    the released program (half a pixel to the right of and below the crop's exact middle).

    Args:
        boxes: (F, 4) x0, y0, x1, y1 in pixels.
        size: side of the crop in pixels.
        side_factor: 400 / 260 in AUNet.

    Returns:
        (F, 2, 3) float64 matrices.

    Raises:
        InputError: wrong shape or an empty box.
    """
    boxes = _double(boxes)
    if boxes.ndim != 2 or boxes.shape[-1] != 4:
        raise InputError(f"boxes must have shape (F, 4) as x0, y0, x1, y1, got {tuple(boxes.shape)}")
    extent = boxes[:, 2:] - boxes[:, :2]                        # (F, 2)
    _require(_minimum(extent[:, :, None])[:, 0] > 0, "box {} is empty: x1 and y1 must exceed x0 and y0")
    scale = size / (side_factor * extent.mean(-1))
    center = (boxes[:, :2] + boxes[:, 2:]) / 2
    return _similarity(scale, 0 * scale, center, 0 * center + size / 2)


def detector_boxes(landmarks: np.ndarray) -> np.ndarray:
    """Boxes as AUNet's face detector would give them, from landmarks: their own box, enlarged by ``BOX_MARGINS``.

    The boxes of this package's finders (``Face.box``) are others: they end at the brows, and a crop made from one has 0.85 of the
    side and is some 26 of 256 pixels too low.

    Args:
        landmarks: (F, N, 2) pixels, N = 68, 66 or 49.

    Returns:
        (F, 4) float64 x0, y0, x1, y1 in pixels.

    Raises:
        InputError: wrong shape.
    """
    points = np.asarray(landmarks, np.float64)
    if points.ndim != 3:
        raise InputError(f"landmarks must have shape (F, N, 2), got {points.shape}")
    left, top, right, bottom = BOX_MARGINS[check_landmarks(points)]
    low, high = points.min(axis=1), points.max(axis=1)  # (F, 2)
    extent = high - low
    return np.concatenate([low - extent * [left, top], high + extent * [right, bottom]], axis=1)


def apply_transform(matrix: ArrayT, points: ArrayT) -> ArrayT:
    """Points (F, N, 2) moved by matrices (F, 2, 3) -> (F, N, 2), in the precision of the product.

    A single matrix (2, 3) moves points (..., N, 2) of any number of faces.
    """
    axes = (*range(matrix.ndim - 2), matrix.ndim - 1, matrix.ndim - 2)
    linear = matrix[..., :2]
    turned = linear.transpose(axes) if isinstance(linear, np.ndarray) else linear.permute(axes)
    if not isinstance(points, np.ndarray) and points.dtype != turned.dtype:
        points = points.to(turned.dtype)                        # torch does not mix precisions in a product
    return points @ turned + matrix[..., None, :, 2]


def compose(second: ArrayT, first: ArrayT) -> ArrayT:
    """The transform that applies ``first`` and then ``second``; (F, 2, 3) or (2, 3) each."""
    linear = second[..., :2] @ first[..., :2]
    shift = second[..., :2] @ first[..., 2:] + second[..., 2:]
    return _concatenate([linear, shift])


def invert(matrix: ArrayT) -> ArrayT:
    """Inverse of (F, 2, 3) or (2, 3) transforms: crop pixels back to source pixels.

    Raises:
        InputError: a matrix is singular.
    """
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    determinant = a * d - b * c
    _require(abs(determinant) > 1e-15, "transform {} is singular and has no inverse")
    first, second = _stack([d, -b]), _stack([-c, a])
    linear = _stack_rows([first, second]) / determinant[..., None, None]
    return _concatenate([linear, -(linear @ matrix[..., 2:])])


def window_transform(matrix: ArrayT, offset: tuple[int, int] | ArrayT) -> ArrayT:
    """The transform to a window of the crop whose top-left pixel is ``offset`` = (x, y), or (F, 2) offsets."""
    moved = _copy(matrix)
    moved[..., 0, 2] -= offset[..., 0] if not isinstance(offset, tuple) else offset[0]
    moved[..., 1, 2] -= offset[..., 1] if not isinstance(offset, tuple) else offset[1]
    return moved


# ---------------------------------------------------------------------------------------------------------------------
# Picture and landmarks together
# ---------------------------------------------------------------------------------------------------------------------


def align(
    image: np.ndarray | torch.Tensor,
    landmarks: np.ndarray,
    *,
    enlargement: float = ENLARGEMENT_JAA_NET,
    size: int = ALIGNED_SIZE,
    border: int = PAPER_BORDER,
) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Aligned faces of one picture with their landmarks.

    Args:
        image: (H, W, 3) uint8 NumPy or (3, H, W) uint8 torch.
        landmarks: (F, N, 2) pixels, N = 68, 66 or 49.
        enlargement, size: see ``paper_transform``.
        border: grey value outside the picture, 0-255.

    Returns:
        Faces (F, 3, size, size) uint8, landmarks (F, N, 2) float32 in crop pixels, matrices (F, 2, 3) float64.
    """
    matrix = paper_transform(np.asarray(landmarks), enlargement, size)
    moved = apply_transform(matrix, np.asarray(landmarks, np.float64)).astype(np.float32)
    return warp(image, matrix, size, border), moved, matrix


def center_offset(size: int = ALIGNED_SIZE, window: int = CROP_SIZE) -> tuple[int, int]:
    """(x, y) of the central window: (12, 12) for 176 of 200, as the papers test."""
    return (size - window) // 2, (size - window) // 2


def random_offset(
    generator: np.random.Generator, size: int = ALIGNED_SIZE, window: int = CROP_SIZE
) -> tuple[int, int]:
    """(x, y) of a random window: whole numbers 0 to ``size`` - ``window`` (24), each axis for itself, as they train."""
    x, y = generator.integers(0, size - window + 1, size=2)
    return int(x), int(y)


def crop(
    image: ArrayT, landmarks: ArrayT, offset: tuple[int, int] | None = None, window: int = CROP_SIZE
) -> tuple[ArrayT, ArrayT]:
    """Cut a square window out of aligned faces and move the landmarks with it.

    Args:
        image: (..., H, W, 3) NumPy or (..., 3, H, W) torch.
        landmarks: (..., N, 2) pixels.
        offset: (x, y) of the window's top-left pixel; None takes the middle of the picture.
        window: side of the window in pixels.

    Raises:
        InputError: the window reaches outside the picture.
    """
    height, width = image.shape[-3:-1] if isinstance(image, np.ndarray) else image.shape[-2:]
    x, y = ((width - window) // 2, (height - window) // 2) if offset is None else offset
    if not (0 <= x <= width - window and 0 <= y <= height - window):
        raise InputError(f"a {window}-pixel window at ({x}, {y}) reaches outside the {width} x {height} picture")
    moved = apply_transform(_constant(landmarks, [[1.0, 0.0, -x], [0.0, 1.0, -y]]), landmarks)
    if isinstance(image, np.ndarray):
        return image[..., y : y + window, x : x + window, :], moved
    return image[..., y : y + window, x : x + window], moved


def mirror(image: ArrayT, landmarks: ArrayT) -> tuple[ArrayT, ArrayT]:
    """Flip a picture left to right, with its landmarks; applied twice, it gives back what came in.

    Labels of sides change with it: the subject's left becomes its right.

    Args:
        image: (..., H, W, 3) NumPy or (..., 3, H, W) torch.
        landmarks: (..., N, 2) pixels, N = 68, 66 or 49; points are renamed by the mirror permutation.
    """
    if isinstance(image, np.ndarray):
        return np.ascontiguousarray(image[..., ::-1, :]), mirror_landmarks(landmarks, image.shape[-2])
    return image.flip(-1), mirror_landmarks(landmarks, image.shape[-1])


# ---------------------------------------------------------------------------------------------------------------------
# Warp
# ---------------------------------------------------------------------------------------------------------------------


def warp(
    image: np.ndarray | torch.Tensor,
    matrix: np.ndarray | torch.Tensor,
    size: int,
    border: int = PAPER_BORDER,
) -> torch.Tensor:
    """Bilinear warp of one picture into F square crops, without aliasing.

    Only the part of the picture that a crop shows is touched. A crop that shrinks it at least twofold is taken from a
    copy shrunk by a whole factor (means over blocks) first. Outside the picture is a plain border, blended at the
    edge like any other pixel.

    Args:
        image: (H, W, 3) uint8 NumPy or (3, H, W) uint8 torch, on any device.
        matrix: (F, 2, 3), source pixels to crop pixels.
        size: side of each crop in pixels.
        border: grey value outside the picture, 0-255.

    Returns:
        (F, 3, size, size) uint8 on the picture's device; F = 0 gives an empty tensor.

    Raises:
        InputError: wrong shape or type of the picture or the matrix, or a singular matrix.
    """
    import torch

    pixels = _channels_first(image)
    inverse = invert(_matrices(matrix))
    crops = torch.empty((len(inverse), 3, size, size), dtype=torch.uint8, device=pixels.device)
    for row, to_source in enumerate(inverse):
        crops[row] = _warp_one(pixels, to_source, size, border)
    return crops


def _warp_one(pixels: torch.Tensor, to_source: np.ndarray, size: int, border: int) -> torch.Tensor:
    """One crop (3, size, size) uint8 of a picture (3, H, W); ``to_source`` maps crop pixels to source pixels."""
    import torch
    from torch.nn import functional

    window = _source_window(to_source, size, pixels.shape[-2:])
    if window is None:
        return torch.full((3, size, size), border, dtype=torch.uint8, device=pixels.device)
    x0, y0, x1, y1 = window
    factor = _shrink_factor(to_source)
    # Whole blocks where the picture has them: filling up copies the part.
    y1, x1 = min(y1 + (y0 - y1) % factor, pixels.shape[1]), min(x1 + (x0 - x1) % factor, pixels.shape[2])
    part = _block_means(pixels[:, y0:y1, x0:x1], factor, border)
    part = part.sub_(border)[None]  # relative to the border, so that grid_sample's zero padding stands for it
    # Centre of shrunk pixel j is at x0 + factor j + (factor - 1) / 2 of the source.
    shift = np.array([x0, y0]) + (factor - 1) / 2
    to_part = np.concatenate([to_source[:, :2], to_source[:, 2:] - shift[:, None]], axis=1) / factor
    grid = _sampling_grid(to_part, size, part.shape[-2:], pixels.device)
    sampled = functional.grid_sample(part, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return sampled[0].add_(border).round_().clamp_(0, 255).to(torch.uint8)


def _block_means(pixels: torch.Tensor, factor: int, border: int) -> torch.Tensor:
    """(3, H, W) uint8 -> float32 means of ``factor`` x ``factor`` blocks; incomplete blocks are filled with the border.

    In memory, the channels of a picture come last. Adding whole numbers row by row, and columns by a matrix product, which is
    exact for sums of bytes, is several times faster on the CPU than ``avg_pool2d``.
    """
    import torch
    from torch.nn import functional

    if factor == 1:
        return pixels.to(torch.float32)
    image = pixels.permute(1, 2, 0)
    height, width = image.shape[:2]
    if height % factor or width % factor:
        image = functional.pad(image, (0, 0, 0, -width % factor, 0, -height % factor), value=border)
    whole = torch.int16 if 255 * factor < 2**15 else torch.int32
    rows = image[::factor].to(whole)
    for k in range(1, factor):
        rows += image[k::factor].to(whole)
    columns = torch.eye(3, device=pixels.device).repeat(factor, 1)  # (3 factor, 3)
    sums = rows.to(torch.float32).reshape(len(rows), -1, 3 * factor) @ columns
    return sums.div_(factor * factor).permute(2, 0, 1)


def _source_window(to_source: np.ndarray, size: int, extent: torch.Size) -> tuple[int, int, int, int] | None:
    """Half-open pixel box x0, y0, x1, y1 of the picture that a crop can see, or None when it sees none of it."""
    corners = np.array([[0, 0, 1], [size - 1, 0, 1], [0, size - 1, 1], [size - 1, size - 1, 1]], np.float64)
    seen = corners @ to_source.T                                # (4, 2)
    margin = _shrink_factor(to_source) + 1
    height, width = extent
    limit = np.array([width, height])
    low = np.clip(np.floor(seen.min(0)) - margin, 0, limit).astype(int)
    high = np.clip(np.ceil(seen.max(0)) + margin + 1, 0, limit).astype(int)
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _shrink_factor(to_source: np.ndarray) -> int:
    """Whole number of source pixels per crop pixel, at least 1."""
    area = abs(to_source[0, 0] * to_source[1, 1] - to_source[0, 1] * to_source[1, 0])
    return max(1, int(np.sqrt(area) + 1e-6))


def _sampling_grid(
    to_part: np.ndarray, size: int, extent: torch.Size, device: torch.device
) -> torch.Tensor:
    """(1, size, size, 2) positions in grid_sample's units: -1 and 1 are the outer edges of the border pixels."""
    import torch

    height, width = extent
    scale, steps = np.array([2 / width, 2 / height]), np.arange(size, dtype=np.float64)
    origin = (to_part[:, 2] + 0.5) * scale - 1                  # where crop pixel (0, 0) looks
    across = origin[:, None] + np.outer(to_part[:, 0] * scale, steps)  # (2, size)
    down = np.outer(to_part[:, 1] * scale, steps)
    grid = np.empty((1, size, size, 2), np.float32)
    for axis in (0, 1):
        np.add(across[axis], down[axis, :, None], out=grid[0, ..., axis], casting="same_kind")
    return torch.from_numpy(grid).to(device)


def _channels_first(image: np.ndarray | torch.Tensor) -> torch.Tensor:
    """(H, W, 3) NumPy or (3, H, W) torch, both uint8, as a (3, H, W) view."""
    import torch

    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise InputError(f"a NumPy image must be (H, W, 3) uint8, got {image.shape} {image.dtype}")
        writable = image if image.flags.writeable and min(image.strides) > 0 else image.copy()
        return torch.from_numpy(writable).permute(2, 0, 1)
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
        raise InputError(f"a torch image must be (3, H, W) uint8, got {tuple(image.shape)} {image.dtype}")
    return image


def _matrices(matrix: np.ndarray | torch.Tensor) -> np.ndarray:
    """(F, 2, 3) float64 on the CPU: windows are cut by whole numbers, which a GPU would have to send back."""
    values = np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.detach().cpu(), np.float64)
    if values.ndim != 3 or values.shape[1:] != (2, 3):
        raise InputError(f"matrix must have shape (F, 2, 3), got {values.shape}")
    if not np.isfinite(values).all():
        raise InputError("matrix holds values that are not finite")
    return values


# ---------------------------------------------------------------------------------------------------------------------
# NumPy and torch under one name
# ---------------------------------------------------------------------------------------------------------------------


def _similarity(real: ArrayT, imaginary: ArrayT, source: ArrayT, target: ArrayT) -> ArrayT:
    """(F, 2, 3) matrix that turns and scales by real + i imaginary (F,) and brings ``source`` (F, 2) to ``target``."""
    linear = _stack_rows([_stack([real, -imaginary]), _stack([imaginary, real])])  # (F, 2, 2)
    shift = target[..., None] - linear @ source[..., None]                         # (F, 2, 1)
    return _concatenate([linear, shift])


def _unrotate(points: ArrayT, cosine: ArrayT, sine: ArrayT) -> ArrayT:
    """(F, 2) points turned back by the rotation with that cosine and sine."""
    x, y = points[:, 0], points[:, 1]
    return _stack([cosine * x + sine * y, cosine * y - sine * x])


def _double(values: ArrayT) -> ArrayT:
    if isinstance(values, np.ndarray):
        return values.astype(np.float64)
    return values.double() if values.device.type != "mps" else values.cpu().double()  # Metal has no float64


def _copy(values: ArrayT) -> ArrayT:
    return values.copy() if isinstance(values, np.ndarray) else values.clone()


def _constant(like: ArrayT, values: list[list[float]]) -> ArrayT:
    if isinstance(like, np.ndarray):
        return np.array(values, like.dtype if like.dtype.kind == "f" else np.float64)
    import torch

    return torch.tensor(values, dtype=like.dtype if like.is_floating_point() else torch.float64, device=like.device)


def _stack(parts: list[ArrayT]) -> ArrayT:
    return _join("stack", parts, -1)


def _stack_rows(parts: list[ArrayT]) -> ArrayT:
    return _join("stack", parts, -2)


def _concatenate(parts: list[ArrayT]) -> ArrayT:
    return _join("concatenate", parts, -1)


def _join(how: Literal["stack", "concatenate"], parts: list[Any], axis: int) -> Any:
    if isinstance(parts[0], np.ndarray | np.generic):
        return np.stack(parts, axis) if how == "stack" else np.concatenate(parts, axis)
    import torch

    return torch.stack(parts, axis) if how == "stack" else torch.cat(parts, axis)


def _minimum(points: ArrayT) -> ArrayT:
    return points.min(-2) if isinstance(points, np.ndarray) else points.amin(-2)


def _maximum(points: ArrayT) -> ArrayT:
    return points.max(-2) if isinstance(points, np.ndarray) else points.amax(-2)


def _larger(extent: ArrayT) -> ArrayT:
    return extent.max(-1) if isinstance(extent, np.ndarray) else extent.amax(-1)


def _require(good: Any, message: str) -> None:
    """Raise ``InputError`` that names the first face for which ``good`` (F,) is false."""
    values = np.atleast_1d(np.asarray(good if isinstance(good, np.ndarray | np.generic) else good.detach().cpu()))
    if not values.all():
        raise InputError(message.format(int(np.argmin(values))))
