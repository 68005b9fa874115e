"""What the frozen networks see of the training faces, stored once: feature maps, points, blend shapes.

The landmark network and the photo trunk are frozen, so their outputs are computed only once per picture. Renders are cleaner
and more similar to each other than photographs, so every face is stored in several views: the first as it is, the others through a
randomly drawn camera (light, colour, blur, grain, compression, objects in the way), with a window that is slightly off and, half of
them, mirrored. A folder of views is written in blocks, and an interrupted run resumes where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from aufait.alignment import compose, warp
from aufait.errors import OutputError
from aufait.faces.mesh_networks import CROP_SIZE, MESH_POINTS
from aufait.faces.mesh_window import window_matrix
from aufait.files.atomic import write_text
from aufait.media.images import read_image
from aufait.models.default.branches import BLENDSHAPES, COARSE_SHAPE, FINE_SHAPE
from aufait.models.default.crop import photo_transforms
from aufait.models.default.photo_trunk import COARSE_CHANNELS, FINE_CHANNELS, PHOTO_SIZE, PhotoTrunk
from aufait.shipped.faces.camera import Draw, distort, occlude

if TYPE_CHECKING:
    from aufait.faces.mesh_networks import MeshNetworks

@dataclass(frozen=True)
class ViewConfig:
    """How the views are drawn."""

    views: int = 2
    """Views of each face; the first is the picture as it is."""
    rotation: float = 0.05
    """Standard deviation of the window's turn, radians."""
    scale: float = 0.05
    """Standard deviation of the window's relative size."""
    shift: float = 0.02
    """Standard deviation of the window's shift, as a share of its side."""
    occluded: float = 0.15
    """Share of the drawn views with something in the way."""
    seed: int = 0
    """Seed of all draws; face ``k`` draws the same whatever the blocks."""


@dataclass(frozen=True, eq=False)
class FaceViews:
    """V views of N faces, read from disk as they are used (memory-mapped).

    Attributes:
        fine: (N, V, 128, 16, 16) float16, the landmark network's map before its last but one pooling.
        coarse: (N, V, 128, 8, 8) float16.
        points: (N, V, 478, 3) float32, pixels of the 256-pixel window.
        blendshapes: (N, V, 52) float32 in [0, 1].
        presence: (N, V) float32, the network's belief that there is a face, in [0, 1].
        photo_fine: (N, V, 40, 28, 28) float16, the photo trunk's maps of the aligned crop.
        photo_coarse: (N, V, 112, 14, 14) float16.
        mirrored: (N, V) bool; the labels of such a view have their sides exchanged.
    """

    fine: np.ndarray
    coarse: np.ndarray
    points: np.ndarray
    blendshapes: np.ndarray
    presence: np.ndarray
    photo_fine: np.ndarray
    photo_coarse: np.ndarray
    mirrored: np.ndarray

    def __len__(self) -> int:
        return len(self.fine)


_FLUSH = 16
"""Blocks after which what is done is brought to disk."""

_SHAPES: dict[str, tuple[tuple[int, ...], type]] = {
    "fine": (FINE_SHAPE, np.float16),
    "coarse": (COARSE_SHAPE, np.float16),
    "points": ((MESH_POINTS, 3), np.float32),
    "blendshapes": ((BLENDSHAPES,), np.float32),
    "presence": ((), np.float32),
    "photo_fine": ((FINE_CHANNELS, PHOTO_SIZE // 8, PHOTO_SIZE // 8), np.float16),
    "photo_coarse": ((COARSE_CHANNELS, PHOTO_SIZE // 16, PHOTO_SIZE // 16), np.float16),
    "mirrored": ((), np.bool_),
}


def store_views(
    folder: str | Path,
    pictures: Sequence[Path],
    landmarks: np.ndarray,
    networks: MeshNetworks,
    trunk: PhotoTrunk,
    config: ViewConfig | None = None,
    *,
    block: int = 32,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> FaceViews:
    """Compute the views of some pictures, each with one face, and keep them in ``folder``.

    Args:
        folder: new, or left by an interrupted run over the same pictures.
        pictures: N files.
        landmarks: (N, 68, 2) where the face is, pixels of each picture.
        networks: the landmark and blend-shape networks.
        trunk: the photo trunk.
        config: how the views are drawn.
        block: pictures that go through the network together.
        workers: threads that read pictures.
        progress: called with the number of faces that are done.

    Raises:
        OutputError: the folder holds views of other pictures or with other settings.
    """
    config, root = config or ViewConfig(), Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    done = _claim(root, {"views": asdict(config), "pictures": len(pictures), "first": str(pictures[0]), "last": str(pictures[-1])})
    arrays = {
        name: np.lib.format.open_memmap(
            root / f"{name}.npy", "r+" if done else "w+", dtype, (len(pictures), config.views, *shape)
        )
        for name, (shape, dtype) in _SHAPES.items()
    }
    with ThreadPoolExecutor(workers) as pool:
        blocks = [range(first, min(first + block, len(pictures))) for first in range(done, len(pictures), block)]
        reading = [pool.submit(_read, pictures, blocks[0])] if blocks else []
        for number, rows in enumerate(blocks):
            if number + 1 < len(blocks):
                reading.append(pool.submit(_read, pictures, blocks[number + 1]))
            images = reading.pop(0).result()
            for name, value in _views(images, landmarks[list(rows)], rows, networks, trunk, config).items():
                arrays[name][rows.start : rows.stop] = value
            if number % _FLUSH == _FLUSH - 1 or number + 1 == len(blocks):
                for array in arrays.values():
                    array.flush()
                _note(root, rows.stop)
            if progress:
                progress(rows.stop)
    return read_views(root)


def read_views(folder: str | Path) -> FaceViews:
    """Finished views of a folder."""
    return FaceViews(**{name: np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in _SHAPES})


def _claim(root: Path, settings: dict[str, object]) -> int:
    """Number of faces that are done already."""
    marker = root / "views.json"
    if not marker.is_file():
        marker.write_text(json.dumps({"settings": settings, "done": 0}, indent=1))
        return 0
    kept = json.loads(marker.read_text())
    if kept["settings"] != json.loads(json.dumps(settings)):
        raise OutputError(f"{root} holds views of other pictures or with other settings; choose another folder")
    return int(kept["done"])


def _note(root: Path, done: int) -> None:
    marker = root / "views.json"
    write_text(marker, json.dumps(json.loads(marker.read_text()) | {"done": done}, indent=1), overwrite=True)


def _read(pictures: Sequence[Path], rows: range) -> list[np.ndarray]:
    return [read_image(pictures[row]) for row in rows]


@torch.inference_mode()
def _views(
    images: list[np.ndarray],
    landmarks: np.ndarray,
    rows: range,
    networks: MeshNetworks,
    trunk: PhotoTrunk,
    config: ViewConfig,
) -> dict[str, np.ndarray]:
    """All views of one block: name -> (B, V, ...)."""
    window, aligned = _window(landmarks), photo_transforms(landmarks)  # (B, 2, 3) each
    parts = []
    for view in range(config.views):
        draw = Draw(torch.Generator().manual_seed((config.seed * 1_000_003 + rows.start) * 101 + view))
        mirrored = draw.chance(0.5, len(images)) if view else torch.zeros(len(images), dtype=torch.bool)
        seen = networks.landmarks(_drawn(images, window, CROP_SIZE, mirrored, view, draw, config))
        maps = trunk(_drawn(images, aligned, PHOTO_SIZE, mirrored, view, draw, config))
        parts.append(
            {
                "fine": seen.fine.half().numpy(),
                "coarse": seen.coarse.half().numpy(),
                "points": seen.points.numpy(),
                "blendshapes": networks.blendshapes(seen.points).numpy(),
                "presence": seen.presence.sigmoid().numpy(),
                "photo_fine": maps.fine.half().numpy(),
                "photo_coarse": maps.coarse.half().numpy(),
                "mirrored": mirrored.numpy(),
            }
        )
    return {name: np.stack([part[name] for part in parts], axis=1) for name in _SHAPES}


def _drawn(
    images: list[np.ndarray], matrices: np.ndarray, size: int, mirrored: Tensor, view: int, draw: Draw, config: ViewConfig
) -> Tensor:
    """The windows of one view, (B, 3, size, size) in [0, 1]: as they are for the first, else through a drawn camera."""
    if view == 0:
        return _crops(images, matrices, size)
    crops = _crops(images, compose(_wobble(len(images), size, draw, config), matrices), size)
    covered = draw.chance(config.occluded, len(images)).nonzero()[:, 0]
    textures = crops[draw.integers(len(crops), len(covered))].flip(2)
    crops = distort(occlude(crops, textures, covered, draw), draw)
    return torch.where(mirrored[:, None, None, None], crops.flip(3), crops)


def _crops(images: list[np.ndarray], matrices: np.ndarray, size: int) -> Tensor:
    """(B, 3, size, size) float in [0, 1]."""
    return torch.cat([warp(i, m[None], size) for i, m in zip(images, matrices, strict=True)]).float() / 255.0


def _window(landmarks: np.ndarray) -> np.ndarray:
    """(B, 68, 2) points -> (B, 2, 3) windows about as ``mesh_window`` cuts them from 478 points.

    On renders and photographs the size agrees within 4 % and the turn within a degree (standard deviations), less than the
    windows of the views are moved about.
    """
    eyes = landmarks[:, 42:48].mean(axis=1) - landmarks[:, 36:42].mean(axis=1)
    angle = np.arctan2(eyes[:, 1], eyes[:, 0])
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1)  # level with the eyes
    down = landmarks[:, 8] - landmarks[:, 27]  # from the root of the nose to the chin
    places = np.einsum("fpc,fc->fp", landmarks, along)
    middle = (places.min(axis=1) + places.max(axis=1)) / 2
    center = landmarks[:, 27] + 0.3 * down
    center = center + (middle - np.einsum("fc,fc->f", center, along))[:, None] * along
    side = 1.5 * np.maximum(1.45 * np.hypot(*down.T), 2.2 * np.hypot(*eyes.T))
    return window_matrix(center, side, angle)


def _wobble(count: int, size: int, draw: Draw, config: ViewConfig) -> np.ndarray:
    """(B, 2, 3) small similarity transforms about the middle of the window."""
    turn = draw.normal(count) * config.rotation
    scale = torch.exp(draw.normal(count) * config.scale)
    shift = draw.normal(count, 2) * config.shift * size
    cosine, sine = scale * turn.cos(), scale * turn.sin()
    linear = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1).double()  # (B, 2, 2)
    middle = torch.full((2,), size / 2 - 0.5, dtype=torch.double)
    offset = middle + shift.double() - linear @ middle
    return torch.cat([linear, offset[..., None]], dim=2).numpy()
