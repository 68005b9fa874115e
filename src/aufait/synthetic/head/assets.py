"""ICT-FaceKit geometry, read once and prepared for drawing.

Source: ICT Face Model Light (USC ICT, MIT licence; Li et al., "Learning Formation of Physically-Based Face Attributes",
CVPR 2020), in the compact form of one ``ict_facekit.npz``. Units are centimetres; +x is the subject's left, +y up,
+z out of the face; front faces run counter-clockwise.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aufait.errors import InputError, MissingModelError

ASSET_NAME = "ict_facekit.npz"
ASSET_SHA256 = "3ead2f784e5fae3c5b1fe3bf411fdba99d4651c7b9286ea0e47792856c1a87aa"


class Material(enum.IntEnum):
    """What a triangle is made of. Props follow from ``PROP`` upwards, one number each."""

    FACE = 0
    HEAD = 1
    SOCKET = 2
    GUMS = 3
    TEETH = 4
    EYE_LEFT = 5
    EYE_RIGHT = 6
    PROP = 7


@dataclass(frozen=True, eq=False)
class Eye:
    """One eyeball. ``vertices`` is the index range of its sclera shell, ``center`` its neutral centre (3,)."""

    vertices: slice
    center: np.ndarray
    lid_vertices: np.ndarray
    """Indices of face vertices near the ball that must stay outside it."""


@dataclass(frozen=True, eq=False)
class FaceModel:
    """Geometry of a face: V vertices, T drawn triangles, 100 identity modes, 57 expression shapes.

    Attributes:
        neutral: (V, 3) float32, cm.
        identity_modes: (100, V * 3) float32, one standard deviation each.
        expression_shapes: (57, V, 3) float32, the displacement at weight 1.
        expression_index: shape name -> row of ``expression_shapes``.
        triangles: (T, 3) int32, the drawn ones only (no iris, lacrimal fluid or lash cards, no bust).
        triangle_uv: (T, 3, 2) float32 in the unit tile of the triangle's part, v up.
        material: (T,) int32, ``Material`` numbers.
        landmarks: (68,) int32 vertex of each of the 68 points.
        mirror: (V,) int32 left-right partner of each vertex.
        eyes: the subject's left and right eye.
        lash_grid: (2, 6, 6, 19) int32 vertices of the lash cards: eye, strip, root to tip, column.
    """

    neutral: np.ndarray
    identity_modes: np.ndarray
    expression_shapes: np.ndarray
    expression_index: dict[str, int]
    triangles: np.ndarray
    triangle_uv: np.ndarray
    material: np.ndarray
    landmarks: np.ndarray
    mirror: np.ndarray
    eyes: tuple[Eye, Eye]
    lash_grid: np.ndarray

    @functools.cached_property
    def triangle_center(self) -> np.ndarray:
        """(T, 3) float32 neutral centroids, in which masks over triangles are written."""
        return self.neutral[self.triangles].mean(axis=1)


def find_assets(path: str | Path | None = None) -> Path:
    """The geometry file: ``path``, else ``AUFAIT_ASSETS`` (file or folder), else the user cache.

    Raises:
        MissingModelError: none of them holds the file; the message says how to get it.
    """
    candidates = [Path(p) for p in (path, os.environ.get("AUFAIT_ASSETS")) if p]
    candidates.append(cache_folder())
    for candidate in candidates:
        file = candidate / ASSET_NAME if candidate.is_dir() else candidate
        if file.is_file():
            return file
    raise MissingModelError(
        f"the face geometry {ASSET_NAME} was not found in: {', '.join(map(str, candidates))}. Set AUFAIT_ASSETS to the "
        "file or its folder, or fetch and convert it once with: aufait synth --fetch-assets"
    )


def cache_folder() -> Path:
    """Folder for files that a user chose to download: ``AUFAIT_CACHE``, else the XDG cache."""
    base = os.environ.get("AUFAIT_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "aufait"


def load_face_model(path: str | Path | None = None, *, verify: bool = False) -> FaceModel:
    """The face model at ``path`` (see ``find_assets``), loaded once per process.

    Args:
        path: file or folder.
        verify: also check that it is the geometry that aufait was built on: by the file's SHA-256, or, for one that
            was converted on this machine, by its content.

    Raises:
        MissingModelError: the file is absent or, with ``verify``, another one.
        InputError: the file does not hold the expected arrays.
    """
    file = find_assets(path)
    if verify:
        _verify(file)
    return _load(file.resolve())


def _verify(file: Path) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest == ASSET_SHA256:
        return
    from aufait.synthetic.head.asset_content import content_problem

    problem = content_problem(file)
    if problem:
        raise MissingModelError(
            f"{file} is not the face geometry that aufait was built on: its SHA-256 is {digest}, expected {ASSET_SHA256}, "
            f"and {problem}. Remove it and fetch it again with: aufait synth --fetch-assets"
        )


@functools.lru_cache(maxsize=2)
def _load(file: Path) -> FaceModel:
    try:
        arrays = np.load(file, allow_pickle=False)
        return _prepare(arrays)
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} is not the compact ICT-FaceKit file: {error}") from error


def _prepare(arrays: np.lib.npyio.NpzFile) -> FaceModel:
    neutral = arrays["neutral"].astype(np.float32)
    parts = json.loads(str(arrays["geometry_json"]))
    eyeballs = json.loads(str(arrays["eyeball_json"]))
    drawn = [
        (Material.FACE, parts[0]),
        (Material.HEAD, parts[1]),
        (Material.SOCKET, parts[2]),
        (Material.SOCKET, parts[3]),
        (Material.SOCKET, parts[4]),
        (Material.GUMS, parts[5]),
        (Material.TEETH, parts[6]),
        (Material.EYE_LEFT, eyeballs[0]),
        (Material.EYE_RIGHT, eyeballs[2]),
    ]
    rows = np.concatenate([np.arange(*part["triangles"]) for _, part in drawn])
    material = np.concatenate([np.full(np.diff(part["triangles"])[0], m, np.int32) for m, part in drawn])
    triangles, uvs = arrays["triangles"][rows], arrays["uvs"][arrays["triangle_uvs"][rows]].astype(np.float32)
    uvs[..., 0] -= np.floor(uvs[..., 0].mean(axis=1, keepdims=True))  # UDIM tiles -> one unit tile per part

    center = neutral[triangles].mean(axis=1)
    neck = (center[:, 1] > -13.5) & (np.hypot(center[:, 0], center[:, 2]) < 6.7)
    keep = (center[:, 1] > -10.3) | neck  # the bust is open: clothes cover its rim
    return FaceModel(
        neutral=neutral,
        identity_modes=arrays["identity_deltas"].astype(np.float32).reshape(len(arrays["identity_deltas"]), -1),
        expression_shapes=arrays["expression_deltas"].astype(np.float32),
        expression_index={str(name): i for i, name in enumerate(arrays["expression_names"])},
        triangles=np.ascontiguousarray(triangles[keep], np.int32),
        triangle_uv=np.ascontiguousarray(uvs[keep]),
        material=material[keep],
        landmarks=arrays["landmarks68"].astype(np.int32),
        mirror=arrays["mirror_vertices"].astype(np.int32),
        eyes=(_eye(neutral, parts, eyeballs[0]["vertices"]), _eye(neutral, parts, eyeballs[2]["vertices"])),
        lash_grid=np.stack([_lash_grid(arrays, parts[15]), _lash_grid(arrays, parts[16])]),
    )


def _eye(neutral: np.ndarray, parts: list[dict], vertices: list[int]) -> Eye:
    shell = neutral[slice(*vertices)]
    center = (shell.min(axis=0) + shell.max(axis=0)) / 2
    near = np.linalg.norm(neutral - center, axis=1) < 2.6
    near &= (neutral[:, 2] > center[2] - 0.3) & (np.sign(neutral[:, 0]) == np.sign(center[0]))
    index = np.flatnonzero(near)
    # The lining of the sockets stays where it is: pushed out as well, it would show through the lids.
    face_start, face_stop = parts[0]["vertices"]
    return Eye(slice(*vertices), center, index[(index >= face_start) & (index < face_stop)])


def _lash_grid(arrays: np.lib.npyio.NpzFile, part: dict) -> np.ndarray:
    """The 6 strips x 6 rows x 19 columns of one eye's lash cards, sorted by their texture coordinates."""
    span = slice(*part["triangles"])
    vertices, first = np.unique(arrays["triangles"][span].ravel(), return_index=True)
    uv = arrays["uvs"][arrays["triangle_uvs"][span].ravel()][first]
    order = np.argsort(uv[:, 1])
    rows, row_uv = vertices[order].reshape(36, 19), uv[order].reshape(36, 19, 2)
    columns = np.argsort(row_uv[..., 0], axis=1)
    return np.take_along_axis(rows, columns, axis=1).reshape(6, 6, 19)[:, ::-1].astype(np.int32)
