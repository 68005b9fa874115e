"""Tables of the other open tools: OpenFace 3, py-feat, LibreFace, PyAFAR, MediaPipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aufait.analysis import read_table
from aufait.analysis.readers import mediapipe
from aufait.analysis.score_table import NO_FACE
from aufait.errors import InputError, InputWarning


def written(folder: Path, *lines: str, name: str = "clip.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


# OpenFace 3 ---------------------------------------------------------------------------------------------------------

OF3 = "timestamp,video_path,frame_index,face_id,face_detection,landmarks,emotion,gaze_yaw,gaze_pitch,action_units"


def of3(frame: int, stamp: str, scores: str) -> str:
    return f'{stamp},clip.mp4,{frame},0,"[10.0, 20.0, 30.0, 40.0, 0.97]","[[1, 2], [3, 4]]",6,0.1,-0.2,"{scores}"'


SCORES = "[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 8e-1]"


def test_openface_3_has_lists_in_cells(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, OF3, of3(0, "0.0", SCORES), of3(1, "0.04", f"[{SCORES}]"), of3(2, "0.08", "")))
    assert (table.tool, table.action_units) == ("openface3", (1, 2, 4, 6, 9, 12, 25, 26))
    np.testing.assert_allclose(table.probability[0], np.arange(1, 9) / 10, rtol=1e-6)
    np.testing.assert_allclose(table.probability[1], table.probability[0])
    assert table.face_id.tolist() == [0, 0, NO_FACE]
    assert table.time.tolist() == [0, 0.04, 0.08]
    assert table.confidence[0] == pytest.approx(0.97)
    assert (table.source, table.frame.tolist()) == ("clip.mp4", [0, 1, 2])
    assert "neither scale nor order" in table.meaning["probability"]


def test_openface_3_with_times_of_day_asks_for_the_rate(tmp_path: Path) -> None:
    for stamp in ("2025-06-01 12:00:00", "1764480000.5"):
        path = written(tmp_path, OF3, of3(0, stamp, SCORES), of3(1, stamp, SCORES))
        with pytest.raises(InputError, match="OpenFace 3 has no exact times"):
            read_table(path)
        assert read_table(path, fps=25).time.tolist() == [0, 0.04]


def test_openface_3_reports_scores_outside_of_its_scale_and_lists_of_another_length(tmp_path: Path) -> None:
    with pytest.warns(InputWarning, match="outside 0-1"):
        table = read_table(written(tmp_path, OF3, of3(0, "0", SCORES.replace("0.1", "-0.1"))), fps=25)
    assert table.probability[0, 0] == 0
    with pytest.raises(InputError, match="row 1: action_units should be a list of 8 numbers"):
        read_table(written(tmp_path, OF3, of3(0, "0", "[0.1, 0.2]")))


def test_pictures_of_openface_3_are_numbered(tmp_path: Path) -> None:
    header = "timestamp,image_path,face_id,face_detection,landmarks,emotion,gaze_yaw,gaze_pitch,action_units"
    rows = [f'x,{name},{face},"[]","[]",1,0,0,"{SCORES}"' for name, face in (("b.jpg", 0), ("b.jpg", 1), ("a.jpg", 0))]
    table = read_table(written(tmp_path, header, *rows))
    assert (table.time.tolist(), table.face_id.tolist()) == ([1, 1, 2], [0, 1, 0])


# py-feat ------------------------------------------------------------------------------------------------------------

FEX = ["FaceRectX", "FaceScore", "Pitch", "AU01", "AU12", "AU43", "input", "frame", "approx_time"]


def fex(*rows: tuple[Any, ...], header: list[str] = FEX) -> list[str]:
    return [",".join(header), *(",".join(str(cell) for cell in row) for row in rows)]


def test_py_feat_counts_from_0_and_needs_the_rate(tmp_path: Path) -> None:
    rows = [(1, 0.9, 0.1, 0.2, 0.8, 0.0, "clip.mp4", frame, "00:00") for frame in range(3)]
    rows[1] = ("", "", "", "", "", "", "clip.mp4", 1, "00:00")
    path = written(tmp_path, *fex(*rows))
    with pytest.raises(InputError, match="py-feat has no exact times"):
        read_table(path)
    table = read_table(path, fps=25)
    assert (table.tool, table.action_units, table.source) == ("py-feat", (1, 12, 43), "clip.mp4")
    assert table.time.tolist() == [0, 0.04, 0.08]
    assert table.face_id.tolist() == [0, NO_FACE, 0]
    np.testing.assert_allclose(table.probability[:, 1], [0.8, np.nan, 0.8])
    assert np.isnan(table.intensity).all()
    assert table.meaning["face_id"].startswith("rank within the frame")


def test_py_feat_s_seconds_count_where_every_frame_has_its_own(tmp_path: Path) -> None:
    rows = [(1, 0.9, 0.1, 0.2, 0.8, 0.0, "clip.mp4", 30 * second, f"01:{second:02d}") for second in range(3)]
    assert read_table(written(tmp_path, *fex(*rows))).time.tolist() == [60, 61, 62]


def test_py_feat_s_identities_number_the_faces_unless_they_repeat(tmp_path: Path) -> None:
    header = ["FaceScore", "AU12", "frame", "Identity", "gaze_pitch"]
    rows = [(0.9, 0.1, 0, "Person_1", 0), (0.9, 0.2, 0, "Person_0", 0), (0.9, 0.3, 1, "Person_1", 0)]
    table = read_table(written(tmp_path, *fex(*rows, header=header)), fps=10)
    assert table.face_id.tolist() == [0, 1, 1]
    np.testing.assert_allclose(table.probability[:, 0], [0.2, 0.1, 0.3])
    assert table.meaning["version"] == "second detector"
    again = read_table(written(tmp_path, *fex(*[(*row[:3], "Person_1", 0) for row in rows], header=header)), fps=10)
    assert again.face_id.tolist() == [0, 1, 0], "one person cannot be there twice: ranks"


def test_pictures_of_py_feat_are_numbered(tmp_path: Path) -> None:
    rows = [(1, 0.9, 0.1, 0.2, 0.8, 0.0, name, frame, "") for frame, name in enumerate(("b.jpg", "b.jpg", "a.jpg"))]
    table = read_table(written(tmp_path, *fex(*rows)))
    assert (table.time.tolist(), table.face_id.tolist()) == ([1, 1, 2], [0, 1, 0])


# LibreFace ----------------------------------------------------------------------------------------------------------

LIBRE = "frame_idx,frame_time_in_ms,pitch,yaw,roll,lm_mp_0_x,au_1,au_12,au_1_intensity,au_5_intensity,facial_expression,gaze_yaw"


def test_libreface_s_milliseconds_are_seconds(tmp_path: Path) -> None:
    rows = [f"{frame},{frame / 25},1,2,3,0.5,1,0,2.5,0.5,Happiness,6" for frame in range(3)]
    table = read_table(written(tmp_path, LIBRE, *rows, "3,0.12,,,,,,,,,,"))
    assert (table.tool, table.action_units) == ("libreface", (1, 5, 12))
    assert table.time.tolist() == [0, 0.04, 0.08, 0.12]
    assert table.face_id.tolist() == [0, 0, 0, NO_FACE]
    np.testing.assert_allclose(table.occurrence[0], [1, np.nan, 0])
    np.testing.assert_allclose(table.intensity[0], [2.5, 0.5, np.nan])
    assert "in seconds" in table.meaning["time"]


def test_libreface_s_milliseconds_may_be_milliseconds(tmp_path: Path) -> None:
    rows = [f"{frame},{frame * 40},1,2,3,0.5,1,0,2.5,0.5,Happiness,6" for frame in range(3)]
    table = read_table(written(tmp_path, LIBRE, *rows))
    assert table.time.tolist() == [0, 0.04, 0.08]
    assert "in milliseconds" in table.meaning["time"]


def test_pictures_of_libreface_have_numbers(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "facial_expression,gaze_yaw,pitch,au_1,au_1_intensity", "Neutral,1,2,0,0.5"))
    assert (table.time.tolist(), table.occurrence.tolist()) == ([1], [[0]])


# PyAFAR -------------------------------------------------------------------------------------------------------------

AFAR = "Frame,Person_ID,Eye Aspect Ratio,Pitch,Yaw,Roll,x_0,Occ_au_1,Occ_au_12,Int_au_12"


def test_frames_that_pyafar_leaves_out_have_no_face(tmp_path: Path) -> None:
    path = written(tmp_path, AFAR, *(f"{frame},0,0.3,1,2,3,9,0.25,0.75,2.5" for frame in (0, 1, 3)))
    with pytest.raises(InputError, match="PyAFAR has no exact times"):
        read_table(path)
    table = read_table(path, fps=10)
    assert (table.tool, table.action_units) == ("pyafar", (1, 12))
    assert table.frame.tolist() == [0, 1, 2, 3]
    assert table.time.tolist() == [0, 0.1, 0.2, 0.3]
    assert table.face_id.tolist() == [0, 0, NO_FACE, 0]
    np.testing.assert_allclose(table.probability[:, 1], [0.75, 0.75, np.nan, 0.75])
    np.testing.assert_allclose(table.intensity[0], [np.nan, 2.5])


def test_frames_that_no_recording_has_are_refused_before_they_take_memory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which is no recording"):
        read_table(written(tmp_path, "Frame,Occ_au_12", "0,0.5", "900000000000,0.5"), fps=10)


def test_an_infant_s_au_3_is_reported(tmp_path: Path) -> None:
    path = written(tmp_path, "Frame,Occ_au_3,Occ_au_12", "0,0.5,0.5")
    with pytest.warns(InputWarning, match="left out: AU3"):
        assert read_table(path, fps=10).action_units == (12,)


# MediaPipe ----------------------------------------------------------------------------------------------------------

SHAPES = {
    "_neutral": 0.0,
    "browInnerUp": 0.2,
    "mouthSmileLeft": 0.8,
    "mouthSmileRight": 0.4,
    "eyeBlinkLeft": 0.1,
    "eyeBlinkRight": 0.3,
}
AS_LIST = [{"index": place, "score": score, "category_name": name} for place, (name, score) in enumerate(SHAPES.items())]


def saved(folder: Path, content: Any) -> Path:
    path = folder / "clip.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    "content",
    [
        [{"timestamp_ms": 0, "face_blendshapes": [AS_LIST]}, {"timestamp_ms": 40, "face_blendshapes": []}],
        {"frames": [{"timestamp": 0.0, "blendshapes": SHAPES}, {"timestamp": 0.04, "blendshapes": {}}]},
        [
            {
                "timestampMs": 0,
                "faceBlendshapes": [{"headIndex": -1, "categories": [{"categoryName": k, "score": v} for k, v in SHAPES.items()]}],
            },
            {"timestampMs": 40, "faceBlendshapes": []},
        ],
        [{"timestamp_ms": 0, **SHAPES}, {"timestamp_ms": 40}],
    ],
    ids=["Python", "names and scores", "JavaScript", "flat"],
)
def test_blend_shapes_describe_the_units_they_name(tmp_path: Path, content: Any) -> None:
    table = read_table(saved(tmp_path, content))
    assert table.tool == "mediapipe"
    assert table.time.tolist() == [0, 0.04]
    assert table.face_id.tolist() == [0, NO_FACE]
    assert table.intensity_left is not None and table.intensity_right is not None
    assert table.intensity[0, table.index(12)] == pytest.approx(4.0)
    assert table.intensity_left[0, table.index(12)] == pytest.approx(4.0)
    assert table.intensity_right[0, table.index(12)] == pytest.approx(2.0)
    assert table.intensity[0, table.index(1)] == pytest.approx(1.0)
    assert np.isnan(table.intensity_left[0, table.index(1)]), "one shape for both sides"
    assert np.isnan(table.intensity[0, table.index(4)]), "not in the file: unknown, not 0"
    assert np.isnan(table.probability).all()
    assert table.meaning["AU12"] == "mouthSmileLeft and mouthSmileRight"
    assert not {11, 23, 25, 27} & set(table.action_units)


def test_several_faces_and_no_times(tmp_path: Path) -> None:
    path = saved(tmp_path, [{"face_blendshapes": [AS_LIST, AS_LIST]}, {"face_blendshapes": [AS_LIST]}])
    with pytest.raises(InputError, match="mediapipe has no exact times"):
        read_table(path)
    table = read_table(path, fps=10)
    assert (table.time.tolist(), table.face_id.tolist()) == ([0, 0, 0.1], [0, 1, 0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"timestamp_ms": 0, "blendshapes": {"browInnerUp": 7}}], "frame 1: .* outside 0-1"),
        ([{"timestamp_ms": 0, "blendshapes": [{"category_name": "browInnerUp"}]}], "frame 1: blend shapes are names with scores"),
        (["browInnerUp"], "frame 1: expected an object"),
        ({"frames": [], "note": "browInnerUp"}, "holds no frames"),
    ],
)
def test_blend_shapes_that_are_none_are_named(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_table(saved(tmp_path, content))


def test_json_that_is_cut_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path, [{"timestamp_ms": 0, **SHAPES}])
    path.write_text(path.read_text()[:-3])
    with pytest.raises(InputError, match="not whole JSON"):
        read_table(path)


def test_every_unit_of_mediapipe_has_its_shapes() -> None:
    from aufait.action_units import ACTION_UNITS

    assert set(mediapipe.UNITS) <= set(ACTION_UNITS)
