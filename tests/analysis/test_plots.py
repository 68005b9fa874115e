"""What pictures of tables show: the numbers behind them, and what is refused."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aufait.analysis import Event, ScoreTable, Span
from aufait.analysis.baseline import BaselineRule, correct
from aufait.analysis.plots import Choice, plot_table, shared_by, span_of
from aufait.analysis.plots.chart import Bins, Extras, chart_of
from aufait.analysis.plots.columns import MOST_COLUMNS, bin_edges, reduce, timeline_edges
from aufait.analysis.plots.happenings import bars_of, events_of, marks_of
from aufait.analysis.plots.together import matrix_of
from aufait.errors import InputError, InputWarning, OutputError
from aufait.media.sources import demo_clip
from aufait.visualization.findings.chart import ABSENT, POOR, USABLE
from aufait.visualization.findings.marks import Strip

UNITS = (12, 6, 25)


def made(intensity: np.ndarray, *, face: Sequence[int] | np.ndarray | None = None, rate: float = 10.0, **given: Any) -> ScoreTable:
    """A table of (N, 3) intensities of AU12, AU6 and AU25."""
    rows = len(intensity)
    faces = np.zeros(rows, np.int64) if face is None else np.asarray(face, np.int64)
    given = {"name": "clip", "time": np.arange(rows) / rate, "quality": np.ones(rows, np.float32), **given}
    return ScoreTable.made_of(action_units=UNITS, face_id=faces, intensity=intensity.astype(np.float32), **given)


def smile(rows: int = 100) -> np.ndarray:
    """AU12 at 4 and AU6 at 3 in the second quarter, AU12 alone at 2 in the third."""
    values = np.zeros((rows, 3))
    values[rows // 4 : rows // 2, :2] = 4, 3
    values[rows // 2 : 3 * rows // 4, 0] = 2
    return values


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


# Columns of time


def test_every_frame_has_its_column_until_there_are_too_many() -> None:
    times = np.arange(10) / 10
    edges, several = timeline_edges(times, times + 0.1, 0.0, 1.0)
    assert len(edges) == 11 and not several
    times = np.arange(5000) / 10
    edges, several = timeline_edges(times, times + 0.1, 0.0, 500.0)
    assert len(edges) == MOST_COLUMNS + 1 and several


def test_columns_hold_mean_and_highest_of_usable_frames() -> None:
    values = np.array([[1.0], [3.0], [np.nan], [5.0]])
    found = reduce(np.array([0.0, 2.0, 3.0, 4.0, 5.0]), np.arange(4.0), np.arange(1.0, 5.0), values, np.array([1, 1, 0, 1], bool))
    np.testing.assert_array_equal(found.mean[:, 0], [2, np.nan, 5, np.nan])
    np.testing.assert_array_equal(found.high[:, 0], [3, np.nan, 5, np.nan])
    assert found.state.tolist() == [USABLE, POOR, USABLE, ABSENT]


def test_a_frame_fills_the_columns_that_it_lasts_into_and_a_hole_stays_empty() -> None:
    found = reduce(np.arange(6.0), np.array([0.0, 4.0]), np.array([3.0, 5.0]), np.array([[0.5], [1.0]]), np.ones(2, bool))
    np.testing.assert_array_equal(found.mean[:, 0], [0.5, 0.5, 0.5, np.nan, 1.0])
    assert found.state.tolist() == [USABLE, USABLE, USABLE, ABSENT, USABLE]


def test_bins_are_round_cover_all_and_are_no_shorter_than_a_frame() -> None:
    edges = bin_edges(0.0, 3600.0, 1 / 30)
    assert edges[1] == 15 and edges[-1] == 3600
    assert np.diff(bin_edges(0.0, 2.0, 1 / 25)).max() == pytest.approx(0.05)
    assert bin_edges(1.0, 2.1, 0.1, 0.5).tolist() == [1.0, 1.5, 2.0, 2.1]


def test_a_long_recording_keeps_its_shortest_peak() -> None:
    values = np.zeros((20_000, 3))
    values[777, 0] = 5
    chart = chart_of(made(values, rate=30), Choice(), Extras())
    row = [one.unit for one in chart.rows].index(12)
    face = chart.faces[0]
    assert face.high[:, row].max() == 1.0 and face.mean[:, row].max() < 0.06 and face.peak[row] == 5
    place = int(face.high[:, row].argmax())
    assert chart.edges[place] <= 777 / 30 < chart.edges[place + 1]


# What is drawn


def test_rows_are_the_same_for_every_face_by_number_or_as_asked() -> None:
    table = made(np.repeat(smile(), 2, 0), face=[0, 1] * 100, time=np.repeat(np.arange(100) / 10, 2))
    chart = chart_of(table, Choice(), Extras())
    assert [row.unit for row in chart.rows] == [6, 12, 25] and [face.number for face in chart.faces] == [0, 1]
    np.testing.assert_array_equal(chart.faces[0].mean, chart.faces[1].mean)
    chart = chart_of(table, Choice(action_units=(12, 6), faces=(1,)), Extras())
    assert [row.unit for row in chart.rows] == [12, 6] and [face.number for face in chart.faces] == [1]
    assert chart.notes == ("Not drawn: AU25.",)


def test_missing_time_is_told_apart_from_low_quality() -> None:
    face = np.zeros(100, np.int64)
    face[:20] = -1
    values = smile()
    values[:20] = np.nan
    quality = np.ones(100, np.float32)
    quality[80:] = 0.1
    table = made(values, face=face, quality=quality)
    chart = chart_of(table, Choice(), Extras())
    assert chart.faces[0].state.tolist() == [ABSENT] * 20 + [USABLE] * 60 + [POOR] * 20
    assert chart.faces[0].usable == 0.6
    assert np.isnan(chart.faces[0].mean[80:]).all()
    assert (chart_of(table, Choice(min_quality=0.0), Extras()).faces[0].state[80:] == USABLE).all()


def test_each_row_has_the_first_scores_that_there_are() -> None:
    unknown = np.full((100, 3), np.nan)
    intensity, probability, occurrence = unknown.copy(), unknown.copy(), unknown.copy()
    intensity[:, 0], probability[:, 1] = 2.5, 0.5
    table = made(intensity, probability=probability.astype(np.float32), occurrence=occurrence.astype(np.float32))
    chart = chart_of(table, Choice(), Extras())
    assert [(row.unit, row.kind) for row in chart.rows] == [(6, "probability"), (12, "intensity"), (25, "")]
    np.testing.assert_allclose(chart.faces[0].mean[0], [0.5, 0.5, np.nan])
    with pytest.raises(InputError, match="no occurrence of AU6, AU12, AU25; the table gives intensity, probability"):
        chart_of(table, Choice(scores="occurrence"), Extras())


def test_what_another_tool_means_is_said() -> None:
    table = replace(made(smile()), tool="other", meaning={"intensity": "a guess"})
    assert chart_of(table, Choice(), Extras()).notes == ("intensity of other: a guess.",)


def test_too_many_faces_leave_out_those_seen_shortest_and_say_so() -> None:
    face = np.concatenate([np.full(10 + number, number) for number in range(8)])
    chart = chart_of(made(np.zeros((len(face), 3)), face=face), Choice(), Extras())
    assert [one.number for one in chart.faces] == [2, 3, 4, 5, 6, 7]
    assert chart.notes == ("Not drawn: faces 0, 1, seen for a shorter time.",)


def test_the_baseline_is_a_line_and_the_scores_stay_raw() -> None:
    values = smile() + 0.5
    table = made(values)
    chart = chart_of(table, Choice(), Extras(baseline=correct(table, BaselineRule("quiet"))))
    face = chart.faces[0]
    assert face.level is not None and chart.baseline == "baseline (quiet)"
    np.testing.assert_allclose(face.level, 0.1)
    np.testing.assert_allclose(face.mean[30, [0, 1]], [3.5 / 5, 4.5 / 5])


def test_a_heat_map_of_presence_has_shares_of_frames() -> None:
    chart = chart_of(made(smile()), Choice(), Extras(), Bins("present", 5.0))
    np.testing.assert_allclose(chart.faces[0].mean[:, [0, 1]], [[0.5, 0.5], [0, 0.5]])


def test_a_part_is_drawn_with_the_events_and_marks_in_it() -> None:
    events = [Event("AU12", 0.2, 0.3, 1.0, 4, 3, face_id=0), Event("AU12", 2.5, 3.0, 7.5, 4, 3, face_id=0)]
    spans = [Span(0, 1, "before"), Span(4, 9, "during"), Span(2, 3, "alone", person="face 0"), Span(2, 3, "other", person="Ben")]
    chart = chart_of(made(smile()), Choice(start=2.0, end=5.0), Extras(events, markers=spans))
    assert (chart.edges[0], chart.edges[-1]) == (2.0, 5.0)
    bars = chart.faces[0].bars
    assert bars is not None and (bars.onset.tolist(), bars.offset.tolist()) == ([2.5], [5.0])
    assert [(mark.label, mark.faces) for mark in chart.marks] == [("alone (face 0)", (0,)), ("during", None)]
    assert (chart.marks[1].start, chart.marks[1].end) == (4.0, 5.0)


def test_time_before_a_later_recording_is_empty_not_a_lost_face() -> None:
    late = replace(made(smile()), time=np.arange(100) / 10 + 5)
    shared = shared_by([(UNITS, 0.0, 10.0), (late.action_units, *span_of(late))])
    for bins in (None, Bins()):
        chart = chart_of(late, Choice(), Extras(), bins, shared)
        assert (chart.edges[0], chart.edges[-1]) == (0.0, 15.0)
        assert not chart.recorded[chart.edges[:-1] < 4.9].any() and chart.recorded[chart.edges[:-1] >= 5.0].all()
        assert (chart.faces[0].state[chart.recorded] == USABLE).all()
    assert len(plot_table(late, "heatmap", shared=shared)) > 1000


def test_pictures_side_by_side_have_the_same_rows_and_times() -> None:
    one, other = made(smile()), replace(made(smile(60), name="other"), action_units=(12, 6, 4))
    shared = shared_by([(table.action_units, *span_of(table)) for table in (one, other)])
    charts = [chart_of(table, Choice(), Extras(), None, shared) for table in (one, other)]
    assert [row.unit for row in charts[0].rows] == [row.unit for row in charts[1].rows] == [4, 6, 12, 25]
    assert [chart.edges[-1] for chart in charts] == [10.0, 10.0] and charts[1].end == 6.0
    assert charts[0].recorded.all() and charts[1].recorded.sum() == 60
    assert charts[0].rows[0].kind == "" and np.isnan(charts[0].faces[0].mean[:, 0]).all()


# Events, markers


def test_events_of_other_recordings_faces_or_times_are_refused_in_words() -> None:
    table, event = made(smile()), Event("AU12", 1, 2, 3, 4, 3, face_id=0)
    with pytest.raises(InputError, match="clip: no event is of this recording; they are of walk"):
        events_of(table, [replace(event, recording="walk")])
    with pytest.raises(InputError, match=r"face 7, which is not in the table \(0\); are they of another recording"):
        events_of(table, [replace(event, face_id=7)])
    with pytest.raises(InputError, match=r"1 of 1 events are outside the recording, which runs from 0\.000 to 10\.000 s"):
        events_of(table, [replace(event, onset=90.0, apex=91.0, offset=92.0)])
    with pytest.warns(InputWarning, match="face 7"):
        assert events_of(table, [event, replace(event, face_id=7)]) == [event]
    assert events_of(table, []) == []


def test_events_without_a_row_are_counted_under_the_picture() -> None:
    events = [Event(label, 1, 2, 3, 4, 3, face_id=0) for label in ("AU12", "AU12 left", "blink", "blink")]
    chart = chart_of(made(smile()), Choice(), Extras(events))
    assert chart.notes == ("Events without a row here: blink (2), AU12 left (1).",)
    assert len(bars_of(events, 0, UNITS, 0, 10).row) == 1


def test_markers_that_overlap_get_lanes_and_short_ones_go_into_the_legend() -> None:
    spans = [Span(0, 8, "talk"), Span(2, 6, "joke"), Span(8, 8.2, "a rather long name for so little time")]
    strip = Strip(marks_of(spans, (0,), 0, 10), 0, 10)
    assert [[mark.label for mark in lane] for _, lane in strip.lanes] == [["talk", spans[2].label], ["joke"]]
    assert [text for _, text in strip.legend] == [spans[2].label]


# Together


def test_shares_of_time_and_jaccard_are_those_counted_by_hand() -> None:
    values = np.zeros((10, 3))
    values[:6, 0], values[4:8, 1] = 2, 2  # AU12 in 6 frames, AU6 in 4, both in 2
    matrix = matrix_of(made(values), Choice())
    assert matrix.units == (6, 12, 25) and matrix.total == 10 and matrix.frames.tolist() == [4, 6, 0]
    np.testing.assert_allclose(matrix.together, [[0.4, 0.5, 0], [2 / 6, 0.6, 0], [np.nan, np.nan, 0]])
    jaccard = matrix_of(made(values), Choice(), jaccard=True).together
    np.testing.assert_allclose(jaccard[0, 1], 2 / 8)
    np.testing.assert_allclose(jaccard, jaccard.T)


def test_pairs_count_where_both_are_known_and_frames_by_their_seconds() -> None:
    values = np.array([[2, 2, 0], [2, 0, 0], [2, np.nan, 0]])
    matrix = matrix_of(made(values, time=np.array([0.0, 0.3, 0.4])), Choice(action_units=(12, 6)))
    np.testing.assert_allclose(matrix.together, [[1.0, 0.3 / 0.4], [1.0, 0.3 / 0.4]])


def test_a_single_frame_is_enough() -> None:
    table = made(np.full((1, 3), 2.0), time=np.array([7.0]))
    for kind in ("timeline", "heatmap", "cooccurrence"):
        assert picture(plot_table(table, kind)).shape[1] > 800
    assert matrix_of(table, Choice()).together.tolist() == [[1, 1, 1]] * 3


# What is refused


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"action_units": (12, 99)}, "no AU99 among the action units of the table: 12, 6, 25"),
        ({"faces": (3,)}, "clip: no face 3; its faces: 0"),
        ({"start": 20.0}, "clip: no frame from 20 s on; the recording covers 0 to 10 s"),
        ({"start": 5.0, "end": 4.0}, "the end must be after the start, got 5 to 4 s"),
        ({"scores": "colour"}, "scores must be one of intensity, probability, occurrence, got 'colour'"),
        ({"action_units": (12, 12)}, "action units must not repeat, got 12, 12"),
    ],
)
def test_what_is_not_there_is_refused_by_name(choice: dict[str, Any], message: str) -> None:
    for kind in ("timeline", "heatmap", "cooccurrence"):
        with pytest.raises(InputError, match=message):
            plot_table(made(smile()), kind, Choice(**choice))


def test_no_face_and_wrong_kinds_are_refused() -> None:
    empty = made(np.full((50, 3), np.nan), face=[-1] * 50)
    with pytest.raises(InputError, match="no face in any of its 50 frames; there is nothing to draw"):
        plot_table(empty)
    with pytest.raises(InputError, match="kind must be one of timeline, heatmap, cooccurrence, got 'pie'"):
        plot_table(made(smile()), "pie")
    with pytest.raises(InputError, match="the measure of a heatmap must be one of mean, present, got 'jaccard'"):
        plot_table(made(smile()), "heatmap", measure="jaccard")
    with pytest.raises(InputError, match="only a heatmap has bins"):
        plot_table(made(smile()), "timeline", bin_seconds=1.0)
    with pytest.raises(InputError, match=r"quality of 0\.3 or more"):
        plot_table(made(smile(), quality=np.zeros(100, np.float32)), "cooccurrence")


# Pictures


@pytest.mark.parametrize("kind", ["timeline", "heatmap", "cooccurrence"])
def test_pictures_are_whole_in_three_formats_and_take_any_name(kind: str) -> None:
    table = made(smile(), name="$x_1$ \udcff 笑顔 " + "long " * 60)
    spans = [] if kind == "cooccurrence" else [Span(0, 5, "$\\frac{", tier="_tier")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels = picture(plot_table(table, kind, markers=spans))
        assert plot_table(table, kind, file_format="pdf", markers=spans).startswith(b"%PDF")
        assert b"<svg" in plot_table(table, kind, file_format="svg", markers=spans)[:1000]
    assert pixels.shape[1] > 800 and (pixels[:, -2:] == 255).all()  # nothing runs over the edge


def test_strong_scores_darken_a_heat_map_where_they_are() -> None:
    values = np.zeros((100, 3))
    values[50:] = 5
    pixels = picture(plot_table(made(values), "heatmap")).astype(int).sum(axis=2)
    dark = (pixels < 200).sum(axis=0)
    assert dark[950:1200].min() > 30 > dark[350:700].max()


def test_a_table_draws_itself_and_writes_a_file_once(tmp_path: Path) -> None:
    table = made(smile())
    shown = table.plot(tmp_path / "a.png", events=[Event("AU12", 2.5, 3, 7.5, 4, 3, face_id=0)])
    assert Image.open(tmp_path / "a.png").size == shown.size
    assert table.plot(tmp_path / "a.svg", "cooccurrence").format == "PNG" and (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")
    with pytest.raises(OutputError):
        table.plot(tmp_path / "a.png")
    table.plot(tmp_path / "a.png", overwrite=True)
    with pytest.raises(InputError, match="pictures are png, pdf, svg"):
        table.plot(tmp_path / "a.gif")


def test_rendered_faces_are_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "SYNTHETIC.json").write_text("{}")
    (tmp_path / "made.mp4").write_bytes(b"")
    table = made(smile(), source="made.mp4", path=tmp_path / "made.csv")
    assert chart_of(table, Choice(), Extras()).synthetic and matrix_of(table, Choice()).synthetic
    assert chart_of(made(smile(), source=str(demo_clip())), Choice(), Extras()).synthetic
    assert not chart_of(made(smile(), source="made.mp4"), Choice(), Extras()).synthetic
    plain = plot_table(made(smile()))
    assert (picture(plot_table(table))[:60] != picture(plain)[:60]).any()
