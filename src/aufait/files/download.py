"""The one place that opens a network connection. Nothing calls it unless a user asked for a file by name."""

from __future__ import annotations

import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from aufait.errors import MissingModelError
from aufait.files.atomic import whole_file

_REACH_SECONDS = 4.0
_ANSWER_SECONDS = 60.0
_CHUNK = 1 << 18


def download(url: str, target: Path, *, progress: Callable[[int, int | None], None] | None = None) -> Path:
    """Fetch an https address into a file; it has its name only when it is whole.

    Args:
        url: address of the file.
        target: file to write; folders are made.
        progress: called with the bytes so far and, if the server states it, the bytes of the whole.

    Raises:
        MissingModelError: no connection (said within seconds), or one that broke off; nothing is kept.
    """
    with whole_file(target) as part:
        try:
            _fetch(url, part, progress)
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            raise MissingModelError(f"could not download {url}: {error}") from error
    return target


def _fetch(url: str, part: Path, progress: Callable[[int, int | None], None] | None) -> None:
    _reach(url)
    with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer, part.open("wb") as file:
        size = int(answer.headers.get("Content-Length") or 0) or None
        done = 0
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
            done += len(chunk)
            if progress:
                progress(done, size)
    if size is not None and done != size:
        raise OSError(f"the connection broke off after {done} of {size} bytes")


def _reach(url: str) -> None:
    """Fails soon where there is no network: the server may take long to answer, but not to take the call."""
    address = urlsplit(url)
    host = address.hostname or ""
    if address.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return
    socket.create_connection((host, address.port or 443), timeout=_REACH_SECONDS).close()
