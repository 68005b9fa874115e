"""Opening: real media containers only, nothing that a file names, addresses within a time limit and without their secrets."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import av
import av.logging
import numpy as np
import pytest
from fakes import FakeFinder, FakePredictor, write_clip, write_picture
from network_cameras import http_server, rtsp_camera
from PIL import Image
from typer.testing import CliRunner, Result

from aufait.cli.app import app
from aufait.data.pictures import Video
from aufait.detection import detector as detector_module
from aufait.detection.plan import unique_names
from aufait.detection.provenance import ProvenanceWriter
from aufait.detection.tables import read_openface_csv
from aufait.errors import InputError
from aufait.media import containers, limits
from aufait.media.addresses import Address, find_address, shown
from aufait.media.sources import demo_clip, expand_inputs
from aufait.media.video import VideoReader, open_video


@pytest.fixture(autouse=True)
def fake_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_module, "_load_finder", lambda *_: FakeFinder())
    monkeypatch.setattr(detector_module, "open_predictor", lambda *_, **__: FakePredictor())


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "TIMEOUT_SECONDS", 1.0)


def detect(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["detect", *map(str, arguments)])
    assert "Traceback" not in result.output and "unexpected" not in result.output, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def flat(text: str) -> str:
    return " ".join(text.split())


def clip_bytes(tmp_path: Path, frames: int = 12) -> bytes:
    """A clip whose index comes first, so that it can be read from a server that sends no parts."""
    return write_clip(tmp_path / "made.mp4", frames).read_bytes()


# -- Containers ----------------------------------------------------------------------------------------------------------

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
NO_VIDEOS = {
    "plain text": ("words and more words\n" * 60, "tty"),
    "coloured text": ("\x1b[31mred\x1b[0m\n" * 60, "tty"),
    "list of files": ("ffconcat version 1.0\nfile {}\n", "concat"),
    "playlist": (PLAYLIST, "hls"),
    "subtitles": ("1\n00:00:01,000 --> 00:00:02,000\nHello\n\n" * 9, "srt"),
    "web subtitles": ("WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n", "webvtt"),
}


@pytest.mark.parametrize("name", NO_VIDEOS)
def test_what_is_no_container_is_refused_by_name(name: str, tmp_path: Path) -> None:
    write_clip(tmp_path / "other.mp4", 3)
    text, form = NO_VIDEOS[name]
    path = tmp_path / ("film.m3u8" if form == "hls" else "film.txt")
    path.write_text(text.format("other.mp4"))
    with pytest.raises(InputError, match=rf"FFmpeg takes it for {form} \(.+Only containers such as MP4"):
        VideoReader(path)
    assert Video(path, 1).header.problem
    assert detect(path, "-o", tmp_path / "out").exit_code == 2


def test_pictures_are_no_containers(tmp_path: Path) -> None:
    for suffix in (".png", ".gif"):
        path = write_picture(tmp_path / f"frame1{suffix}")
        with pytest.raises(InputError, match="FFmpeg takes it for"):
            VideoReader(path)
    with pytest.raises(InputError, match="does not exist"):
        VideoReader(tmp_path / "frame%d.png")


@pytest.mark.parametrize("name", ["concat:a.mp4|b.mp4", "http:a.mp4", "pipe:0", "data:a.mp4"])
@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot exist there")
def test_names_that_look_like_protocols_are_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "made.mp4", 3).rename(tmp_path / name)
    with open_video(name) as reader:
        assert len(list(reader)) == 3


@pytest.mark.parametrize("kind", ["lavfi", "x11grab", "image2", "rtsp", "hls", "concat", "tty", "gif", "sdp", "dash", "ass"])
def test_readers_that_lead_elsewhere_are_not_on_the_list(kind: str) -> None:
    assert kind not in containers.CONTAINERS


def test_the_list_holds_only_readers_that_exist() -> None:
    known = {word for name in av.formats_available for word in name.split(",")}
    assert known.issuperset(containers.CONTAINERS)


def test_a_local_playlist_reaches_no_server(tmp_path: Path) -> None:
    with http_server({"a.mp4": clip_bytes(tmp_path)}) as server:
        for text in (PLAYLIST, "ffconcat version 1.0\nfile {}\n"):
            (tmp_path / "list.m3u8").write_text(text.format(f"http://{server.address}/a.mp4"))
            with pytest.raises(InputError):
                open_video(tmp_path / "list.m3u8")
        assert not server.seen


# -- Size of frames ------------------------------------------------------------------------------------------------------


def png_film(path: Path) -> Path:
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 60 * number, np.uint8), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_frames_that_unpack_to_more_than_their_header_says_are_not_unpacked(tmp_path: Path) -> None:
    path = png_film(tmp_path / "film.mov")
    with open_video(path) as reader:
        assert len(list(reader)) == 3
    data, place = bytearray(path.read_bytes()), 0
    while (place := data.find(b"IHDR", place)) >= 0:
        data[place + 4 : place + 12] = struct.pack(">II", 16_000, 16_000)
        data[place + 17 : place + 21] = struct.pack(">I", zlib.crc32(bytes(data[place : place + 17])))
        place += 4
    path.write_bytes(bytes(data))
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    with pytest.raises(InputError, match="cannot be read as a video"):
        list(open_video(path))
    assert memory("VmHWM") - before < 100e6


def memory(field: str) -> int:
    """Bytes of resident memory, now (VmRSS) or at most since the mark (VmHWM)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_too_large_frames_are_refused_before_they_are_decoded(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / f"clip{suffix}", 3)
    monkeypatch.setattr(limits, "MAX_FRAME_PIXELS", 96 * 64 - 1)
    with pytest.raises(InputError, match=r"has frames of 96 x 64 pixels; videos are read up to"):
        open_video(path)
    assert detect(path, "-o", tmp_path / "out").exit_code == 2


@pytest.mark.parametrize("size", [(2, 60_000), (60_000, 2), (1, 3000), (2, 100_000)])
def test_very_narrow_frames_are_read_or_refused(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "narrow.nut"
    with av.open(str(path), "w", format="nut") as container:
        stream = container.add_stream("rawvideo", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "rgb24"
        frame = av.VideoFrame(*size, "rgb24")
        frame.pts = 0
        container.mux(stream.encode(frame))
    if max(size) > limits.MAX_SIDE:
        with pytest.raises(InputError, match="pixels"):
            open_video(path)
        return
    with open_video(path) as reader:
        (frame,) = reader
        assert frame.image.shape == (size[1], size[0], 3)


# -- Addresses -----------------------------------------------------------------------------------------------------------

SECRET = "pa55w0rd"


def test_an_address_loses_its_secrets_and_gets_a_name() -> None:
    address = find_address(f"rtsp://eve:{SECRET}@cam.local:554/live/1?token={SECRET}")
    assert address is not None and address.live and SECRET in address.url
    assert SECRET not in str(address) + repr(address) + address.name + address.stem + shown(f"see {address.url}, please")
    assert (address.name, address.suffix) == ("cam.local_live_1", "")
    clip = Address(f"https://host/films/my%20clip.mp4?key={SECRET}")
    assert (clip.name, clip.stem, clip.suffix, clip.live) == ("my_clip.mp4", "my_clip", ".mp4", False)
    assert unique_names([clip, Path("my_clip.mp4"), address]) == ["films_my_clip", f"{Path.cwd().name}_my_clip", "cam.local_live_1"]


@pytest.mark.parametrize("text", ["C:/a.mp4", "a.mp4", "a:b.mp4", "a//b.mp4"])
def test_paths_are_no_addresses(text: str) -> None:
    assert find_address(text) is None


@pytest.mark.parametrize("ranges", [True, False])
def test_a_clip_on_a_server_is_analysed_like_a_file(ranges: bool, tmp_path: Path) -> None:
    data = clip_bytes(tmp_path)
    with http_server({"films/my clip.mp4": data, "films/my%20clip.mp4": data}, ranges=ranges) as server:
        url = f"http://{server.address}/films/my%20clip.mp4?key={SECRET}"
        result = detect(url, "-o", tmp_path / "out", "--annotate", "--report")
    assert result.exit_code == 0, result.output
    table = read_openface_csv(tmp_path / "out" / "my_clip.csv")
    assert len(table["frame"]) == 12
    record = json.loads((tmp_path / "out" / "my_clip.provenance.json").read_text())
    assert record["inputs"][0]["name"] == f"http://{server.address}/films/my%20clip.mp4"
    assert record["inputs"][0]["kind"] == "address" and record["inputs"][0]["sha256"] is None
    assert SECRET not in result.output
    for path in (tmp_path / "out").iterdir():
        assert SECRET.encode() not in path.read_bytes() and SECRET not in path.name, path


def test_a_clip_whose_index_comes_last_is_read_by_asking_for_its_parts() -> None:
    data = demo_clip().read_bytes()
    assert data.index(b"moov") > data.index(b"mdat")
    with http_server({"a.mp4": data}) as server, open_video(f"http://{server.address}/a.mp4") as reader:
        assert len(list(reader)) == reader.info.frame_count and not reader.error
    with (
        http_server({"a.mp4": data}, ranges=False) as server,
        pytest.raises(InputError, match=r"cannot be read as a video|could not"),
    ):
        open_video(f"http://{server.address}/a.mp4")


def test_an_encrypted_server_without_a_trusted_certificate_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    ask = f"req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN=localhost"
    ask += " -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    subprocess.run([program, *ask.split()], check=True, capture_output=True)
    with http_server({"a.mp4": clip_bytes(tmp_path)}) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with pytest.raises(InputError, match="could not reach https"):
            open_video(f"https://{server.address}/a.mp4")
        assert not server.seen
        monkeypatch.setattr(containers, "_trust", lambda _: {"tls_verify": "1", "ca_file": str(certificate)})
        with open_video(f"https://{server.address}/a.mp4") as reader:
            assert len(list(reader)) == 12


def test_user_and_password_reach_the_server_and_nothing_else(tmp_path: Path) -> None:
    with http_server({"a.mp4": clip_bytes(tmp_path)}, account=f"eve:{SECRET}") as server:
        result = detect(f"http://eve:{SECRET}@{server.address}/a.mp4", "-o", tmp_path / "out")
        assert result.exit_code == 0, result.output
        wrong = detect(f"http://eve:{SECRET}2@{server.address}/a.mp4", "-o", tmp_path / "out2")
    assert wrong.exit_code == 2 and "could not reach http://127" in flat(wrong.output)
    assert SECRET not in result.output + wrong.output
    assert all(SECRET.encode() not in path.read_bytes() for path in (tmp_path / "out").iterdir())


def test_python_takes_addresses_too(tmp_path: Path) -> None:
    detector = detector_module.Detector(finder=FakeFinder(), model=FakePredictor(), device="cpu")
    with http_server({"a.mp4": clip_bytes(tmp_path, 4)}) as server:
        url = f"http://eve:{SECRET}@{server.address}/a.mp4"
        streamed, detected = list(detector.stream(url)), detector.detect([url])
        missing = detector.detect(f"http://eve:{SECRET}@{server.address}/b.mp4", on_error="keep")
    assert len(streamed) == len(detected) == 4
    assert streamed[0].source == detected[0].source == f"http://{server.address}/a.mp4"
    assert SECRET not in missing[0].source + str(missing[0].error) and "404" in str(missing[0].error)


def test_a_port_on_which_nobody_listens_is_told_at_once(tmp_path: Path) -> None:
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    for scheme in ("http", "https", "rtsp"):
        start = time.monotonic()
        result = detect(f"{scheme}://eve:{SECRET}@{place}/a.mp4", "-o", tmp_path / "out")
        assert result.exit_code == 2 and f"could not reach {scheme}://{place}/a.mp4" in flat(result.output), result.output
        assert SECRET not in result.output and time.monotonic() - start < 10
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """Takes connections and says nothing."""
    with contextlib.closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        taken: list[socket.socket] = []
        over = threading.Event()

        def take() -> None:
            listening.settimeout(0.1)
            while not over.is_set():
                with contextlib.suppress(OSError):
                    taken.append(listening.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            thread.join()
            for connection in taken:
                connection.close()


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("scheme", ["http", "https", "rtsp"])
def test_a_server_that_never_answers_is_left_in_time(scheme: str, tmp_path: Path) -> None:
    with silent_server() as place:
        start = time.monotonic()
        result = detect(f"{scheme}://{place}/a.mp4", "-o", tmp_path / "out")
        assert time.monotonic() - start < 15
    assert result.exit_code == 2 and f"could not reach {scheme}://{place}/a.mp4: no video came within 1 s" in flat(result.output)


@pytest.mark.usefixtures("hurry")
def test_a_server_that_stops_half_way_leaves_what_came(tmp_path: Path) -> None:
    path = tmp_path / "long.ts"
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        rng = np.random.default_rng(0)
        for number in range(200):
            image = rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with http_server({"long.ts": path.read_bytes()}, stalling=("long.ts",), ranges=False) as server:
        result = detect(f"http://{server.address}/long.ts", "-o", tmp_path / "out")
    assert result.exit_code == 1 and "nothing came from the server for 1 s" in flat(result.output), result.output
    assert 20 < len(read_openface_csv(tmp_path / "out" / "long.csv")["frame"]) < 200


@pytest.mark.parametrize("name", ["page.html", "list.m3u8", "list.txt", "picture.png"])
def test_a_server_that_sends_no_video_is_told_and_not_followed(name: str, tmp_path: Path) -> None:
    with http_server({}, kinds={"list.m3u8": "application/vnd.apple.mpegurl", "page.html": "text/html"}) as server:
        server.files["inner.mp4"] = clip_bytes(tmp_path)
        inner = f"http://{server.address}/inner.mp4"
        server.files |= {
            "page.html": b"<html><body>" + b"words " * 400,
            "list.m3u8": PLAYLIST.format(inner).encode(),
            "list.txt": f"ffconcat version 1.0\nfile {inner}\n".encode(),
            "picture.png": write_picture(tmp_path / "a.png").read_bytes(),
        }
        result = detect(f"http://{server.address}/{name}", "-o", tmp_path / "out")
        assert not [path for path in server.seen if "inner" in path]
    assert result.exit_code == 2 and f"could not open http://{server.address}/{name} as a video" in flat(result.output)


@pytest.mark.usefixtures("hurry")
def test_a_network_camera_is_followed_live_until_it_stops(tmp_path: Path) -> None:
    if "libx264" not in av.codecs_available:
        pytest.skip("this FFmpeg encodes no H.264")
    with rtsp_camera(frames=25, stays=True) as place:
        result = detect(f"rtsp://eve:{SECRET}@{place}/live/1", "-o", tmp_path / "out")
    assert result.exit_code == 1 and "nothing came from the server for 1 s" in flat(result.output), result.output
    (record,) = (tmp_path / "out").glob("*.provenance.json")
    assert record.name == "127.0.0.1_live_1.provenance.json" and SECRET not in record.read_text() + result.output
    assert len(read_openface_csv(tmp_path / "out" / "127.0.0.1_live_1.csv")["frame"]) == 25


def test_an_address_in_a_table_of_videos_is_not_opened(tmp_path: Path) -> None:
    with http_server({"a.mp4": clip_bytes(tmp_path)}) as server:
        assert "does not exist" in str(Video(Path(f"http://{server.address}/a.mp4"), 1).header.problem)
        assert not server.seen


def test_the_record_keeps_no_password_of_the_command_line(tmp_path: Path) -> None:
    command = ["aufait", "detect", f"http://eve:{SECRET}@host/a.mp4?key={SECRET}#1", f"--x=rtsp://e:{SECRET}@h/1", "a.mp4"]
    path = ProvenanceWriter(tmp_path / "a.provenance.json", command=command).finish()
    assert json.loads(path.read_text())["command"] == ["aufait", "detect", "http://host/a.mp4", "--x=rtsp://h/1", "a.mp4"]


# -- Names ---------------------------------------------------------------------------------------------------------------

FULL = 240  # letters of a name that the file system takes, and to which nothing can be added


@pytest.mark.parametrize("kind", ["picture", "video"])
def test_long_names_get_short_results(kind: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    inputs = []
    for number in range(2):
        name = tmp_path / "in" / ("ä" * 100 + "n" * (FULL - 205) + str(number))
        made = write_picture(tmp_path / "a.png") if kind == "picture" else write_clip(tmp_path / "a.mp4", 3)
        inputs.append(made.rename(name.with_name(name.name + made.suffix)))
    result = detect(*inputs, "-o", tmp_path / "out", "--annotate", "--report", "--format", "csv,parquet")
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len([name for name in names if "_annotated" in name]) == 2
    assert all(len(os.fsencode(name)) < 230 for name in names) and not [name for name in names if "partial" in name]


def test_long_names_stay_apart() -> None:
    names = unique_names([Path("n" * 250 + end) for end in ("a.png", "b.png", "a.jpg")])
    assert len(set(names)) == 3 and all(len(name) < 200 for name in names)
    assert unique_names([Path("short.png")]) == ["short"]


@pytest.mark.parametrize("given", ["n" * 300 + ".png", "n" * 5000, "a/" + "n" * 300 + ".mp4", ""])
def test_names_that_cannot_be_are_told(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"more than the file system takes|does not exist|no folder|empty name"):
        expand_inputs([given])
    result = detect(given, "-o", tmp_path / "out")
    assert result.exit_code == 2 and len(flat(result.output)) < 600
    if given:
        with pytest.raises(InputError):
            open_video(given)


def test_an_output_folder_that_cannot_be_is_an_output_error(tmp_path: Path) -> None:
    result = detect(write_picture(tmp_path / "a.png"), "-o", tmp_path / ("n" * 300))
    assert result.exit_code == 3, result.output


def test_a_home_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(InputError, match="no such home folder"):
        expand_inputs(["~nobody-of-this-name/a.png"])


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
@pytest.mark.parametrize("kind", ["picture", "video"])
def test_names_that_are_no_text_are_written_everywhere(kind: str, tmp_path: Path) -> None:
    made = write_picture(tmp_path / "a.png") if kind == "picture" else write_clip(tmp_path / "a.mp4", 3)
    path = made.rename(tmp_path / os.fsdecode(b"caf\xe9" + made.suffix.encode()))
    result = detect(path, "-o", tmp_path / "out", "--annotate", "--report", "--plot", "--format", "csv,parquet")
    assert result.exit_code == 0, result.output
    for written in (tmp_path / "out").iterdir():
        if written.suffix in (".csv", ".html"):
            written.read_bytes().decode("utf-8", "surrogateescape")
    assert len(list((tmp_path / "out").iterdir())) >= 4


def test_a_picture_that_the_file_system_refuses_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(path)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pathlib.Path.stat", refuse)
    with pytest.raises(InputError, match=r"cannot be read: Input/output error|Input/output error"):
        open_video(path)


def test_other_packages_cannot_make_decoders_talk(tmp_path: Path) -> None:
    """What a decoder's thread says through Python waits for a lock that is held while that thread is ended: for ever."""
    level = av.logging.get_level()
    try:
        for use in (lambda: write_clip(tmp_path / "clip.mp4"), lambda: open_video(tmp_path / "clip.mp4").close()):
            av.logging.set_level(av.logging.ERROR)
            use()
            assert av.logging.get_level() is None
    finally:
        av.logging.set_level(level)
