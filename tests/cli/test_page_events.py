"""Events on the page of aufait detect: the same as aufait events finds in the table beside it."""

from __future__ import annotations

from pathlib import Path

from analysed import make_face, make_frame

from aufait.analysis import read_table
from aufait.analysis.events import find_events
from aufait.cli.page_events import page_events
from aufait.detection.tables import OpenFaceCsvWriter


def written(path: Path, frames: int = 60) -> Path:
    """A table of a clip with one smile from 1 s to 2 s."""
    with OpenFaceCsvWriter(path, make_face().action_units) as table:
        for number in range(1, frames + 1):
            table.write(make_frame(number, make_face(au12=4.0 if 25 <= number < 50 else 0.0)))
    return path


def test_events_are_those_of_the_table_and_the_rule_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "clip.partial.csv")
    page = page_events(path)
    (smile,) = page.found
    assert (smile.label, smile.onset, smile.offset) == ("AU12", 1.0, 2.0) and page.problem == ""
    assert page.found == find_events(read_table(path), sides=False)
    assert "begins where the intensity reaches 1.5 and ends where it falls below 1.2." in page.rule


def test_a_table_that_cannot_be_read_is_a_sentence_on_the_page(tmp_path: Path) -> None:
    (tmp_path / "clip.csv").write_text("what,is\n1,2\n")
    page = page_events(tmp_path / "clip.csv")
    assert page.found == () and page.problem.startswith("the table: ") and str(tmp_path) not in page.problem
