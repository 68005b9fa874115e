"""Events on the page of aufait detect: the same as aufait events finds in the table beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from analysed import make_face, make_frame
from fakes import FakeFinder, textured, write_clip, write_picture
from one_eye import LooksAtOneEye
from typer.testing import CliRunner

from aufait.analysis import Event, read_table
from aufait.analysis.events import find_events
from aufait.cli.app import app
from aufait.cli.page_events import page_events
from aufait.detection import detector as detector_module
from aufait.detection.tables import OpenFaceCsvWriter
from aufait.visualization.results.event_tables import PageEvents


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


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: LooksAtOneEye())


def page_of(path: Path) -> str:
    """What ``aufait detect --report`` writes about a file."""
    done = CliRunner().invoke(app, ["detect", str(path), "--report", "--quiet", "-o", str(path.parent / "out"), "--device", "cpu"])
    assert done.exit_code == 0, f"{done.output}\n{done.exception}"
    (page,) = (path.parent / "out").glob("*_report.html")
    return page.read_text(encoding="utf-8")


def test_pictures_have_no_time_and_no_events(tmp_path: Path, faked: None) -> None:
    assert 'id="events"' not in page_of(write_picture(tmp_path / "photo.png", textured(120, 120, brightness=200)))


def test_events_of_the_written_table_are_those_on_the_page(tmp_path: Path, faked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def found(table: Path) -> PageEvents:
        seen.append(read_table(table))
        return PageEvents((Event("AU1", 0.0, 0.1, 0.3, 0.9, 0.8, kind="probability", face_id=seen[0].faces[0]),), "As I say.")

    monkeypatch.setattr("aufait.cli.page_events.page_events", found)
    text = page_of(write_clip(tmp_path / "clip.mp4", 12, brightness=200))
    assert [len(table) for table in seen] == [12] and "As I say." in text
    assert "90 %" in text[text.index(f"The event of face {seen[0].faces[0]} by time") :]
