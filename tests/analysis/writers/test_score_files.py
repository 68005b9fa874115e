"""Files of scores, read back by pandas, by R and by PSPP, which runs SPSS's syntax: the same numbers, the same gaps."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pandas
import pytest
from made_recordings import UNITS, score_table

from aufait.analysis.score_table import ScoreTable
from aufait.analysis.writers import Choices, Recording, convert
from aufait.analysis.writers.bids import resample
from aufait.errors import InputError, InputWarning, OutputError

SCORES = (
    "probability", "intensity", "occurrence", "probability_left", "probability_right", "intensity_left", "intensity_right",
)  # fmt: skip


def same(found: pandas.DataFrame, table: ScoreTable) -> None:
    """Every score of a wide table, and what is known of each row."""
    for name in ("frame", "time", "confidence", "quality"):
        np.testing.assert_allclose(found[name].to_numpy(float), getattr(table, name), rtol=1e-6, err_msg=name)
    np.testing.assert_array_equal(found["face_id"].fillna(-1).to_numpy(int), table.face_id)
    for name in SCORES:
        for unit in UNITS:
            values = getattr(table, name)[:, table.index(unit)]
            np.testing.assert_allclose(found[f"AU{unit:02d}_{name}"].to_numpy(float), values, rtol=1e-6, err_msg=name)


def table_of(recording: Recording) -> ScoreTable:
    assert recording.table is not None
    return recording.table


def test_the_wide_table_has_every_score_and_gap(recording: Recording, tmp_path: Path) -> None:
    paths = convert([recording], "wide", tmp_path / "w.csv")
    assert [path.name for path in paths] == ["w.csv", "w_codebook.csv", "w.sps", "w.R"]
    same(pandas.read_csv(tmp_path / "w.csv"), table_of(recording))


def test_the_long_table_has_the_same_scores_one_unit_a_row(recording: Recording, tmp_path: Path) -> None:
    convert([recording], "long", tmp_path / "l.csv")
    found = pandas.read_csv(tmp_path / "l.csv")
    table = table_of(recording)
    assert len(found) == len(table) * len(UNITS)
    for unit in UNITS:
        rows = found[found["action_unit"] == unit]
        for name in SCORES:
            np.testing.assert_allclose(rows[name].to_numpy(float), getattr(table, name)[:, table.index(unit)], rtol=1e-6)


def test_several_recordings_of_different_units_share_one_table(nasty: Recording, tmp_path: Path) -> None:
    plain = score_table("plain")
    fewer = ScoreTable.made_of("fewer", (12,), plain.time, plain.face_id, probability=plain.probability[:, [1]])
    convert([Recording("fewer", (), fewer), nasty], "wide", tmp_path / "all.csv")
    found = pandas.read_csv(tmp_path / "all.csv")
    assert list(dict.fromkeys(found["recording"])) == ["fewer", 'Zoë; "A,B"\\n=1+1\\t| x']
    same(found[found["recording"] != "fewer"], table_of(nasty))
    rows = found[found["recording"] == "fewer"]
    np.testing.assert_allclose(rows["AU12_probability"], plain.probability[:, 1], rtol=1e-6)
    assert rows["AU01_probability"].isna().all() and rows["AU12_intensity"].isna().all()


def test_the_codebook_explains_every_column(recording: Recording, tmp_path: Path) -> None:
    for to in ("long", "wide"):
        convert([recording], to, tmp_path / f"{to}.csv")
        book = pandas.read_csv(tmp_path / f"{to}_codebook.csv")
        assert list(book["variable"]) == list(pandas.read_csv(tmp_path / f"{to}.csv", nrows=1).columns)
        assert book["label"].notna().all()


@pytest.mark.parametrize("to", ["long", "wide"])
def test_r_reads_the_table_by_its_script_with_equal_values_and_labels(to: str, nasty: Recording, tmp_path: Path) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not installed")
    paths = convert([nasty], to, tmp_path)
    script = next(path for path in paths if path.suffix == ".R")
    code = f"source({json.dumps(script.name)}, encoding='UTF-8'); write.csv(scores, 'back.csv', row.names=FALSE, na='');"
    code += "writeLines(sapply(scores, function(x) attr(x, 'label')), 'labels.txt')"
    subprocess.run(["Rscript", "-e", code], cwd=tmp_path, check=True, capture_output=True, env=_utf8(), timeout=120)
    ours, theirs = pandas.read_csv(paths[0]), pandas.read_csv(tmp_path / "back.csv")
    pandas.testing.assert_frame_equal(theirs, ours, check_dtype=False, rtol=1e-12)
    labels = pandas.read_csv(paths[1])["label"]
    assert (tmp_path / "labels.txt").read_text("utf-8").splitlines() == list(labels)


@pytest.mark.parametrize("to", ["long", "wide"])
def test_the_spss_syntax_runs_and_saves_the_same_values(to: str, nasty: Recording, tmp_path: Path) -> None:
    if shutil.which("pspp") is None or shutil.which("pspp-convert") is None:
        pytest.skip("PSPP, which runs SPSS's syntax, is not installed")
    paths = convert([nasty], to, tmp_path)
    run = {"cwd": tmp_path, "check": True, "capture_output": True, "env": _utf8(), "timeout": 120}
    subprocess.run(["pspp", next(path.name for path in paths if path.suffix == ".sps")], **run)
    subprocess.run(["pspp-convert", paths[0].with_suffix(".sav").name, "back.csv"], **run)
    ours = pandas.read_csv(paths[0])
    theirs = pandas.read_csv(tmp_path / "back.csv", na_values=[" ", ""])
    assert list(theirs.columns) == list(ours.columns)
    assert set(theirs["recording"].str.strip()) == set(ours["recording"])
    numbers = list(ours.columns[1:])
    np.testing.assert_allclose(theirs[numbers].to_numpy(float), ours[numbers].to_numpy(float), atol=1e-6)


def _utf8() -> dict[str, str]:
    import os

    return {**os.environ, "LC_ALL": "C.UTF-8"}


def physio(folder: Path, stem: str) -> tuple[pandas.DataFrame, dict]:  # type: ignore[type-arg]
    """The continuous recording with the names that its JSON gives to its columns."""
    about = json.loads((folder / f"{stem}_physio.json").read_text("utf-8"))
    values = pandas.read_csv(folder / f"{stem}_physio.tsv.gz", sep="\t", header=None, names=about["Columns"], na_values=["n/a"])
    return values, about


def test_bids_has_a_row_per_frame_and_gaps_where_nobody_is_seen(recording: Recording, tmp_path: Path) -> None:
    convert([recording], "bids", tmp_path / "study", Choices(subject="07", task="rest"))
    folder = tmp_path / "study" / "sub-07" / "beh"
    table = table_of(recording)
    for face in (0, 1):
        values, about = physio(folder, f"sub-07_task-rest_recording-face{face}")
        assert about["SamplingFrequency"] == pytest.approx(30) and about["StartTime"] == 0 and "none" in about["Resampling"]
        rows = table.of_face(face)
        places = rows.frame - 1
        assert len(values) == 90 and values["quality"].isna().sum() == 10
        np.testing.assert_allclose(values["AU12_probability"].to_numpy()[places], rows.probability[:, 1], rtol=1e-6)
        assert ("AU12_intensity" in values) == (face == 0)
        assert set(about["Columns"]) <= set(about)
    assert json.loads((tmp_path / "study" / "dataset_description.json").read_text())["BIDSVersion"]


def test_bids_events_are_onset_duration_and_type(recording: Recording, tmp_path: Path) -> None:
    convert([recording], "bids", tmp_path)
    (path,) = tmp_path.glob("sub-clip/beh/*_events.tsv")
    found = pandas.read_csv(path, sep="\t", na_values=["n/a"], quoting=3)
    assert list(found.columns[:3]) == ["onset", "duration", "trial_type"]
    events = recording.events
    np.testing.assert_allclose(found["onset"], [one.onset for one in events], atol=1e-6)
    np.testing.assert_allclose(found["duration"], [one.duration for one in events], atol=1e-6)
    np.testing.assert_allclose(found["peak"], [one.peak for one in events], atol=1e-6)
    levels = json.loads(path.with_suffix(".json").read_text("utf-8"))["trial_type"]["Levels"]
    assert set(found["trial_type"]) == set(levels) and levels["AU12 left"] == "Lip corner puller, left"


def test_irregular_frames_are_put_on_a_grid_which_is_told(tmp_path: Path) -> None:
    times = np.cumsum(np.where(np.arange(90) % 3 == 0, 0.02, 0.04)) - 0.02
    table = score_table("odd", faces=(0,), time=times)
    with pytest.warns(InputWarning, match="frames do not come at one rate; put at 25 per second"):
        convert([Recording("odd", (), table)], "bids", tmp_path)
    values, about = physio(tmp_path / "sub-odd" / "beh", "sub-odd_task-video_recording-face")
    assert about["SamplingFrequency"] == 25 and "frames do not come at one rate" in about["Resampling"]
    grid = np.arange(len(values)) / 25
    known = table.rows(table.found)
    inside = values["AU12_probability"].notna().to_numpy()
    expected = np.interp(grid, known.time, known.probability[:, 1])
    np.testing.assert_allclose(values["AU12_probability"][inside], expected[inside], rtol=1e-5)
    gone = (grid > times[9]) & (grid < times[20])
    assert gone.sum() > 5 and not inside[gone].any() and inside[~gone].mean() > 0.99


def test_frames_that_a_tool_left_out_are_gaps_not_a_slower_rate() -> None:
    table = score_table("gaps", faces=(0,)).rows(np.arange(90) % 7 != 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grid = resample(table.of_face(0), table.frame_times, None)
    assert grid.rate == pytest.approx(30) and len(grid.columns["quality"]) == 90 and not grid.made


def test_milliseconds_of_an_hour_do_not_drift() -> None:
    times = np.round(np.arange(108_000) / 29.97, 3)
    empty = np.full((len(times), 1), 0.5, np.float32)
    table = ScoreTable.made_of("hour", (12,), times, np.zeros(len(times), np.int64), probability=empty)
    grid = resample(table, table.frame_times, None)
    assert grid.rate == pytest.approx(29.97, abs=1e-4) and not grid.made
    assert len(grid.columns["quality"]) == 108_000 and np.isfinite(grid.columns["AU12_probability"]).all()


def test_names_of_bids_are_taken_from_recordings_that_have_them(recording: Recording, tmp_path: Path) -> None:
    named = Recording("sub-03_ses-2_task-talk_run-1_video", recording.events)
    convert([named], "bids", tmp_path)
    assert (tmp_path / "sub-03" / "ses-2" / "beh" / "sub-03_ses-2_task-talk_run-1_events.tsv").is_file()


def test_what_bids_cannot_name_is_refused(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="letters and digits only, got 'my task' for task"):
        convert([recording], "bids", tmp_path, Choices(task="my task"))
    with pytest.raises(InputError, match="would both be"):
        convert([Recording("a b"), Recording("ab")], "bids", tmp_path)
    with pytest.raises(InputError, match="--subject is for one recording"):
        convert([Recording("a"), Recording("b")], "bids", tmp_path, Choices(subject="1"))
    assert list(tmp_path.iterdir()) == []


def test_a_second_recording_joins_a_bids_folder_and_the_same_one_is_not_replaced(recording: Recording, tmp_path: Path) -> None:
    convert([recording], "bids", tmp_path, Choices(subject="1"))
    before = (tmp_path / "dataset_description.json").read_bytes()
    convert([recording], "bids", tmp_path, Choices(subject="2"))
    with pytest.raises(OutputError, match="exists already"):
        convert([recording], "bids", tmp_path, Choices(subject="2"))
    assert (tmp_path / "dataset_description.json").read_bytes() == before


def test_the_same_scores_give_the_same_compressed_file(recording: Recording, tmp_path: Path) -> None:
    for name in ("a", "b"):
        convert([recording], "bids", tmp_path / name)
    one, other = (sorted((tmp_path / name).rglob("*.gz"))[0].read_bytes() for name in ("a", "b"))
    assert one == other and gzip.decompress(one)


def test_py_feats_table_has_its_columns_and_our_scores(nasty: Recording, tmp_path: Path) -> None:
    convert([nasty], "fex", tmp_path / "fex.csv")
    found = pandas.read_csv(tmp_path / "fex.csv")
    table = table_of(nasty)
    for unit in UNITS:
        np.testing.assert_allclose(found[f"AU{unit:02d}"], table.probability[:, table.index(unit)], rtol=1e-6)
    np.testing.assert_array_equal(found["frame"], table.frame - 1)
    np.testing.assert_allclose(found["FaceScore"], table.confidence)
    assert {"FaceRectX", "x_67", "y_0", "Pitch", "AU11", "neutral", "input", "approx_time"} <= set(found.columns)
    assert found["AU11"].isna().all() and found["happiness"].isna().all()
    assert set(found["Identity"].dropna()) == {"Person_0", "Person_1"} and found["Identity"].isna().sum() == 10
    assert set(found["approx_time"]) == {"00:00", "00:01", "00:02"}


@pytest.mark.parametrize("to", ["long", "wide", "fex"])
def test_a_table_without_rows_is_a_header(to: str, empty: Recording, tmp_path: Path) -> None:
    path = convert([empty], to, tmp_path / "empty.csv")[0]
    found = pandas.read_csv(path)
    assert len(found) == 0 and len(found.columns) > 5


def test_bids_of_a_table_without_rows_has_no_continuous_recording(empty: Recording, tmp_path: Path) -> None:
    names = [path.name for path in convert([empty], "bids", tmp_path)]
    assert names == ["dataset_description.json", "sub-nothing_task-video_events.tsv", "sub-nothing_task-video_events.json"]
