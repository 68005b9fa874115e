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


@pytest.mark.parametrize("kind", ["clip.mp4", "photo.png"])
def test_the_command_puts_events_of_videos_on_the_page(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: LooksAtOneEye())
    path = tmp_path / kind
    _ = write_clip(path, 12, brightness=200) if kind.endswith("mp4") else write_picture(path, textured(120, 120, brightness=200))
    done = CliRunner().invoke(app, ["detect", str(path), "--report", "--quiet", "-o", str(tmp_path / "out"), "--device", "cpu"])
    assert done.exit_code == 0, f"{done.output}\n{done.exception}"
    (page,) = (tmp_path / "out").glob("*_report.html")
    text = page.read_text(encoding="utf-8")
    if kind.endswith("png"):  # pictures have no time
        assert 'id="events"' not in text
        return
    assert page_events(tmp_path / "out" / "clip.csv").rule in text and "the probability reaches 0.5" in text


def test_events_of_the_written_table_are_those_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: LooksAtOneEye())
    seen = []

    def found(table: Path) -> PageEvents:
        seen.append(len(read_table(table)))
        return PageEvents((Event("AU1", 0.0, 0.1, 0.3, 0.9, 0.8, kind="probability", face_id=0),), "As I say.")

    monkeypatch.setattr("aufait.cli.page_events.page_events", found)
    path = write_clip(tmp_path / "clip.mp4", 12, brightness=200)
    done = CliRunner().invoke(app, ["detect", str(path), "--report", "--quiet", "-o", str(tmp_path / "out"), "--device", "cpu"])
    assert done.exit_code == 0, f"{done.output}\n{done.exception}"
    text = (tmp_path / "out" / "clip_report.html").read_text(encoding="utf-8")
    assert seen == [12] and "As I say." in text and "The event of face 0 by time" in text and ">90 %</td>" in text
