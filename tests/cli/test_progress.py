"""What commands show of many workers: a table where somebody watches, JSON lines where asked for, nothing otherwise."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from aufait.cli import progress
from aufait.cli.progress import Board


def play(board: Board) -> None:
    """Three folds: one was there, one ends, one goes on under an odd name."""
    with board:
        board.end("fold 1", kept=True)
        board.report(5, 10, "fold 2: training, [bold]epoch 1")
        board.ended("fold 2", 2, 3)
        board.at("fold 3\x1b[2J", 3, None, "testing", rate=12.5)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal would get."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120, color_system=None)
    monkeypatch.setattr(progress, "stderr", lambda: console)
    monkeypatch.setattr(progress, "is_terminal", lambda: True)
    monkeypatch.setattr(progress, "_TABLE_SECONDS", 0.0)
    return text


def test_a_terminal_gets_a_table_with_a_line_for_each_item(screen: io.StringIO) -> None:
    play(Board(items=3, unit="steps"))
    lines = " ".join(screen.getvalue().split())
    assert "1/3" in lines and "2/3" in lines and "steps/s" in lines
    assert "fold 2" in lines and "5/10" in lines and "training, [bold]epoch 1" in lines
    assert "3/? 12.5/s testing" in lines and "fold 3\\x1b[2J" in lines


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_is_shown_where_nobody_watches_or_wants_it(
    terminal: bool, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "is_terminal", lambda: terminal)
    play(Board(items=3, quiet=terminal))
    assert screen.getvalue() == "" and capsys.readouterr() == ("", "")


def test_json_lines_are_written_with_and_without_a_terminal(screen: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    play(Board(items=3, json_lines=True, unit="steps"))
    out, err = capsys.readouterr()
    told = [json.loads(line) for line in err.splitlines()]
    assert out == "" and screen.getvalue() == ""
    assert [(one["event"], one["item"]) for one in told] == [
        ("done", "fold 1"), ("progress", "fold 2"), ("done", "fold 2"), ("progress", "fold 3\x1b[2J"),
    ]  # fmt: skip
    assert told[1] | {"done": 5, "total": 10, "text": "training, [bold]epoch 1", "steps_per_second": None, "items": 3} == told[1]
    assert told[3]["total"] is None and told[3]["steps_per_second"] == 12.5 and told[3]["items_done"] == 2
