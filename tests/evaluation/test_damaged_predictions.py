"""Damaged files of predictions and of face geometry: a clear error, before memory is taken."""

from __future__ import annotations

import io
import json
import resource
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_predictions import some_predictions

from aufait.errors import InputError
from aufait.evaluation.predictions import FORMAT, Predictions
from aufait.files.arrays import read_npz
from aufait.synthetic.head.assets import load_face_model


def array_claiming(shape: tuple[int, ...], kind: str = "<f8", content: bytes = b"\0" * 64) -> bytes:
    """A .npy file whose header claims a shape that its content does not have."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    return stream.getvalue() + content


def replaced(path: Path, name: str, content: bytes | None) -> None:
    """The archive with one member replaced, or left out."""
    with zipfile.ZipFile(path) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    members[name] = content if content is not None else b""
    with zipfile.ZipFile(path, "w") as archive:
        for one, text in members.items():
            if one != name or content is not None:
                archive.writestr(one, text)


def as_array(value: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, value)
    return stream.getvalue()


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_predictions_cut_anywhere_are_refused(ending: str, tmp_path: Path) -> None:
    path = some_predictions().save(tmp_path / f"a{ending}")
    whole = path.read_bytes()
    for end in range(0, len(whole), 401):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError, match=path.name):
            Predictions.load(path)


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_a_flipped_byte_is_refused_or_changes_nothing(ending: str, tmp_path: Path) -> None:
    path = some_predictions().save(tmp_path / f"a{ending}")
    whole, expected = path.read_bytes(), some_predictions()
    rng = np.random.default_rng(1)
    for place in rng.integers(0, len(whole), 80):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            found = Predictions.load(path)
        except InputError:
            continue
        if len(found) == len(expected) and ending == ".npz":  # Parquet keeps no checksum over its own description
            assert np.array_equal(found.probability, expected.probability)


@pytest.mark.parametrize("shape", [(2**40,), (2**20, 2**21), (-1, 4), (10**18, 10**18)])
def test_a_claim_of_terabytes_takes_no_memory(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = some_predictions().save(tmp_path / "a.npz")
    replaced(path, "probability.npy", array_claiming(shape))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"a\.npz"):
        Predictions.load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


def test_an_archive_that_unpacks_to_more_than_it_may_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, zeros=np.zeros(4_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="GiB"):
        read_npz(path, what="x", most_bytes=1_000_000, advice="y")
    assert read_npz(path, what="x", most_bytes=40_000_000, advice="y")["zeros"].shape == (4_000_000,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frame", np.float64(3)), ("frame", np.array(["a"] * 6)), ("frame", np.arange(5)), ("person", np.arange(6)),
        ("probability", np.full((6, 2), np.nan)), ("probability", np.zeros((6, 2), "M8[s]")),
        ("pose", np.zeros((6, 3), complex)), ("occurrence", np.full((6, 2), 257)),
        ("occurrence_known", np.zeros((6, 2), np.int8)), ("landmark_error", np.full(6, np.inf)),
        ("attribute:fold", np.zeros((6, 2))), ("stranger", np.zeros(6)),
        ("header", np.array("[" * 9000)), ("header", np.array("3")),
        ("header", np.array(json.dumps({"format": FORMAT}))),
        ("header", np.array(json.dumps({"format": FORMAT, "action_units": "12", "about": {}, "synthetic": False}))),
        ("header", np.array(json.dumps({"format": FORMAT, "action_units": [1, 12], "about": 3, "synthetic": False}))),
    ],
)  # fmt: skip
def test_columns_of_another_kind_are_refused(name: str, value: Any, tmp_path: Path) -> None:
    path = some_predictions().save(tmp_path / "a.npz")
    replaced(path, f"{name}.npy", as_array(value))
    with pytest.raises(InputError, match=r"a\.npz"):
        Predictions.load(path)


@pytest.mark.parametrize("name", ["header", "frame", "probability", "occurrence"])
def test_columns_that_are_missing_are_named(name: str, tmp_path: Path) -> None:
    path = some_predictions().save(tmp_path / "a.npz")
    replaced(path, f"{name}.npy", None)
    with pytest.raises(InputError, match=name):
        Predictions.load(path)


def test_python_objects_are_refused(tmp_path: Path) -> None:
    path = some_predictions().save(tmp_path / "a.npz")
    replaced(path, "person.npy", as_array(np.array([{}] * 6, dtype=object)))
    with pytest.raises(InputError, match="Python objects"):
        Predictions.load(path)


def test_a_parquet_file_of_another_program_is_refused(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.table({"a": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="format None"):
        Predictions.load(tmp_path / "a.parquet")


def test_a_parquet_file_that_lacks_a_column_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = some_predictions().save(tmp_path / "a.parquet")
    table = parquet.read_table(path)
    for name in ("frame", "person", "probability_AU01", "occurrence_AU12", "pose_roll"):
        if name in table.column_names:
            parquet.write_table(table.drop_columns([name]), path)
            with pytest.raises(InputError, match=r"a\.parquet"):
                Predictions.load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_face_geometry_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "ict_facekit.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="compact ICT-FaceKit file"):
        load_face_model(path)


@pytest.mark.parametrize("name", ["neutral", "identity_deltas", "triangles"])
def test_a_face_geometry_that_claims_terabytes_takes_no_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / "ict_facekit.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.npy", array_claiming((10**10, 3)))
    with pytest.raises(InputError, match="claims"):
        load_face_model(path)
