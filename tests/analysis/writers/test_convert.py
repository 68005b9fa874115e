"""``aufait convert`` from files to files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pympi
import pytest
from made_recordings import csv_of, event, score_table
from typer.testing import CliRunner

from aufait.analysis.event_file import write_events
from aufait.analysis.events import find_events
from aufait.analysis.writers import read_recordings
from aufait.cli.app import app
from aufait.errors import InputError, InputWarning


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return csv_of(score_table("clip"), tmp_path / "clip.csv", "videos/clip.mp4")


def run(*words: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["convert", *map(str, words)])
    assert result.exit_code == status, result.output
    return result.output


def test_a_table_gives_the_events_of_the_default_rule(clip: Path, tmp_path: Path) -> None:
    run(clip, "--to", "elan", "-o", tmp_path / "clip.eaf")
    file = pympi.Eaf(str(tmp_path / "clip.eaf"))
    count = sum(len(file.get_annotation_data_for_tier(tier)) for tier in file.get_tier_names())
    assert count == len(find_events(read_recordings([clip])[0].table or pytest.fail())) > 0


def test_events_of_a_file_take_the_place_of_those(clip: Path, tmp_path: Path) -> None:
    events = write_events(tmp_path / "my_events.csv", [event("AU12", 0.5, 1.0), event("6 & 12", 1.0, 1.5)])
    run(clip, events, "--to", "elan", "-o", tmp_path / "clip.eaf")
    file = pympi.Eaf(str(tmp_path / "clip.eaf"))
    assert file.get_annotation_data_for_tier("AU12 face 0") == [(500, 1000, "C")]
    assert file.get_annotation_data_for_tier("6 & 12 face 0") == [(1000, 1500, "C")]
    assert file.get_annotation_data_for_tier("AU1 face 1") == []


def test_events_alone_are_enough_for_formats_of_events(tmp_path: Path) -> None:
    events = write_events(tmp_path / "talk_events.csv", [event("AU12", 0.5, 1.0, recording=""), event("AU1", 1, 2, recording="b")])
    run(events, "--to", "webvtt", "-o", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.vtt", "talk.vtt"]
    assert "give its table" in run(events, "--to", "wide", "-o", tmp_path / "out", status=2)


def test_a_file_of_no_events_is_a_recording_without_events(clip: Path, tmp_path: Path) -> None:
    (found,) = read_recordings([clip, write_events(tmp_path / "clip_events.csv", [])])
    assert found.events == () and found.table is not None


def test_the_video_is_the_one_of_the_table_unless_another_is_named(clip: Path, tmp_path: Path) -> None:
    assert read_recordings([clip])[0].media == Path("videos/clip.mp4")
    (tmp_path / "clip.mp4").touch()
    assert read_recordings([clip])[0].media == tmp_path / "clip.mp4"
    assert read_recordings([clip], "other.mov")[0].media == Path("other.mov")


def test_without_sides_there_are_events_of_whole_faces_only(clip: Path) -> None:
    sided = {one.label for one in read_recordings([clip])[0].events}
    whole = {one.label for one in read_recordings([clip], sides=False)[0].events}
    assert any("left" in label for label in sided) and not any(" " in label for label in whole) and whole < sided


def test_events_of_another_recording_are_doubted(clip: Path, tmp_path: Path) -> None:
    events = write_events(tmp_path / "e.csv", [event("AU12", 50.0, 60.0)])
    with pytest.warns(InputWarning, match=r"clip: 1 of 1 events begin after the table's end at 3\.000 s"):
        read_recordings([clip, events])


def test_several_recordings_go_into_a_folder_or_one_project(clip: Path, tmp_path: Path) -> None:
    other = csv_of(score_table("other", frames=30), tmp_path / "other.csv", "other.mp4")
    run(clip, other, "--to", "praat", "-o", tmp_path / "praat")
    assert {path.name for path in (tmp_path / "praat").iterdir()} == {"clip.TextGrid", "other.TextGrid"}
    run(clip, other, "--to", "boris", "-o", tmp_path / "study.boris")
    assert "give a folder" in run(clip, other, "--to", "elan", "-o", tmp_path / "one.eaf", status=2)
    assert "one video cannot belong to 2" in run(clip, other, "--to", "elan", "-o", tmp_path, "--media", "a.mp4", status=2)


@pytest.mark.parametrize("to", ["elan", "praat", "boris", "boris-table", "webvtt", "noldus", "bids", "fex", "long", "wide"])
def test_every_format_is_written_and_never_over_another_file(to: str, clip: Path, tmp_path: Path) -> None:
    printed = run(clip, "--to", to, "-o", tmp_path / to).split()
    assert printed and all(Path(path).is_file() for path in printed)
    assert "exists already" in run(clip, "--to", to, "-o", tmp_path / to, status=3)
    run(clip, "--to", to, "-o", tmp_path / to, "--overwrite")


def test_what_is_given_wrongly_is_named(clip: Path, tmp_path: Path) -> None:
    assert "no format is called 'eaf'; known: elan" in run(clip, "--to", "eaf", "-o", tmp_path / "x", status=2)
    assert "no such file" in run(tmp_path / "none.csv", "--to", "elan", "-o", tmp_path / "x", status=2)
    (tmp_path / "again").mkdir()
    copy = csv_of(score_table("clip"), tmp_path / "again" / "clip.csv", "a")
    with pytest.raises(InputError, match="both tables of 'clip'"):
        read_recordings([clip, copy])


def test_pictures_keep_their_names_and_have_no_time_line(tmp_path: Path) -> None:
    table = score_table("pics", frames=9, time=np.arange(9) + 1)
    path = csv_of(table, tmp_path / "pics.csv", "")
    rows = pandas.read_csv(path).drop(columns=["presentation_time"])
    rows["source"] = [f"folder/a;b,{number}.jpg" for number in table.frame]
    rows.to_csv(path, index=False)
    assert "pictures, which have no times" in " ".join(run(path, "--to", "elan", "-o", tmp_path / "x.eaf", status=2).split())
    for to, column in (("wide", "recording"), ("long", "recording"), ("fex", "input")):
        run(path, "--to", to, "-o", tmp_path / f"{to}.csv")
        found = pandas.read_csv(tmp_path / f"{to}.csv")
        frames = found["frame"] + (to == "fex")
        assert list(found[column]) == [f"folder/a;b,{number}.jpg" for number in frames]
