"""OpenFace's flags at ``aufait detect``: with the meaning they have there, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, textured, write_clip, write_picture
from typer.testing import CliRunner, Result

from aufait.cli.app import app
from aufait.cli.openface_flags import translate
from aufait.detection import detector as detector_module
from aufait.detection.tables import read_openface_csv
from aufait.errors import InputError
from aufait.media.images import write_image

runner = CliRunner()


@pytest.fixture(autouse=True)
def fake_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: FakePredictor())


def detect(*arguments: object) -> Result:
    result = runner.invoke(app, ["detect", *map(str, arguments)])
    assert "Traceback" not in result.output
    return result


def write_frames(folder: Path, count: int, name: str = "frame{}.png") -> Path:
    folder.mkdir()
    for number in range(1, count + 1):
        write_image(folder / name.format(number), textured(96, 128, number))
    return folder


def header(path: Path) -> list[str]:
    return path.read_text().split("\n")[0].split(",")


@pytest.mark.parametrize(
    ("openface", "ours"),
    [
        ("-f a.mp4 -aus", "--openface-columns aus -- a.mp4"),
        ("-f a.mp4 -f b.mp4 -gaze -pose", "--openface-columns gaze,pose -- a.mp4 b.mp4"),
        ("-f a.mp4", "--openface-columns available --annotate -- a.mp4"),
        ("-f a.mp4 -tracked", "--annotate -- a.mp4"),
        ("-f a.mp4 -2Dfp -3Dfp -out_dir out", "--out out --openface-columns 2Dfp,3Dfp -- a.mp4"),
        ("-f a.mp4 -aus -of s01", "--name s01 --openface-columns aus -- a.mp4"),
        ("-f a.mp4 -aus -out_dir out -of sub/s01.csv", "--out out/sub --name s01 --openface-columns aus -- a.mp4"),
        ("-fdir frames -aus --fps 25", "--fps 25 --openface-columns aus --openface-folder frames"),
        ("-device 0 -aus", "--camera 0 --openface-columns aus"),
        ("-inroot data -f a.mp4 -aus", "--openface-columns aus -- data/a.mp4"),
        ("-f -odd.mp4 -aus -au_static -wild -multi_view 1", "--openface-columns aus -- -odd.mp4"),
        ("-f a.mp4 -aus -q", "-q --openface-columns aus -- a.mp4"),
        ("-f a.mp4 -aus -- b.mp4", "--openface-columns aus -- b.mp4 a.mp4"),
    ],
)
def test_flags_are_put_into_our_words(openface: str, ours: str) -> None:
    assert translate(openface.split())[0] == ours.split()


@pytest.mark.parametrize("words", ["a.mp4 -o f", "a.mp4 -ofolder -rq", "-r --out=x in", "a -- -f -of", "-o out a.mp4 --plot", ""])
def test_our_own_words_stay_as_they_are(words: str) -> None:
    assert translate(words.split()) == (words.split(), [])


@pytest.mark.parametrize("flag", ["-pdmparams", "-hogalign", "-simalign", "-oc", "-ov", "-fx", "-mloc", "-root", "-cam_width"])
def test_what_has_no_counterpart_is_refused_by_name(flag: str, tmp_path: Path) -> None:
    result = detect("-f", tmp_path / "a.mp4", flag, "1", "-out_dir", tmp_path / "out")
    assert result.exit_code == 2 and f"OpenFace's {flag} has no counterpart" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "told"), [("-f", "-f is followed by a value"), ("-of a -of b", "one result"), ("-multi_view 7", "0 or 1")]
)
def test_wrong_use_is_named(words: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        translate(words.split())


def test_a_checked_detection_cannot_be_left_unchecked() -> None:
    with pytest.raises(InputError, match="--min-confidence"):
        translate(["-validate_detections", "0"])


def test_of_names_the_result_and_is_never_the_folder_f(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clip = write_clip(tmp_path / "clip.mp4", 3)
    result = detect("-f", clip, "-aus", "-out_dir", "out", "-of", "s01")
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"s01.csv", "s01.provenance.json"}
    assert not (tmp_path / "f").exists() and not (tmp_path / "aufait-results").exists()


def test_a_name_for_two_inputs_is_refused(tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / name, 3) for name in ("a.mp4", "b.mp4")]
    result = detect("-f", clips[0], "-f", clips[1], "-of", "s01", "-out_dir", tmp_path / "out")
    assert result.exit_code == 2 and "names one result" in result.output


def test_the_name_of_a_picture_s_result_is_that_of_all_its_files(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    assert detect(tmp_path / "a.png", "--name", "s01", "--annotate", "-o", tmp_path / "out").exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"s01.csv", "s01_annotated.png", "s01.provenance.json"}


@pytest.mark.parametrize("name", ["../x", "a/b", ".."])
def test_a_name_is_no_way_out_of_the_folder(name: str, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    result = detect(tmp_path / "a.png", "--name", name, "-o", tmp_path / "out")
    assert result.exit_code == 2 and "part of the names of its files" in result.output


def test_flags_choose_the_blocks_of_columns(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    assert detect("-f", clip, "-pose", "-out_dir", tmp_path / "out").exit_code == 0
    names = header(tmp_path / "out" / "clip.csv")
    assert names[:5] == ["frame", "face_id", "timestamp", "confidence", "success"]
    assert names[5:11] == ["pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"]
    assert not [name for name in names if name.startswith(("AU", "x_", "gaze"))] and names[-1] == "source"


def test_without_flags_the_header_stays_what_it_was(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    assert detect(clip, "-o", tmp_path / "out").exit_code == 0
    names = header(tmp_path / "out" / "clip.csv")
    assert names[5] == "pose_Tx" and "x_0" in names and "X_0" not in names and "gaze_0_x" not in names


def test_no_output_flag_means_everything_that_the_finder_gives(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    result = detect("-f", clip, "-out_dir", tmp_path / "out")
    assert result.exit_code == 0 and "HOG features" in result.output
    names = header(tmp_path / "out" / "clip.csv")
    assert {"X_0", "Z_67", "x_0", "pose_Rz", "AU45_c"} <= set(names)
    assert "gaze_0_x" not in names  # this finder has no mesh
    assert (tmp_path / "out" / "clip_annotated.mp4").exists()


def test_gaze_that_was_asked_for_by_name_has_empty_columns_and_a_word_on_them(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    result = detect("-f", clip, "-gaze", "-aus", "-out_dir", tmp_path / "out")
    assert result.exit_code == 0 and "their columns stay empty" in result.output
    table = read_openface_csv(tmp_path / "out" / "clip.csv")
    assert np.isnan(table["gaze_0_x"]).all() and np.isnan(table["eye_lmk_Z_55"]).all() and np.isfinite(table["AU12_r"]).all()


def test_unknown_blocks_are_named(tmp_path: Path) -> None:
    result = detect(tmp_path / "clip.mp4", "--openface-columns", "gaze,hog")
    assert result.exit_code == 2 and "hog" in result.output and "2Dfp" in result.output


def test_windows_are_not_opened_and_that_is_said(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    result = detect("-f", clip, "-aus", "-verbose", "-vis-track", "-out_dir", tmp_path / "out")
    assert result.exit_code == 0 and "-verbose, -vis-track: no window" in result.output


def test_numbered_frames_are_one_sequence_in_natural_order(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", 12)
    result = detect("-fdir", folder, "--fps", 25, "-aus", "-2Dfp", "-out_dir", tmp_path / "out")
    assert result.exit_code == 0, result.output
    table = read_openface_csv(tmp_path / "out" / "frames.csv")
    np.testing.assert_array_equal(table["frame"], np.arange(1, 13))
    np.testing.assert_allclose(table["timestamp"], np.arange(12) / 25)
    record = json.loads((tmp_path / "out" / "frames.provenance.json").read_text())
    assert [one["name"] for one in record["inputs"]] == [f"frame{number}.png" for number in range(1, 13)]
    assert all(one["sha256"] for one in record["inputs"]) and record["settings"]["input"]["frame_rate"] == 25


def test_a_frame_rate_that_nobody_gave_is_told(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", 3)
    result = detect("-fdir", folder, "-aus", "-out_dir", tmp_path / "out")
    assert result.exit_code == 0 and "30 per second" in result.output
    np.testing.assert_allclose(read_openface_csv(tmp_path / "out" / "frames.csv")["timestamp"], [0, 0.033, 0.067])


def test_pictures_that_are_not_numbered_stay_single_and_that_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "people"
    folder.mkdir()
    for name in ("anna.png", "bob.png"):
        write_picture(folder / name)
    result = detect("-fdir", folder, "-aus", "-out_dir", tmp_path / "out")
    assert result.exit_code == 0 and "each stands for itself" in result.output
    assert (tmp_path / "out" / "images.csv").exists()


def test_a_sequence_has_video_timeline_and_page_like_a_video(tmp_path: Path) -> None:
    from aufait.media.video import open_video

    folder = write_frames(tmp_path / "frames", 9)
    result = detect(folder, "--sequence", "--fps", 10, "--annotate", "--plot", "--report", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    stems = {"frames.csv", "frames.provenance.json", "frames_annotated.mp4", "frames_timeline.png", "frames_report.html"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == stems
    with open_video(tmp_path / "out" / "frames_annotated.mp4") as video:
        np.testing.assert_allclose([frame.timestamp for frame in video], np.arange(9) / 10, atol=1e-3)


def test_a_sequence_that_is_done_is_kept_and_another_rate_or_frame_makes_another_result(tmp_path: Path) -> None:
    folder, out = write_frames(tmp_path / "frames", 4), tmp_path / "out"
    call = (folder, "--sequence", "--fps", 25, "-o", out)
    assert detect(*call).exit_code == 0
    assert "there already" in detect(*call).output
    assert "frame rate was 25.0, now 30.0" in detect(folder, "--sequence", "--fps", 30, "-o", out).output
    write_image(folder / "frame5.png", textured(96, 128, 5))
    again = detect(*call)
    assert again.exit_code == 3 and "other inputs (4 then, 5 now" in again.output


def test_a_damaged_frame_keeps_its_place(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", 5)
    (folder / "frame3.png").write_bytes((folder / "frame3.png").read_bytes()[:300])
    result = detect(folder, "--sequence", "--fps", 25, "-o", tmp_path / "out")
    assert result.exit_code == 1 and "frame 3 is given as black" in result.output
    table = read_openface_csv(tmp_path / "out" / "frames.csv")
    np.testing.assert_allclose(table["timestamp"], np.arange(5) / 25)


@pytest.mark.parametrize(("words", "told"), [(["--sequence"], "needs --fps"), (["--fps", "25"], "for folders of frames")])
def test_sequence_and_rate_belong_together(words: list[str], told: str, tmp_path: Path) -> None:
    result = detect(write_frames(tmp_path / "frames", 2), *words, "-o", tmp_path / "out")
    assert result.exit_code == 2 and told in result.output
