"""Gets the geometry of ICT Face Model Light from its makers once, and converts it to the compact file.

The makers publish 158 OBJ files (USC ICT, MIT licence); what the engine needs of them fits into 16 MB. Fetching happens
on explicit request only, from one pinned commit, or from a copy that is already on the disc.
"""

from __future__ import annotations

import io
import json
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from aufait.errors import InputError, MissingModelError
from aufait.files.atomic import AtomicOutput, output_errors, write_text
from aufait.files.cache import cache_folder
from aufait.files.download import download
from aufait.synthetic.head.asset_content import (
    EXPRESSIONS,
    EYEBALLS,
    EYEBALLS_START,
    IDENTITIES,
    PARTS,
    POLYGONS,
    VERTICES,
    arrays_problem,
    content_problem,
    part_rows,
)
from aufait.synthetic.head.assets import ASSET_NAME

COMMIT = "da5f95a607f5e6b37755b38d3385d7f2853732e5"
ARCHIVE_URL = f"https://github.com/ICT-VGL/ICT-FaceKit/archive/{COMMIT}.zip"
_MOST_BYTES = 1 << 26
"""Of one file of the archive; the largest OBJ file has a tenth of that."""
LICENCE_NAME = "ICT-FaceKit-LICENSE.txt"
LICENCE = """MIT License

Copyright (c) 2020 USC Institute for Creative Technologies

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""

_FOLDER = "FaceXModel"
_NEUTRAL = "generic_neutral_mesh.obj"
_LISTS = "vertex_indices.json"
_NOISE = 1e-3  # cm; smaller motion in expression shapes is export noise
_TWINS = ((3, 4), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16))  # left and right rows of PARTS

Reader = Callable[[str], bytes]
Progress = Callable[[str, int, int | None], None]
"""Called with what is being done ("downloading", "converting"), how much is done, and how much there is if known."""


def fetch_assets(
    target_folder: str | Path | None = None,
    *,
    source: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Make the compact geometry file, with the licence next to it; does nothing if a good one is already there.

    Args:
        target_folder: folder for the file; the user cache (``AUFAIT_CACHE``) if left out. Made if absent.
        source: a clone, an unpacked or a zipped archive of ICT-FaceKit, or its folder ``FaceXModel``. Without it the
            archive of the pinned commit is downloaded and removed again after conversion.
        progress: called with what is being done, how much is done, and how much there is if known.

    Returns:
        Path of the geometry file.

    Raises:
        MissingModelError: no connection, or what came is not the geometry that aufait was built on.
        InputError: a file is missing in ``source``, or one of them is damaged.
        OutputError: the target folder cannot be written.
    """
    folder = Path(target_folder) if target_folder is not None else cache_folder()
    target = folder / ASSET_NAME
    if source is None and target.is_file() and content_problem(target) is None:
        _write_licence(folder)
        return target
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    tell = progress or _silent
    if source is not None:
        return _convert_into(target, Path(source), tell)
    with output_errors(folder):
        scratch = tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-")
    with scratch as name:
        archive = download(ARCHIVE_URL, Path(name) / "archive.zip", progress=lambda *sizes: tell("downloading", *sizes))
        return _convert_into(target, archive, tell)


def _silent(what: str, done: int, total: int | None) -> None:
    """Reports to nobody."""


def _convert_into(target: Path, source: Path, tell: Progress) -> Path:
    with _reader(source) as read:
        arrays = convert(read, tell)
    problem = arrays_problem(arrays)
    if problem:
        raise MissingModelError(
            f"{source} is not the ICT-FaceKit that aufait was built on: {problem}. Use commit {COMMIT}; nothing was kept"
        )
    output = AtomicOutput(target, overwrite=True)
    try:
        with output_errors(target):
            np.savez_compressed(output.partial, **arrays)  # type: ignore[arg-type]
        _write_licence(target.parent)
        return output.commit()
    finally:
        output.discard()


def _write_licence(folder: Path) -> None:
    if not (folder / LICENCE_NAME).is_file():
        write_text(folder / LICENCE_NAME, LICENCE)


@contextmanager
def _reader(source: Path) -> Iterator[Reader]:
    """Gives a function that reads one file of ``FaceXModel`` from a folder or a zip archive."""
    if source.is_dir():
        folder = source / _FOLDER if (source / _FOLDER).is_dir() else source
        yield lambda name: _read(lambda: (folder / name).read_bytes(), name, source)
    elif not source.exists():
        raise InputError(f"there is no {source}; name a clone or a zip archive of ICT-FaceKit")
    else:
        try:
            with zipfile.ZipFile(source) as archive:
                prefix = _prefix(archive, source)
                yield lambda name: _read(lambda: _unpacked(archive, prefix + name), name, source)
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise InputError(f"{source} is not a whole zip archive: {error}") from error


def _prefix(archive: zipfile.ZipFile, source: Path) -> str:
    found = [name for name in archive.namelist() if name.rpartition("/")[2] == _NEUTRAL]
    if not found:
        raise InputError(f"{source} holds no {_NEUTRAL}; it should be an archive of ICT-FaceKit, commit {COMMIT}")
    return found[0].removesuffix(_NEUTRAL)


def _read(open_it: Callable[[], bytes], name: str, source: Path) -> bytes:
    try:
        return open_it()
    except (FileNotFoundError, KeyError) as error:
        raise InputError(f"{name} is missing in {source}; is it a whole copy of ICT-FaceKit?") from error
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{name} in {source} cannot be read: {error}") from error


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """A file of the archive, unless it unpacks to far more than any of ICT-FaceKit does."""
    if archive.getinfo(name).file_size > _MOST_BYTES:
        raise OSError(f"it unpacks to more than {_MOST_BYTES >> 20} MB")
    return archive.read(name)


def convert(
    read: Reader,
    tell: Progress = _silent,
    *,
    identities: int = IDENTITIES,
    expressions: tuple[str, ...] = EXPRESSIONS,
) -> dict[str, np.ndarray]:
    """The arrays of the compact file from the makers' files.

    Args:
        read: name of a file in ``FaceXModel`` -> its bytes.
        tell: see ``fetch_assets``.
        identities: how many identity modes to take, the most important first.
        expressions: names of the expression shapes to take.

    Raises:
        InputError: a file is absent or damaged.
    """
    neutral, mesh = _neutral(read)
    total = identities + len(expressions)
    modes = np.empty((identities, VERTICES, 3), np.float16)
    for row in range(identities):
        tell("converting", row, total)
        modes[row] = _shape(read, f"identity{row:03d}.obj") - neutral
    shapes = np.empty((len(expressions), VERTICES, 3), np.float16)
    for row, name in enumerate(expressions):
        tell("converting", identities + row, total)
        motion = _shape(read, f"{name}.obj") - neutral
        motion[np.linalg.norm(motion, axis=1) < _NOISE] = 0
        shapes[row] = motion
    tell("converting", total, total)
    return {
        "neutral": neutral.astype(np.float32),
        **mesh,
        "identity_deltas": modes,
        "expression_deltas": shapes,
        "expression_names": np.array(expressions),
        "landmarks68": _landmarks(read),
        "mirror_vertices": mirror_vertices(neutral),
        "geometry_json": np.array(json.dumps(part_rows(PARTS, (0, 0), mesh["polygons"]))),
        "eyeball_json": np.array(json.dumps(part_rows(EYEBALLS, EYEBALLS_START, mesh["polygons"]))),
    }


def _neutral(read: Reader) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Neutral vertices (V, 3) float64 and the arrays of the mesh."""
    lines = _lines(read, _NEUTRAL)
    uvs = _numbers([line for line in lines if line.startswith(b"vt ")], 2, _NEUTRAL)
    corners = [line.split()[1:] for line in lines if line.startswith(b"f ")]
    if len(corners) != POLYGONS:
        raise InputError(f"{_NEUTRAL} has {len(corners)} polygons, expected {POLYGONS}; it is damaged or of another version")
    polygons, polygon_uvs = _polygons(corners, len(uvs))
    owner = np.repeat(np.arange(POLYGONS, dtype=np.int32), 1 + (polygons[:, 3] >= 0))
    mesh = {
        "polygons": polygons,
        "polygon_uvs": polygon_uvs,
        "triangles": _fan(polygons),
        "triangle_uvs": _fan(polygon_uvs),
        "triangle_polygon": owner,
        "uvs": uvs.astype(np.float32),
    }
    return _vertices(lines, _NEUTRAL), mesh


def _shape(read: Reader, name: str) -> np.ndarray:
    return _vertices(_lines(read, name), name)


def _lines(read: Reader, name: str) -> list[bytes]:
    return read(name).splitlines()


def _vertices(lines: list[bytes], name: str) -> np.ndarray:
    vertices = _numbers([line for line in lines if line.startswith(b"v ")], 3, name)
    if len(vertices) != VERTICES:
        raise InputError(f"{name} has {len(vertices)} vertices, expected {VERTICES}; it is damaged or of another version")
    return vertices


def _numbers(lines: list[bytes], count: int, name: str) -> np.ndarray:
    """The first ``count`` numbers after the keyword of each line, (lines, count) float64."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # no line at all; the caller counts them
            table = np.loadtxt(io.BytesIO(b"\n".join(lines)), usecols=range(1, count + 1), ndmin=2)
    except ValueError as error:
        raise InputError(f"{name} is damaged: {error}") from error
    if not np.isfinite(table).all():
        raise InputError(f"{name} is damaged: it holds numbers that are not finite")
    return table.reshape(-1, count)


def _polygons(corners: list[list[bytes]], uv_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and texture rows of the polygons' corners, each (P, 4) int32 with -1 after the last one of triangles."""
    if any(len(polygon) not in (3, 4) for polygon in corners):
        raise InputError(f"{_NEUTRAL} is damaged: a polygon has neither 3 nor 4 corners")
    try:
        pairs = [[corner.split(b"/")[:2] for corner in (*polygon, b"0/0")[:4]] for polygon in corners]
        table = np.array(pairs, dtype=np.bytes_).astype(np.int32) - 1  # (P, 4, 2); OBJ counts from 1
    except ValueError as error:
        raise InputError(f"{_NEUTRAL} is damaged: {error}") from error
    inside = (table[..., 0] < VERTICES) & (table[..., 1] < uv_count) & (table >= -1).all(axis=-1)
    if not inside.all() or (table[:, :3] < 0).any():
        raise InputError(f"{_NEUTRAL} is damaged: a polygon names a vertex that is not there")
    return np.ascontiguousarray(table[..., 0]), np.ascontiguousarray(table[..., 1])


def _fan(polygons: np.ndarray) -> np.ndarray:
    """(P, 4) -> (T, 3): quads as corners 0, 1, 2 and 0, 2, 3, triangles as they are, in the order of the polygons."""
    both = polygons[:, [[0, 1, 2], [0, 2, 3]]]
    real = np.stack([np.ones(len(polygons), bool), polygons[:, 3] >= 0], axis=1)
    return np.ascontiguousarray(both[real])


def _landmarks(read: Reader) -> np.ndarray:
    try:
        rows = np.array(json.loads(read(_LISTS))["idx_to_landmark_verts"], np.int32)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{_LISTS} is damaged: {error!r}") from error
    if rows.shape != (68,) or rows.min() < 0 or rows.max() >= VERTICES:
        raise InputError(f"{_LISTS} is damaged: expected 68 landmark vertices, got {rows.shape}")
    return rows


def mirror_vertices(neutral: np.ndarray) -> np.ndarray:
    """Left-right partner of each vertex (V,) int32; every vertex is the partner of its partner.

    Partners are nearest neighbours after mirroring, part by part, since parts touch. Where some coincide (the strips
    of the lashes), the first free one is taken.
    """
    starts = (0, *(stop for _, stop, _ in PARTS))
    indices = [np.arange(*ends) for ends in zip(starts, starts[1:], strict=False)]
    twins = {row for pair in _TWINS for row in pair}
    mirror = np.full(len(neutral), -1, np.int32)
    for a, b in (*_TWINS, *((row, row) for row in range(len(PARTS)) if row not in twins)):
        _pair(neutral, indices[a], indices[b], mirror)
    return mirror


def _pair(neutral: np.ndarray, here: np.ndarray, there: np.ndarray, mirror: np.ndarray) -> None:
    """Fills in the partners of two parts (or of one with itself)."""
    from scipy.spatial import cKDTree

    flipped = neutral * (-1, 1, 1)
    forth = there[cKDTree(neutral[there]).query(flipped[here])[1]]
    back = dict(zip(there.tolist(), here[cKDTree(neutral[here]).query(flipped[there])[1]].tolist(), strict=True))
    agreed = np.array([back[int(partner)] for partner in forth]) == here
    mirror[here[agreed]], mirror[forth[agreed]] = forth[agreed], here[agreed]
    for vertex in here[~agreed]:
        if mirror[vertex] < 0:
            free = there[mirror[there] < 0]
            partner = free[np.linalg.norm(neutral[free] - flipped[vertex], axis=1).argmin()]
            mirror[vertex], mirror[partner] = partner, vertex
