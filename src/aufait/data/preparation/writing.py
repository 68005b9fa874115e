"""A cache put together: the tables of all shards as one, and the manifest that makes the folder readable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aufait.data.dataset import AUDataset
from aufait.data.preparation.cache import FaceCache
from aufait.data.preparation.manifest import with_checksum
from aufait.data.preparation.shards import ATTRIBUTE, ShardWriter, read_table, shard_stem
from aufait.data.preparation.storage import FORMAT, MANIFEST, SETTINGS, SHARDS, TABLE, write_json, write_tensors
from aufait.errors import InputError, OutputError
from aufait.files.atomic import output_errors
from aufait.inputs.alignments import Alignment, get_alignment
from aufait.landmarks import convert


def write_cache(
    out: Path,
    dataset: AUDataset,
    faces: np.ndarray,
    landmarks: np.ndarray,
    *,
    alignment: str | Alignment = "jaa_net",
    pose: np.ndarray | None = None,
    synthetic: bool = False,
) -> FaceCache:
    """A cache of faces that are aligned already: every frame of the data set has one.

    Args:
        out: new or empty folder.
        dataset: labels; its pictures are not read.
        faces: (S, side, side, 3) uint8 RGB in the order of ``dataset.label_table()``.
        landmarks: (S, N, 2) in face pixels, N = 68, 66 or 49.
        alignment: standard frame of the faces.
        pose: (S, 3) pitch, yaw, roll in degrees; those of the data set if None.
        synthetic: whether the faces are rendered.

    Raises:
        InputError: shapes do not fit the data set or the alignment.
        OutputError: the folder is not empty or cannot be written.
    """
    frame, out = get_alignment(alignment), Path(out)
    if not len(dataset) == len(faces) == len(landmarks):
        raise InputError(f"the data set has {len(dataset)} frames, but there are {len(faces)} faces and {len(landmarks)} landmarks")
    with output_errors(out):
        if out.exists() and any(out.iterdir()):
            raise OutputError(f"{out} is not empty; choose another folder")
        (out / SHARDS).mkdir(parents=True, exist_ok=True)
    settings = {
        "format": FORMAT, "dataset": dataset.name, "action_units": list(dataset.action_units),
        "occurrence_threshold": dataset.occurrence_threshold, "alignment": frame.name, "frame": frame.to_dict(),
        "landmarks": "given", "finder": None, "synthetic": synthetic, "source": dataset.fingerprint(),
    }  # fmt: skip
    write_json(out / SETTINGS, settings)
    shards, start = [], 0
    for index, recording in enumerate(dataset.recordings):
        own = slice(start, start + len(recording))
        start += len(recording)
        known = recording.pose if pose is None else pose[own]
        angles = np.full((len(recording), 3), np.nan, np.float32) if known is None else np.asarray(known)
        stem = shard_stem(index, recording.name)
        with ShardWriter(out / SHARDS, stem, frame.side) as writer:
            writer.write(faces[own])
            record = writer.finish(recording, np.arange(len(recording)), landmarks[own], angles, {})
        shards.append((stem, record))
    assemble(out, settings, shards, [])
    return FaceCache.open(out)


def assemble(
    out: Path,
    settings: Mapping[str, Any],
    shards: Sequence[tuple[str, Mapping[str, Any]]],
    failed: Sequence[Mapping[str, str]],
) -> None:
    """Write the joint table and the manifest of finished shards.

    Args:
        out: folder of the cache.
        settings: content of ``settings.json``.
        shards: (stem, record) of each recording in the order of the data set.
        failed: recordings that could not be prepared, each {"name": ..., "error": ...}.

    Raises:
        OutputError: a file cannot be written.
    """
    tables = [read_table(out / SHARDS, stem) for stem, _ in shards]
    points = min((table["landmarks"].shape[1] for table in tables if len(table["frame"])), default=68)
    categories = _joint_categories([record for _, record in shards])
    columns = _joined(tables, [record for _, record in shards], points, categories, len(settings["action_units"]))
    facts = write_tensors(out / TABLE, columns)
    entries: list[dict[str, Any]] = []
    start = 0
    for (stem, record), table in zip(shards, tables, strict=True):
        attributes = sorted(name.removeprefix(ATTRIBUTE) for name in read_names(table))
        entries.append(
            {
                **record["recording"],
                "frame_attributes": attributes,
                "frames": record["frames"],
                "start": start,
                "faces": record["faces"],
                "missing": record["missing"],
                "file": f"{SHARDS}/{stem}.u8",
                **record["files"]["faces"],
                "table": {"file": f"{SHARDS}/{stem}.safetensors", **record["files"]["table"]},
            }
        )
        start += record["faces"]
    manifest = {
        **settings,
        "points": points,
        "faces": start,
        "frames": sum(record["frames"] for _, record in shards),
        "fingerprint": fingerprint(settings, [record for _, record in shards], facts["sha256"]),
        "table": {"file": TABLE, **facts},
        "categories": categories,
        "recordings": entries,
        "failed": list(failed),
    }
    write_json(out / MANIFEST, with_checksum(manifest))


def fingerprint(settings: Mapping[str, Any], records: Sequence[Mapping[str, Any]], table: str) -> str:
    """Hash of everything that training reads: frame of the faces, their pixels, landmarks and labels."""
    parts = [FORMAT, settings["alignment"], settings["frame"], settings["dataset"], settings["action_units"], table]
    parts += [[record["recording"]["name"], record["files"]["faces"]["sha256"]] for record in records]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def read_names(table: Mapping[str, np.ndarray]) -> list[str]:
    """Columns of a table that hold per-frame attributes."""
    return [name for name in table if name.startswith(ATTRIBUTE)]


def _joint_categories(records: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Texts of every per-frame attribute that is text, over all recordings."""
    texts: dict[str, set[str]] = {}
    for record in records:
        for name, values in record["categories"].items():
            texts.setdefault(name, set()).update(values)
    return {name: sorted(values) for name, values in sorted(texts.items())}


def _joined(
    tables: Sequence[Mapping[str, np.ndarray]],
    records: Sequence[Mapping[str, Any]],
    points: int,
    categories: Mapping[str, list[str]],
    units: int,
) -> dict[str, np.ndarray]:
    """The rows of all tables below each other, in as many columns as any of them has."""
    empty = {
        "frame": np.zeros(0, np.int64), "occurrence": np.zeros((0, units), np.int8), "intensity": np.zeros((0, units), np.int8),
        "occurrence_known": np.zeros((0, units), bool), "intensity_known": np.zeros((0, units), bool),
        "landmarks": np.zeros((0, points, 2), np.float32), "pose": np.zeros((0, 3), np.float32),
    }  # fmt: skip
    joined = {
        name: np.concatenate([first, *(_fewer(table[name], points) if name == "landmarks" else table[name] for table in tables)])
        for name, first in empty.items()
    }
    for column in sorted({name for table in tables for name in read_names(table)}):
        name = column.removeprefix(ATTRIBUTE)
        parts = [_attribute(table, record, column, categories.get(name)) for table, record in zip(tables, records, strict=True)]
        joined[column] = np.concatenate(parts)
    return joined


def _fewer(landmarks: np.ndarray, points: int) -> np.ndarray:
    """Landmarks of one recording in the scheme that all recordings have."""
    return landmarks if len(landmarks) and landmarks.shape[1] == points else _reduced(landmarks, points)


def _reduced(landmarks: np.ndarray, points: int) -> np.ndarray:
    return convert(landmarks, points) if len(landmarks) else np.zeros((0, points, 2), np.float32)


def _attribute(
    table: Mapping[str, np.ndarray], record: Mapping[str, Any], column: str, texts: list[str] | None
) -> np.ndarray:
    """One attribute of one recording: numbers with nan, or codes of the joint texts with -1, where it has none.

    Where recordings disagree whether it is text, numbers become unknown.
    """
    name, rows = column.removeprefix(ATTRIBUTE), len(table["frame"])
    if texts is None:
        return table[column] if column in table else np.full(rows, np.nan)
    own = record["categories"].get(name)
    if own is None:
        return np.full(rows, -1, np.int32)
    codes: np.ndarray = np.array([texts.index(text) for text in own] or [0], np.int32)[table[column]]
    return codes
