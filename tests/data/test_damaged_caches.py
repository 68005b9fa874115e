"""Caches whose files were damaged or changed: refused with a clear error, never read wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from face_caches import labelled_dataset, make_test_cache

from aufait.data.preparation.cache import FaceCache
from aufait.data.preparation.shards import read_record
from aufait.data.preparation.storage import map_tensors, read_json, write_tensors
from aufait.errors import InputError


def small_cache(folder: Path) -> FaceCache:
    return make_test_cache(folder / "cache", labelled_dataset(frames=2))


def changed(cache: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    path = cache / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    return cache


@pytest.mark.parametrize("name", ["person", "subject", "dataset", "task", "view"])
def test_a_changed_name_is_seen(name: str, tmp_path: Path) -> None:
    other = {name: 7 if name == "view" else "x"}
    cache = changed(small_cache(tmp_path).path, lambda manifest: manifest["recordings"][0].update(other))
    with pytest.raises(InputError, match=r"was changed since it was written"):
        FaceCache.open(cache, verify=True)


def test_a_changed_name_of_the_data_set_is_seen(tmp_path: Path) -> None:
    cache = changed(small_cache(tmp_path).path, lambda manifest: manifest.update(dataset="other"))
    with pytest.raises(InputError, match="was changed"):
        FaceCache.open(cache)


def test_a_manifest_without_a_checksum_is_read_but_not_verified(tmp_path: Path) -> None:
    cache = changed(small_cache(tmp_path).path, lambda manifest: manifest.pop("checksum"))
    assert len(FaceCache.open(cache)) > 0
    with pytest.raises(InputError, match="no checksum"):
        FaceCache.open(cache, verify=True)


def all_fields(values: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every field of a JSON value, as the way to it."""
    items = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    return [way for key, value in items for way in ((*place, key), *all_fields(value, (*place, key)))]


@pytest.mark.parametrize("wrong", ["absent", None, 3, -1, "text", [1], {"a": 1}, True, 1e308])
def test_every_field_that_is_missing_or_of_another_kind_is_an_error_in_words(wrong: Any, tmp_path: Path) -> None:
    cache = small_cache(tmp_path).path
    original = json.loads((cache / "manifest.json").read_text())
    original.pop("checksum")  # so that only the fields are looked at
    for way in all_fields(original):
        manifest = json.loads(json.dumps(original))
        owner = manifest
        for key in way[:-1]:
            owner = owner[key]
        if wrong == "absent":
            del owner[way[-1]]
        else:
            owner[way[-1]] = wrong
        (cache / "manifest.json").write_text(json.dumps(manifest))
        try:
            opened = FaceCache.open(cache)
            opened.dataset().label_table()
            assert opened.faces(range(len(opened))).shape[0] == len(opened)
        except InputError:
            pass


@pytest.mark.parametrize(
    "header",
    [
        b"[]", b"3", b"null", b"{}", b'{"frame": 3}', b"[" * 9000, b'{"frame": {"dtype": "I64", "data_offsets": "ab"}}',
        b'{"frame": {"dtype": "I64", "shape": [1e9], "data_offsets": [0, 8]}}',
        b'{"frame": {"dtype": "I64", "shape": [-1], "data_offsets": [0, 8]}}',
        b'{"frame": {"dtype": [], "shape": [1], "data_offsets": [0, 8]}}',
        b'{"frame": {"dtype": "I64", "shape": [1], "data_offsets": [0]}}',
    ],
)  # fmt: skip
def test_a_table_with_an_odd_header_is_an_error_in_words(header: bytes, tmp_path: Path) -> None:
    path = small_cache(tmp_path).path / "table.safetensors"
    size = path.stat().st_size
    path.write_bytes((len(header).to_bytes(8, "little") + header).ljust(size, b"\0"))
    with pytest.raises(InputError, match=r"table\.safetensors"):
        FaceCache.open(path.parent)


def test_a_header_that_claims_to_be_longer_than_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.safetensors"
    path.write_bytes(b"\xff" * 8 + b"{}")
    with pytest.raises(InputError, match="ends early"):
        map_tensors(path)


def test_a_table_whose_columns_have_other_shapes_is_refused(tmp_path: Path) -> None:
    cache = small_cache(tmp_path).path
    table = {name: np.array(values) for name, values in map_tensors(cache / "table.safetensors").items()}
    for name in table:
        facts = write_tensors(cache / "table.safetensors", {**table, name: table[name][:-1]})
        changed(cache, lambda manifest, facts=facts: (manifest.pop("checksum", None), manifest["table"].update(facts))[0])
        with pytest.raises(InputError, match=name):
            FaceCache.open(cache)


def test_a_changed_record_of_a_shard_no_longer_vouches_for_it(tmp_path: Path) -> None:
    cache = small_cache(tmp_path).path
    record = next((cache / "shards").glob("*.json"))
    assert read_record(record.parent, record.stem) is not None
    content = json.loads(record.read_text())
    content["recording"]["person"] = "somebody else"
    record.write_text(json.dumps(content))
    assert read_record(record.parent, record.stem) is None


def test_json_that_nests_without_end_is_an_error_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[" * 100_000)
    with pytest.raises(InputError, match="cannot be read"):
        read_json(path)
