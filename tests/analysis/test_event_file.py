"""Events are written as CSV and read back as they were."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from aufait.analysis.event import Event
from aufait.analysis.event_file import EVENT_COLUMNS, read_events, write_events
from aufait.errors import InputError, OutputError

EVENTS = [
    Event("AU12", 0.5, 1.25, 2.0, 4.5, 3.25, face_id=1, recording="clip", frames=45, open_end=True),
    Event('6 & 12, "both"', 0.0, 0.0, 0.0333, 0.75, 0.75, kind="probability", recording="=cmd|' /C calc'!A0", open_start=True),
]


def test_events_come_back_as_they_were(tmp_path: Path) -> None:
    path = write_events(tmp_path / "events.csv", EVENTS)
    assert read_events(path) == EVENTS


def test_the_header_is_the_documented_one_and_no_cell_is_a_formula(tmp_path: Path) -> None:
    with write_events(tmp_path / "events.csv", EVENTS).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == EVENT_COLUMNS
    assert [row[header.index("duration")] for row in rows] == ["1.5", "0.0333"]
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)


def test_an_unknown_peak_is_empty_and_stays_unknown(tmp_path: Path) -> None:
    path = write_events(tmp_path / "events.csv", [Event("AU1", 0, 0, 1, math.nan, math.nan)])
    (event,) = read_events(path)
    assert math.isnan(event.peak) and math.isnan(event.mean)


def test_an_existing_file_stays_unless_told(tmp_path: Path) -> None:
    path = write_events(tmp_path / "events.csv", EVENTS)
    with pytest.raises(OutputError, match="exists"):
        write_events(path, [])
    assert read_events(path) == EVENTS
    write_events(path, [], overwrite=True)
    assert read_events(path) == []


def test_three_columns_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_text("label, onset, offset\nAU4, 1, 2.5\n")
    (event,) = read_events(path)
    assert (event.label, event.onset, event.apex, event.offset, event.face_id) == ("AU4", 1.0, 1.0, 2.5, -1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "needs the column label and onset and offset"),
        ("label,onset,offset\nAU4,later,2\n", "line 2: onset should be a number"),
        ("label,onset,offset\nAU4,3,2\n", "line 2: an event must run"),
        ("label,onset,offset\nAU4,3\n", "line 2: more or fewer cells"),
        ("label,onset,offset\nAU4,1,2,3\n", "line 2: more or fewer cells"),
        ("label,onset,offset\nAU4,nan,2\n", "onset should be a number"),
        ("label,onset,offset,open_end\nAU4,1,2,maybe\n", "open_end should be 0 or 1"),
        ("label,onset,offset,face_id\nAU4,1,2,left\n", "face_id should be a whole number"),
    ],
)
def test_damaged_files_are_named_with_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_events(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: no such file"):
        read_events(tmp_path / "none.csv")
