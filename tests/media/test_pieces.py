"""Pieces of a video, read each for itself, are the frames that reading from the beginning gives: numbers, times and pixels."""

from __future__ import annotations

import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from aufait.media.pieces import InexactSearch, Piece, PieceReader, PieceRule, pieces_of
from aufait.media.video import open_video

RULE = PieceRule(frames=50, warm_frames=10, warm_seconds=0.5)
OPEN = "open-gop=1:bframes=3:keyint=20:min-keyint=20:b-adapt=0:scenecut=0"
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "B-frames": ("b.mp4", "libx264", {"x264-params": "bframes=3:keyint=20:b-adapt=0:b-pyramid=normal"}),
    "open groups": ("open.mp4", "libx264", {"x264-params": OPEN}),
    "open groups in Matroska": ("open.mkv", "libx264", {"x264-params": OPEN}),
    "variable rate": ("vfr.mp4", "libx264", {"x264-params": "bframes=2:keyint=20"}),
    "variable rate in Matroska": ("vfr.mkv", "libx264", {"x264-params": "bframes=2:keyint=20"}),
    "interlaced": ("interlaced.mp4", "libx264", {"x264-params": "interlaced=1:keyint=20"}),
    "fragments": ("fragments.mp4", "libx264", {"x264-params": OPEN}),
    "WebM": ("vp9.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "g": "20", "lag-in-frames": "8"}),
    "WebM with hidden frames": ("vp8.webm", "libvpx", {"cpu-used": "16", "g": "20", "lag-in-frames": "8", "auto-alt-ref": "1"}),
    "MPEG-4": ("simple.mp4", "mpeg4", {"bf": "2", "g": "20"}),
}


def write(path: Path, codec: str, options: dict[str, Any], frames: int = 170) -> Path:
    """A moving noisy square, each frame unlike all others."""
    rng = np.random.default_rng(0)
    unit = Fraction(1, 1000) if path.stem == "vfr" else Fraction(1, 25)
    form = {"movflags": "frag_keyframe+empty_moov"} if path.stem == "fragments" else {}
    with av.open(str(path), "w", options=form) as container:
        stream = container.add_stream(codec, 25, width=96, height=64, pix_fmt="yuv420p")
        stream.options = options
        stream.time_base = stream.codec_context.time_base = unit
        time = 0
        for number in range(frames):
            image = np.full((64, 96, 3), number % 256, np.uint8)
            x = number * 3 % 66
            image[20:50, x : x + 30] = rng.integers(0, 255, (30, 30, 3))
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = time, unit
            time += int(rng.integers(10, 120)) if path.stem == "vfr" else 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def facts(frames: Any) -> list[tuple[int, float, int]]:
    return [(frame.index, frame.timestamp, zlib.crc32(frame.image)) for frame in frames]


def read(path: Path, piece: Piece, ahead: int = 0) -> list[tuple[int, float, int]]:
    with PieceReader(path, None, piece, ahead) as reader:
        return facts(reader)


def check(path: Path) -> tuple[Piece, ...]:
    pieces, reason = pieces_of(path, None, RULE)
    assert len(pieces) > 1 and not reason
    with open_video(path) as reader:
        whole = facts(reader)
    assert [piece.first for piece in pieces] == list(range(0, 50 * len(pieces), 50)) and pieces[-1].end == len(whole)
    for piece in pieces:
        assert read(path, piece, ahead=3) == whole[piece.warm : piece.end + 3]
    return pieces


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_are_exact(kind: str, tmp_path: Path) -> None:
    name, codec, options = KINDS[kind]
    if codec not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg cannot write {codec}")
    pieces = check(write(tmp_path / name, codec, options))
    assert pieces[-1].begin_time is not None, "read from a key frame, not from the beginning"
    assert all(piece.first - piece.warm >= 10 for piece in pieces[1:])


def test_an_edit_list_that_hides_the_beginning_is_respected(tmp_path: Path) -> None:
    whole = write(tmp_path / "b.mp4", "libx264", {"x264-params": "bframes=3:keyint=20:b-adapt=0"})
    cut = tmp_path / "cut.mp4"
    with av.open(str(whole)) as source, av.open(str(cut), "w", options={"avoid_negative_ts": "disabled"}) as target:
        stream = source.streams.video[0]
        copied, unit = target.add_stream_from_template(stream), 0
        for packet in source.demux(stream):
            if packet.size:
                unit = unit or int(1 / (25 * packet.time_base))
                packet.pts, packet.dts, packet.stream = packet.pts - 7 * unit, packet.dts - 7 * unit, copied
                target.mux(packet)
    pieces = check(cut)
    assert pieces[-1].end == 163, "seven frames are hidden"


def test_what_cannot_be_searched_exactly_stays_whole(tmp_path: Path) -> None:
    one = write(tmp_path / "one.mp4", "libx264", {"x264-params": "keyint=1000:scenecut=0"})
    assert pieces_of(one, None, RULE) == ((), "it has too few key frames at which reading could begin")
    stream = write(tmp_path / "stream.ts", "libx264", {})
    assert pieces_of(stream, None, RULE)[1] == "frames in the middle of a file of this kind (mpegts) are not found exactly"
    short = write(tmp_path / "short.mp4", "libx264", {}, frames=60)
    assert pieces_of(short, None, RULE) == ((), "")
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(write(tmp_path / "whole.mkv", "libx264", {"x264-params": OPEN}).read_bytes()[:-20_000])
    assert pieces_of(cut, None, RULE)[1] in ("the file is cut off", "the file is damaged")


def test_other_frames_than_were_counted_are_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "open.mp4", "libx264", {"x264-params": OPEN})
    pieces, _ = pieces_of(path, None, RULE)
    with pytest.raises(InexactSearch, match="not found by its index"):
        read(path, replace(pieces[1], search=pieces[2].search))
