"""From a detector's results to a table and from a table to a data frame, without a loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, write_clip, write_picture

from aufait.analysis import ScoreTable, read_table
from aufait.analysis.frames import table_of
from aufait.detection.detected import Detections
from aufait.detection.detector import Detector
from aufait.detection.tables import ParquetWriter
from aufait.errors import InputError


@pytest.fixture
def detector() -> Detector:
    return Detector(finder=FakeFinder(count=2), model=FakePredictor(), device="cpu")


@pytest.fixture
def results(detector: Detector, tmp_path: Path) -> Detections:
    return detector.detect(write_clip(tmp_path / "clip.mp4", 5))


def openface_like() -> ScoreTable:
    """A table that gives intensities only."""
    return ScoreTable.made_of(
        "<b>p1</b>",
        (12, 25),
        np.arange(3.0),
        np.array([0, 0, -1]),
        intensity=np.array([[1, 2], [3, 4], [np.nan, np.nan]], np.float32),
    )


def test_table_of_results_is_the_one_that_is_read_from_their_file(results: Detections, tmp_path: Path) -> None:
    path = tmp_path / "clip.parquet"
    with ParquetWriter(path, results.action_units) as writer:
        for frame in results:
            writer.write(frame)
    ours, theirs = table_of(results), read_table(path)
    assert (ours.name, ours.action_units, ours.faces, ours.tool) == (theirs.name, theirs.action_units, theirs.faces, theirs.tool)
    for name in ("time", "frame", "face_id", "confidence", "quality", "probability", "intensity", "occurrence", "intensity_left"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), err_msg=name)
    for name, values in theirs.others.items():
        if name in ours.others:
            np.testing.assert_allclose(ours.others[name], values, err_msg=name)
    assert ours.source == theirs.source


def test_frames_without_a_face_stay(detector: Detector, tmp_path: Path) -> None:
    table = table_of(detector.detect(write_clip(tmp_path / "empty.mp4", 4, face=False)), "nobody")
    assert len(table) == 4 and not table.found.any() and table.name == "nobody"


def test_pictures_are_numbered(detector: Detector, tmp_path: Path) -> None:
    table = table_of(detector.detect([write_picture(tmp_path / f"{name}.png") for name in "ab"]))
    assert table.of_pictures and table.time.tolist() == [1, 1, 2, 2] and table.name == "images" and table.source == ""


def test_what_is_no_recording_is_refused(detector: Detector, results: Detections, tmp_path: Path) -> None:
    other = detector.detect(write_clip(tmp_path / "other.mp4", 3))
    with pytest.raises(InputError, match="one recording"):
        table_of(results + other)
    with pytest.raises(InputError, match="order of time"):
        table_of(reversed(results))
    with pytest.raises(InputError, match="empty"):
        table_of([])


def test_data_frame_of_a_table_is_that_of_its_results(results: Detections) -> None:
    ours, theirs = table_of(results).to_dataframe(), results.to_dataframe()
    common = [name for name in theirs.columns if name in ours.columns]
    assert {"AU12_r", "AU12_left_p", "AU01_c", "box_x0", "face_id", "timestamp"} <= set(common)
    for name in common:
        assert ours[name].tolist() == pytest.approx(theirs[name].tolist(), nan_ok=True), name
    assert len(table_of(results).to_dataframe(form="long")) == 10 * 2 * 3


def test_scores_that_a_tool_does_not_give_have_no_column() -> None:
    table = openface_like().to_dataframe()
    assert {"AU12_r", "AU25_r"} <= set(table.columns) and not [name for name in table.columns if name.endswith(("_p", "_c"))]
    assert table["face_id"].isna().tolist() == [False, False, True]
    long = openface_like().to_dataframe(form="long")
    assert "probability" not in long and long["intensity"].tolist()[:4] == [1, 2, 3, 4]


def test_polars_takes_the_table_itself() -> None:
    polars = pytest.importorskip("polars")
    assert polars.DataFrame(openface_like()).equals(openface_like().to_dataframe("polars"))


def test_card_of_a_table_is_escaped_and_complete(results: Detections) -> None:
    card = openface_like()._repr_html_()
    assert "<b>p1</b>" not in card and "&lt;b&gt;p1" in card and "40 %" in card and "nan" not in card
    assert "AU12" in table_of(results)._repr_html_()
