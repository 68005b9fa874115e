"""The list of real faces names its sources, and no kept-out person gets into training."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from aufait.errors import InputError
from aufait.shipped import real_faces
from aufait.shipped.real_faces import (
    EXPRESSIONS,
    HELD_OUT_SETS,
    SOURCES,
    held_out_people,
    listed_real_faces,
    read_real_faces,
)


def touch(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(b"picture")


def test_every_line_names_set_expression_and_hash() -> None:
    entries = listed_real_faces()
    assert len(entries) == 1455
    assert {e.set_name for e in entries} == set(SOURCES)
    assert {e.expression for e in entries} == set(EXPRESSIONS)
    assert all(re.fullmatch(r"[0-9a-f]{64}", e.sha256) and e.source_path for e in entries)
    assert len({(e.set_name, e.file) for e in entries}) == len(entries)
    assert all(re.fullmatch(r"[0-9a-f]{40}", source.commit) for source in SOURCES.values())


def test_every_third_person_is_kept_out_with_all_pictures() -> None:
    assert held_out_people({"b", "a", "d", "c", "f", "e", "g"}) == {"c", "f"}
    for name in HELD_OUT_SETS:
        people = {e.person for e in listed_real_faces() if e.set_name == name}
        held = {e.person for e in listed_real_faces() if e.set_name == name and e.held_out}
        trained = {e.person for e in listed_real_faces() if e.set_name == name and not e.held_out}
        assert held == held_out_people(people)
        assert not held & trained
    assert not any(e.held_out for e in listed_real_faces() if e.set_name not in HELD_OUT_SETS)


def test_the_people_kept_out_do_not_depend_on_which_pictures_are_there(tmp_path: Path) -> None:
    held = next(e for e in listed_real_faces() if e.held_out)
    free = next(e for e in listed_real_faces() if not e.held_out)
    for entry in (held, free):
        touch(tmp_path, f"{entry.set_name}/{entry.file}")
    assert [f.path.name for f in read_real_faces(tmp_path, held_out=True)] == [held.file]
    assert [f.path.name for f in read_real_faces(tmp_path, held_out=False)] == [free.file]
    assert len(read_real_faces(tmp_path)) == 2


def test_a_source_file_is_taken_only_with_the_listed_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = listed_real_faces()[0]
    source = SOURCES[entry.set_name]
    touch(tmp_path, f"{source.repository}/{entry.source_path}")
    with pytest.raises(InputError, match=entry.sha256):
        read_real_faces(tmp_path)
    right = real_faces.RealFaceEntry(
        entry.set_name, entry.file, entry.person, "neutral", entry.source_path, hashlib.sha256(b"picture").hexdigest(), False
    )
    monkeypatch.setattr(real_faces, "listed_real_faces", lambda: (right,))
    (face,) = read_real_faces(tmp_path)
    assert face.path == tmp_path / source.repository / entry.source_path
    assert face.source.licence == "CC BY 4.0"


def test_a_folder_without_them_is_told_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"london/.*debruine/webmorphR.stim"):
        read_real_faces(tmp_path, sets=("london",))
    with pytest.raises(InputError, match="there are london, canada"):
        read_real_faces(tmp_path, sets=("paris",))


def test_all_listed_pictures_are_among_the_shared_ones(shared: Path) -> None:
    if not (shared / "real_faces").is_dir():
        pytest.skip(f"no real faces at {shared / 'real_faces'}")
    assert len(read_real_faces(shared / "real_faces")) == len(listed_real_faces())
