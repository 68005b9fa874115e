"""Cameras and addresses that the studio itself watches: pictures with scores, and coming back when they break off."""

from __future__ import annotations

import contextlib
import http.server
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import write_clip
from live_fakes import live_app
from network_cameras import http_server, rtsp_camera
from PIL import Image

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
from fastapi.testclient import TestClient


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(live_app()) as client:
        yield client


@contextlib.contextmanager
def source(client: TestClient, **asked: Any) -> Iterator[dict[str, str]]:
    """A source that is removed afterwards."""
    answer = client.post("/api/sources", json=asked)
    assert answer.status_code == 201, answer.text
    try:
        yield answer.json()
    finally:
        assert client.delete(f"/api/sources/{answer.json()['id']}").status_code == 204


@contextlib.contextmanager
def watched(client: TestClient, **asked: Any) -> Iterator[Any]:
    """A source and one who looks at it."""
    with source(client, **asked) as added, client.websocket_connect(f"/api/sources/{added['id']}") as socket:
        yield socket


def read(socket: Any) -> dict[str, Any]:
    """The next thing that a viewer is sent; a picture comes with its scores."""
    received = socket.receive()
    if received.get("bytes") is not None:
        with Image.open(io.BytesIO(received["bytes"])) as picture:
            assert picture.format == "JPEG"
            return {"picture": picture.size, **socket.receive_json()}
    import json

    return dict(json.loads(received["text"]))


def until(socket: Any, wanted: str, most: int = 500) -> list[dict[str, Any]]:
    """What comes until a state, which is the last."""
    got = []
    for _ in range(most):
        got.append(read(socket))
        if got[-1].get("state") == wanted:
            return got
    raise AssertionError(f"no state {wanted!r} in {most} messages")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4", 25).read_bytes()


def test_a_film_at_an_address_is_shown_at_its_own_pace_until_its_end(client: TestClient, film: bytes) -> None:
    with http_server({"film.mp4": film}) as server, source(client, url=f"http://{server.address}/film.mp4") as added:
        assert added["name"].endswith("/film.mp4")
        with client.websocket_connect(f"/api/sources/{added['id']}") as socket:
            start = time.monotonic()
            got = until(socket, "ended")
            took = time.monotonic() - start
        states = [one["state"] for one in got if one["type"] == "state"]
        assert states[-2:] == ["running", "ended"]
        assert got[0]["action_units"] == [1, 12]
        scores = [one for one in got if one["type"] == "scores"]
        assert len(scores) > 5
        assert all(one["picture"] == (96, 64) and one["size"] == [96, 64] and one["faces"] for one in scores)
        times = [one["time"] for one in scores]
        assert times == sorted(times)
        assert times[-1] - times[0] == pytest.approx(0.96, abs=0.3)  # 25 frames at 25 a second
        assert took > 0.5
        assert client.get("/api/sources").json()["sources"][0]["state"] == "ended"


def test_a_camera_that_hangs_up_is_called_again_and_its_time_goes_on(client: TestClient) -> None:
    with rtsp_camera(frames=60, pause=0.02) as address, source(client, url=f"rtsp://user:secret@{address}/live") as added:
        assert "secret" not in str(added)
        with client.websocket_connect(f"/api/sources/{added['id']}") as socket:
            first = until(socket, "broken")
            again = until(socket, "running")
            more = until(socket, "broken")
        assert "Next try in 1 s" in first[-1]["message"]
        assert "secret" not in str([*first, *again, *more])
        assert [one["state"] for one in again if one["type"] == "state"] == ["connecting", "running"]
        scored = [[one["time"] for one in some if one["type"] == "scores"] for some in (first, more)]
        assert all(scored), "both connections gave scores; how many, the machine decides"
        times = [*scored[0], *scored[1]]
        assert all(late > early for early, late in zip(times, times[1:], strict=False))


class _Breaking(http.server.BaseHTTPRequestHandler):
    """Sends half of a film and hangs up as often as ``server.breaks`` says, then the whole."""

    def do_GET(self) -> None:
        film, half = self.server.film, self.server.breaks > 0
        self.server.breaks -= 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(film)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(film[: len(film) // 2] if half else film)

    def log_message(self, *_: object) -> None:
        pass


def test_a_film_that_breaks_off_is_asked_for_again(client: TestClient, tmp_path: Path) -> None:
    film = write_clip(tmp_path / "film.mkv", 100).read_bytes()  # readable from its beginning, without its end
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Breaking) as server:
        server.film, server.breaks, server.daemon_threads = film, 1, True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            with watched(client, url=f"http://127.0.0.1:{server.server_port}/film.mkv") as socket:
                broken = until(socket, "broken")
                back = until(socket, "running")
        finally:
            server.shutdown()
    assert broken[-1]["message"].endswith("Next try in 1 s.")
    assert back[-1]["state"] == "running"


def test_an_address_where_nobody_answers_is_tried_with_growing_pauses(client: TestClient) -> None:
    with http_server({}) as server:
        gone = server.address
    with watched(client, url=f"http://{gone}/camera.mjpg") as socket:
        pauses = [until(socket, "broken")[-1]["message"].rpartition("Next try in ")[2] for _ in range(2)]
    assert pauses == ["1 s.", "2 s."]


def test_a_camera_that_is_not_there_says_so(client: TestClient) -> None:
    with source(client, camera=42) as added:
        assert added["name"] == "camera 42"
        with client.websocket_connect(f"/api/sources/{added['id']}") as socket:
            assert "camera 42" in until(socket, "broken")[-1]["message"].lower()


def test_viewers_of_one_source_see_the_same_and_leave_without_harm(client: TestClient) -> None:
    with rtsp_camera(frames=200, pause=0.02) as address, source(client, url=f"rtsp://{address}/live") as added:
        place = f"/api/sources/{added['id']}"
        with client.websocket_connect(place) as one:
            until(one, "running")
            with client.websocket_connect(place) as other:
                assert read(other)["state"] == "running"
                assert read(other)["type"] == "scores"
            assert read(one)["type"] == "scores"


@pytest.mark.parametrize(
    "asked",
    [{}, {"url": "rtsp://a", "camera": 0}, {"camera": -1}, {"camera": True}, {"camera": "0"}, {"url": 5},
     {"url": "/etc/passwd"}, {"url": "file:///etc/passwd"}, {"url": "concat://a|b"}, {"url": "rtsp://"}],
)  # fmt: skip
def test_what_is_no_source_is_refused_with_a_sentence(client: TestClient, asked: dict[str, Any]) -> None:
    answer = client.post("/api/sources", json=asked)
    assert answer.status_code == 422
    assert len(answer.json()["error"]["message"]) > 20
    assert client.get("/api/sources").json() == {"sources": []}


def test_a_source_that_does_not_exist_is_told(client: TestClient) -> None:
    assert client.delete("/api/sources/0123").json()["error"]["code"] == "unknown_source"
    with client.websocket_connect("/api/sources/0123") as socket:
        assert socket.receive_json()["error"]["code"] == "unknown_source"
        assert socket.receive()["code"] == 1008


def test_sources_count_as_live_videos_and_free_their_place(client: TestClient) -> None:
    with source(client, camera=42), source(client, camera=43):
        answer = client.post("/api/sources", json={"camera": 44})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    with client.websocket_connect("/api/live") as socket:
        assert socket.receive_json()["type"] == "ready"
