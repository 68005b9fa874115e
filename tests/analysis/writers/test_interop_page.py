"""The page on other programs: every command and program on it runs, and what it says of files is so."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_recordings import csv_of, event, score_table
from made_streams import FakeLibrary, frame
from typer.testing import CliRunner

from aufait.analysis.event_file import write_events
from aufait.analysis.live.lsl import channel_names
from aufait.analysis.writers import FORMATS
from aufait.cli.app import app

PAGE = Path(__file__).resolve().parents[3] / "docs" / "interop.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> Iterator[list[str]]:
    for block in blocks(""):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield words


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the page speaks of."""
    for name in ("clip", "talk"):
        csv_of(score_table(name), tmp_path / f"{name}.csv", f"{name}.mp4")
    write_events(tmp_path / "clip_events.csv", [event("AU12", 0.5, 1.0)])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_that_converts_runs(here: Path) -> None:
    found = [words for words in commands() if words[1] == "convert"]
    assert len(found) >= 12
    for words in found:
        overwrite = ["--overwrite"] if words[words.index("-o") + 1] in ("clip.eaf", "study/") else []
        result = CliRunner().invoke(app, [*words[1:], *overwrite])
        assert result.exit_code == 0, (words, result.output)
    assert {"clip.eaf", "mine.eaf", "clip.TextGrid", "study.boris", "study.tsv", "clip.txt", "clip.vtt", "clip_fex.csv"} <= {
        path.name for path in here.iterdir()
    }
    assert {path.name for path in (here / "for_spss").glob("aufait_*")} >= {"aufait_wide.sps", "aufait_wide.csv"}
    assert (here / "for_r" / "aufait_long.R").is_file()
    assert (here / "study" / "sub-01" / "beh" / "sub-01_task-talk_recording-face0_physio.tsv.gz").is_file()


def test_the_program_runs(here: Path) -> None:
    (program,) = blocks("python")
    exec(compile(program, str(PAGE), "exec"), {})
    assert (here / "from_python.eaf").is_file()


def test_every_format_has_its_row() -> None:
    listed = re.findall(r"^\| (`[a-z, `-]+`) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    named = {name for cell in listed for name in re.findall(r"`([a-z-]+)`", cell)}
    assert set(FORMATS) <= named


def test_channels_are_those_that_are_sent() -> None:
    named = set(re.findall(r"`(face0_\w+)`", PAGE.read_text("utf-8")))
    assert named and named <= set(channel_names(("AU12",), 1))


def test_streams_run_as_on_the_page(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands with a stand-in for the library and for the detector, whose work other tests do."""
    class FakeDetector:
        action_units = (6, 12)

        def __init__(self, **settings: object) -> None:
            pass

        def __enter__(self) -> FakeDetector:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def stream(self, source: str | int):  # type: ignore[no-untyped-def]
            asked.append(source)
            yield from (frame(number, {0: 4.0}) for number in range(10))

    asked: list[str | int] = []
    library = FakeLibrary()
    monkeypatch.setitem(sys.modules, "pylsl", library)  # type: ignore[arg-type]
    monkeypatch.setattr("aufait.detection.detector.Detector", FakeDetector)
    monkeypatch.setattr("time.sleep", lambda seconds: slept.append(seconds))
    slept: list[float] = []
    for words in commands():
        if words[1] == "stream":
            result = CliRunner().invoke(app, words[1:])
            assert result.exit_code == 0, result.output
    assert asked == [0, "clip.mp4"] and len(library.sent["aufait"]) == 20
    assert slept == [pytest.approx(number / 30) for number in range(1, 10)]  # the video keeps its pace, the camera does not wait
    assert [text for (text,), _ in library.sent["aufait-markers"]] == ["AU12 onset face 0", "AU12 offset face 0"] * 2
    assert "give a video" in CliRunner().invoke(app, ["stream", "--lsl", "x"]).output
