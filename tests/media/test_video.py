"""Videos: true times, upright frames, damage survived, memory flat, outputs whole."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from aufait.errors import InputError, OutputError
from aufait.media.video import Camera, open_video
from aufait.media.video_writer import VideoWriter

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


# Odd files: the wrong frames must never come out silently.


def encode(container, stream, images) -> None:
    for number, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = number
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def add_track(container, size=(64, 48), codec="libx264", pixels="yuv420p", **options):
    stream = container.add_stream(codec, rate=25, options=options or None)
    stream.width, stream.height, stream.pix_fmt = *size, pixels
    return stream


def with_cover_first(path: Path, *, sound: bool = False) -> Path:
    """A video, or silence, whose cover picture (160 x 90) is the first stream of the file."""
    with av.open(str(path), "w") as container:
        main = container.add_stream("aac", rate=16_000) if sound else add_track(container)
        cover = add_track(container, (160, 90), "mjpeg", "yuvj420p")
        cover.disposition = av.stream.Disposition.attached_pic
        encode(container, cover, [np.full((90, 160, 3), 220, np.uint8)])
        if sound:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 0
            container.mux([*main.encode(frame), *main.encode()])
        else:
            encode(container, main, [np.full((48, 64, 3), 60, np.uint8)] * 20)
    data = path.read_bytes()
    movie = data.index(b"moov") - 4  # the streams are numbered as they come in this atom; the cover's place in it is moved
    end = movie + int.from_bytes(data[movie : movie + 4], "big")
    cover_at = data.rindex(b"udta", movie, end) - 4
    size = int.from_bytes(data[cover_at : cover_at + 4], "big")
    start = movie + 8
    path.write_bytes(
        data[:start] + data[cover_at : cover_at + size] + data[start:cover_at] + data[cover_at + size :]
    )
    return path


def test_a_cover_is_never_taken_for_the_video(tmp_path):
    path = with_cover_first(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        assert container.streams.video[0].width == 160  # the cover comes first
    with open_video(path) as reader:
        frames = list(reader)
    assert len(frames) == 20 and frames[0].image.shape == (48, 64, 3) and frames[0].image.max() < 80
    assert reader.notes == []


def test_sound_with_a_cover_has_no_video(tmp_path):
    with pytest.raises(InputError, match=r"no video stream \(it holds a cover picture, audio\)"):
        open_video(with_cover_first(tmp_path / "a.mp4", sound=True))


@pytest.fixture
def two_tracks(tmp_path) -> Path:
    """Matroska, which does not say how many frames there are; its first track is grey."""
    with av.open(str(tmp_path / "two.mkv"), "w") as container:
        first, second = add_track(container), add_track(container)
        encode(container, first, [np.full((48, 64, 3), 128, np.uint8)] * 8)
        encode(container, second, [card()] * 8)
    return tmp_path / "two.mkv"


def test_several_streams_are_named_and_can_be_chosen(two_tracks):
    with open_video(two_tracks) as reader:
        list(reader)
    assert "stream 0 (h264, 64 x 48) is analysed" in reader.notes[0] and "stream 1 (h264, 64 x 48)" in reader.notes[0]
    with open_video(two_tracks, stream=1) as reader:
        assert corners(next(iter(reader)).image) == ["top left", "top right", "bottom left"]
        assert reader.info.stream == 1 and reader.notes == []
    with pytest.raises(InputError, match=r"no video stream 7; it has stream 0"):
        open_video(two_tracks, stream=7)


def test_the_stream_with_most_frames_and_pixels_is_taken(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        streams = [add_track(container, size) for size in ((32, 32), (64, 48), (128, 96))]
        for stream, count in zip(streams, (5, 20, 1), strict=True):
            encode(container, stream, [np.full((stream.height, stream.width, 3), 90, np.uint8)] * count)
    assert open_video(tmp_path / "a.mp4").info.stream == 1


def test_interlaced_frames_are_told(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = add_track(container, **{"x264-params": "interlaced=1"})
        stream.codec_context.flags |= 1 << 18  # interlaced coding
        encode(container, stream, [card()] * 4)
    with open_video(tmp_path / "a.mkv") as reader:
        assert list(reader) and ["interlaced" in note for note in reader.notes] == [True]


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_colours_are_told(tmp_path, transfer, name):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = add_track(container)
        stream.codec_context.color_trc = transfer
        encode(container, stream, [card()] * 4)
    with open_video(tmp_path / "a.mp4") as reader:
        assert list(reader) and name in reader.notes[0]


def test_a_size_that_changes_is_told_and_letterboxed(tmp_path):
    parts = []
    for number, size in enumerate(((64, 48), (32, 48))):
        with av.open(str(tmp_path / f"{number}.ts"), "w") as container:
            encode(container, add_track(container, size), [np.full((size[1], size[0], 3), 200, np.uint8)] * 6)
        parts.append((tmp_path / f"{number}.ts").read_bytes())
    (tmp_path / "a.ts").write_bytes(b"".join(parts))
    with open_video(tmp_path / "a.ts") as reader:
        frames = list(reader)
    assert {frame.image.shape for frame in frames} == {(48, 64, 3), (48, 32, 3)}
    assert ["size of its frames changes" in note for note in reader.notes] == [True]
    with VideoWriter(tmp_path / "copy.mp4", reader.info.size) as writer:
        for number, frame in enumerate(frames):
            writer.write(frame.image, number / 25)
    last = list(open_video(tmp_path / "copy.mp4"))[-1].image
    assert last.shape == (48, 64, 3) and last[:, :12].max() < 40 and last[:, 20:44].min() > 160 and last[:, 52:].max() < 40


@pytest.mark.parametrize("suffix", [".tif", ".gif", ".webp", ".png"])
def test_pages_of_a_picture_are_a_video(tmp_path, suffix):
    pages = [Image.new("RGB", (16, 12), (25 * number,) * 3) for number in range(5)]
    options = {} if suffix == ".tif" else {"duration": [40, 80, 120, 200, 200]}
    pages[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=pages[1:], **options)
    with open_video(tmp_path / f"a{suffix}") as reader:
        frames = list(reader)
    times = [0.0, 0.1, 0.2, 0.3, 0.4] if suffix == ".tif" else [0.0, 0.04, 0.12, 0.24, 0.44]
    assert [frame.timestamp for frame in frames] == pytest.approx(times)
    assert [round(frame.image.mean() / 25) for frame in frames] == list(range(5))
    assert reader.info.size == (16, 12) and len(reader) == 5


def test_a_later_damaged_page_ends_the_sequence(tmp_path):
    noise = [Image.fromarray(np.random.default_rng(n).integers(0, 255, (32, 32, 3), dtype=np.uint8)) for n in range(3)]
    noise[0].save(tmp_path / "a.tif", save_all=True, append_images=noise[1:], compression="tiff_lzw")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with Image.open(tmp_path / "a.tif") as image:
        image.seek(2)
        at = image.tag_v2[273][0]
    data[at : at + 1000] = b"\xff" * 1000
    (tmp_path / "a.tif").write_bytes(bytes(data))
    with open_video(tmp_path / "a.tif") as reader:
        assert len(list(reader)) == 2
    assert "damaged" in (reader.error or "")
