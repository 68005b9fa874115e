"""Claims and whole files where the disc is full, or a process was halted and wakes up again."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from aufait.errors import OutputError
from aufait.files import claims
from aufait.files.atomic import partial_path, whole_file
from aufait.files.claims import Claim


def test_a_claim_that_finds_the_disc_full_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(claims.json, "dump", full)
        with pytest.raises(OutputError, match="No space left on device; free some space"), Claim(tmp_path / "a.claim", "work"):
            pass
    assert not list(tmp_path.iterdir())
    with Claim(tmp_path / "a.claim", "work") as claim:
        assert claim.is_held()


def test_only_what_dead_takers_left_is_swept_away(tmp_path: Path) -> None:
    with Claim(tmp_path / "a.claim", "work"):
        living = (tmp_path / "a.claim").read_text()
        (tmp_path / "a.claim.0123456789ab").write_text(living)  # just being moved by somebody
        (tmp_path / "b.claim.0123456789ab").write_text(json.dumps({**json.loads(living), "began": "17"}))
        (tmp_path / "b.claim.0123456789ab.ba9876543210").touch()
        (tmp_path / "b.claim.txt").touch()
        claims.sweep_claims(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.claim", "a.claim.0123456789ab", "b.claim.txt"]
    claims.sweep_claims(tmp_path / "absent")


def test_who_was_halted_and_wakes_up_writes_into_no_file_of_another(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with partial_path(path).open("w") as halted:
        halted.write("old ")
        with whole_file(path) as partial, partial.open("w") as file:
            file.write("new ")
            halted.write("rows\n")
            halted.flush()
            file.write("rows\n")
    assert path.read_text() == "new rows\n"
