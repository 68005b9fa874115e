"""The page without a server, written once for all tests, served by files alone and driven in Chromium.

Everything is skipped with the reason where Chromium, the built page or the packages of the extra ``export`` are absent.
"""

from __future__ import annotations

import csv
import functools
import http.server
import io
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aufait.errors import MissingModelError
from aufait.studio.static_page import MODELS_FILE, built_page, write_static_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

OPENED = 120_000
"""Milliseconds that the page may take to load its networks, or to look at a picture, on a busy machine."""
_WRITTEN = 600.0  # seconds that another worker may take to write the page


def write_once(factory: pytest.TempPathFactory) -> Path:
    """The folder of the page; workers of one run share it, as exporting the networks takes half a minute."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    try:
        built_page()
    except MissingModelError as error:
        pytest.skip(str(error))
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return write_static_page(factory.mktemp("static") / "page").folder
    folder = factory.getbasetemp().parent / "static-page"
    try:
        (folder.parent / "static-page-claim").mkdir()
    except FileExistsError:
        end = time.monotonic() + _WRITTEN
        while not (folder / MODELS_FILE).is_file():
            if time.monotonic() > end:
                raise AssertionError("the worker that writes the page has not finished") from None
            time.sleep(0.5)
        return folder
    return write_static_page(folder).folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The folder, handed out as files; the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class StaticPage:
    """An opened page; ``problems`` are what its console says and throws, ``asked`` the addresses that it asked for."""

    page: Page
    address: str
    problems: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self) -> StaticPage:
        """Load it and wait for the networks."""
        self.page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(self.address)
        self.page.get_by_role("button", name="Open a photo or a video").wait_for(timeout=OPENED)
        return self

    def analyse(self, file: Path) -> list[dict[str, str]]:
        """Open a file, wait for the end and save the table: its rows."""
        self.page.set_input_files("input[type=file]", str(file))
        self.page.locator("[data-state=done]", has_text=f"{file.name}:").wait_for(timeout=OPENED)
        return self.table()

    def table(self) -> list[dict[str, str]]:
        """The rows of the table that the page saves."""
        return list(csv.DictReader(io.StringIO(self.table_text())))

    def table_text(self) -> str:
        with self.page.expect_download() as saved:
            self.page.get_by_role("button", name="Save the table").click()
        return Path(saved.value.path()).read_text(encoding="utf-8")

    def elsewhere(self) -> list[str]:
        """What it asked of anything but its own files."""
        own = (self.address, f"blob:{self.address}", "data:")
        return [url for url in self.asked if not url.startswith(own)]
