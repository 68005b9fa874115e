"""The pages on the command line and on Python say what the code does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from aufait.cli.console import EXIT_ELSEWHERE, EXIT_INTERRUPTED, EXIT_NO_FACE, EXIT_SOME_FAILED
from aufait.cli.reference import commands, renew
from aufait.detection.detector import Detector
from aufait.errors import InputError, MissingExtraError, MissingModelError, OutputError

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.fixture(scope="module")
def page() -> str:
    return (DOCS / "cli.md").read_text(encoding="utf-8")


def test_option_tables_are_those_of_the_commands(page: str) -> None:
    assert page == renew(page), "run: python -m aufait.cli.reference docs/cli.md"


def test_every_command_has_its_table(page: str) -> None:
    assert set(re.findall(r"<!-- options: (.+) -->", page)) == {name for name, _ in commands()}


def test_every_option_has_a_help_text() -> None:
    silent = [
        f"{name} {parameter.name}"
        for name, command in commands()
        for parameter in command.params
        if not getattr(parameter, "hidden", False) and not parameter.help
    ]
    assert silent == []


def test_exit_statuses_are_those_of_the_program(page: str) -> None:
    table = {int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    errors = {error.exit_code for error in (InputError, OutputError, MissingModelError, MissingExtraError)}
    assert table == {0, EXIT_SOME_FAILED, EXIT_NO_FACE, EXIT_ELSEWHERE, EXIT_INTERRUPTED} | errors


def test_python_page_lists_the_detectors_arguments_and_defaults() -> None:
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\w+)` \| `(.+?)` \|", text, re.MULTILINE))
    parameters = inspect.signature(Detector).parameters.values()
    assert listed == {p.name: repr(p.default).replace("'", '"') for p in parameters}
