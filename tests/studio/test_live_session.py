"""Live sessions over a WebSocket, with the processes that analyse; their networks are substitutes."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from live_fakes import BREAKS_AT, DIES_AT, HARD_AT, SLOW_AT, live_app, message, picture

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
from fastapi.testclient import TestClient


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(live_app()) as client:
        yield client


def test_frames_are_answered_one_by_one(client: TestClient) -> None:
    with client.websocket_connect("/api/live") as socket:
        ready = socket.receive_json()
        assert ready["type"] == "ready"
        assert ready["action_units"] == [1, 12]
        assert (ready["finder"], ready["model"], ready["kind"]) == ("fake", "fake-model", "intensity")
        for number in range(3):
            socket.send_bytes(message(5000.0 + 40 * number))
            scores = socket.receive_json()
            assert (scores["type"], scores["sent"]) == ("scores", 5000.0 + 40 * number)
            assert scores["time"] == pytest.approx(0.04 * number)
            assert scores["server_ms"] > 0
            assert scores["dropped"] == 0
            assert len(scores["faces"]) == 1


def test_a_second_session_begins_its_own_video_in_the_same_process(client: TestClient) -> None:
    pids = []
    for _ in range(2):
        with client.websocket_connect("/api/live") as socket:
            socket.receive_json()
            (worker,) = client.app.state.pool._used  # type: ignore[attr-defined]
            pids.append(worker._process.pid)
            socket.send_bytes(message(100.0))
            scores = socket.receive_json()
            assert scores["time"] == 0.0
            assert scores["faces"][0]["face"] == 7  # as the substitute numbers it
    assert pids[0] == pids[1]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"short", "bad_frame"),
        (message(10.0, b"no picture at all"), "bad_frame"),
        (message(10.0, picture(form="JPEG")[:200]), "bad_input"),
        (message(10.0, bytes(5_000_000)), "too_large"),
        (message(float("nan")), "bad_frame"),
    ],
)
def test_a_broken_frame_is_answered_and_the_session_goes_on(client: TestClient, bad: bytes, code: str) -> None:
    with client.websocket_connect("/api/live") as socket:
        socket.receive_json()
        socket.send_bytes(message(1.0))
        assert socket.receive_json()["type"] == "scores"
        socket.send_bytes(bad)
        answer = socket.receive_json()
        assert (answer["type"], answer["error"]["code"]) == ("error", code)
        assert answer["error"]["message"].endswith((".", "editor"))
        socket.send_bytes(message(50.0))
        assert socket.receive_json()["type"] == "scores"


def test_text_in_place_of_a_frame_is_answered(client: TestClient) -> None:
    with client.websocket_connect("/api/live") as socket:
        socket.receive_json()
        socket.send_text("hello")
        assert "binary" in socket.receive_json()["error"]["message"]


def test_a_time_that_went_back_is_answered_with_the_frame_it_is_about(client: TestClient) -> None:
    with client.websocket_connect("/api/live") as socket:
        socket.receive_json()
        socket.send_bytes(message(100.0))
        socket.receive_json()
        socket.send_bytes(message(90.0))
        answer = socket.receive_json()
        assert (answer["type"], answer["sent"]) == ("error", 90.0)


def test_two_frames_are_under_way_and_of_those_that_come_meanwhile_the_newest_waits(client: TestClient) -> None:
    with client.websocket_connect("/api/live") as socket:
        assert socket.receive_json()["in_flight"] == 2
        socket.send_bytes(message(0.0, picture(SLOW_AT)))
        for number in range(1, 11):
            socket.send_bytes(message(float(number)))
        answers = [socket.receive_json() for _ in range(3)]
        assert [one["sent"] for one in answers] == [0.0, 1.0, 10.0]
        assert answers[-1]["dropped"] == 8


def test_the_faces_of_a_frame_are_found_while_the_one_before_is_scored(client: TestClient) -> None:
    def seconds(frames: int) -> float:
        with client.websocket_connect("/api/live") as socket:
            most = min(frames, socket.receive_json()["in_flight"])
            start = time.perf_counter()
            for number in range(8 + most):
                if number >= most:
                    assert socket.receive_json()["sent"] == 40.0 * (number - most)
                if number < 8:
                    socket.send_bytes(message(40.0 * number, picture(HARD_AT)))
            return time.perf_counter() - start

    in_turn = seconds(1)
    assert in_turn > 8 * 0.2, "a tenth of a second in which faces are found, another in which they are scored"
    assert seconds(2) < 0.85 * in_turn


def test_a_broken_frame_among_others_is_answered_in_its_place(client: TestClient) -> None:
    broken = picture(form="JPEG")[:200]
    with client.websocket_connect("/api/live") as socket:
        socket.receive_json()
        for number, content in enumerate((picture(SLOW_AT), broken)):
            socket.send_bytes(message(40.0 * number, content))
        answers = [socket.receive_json()]
        for number, content in enumerate((b"no picture", picture(), broken, picture()), 2):
            socket.send_bytes(message(40.0 * number, content))
            answers.append(socket.receive_json())
        answers.append(socket.receive_json())
    kinds = ["scores", "error", "error", "scores", "error", "scores"]
    assert [(one["type"], one["sent"]) for one in answers] == [(kind, 40.0 * number) for number, kind in enumerate(kinds)]


def test_more_sessions_than_the_machine_bears_are_refused_with_a_sentence(client: TestClient) -> None:
    with client.websocket_connect("/api/live") as one, client.websocket_connect("/api/live") as other:
        assert one.receive_json()["type"] == other.receive_json()["type"] == "ready"
        with client.websocket_connect("/api/live") as third:
            answer = third.receive_json()
            assert (answer["type"], answer["error"]["code"]) == ("error", "busy")
            assert "end one of them" in answer["error"]["message"]
            assert third.receive()["code"] == 1013
        one.send_bytes(message(1.0))
        assert one.receive_json()["type"] == "scores"
    with client.websocket_connect("/api/live") as again:
        assert again.receive_json()["type"] == "ready"


def test_a_finder_that_does_not_exist_is_refused_with_a_sentence(client: TestClient) -> None:
    with client.websocket_connect("/api/live?finder=none") as socket:
        answer = socket.receive_json()
        assert (answer["type"], answer["error"]["code"]) == ("error", "bad_input")
        assert "none" in answer["error"]["message"]
        assert socket.receive()["code"] == 1008


@pytest.mark.parametrize("brightness", [DIES_AT, BREAKS_AT])
def test_a_process_that_dies_ends_the_session_with_a_sentence_and_the_next_works(client: TestClient, brightness: int) -> None:
    with client.websocket_connect("/api/live") as socket:
        socket.receive_json()
        socket.send_bytes(message(1.0, picture(brightness)))
        answer = socket.receive_json()
        assert answer["error"]["code"] == "worker_gone"
        assert "connect again" in answer["error"]["message"]
        assert socket.receive()["code"] == 1011
    with client.websocket_connect("/api/live") as socket:
        assert socket.receive_json()["type"] == "ready"


def test_the_event_loop_is_free_while_a_frame_is_analysed(client: TestClient) -> None:
    with client.websocket_connect("/api/live") as socket:
        socket.receive_json()
        socket.send_bytes(message(1.0, picture(SLOW_AT)))
        start = time.perf_counter()
        assert client.get("/api/sources").json() == {"sources": []}
        assert time.perf_counter() - start < 0.4
        assert socket.receive_json()["type"] == "scores"


def test_a_client_that_leaves_in_the_middle_frees_its_place(client: TestClient) -> None:
    for _ in range(4):
        with client.websocket_connect("/api/live") as socket:
            socket.receive_json()
            socket.send_bytes(message(1.0, picture(SLOW_AT)))
    _until(lambda: not client.app.state.pool._used)  # type: ignore[attr-defined]


def test_a_page_that_is_loaded_again_finds_its_process_warm(client: TestClient) -> None:
    _until(lambda: not client.app.state.pool._used)  # type: ignore[attr-defined]
    pids = set()
    for _ in range(5):
        with client.websocket_connect("/api/live") as socket:
            socket.receive_json()
            pids |= {worker._process.pid for worker in client.app.state.pool._used}  # type: ignore[attr-defined]
            socket.send_bytes(message(1.0))  # it leaves before the answer
    assert len(pids) == 1


def test_a_silent_client_is_sent_away(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from aufait.studio.live import session

    monkeypatch.setattr(session, "IDLE_SECONDS", 0.2)
    with client.websocket_connect("/api/live") as socket:
        socket.receive_json()
        assert socket.receive_json()["error"]["code"] == "idle"
        assert socket.receive()["code"] == 1001


def test_processes_end_with_the_app() -> None:
    with TestClient(live_app()) as client:
        with client.websocket_connect("/api/live") as socket:
            socket.receive_json()
            (worker,) = client.app.state.pool._used  # type: ignore[attr-defined]
        pid = worker._process.pid
        os.kill(pid, 0)  # is there
    _until(lambda: not _runs(pid))


def test_ctrl_c_is_left_to_the_server(client: TestClient) -> None:
    with client.websocket_connect("/api/live") as socket:
        socket.receive_json()
        (worker,) = client.app.state.pool._used  # type: ignore[attr-defined]
        os.kill(worker._process.pid, signal.SIGINT)
        socket.send_bytes(message(1.0))
        assert socket.receive_json()["type"] == "scores"


def test_answers_are_plain_json(client: TestClient) -> None:
    with client.websocket_connect("/api/live") as socket:
        socket.receive_json()
        socket.send_bytes(message(1.0))
        text = socket.receive_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _until(what: Any, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)
