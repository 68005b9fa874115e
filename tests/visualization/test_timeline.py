"""Timelines: bounded memory, true times, gaps shown, only what occurs is drawn."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from analysed import UNITS, make_face, make_frame
from PIL import Image

from aufait.errors import OutputError
from aufait.visualization.results.summary import Summary
from aufait.visualization.results.timeline import MAX_FACES, Timeline


def picture(timeline: Timeline) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(timeline.to_png(dpi=40))).convert("RGB"))


def test_bins_keep_counts_extremes_and_times():
    timeline = Timeline(max_bins=8)
    for number in range(40):
        timeline.add(make_frame(number + 1, make_face(au12=number / 10), timestamp=number * 0.1))
    course, place = timeline.courses.faces[0], UNITS.index(12)
    used = timeline.courses.used
    assert used <= 8 and course.count[:used].sum() == 40
    assert course.total[:used, place].sum() == pytest.approx(sum(number / 10 for number in range(40)), rel=1e-5)
    assert course.low[0, place] == 0 and course.high[used - 1, place] == pytest.approx(3.9)
    assert course.present[:used, place].sum() == 25  # probability reaches 0.5 at intensity 1.5
    assert np.allclose(np.diff(timeline.courses._starts[:used]), 0.8) and timeline.courses.edges()[-1] >= 3.9


def test_memory_does_not_grow_with_the_video():
    timeline = Timeline(max_bins=64)
    for number in range(1, 1000):
        timeline.add(make_frame(number, make_face(au1=2)))
    assert timeline.courses.used <= 64 and len(timeline.courses.faces[0].count) == 64
    assert timeline.courses.faces[0].count[: timeline.courses.used].sum() == 999


def test_crowds_are_bounded_too():
    timeline = Timeline(max_bins=64)
    for number in range(1, 100):
        timeline.add(make_frame(number, make_face(number, au12=3)))
    assert len(timeline.courses.faces) == MAX_FACES
    picture(timeline)


def test_only_action_units_that_occur_get_a_row():
    timeline = Timeline()
    for number in range(1, 30):
        timeline.add(make_frame(number, make_face(au12=3, au4=2, au1=0.5)))
    assert timeline.rows() == [4, 12]


def drawn_axes(timeline: Timeline, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The axes of each face as they were when the picture was made."""
    found: list[Any] = []
    draw = Timeline._draw_face

    def watch(self, axes, *rest, **how):
        draw(self, axes, *rest, **how)
        found.append(axes)

    monkeypatch.setattr(Timeline, "_draw_face", watch)
    timeline.to_png(dpi=40)
    return found


def test_every_face_has_the_same_rows_and_the_same_height(monkeypatch):
    timeline = Timeline()
    for number in range(1, 30):
        timeline.add(make_frame(number, make_face(0, au12=3), make_face(1, au4=2), make_face(2)))
    axes = drawn_axes(timeline, monkeypatch)
    labels = [[label.get_text() for label in one.get_yticklabels()] for one in axes]
    assert labels == [["AU4", "AU12"]] * 3
    assert len({round(one.get_position().height, 6) for one in axes}) == 1 and len({one.get_xlim() for one in axes}) == 1


@pytest.mark.parametrize(("graded", "ends"), [(True, ["0", "5"]), (False, ["0", "1"])])
def test_each_row_has_a_scale_with_its_ends(monkeypatch, graded, ends):
    timeline = Timeline()
    bare = {} if graded else {"intensity": None, "intensity_left": None, "intensity_right": None}
    for number in range(1, 30):
        timeline.add(make_frame(number, replace(make_face(au12=3, au4=2), **bare)))
    (axes,) = drawn_axes(timeline, monkeypatch)
    scale = [text for text in axes.texts if text.get_fontsize() < 7]
    assert [text.get_text() for text in scale] == ends * 2
    low, high = (text.get_position()[1] for text in scale[:2])
    tops = [path.vertices[:, 1].min() for fill in axes.collections for path in fill.get_paths() if path.vertices[:, 1].max() < 1]
    share = (low - min(tops)) / (low - high)
    assert share == pytest.approx(2 / 5 if graded else 2 / 3, abs=1e-6)  # AU4, in the first row, is 2 of 5, or 2/3 of 1


def test_rows_make_the_picture_taller():
    few, many = Timeline(), Timeline()
    for number in range(1, 10):
        few.add(make_frame(number, make_face(au12=3)))
        many.add(make_frame(number, make_face(**{f"au{unit}": 3.0 for unit in UNITS})))
    assert picture(many).shape[0] > picture(few).shape[0] + 150


def test_gaps_look_different():
    whole, broken = Timeline(), Timeline()
    for number in range(1, 50):
        whole.add(make_frame(number, make_face(au12=3)))
        broken.add(make_frame(number, *([] if 20 < number < 30 else [make_face(au12=3)])))
    assert (picture(whole) != picture(broken)).any()


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_very_short_videos(frames):
    timeline = Timeline()
    for number in range(1, frames + 1):
        timeline.add(make_frame(number, make_face(au12=3)))
    assert picture(timeline).shape[1] > 400


def test_video_without_faces():
    timeline = Timeline()
    for number in range(1, 5):
        timeline.add(make_frame(number))
    assert picture(timeline).shape[0] > 60


def test_face_without_action_units():
    timeline = Timeline()
    timeline.add(make_frame(1, make_face()))
    assert picture(timeline).shape[0] > 60


def test_saved_once_unless_told_otherwise(tmp_path):
    timeline = Timeline()
    timeline.add(make_frame(1, make_face(au12=3)))
    path = timeline.save(tmp_path / "a.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError, match="exists already"):
        timeline.save(path)
    timeline.save(path, overwrite=True)


def test_no_global_plotting_state_is_touched():
    before = "matplotlib.pyplot" in sys.modules
    timeline = Timeline()
    timeline.add(make_frame(1, make_face(au12=3)))
    timeline.to_png(dpi=50)
    assert ("matplotlib.pyplot" in sys.modules) == before


def times_on_the_axis(timeline: Timeline, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], str]:
    """Labels of the axis, and its title."""
    *_, last = drawn_axes(timeline, monkeypatch)
    return [label.get_text() for label in last.get_xticklabels()], last.get_xlabel()


@pytest.mark.parametrize(
    ("start", "step", "label", "title"),
    [
        (0.0, 0.04, "0.4", "time, s"),
        (36_000.0, 0.04, "10:00:02.0", "time, h:min:s"),
        (0.0, 10.0, "5:00", "time, min:s"),
        (7200.0, 100.0, "2:30:00", "time, h:min:s"),
    ],
)
def test_the_axis_of_time_can_be_read(monkeypatch, start, step, label, title):
    timeline = Timeline()
    for number in range(60):
        timeline.add(make_frame(number + 1, make_face(au12=3.0), timestamp=start + number * step))
    labels, below = times_on_the_axis(timeline, monkeypatch)
    assert label in labels and below == title and not any("e" in text for text in labels)


def test_time_without_frames_is_hatched():
    def drawn(gap: float) -> np.ndarray:
        timeline = Timeline()
        for number in range(200):
            time = number / 10 + (gap if number >= 100 else 0)
            timeline.add(make_frame(number + 1, make_face(au12=3.0), timestamp=time))
        return picture(timeline)

    whole, with_gap = drawn(0.0), drawn(20.0)
    row = int(np.argmax((whole[..., 2].astype(int) - whole[..., 0] > 60).sum(axis=1)))  # through the bar of AU12
    strong = (with_gap[row, :, 2].astype(int) - with_gap[row, :, 0]) > 60
    span = np.flatnonzero(strong)
    inside = strong[span[0] : span[-1]]
    assert 0.4 < 1 - inside.mean() < 0.6  # half of the time has no frames


def test_odd_bins_are_refused():
    with pytest.raises(ValueError, match="even"):
        Timeline(max_bins=7)


def test_summary_counts_shares_and_peaks():
    summary = Summary()
    for number, strength in enumerate((0.0, 2.0, 4.0, 1.0), start=1):
        summary.add(make_frame(number, make_face(au12=strength)))
    summary.add(make_frame(5))
    assert summary.frames == 5 and summary.frames_without_face == 1 and summary.frames_of(0) == 4
    unit = next(unit for unit in summary.units(0) if unit.action_unit == 12)
    assert unit.share == 0.5 and unit.mean_present == 3 and unit.maximum == 4 and unit.time_of_maximum == 3 / 25
    assert unit.left_minus_right == pytest.approx(1.5)
    absent = next(unit for unit in summary.units(0) if unit.action_unit == 1)
    assert absent.share == 0 and np.isnan(absent.mean_present)


def test_a_long_note_is_broken_into_lines_that_fit() -> None:
    timeline = Timeline(title="clip", note="Estimated by the network arl; " + "it lacks a subject, " * 20)
    lines = timeline._notes(0)
    assert len(lines) > 2 and max(map(len, lines)) <= 150 and " ".join(lines).startswith("Estimated by the network arl; it lacks")
    short = Timeline(title="clip")
    assert size_of(timeline.to_png())[1] > size_of(short.to_png())[1]


def size_of(png: bytes) -> tuple[int, int]:
    import io

    from PIL import Image

    return Image.open(io.BytesIO(png)).size
