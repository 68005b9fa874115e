"""The self-test finds what it is there to find, and this installation passes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aufait import self_test as module
from aufait.cli.app import app
from aufait.errors import InputError
from aufait.self_test import NOTE, READ, REFUSED, OddFile, self_test


def test_every_odd_file_becomes_what_is_documented() -> None:
    findings = list(self_test())
    wrong = [f"{one.kind}: expected {one.expected}, got {one.got} in {one.seconds:.1f} s" for one in findings if not one.right]
    assert not wrong, "\n".join(wrong)
    assert len(findings) >= 35 and {one.expected for one in findings} == {READ, NOTE, REFUSED}


def refuse(_: Path) -> None:
    raise InputError("the end is missing")


def fail(_: Path) -> None:
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize(
    ("expected", "words", "attempt", "right", "got"),
    [
        (REFUSED, "end", refuse, True, "refused: the end is missing"),
        (REFUSED, "pipe", refuse, False, "refused: the end is missing"),
        (READ, "", refuse, False, "refused: the end is missing"),
        (REFUSED, "", fail, False, "ZeroDivisionError: division by zero"),
        (READ, "", lambda _: None, True, "read"),
        (NOTE, "", lambda _: None, False, "read"),
    ],
)
def test_a_wrong_outcome_is_told(expected: str, words: str, attempt: object, right: bool, got: str, tmp_path: Path) -> None:
    finding = module._try(OddFile("odd", expected, words, attempt), tmp_path)  # type: ignore[arg-type]
    assert (finding.right, finding.got) == (right, got)


def test_the_exit_status_tells_of_a_wrong_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    for attempt, status in ((refuse, 0), (fail, 1)):
        odd = OddFile("odd", REFUSED, "", attempt)
        monkeypatch.setattr(module, "self_test", lambda odd=odd: iter([module._try(odd, Path())]))
        result = CliRunner().invoke(app, ["doctor", "--self-test"])
        assert result.exit_code == status and f"{1 - status} of 1 as documented" in result.output
        found = json.loads(CliRunner().invoke(app, ["doctor", "--self-test", "--json"]).stdout)
        assert found[0]["right"] is (status == 0)
