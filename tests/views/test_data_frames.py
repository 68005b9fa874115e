"""Results as data frames: names, types, missing values, both forms, every library."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from aufait.errors import InputError, MissingExtraError
from aufait.results import FaceAnalysis, FrameAnalysis
from aufait.views.data_frames import make_data_frame
from aufait.views.face_columns import columns_of_frames

UNITS = (12, 25)  # the first has two sides, the second has not


def face(face_id: int = 0, *, sides: bool = True, intensity: bool = True, units: tuple[int, ...] = UNITS) -> FaceAnalysis:
    row = np.linspace(0.2, 0.8, len(units))
    return FaceAnalysis(
        face_id, np.array([1, 2, 30, 40]), 0.9, np.arange(136).reshape(68, 2), None, units, row,
        5 * row if intensity else None, quality=0.75,
        **{f"{what}_{side}": scale * row for what, scale in (("probability", 1), ("intensity", 4)) for side in ("left", "right")}
        if sides else {},
    )  # fmt: skip


def frame(*faces: FaceAnalysis, number: int = 1, error: str | None = None) -> FrameAnalysis:
    return FrameAnalysis("clip.mp4", number, 0.04 * (number - 1), (64, 48), faces, error)


def test_wide_form_has_a_row_per_face_and_the_columns_of_the_output_page() -> None:
    table = frame(face(0), face(3)).to_dataframe()
    assert list(table["face_id"]) == [0, 3]
    assert table.loc[1, "source"] == "clip.mp4" and table.loc[1, "width"] == 64
    assert table.loc[0, "AU12_p"] == pytest.approx(0.2)
    assert table.loc[0, "AU12_r"] == pytest.approx(1.0)
    assert table.loc[0, "AU12_left_r"] == pytest.approx(0.8)
    assert not table.loc[0, "AU12_c"] and table.loc[0, "AU25_c"]
    assert "AU25_left_p" not in table and "x_0" not in table


def test_columns_are_those_of_the_parquet_table(tmp_path) -> None:  # type: ignore[no-untyped-def]
    import pyarrow.parquet

    from aufait.detection.tables import ParquetWriter

    frames = [frame(face()), frame(number=2, error="damaged")]
    with ParquetWriter(tmp_path / "a.parquet", UNITS) as writer:
        for one in frames:
            writer.write(one)
    stored = pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pandas()
    table = columns_of_frames(frames, landmarks=True).data_frame("pandas", "wide")
    assert set(table.columns) <= set(stored.columns)
    for name in table.columns:
        ours, theirs = table[name], stored[name]
        assert list(ours.isna()) == list(theirs.isna()), name
        whole = ~ours.isna()
        assert list(ours[whole].astype(object)) == pytest.approx(list(theirs[whole].astype(object))), name


def test_frame_without_a_face_has_a_row_of_missing_values() -> None:
    table = columns_of_frames([frame(number=1), frame(face(), number=2)]).data_frame("pandas", "wide")
    assert list(table["success"]) == [False, True]
    assert table.loc[0, ["face_id", "AU12_r", "AU12_c", "AU12_p", "quality", "box_x0"]].isna().all()
    assert str(table["face_id"].dtype) == "Int64" and str(table["AU12_c"].dtype) == "boolean"


def test_long_form_has_a_row_per_unit_and_side() -> None:
    table = frame(face(0), face(1)).to_dataframe(form="long")
    assert list(zip(table["action_unit"], table["side"], strict=True)) == 2 * [
        (12, "both"), (12, "left"), (12, "right"), (25, "both"),
    ]  # fmt: skip
    left = table[(table.face_id == 1) & (table.side == "left")].iloc[0]
    assert (left.probability, left.intensity) == (pytest.approx(0.2), pytest.approx(0.8))
    assert left.isna()["occurrence"]  # decided for the whole face only
    assert table["occurrence"].dropna().astype(bool).tolist() == [False, True, False, True]


def test_what_the_model_does_not_give_is_missing_and_sides_have_no_columns() -> None:
    table = frame(face(sides=False, intensity=False)).to_dataframe()
    assert table["AU12_r"].isna().all() and "AU12_left_r" not in table
    assert set(frame(face(sides=False)).to_dataframe(form="long")["side"]) == {"both"}


def test_one_face_has_no_frame() -> None:
    table = face(4).to_dataframe()
    assert list(table["face_id"]) == [4] and "timestamp" not in table


def test_landmarks_come_when_asked_for() -> None:
    table = frame(face()).to_dataframe(landmarks=True)
    assert (table.loc[0, "x_1"], table.loc[0, "y_67"]) == (2, 135)


@pytest.mark.parametrize("form", ["wide", "long"])
def test_polars_and_arrow_hold_what_pandas_holds(form: str) -> None:
    polars = pytest.importorskip("polars")
    columns = columns_of_frames([frame(), frame(face(), number=2)])
    pandas_frame = columns.data_frame("pandas", form)
    for kind in ("polars", "arrow"):
        other = columns.data_frame(kind, form)
        as_polars = other if kind == "polars" else polars.from_arrow(other)
        assert as_polars.columns == list(pandas_frame.columns)
        for name in as_polars.columns:
            theirs = as_polars[name].to_list()
            ours = [
                None if missing else value for value, missing in zip(pandas_frame[name], pandas_frame[name].isna(), strict=True)
            ]
            assert theirs == ours, name


def test_faces_of_two_models_are_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match="results of each model"):
        columns_of_frames([frame(face()), frame(face(units=(1,)), number=2)])


@pytest.mark.parametrize(("given", "message"), [({"kind": "excel"}, "pandas, polars, arrow"), ({"form": "tall"}, "wide, long")])
def test_unknown_kind_and_form_name_the_known_ones(given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        frame(face()).to_dataframe(**given)


@pytest.mark.parametrize(("kind", "package", "error"), [
    ("pandas", "pandas", MissingExtraError), ("arrow", "pyarrow", MissingExtraError), ("polars", "polars", InputError),
])  # fmt: skip
def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, kind: str, package: str, error: type[Exception]) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(error, match="pip install"):
        make_data_frame({"a": np.arange(2)}, kind)


def test_no_frames_make_an_empty_frame_with_the_columns_of_the_model() -> None:
    table = columns_of_frames([], UNITS).data_frame("pandas", "wide")
    assert len(table) == 0 and {"source", "AU12_p", "AU25_c"} <= set(table.columns)
    assert len(columns_of_frames([], UNITS).data_frame("pandas", "long")) == 0
