"""Shares, rates and means on tables whose numbers are known."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from score_files import RATE, cells, damaged_table, smile, write_table
from workers.sending import Sending

from aufait.analysis.bootstrap import Bootstrap
from aufait.analysis.event_rule import EventRule
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.span import Span
from aufait.analysis.summary import Row, Settings, Summary, summarize
from aufait.analysis.summary.files import write_summary
from aufait.analysis.summary.rest import Rest
from aufait.errors import InputError, InputWarning
from aufait.workers.processes import Processes

PLAIN = Settings(EventRule(smooth=0), Bootstrap(rounds=0))


def table(intensity: np.ndarray, name: str = "clip", **given: object) -> ScoreTable:
    """One face at 25 frames per second with AU12 of these intensities, absent in AU4."""
    count = len(intensity)
    time = given.pop("time", np.arange(count) / RATE)
    face = given.pop("face_id", np.zeros(count, np.int64))
    scores = np.stack([intensity, np.zeros(count)], 1).astype(np.float32)
    probability = np.where(np.isnan(scores), np.nan, scores / 3).astype(np.float32)
    occurrence = np.where(np.isnan(scores), np.nan, scores >= 1.5).astype(np.float32)
    quality = given.pop("quality", np.ones(count, np.float32))
    return ScoreTable.made_of(
        name, (12, 4), time, face, intensity=scores, probability=np.clip(probability, 0, 1), occurrence=occurrence, quality=quality
    )


def rows_of(*tables: ScoreTable, spans: tuple[Span, ...] = (), settings: Settings = PLAIN, **given: object) -> list[Row]:
    summary = Summary(settings, **given)  # type: ignore[arg-type]
    for one in tables:
        summary.add(one, spans)
    return summary.all_rows()


def value(row: Row, measure: str, unit: int = 12) -> float:
    return float(row.units[measure][row.action_units.index(unit)])


def one(rows: list[Row], level: str, **keys: object) -> Row:
    (found,) = [row for row in rows if row.level == level and all(getattr(row, name) == key for name, key in keys.items())]
    return found


def test_known_smile_has_its_share_rate_mean_and_duration() -> None:
    row = one(rows_of(table(smile(100, 50, 100))), "recording")
    assert row.face["seconds"] == pytest.approx(10)
    assert row.face["missing_share"] == 0
    assert value(row, "share_present") == pytest.approx(0.2)
    assert value(row, "events") == 1
    assert value(row, "events_cut") == 0
    assert value(row, "events_per_minute") == pytest.approx(6)
    assert value(row, "event_median_duration") == pytest.approx(2)
    assert value(row, "event_seconds") == pytest.approx(2)
    assert value(row, "intensity_mean") == pytest.approx(0.6)
    assert value(row, "intensity_sd") == pytest.approx(np.std(smile(100, 50, 100)))
    assert value(row, "intensity_peak") == 3
    assert value(row, "intensity_peak_time") == pytest.approx(4)
    assert value(row, "intensity_mean_present") == pytest.approx(3)
    assert value(row, "share_present", 4) == 0
    assert math.isnan(value(row, "event_median_duration", 4))


def test_frames_of_low_quality_and_without_the_face_are_missing_and_never_zero() -> None:
    quality = np.ones(250, np.float32)
    quality[:50] = 0.1  # 2 s
    face = np.zeros(250, np.int64)
    face[50:75] = -1  # 1 s
    intensity = np.full(250, 2.0)
    intensity[face < 0] = np.nan
    row = one(rows_of(table(intensity, quality=quality, face_id=face)), "recording")
    assert row.face["missing_low_quality_seconds"] == pytest.approx(2)
    assert row.face["missing_no_face_seconds"] == pytest.approx(1)
    assert row.face["valid_seconds"] == pytest.approx(7)
    assert row.face["missing_share"] == pytest.approx(0.3)
    assert value(row, "share_present") == pytest.approx(1)
    assert value(row, "intensity_mean") == pytest.approx(2)
    assert row.face["quality_mean"] == pytest.approx((50 * 0.1 + 175) / 225)


def test_frames_count_by_the_time_that_they_are_shown() -> None:
    """Half the time at 20 frames per second absent, the other half at 10 frames per second present."""
    time = np.concatenate([np.arange(100) / 20, 5 + np.arange(50) / 10])
    row = one(rows_of(table(np.concatenate([np.zeros(100), np.full(50, 4.0)]), time=time)), "recording")
    assert value(row, "share_present") == pytest.approx(0.5, abs=0.01)  # of the last frame only the usual length is known
    assert value(row, "intensity_mean") == pytest.approx(2, abs=0.04)


def test_a_hole_in_the_recording_is_missing_time() -> None:
    time = np.concatenate([np.arange(100) / RATE, 10 + np.arange(100) / RATE])
    row = one(rows_of(table(np.full(200, 2.0), time=time)), "recording")
    assert row.face["seconds"] == pytest.approx(14)
    assert row.face["missing_no_frame_seconds"] == pytest.approx(6)
    assert value(row, "share_present") == pytest.approx(1)


def test_conditions_and_segments_cut_frames_and_events_at_their_borders() -> None:
    spans = (Span(0, 4.5, "rest"), Span(4.5, 10, "talk"), Span(10, 12, "talk"))
    with pytest.warns(InputWarning, match=r"outside the recording, which runs from 0.000 to 10.000 s.*'talk' \(10.000-12.000 s\)"):
        rows = rows_of(table(smile(100, 50, 100)), spans=spans)
    rest, talk = one(rows, "condition", condition="rest"), one(rows, "condition", condition="talk")
    assert (value(rest, "events"), value(talk, "events")) == (1, 0)  # it begins in the first
    assert value(rest, "event_seconds") == pytest.approx(0.5)
    assert value(talk, "event_seconds") == pytest.approx(1.5)
    assert value(rest, "share_present") == pytest.approx(0.5 / 4.5)
    assert value(talk, "share_present") == pytest.approx(1.5 / 5.5)
    late = one(rows, "segment", condition="talk", segment=2)
    assert late.face["seconds"] == 0
    assert all(math.isnan(number) for number in late.units["share_present"])
    assert all(math.isnan(number) for number in late.units["events"])


def test_overlapping_conditions_are_named_and_one_label_never_counts_a_time_twice() -> None:
    spans = (Span(0, 6, "a"), Span(4, 8, "a"), Span(7, 10, "b"))
    with pytest.warns(InputWarning, match=r"'a' \(4.000-8.000 s\) and 'b' \(7.000-10.000 s\) from 7.000 to 8.000 s"):
        rows = rows_of(table(smile(100, 50, 100)), spans=spans)
    assert one(rows, "condition", condition="a").face["seconds"] == pytest.approx(8)
    assert one(rows, "condition", condition="b").face["seconds"] == pytest.approx(3)


def test_parts_of_a_recording_add_up_to_the_whole() -> None:
    random = np.random.default_rng(1)
    intensity = np.clip(2.5 + 2.5 * np.sin(np.cumsum(random.normal(0, 0.15, 1500))), 0, 5)
    spans = tuple(Span(start, end, "all") for start, end in ((0, 13.37), (13.37, 41.01), (41.01, 60)))
    rows = rows_of(table(intensity), spans=spans)
    whole, condition = one(rows, "recording"), one(rows, "condition")
    segments = [row for row in rows if row.level == "segment"]
    for measure in ("share_present", "intensity_mean", "intensity_sd", "intensity_peak", "events", "event_seconds"):
        assert value(condition, measure) == pytest.approx(value(whole, measure))
    assert sum(value(row, "events") for row in segments) == value(whole, "events") > 0
    assert sum(value(row, "event_seconds") for row in segments) == pytest.approx(value(whole, "event_seconds"))
    shares = [value(row, "share_present") * row.face["valid_seconds"] for row in segments]
    assert sum(shares) == pytest.approx(value(whole, "share_present") * 60)


def test_two_faces_of_a_person_are_one_and_doubles_take_the_better_one() -> None:
    first, second = table(smile(0, 100, 0)), table(np.zeros(100))
    both = ScoreTable.made_of(
        "clip", (12, 4), np.concatenate([first.time, second.time + 3.96]), np.repeat([0, 3], 100),
        intensity=np.concatenate([first.intensity, second.intensity]), quality=np.repeat(np.float32([0.5, 0.9]), 100),
        occurrence=np.concatenate([first.occurrence, second.occurrence]),
    )  # fmt: skip
    with pytest.warns(InputWarning, match=r"faces 0, 3 are all Ada, but 1 frames show several of them, first at 3.960 s"):
        rows = rows_of(both, persons={("clip", 0): "Ada", ("clip", 3): "Ada"})
    row = one(rows, "recording")
    assert (row.person, row.faces) == ("Ada", (0, 3))
    assert row.face["valid_seconds"] == pytest.approx(7.96)
    assert value(row, "share_present") == pytest.approx(3.96 / 7.96)


def test_persons_over_recordings_are_joined_by_time_and_groups_average_persons() -> None:
    tables = [
        table(smile(0, 50, 50), "a1"),
        table(smile(0, 0, 300), "a2"),
        table(smile(0, 100, 0), "b"),
        table(smile(0, 30, 70), "c"),
    ]
    persons = {("a1", 0): "Ada", ("a2", 0): "Ada", ("b", 0): "Bo", ("c", 0): "Cy"}
    groups = {"site": {"Ada": "east", "Bo": "east", "Cy": "west"}}
    rows = rows_of(*tables, persons=persons, groups=groups, settings=Settings(EventRule(), Bootstrap(rounds=200)))
    ada = one(rows, "person", person="Ada")
    assert value(ada, "share_present") == pytest.approx(50 / 400)
    everybody, east = one(rows, "group", group="all"), one(rows, "group", group="site=east")
    assert value(everybody, "share_present") == pytest.approx((0.125 + 1 + 0.3) / 3)
    assert value(east, "share_present") == pytest.approx((0.125 + 1) / 2)
    low, high = everybody.low["share_present"][0], everybody.high["share_present"][0]
    assert 0.1249 < low < value(everybody, "share_present") < high <= 1
    assert np.isnan(east.low["share_present"]).all()  # two persons are too few
    assert everybody.persons == 3


def test_baseline_of_a_condition_gives_a_corrected_mean_beside_the_raw_one() -> None:
    intensity = np.concatenate([np.full(125, 1.0), np.full(125, 3.0)])
    summary = Summary(PLAIN)
    summary.add(table(intensity), [Span(0, 5, "rest"), Span(5, 10, "talk")], Rest.named("rest", 0.3))
    rows = summary.all_rows()
    talk, rest = one(rows, "condition", condition="talk"), one(rows, "condition", condition="rest")
    assert value(talk, "intensity_mean") == pytest.approx(3)
    assert value(talk, "intensity_mean_corrected") == pytest.approx(2)
    assert value(rest, "intensity_mean_corrected") == pytest.approx(0)


def test_a_baseline_condition_without_a_face_is_an_error() -> None:
    face = np.zeros(250, np.int64)
    face[:125] = -1
    with pytest.raises(InputError, match="shows no face"):
        Summary(PLAIN).add(table(np.ones(250), face_id=face), [Span(0, 5, "rest")], Rest.named("rest", 0.3))


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    write_table(tmp_path / "tables" / "anna.csv", smile(100, 50, 100))
    write_table(tmp_path / "tables" / "=evil<b>.csv", smile(50, 100, 100))
    (tmp_path / "tables" / "notes.csv").write_text("a,b\n1,2\n")
    (tmp_path / "tables" / "anna_report.html").write_text("<p>page</p>")
    return tmp_path


def test_long_and_wide_tables_say_the_same_and_the_codebook_knows_every_column(batch: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    (batch / "markers.csv").write_text("recording,start,end,label\nanna,0,5,rest\nanna.mp4,5,10,talk\n")
    with pytest.warns(InputWarning, match="notes.csv"):
        found = summarize([batch / "tables"], markers=batch / "markers.csv")
    write_summary(found, batch / "out", parquet=True)
    long, wide = cells(batch / "out/summary_long.csv"), cells(batch / "out/summary_wide.csv")
    keys = ("level", "recording", "person", "faces", "condition", "segment")
    by_keys = {tuple(row[key] for key in keys): row for row in wide}
    compared = 0
    for row in long:
        column = row["measure"] if not row["action_unit"] else f"AU{int(row['action_unit']):02d}_{row['measure']}"
        assert by_keys[tuple(row[key] for key in keys)][column] == row["value"]
        compared += bool(row["value"])
    assert compared > 100
    book = {row["name"] for row in cells(batch / "out/codebook.csv")}
    assert book >= set(wide[0]) | set(long[0]) | {row["measure"] for row in long}
    typed = pyarrow.parquet.read_table(batch / "out/summary_wide.parquet").to_pylist()
    assert [row["AU12_share_present"] for row in typed] == pytest.approx([float(row["AU12_share_present"]) for row in wide])


def test_names_are_safe_in_cells_and_on_the_page(batch: Path) -> None:
    with pytest.warns(InputWarning):
        found = summarize([batch / "tables"])
    *_, index = write_summary(found, batch / "out")
    text = index.read_text(encoding="utf-8")
    assert "<b>.csv" not in text
    assert "=evil&lt;b&gt;" in text
    assert 'href="../tables/anna_report.html"' in text
    assert "default-src 'none'" in text
    assert "script-src 'none'" in text
    assert "http://" not in text
    assert "https://" not in text
    assert {row["recording"] for row in cells(batch / "out/summary_long.csv")} == {"anna", "'=evil<b>"}


def test_one_damaged_table_does_not_stop_the_others_and_is_named(batch: Path) -> None:
    damaged_table(batch / "bad.csv")
    found = summarize([batch / "tables" / "anna.csv", batch / "bad.csv"])
    assert "oops" in found.failed["bad"]
    assert {row.recording for row in found.rows} == {"anna"}
    with pytest.raises(InputError, match="oops"):
        summarize([batch / "bad.csv"])


def test_workers_sum_up_to_the_same_bytes_and_warn_the_same(batch: Path) -> None:
    damaged_table(batch / "tables" / "bad.csv")
    (batch / "persons.csv").write_text("recording,face_id,person\nanna,0,Ada\n=evil<b>,0,Ada\n")
    told = []
    for name, executor in {"here": None, "sent": Sending(), "processes": Processes(2)}.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = summarize([batch / "tables"], persons=batch / "persons.csv", baseline="quiet", executor=executor)
        assert list(found.failed) == ["bad"] and any(row.level == "person" for row in found.rows)
        write_summary(found, batch / name)
        told.append([str(one.message) for one in caught])
    assert told[0] == told[1] == told[2] and told[0]
    for file in ("summary_long.csv", "summary_wide.csv", "codebook.csv"):
        assert (batch / "here" / file).read_bytes() == (batch / "sent" / file).read_bytes()
        assert (batch / "here" / file).read_bytes() == (batch / "processes" / file).read_bytes()


def test_equal_names_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    paths = [write_table(tmp_path / name / "clip.csv", smile(10, 10, 10)) for name in ("P01", "P02")]
    (tmp_path / "persons.csv").write_text("recording,face_id,person\nP01/clip,0,Ada\nP02/clip,0,Bo\n")
    found = summarize(paths, persons=tmp_path / "persons.csv")
    assert [(row.recording, row.person) for row in found.rows[:2]] == [("P01/clip", "Ada"), ("P02/clip", "Bo")]


def test_the_command_writes_its_files_and_refuses_to_replace_them(batch: Path) -> None:
    command = [sys.executable, "-m", "aufait", "summarize", str(batch / "tables" / "anna.csv"), "-o", str(batch / "out")]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    assert {path.name for path in (batch / "out").iterdir()} == {
        "summary_long.csv", "summary_wide.csv", "codebook.csv", "summary.json", "index.html",
    }  # fmt: skip
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 3
    assert "--overwrite" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"baseline": "rest"}, "no marker has the label 'rest'"),
        ({"groups": ["site"]}, "give that too"),
        ({"markers": "nowhere.csv"}, "no such file or folder"),
    ],
)
def test_what_cannot_work_is_said(batch: Path, options: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        summarize([batch / "tables" / "anna.csv"], **options)
