"""Videos: true times, upright frames, damage survived, memory flat, outputs whole."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from aufait.errors import InputError, OutputError
from aufait.media.video import Camera, VideoWriter, open_video

CORNERS = {
    "top left": (200, 30, 30),
    "top right": (30, 30, 200),
    "bottom left": (30, 200, 30),
    "bottom right": (90, 90, 90),
}


def card(width: int = 64, height: int = 48) -> np.ndarray:
    """A picture whose four quarters tell how it is turned."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = CORNERS["top left"]
    image[: height // 2, width // 2 :] = CORNERS["top right"]
    image[height // 2 :, : width // 2] = CORNERS["bottom left"]
    image[height // 2 :, width // 2 :] = CORNERS["bottom right"]
    return image


def make_video(path: Path, times, *, size=(64, 48), matrix=None, aspect=None, options=None, noise=False) -> Path:
    """Encode with PyAV itself, so that the reader is tested against something else than our writer."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", container_options=options or {}) as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "10", "preset": "ultrafast", "g": "12"}
        stream.time_base = stream.codec_context.time_base = Fraction(1, 90_000)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for time in times:
            image = rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8) if noise else card(*size)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(time * 90_000), Fraction(1, 90_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def corners(image: np.ndarray) -> list[str]:
    height, width = image.shape[:2]
    places = [(height // 4, width // 4), (height // 4, 3 * width // 4), (3 * height // 4, width // 4)]
    names, colours = list(CORNERS), np.array(list(CORNERS.values()))
    return [names[int(np.abs(colours - image[place]).sum(axis=1).argmin())] for place in places]


def test_variable_frame_rate_gives_the_times_of_the_stream(tmp_path):
    times = [0.0, 0.033, 0.1, 0.5, 0.51, 2.0]
    with open_video(make_video(tmp_path / "vfr.mp4", times)) as reader:
        frames = list(reader)
    assert [frame.timestamp for frame in frames] == pytest.approx(times, abs=1e-5)
    assert [frame.index for frame in frames] == list(range(6))
    assert reader.error is None and reader.corrupt == 0


def test_a_late_start_is_kept(tmp_path):
    reader = open_video(make_video(tmp_path / "late.mkv", [1.5, 1.6, 1.7]))
    assert [frame.timestamp for frame in reader] == pytest.approx([1.5, 1.6, 1.7], abs=2e-3)


def test_frames_are_contiguous_rgb_and_true_in_colour(tmp_path):
    frame = next(iter(open_video(make_video(tmp_path / "a.mp4", [0, 0.1]))))
    assert frame.image.shape == (48, 64, 3) and frame.image.dtype == np.uint8 and frame.image.flags.c_contiguous
    assert np.abs(frame.image[5, 5].astype(int) - CORNERS["top left"]).max() < 8


@pytest.mark.parametrize(
    ("matrix", "rotation", "expected"),
    [
        # Rows of (a b; c d): x' = a x + c y, y' = b x + d y, y pointing down.
        ((1, 0, 0, 1), 0, ["top left", "top right", "bottom left"]),
        ((0, 1, -1, 0), 270, ["bottom left", "top left", "bottom right"]),  # telephone held upright: a clockwise turn
        ((0, -1, 1, 0), 90, ["top right", "bottom right", "top left"]),
        ((-1, 0, 0, -1), 180, ["bottom right", "bottom left", "top right"]),
        ((-1, 0, 0, 1), 0, ["top right", "top left", "bottom right"]),  # mirrored front camera
    ],
)
def test_frames_are_turned_as_the_metadata_say(tmp_path, matrix, rotation, expected):
    a, b, c, d = (value << 16 for value in matrix)
    path = make_video(tmp_path / "turned.mp4", [0, 0.1], matrix=[a, b, 0, c, d, 0, 0, 0, 1 << 30])
    with open_video(path) as reader:
        frame = next(iter(reader))
    assert corners(frame.image) == expected
    assert reader.info.rotation == rotation
    assert reader.info.size == (frame.image.shape[1], frame.image.shape[0])


def test_oblong_pixels_become_square(tmp_path):
    with open_video(make_video(tmp_path / "wide.mp4", [0, 0.1], aspect=Fraction(3, 2))) as reader:
        frame = next(iter(reader))
    assert frame.image.shape == (48, 96, 3) and reader.info.size == (96, 48)


def test_info_estimates_frames_and_duration(tmp_path):
    with open_video(make_video(tmp_path / "a.mp4", [i / 25 for i in range(50)])) as reader:
        assert len(reader) == 50
        assert reader.info.duration == pytest.approx(2.0, abs=0.05)
        assert reader.info.codec == "h264"


def test_extension_does_not_matter(tmp_path):
    path = make_video(tmp_path / "a.mp4", [0, 0.1]).rename(tmp_path / "holiday.jpg")
    assert len(list(open_video(path))) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"\0" * 5000, "zero bytes"), (b"hello " * 500, "neither a known picture nor")],
)
def test_what_is_not_a_video_is_refused(tmp_path, content, message):
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        open_video(path)
    assert str(path) in str(caught.value)


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        open_video(tmp_path / "no.mp4")
    with pytest.raises(InputError, match="is a folder"):
        open_video(tmp_path)


def test_recording_without_index_is_refused(tmp_path):
    path = make_video(tmp_path / "a.mp4", [i / 30 for i in range(60)], noise=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # the index of a plain MP4 comes last
    with pytest.raises(InputError, match="lack their index"):
        open_video(path)


def test_truncated_video_gives_its_good_frames_and_says_so(tmp_path):
    path = make_video(tmp_path / "a.mp4", [i / 30 for i in range(60)], noise=True, options={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_video(path) as reader:
        frames = list(reader)
    assert 10 < len(frames) < 60
    assert re.search("of 60 frames|breaks off", reader.error or "")
    assert np.all(np.diff([frame.timestamp for frame in frames]) > 0)


def test_corrupt_packets_are_counted_and_survived(tmp_path):
    path = make_video(tmp_path / "a.mkv", [i / 30 for i in range(60)], noise=True)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    for at in range(len(data) // 3, len(data) // 3 + 6000):
        data[at] = rng.integers(0, 256)
    path.write_bytes(bytes(data))
    with open_video(path) as reader:
        frames = list(reader)
    assert len(frames) > 30
    assert reader.corrupt > 0 or reader.error


def test_sound_without_pictures_is_refused(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(InputError, match="no video stream"):
        open_video(path)


def test_memory_stays_flat_over_a_long_video(tmp_path):
    resource = pytest.importorskip("resource")
    path = make_video(tmp_path / "long.mp4", [i / 30 for i in range(900)], size=(320, 240))
    with open_video(path) as reader:
        frames = iter(reader)
        for _ in range(100):
            next(frames)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert sum(1 for _ in frames) == 800
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB; 800 frames would be 184 MB


def test_writer_keeps_times_size_and_colours(tmp_path):
    times = [0.0, 0.04, 0.3, 0.31, 1.0]
    with VideoWriter(tmp_path / "out.mp4", (64, 48), frame_rate=25) as writer:
        for time in times:
            writer.write(card(), time)
    with open_video(tmp_path / "out.mp4") as reader:
        frames = list(reader)
    assert [frame.timestamp for frame in frames] == pytest.approx(times, abs=1e-4)
    assert np.abs(frames[0].image[5, 5].astype(int) - CORNERS["top left"]).max() < 10
    assert not (tmp_path / "out.partial.mp4").exists()


@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_other_containers(tmp_path, suffix):
    with VideoWriter(tmp_path / f"out{suffix}", (64, 48), frame_rate=30) as writer:
        for index in range(10):
            writer.write(card(), index / 30)
    times = [frame.timestamp for frame in open_video(tmp_path / f"out{suffix}")]
    assert len(times) == 10 and np.diff(times) == pytest.approx(np.full(9, 1 / 30), abs=2e-3)


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (1, 1), (17, 31)])
def test_odd_sizes_are_padded(tmp_path, size):
    image = np.full((size[1], size[0], 3), 120, np.uint8)
    with VideoWriter(tmp_path / "odd.mp4", size) as writer:
        writer.write(image, 0.0)
        writer.write(image, 0.1)
    shown = next(iter(open_video(tmp_path / "odd.mp4"))).image
    assert shown.shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)
    assert np.abs(shown.astype(int) - 120).max() < 5


def test_mpeg4_stands_in_for_a_missing_h264(tmp_path, monkeypatch):
    monkeypatch.setattr(av.codec, "codecs_available", {"mpeg4"})
    times = [0.0, 0.04, 0.05, 0.3, 1.0]
    with VideoWriter(tmp_path / "out.mp4", (64, 48), frame_rate=25) as writer:
        for time in times:
            writer.write(card(), time)
    reader = open_video(tmp_path / "out.mp4")
    assert reader.info.codec == "mpeg4"
    assert [frame.timestamp for frame in reader] == pytest.approx(times, abs=1e-3)


def test_existing_output_is_refused_and_kept(tmp_path):
    (tmp_path / "out.mp4").write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already"):
        VideoWriter(tmp_path / "out.mp4", (64, 48))
    assert (tmp_path / "out.mp4").read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_interrupted_output_is_playable_and_named_partial(tmp_path):
    with pytest.raises(KeyboardInterrupt), VideoWriter(tmp_path / "out.mp4", (64, 48)) as writer:
        for index in range(10):
            writer.write(card(), index / 30)
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["out.partial.mp4"]
    assert len(list(open_video(tmp_path / "out.partial.mp4"))) == 10


def test_nothing_is_left_when_nothing_was_written(tmp_path):
    with pytest.raises(KeyboardInterrupt), VideoWriter(tmp_path / "out.mp4", (64, 48)):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_full_disc_is_an_output_error(tmp_path):
    resource = pytest.importorskip("resource")  # stands in for a full disc: a limit on the size of files
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    rng = np.random.default_rng(0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limit[1]))
    try:
        with (
            pytest.raises(OutputError, match=r"out\.mkv.*free some space"),
            VideoWriter(tmp_path / "out.mkv", (320, 240)) as writer,
        ):
            for index in range(60):
                writer.write(rng.integers(0, 255, (240, 320, 3), dtype=np.uint8), index / 30)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert not (tmp_path / "out.mkv").exists()


def test_unknown_container_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"videos are written as \.mp4"):
        VideoWriter(tmp_path / "out.xyz", (64, 48))


def test_missing_camera_says_so():
    with pytest.raises(InputError, match="camera 97"):
        Camera(97)


def test_bare_stream_without_times_gets_the_nominal_rate(tmp_path):
    with av.open(str(tmp_path / "a.h264"), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(10):
            frame = av.VideoFrame.from_ndarray(card(), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    times = [frame.timestamp for frame in open_video(tmp_path / "a.h264")]
    assert len(times) == 10 and np.diff(times) == pytest.approx(np.full(9, 1 / 25), abs=1e-3)


def test_avi_with_reordered_frames_keeps_its_order(tmp_path):
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream(
            "libx264", rate=30
        )  # H.264 in AVI with B frames: common in the wild, without true times
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    times = [frame.timestamp for frame in open_video(tmp_path / "a.avi")]
    assert times == pytest.approx([index / 30 for index in range(12)], abs=1e-6)
