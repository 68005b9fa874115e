"""Servers on this machine for tests: files over HTTP with the faults that servers have, and a camera that speaks RTSP."""

from __future__ import annotations

import base64
import contextlib
import re
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np


class _Files(BaseHTTPRequestHandler):
    """Serves ``server.files``; ``server.seen`` takes the paths asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        server.seen.append(self.path)
        name = self.path.split("?")[0].lstrip("/")
        if name not in server.files:
            self.send_error(404)
            return
        if server.password and self.headers.get("Authorization") != f"Basic {server.password}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = server.files[name]
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(wanted[1]) if wanted and server.ranges else 0
        self.send_response(206 if wanted and server.ranges else 200)
        if wanted and server.ranges:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", server.kinds.get(name, "application/octet-stream"))
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        with contextlib.suppress(OSError):
            if name in server.stalling:
                self.wfile.write(data[first : max(first, len(data) // 2)])
                self.wfile.flush()
                server.over.wait(30)
            else:
                self.wfile.write(data[first:])

    def log_message(self, *_: object) -> None:
        pass


class _FileServer(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hangs up is none."""


@contextlib.contextmanager
def http_server(
    files: dict[str, bytes],
    *,
    stalling: tuple[str, ...] = (),
    ranges: bool = True,
    kinds: dict[str, str] | None = None,
    account: str | None = None,
) -> Iterator[ThreadingHTTPServer]:
    """A server of these files; ``.address`` is its host and port, ``.seen`` what it was asked for.

    Args:
        files: name -> content.
        stalling: names of files of which only the first half is sent.
        ranges: whether parts of files may be asked for.
        kinds: name -> content type.
        account: "user:password" that is asked for.
    """
    with _FileServer(("127.0.0.1", 0), _Files) as server:
        server.files, server.stalling, server.ranges, server.kinds = files, stalling, ranges, kinds or {}
        server.password = base64.b64encode(account.encode()).decode() if account else None
        server.seen, server.over, server.daemon_threads = [], threading.Event(), True
        server.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def _units(frames: int, brightness: int) -> list[list[bytes]]:
    """A film in H.264: the units of one frame after the other, parameters with the first."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 96, 64, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "38", "g": "5", "x264-params": "repeat-headers=1"}
    packets = []
    for number in range(frames):
        image = np.full((64, 96, 3), brightness, np.uint8)
        image[20:40, 30:60] = 250 - brightness
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return [[unit for unit in re.split(rb"\x00\x00\x00?\x01", bytes(packet)) if unit] for packet in packets]


class _Camera(socketserver.StreamRequestHandler):
    """As much of RTSP as a camera with one picture track over TCP needs."""

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while (request := self._request()) is not None:
                method, url, number = request
                body, more = b"", []
                if method == "OPTIONS":
                    more = ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"]
                elif method == "DESCRIBE":
                    body, more = self.server.description, ["Content-Type: application/sdp", f"Content-Base: {url}/"]
                elif method == "SETUP":
                    more = ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1"]
                elif method == "PLAY":
                    more = ["Session: 1", "RTP-Info: url=track;seq=0;rtptime=0"]
                lines = ["RTSP/1.0 200 OK", f"CSeq: {number}", *more, f"Content-Length: {len(body)}", "", ""]
                self.wfile.write("\r\n".join(lines).encode() + body)
                self.wfile.flush()
                if method == "PLAY":
                    self._play()
                if method in ("PLAY", "TEARDOWN"):
                    return

    def _request(self) -> tuple[str, str, str] | None:
        first = self.rfile.readline().decode().split()
        number = "0"
        while line := self.rfile.readline().strip().decode():
            name, _, value = line.partition(":")
            number = value.strip() if name.lower() == "cseq" else number
        return (first[0], first[1], number) if len(first) > 1 else None

    def _play(self) -> None:
        sequence = 0
        for number, units in enumerate(self.server.units):
            for place, unit in enumerate(units):
                last = 0x80 if place == len(units) - 1 else 0
                packet = struct.pack(">BBHII", 0x80, last | 96, sequence & 0xFFFF, number * 3600, 7) + unit
                self.wfile.write(b"$\0" + struct.pack(">H", len(packet)) + packet)
                sequence += 1
            self.wfile.flush()
            time.sleep(self.server.pause)
        if self.server.stays:
            self.server.over.wait(30)


class _CameraServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


@contextlib.contextmanager
def rtsp_camera(*, frames: int = 25, brightness: int = 100, stays: bool = False, pause: float = 0.01) -> Iterator[str]:
    """A camera of ``frames`` frames, 96 x 64, which then hangs up or, with ``stays``, sends nothing more; gives host and port."""
    units = _units(frames, brightness)
    parameters = ",".join(base64.b64encode(unit).decode() for unit in units[0] if unit[0] & 31 in (7, 8))
    description = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
        f"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={parameters}\r\na=control:track\r\n"
    )
    with _CameraServer(("127.0.0.1", 0), _Camera) as server:
        server.units, server.description, server.pause, server.stays = units, description.encode(), pause, stays
        server.over = threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
