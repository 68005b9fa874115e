"""Odd videos: the right pixels, the right times, a copy with its sound. All inputs are made here, by PyAV."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, textured
from typer.testing import CliRunner, Result

from aufait.cli.app import app
from aufait.detection import detector as detector_module
from aufait.detection.tables import read_openface_csv
from aufait.media import colours, deinterlace
from aufait.media.colours import DisplayColours, hlg_light, pq_codes, pq_light
from aufait.media.frame_times import FrameTimes
from aufait.media.missing_end import missing_bytes
from aufait.media.sound import SoundTrack, open_sound
from aufait.media.video import VideoReader, open_video
from aufait.media.video_writer import VideoWriter

RATE = 25
PATCHES = np.array(
    [(255, 255, 255), (0, 0, 0), (200, 30, 30), (30, 200, 30), (30, 30, 200), (224, 172, 140), (90, 60, 45), (128, 128, 128)]
)
SKIN_AND_GREY = [5, 6, 7]
LUMA = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}  # weights of red and blue by H.273's number of the matrix


# Making videos


def planes_of(codes: np.ndarray, matrix: int, *, full: bool, bits: int) -> np.ndarray:
    """(H, W, 3) R'G'B' in [0, 1] -> (3, H, W) Y'CbCr code values."""
    red_weight, blue_weight = LUMA[matrix]
    red, green, blue = np.moveaxis(codes, -1, 0)
    luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
    chroma = (blue - luma) / (2 * (1 - blue_weight)), (red - luma) / (2 * (1 - red_weight))
    unit = 2 ** (bits - 8)
    if full:
        top = 2**bits - 1
        values = [luma * top, *(part * top + 128 * unit for part in chroma)]
    else:
        values = [luma * 219 * unit + 16 * unit, *(part * 224 * unit + 128 * unit for part in chroma)]
    return np.clip(np.round(values), 0, 2**bits - 1)


def patches(width: int = 64, height: int = 32) -> np.ndarray:
    """The colours of ``PATCHES`` side by side, in [0, 1]."""
    return np.repeat(PATCHES[None, :, :] / 255, height, axis=0).repeat(width // len(PATCHES), axis=1)


def write_colours(
    path: Path,
    codes: np.ndarray,
    *,
    matrix: int = 1,
    full: bool = False,
    pixels: str = "yuv444p",
    tags: tuple[int, int, int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Three lossless frames of these R'G'B' code values. ``tags``: matrix, primaries and transfer to state, None for none."""
    height, width = codes.shape[:2]
    planes = planes_of(codes, matrix, full=full, bits=10 if "10" in pixels else 8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.options = {"qp": "0", "preset": "ultrafast", **(options or {})}
        context = stream.codec_context
        context.color_range = 2 if full else 1
        if tags is not None:
            context.colorspace, context.color_primaries, context.color_trc = tags
        for number in range(3):
            frame = av.VideoFrame(width, height, pixels)
            for plane, values in zip(frame.planes, planes, strict=True):
                if plane.width < width:
                    values = values[::2, ::2]
                rows = np.frombuffer(plane, np.uint16 if "10" in pixels else np.uint8).reshape(plane.height, -1)
                rows[:, : plane.width] = values
            frame.color_range, frame.colorspace = (2 if full else 1), (2 if tags is None else tags[0])
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def patch_values(path: Path) -> tuple[np.ndarray, VideoReader]:
    """(8, 3) the colours read in the middle of each patch."""
    with open_video(path) as reader:
        image = next(iter(reader)).image
    height, width = image.shape[:2]
    step = width // len(PATCHES)
    return image[height // 2, step // 2 :: step].astype(int), reader


def write_clip(
    path: Path,
    times: Iterable[float],
    *,
    size: tuple[int, int] = (64, 48),
    sound: str | None = None,
    sound_start: float | None = None,
    flash: float = 1.0,
    codec: str = "libx264",
    rate: int = 16_000,
) -> Path:
    """Grey frames at these times, white for 0.2 s from ``flash`` seconds after the first, and a tone of 1 kHz with the white."""
    times = list(times)
    start, length = times[0], times[-1] - times[0] + 1 / RATE
    jobs = []
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=RATE)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.time_base = video.codec_context.time_base = Fraction(1, 1000)
        if codec == "libx264":
            video.options = {"preset": "ultrafast", "bf": "2", "g": "12"}
        for time in times:
            lit = flash <= time - start < flash + 0.2
            frame = av.VideoFrame.from_ndarray(textured(*size, 230 if lit else 40), format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            jobs.append((time - start, video, frame))
        if sound is not None:
            audio = container.add_stream(sound, rate=rate)
            audio.codec_context.layout = "mono"
            seconds = np.arange(int(length * rate)) / rate
            tone = np.where((seconds >= flash) & (seconds < flash + 0.2), 0.8 * np.sin(2000 * np.pi * seconds), 0)
            first = round((start if sound_start is None else sound_start) * rate)
            for at in range(0, len(tone), 1024):
                chunk = tone[None, at : at + 1024].astype(np.float32)
                part = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="mono")
                part.sample_rate, part.pts, part.time_base = rate, first + at, Fraction(1, rate)
                jobs.append((at / rate, audio, part))
        for _, stream, frame in sorted(jobs, key=lambda job: job[0]):
            container.mux(stream.encode(frame))
        for stream in container.streams:
            container.mux(stream.encode())
    return path


def steady(count: int, start: float = 0.0) -> list[float]:
    return [start + number / RATE for number in range(count)]


def flashes_and_tones(path: Path) -> tuple[list[float], list[float]]:
    """Times at which the picture turns white, and at which a tone begins."""
    with av.open(str(path)) as container:
        seen = [(frame.time, frame.to_ndarray(format="gray").mean() > 150) for frame in container.decode(video=0)]
    white = [time for (_, before), (time, now) in zip(seen, seen[1:], strict=False) if now and not before]
    tones, last = [], -1.0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray().astype(float)).max(axis=0) > 0.3)
            for place in loud:
                time = frame.time + place / frame.sample_rate
                if time > last + 0.1:
                    tones.append(float(time))
                last = time
    return white, tones


def copy_with_sound(source: Path, target: Path) -> tuple[VideoWriter, VideoReader]:
    with open_video(source) as reader:
        sound = open_sound(source, reader.shifts)
        with VideoWriter(target, reader.info.size, frame_rate=RATE, sound=sound) as writer:
            for frame in reader:
                writer.write(frame.image, frame.timestamp)
    return writer, reader


@pytest.fixture
def detect(monkeypatch: pytest.MonkeyPatch):
    """``aufait detect`` with substitutes for the networks."""
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: FakePredictor())

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(app, ["detect", *map(str, arguments)])
        assert "Traceback" not in result.output
        return result

    return run


def record_of(folder: Path, stem: str) -> dict:
    return json.loads((folder / f"{stem}.provenance.json").read_text())


# Colours


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixels", ["yuv444p", "yuv420p", "yuv420p10le"])
def test_matrix_and_range_are_those_that_the_file_names(tmp_path, matrix, full, pixels):
    path = write_colours(tmp_path / "a.mkv", patches(), matrix=matrix, full=full, pixels=pixels, tags=(matrix, 1, 1))
    found, reader = patch_values(path)
    assert np.abs(found - PATCHES).max() <= 3
    assert reader.notes == [] and reader.facts == {}


@pytest.mark.parametrize(("size", "matrix"), [((64, 32), 6), ((1280, 32), 1), ((64, 720), 1), ((64, 576), 6)])
def test_without_a_name_the_matrix_is_what_players_assume(tmp_path, size, matrix):
    found, _ = patch_values(write_colours(tmp_path / "a.mkv", patches(*size), matrix=matrix, tags=None))
    assert np.abs(found - PATCHES).max() <= 3


def as_bt2020(light: np.ndarray) -> np.ndarray:
    """Light in BT.709's primaries -> in BT.2020's (ITU-R BT.2087)."""
    return light @ np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]).T


def test_a_picture_that_was_put_into_pq_comes_back(tmp_path):
    light = as_bt2020(patches() ** 2.4) * colours.WHITE_NITS
    path = tmp_path / "a.mkv"
    options = {"x264-params": "cll=203,100"}
    write_colours(path, pq_codes(light), matrix=9, pixels="yuv420p10le", tags=(9, 9, 16), options=options)
    found, reader = patch_values(path)
    assert np.abs(found - PATCHES).max() <= 6  # ten bits are coarse compared with the edge of a gamut
    assert np.abs(found - PATCHES)[SKIN_AND_GREY].max() <= 2
    assert reader.facts["colours"] == {
        "transfer": "PQ", "gamut": "BT.2020", "peak": 203.0, "to": "SDR, BT.709",
        "method": "roll-off of ITU-R BT.2390, white at 203 cd/m2",
    }  # fmt: skip
    assert [note for note in reader.notes if "HDR" in note] == [
        f"{path}: its colours are meant for HDR displays (PQ, BT.2020); they are converted to SDR, BT.709"
    ]


def test_pq_of_unknown_peak_keeps_faces_and_rolls_highlights_off(tmp_path):
    light = as_bt2020(patches() ** 2.4) * colours.WHITE_NITS
    path = write_colours(tmp_path / "a.mkv", pq_codes(light), matrix=9, pixels="yuv420p10le", tags=(9, 9, 16))
    found, reader = patch_values(path)
    assert reader.facts["colours"]["peak"] == colours.USUAL_PEAK
    below = PATCHES.max(axis=1) < 178  # 88 cd/m2
    assert below.sum() >= 3 and np.abs(found - PATCHES)[below].max() <= 4
    assert 215 < found[0].min() <= found[0].max() < 240  # white leaves room for highlights


def test_a_picture_that_was_put_into_hlg_comes_back(tmp_path):
    camera = patches()
    scene = np.where(camera < 0.081, camera / 4.5, ((camera + 0.099) / 1.099) ** (1 / 0.45))
    levels = np.linspace(0, 1, 20_001)
    codes = np.interp(as_bt2020(scene) * float(hlg_light(np.array(0.75))), hlg_light(levels), levels)
    path = write_colours(tmp_path / "a.mkv", codes, matrix=9, pixels="yuv420p10le", tags=(9, 9, 18))
    found, reader = patch_values(path)
    below = PATCHES.max(axis=1) < 150
    assert np.abs(found - PATCHES)[below].max() <= 4 and found[0].min() > 215
    assert reader.facts["colours"]["transfer"] == "HLG" and "HLG" in reader.notes[0]


def test_wide_gamut_comes_down(tmp_path):
    codes = as_bt2020(patches() ** 2.4) ** (1 / 2.4)
    path = write_colours(tmp_path / "a.mkv", codes, matrix=9, pixels="yuv420p10le", tags=(9, 9, 14))
    found, reader = patch_values(path)
    assert np.abs(found - PATCHES).max() <= 4
    assert reader.facts["colours"]["method"] == "primaries only" and "wide gamut" in reader.notes[0]


def test_pq_and_hlg_are_those_of_the_standards():
    assert pq_codes(np.array([203.0, 1000.0, 10_000.0])) == pytest.approx([0.5807, 0.7518, 1.0], abs=1e-4)  # BT.2408, table 1
    levels = np.linspace(0, 1, 101)
    assert pq_codes(pq_light(levels)) == pytest.approx(levels, abs=1e-5)
    assert hlg_light(np.array([0.5, 1.0])) == pytest.approx([1 / 12, 1.0], abs=1e-4)  # BT.2100, table 5


def test_the_roll_off_is_monotone_and_ends_at_white():
    grey = np.repeat(np.linspace(0, 65_535, 512).astype(np.uint16)[:, None], 3, axis=1)[None]
    for peak in (203.0, 1000.0, 4000.0, 10_000.0):
        values = DisplayColours("PQ", "BT.2020", peak).to_sdr(grey)[0, :, 0].astype(int)
        assert np.all(np.diff(values) >= 0) and values[0] == 0 and values[-1] == 255


# Interlaced frames


def moving(instant: int, width: int = 96, height: int = 64) -> np.ndarray:
    """A bright bar that moves by two pixels from field to field."""
    picture = np.full((height, width), 60, np.uint8)
    picture[:, 10 + 2 * instant : 40 + 2 * instant] = 200
    return picture


def write_interlaced(path: Path, count: int, *, codec: str = "libx264", progressive: Iterable[int] = ()) -> Path:
    progressive = set(progressive)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.flags |= 1 << 18  # interlaced coding
        if codec == "libx264":
            stream.options = {"crf": "5", "x264-params": "bff=1"}
        else:
            stream.bit_rate = 4_000_000
        for number in range(count):
            woven = moving(2 * number)
            if number not in progressive:  # the lower field is the first one
                woven[::2] = moving(2 * number + 1)[::2]
            frame = av.VideoFrame(96, 64, "yuv420p")
            for plane, values in zip(frame.planes, (woven, 128, 128), strict=True):
                np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width] = values
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def combs(image: np.ndarray) -> float:
    """How much lines differ from their neighbours."""
    lines = image[..., 0].astype(float)
    return float(np.abs(lines[1:-1] - (lines[:-2] + lines[2:]) / 2).mean())


def as_stored(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_interlaced_frames_lose_their_combs_and_keep_number_and_times(tmp_path, codec):
    path = write_interlaced(tmp_path / "a.mkv", 12, codec=codec)
    with open_video(path) as reader:
        frames = list(reader)
    assert [frame.timestamp for frame in frames] == pytest.approx(steady(12), abs=2e-3)
    assert [frame.index for frame in frames] == list(range(12))
    before, after = map(combs, as_stored(path)), map(combs, (frame.image for frame in frames))
    assert np.mean(list(after)) < 0.05 * np.mean(list(before))
    for number, frame in enumerate(frames):  # each shows the instant of its first field
        bright = np.flatnonzero(frame.image[32, :, 0] > 140)
        assert bright[0] == pytest.approx(10 + 4 * number, abs=1) and bright[-1] == pytest.approx(39 + 4 * number, abs=1)
    assert reader.facts == {"deinterlaced": "bwdif"}
    assert reader.notes == [f"{path}: its frames are interlaced; they are deinterlaced"]


def test_without_the_filter_interlaced_frames_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(deinterlace, "METHOD", "no_such_filter")
    path = write_interlaced(tmp_path / "a.mkv", 4)
    with open_video(path) as reader:
        frames = list(reader)
    assert len(frames) == 4 and combs(frames[1].image) > 1
    assert "left so (this FFmpeg has no filter no_such_filter)" in reader.notes[0] and reader.facts == {"deinterlaced": None}


# Pixel grids


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [((1, 0, 0, 1), 0), ((0, 1, -1, 0), 3), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)],
)
def test_coordinates_are_those_of_the_shown_picture(tmp_path, detect, matrix, turn):
    """Stored 64 x 48 with pixels twice as wide as high, turned: shown 128 x 48 or 48 x 128."""
    a, b, c, d = (value << 16 for value in matrix)
    stored = textured(64, 48, 60)
    stored[8:16, 8:16] = 250  # near the upper left corner
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"crf": "5"}
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(stored, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    expected = np.rot90(stored.repeat(2, axis=1), turn)
    with open_video(tmp_path / "a.mp4") as reader:
        image = next(iter(reader)).image
    assert image.shape == expected.shape
    assert np.abs(np.argwhere(image[..., 0] > 200).mean(axis=0) - np.argwhere(expected[..., 0] > 200).mean(axis=0)).max() < 1
    assert detect(tmp_path / "a.mp4", "-o", tmp_path / "out").exit_code == 0
    table = read_openface_csv(tmp_path / "out" / "a.csv")
    height, width = expected.shape[:2]
    assert set(table["width"]) == {width} and set(table["height"]) == {height}
    assert table["box_x1"][0] == pytest.approx(0.7 * width, abs=0.1) and table["box_y1"][0] == pytest.approx(0.7 * height, abs=0.1)


def test_pixels_of_any_shape_give_a_picture_that_can_be_held(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 8000, 16, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4)
        container.mux([*stream.encode(av.VideoFrame.from_ndarray(textured(8000, 16), format="rgb24")), *stream.encode()])
    with open_video(tmp_path / "a.mkv") as reader:
        assert next(iter(reader)).image.shape == (4, 8000, 3) and reader.info.size == (8000, 4)


def joined(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def test_frames_of_another_size_go_on_with_their_own_size(tmp_path, detect):
    parts = [
        write_clip(tmp_path / "1.ts", steady(10)),
        write_clip(tmp_path / "2.ts", steady(10, 0.6), size=(96, 64)),
        write_clip(tmp_path / "3.ts", steady(10, 1.2)),
    ]
    clip, out = joined(tmp_path / "clip.ts", *parts), tmp_path / "out"
    result = detect(clip, "-o", out, "--annotate", "--parquet")
    assert result.exit_code == 0 and "the size of its frames changes" in result.output.replace("\n", " ")
    table = read_openface_csv(out / "clip.csv")
    sizes = list(zip(table["width"].astype(int), table["height"].astype(int), strict=True))
    assert sizes == [(64, 48)] * 10 + [(96, 64)] * 10 + [(64, 48)] * 10
    np.testing.assert_allclose(table["box_x1"], 0.7 * table["width"], atol=0.1)  # landmarks in the frame's own pixels
    assert record_of(out, "clip")["reading"]["sizes"] == [[64, 48], [96, 64]]
    frames = list(open_video(out / "clip_annotated.mp4"))
    assert len(frames) == 30 and {frame.image.shape for frame in frames} == {(48, 64, 3)}
    assert frames[15].image[:2].max() < 40 < frames[15].image[20:30].max()  # 96 x 64 in 64 x 48: bars above and below
    assert frames[25].image[:2].max() > 40


# Times


def repaired(times: list[float | None], **how: bool) -> tuple[list[float], FrameTimes]:
    clock = FrameTimes(0.04, **how)
    return [clock(time, following) for time, following in zip(times, [*times[1:], None], strict=True)], clock


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ([0.0, 0.04, 0.04, 0.12], [0.0, 0.04, 0.08, 0.12]),  # one repeats
        ([0.0, 0.04, 9e4, 0.12], [0.0, 0.04, 0.08, 0.12]),  # one is far ahead
        ([0.0, 0.04, -7.0, 0.12], [0.0, 0.04, 0.08, 0.12]),  # one is far back
        ([0.0, 0.04, None, 0.12], [0.0, 0.04, 0.08, 0.12]),  # one is absent
        ([None, 0.04, 0.08], [0.0, 0.04, 0.08]),
    ],
)
def test_a_single_bad_time_is_put_between_its_neighbours_and_counted(stored, expected):
    times, clock = repaired(stored)
    assert times == pytest.approx(expected)
    assert clock.estimates == 1 and not clock.joints and clock.facts["estimated"] == 1


def test_a_clock_that_starts_again_goes_on():
    times, clock = repaired([10.0, 10.04, 0.0, 0.04, 1.0, 0.0, 0.04])
    assert times == pytest.approx([10.0, 10.04, 10.08, 10.12, 11.08, 11.12, 11.16])
    assert clock.estimates == 0 and [jump.frame for jump in clock.joints] == [3, 6]
    assert clock.shifts == pytest.approx([0, 10.08, 11.12])


def test_pauses_are_kept_and_clocks_that_run_over_are_not_taken_for_pauses():
    stored: list[float | None] = [0.0, 0.04, 50_000.0, 50_000.04]
    times, clock = repaired(stored)
    assert times == stored and [jump.frame for jump in clock.leaps] == [3]
    times, clock = repaired(stored, runs_over=True)
    assert times == pytest.approx([0.0, 0.04, 0.08, 0.12]) and not clock.leaps and len(clock.joints) == 1


@pytest.mark.parametrize("seed", range(20))
def test_times_always_go_forward(seed):
    rng = np.random.default_rng(seed)
    stored: list[float | None] = list(np.arange(200) / 25)
    for place in rng.integers(0, 200, 40):
        stored[place] = [None, float(rng.normal(0, 50)), 4.0, 1e5][rng.integers(4)]
    times, _ = repaired(stored)
    assert np.all(np.diff(times) > 0)


@pytest.mark.parametrize(("first", "second"), [(20.0, 1.0), (36_000.0, 10.0), (36_000.0, 36_000.0), (1.0, 1.0)])
def test_joined_transport_streams_go_on(tmp_path, detect, first, second):
    parts = [write_clip(tmp_path / "1.ts", steady(30, first)), write_clip(tmp_path / "2.ts", steady(30, second))]
    clip, out = joined(tmp_path / "clip.ts", *parts), tmp_path / "out"
    result = detect(clip, "-o", out, "--plot")
    assert result.exit_code == 0, result.output
    assert "its clock starts again at frame 31" in result.output.replace("\n", " ")
    times = read_openface_csv(out / "clip.csv")["presentation_time"]
    assert len(times) == 60 and np.diff(times) == pytest.approx(np.full(59, 0.04), abs=2e-3)
    assert times[0] == pytest.approx(first, abs=0.1)
    record = record_of(out, "clip")
    assert record["inputs"][0]["start"] == pytest.approx(first, abs=0.2)
    ((frame, _, shift),) = record["reading"]["times"]["joints"]
    assert frame == 31 and shift == pytest.approx(times[30] - second, abs=100_000)


def write_times(path: Path, stamps: list[int]) -> Path:
    """Pictures without reference to one another, whose packets get these times in milliseconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for stamp in stamps:
            frame = av.VideoFrame.from_ndarray(textured(64, 48), format="rgb24")
            for packet in stream.encode(frame):
                packet.time_base, packet.pts, packet.dts = Fraction(1, 1000), stamp, stamp
                container.mux(packet)
    return path


def test_guessed_times_make_a_result_incomplete(tmp_path, detect):
    clip, out = write_times(tmp_path / "clip.mkv", [0, 40, 40, 120, 160, 200]), tmp_path / "out"
    result = detect(clip, "-o", out)
    assert result.exit_code != 0 and "1 frames have no usable time of their own (the first is frame 3)" in result.output.replace(
        "\n", " "
    )
    times = read_openface_csv(out / "clip.csv")["presentation_time"]
    assert times == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2])
    assert record_of(out, "clip")["reading"]["times"] == {"estimated": 1, "first_estimated": [3]}


def test_a_pause_is_kept_in_the_table_and_cut_from_the_copy(tmp_path, detect):
    clip, out = write_times(tmp_path / "clip.mkv", [0, 40, 80, 36_000_000, 36_000_040]), tmp_path / "out"
    result = detect(clip, "-o", out, "--annotate", "--plot")
    assert result.exit_code == 0 and "its time jumps ahead to 36000.000 s at frame 4" in result.output.replace("\n", " ")
    assert read_openface_csv(out / "clip.csv")["presentation_time"][3] == 36_000
    copied = [frame.timestamp for frame in open_video(out / "clip_annotated.mp4")]
    assert copied == pytest.approx([0, 0.04, 0.08, 1.08, 1.12], abs=2e-3)
    assert record_of(out, "clip")["annotated"]["cuts"] == [[0.08, pytest.approx(35_998.92)]]


def test_variable_frame_rates_keep_their_times_in_the_copy(tmp_path, detect):
    times = [0.0, 0.033, 0.1, 0.5, 0.51, 2.0, 2.04]
    assert detect(write_clip(tmp_path / "clip.mp4", times), "-o", tmp_path / "out", "--annotate").exit_code == 0
    copied = [frame.timestamp for frame in open_video(tmp_path / "out" / "clip_annotated.mp4")]
    assert copied == pytest.approx(times, abs=1e-3)


def test_a_late_start_is_told_and_leaves_no_lead_in(tmp_path, detect):
    clip, out = write_clip(tmp_path / "clip.mkv", steady(40, 36_000.0), sound="aac"), tmp_path / "out"
    result = detect(clip, "-o", out, "--annotate", "--plot")
    assert result.exit_code == 0 and "its first frame has the time 36000.000 s" in result.output.replace("\n", " ")
    record = record_of(out, "clip")
    assert record["inputs"][0]["first_frame"] == 36_000 and record["inputs"][0]["start"] == pytest.approx(36_000, abs=0.1)
    assert record["annotated"]["zero"] == pytest.approx(36_000, abs=0.1)
    with av.open(str(out / "clip_annotated.mp4")) as container:
        assert container.duration < 2_000_000
    white, tones = flashes_and_tones(out / "clip_annotated.mp4")
    assert len(white) == len(tones) == 1 and white[0] == pytest.approx(tones[0], abs=0.01)


# Sound


@pytest.mark.parametrize(
    ("name", "sound", "rate", "written"),
    [
        ("a.mp4", "aac", 16_000, "copied"),
        ("a.mkv", "flac", 16_000, "copied"),
        ("a.webm", "libopus", 48_000, "copied"),
        ("a.ts", "aac", 16_000, "copied"),
        ("a.mkv", "pcm_s16le", 16_000, "aac"),
        ("a.ts", "mp2", 48_000, "aac"),
    ],
)
def test_sound_is_kept_in_time_with_the_frames(tmp_path, name, sound, rate, written):
    codec = "libvpx" if name.endswith("webm") else "libx264"
    source = write_clip(tmp_path / name, steady(40), sound=sound, rate=rate, codec=codec)
    writer, _ = copy_with_sound(source, tmp_path / "copy.mp4")
    assert writer.facts["sound"]["written"] == written and writer.notes == []
    ((white,), (tone,)), ((white_before,), (tone_before,)) = map(flashes_and_tones, (tmp_path / "copy.mp4", source))
    assert white == pytest.approx(white_before, abs=0.005) and tone == pytest.approx(tone_before, abs=0.012)


def test_copied_sound_is_the_same_to_the_byte(tmp_path):
    source = write_clip(tmp_path / "a.mp4", steady(40), sound="aac")
    copy_with_sound(source, tmp_path / "copy.mp4")

    def packets(path: Path) -> list[tuple[int, bytes]]:
        with av.open(str(path)) as container:
            return [(packet.pts, bytes(packet)) for packet in container.demux(audio=0) if packet.size]

    assert packets(tmp_path / "copy.mp4") == packets(source) and len(packets(source)) > 20


@pytest.mark.parametrize("sound", ["aac", "mp2"])
def test_sound_of_joined_recordings_stays_with_the_frames(tmp_path, sound):
    rate = 48_000 if sound == "mp2" else 16_000
    parts = [
        write_clip(tmp_path / f"{number}.ts", steady(40, start), sound=sound, rate=rate)
        for number, start in enumerate([36_000.0, 3.0, 90.0])
    ]
    writer, reader = copy_with_sound(joined(tmp_path / "clip.ts", *parts), tmp_path / "copy.mp4")
    white, tones = flashes_and_tones(tmp_path / "copy.mp4")
    assert len(white) == 3 and white == pytest.approx(tones, abs=0.01) and writer.notes == []
    assert any("its clock starts again" in note for note in reader.notes)


def test_sound_that_begins_before_the_pictures_is_whole(tmp_path):
    source = write_clip(tmp_path / "a.mkv", steady(50, 5.0), sound="aac", sound_start=3.0)
    writer, _ = copy_with_sound(source, tmp_path / "copy.mp4")
    assert writer.zero == pytest.approx(3.0, abs=0.1)
    (white,), (tone,) = flashes_and_tones(tmp_path / "copy.mp4")
    assert white - tone == pytest.approx(2.0, abs=0.01)


def test_no_sound_leaves_it_out(tmp_path, detect):
    clip = write_clip(tmp_path / "clip.mp4", steady(10), sound="aac")
    assert detect(clip, "-o", tmp_path / "with", "--annotate").exit_code == 0
    assert detect(clip, "-o", tmp_path / "without", "--annotate", "--no-sound").exit_code == 0
    for folder, streams in (("with", 1), ("without", 0)):
        with av.open(str(tmp_path / folder / "clip_annotated.mp4")) as container:
            assert len(container.streams.audio) == streams
    assert record_of(tmp_path / "with", "clip")["annotated"]["sound"] == {"codec": "aac", "stream": 1, "written": "copied"}
    assert record_of(tmp_path / "without", "clip")["annotated"]["sound"] is None


def test_sound_that_no_container_takes_is_told_and_the_pictures_come(tmp_path, detect, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("not in this container")

    monkeypatch.setattr(SoundTrack, "attach", refuse)
    clip, out = write_clip(tmp_path / "clip.mp4", steady(10), sound="aac"), tmp_path / "out"
    result = detect(clip, "-o", out, "--annotate")
    assert result.exit_code == 0
    assert "the annotated copy has no sound, or not all of it (aac): not in this container" in result.output.replace("\n", " ")
    assert len(list(open_video(out / "clip_annotated.mp4"))) == 10
    assert record_of(out, "clip")["annotated"]["sound"]["written"] is None


def test_damaged_sound_does_not_cost_the_pictures(tmp_path):
    source = write_clip(tmp_path / "a.ts", steady(60), sound="aac")
    data, rng = bytearray(source.read_bytes()), np.random.default_rng(0)
    with av.open(str(source)) as container:
        number = next(stream.id for stream in container.streams if stream.type == "audio")
    for packet in range(0, len(data), 188):
        if ((data[packet + 1] & 0x1F) << 8 | data[packet + 2]) == number and rng.random() < 0.5:
            data[packet + 40 : packet + 188] = rng.integers(0, 256, 148, dtype=np.uint8).tobytes()
    source.write_bytes(bytes(data))
    copy_with_sound(source, tmp_path / "copy.mp4")
    assert len(list(open_video(tmp_path / "copy.mp4"))) == 60


def test_an_interrupted_copy_has_sound_as_far_as_pictures(tmp_path):
    source = write_clip(tmp_path / "a.mp4", steady(60), sound="aac", flash=0.4)
    with open_video(source) as reader, pytest.raises(KeyboardInterrupt):
        sound = open_sound(source, reader.shifts)
        with VideoWriter(tmp_path / "copy.mp4", (64, 48), sound=sound) as writer:
            for frame in reader:
                writer.write(frame.image, frame.timestamp)
                if frame.index == 30:
                    raise KeyboardInterrupt
    with av.open(str(tmp_path / "copy.partial.mp4")) as container:
        end = max(packet.pts * packet.time_base for packet in container.demux(audio=0) if packet.size)
    assert 1.0 < end < 1.3


# Files that were cut off


@pytest.mark.parametrize(
    "head",
    [
        struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + struct.pack(">I4sQ", 1, b"mdat", 2**64 - 1),
        b"\x1a\x45\xdf\xa3\x01" + b"\xff" * 6 + b"\xfe",
    ],
)
def test_a_length_that_no_file_can_have_is_a_cut_file(tmp_path, head):
    path = tmp_path / "a.mp4"
    path.write_bytes(head + bytes(100))
    assert missing_bytes(path) > 2**55


@pytest.mark.parametrize(("name", "codec", "sound"), [("a.mkv", "libx264", "aac"), ("a.avi", "mpeg4", "pcm_s16le")])
def test_a_cut_file_is_told(tmp_path, name, codec, sound):
    whole = write_clip(tmp_path / name, steady(200), codec=codec, sound=sound, size=(160, 120))
    assert missing_bytes(whole) == 0
    with open_video(whole) as reader:
        assert len(list(reader)) == 200 and reader.error is None
    cut = tmp_path / f"cut_{name}"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.7)])
    with open_video(cut) as reader:
        count = len(list(reader))
    assert 100 < count < 200 and "cut off" in (reader.error or "")
