"""ICT-FaceKit geometry, read once and prepared for drawing.

Source: ICT Face Model Light (USC ICT, MIT licence; Li et al., "Learning Formation of Physically-Based Face Attributes",
CVPR 2020), in the compact form of one ``ict_facekit.npz``. Units are centimetres; +x is the subject's left, +y up,
+z out of the face; front faces run counter-clockwise.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aufait.errors import MissingModelError
from aufait.files.arrays import archive_errors, read_npz
from aufait.files.cache import cache_folder
from aufait.synthetic.drawing.materials import Material

ASSET_NAME = "ict_facekit.npz"
_TEXTS = ("expression_names", "geometry_json", "eyeball_json")
_ARRAYS = (
    "neutral", "uvs", "triangles", "triangle_uvs", "identity_deltas", "expression_deltas", "landmarks68", "mirror_vertices", *_TEXTS
)  # fmt: skip
_MOST_BYTES = 1 << 28
"""Of all arrays together; the file that aufait knows unpacks to 28 MB."""

ASSET_SHA256 = "3ead2f784e5fae3c5b1fe3bf411fdba99d4651c7b9286ea0e47792856c1a87aa"


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
    what, advice = "the compact ICT-FaceKit file", "fetch it again with: aufait synth --fetch-assets"
    arrays = read_npz(file, what=what, most_bytes=_MOST_BYTES, advice=advice, only=_ARRAYS)
    with archive_errors(file, what, advice):
        _check(arrays)
        return _prepare(arrays)


def _check(arrays: Mapping[str, np.ndarray]) -> None:
    """See that all arrays are there, of their shapes, and that indices and numbers are some.

    Raises:
        ValueError: it is not so.
    """
    from aufait.synthetic.head.asset_content import EXPRESSIONS, SHAPES

    for name in _ARRAYS:
        if name not in arrays:
            raise ValueError(f"{name} is not in it")
        values, shape = arrays[name], SHAPES.get(name, (len(EXPRESSIONS),) if name == "expression_names" else ())
        if values.shape != shape or values.dtype.kind not in ("U" if name in _TEXTS else "iuf"):
            raise ValueError(f"{name} is {values.dtype} {values.shape}, expected {shape}")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError(f"{name} holds values that are not numbers")
    owners = {"triangles": "neutral", "triangle_uvs": "uvs", "landmarks68": "neutral", "mirror_vertices": "neutral"}
    for name, length in owners.items():
        if arrays[name].dtype.kind not in "iu" or arrays[name].min() < 0 or arrays[name].max() >= len(arrays[length]):
            raise ValueError(f"{name} does not point into {length}")
    lengths = {"vertices": len(arrays["neutral"]), "triangles": len(arrays["triangles"])}
    for table in ("geometry_json", "eyeball_json"):
        for part in json.loads(str(arrays[table])):
            for key, most in lengths.items():
                if table == "geometry_json" or key == "vertices":
                    _check_span(part[key], most, f"{key} of a part in {table}")


def _check_span(span: Any, most: int, what: str) -> None:
    start, stop = span
    if not (isinstance(start, int) and isinstance(stop, int) and 0 <= start < stop <= most):
        raise ValueError(f"{what} are {span!r}, expected a range within {most}")


def _prepare(arrays: Mapping[str, np.ndarray]) -> FaceModel:
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


def _lash_grid(arrays: Mapping[str, np.ndarray], part: dict) -> np.ndarray:
    """The 6 strips x 6 rows x 19 columns of one eye's lash cards, sorted by their texture coordinates."""
    span = slice(*part["triangles"])
    vertices, first = np.unique(arrays["triangles"][span].ravel(), return_index=True)
    uv = arrays["uvs"][arrays["triangle_uvs"][span].ravel()][first]
    order = np.argsort(uv[:, 1])
    rows, row_uv = vertices[order].reshape(36, 19), uv[order].reshape(36, 19, 2)
    columns = np.argsort(row_uv[..., 0], axis=1)
    return np.take_along_axis(rows, columns, axis=1).reshape(6, 6, 19)[:, ::-1].astype(np.int32)
