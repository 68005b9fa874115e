"""Bad input, bad luck: a clear message, an exit status, no traceback, the other inputs done, nothing half-written."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, textured, write_clip, write_picture
from PIL import Image
from typer.testing import CliRunner, Result

from aufait.cli.app import app
from aufait.detection import detector as detector_module
from aufait.detection import plan as plan_module
from aufait.detection.jobs import Progress, run_task
from aufait.detection.plan import OutputOptions, camera_task
from aufait.detection.tables import read_openface_csv
from aufait.media.video import open_video

runner = CliRunner()
TESTS = Path(__file__).resolve().parents[1]
REAL_LOAD_FINDER = detector_module._load_finder
REAL_OPEN_PREDICTOR = detector_module.open_predictor


@pytest.fixture(autouse=True)
def fake_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: FakePredictor())


def detect(*arguments: object) -> Result:
    result = runner.invoke(app, ["detect", *map(str, arguments)])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def flat(text: str) -> str:
    return " ".join(text.split())


def truncated(path: Path) -> None:
    whole = write_clip(path.with_name("whole.mp4"), 30)
    content = whole.read_bytes()
    path.write_bytes(content[: content.index(b"mdat") + 20])  # before the end of the first frame
    whole.unlink()


def truncated_picture(path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = write_picture(path.with_name("whole.png"), rng.integers(0, 255, (200, 200, 3)).astype(np.uint8))
    path.write_bytes(whole.read_bytes()[:5000])
    whole.unlink()


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "zero.mp4": lambda path: path.write_bytes(b""),
    "zero.jpg": lambda path: path.write_bytes(b""),
    "zeros.mp4": lambda path: path.write_bytes(bytes(4096)),
    "noise.mp4": lambda path: path.write_bytes(os.urandom(4096)),
    "noise.jpg": lambda path: path.write_bytes(os.urandom(4096)),
    "text.png": lambda path: path.write_text("not a picture"),
    "headless.jpg": lambda path: path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(100)),
    "cut.png": truncated_picture,
    "cut.mp4": truncated,
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_file_alone_gives_a_message_a_status_and_no_output(name: str, tmp_path: Path) -> None:
    path, out = tmp_path / name, tmp_path / "out"
    UNUSABLE[name](path)
    result = detect(path, "-o", out)
    assert result.exit_code == 2, result.output
    assert name in flat(result.output)
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_file_does_not_stop_the_others(name: str, tmp_path: Path) -> None:
    path, out = tmp_path / name, tmp_path / "out"
    UNUSABLE[name](path)
    good = [write_clip(tmp_path / "good.mp4", 3), write_picture(tmp_path / "good.png")]
    result = detect(path, *good, "-o", out)
    assert result.exit_code == 1, result.output
    assert name in flat(result.output)
    assert {path.name for path in out.iterdir() if path.suffix == ".csv"} == {"good.csv", "images.csv"}
    assert len(read_openface_csv(out / "images.csv")["face"]) == 1


def test_video_that_breaks_off_keeps_what_can_be_read(tmp_path: Path) -> None:
    """Matroska can be read up to the point where it was cut; MP4 cannot be opened at all without its end."""
    whole = write_clip(tmp_path / "whole.mkv", 300)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    result = detect(cut, "-o", tmp_path / "out")
    frames = len(read_openface_csv(tmp_path / "out" / "cut.csv")["frame"])
    assert 0 < frames < 300
    assert result.exit_code != 0
    assert "cut.mkv" in flat(result.output)


def test_picture_without_a_face_gives_a_row_a_message_and_status_6(tmp_path: Path) -> None:
    plain = write_picture(tmp_path / "plain.png", np.full((64, 64, 3), 90, np.uint8))
    result = detect(plain, "-o", tmp_path / "out")
    assert result.exit_code == 6
    assert "plain.png: no face was found" in flat(result.output)
    assert read_openface_csv(tmp_path / "out" / "images.csv")["success"].tolist() == [0.0]
    assert detect(plain, "-o", tmp_path / "out2", "--allow-no-face").exit_code == 0


def test_video_without_a_face_gives_a_row_per_frame_and_status_6(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "plain.mp4", 5, face=False)
    result = detect(clip, "-o", tmp_path / "out")
    assert result.exit_code == 6
    assert read_openface_csv(tmp_path / "out" / "plain.csv")["success"].tolist() == [0.0] * 5


def test_wrong_extension_is_no_obstacle(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "a.png").rename(tmp_path / "picture.mp4")
    clip = write_clip(tmp_path / "b.mp4", 3).rename(tmp_path / "clip.jpg")
    result = detect(picture, clip, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert {"images.csv", "clip.csv"} <= {path.name for path in (tmp_path / "out").iterdir()}


def unusual_pictures(folder: Path) -> list[Path]:
    rgb = Image.fromarray(textured())
    deep = Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    saves: list[tuple[str, Image.Image, dict[str, object]]] = [
        ("cmyk.jpg", rgb.convert("CMYK"), {}),
        ("sixteen.png", deep, {}),
        ("alpha.png", rgb.convert("RGBA"), {}),
        ("palette.gif", rgb.convert("P"), {}),
        ("grey.png", rgb.convert("L"), {}),
        ("bit.png", rgb.convert("1"), {}),
        ("turned.jpg", rgb, {"exif": exif}),
    ]
    for name, image, options in saves:
        image.save(folder / name, **options)
    return [folder / name for name, _, _ in saves]


def test_unusual_pictures_are_read(tmp_path: Path) -> None:
    paths = unusual_pictures(tmp_path)
    result = detect(*paths, "-o", tmp_path / "out", "--allow-no-face")
    assert result.exit_code == 0, result.output
    assert len(read_openface_csv(tmp_path / "out" / "images.csv")["face"]) == len(paths)


def test_exif_rotation_is_applied_before_detection(tmp_path: Path) -> None:
    turned = next(path for path in unusual_pictures(tmp_path) if path.name == "turned.jpg")
    with detector_module.Detector(device="cpu") as detector:
        assert detector.analyze_image(turned).size == (64, 96)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (12_000, 2), (12_000, 1_000)])
def test_extreme_sizes_are_analysed(size: tuple[int, int], tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "p.png", textured(*size))
    result = detect(picture, "-o", tmp_path / "out", "--annotate", "--allow-no-face")
    assert result.exit_code == 0, result.output


def test_missing_file_is_named_with_the_nearest_that_exists(tmp_path: Path) -> None:
    write_clip(tmp_path / "interview.mp4", 3)
    result = detect(tmp_path / "intervew.mp4", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "interview.mp4" in flat(result.output)


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = detect(tmp_path / "empty", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "no picture" in flat(result.output)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder_is_named(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    try:
        result = detect(locked, "-o", tmp_path / "out")
    finally:
        locked.chmod(0o700)
    assert result.exit_code == 2
    assert "permission" in flat(result.output).lower()


def test_folder_that_cannot_be_listed_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()
    good = write_clip(tmp_path / "good.mp4", 3)
    listing = Path.iterdir

    def refuse(path: Path) -> object:
        if path.name == "locked":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return listing(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    result = detect(tmp_path / "locked", good, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "Permission denied" in flat(result.output)
    assert (tmp_path / "out" / "good.csv").is_file()


def test_existing_output_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [write_clip(tmp_path / f"{name}.mp4", 3) for name in "ab"]
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.csv").write_text("precious")
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: pytest.fail("work was begun"))
    result = detect(*clips, "-o", out)
    assert result.exit_code == 3
    assert "--overwrite" in flat(result.output)
    assert [path.name for path in out.iterdir()] == ["b.csv"]
    assert (out / "b.csv").read_text() == "precious"


def test_overwrite_replaces_and_leaves_no_traces(tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out"
    assert detect(clip, "-o", out).exit_code == 0
    before = (out / "clip.csv").read_bytes()
    assert detect(clip, "-o", out, "--overwrite").exit_code == 0
    assert (out / "clip.csv").read_bytes() == before
    assert not list(out.glob("*partial*"))


def test_failed_overwrite_keeps_the_old_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 9), tmp_path / "out"
    assert detect(clip, "-o", out).exit_code == 0
    before = (out / "clip.csv").read_bytes()
    monkeypatch.setattr(FakePredictor, "predict", broken_predict)
    assert detect(clip, "-o", out, "--overwrite").exit_code == 1
    assert (out / "clip.csv").read_bytes() == before


def broken_predict(self: FakePredictor, image: np.ndarray, landmarks: np.ndarray) -> object:
    raise RuntimeError("the network exploded")


def test_fault_of_the_program_gives_a_message_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakePredictor, "predict", broken_predict)
    result = detect(write_clip(tmp_path / "clip.mp4", 3), "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "the network exploded" in flat(result.output) and "AUFAIT_DEBUG" in result.output
    assert not list((tmp_path / "out").iterdir())


def test_debugging_shows_the_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakePredictor, "predict", broken_predict)
    monkeypatch.setenv("AUFAIT_DEBUG", "1")
    clip = write_clip(tmp_path / "clip.mp4", 3)
    result = runner.invoke(app, ["detect", str(clip), "-o", str(tmp_path / "out")])
    assert isinstance(result.exception, RuntimeError)


def test_output_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        result = detect(write_picture(tmp_path / "a.png"), "-o", out)
        assert result.exit_code == 3, result.output
        assert str(out.name) in flat(result.output)


def test_full_disc_keeps_whole_rows_and_stops_the_run(tmp_path: Path, small_disc: Path) -> None:
    clips = [write_clip(tmp_path / f"{name}.mp4", 600) for name in "ab"]
    result = detect(*clips, "-o", small_disc / "out")
    assert result.exit_code == 3, result.output
    assert "No space left" in result.output and "b.mp4: not started" in flat(result.output)
    assert not (small_disc / "out" / "a.csv").exists()
    partial = small_disc / "out" / "a.partial.csv"
    if partial.exists():
        assert 0 < len(read_openface_csv(partial)["frame"]) < 600


@pytest.fixture
def small_disc(tmp_path: Path) -> object:
    """A file system of 300 kB; skips where it cannot be mounted."""
    folder = tmp_path / "disc"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode != 0:
        pytest.skip("a small file system can only be mounted by root")
    yield folder
    subprocess.run(["umount", str(folder)], check=False)


def test_full_disc_is_told_also_without_a_small_disc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("aufait.detection.tables.OpenFaceCsvWriter._write_all", full)
    result = detect(write_clip(tmp_path / "clip.mp4", 3), "-o", tmp_path / "out")
    assert result.exit_code == 3, result.output
    assert "No space left" in result.output
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_keeps_whole_rows_under_a_partial_name(number: signal.Signals, tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "clip.mp4", 400), tmp_path / "out"
    other = write_clip(tmp_path / "other.mp4", 5)
    code = """
        import signal, sys, time, fakes
        signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start background jobs with it ignored
        fakes.use_fakes()
        predict = fakes.FakePredictor.predict
        def slow(*arguments):
            time.sleep(0.02)
            return predict(*arguments)
        fakes.FakePredictor.predict = slow
        from aufait.cli.app import main
        main()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), "detect", str(clip), str(other), "-o", str(out), "--annotate"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    partial = out / "clip.partial.csv"
    deadline = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size > 20_000):
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors and "partial" in errors
    assert {path.name for path in out.iterdir()} == {
        "clip.partial.csv",
        "clip_annotated.partial.mp4",
        "clip.provenance.partial.json",
    }
    frames = read_openface_csv(partial)["frame"]
    np.testing.assert_array_equal(frames, np.arange(1, len(frames) + 1))
    assert 0 < len(frames) < 400


def test_missing_extra_is_named_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "find_spec", lambda name: None)
    result = detect(write_picture(tmp_path / "a.png"), "-o", tmp_path / "out", "--parquet")
    assert result.exit_code == 5
    assert "aufait[parquet]" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--finder", "mediapipe"], 2, "mesh"),
        (["--finder", "mesh", "--finder-model", "nowhere.task"], 4, "nowhere.task"),
        (["--model", "defualt"], 4, "default"),
        (["--model", "nowhere.safetensors"], 4, "nowhere.safetensors"),
        (["--device", "gpu"], 2, "cpu"),
        (["--format", "xlsx"], 2, "csv and parquet"),
        (["--max-faces", "0"], 2, "max-faces"),
        (["--min-confidence", "2"], 2, "min-confidence"),
    ],
)
def test_unknown_name_is_answered_with_the_known_ones(
    options: list[str], status: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "--finder" in options:
        monkeypatch.setattr(detector_module, "_load_finder", REAL_LOAD_FINDER)
    if "--model" in options:
        monkeypatch.setattr(detector_module, "open_predictor", REAL_OPEN_PREDICTOR)
    result = detect(write_picture(tmp_path / "a.png"), "-o", tmp_path / "out", *options)
    assert result.exit_code == status, result.output
    assert words in flat(result.output)
    assert not (tmp_path / "out").exists()


def test_camera_that_is_absent_is_an_error(tmp_path: Path) -> None:
    result = detect("--camera", 97, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "camera 97" in flat(result.output)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_ctrl_c_is_the_regular_end_of_a_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 30)
    monkeypatch.setattr("aufait.media.video.Camera", lambda _: open_video(clip))

    def interrupt(progress: Progress) -> None:
        if progress.done == 5:
            raise KeyboardInterrupt

    with detector_module.Detector(device="cpu") as detector:
        outcome = run_task(camera_task(0, tmp_path / "out"), detector, OutputOptions(), on_frame=interrupt)
    assert outcome.status == "ok", outcome.problems
    assert len(read_openface_csv(tmp_path / "out" / "camera0.csv")["frame"]) == 5


def test_camera_and_files_together_are_refused(tmp_path: Path) -> None:
    assert detect("--camera", 0, write_picture(tmp_path / "a.png")).exit_code == 2


def test_nothing_to_do_is_refused() -> None:
    assert detect().exit_code == 2


def several_pages(path: Path) -> Path:
    pages = [Image.fromarray(textured(brightness=brightness)) for brightness in (0, 60, 120, 180)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def test_pages_of_a_picture_are_told_and_can_all_be_read(tmp_path: Path) -> None:
    pages = several_pages(tmp_path / "stack.tif")
    result = detect(pages, "-o", tmp_path / "first")
    assert result.exit_code == 0, result.output
    assert "stack.tif holds 4 pictures" in flat(result.output) and "--all-pages" in flat(result.output)
    record = json.loads((tmp_path / "first" / "images.provenance.json").read_text())
    assert "4 pictures" in record["notes"][0] and record["errors"] == []
    result = detect(pages, "-o", tmp_path / "all", "--all-pages", "--annotate")
    assert result.exit_code == 0, result.output
    table = read_openface_csv(tmp_path / "all" / "stack.csv")
    np.testing.assert_allclose(table["presentation_time"], [0, 0.1, 0.2, 0.3])
    assert np.all(np.diff(table["AU12_p"]) > 0.1)


def test_video_stream_is_told_chosen_and_recorded(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for stream, brightness in zip(streams, (40, 200), strict=True):
            for number in range(4):
                frame = av.VideoFrame.from_ndarray(textured(brightness=brightness), format="rgb24")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    result = detect(path, "-o", tmp_path / "a")
    assert result.exit_code == 0 and "stream 1 (h264, 96 x 64)" in flat(result.output), result.output
    assert "stream 1" in json.loads((tmp_path / "a" / "two.provenance.json").read_text())["notes"][0]
    result = detect(path, "-o", tmp_path / "b", "--stream", 1)
    assert result.exit_code == 0 and "warning" not in result.output, result.output
    assert json.loads((tmp_path / "b" / "two.provenance.json").read_text())["inputs"][0]["stream"] == 1
    dark, bright = (read_openface_csv(tmp_path / folder / "two.csv")["AU12_p"].mean() for folder in "ab")
    assert bright > dark + 0.3
    assert detect(path, "-o", tmp_path / "c", "--stream", 5).exit_code == 2


def test_a_decoder_that_fails_oddly_does_not_fail_the_other_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = [write_picture(tmp_path / name) for name in ("a.png", "c.png")]
    write_picture(tmp_path / "b.bmp")

    def broken(_: object) -> None:
        raise RuntimeError("Decoding of colour planes failed")

    monkeypatch.setattr("PIL.BmpImagePlugin.BmpImageFile.load", broken)
    result = detect(good[0], tmp_path / "b.bmp", good[1], "-o", tmp_path / "out")
    assert result.exit_code == 1 and "b.bmp is damaged" in flat(result.output), result.output
    assert len(read_openface_csv(tmp_path / "out" / "images.csv")["face"]) == 2


def test_a_damaged_avif_does_not_fail_the_other_pictures(tmp_path: Path) -> None:
    if "AVIF" not in Image.OPEN:
        Image.init()
    if "AVIF" not in Image.OPEN:
        pytest.skip("this Pillow reads no AVIF")
    good = write_picture(tmp_path / "a.png")
    whole = write_picture(tmp_path / "whole.avif").read_bytes()
    for number in range(8):  # the coded planes come last
        data = bytearray(whole)
        data[-4 * number - 8 : -4 * number - 4] = b"\xff\x00\xff\x00"
        (tmp_path / f"b{number}.avif").write_bytes(bytes(data))
    (tmp_path / "whole.avif").unlink()
    result = detect(tmp_path, "-o", tmp_path / "out")
    assert "unexpected" not in result.output and result.exit_code in (0, 1), result.output
    table = read_openface_csv(tmp_path / "out" / "images.csv")
    assert str(good) in table["source"].tolist()


def test_pipes_in_a_folder_do_not_hang_the_run(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    write_picture(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.jpg")
    os.mkfifo(tmp_path / "notes.txt")
    assert detect(tmp_path, "-o", tmp_path / "out").exit_code == 0
    result = detect(tmp_path / "b.jpg", "-o", tmp_path / "out2")
    assert result.exit_code == 2 and "is a pipe" in flat(result.output)


HOSTILE_NAMES = ("\x1b]0;title\x07.png", "a\nerror: forged.png", "a\u202egnp.exe", "b\r.png")


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot exist there")
@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("good", [True, False])
def test_names_cannot_write_control_characters_to_the_terminal(name: str, good: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    if good:
        write_clip(tmp_path / "clip.mp4", 3).rename(path)
    else:
        path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    for given in ([path], [path, path.with_name(f"no{name}")]):
        result = detect(*given, "-o", tmp_path / "out", "--overwrite")
        assert not set(result.output) & set("\x1b\x07\r\u202e")
        assert not any(line.startswith("error: forged") for line in result.output.splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot exist there")
def test_a_single_input_with_a_hostile_name_is_named_in_one_line(tmp_path: Path) -> None:
    result = detect(tmp_path / "no\nerror: forged.png", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert len([line for line in result.output.splitlines() if line.startswith("error:")]) == 1


def test_tilde_after_an_option_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "a.png")
    for number, word in enumerate(("--out=~/one", "-o~/two")):
        assert detect("~/a.png", word).exit_code == 0
        assert (tmp_path / ("one", "two")[number] / "images.csv").exists()
    assert not (tmp_path / "~").exists()


COMMAND = "import fakes; fakes.use_fakes(); from aufait.cli.app import main; main()"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes differ")
@pytest.mark.parametrize("arguments", [["models", "drml"], ["models", "drml", "--json"], ["detect", "--json-progress"], ["detect"]])
def test_a_reader_that_goes_away_ends_nothing(arguments: list[str], tmp_path: Path) -> None:
    if arguments[0] == "detect":
        arguments = [*arguments, str(write_clip(tmp_path / "clip.mp4", 5)), "-o", str(tmp_path / "out")]
    closed = "stderr" if "--json-progress" in arguments else "stdout"  # where what it tells goes
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        stdout=subprocess.PIPE if closed == "stderr" else writing,
        stderr=subprocess.PIPE if closed == "stdout" else writing,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 0
    assert not (done.stderr if closed == "stdout" else done.stdout)
    if arguments[0] == "detect":
        assert len(read_openface_csv(tmp_path / "out" / "clip.csv")["frame"]) == 5


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "aufait", "--version"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith("aufait ")
