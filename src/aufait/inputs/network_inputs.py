"""From stored faces to a network's input: window, mirror, turning and scaling, neighbouring frames, camera faults.

One function serves training and evaluation, so that the two can never disagree about geometry. Everything works on batches and
on any device; points move by the same transform as pixels. All randomness comes from a table of uniform numbers, one row per face,
which the caller draws: a face then gets the same augmentation however many processes share the batch and wherever a run resumes.

Papers: random 176-pixel window of the 200-pixel face and mirroring, ARL section 4.1.2 and JAA-Net; random scaling, ABRNet
section 3.1; turning, scaling, shifting and image faults, the same for the three frames of a face, AUNet section V-C. Of AUNet's
image faults the released program fixes the strengths; how we write them as tensor operations: ``camera_faults``.
Our readings: networks whose input is between 160 pixels and the stored 200 see a window of the size they need (DRML 170, Deep
Regions the whole 200); other sizes see the published window, resized.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aufait.alignment import apply_transform, compose, invert, similarity_from_points
from aufait.errors import InputError
from aufait.inputs.alignments import alignment_of, get_alignment
from aufait.inputs.camera_faults import DRAWS_FOR_FAULTS, camera_faults
from aufait.landmarks import convert, five_points, mirror_landmarks

if TYPE_CHECKING:
    from aufait.inputs.augmentation import Augmentation
    from aufait.models.system import AUSystem

_DRAWS_FOR_GEOMETRY = 7
DRAWS = _DRAWS_FOR_GEOMETRY + DRAWS_FOR_FAULTS
"""Uniform numbers in [0, 1) that each face needs."""

_SMALLEST_WINDOW = 160
"""Inputs at least this large are cut from a 200-pixel face pixel by pixel; smaller ones are resized."""

_CPU_FACES = 4
"""Faces that a CPU works on at a time."""


@dataclass(frozen=True)
class Geometry:
    """Sizes in pixels: stored face, window of it that the network sees, network input; grey value (0-1) outside the picture."""

    side: int
    window: int
    size: int
    border: float

    @classmethod
    def of(cls, model: AUSystem, side: int, alignment: str | None = None) -> Geometry:
        """How a network's input is cut from stored faces.

        Raises:
            InputError: the faces do not have the side of that alignment, or the network reads more than stored faces.
        """
        if model.further_inputs:
            name, more = type(model).__name__, ", ".join(model.further_inputs)
            raise InputError(
                f"{name} also reads {more} of the {model.needs_finder} finder, which stored faces do not hold: "
                "use it on pictures and videos, by aufait detect and aufait evaluate MODEL --data NAME=ROOT"
            )
        frame = get_alignment(alignment or alignment_of(model))
        if side != frame.side:
            raise InputError(
                f"{type(model).__name__} reads faces of alignment {frame.name!r}, stored with {frame.side} pixels; got {side}. "
                "Prepare the data with that alignment"
            )
        size = int(model.config.image_size)
        own = frame.enlargement is not None and _SMALLEST_WINDOW <= size <= side
        return cls(side, size if own else frame.window, size, frame.border / 255)

    def to_input(self) -> np.ndarray:
        """(2, 3) float64 from pixels of the stored face to those of the input, where nothing is augmented."""
        zoom, corner = self.size / self.window, (self.side - self.window) // 2
        shift = (0.5 - corner) * zoom - 0.5
        return np.array([[zoom, 0.0, shift], [0.0, zoom, shift]])


def network_inputs(
    model: AUSystem,
    faces: Tensor,
    landmarks: Tensor | None = None,
    *,
    training: bool = False,
    generator: torch.Generator | None = None,
    neighbours: tuple[Tensor, Tensor] | None = None,
    augmentation: Augmentation | None = None,
    draws: Tensor | None = None,
    mirrored: bool = False,
    alignment: str | None = None,
    scheme: int = 49,
) -> dict[str, Tensor]:
    """Make a network's keyword arguments from stored faces.

    Args:
        model: the network; its size, frames and alignment decide.
        faces: (B, S, S, 3) uint8 RGB on the device of the network.
        landmarks: (B, N, 2) pixels of the stored faces, N = 68, 66 or 49; needed by networks that read them and by neighbours.
        training: augment by ``augmentation``; otherwise the central window.
        generator: of the random numbers; not needed with ``draws``.
        neighbours: faces (B, 2, S, S, 3) and landmarks (B, 2, N, 2) of the earlier and the later frame, for networks that see
            three; ``None`` repeats the current frame, as for photographs.
        augmentation: what training changes; ``None`` means the window and mirroring of the 200-pixel papers.
        draws: (B, ``DRAWS``) uniform numbers on the CPU, in place of ``generator``.
        mirrored: mirror all faces, for the second pass of AUNet's test; not while training.
        alignment: of the stored faces, where it is not the network's own.
        scheme: number of landmarks to return, 49, 66 or 68.

    Returns:
        "images" as the network takes them, float32 in [0, 1], and, where ``landmarks`` were given, "landmarks" (B, scheme, 2)
        in pixels of the (current) image: labels for networks that learn to locate them.

    Raises:
        InputError: shapes, types or sizes that do not fit, or landmarks that are needed and missing.
    """
    _check(model, faces, landmarks)
    geometry = Geometry.of(model, faces.shape[1], alignment)
    if model.frames == 1:
        neighbours = None
    if not training:
        table = torch.full((len(faces), DRAWS), 0.5)
        table[:, 0] = 0.0 if mirrored else 1.0
        augmentation = _still()
    else:
        augmentation = augmentation or _default()
        table = _table(len(faces), generator, draws)
    # On a CPU a few faces at a time: what fits its cache is made several times as fast, and never needs gigabytes.
    size = _CPU_FACES if faces.device.type == "cpu" else len(faces)
    made = []
    for start in range(0, len(faces), max(size, 1)):
        own = slice(start, start + size)
        around = None if neighbours is None else (neighbours[0][own], neighbours[1][own])
        part = None if landmarks is None else landmarks[own]
        images, points = _geometry(
            geometry, faces[own], part, around, augmentation, table[own], model.frames == 3, scheme, model.neighbour_nose
        )
        if training:
            images = camera_faults(images, augmentation, table[own, _DRAWS_FOR_GEOMETRY:])
        made.append((images, points))
    images = made[0][0] if len(made) == 1 else torch.cat([one for one, _ in made])
    points = None if landmarks is None else torch.cat([one for _, one in made if one is not None])
    inputs = {"images": images if model.frames == 3 else images[:, 0]}
    if points is not None:
        inputs["landmarks"] = points
    return inputs


def draw_faces(count: int, generator: torch.Generator | None = None) -> Tensor:
    """(count, ``DRAWS``) uniform numbers for ``network_inputs``."""
    return torch.rand(count, DRAWS, generator=generator)


def _check(model: AUSystem, faces: Tensor, landmarks: Tensor | None) -> None:
    if faces.ndim != 4 or faces.shape[1] != faces.shape[2] or faces.shape[3] != 3 or faces.dtype != torch.uint8:
        raise InputError(f"stored faces must be (B, S, S, 3) uint8, got {tuple(faces.shape)} {faces.dtype}")
    if not len(faces):
        raise InputError("got an empty batch of faces; skip the call when there is no face")
    if model.landmark_points and landmarks is None:
        raise InputError(f"{type(model).__name__} reads landmarks; give those of the stored faces")
    if landmarks is not None and (landmarks.ndim != 3 or len(landmarks) != len(faces)):
        raise InputError(f"landmarks must be ({len(faces)}, N, 2) for as many faces, got {tuple(landmarks.shape)}")


def _table(count: int, generator: torch.Generator | None, draws: Tensor | None) -> Tensor:
    if draws is None:
        return draw_faces(count, generator)
    if tuple(draws.shape) != (count, DRAWS):
        raise InputError(f"draws must have shape ({count}, {DRAWS}), got {tuple(draws.shape)}")
    return draws.cpu()


def _default() -> Augmentation:
    from aufait.inputs.augmentation import Augmentation

    return Augmentation()


def _still() -> Augmentation:
    """Nothing but what the table says about mirroring."""
    from aufait.inputs.augmentation import Augmentation

    return Augmentation(crop=False, mirror=0.5)


# ---------------------------------------------------------------------------------------------------------------------
# Geometry. Columns of the table: 0 mirror, 1-2 window, 3 scale, 4 angle, 5-6 shift.
# ---------------------------------------------------------------------------------------------------------------------


def _geometry(
    geometry: Geometry,
    faces: Tensor,
    landmarks: Tensor | None,
    neighbours: tuple[Tensor, Tensor] | None,
    augmentation: Augmentation,
    table: Tensor,
    three: bool,
    scheme: int,
    nose: str,
) -> tuple[Tensor, Tensor | None]:
    """Images (B, F, 3, s, s) in [0, 1] and points (B, scheme, 2) or None; F = 3 with ``three``."""
    points = None if landmarks is None else landmarks.detach().cpu().double()
    if _turns(augmentation) or (neighbours is not None):
        matrix = _matrices(geometry, augmentation, table)
        images = _warp(faces, matrix, geometry)[:, None]
        if neighbours is not None:
            images = torch.cat((images, _aligned_neighbours(neighbours, points, matrix, geometry, nose)), dim=1)
    else:
        offsets = _offsets(geometry, augmentation, table)
        images = _resize(_window(faces, offsets, geometry.window), geometry.size)[:, None]
        matrix = _window_matrices(offsets, geometry)
    if three and images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1, -1)
    flip = table[:, 0] < augmentation.mirror
    images = _mirror_images(images, flip)
    if points is None:
        return images, None
    moved = convert(apply_transform(matrix, points), scheme).float()
    moved = torch.where(flip[:, None, None], mirror_landmarks(moved, geometry.size), moved)
    return images, moved.to(faces.device)


def _turns(augmentation: Augmentation) -> bool:
    return any((augmentation.rotation, augmentation.scale, augmentation.crop_scale, augmentation.shift))


def _offsets(geometry: Geometry, augmentation: Augmentation, table: Tensor) -> Tensor:
    """(B, 2) integer x, y of the window's first pixel: 0 to side - window, each as likely."""
    span = geometry.side - geometry.window
    if not augmentation.crop:
        return torch.full((len(table), 2), span // 2)
    return (table[:, 1:3] * (span + 1)).long().clamp_(max=span)


def _window(faces: Tensor, offsets: Tensor, window: int) -> Tensor:
    """(B, S, S, 3) uint8 -> float (B, 3, W, W) in [0, 1], pixels copied."""
    if faces.shape[1] == window:
        cut = faces.permute(0, 3, 1, 2)
    else:  # all windows of all faces as a view, of which one each is copied
        offsets = offsets.to(faces.device, non_blocking=True)
        windows = faces.unfold(1, window, 1).unfold(2, window, 1)  # (B, S - W + 1, S - W + 1, 3, W, W)
        cut = windows[torch.arange(len(faces), device=faces.device), offsets[:, 1], offsets[:, 0]]
    return cut.to(torch.float32).div_(255)


def _resize(images: Tensor, size: int) -> Tensor:
    if images.shape[-1] == size:
        return images.contiguous()
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True).clamp_(0, 1)


def _window_matrices(offsets: Tensor, geometry: Geometry) -> Tensor:
    """(B, 2, 3) float64 from stored face to input pixels, for windows without turning."""
    zoom = geometry.size / geometry.window
    return _similarity(torch.full((len(offsets),), zoom), torch.zeros(len(offsets)), (0.5 - offsets.double()) * zoom - 0.5)


def _matrices(geometry: Geometry, augmentation: Augmentation, table: Tensor) -> Tensor:
    """(B, 2, 3) float64 from stored face to input pixels: turned and scaled about the middle, then shifted."""
    signed = 2.0 * table.double() - 1.0
    zoom = geometry.size / geometry.window
    factor = (1 + augmentation.scale * signed[:, 3]) / (1 + augmentation.crop_scale * signed[:, 3])  # size of the face
    angle = torch.deg2rad(augmentation.rotation * signed[:, 4])
    shift = augmentation.shift * geometry.window * signed[:, 5:7]
    if augmentation.crop:
        shift = shift + signed[:, 1:3] * ((geometry.side * factor - geometry.window) / 2).clamp(min=0)[:, None]
    linear = _similarity(factor * zoom * angle.cos(), factor * zoom * angle.sin(), torch.zeros(len(table), 2))
    middle = torch.full((len(table), 1, 2), (geometry.side - 1) / 2, dtype=torch.float64)
    centre = (geometry.size - 1) / 2
    linear[:, :, 2] = centre + shift * zoom - apply_transform(linear, middle)[:, 0]
    return linear


def _similarity(real: Tensor, imaginary: Tensor, shift: Tensor) -> Tensor:
    real, imaginary, shift = real.double(), imaginary.double(), shift.double()
    rows = (torch.stack((real, -imaginary, shift[:, 0]), -1), torch.stack((imaginary, real, shift[:, 1]), -1))
    return torch.stack(rows, 1)


def _aligned_neighbours(
    neighbours: tuple[Tensor, Tensor], points: Tensor | None, matrix: Tensor, geometry: Geometry, nose: str
) -> Tensor:
    """Earlier and later frame (B, 2, 3, s, s), their five points laid on those of the current frame (AUNet section IV-C).

    The program warps each frame once, out of its picture. Stored faces have been warped before; a current frame that is not
    augmented is copied from there. So neighbours are read by cubic interpolation, which hardly blurs: otherwise all differences
    of frames would show the blur of a second linear one.
    """
    if points is None:
        raise InputError("neighbouring frames are laid on the current one by landmarks; give those of the current faces")
    faces, theirs = neighbours
    target = five_points(apply_transform(matrix, points), nose)  # (B, 5, 2)
    source = five_points(theirs.detach().cpu().double(), nose)  # (B, 2, 5, 2)
    matrices = similarity_from_points(source.flatten(0, 1), target.repeat_interleave(source.shape[1], 0))
    return _warp(faces.flatten(0, 1), matrices, geometry, "bicubic").unflatten(0, (-1, source.shape[1]))


def _warp(faces: Tensor, matrix: Tensor, geometry: Geometry, mode: str = "bilinear") -> Tensor:
    """(B, S, S, 3) uint8 moved by (B, 2, 3) on the CPU -> float (B, 3, s, s) in [0, 1]; ``mode`` of the interpolation."""
    images = faces.permute(0, 3, 1, 2).to(torch.float32).div_(255).sub_(geometry.border)
    shrink = max(geometry.window // geometry.size, 1)
    if shrink > 1:  # means of blocks first, or fine detail would turn into noise
        images = F.avg_pool2d(images, shrink)
        halved = torch.tensor([[shrink, 0, (shrink - 1) / 2], [0, shrink, (shrink - 1) / 2]], dtype=torch.float64)
        matrix = compose(matrix, halved.expand(len(matrix), -1, -1))
    side, size = images.shape[-1], geometry.size
    back = invert(matrix).float().to(faces.device, non_blocking=True)
    axis = torch.arange(size, device=faces.device, dtype=torch.float32)
    across = back[:, :, 0, None, None] * axis  # (B, 2, 1, s)
    down = back[:, :, 1, None, None] * axis[:, None]  # (B, 2, s, 1)
    source = (across + down + back[:, :, 2, None, None]).permute(0, 2, 3, 1)  # (B, s, s, 2)
    grid = (2 * source + 1) / side - 1
    warped = F.grid_sample(images, grid, mode=mode, padding_mode="zeros", align_corners=False)
    return warped.add_(geometry.border).clamp_(0, 1)


def _mirror_images(images: Tensor, flip: Tensor) -> Tensor:
    if not bool(flip.any()):
        return images
    if bool(flip.all()):
        return images.flip(-1)
    return torch.where(flip.to(images.device)[:, None, None, None, None], images.flip(-1), images)
