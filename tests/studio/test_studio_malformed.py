"""Whatever is sent, the answer is a sentence: no traceback, no path outside, nothing changed."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
import httpx
from odd_requests import odd_requests
from served_studio import TOKEN

_MAY_FAIL = (501, 503, 507)


def files(folder: Path) -> set[str]:
    """Every file and folder, but for what SQLite and drawings come and go with."""
    paths = [path.relative_to(folder) for path in folder.rglob("*")]
    return {str(path) for path in paths if "sqlite-" not in path.name and "drawings" not in path.parts}


def check(answer: Any, request: Any) -> None:
    """It is a sentence, or what was asked for."""
    text = answer.content[:20_000]
    assert answer.status_code < 500 or answer.status_code in _MAY_FAIL, (request, answer.text[:500])
    assert b"Traceback" not in text and b'File "' not in text and b"root:x:" not in text, request
    assert answer.headers["x-content-type-options"] == "nosniff", request
    if answer.status_code >= 400 and request.method != "HEAD":
        error = answer.json()["error"]
        assert error["code"].replace("_", "").isalpha() and len(error["message"]) > 10, request


def ask_all(served: Any, seed: int, count: int) -> dict[int, int]:
    """How many answers had which status."""
    statuses: dict[int, int] = {}
    for request in odd_requests(seed, count, served.recording["id"]):
        try:
            answer = served.client.request(
                request.method, request.path, headers=request.headers, content=request.body, follow_redirects=False
            )
        except httpx.InvalidURL:  # which the client itself refuses
            continue
        check(answer, request)
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
    return statuses


def ask_and_compare(served: Any, seed: int, count: int, caplog: pytest.LogCaptureFixture) -> None:
    folder = served.studio.folder.parent
    before, told = files(folder), served.client.get(served.place).json()
    with caplog.at_level(logging.ERROR):
        statuses = ask_all(served, seed, count)
    assert sum(statuses.values()) > 0.95 * count and len(statuses) >= 6, statuses
    assert not [record for record in caplog.records if record.exc_info], statuses
    assert files(folder) == before
    assert served.client.get(served.place).json() == told
    for one in served.client.get("/api/sources").json().get("sources", []):
        served.client.delete(f"/api/sources/{one['id']}")


def test_a_thousand_odd_requests_are_answered_with_sentences(served: Any, caplog: pytest.LogCaptureFixture) -> None:
    ask_and_compare(served, 1, 1000, caplog)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 11))
def test_nine_thousand_more_are_too(served: Any, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    ask_and_compare(served, seed, 1000, caplog)


@contextmanager
def listening(studio: Any) -> Iterator[int]:
    """The app behind a real server; gives its port."""
    import uvicorn

    from aufait.studio.app import create_app

    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(studio), log_level="critical", access_log=False, server_header=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()


_RAW = (
    b"GET / HTTP/1.1\r\n\r\n", b"GET /../../etc/passwd HTTP/1.1\r\nHost: {host}\r\n{token}\r\n\r\n", b"\0\0\0\0",
    b"\x16\x03\x01\x02",
    b"GET /api/recordings HTTP/1.1\r\nHost: {host}\r\nHost: evil\r\n{token}\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n",
    b"POST /api/recordings HTTP/1.1\r\nHost: {host}\r\n{token}\r\nContent-Length: -5\r\n\r\n",
    b"POST /api/recordings HTTP/1.1\r\nHost: {host}\r\n{token}\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /api/recordings HTTP/1.1\r\nHost: {host}\r\n{token}\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
    b"GET /api/recordings/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\nHost: {host}\r\n{token}\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n{token}\r\n\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: {host}\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: {host}\r\nX\0Y: 1\r\n\r\n",
)  # fmt: skip


def test_bytes_that_are_no_requests_do_no_harm(served: Any) -> None:
    from dataclasses import replace

    old = served.studio.settings
    with listening(served.studio) as port:
        served.studio.settings = replace(old, port=port)
        try:
            host, token = f"127.0.0.1:{port}".encode(), f"Authorization: Bearer {TOKEN}".encode()
            for raw in _RAW:
                with socket.create_connection(("127.0.0.1", port), 10) as line:
                    line.settimeout(10)
                    answer = b""
                    try:
                        line.sendall(raw.replace(b"{host}", host).replace(b"{token}", token))
                        line.shutdown(socket.SHUT_WR)
                        while piece := line.recv(65_536):
                            answer += piece
                    except OSError:
                        pass  # hanging up is an answer too
                assert b"Traceback" not in answer and b"root:x:" not in answer and b" 200 " not in answer[:20], raw[:60]
        finally:
            served.studio.settings = old
    assert served.client.get("/api/recordings").status_code == 200
