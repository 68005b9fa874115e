"""What the compact geometry file must hold: part tables, names, and sums that show whether a conversion is right.

The OBJ files are text, so two right conversions may differ in the last digit and their files in every byte. The sums
tolerate that; index arrays are compared exactly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aufait.errors import InputError
from aufait.files.arrays import read_npz

VERTICES = 26719
POLYGONS = 26384
IDENTITIES = 100

EXPRESSIONS: tuple[str, ...] = (
    *("browDown_L", "browDown_R", "browInnerUp_L", "browInnerUp_R", "browOuterUp_L", "browOuterUp_R"),
    *("cheekPuff_L", "cheekPuff_R", "cheekSquint_L", "cheekSquint_R", "eyeBlink_L", "eyeBlink_R"),
    *("eyeLookDown_L", "eyeLookDown_R", "eyeLookIn_L", "eyeLookIn_R", "eyeLookOut_L", "eyeLookOut_R"),
    *("eyeLookUp_L", "eyeLookUp_R", "eyeSquint_L", "eyeSquint_R", "eyeWide_L", "eyeWide_R"),
    *("jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthDimple_L", "mouthDimple_R"),
    *("mouthFrown_L", "mouthFrown_R", "mouthFunnel", "mouthLeft", "mouthLowerDown_L", "mouthLowerDown_R"),
    *("mouthPress_L", "mouthPress_R", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper"),
    *("mouthShrugLower", "mouthShrugUpper", "mouthSmile_L", "mouthSmile_R", "mouthStretch_L", "mouthStretch_R"),
    *("mouthUpperUp_L", "mouthUpperUp_R", "noseSneer_L", "noseSneer_R"),
    *("cheekRaiser_L", "cheekRaiser_R", "PupilDilate_L", "PupilDilate_R"),  # shipped, but absent from the source's list
)

Part = tuple[str, int, int]
"""Name, and where its vertices and its polygons end; each part starts where the one before it ends."""

PARTS: tuple[Part, ...] = (
    ("Face", 9409, 9230),
    ("Head and Neck", 11248, 11144),
    ("Mouth socket", 13294, 13226),
    ("Eye socket left", 13678, 13630),
    ("Eye socket right", 14062, 14034),
    ("Gums and tongue", 17039, 17006),
    ("Teeth", 21451, 21496),
    ("Eyeball left", 23021, 23094),
    ("Eyeball right", 24591, 24692),
    ("Lacrimal fluid left", 24795, 24855),
    ("Lacrimal fluid right", 24999, 25018),
    ("Eye blend left", 25023, 25033),
    ("Eye blend right", 25047, 25048),
    ("Eye occlusion left", 25199, 25176),
    ("Eye occlusion right", 25351, 25304),
    ("Eyelashes left", 26035, 25844),
    ("Eyelashes right", 26719, 26384),
)
EYEBALLS_START = (21451, 21496)
EYEBALLS: tuple[Part, ...] = (
    ("Sclera left", 22221, 22296),
    ("Iris left", 23021, 23094),
    ("Sclera right", 23791, 23894),
    ("Iris right", 24591, 24692),
)

# Sums, see ``fingerprint``, of the reference conversion.
SUMS: dict[str, tuple[float, float, float]] = {
    "neutral": (386541.4, 190755.6, 193304.8),
    "uvs": (67384.7, 41183.41, 33691.9),
    "identity_deltas": (94687.32, 20156.71, 46926.81),
    "expression_deltas": (111113.1, 58890.92, 57211.15),
}
# SHA-256 of the array as little-endian int32.
DIGESTS: dict[str, str] = {
    "triangles": "8ab3c6fcb4f97d57fc9b5b6377ad687730ad039f558357f5cf16257cccf0a93b",
    "triangle_uvs": "8064589b56cd23db551cd8aa20ba329c45b13dd3cf77c1c0ea15805e8ed6a169",
    "landmarks68": "30a436b0d5c87c13d04a43803ea1d85964cdf497fff34614ddeeee6d28373f7e",
}
# Single values: (array, flat index, value).
PROBES: tuple[tuple[str, int, float], ...] = (
    ("neutral", 1211, 10.6518),
    ("neutral", 33334, -10.4549),
    ("neutral", 43802, 10.414),
    ("neutral", 43967, 10.1329),
    ("uvs", 36612, 3.81514),
    ("uvs", 39238, 3.41602),
    ("uvs", 39328, 3.29732),
    ("uvs", 57578, 6.41059),
    ("identity_deltas", 900, 0.1989746),
    ("identity_deltas", 40015, -0.09503174),
    ("identity_deltas", 43170, 0.1201782),
    ("identity_deltas", 128972, 0.1380615),
    ("expression_deltas", 1602571, 0.1314697),
    ("expression_deltas", 1950968, 0.03149414),
    ("expression_deltas", 3140126, -0.0994873),
    ("expression_deltas", 3466018, 0.130249),
)
SHAPES: dict[str, tuple[int, ...]] = {
    "neutral": (VERTICES, 3),
    "uvs": (28911, 2),
    "triangles": (52220, 3),
    "triangle_uvs": (52220, 3),
    "identity_deltas": (IDENTITIES, VERTICES, 3),
    "expression_deltas": (len(EXPRESSIONS), VERTICES, 3),
    "landmarks68": (68,),
    "mirror_vertices": (VERTICES,),
}
_SUM_TOLERANCE = 1e-4
_GOLDEN = 0.6180339887498949
_HALF_STEP = 1e-3  # one step of float16, relative: a value on the edge may be rounded to either side
_MIRROR_TOLERANCE = 0.03  # cm; gums and tongue are not quite symmetric


def fingerprint(array: np.ndarray) -> tuple[float, float, float]:
    """Sum of absolute values: plain, weighted by row, and weighted by a number of each place.

    The last one sees also when rows of nearly the same size are swapped.
    """
    size = np.abs(array.reshape(len(array), -1))
    rows = size.sum(axis=1, dtype=np.float64)
    places = np.add.outer(np.arange(len(rows)) * _GOLDEN, np.linspace(0, 1, size.shape[1])) % 1  # a ramp, shifted by row
    return float(rows.sum()), float(rows @ np.linspace(0, 1, len(rows))), float((size * places).sum())


def digest(array: np.ndarray) -> str:
    """SHA-256 of an index array, whatever integers it is kept in."""
    return hashlib.sha256(np.ascontiguousarray(array, "<i4").tobytes()).hexdigest()


def part_rows(parts: tuple[Part, ...], start: tuple[int, int], polygons: np.ndarray) -> list[dict]:
    """The table as the file holds it: name and half-open ranges of vertices, polygons and triangles.

    Args:
        parts: the table.
        start: first vertex and first polygon of its first part.
        polygons: (P, 4) vertex indices, -1 in the last column of triangles.
    """
    before = np.concatenate([[0], np.cumsum(1 + (polygons[:, 3] >= 0))])  # triangles before each polygon
    rows = []
    for name, vertex_stop, polygon_stop in parts:
        vertices, faces = (start[0], vertex_stop), (start[1], polygon_stop)
        used = polygons[slice(*faces)]
        outside = ((used >= vertices[1]) | ((used < vertices[0]) & (used >= 0))).any()
        rows.append(
            {
                "name": name,
                "vertices": list(vertices),
                "polygons": list(faces),
                "uses_vertices_outside_range": bool(outside),
                "triangles": [int(before[face]) for face in faces],
            }
        )
        start = (vertex_stop, polygon_stop)
    return rows


def content_problem(file: Path) -> str | None:
    """What is wrong with the content of a geometry file, or None where it is the geometry that aufait was built on."""
    try:
        arrays = read_npz(file, what="a geometry file", most_bytes=1 << 28, advice="fetch it again")
        return arrays_problem(arrays)
    except (InputError, LookupError, ValueError, TypeError, AttributeError) as error:
        return f"it cannot be read: {error}"


def arrays_problem(arrays: Mapping[str, np.ndarray]) -> str | None:
    """The same for arrays; an array that is absent counts as a ``KeyError``."""
    for name, shape in SHAPES.items():
        if arrays[name].shape != shape:
            return f"{name} has shape {arrays[name].shape}, expected {shape}"
    if tuple(map(str, arrays["expression_names"])) != EXPRESSIONS:
        return "expression_names are others"
    for name, wanted in DIGESTS.items():
        if digest(arrays[name]) != wanted:
            return f"{name} holds other indices"
    return _sums_problem(arrays) or _tables_problem(arrays) or _mirror_problem(arrays)


def _sums_problem(arrays: Mapping[str, np.ndarray]) -> str | None:
    loaded = {name: arrays[name] for name in SUMS}
    for name, wanted in SUMS.items():
        found = fingerprint(loaded[name])
        if not np.allclose(found, wanted, rtol=_SUM_TOLERANCE, atol=0):
            return f"the values of {name} sum to {found}, expected {wanted}"
    for name, index, value in PROBES:
        tolerance = _HALF_STEP if loaded[name].dtype == np.float16 else _SUM_TOLERANCE
        if not np.isclose(float(loaded[name].flat[index]), value, rtol=tolerance, atol=0):
            return f"value {index} of {name} is {loaded[name].flat[index]}, expected {value}"
    return None


def _tables_problem(arrays: Mapping[str, np.ndarray]) -> str | None:
    for name, table in (("geometry_json", PARTS), ("eyeball_json", EYEBALLS)):
        found = [(row["name"], row["vertices"][1], row["polygons"][1]) for row in json.loads(str(arrays[name]))]
        if tuple(found) != table:
            return f"{name} lists other parts"
    return None


def _mirror_problem(arrays: Mapping[str, np.ndarray]) -> str | None:
    neutral, mirror = arrays["neutral"], arrays["mirror_vertices"]
    if mirror.min() < 0 or mirror.max() >= len(mirror) or (mirror[mirror] != np.arange(len(mirror))).any():
        return "mirror_vertices do not pair the vertices"
    worst = float(np.linalg.norm(neutral * (-1, 1, 1) - neutral[mirror], axis=1).max())
    return None if worst < _MIRROR_TOLERANCE else f"mirror_vertices are up to {worst:.3f} cm off"
