"""Praat's TextGrids, written by pympi and by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from aufait.analysis.annotations import read_annotations
from aufait.analysis.span import Span
from aufait.errors import InputError

SHORT = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n9.5\n<exists>\n1\n"IntervalTier"\n"t"\n0\n9.5\n{intervals}'


@pytest.mark.parametrize("mode", ["normal", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_pympi_writes_is_read_with_equal_values(tmp_path: Path, mode: str, encoding: str) -> None:
    pympi = pytest.importorskip("pympi")
    grid = pympi.TextGrid(xmax=10)
    grid.add_tier("condition").add_interval(0.5, 2, 'say "hi" 3 times')
    grid.add_tier("blinks 2", "TextTier").add_point(3.25, "AU45")
    path = tmp_path / "coder.TextGrid"
    grid.to_file(path, codec=encoding, mode=mode)
    assert read_annotations(path) == [
        Span(0.5, 2, 'say "hi" 3 times', "condition"),
        Span(3.25, 3.25, "AU45", "blinks 2"),
    ]


def test_a_binary_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    pympi = pytest.importorskip("pympi")
    path = tmp_path / "coder.TextGrid"
    pympi.TextGrid(xmax=10).to_file(path, mode="binary")
    with pytest.raises(InputError, match="save it there as a text file"):
        read_annotations(path)


def test_numbers_with_exponents_and_comments_are_read(tmp_path: Path) -> None:
    path = tmp_path / "coder.TextGrid"
    path.write_text(SHORT.format(intervals='2\n0\n5e-1\n"a"  ! the first 7\n0.5\n9.5\n""\n'))
    assert read_annotations(path) == [Span(0, 0.5, "a", "t")]


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        ('1\n2\n1\n"x"\n', "'x' on the tier t runs from 2 to 1 s"),
        ('2\n0\n1\n"x"\n', "not a whole TextGrid"),
        ('1\n0\n"x"\n1\n', "not a whole TextGrid"),
        ("1\n0\n1\n2\n", "not a whole TextGrid"),
        ("", "not a whole TextGrid"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, intervals: str, message: str) -> None:
    path = tmp_path / "coder.TextGrid"
    path.write_text(SHORT.format(intervals=intervals))
    with pytest.raises(InputError, match=message):
        read_annotations(path)


def test_other_objects_of_praat_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "coder.TextGrid"
    path.write_text('File type = "ooTextFile"\nObject class = "PitchTier"\n\n0\n1\n')
    with pytest.raises(InputError, match="no TextGrid of Praat: it holds 'PitchTier'"):
        read_annotations(path)
