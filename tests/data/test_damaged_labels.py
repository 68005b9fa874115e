"""Label files that are no files, and cells that hold anything: no hang, no memory without end, a clear error or an anomaly."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from aufait.cli.app import app
from aufait.data.anomalies import AnomalyLog
from aufait.data.datasets import open_dataset
from aufait.data.labels import EMPTY, read_integers, read_text
from aufait.data.trees import picture_numbers
from aufait.errors import InputError


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A read that waits for ever fails the test instead."""

    def stop(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


NO_FILES: dict[str, Callable[[Path], object]] = {
    "pipe": lambda path: os.mkfifo(path),
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "empty device": lambda path: path.symlink_to("/dev/null"),
    "folder": lambda path: path.mkdir(),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_noted_and_not_opened(kind: str, tmp_path: Path) -> None:
    path, log = tmp_path / "labels.csv", AnomalyLog()
    NO_FILES[kind](path)
    assert read_integers(path, log) is None and read_text(path, log) is None
    assert [entry.where for entry in log.of("unreadable-file")] == [str(path)]


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_table_that_is_no_file_is_refused(kind: str, tmp_path: Path) -> None:
    NO_FILES[kind](tmp_path / "labels.csv")
    with pytest.raises(InputError):
        open_dataset("csv", tmp_path, need_media=False)


def table(folder: Path, *lines: str) -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("video,frame,subject,AU01", "a.mp4,1e20,x,1", "is beyond"),
        ("video,frame,subject,AU01", "a.mp4,inf,x,1", "not finite"),
        ("video,frame,subject,AU01", "a.mp4,nan,x,1", "not a whole number"),
        ("video,frame,subject,AU01", f"a.mp4,{DIGITS},x,1", "not finite"),
        ("video,time,subject,AU01", "a.mp4,1e300,x,1", "is not a time"),
        ("video,time,subject,AU01", "a.mp4,nan,x,1", "is not a time"),
        ("path,subject,view,AU01", "a.png,x,1e20,1", "is beyond"),
        ("path,subject,AU01", f"a.png,x,{DIGITS}", "not finite"),
        ("path,subject,AU01", "a.png,x,-inf", "not finite"),
        (f"path,subject,AU{DIGITS}", "a.png,x,1", "not an action unit"),
        ("path,subject,AU01,pitch,yaw,roll", "a.png,x,1,inf,0,0", "not finite"),
        ("path,subject,AU01", f"a.png,x,{'1' * 200_000}", "field larger than"),
        ("path,subject,AU01", "a.png,x,1\0", "not a number"),
    ],
)
def test_an_odd_cell_is_an_error_that_names_it(header: str, row: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words) as caught:
        open_dataset("csv", table(tmp_path, header, row), need_media=False)
    assert "labels.csv" in str(caught.value) and len(str(caught.value)) < 2000


def test_pictures_with_numbers_of_very_many_digits_are_no_frames() -> None:
    numbers, names, twice = picture_numbers(["a1.png", "b99999999999999999999.png", f"{'9' * 200}.png", "c2.png"])
    assert numbers.tolist() == [1, 2] and names == ["a1.png", "c2.png"] and not twice


@pytest.mark.parametrize("name", ["[/x]", "[bold]a[/bold]", "[red]", ":smile:", "\\[x", "a[/]b", "\x1b[31mred", "=1+1"])
def test_names_in_a_table_do_not_write_to_the_terminal(name: str, tmp_path: Path) -> None:
    path = table(tmp_path, "path,subject,task,partition,AU01", f"a.png,{name},{name},{name},1", f"b.png,y,{name},{name},0")
    result = CliRunner().invoke(app, ["data", "check", "csv", str(path), "--set", "need_media=false"])
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output and (name in result.output or "\x1b" in name)


def test_a_label_file_of_other_bytes_gives_unknown_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(50):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(rng.integers(0, 256, 200, dtype=np.uint8).tobytes())
        found = read_integers(path, AnomalyLog())
        assert found is None or (found.dtype == np.int32 and found.ndim == 2 and bool((found == EMPTY).any()))
