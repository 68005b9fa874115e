"""Tables of annotations: spellings of the columns, units of time, and what cannot be read."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from aufait.analysis.annotations import read_annotations
from aufait.analysis.annotations.text import MAX_BYTES
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "coder.csv"
    path.write_text(text, encoding)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "start,end,label\n1.5,2.5,AU12C\n",
        "onset;offset;code\n1,5;2,5;AU12C\n",
        "Onset\tDuration\ttrial_type\n1.5\t1\tAU12C\n",
        "Begin Time [ms],Duration (ms),AU\n1500,1000,AU12C\n",
        "start_ms,end_ms,annotation\n1500,2500,AU12C\n",
        "start,end,label\n00:00:01.500,0:02.5,AU12C\n",
        "label,end,start\nAU12C,2.5,1.5\n\n",
        "Start Time (s),Stop Time (s),Behavior\n1.5,2.5,AU12C\n",
        "start (min),duration (s),label\n0.025,1,AU12C\n",
    ],
)
def test_spellings_of_the_same_annotation(tmp_path: Path, text: str) -> None:
    (span,) = read_annotations(table(tmp_path, text))
    assert (span.start, span.end, span.label) == (pytest.approx(1.5), pytest.approx(2.5), "AU12C")


def test_tier_person_and_recording_are_kept_and_rows_come_in_the_order_of_time(tmp_path: Path) -> None:
    text = "start,end,label,tier,person,recording\n5,6,b,t2,P2,clip2\n1,2,a,t1,P1,clip1\n"
    assert read_annotations(table(tmp_path, text)) == [Span(1, 2, "a", "t1", "P1", "clip1"), Span(5, 6, "b", "t2", "P2", "clip2")]


def test_our_own_file_of_events_is_read(tmp_path: Path) -> None:
    text = (
        "recording,face_id,label,onset,apex,offset,duration,peak,mean,kind,frames,open_start,open_end\n"
        "clip,1,AU12 left,1,1.5,2,1,3,2,intensity,30,False,True\nclip,-1,6 & 12,1,1.5,2,1,3,2,intensity,30,False,True\n"
    )
    assert read_annotations(table(tmp_path, text)) == [
        Span(1, 2, "6 & 12", "", "", "clip"),
        Span(1, 2, "AU12 left", "face 1", "", "clip"),
    ]


def test_a_table_of_moments_has_spans_without_length(tmp_path: Path) -> None:
    assert read_annotations(table(tmp_path, "time,start,label\nx,2,AU45\n")) == [Span(2, 2, "AU45")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("start,end,label\n2,1,a\n", "line 2: ends at 1 s, before its start at 2 s"),
        ("start,end,label\n1,2,a\n3,,b\n", "line 3: no end"),
        ("onset,duration,trial_type\n1,n/a,a\n", "line 2: no end"),
        ("onset,duration,trial_type\n1,-2,a\n", "line 2: ends at -1 s"),
        ("start,end,label\n,2,a\n", "line 2: no start"),
        ("start,end,label\nsoon,2,a\n", "line 2: start should be a time, got 'soon'"),
        ("start,end,label\ninf,2,a\n", "line 2: start should be a time"),
        ("start_frame,end_frame,label\n1,2,a\n", "start is in 'frame'; known units: s, ms, min"),
        ("start (furlongs),end,label\n1,2,a\n", "start is in 'furlongs'"),
        ("start,end\n1,2\n", "no column for label"),
        ("a,b\n1,2\n", "no column for start and label; .* its columns are: a, b"),
        ("start,end,label\n1,2,a,b\n", "line 2: 4 cells where the header has 3"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_annotations(table(tmp_path, text))


def test_overlaps_are_reported_with_their_times_and_kept(tmp_path: Path) -> None:
    with pytest.warns(InputWarning, match=r"overlap, all are kept: AU12 0\.000-2\.000 s and AU12 1\.000-3\.000 s"):
        assert len(read_annotations(table(tmp_path, "start,end,label\n0,2,AU12\n1,3,AU12\n"))) == 2
    with pytest.warns(InputWarning, match="overlap on the tier t"):
        read_annotations(table(tmp_path, "start,end,label,tier\n0,2,a,t\n1,3,b,t\n"))


def test_what_may_happen_together_is_not_reported(tmp_path: Path) -> None:
    text = "start,end,label,person\n0,2,AU12,P1\n1,3,AU6,P1\n1,3,AU12,P2\n2,3,AU12,P1\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_annotations(table(tmp_path, text))) == 4


def test_codes_that_name_no_action_unit_are_reported_and_kept(tmp_path: Path) -> None:
    with pytest.warns(InputWarning, match=r"kept as labels: AD19, AU99 \(write AU12"):
        spans = read_annotations(table(tmp_path, "start,end,label\n0,1,AU99\n1,2,AD19\n2,3,smile\n"))
    assert [span.label for span in spans] == ["AU99", "AD19", "smile"]


def test_end_and_duration_that_do_not_agree_are_reported(tmp_path: Path) -> None:
    with pytest.warns(InputWarning, match="do not agree, the end counts: line 2"):
        assert read_annotations(table(tmp_path, "start,end,duration,label\n0,1,5,a\n")) == [Span(0, 1, "a")]


def test_other_encodings_are_read(tmp_path: Path) -> None:
    text = "start,end,label\n0,1,Lächeln\n"
    for encoding in ("utf-8-sig", "utf-16"):
        assert read_annotations(table(tmp_path, text, encoding)) == [Span(0, 1, "Lächeln")]
    with pytest.warns(InputWarning, match="read as Windows-1252"):
        assert read_annotations(table(tmp_path, text, "cp1252")) == [Span(0, 1, "Lächeln")]


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "coder.csv"
    for path_here, message in ((path, "no such file"), (tmp_path, "no such file")):
        with pytest.raises(InputError, match=message):
            read_annotations(path_here)
    for data, message in (
        (b" \n", "is empty"),
        (b'""', "no cells with text"),
        (b"\x89PNG\r\n\x00\x00\xff", "not a file of text"),
        (b"a\0b", "zero bytes"),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=message):
            read_annotations(path)
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match="are read up to 64 MiB"):
        read_annotations(path)
    with pytest.raises(InputError, match="known: elan, boris, praat, csv"):
        read_annotations(path, "excel")


def test_ten_thousand_annotations_are_read_quickly(tmp_path: Path) -> None:
    rows = "".join(f"{number},{number + 0.5},AU12\n" for number in range(10_000))
    assert len(read_annotations(table(tmp_path, f"start,end,label\n{rows}"))) == 10_000
