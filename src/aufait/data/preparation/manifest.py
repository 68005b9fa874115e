"""What a cache says about itself: checked field by field when it is read, and protected by a checksum.

Names decide the split: a change of a recording's person would put one face on both sides of it. So the manifest, and the
record of each shard, contain the SHA-256 of everything else in them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.data.preparation.shards import ATTRIBUTE
from aufait.data.preparation.storage import FORMAT, checksum_of
from aufait.errors import InputError
from aufait.inputs.alignments import ALIGNMENTS
from aufait.landmarks import SCHEMES

_Check = tuple[str, Callable[[Any], bool]]
"""What a value should be, as text, and whether it is."""


def check_manifest(manifest: Mapping[str, Any], path: Path, *, sealed: bool) -> None:
    """See that a manifest has every field, each of its kind, and that it is as it was written.

    Args:
        manifest: content of the file.
        path: of the file, for messages.
        sealed: refuse a manifest without a checksum too.

    Raises:
        InputError: a field is missing or of another kind, the numbers do not add up, or the content was changed.
    """
    if manifest.get("format") != FORMAT:
        raise InputError(f"{path} has format {manifest.get('format')!r}, this version reads {FORMAT!r}; prepare again")
    if manifest.get("alignment") not in list(ALIGNMENTS):
        raise InputError(f"{path} names an unknown alignment {manifest.get('alignment')!r}; prepare again")
    _check_fields(manifest, _MANIFEST, path, "")
    _check_fields(manifest.get("table"), _FILE, path, "table")
    start = 0
    for number, entry in enumerate(manifest["recordings"], start=1):
        where = f"recording {number}"
        _check_fields(entry, {**_RECORDING, **_FILE}, path, where)
        _check_fields(entry.get("table"), _FILE, path, f"{where}, table")
        if entry["start"] != start or entry["bytes"] != entry["faces"] * manifest["frame"]["side"] ** 2 * 3:
            raise _damaged(path, f"the faces of {where} ({entry['name']!r}) do not add up")
        start += entry["faces"]
    if start != manifest["faces"]:
        raise _damaged(path, f"it counts {manifest['faces']} faces, its recordings have {start}")
    if "checksum" in manifest and manifest["checksum"] != checksum_of(manifest):
        raise _damaged(path, "it was changed since it was written (its checksum is another)")
    if sealed and "checksum" not in manifest:
        raise InputError(f"{path} has no checksum, as older versions wrote it; run aufait prepare again, faces are kept")


def with_checksum(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with a checksum of it."""
    return {**content, "checksum": checksum_of(content)}


def check_table(table: Mapping[str, np.ndarray], manifest: Mapping[str, Any], path: Path) -> None:
    """Check that the joint table has the columns that the manifest names.

    Raises:
        InputError: a column is missing, or of another shape or type.
    """
    count, units = manifest["faces"], len(manifest["action_units"])
    wanted: dict[str, tuple[tuple[int, ...], Any]] = {
        "frame": ((count,), np.int64), "landmarks": ((count, manifest["points"], 2), np.float32), "pose": ((count, 3), np.float32),
        "occurrence": ((count, units), np.int8), "intensity": ((count, units), np.int8),
        "occurrence_known": ((count, units), np.bool_), "intensity_known": ((count, units), np.bool_),
    }  # fmt: skip
    for name in {name for entry in manifest["recordings"] for name in entry["frame_attributes"]}:
        wanted[ATTRIBUTE + name] = (count,), np.int32 if name in manifest["categories"] else np.float64
    for name, (shape, kind) in wanted.items():
        column = table.get(name)
        if column is None:
            raise _damaged(path, f"it has no column {name!r}")
        if column.shape != shape or column.dtype != kind:
            raise _damaged(path, f"column {name!r} must be {shape} {np.dtype(kind)}, it is {column.shape} {column.dtype}")


def _check_fields(values: Any, fields: Mapping[str, _Check], path: Path, where: str) -> None:
    place = f"{where}: " if where else ""
    if not isinstance(values, Mapping):
        raise _damaged(path, f"{place}must be fields with values, it is {type(values).__name__}")
    for name, (words, fits) in fields.items():
        if name not in values:
            raise _damaged(path, f"{place}{name} is missing")
        if not fits(values[name]):
            shown = repr(values[name])
            raise _damaged(path, f"{place}{name} must be {words}, it is {shown[:80]}{'...' * (len(shown) > 80)}")


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path} is damaged: {what}; run aufait prepare again")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_rate(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0)


def _is_inside(value: Any) -> bool:
    """Whether a text names a file in the cache's own folder."""
    return isinstance(value, str) and bool(value) and "\0" not in value and not PurePosixPath(value).is_absolute() and (
        ".." not in PurePosixPath(value).parts
    )


def _is_frame(value: Any) -> bool:
    return isinstance(value, Mapping) and _is_count(value.get("side")) and 1 <= value["side"] <= 4096


def _are_units(value: Any) -> bool:
    known = set(ACTION_UNITS)
    return isinstance(value, list) and all(_is_count(one) and one in known for one in value) and len(set(value)) == len(value)


def _are_missing(value: Any) -> bool:
    """{reason: [[first, last], ...]}"""
    ranges = value.values() if isinstance(value, Mapping) else [None]
    return all(isinstance(pairs, list) and all(map(_is_range, pairs)) for pairs in ranges)


def _is_range(pair: Any) -> bool:
    whole = isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, int) and abs(one) < 2**62 for one in pair)
    return whole and pair[0] <= pair[1]


def _are_failed(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) and {"name", "error"} <= one.keys() for one in value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_TEXT: _Check = ("a text", _is_text)
_COUNT: _Check = ("a whole number from 0", _is_count)
_FLAG: _Check = ("true or false", lambda value: isinstance(value, bool))

_MANIFEST: Mapping[str, _Check] = MappingProxyType(
    {
        "dataset": _TEXT, "fingerprint": _TEXT, "faces": _COUNT, "frames": _COUNT, "synthetic": _FLAG,
        "frame": ("a frame with a side from 1 to 4096", _is_frame),
        "points": (f"one of {', '.join(map(str, SCHEMES))}", lambda value: _is_count(value) and value in list(SCHEMES)),
        "action_units": ("different numbers of action units", _are_units),
        "occurrence_threshold": ("null or 1 to 5", lambda value: value is None or (_is_count(value) and 1 <= value <= 5)),
        "categories": ("lists of texts by name", lambda value: isinstance(value, Mapping) and all(map(_are_texts, value.values()))),
        "recordings": ("a list", lambda value: isinstance(value, list)),
        "failed": ("a list of names and errors", _are_failed),
    }
)  # fmt: skip

_FILE: Mapping[str, _Check] = MappingProxyType(
    {"file": ("a file inside the folder", _is_inside), "bytes": _COUNT, "sha256": _TEXT}
)

_RECORDING: Mapping[str, _Check] = MappingProxyType(
    {
        "name": _TEXT, "dataset": _TEXT, "subject": _TEXT, "task": _TEXT, "person": _TEXT, "occurrence_coded": _FLAG,
        "view": ("null or a whole number", lambda value: value is None or isinstance(value, int)),
        "nominal_rate": ("null or frames per second above 0", _is_rate),
        "first_frame": ("a whole number", lambda value: isinstance(value, int) and abs(value) < 2**53),
        "attributes": ("values by name", lambda value: isinstance(value, Mapping)),
        "frame_attributes": ("a list of texts", _are_texts),
        "start": _COUNT, "faces": _COUNT, "frames": _COUNT,
        "missing": ("frames by reason", _are_missing),
    }
)  # fmt: skip
