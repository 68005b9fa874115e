"""BORIS's projects and exported tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aufait.analysis.annotations import read_annotations
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning

BEHAVIOURS = {
    "0": {"code": "AU12", "type": "State event", "key": "s"},
    "1": {"code": "blink", "type": "Point event", "key": "b"},
}


def project(folder: Path, events: list[list[Any]], **observation: Any) -> Path:
    path = folder / "study.boris"
    one = {"file": {"1": ["C:\\videos\\clip.mp4"], "2": []}, "type": "MEDIA", "time offset": 0.0, "events": events, **observation}
    content = {"project_name": "study", "behaviors_conf": BEHAVIOURS, "subjects_conf": {}, "observations": {"first": one}}
    path.write_text(json.dumps(content), "utf-8")
    return path


def table(folder: Path, text: str, name: str = "events.tsv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_states_of_a_project_go_from_start_to_stop_and_points_have_no_length(tmp_path: Path) -> None:
    events = [
        [1.0, "P1", "AU12", "", ""],
        [1.2, "P2", "AU12", "C|left", "", 36],
        [1.5, "P1", "blink", "None", "a comment"],
        [2.0, "P1", "AU12", "", ""],
        [4.0, "P2", "AU12", "C|left", "", 120],
    ]
    assert read_annotations(project(tmp_path, events)) == [
        Span(1.0, 2.0, "AU12", "AU12", "P1", "clip"),
        Span(1.2, 4.0, "AU12 C left", "AU12", "P2", "clip"),
        Span(1.5, 1.5, "blink", "blink", "P1", "clip"),
    ]


def test_an_observation_of_several_media_keeps_its_own_name(tmp_path: Path) -> None:
    path = project(tmp_path, [[1, "", "blink", "", ""]], file={"1": ["a.mp4", "b.mp4"]})
    assert read_annotations(path) == [Span(1, 1, "blink", "blink", "", "first")]


def test_a_time_offset_is_reported(tmp_path: Path) -> None:
    with pytest.warns(InputWarning, match=r"time offset of 12\.5 s, which is not applied"):
        read_annotations(project(tmp_path, [[1, "", "blink", "", ""]], **{"time offset": 12.5}))


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([[1.0, "", "AU12", "", ""]], r"AU12 starts at 1\.000 s, event 1, and does not stop"),
        ([[1.0, "", "AU9", "", ""]], "does not define the behaviour AU9"),
        ([["NA", "", "blink", "", ""]], "event 1 of the observation first has no time"),
        ([[1.0, "", "blink"]], "not as BORIS writes projects"),
    ],
)
def test_events_that_cannot_be_read_are_named(tmp_path: Path, events: list[list[Any]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_annotations(project(tmp_path, events))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"observations": ', "not whole JSON"),
        ('{"a": 1}', "no project of BORIS"),
        ('{"observations": {"a": 1}}', "not as BORIS writes projects"),
        ('{"a":' * 100_000, "not whole JSON"),
    ],
)
def test_json_that_is_no_project_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_annotations(table(tmp_path, text, "study.boris"))


def test_aggregated_events_are_read_as_tabs_and_as_commas(tmp_path: Path) -> None:
    rows = [
        [
            "Observation id",
            "Media file name",
            "Subject",
            "Behavior",
            "Modifiers",
            "Behavior type",
            "Start (s)",
            "Stop (s)",
            "Duration (s)",
        ],
        ["first", "/v/clip.mp4", "No focal subject", "AU12", "C", "STATE", "1.0", "2.5", "1.5"],
        ["first", "/v/clip.mp4", "P1", "blink", "", "POINT", "1.5", "NA", "NA"],
    ]
    for separator in "\t,":
        path = table(tmp_path, "\n".join(separator.join(row) for row in rows))
        assert read_annotations(path) == [
            Span(1.0, 2.5, "AU12 C", "AU12", "", "clip"),
            Span(1.5, 1.5, "blink", "blink", "P1", "clip"),
        ]


def test_tabular_events_of_today_and_of_older_versions_are_read(tmp_path: Path) -> None:
    today = (
        "Observation id\tSource\tSubject\tBehavior\tModifier #1\tBehavior type\tTime\n"
        "first\tplayer #1:clip.mp4\tP1\tAU12\tC\tSTART\t1.0\nfirst\tplayer #1:clip.mp4\tP1\tAU12\tC\tSTOP\t00:00:02.500\n"
    )
    older = (
        "Observation id\tfirst\n\nMedia file(s)\n\nTime\tMedia file path\tSubject\tBehavior\tComment\tStatus\n"
        "1.0\tclip.mp4\tP1\tAU12\t\tSTART\n2.5\tclip.mp4\tP1\tAU12\t\tSTOP\n3\tclip.mp4\tP1\tblink\t\tPOINT\n"
    )
    assert read_annotations(table(tmp_path, today)) == [Span(1.0, 2.5, "AU12 C", "AU12", "P1", "clip")]
    assert read_annotations(table(tmp_path, older)) == [
        Span(1.0, 2.5, "AU12", "AU12", "P1", "clip"),
        Span(3, 3, "blink", "blink", "P1", "clip"),
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("P\tAU12\tSTOP\t1.0\n", r"stops at 1\.000 s \(line 2\) without a start"),
        ("P\tAU12\tSTART\t1.0\nP\tAU12\tSTART\t2.0\nP\tAU12\tSTOP\t3.0\n", r"and again at 2\.000 s"),
        ("P\tAU12\tBEGIN\t1.0\n", "expected a time and START, STOP or POINT, got 'BEGIN'"),
        ("P\tAU12\tSTART\tsoon\n", "should be a time, got 'soon'"),
        ("P\tAU12\tSTART\t1\t2\t3\n", "6 cells where the header has 4"),
    ],
)
def test_rows_that_do_not_pair_are_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_annotations(table(tmp_path, f"Subject\tBehavior\tBehavior type\tTime\n{rows}"))


def test_an_aggregated_event_that_ends_before_it_begins_is_named(tmp_path: Path) -> None:
    text = "Observation id,Behavior,Start (s),Stop (s)\na,AU12,2,1\na,AU4,1,\n"
    with pytest.raises(InputError, match=r"line 2: AU12 runs from 2 to 1 s; line 3: AU4 has no start or no stop"):
        read_annotations(table(tmp_path, text))
