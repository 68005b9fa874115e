"""Markers and persons find their recordings; what does not fit is named."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from aufait.analysis.markers import conditions, covered, read_markers, report_misfits
from aufait.analysis.persons import read_groups, read_persons, report_unknown
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_markers_go_to_the_recording_that_they_name(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "recording,start,end,label\na,0,1,x\nvideos/b.mp4,1,2,y\n")
    found = read_markers(path, ["a", "b"])
    assert {name: [span.label for span in spans] for name, spans in found.items()} == {"a": ["x"], "b": ["y"]}


def test_a_folder_has_a_file_per_recording(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "start,end,label\n0,1,x\n")
    write(tmp_path / "c.csv", "start,end,label\n0,1,x\n")
    with pytest.warns(InputWarning, match=r"c\.csv: no table of the recording 'c'; its 1 markers are not used"):
        found = read_markers(tmp_path, ["a", "b"])
    assert len(found["a"]) == 1
    assert found["b"] == []


def test_markers_that_name_nothing_hold_for_all_and_that_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "start,end,label\n0,1,x\n")
    with pytest.warns(InputWarning, match="names no recordings: its 1 markers hold for all 2 of them"):
        found = read_markers(path, ["a", "b"])
    assert [len(spans) for spans in found.values()] == [1, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_markers(path, ["m"])["m"]) == 1


def test_unknown_recordings_points_and_tiers_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "recording,start,end,label,tier\na,0,1,x,t\nghost,0,1,x,t\na,2,2,click,t\n")
    with pytest.warns(InputWarning) as told:
        read_markers(path, ["a"])
    text = "\n".join(str(one.message) for one in told)
    assert "'ghost'" in text
    assert "click at 2 s" in text
    with pytest.raises(InputError, match="no tier 'u'; the tiers there are: t"):
        read_markers(path, ["a"], ["u"])
    with pytest.raises(InputError, match="no marker for any of the recordings z"), pytest.warns(InputWarning):
        read_markers(path, ["z"])


def test_union_of_stretches() -> None:
    spans = [Span(0, 2, "a"), Span(1, 3, "a"), Span(5, 9, "a"), Span(20, 30, "a")]
    assert covered(spans, 0.5, 7) == ((0.5, 3), (5, 7))


def test_markers_of_one_person_hold_for_that_person_only() -> None:
    spans = [Span(0, 1, "x", person="Ada"), Span(0, 1, "y")]
    assert [one.label for one in conditions(spans, ["Ada"])] == ["y", "x"] or len(conditions(spans, ["Ada"])) == 2
    assert [one.label for one in conditions(spans, ["Bo"])] == ["y"]
    with pytest.warns(InputWarning, match="markers of Ada are not used: the recording shows Bo"):
        report_misfits("clip", spans, 0, 10, ["Bo"])


def test_a_marker_partly_outside_is_named() -> None:
    with pytest.warns(
        InputWarning, match=r"partly outside the recording, which runs from 0.000 to 10.000 s.*'x' \(8.000-12.000 s\)"
    ):
        report_misfits("clip", [Span(8, 12, "x")], 0, 10, [])


def test_persons_are_read_with_their_groups(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "recording,face_id,person,site\na,0,Ada,east\nb,2,Ada,east\nb,3,Bo,\n")
    assert read_persons(path) == {("a", 0): "Ada", ("b", 2): "Ada", ("b", 3): "Bo"}
    assert read_groups(path, ["site"]) == {"site": {"Ada": "east"}}
    with pytest.raises(InputError, match="no column age"):
        read_groups(path, ["age"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recording,person\na,Ada\n", "no column face_id"),
        ("recording,face_id,person\na,0,\n", "line 2: no person"),
        ("recording,face_id,person\na,left,Ada\n", "line 2: face_id should be a number"),
        ("recording,face_id,person\na,0,Ada\na,0,Bo\n", "line 3: face 0 of a is Ada in a row above"),
        ("recording,face_id,person\n", "no rows"),
    ],
)
def test_wrong_tables_of_persons_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_persons(write(tmp_path / "p.csv", text))


def test_persons_and_faces_without_each_other_are_named() -> None:
    persons = {("a", 0): "Ada", ("a", 7): "Bo", ("z", 0): "Cy"}
    with pytest.warns(InputWarning) as told:
        report_unknown(persons, {"a": (0, 1)}, "p.csv")
    text = "\n".join(str(one.message) for one in told)
    assert "p.csv: no table was given of the recording z" in text
    assert "a has no face 7, so Bo has no row there (its faces: 0, 1)" in text
    assert "no person for face 1 of a; kept under that name" in text
