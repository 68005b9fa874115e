"""A studio, a browser and rendered clips for the tests of the studio's pages.

The tests are skipped with the reason where Chromium or the built pages are absent.
"""

from __future__ import annotations

import contextlib
import json
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import av
import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_STARTED = 120  # seconds that a studio, or an analysis, may take on a busy machine
_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def chromium_path() -> str:
    """The system's Chromium; skips where there is none, or nothing that drives it, or no page to show."""
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("there is no Chromium; on Debian: apt-get install chromium")
    if not (resources.files("aufait.studio") / "pages" / "studio" / "index.html").is_file():
        pytest.skip("the studio's page is not built; `make web` builds it where Node.js is")
    return found


_drivers: list[Any] = []  # one at a time: Playwright refuses to be started twice in a thread


@contextlib.contextmanager
def _driver() -> Iterator[Any]:
    if _drivers:
        yield _drivers[0]
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        _drivers.append(playwright)
        try:
            yield playwright
        finally:
            _drivers.clear()


@contextlib.contextmanager
def browser(*, camera: Path | None = None, flags: tuple[str, ...] = ()) -> Iterator[Browser]:
    """A Chromium without a window; with ``camera``, an MJPEG file, it has a camera that shows it again and again."""
    path = chromium_path()
    own = (*_CAMERA, f"--use-file-for-fake-video-capture={camera}") if camera else ()
    with _driver() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *own, *flags])
        try:
            yield started
        finally:
            started.close()


def wait_until(page: Page, expression: str, given: Any = None, *, seconds: float = 60) -> None:
    """Wait until a function of the page is true; Playwright's own waiting is stopped by the page's security policy."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression, given):
        assert time.monotonic() < end, f"after {seconds:.0f} s still not: {expression}"
        page.wait_for_timeout(100)


@dataclass(frozen=True)
class RunningStudio:
    """``address`` is what the studio printed, with its token."""

    address: str

    @property
    def root(self) -> str:
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.address).query)["token"][0]

    def ask(self, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        """JSON of an address; with a body, of what is answered to it."""
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Content-Type": kind} if body is not None else {})
        with urllib.request.urlopen(urllib.request.Request(self.root + path, body, headers), timeout=60) as answer:
            return json.load(answer)

    def upload(self, file: Path) -> str:
        """Send a file and wait until it is analysed; its id."""
        mark = "----of-the-tests"
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'
        body = head.encode() + file.read_bytes() + f"\r\n--{mark}--\r\n".encode()
        number = self.ask("/api/recordings", body, f"multipart/form-data; boundary={mark}")["id"]
        end = time.monotonic() + _STARTED
        while (found := self.ask(f"/api/recordings/{number}"))["state"] in ("waiting", "running"):
            if time.monotonic() > end:
                raise AssertionError(f"{file.name} is still not analysed: {found['progress']}")
            time.sleep(0.2)
        assert found["state"] == "done", found["problem"]
        return str(number)


@contextlib.contextmanager
def running_studio(folder: Path, *options: str) -> Iterator[RunningStudio]:
    """``aufait studio`` in a process of its own, ended at the end."""
    chromium_path()  # skips before anything is started
    command = [sys.executable, "-m", "aufait", "studio", str(folder), "--no-browser", "--finder", "builtin", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said: list[str] = []
    address: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in process.stdout or ():
            said.append(line)
            if (found := re.search(r"http://\S+token=\S+", line)) and address.empty():
                address.put(found[0])

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield RunningStudio(address.get(timeout=_STARTED))
    except queue.Empty:
        raise AssertionError("the studio printed no address: " + "".join(said)) from None
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def demo_frames(count: int, *, one_face: bool = False, start: int = 0) -> list[np.ndarray]:
    """(480, W, 3) uint8 frames of the rendered clip that ships: two faces, 960 pixels wide, or the left one, 640 pixels wide."""
    with resources.as_file(resources.files("aufait") / "assets" / "demo.mp4") as path, av.open(str(path)) as container:
        frames = [
            frame.to_ndarray(format="rgb24") for _, frame in zip(range(start + count), container.decode(video=0), strict=False)
        ]
    frames = frames[start:]
    return [np.pad(frame[:, :480], ((0, 0), (80, 80), (0, 0)), mode="edge") for frame in frames] if one_face else frames


def write_clip(path: Path, frames: list[np.ndarray], codec: str = "libx264", rate: int = 25) -> Path:
    """A video of these frames; a name that ends with .mjpeg is a camera for ``browser``."""
    raw = path.suffix == ".mjpeg"
    with av.open(str(path), "w", format="mjpeg" if raw else None) as container:
        stream = container.add_stream("mjpeg" if raw else codec, Fraction(rate))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if raw else "yuv420p"
        stream.options = {"q:v": "4"} if raw else {"threads": "1"}  # encoders with several threads write other bytes now and then
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path
