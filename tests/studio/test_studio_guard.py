"""Who may ask: only the bound host, the same origin, and who has the token."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
from fastapi.testclient import TestClient
from served_studio import PORT, ROOT, TOKEN

COOKIE = f"aufait_token_{PORT}"


@pytest.fixture
def stranger(served: Any) -> TestClient:
    """Without a token."""
    return TestClient(served.client.app, base_url=ROOT, follow_redirects=False)


def code(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


def test_nothing_is_answered_without_the_token(stranger: TestClient) -> None:
    for path in ("/", "/api/recordings", "/api/openapi.json", "/api/docs", "/assets/x.js", "/api/updates", "/nothing"):
        answer = stranger.get(path)
        assert answer.status_code == 401 and code(answer) == "wrong_token", path
        assert TOKEN not in answer.text


def test_a_wrong_token_is_refused_wherever_it_stands(stranger: TestClient) -> None:
    wrong = "u" * len(TOKEN)
    assert stranger.get(f"/?token={wrong}").status_code == 401
    assert stranger.get("/api/recordings", headers={"Authorization": f"Bearer {wrong}"}).status_code == 401
    assert stranger.get("/api/recordings", headers={"Cookie": f"{COOKIE}={wrong}"}).status_code == 401
    assert stranger.get("/api/recordings", headers={"Authorization": f"Basic {TOKEN}"}).status_code == 401
    assert stranger.get(f"/api/recordings?token={TOKEN}").status_code == 401, "a token in an address of the API ends up in logs"
    assert stranger.get("/api/recordings", headers={"Authorization": b"Bearer \xff\xfe"}).status_code == 401


def test_the_token_in_the_address_becomes_a_cookie_that_scripts_cannot_read(stranger: TestClient) -> None:
    answer = stranger.get(f"/?token={TOKEN}")
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and cookie.startswith(f"{COOKIE}={TOKEN}")
    assert stranger.get("/api/recordings", headers={"Cookie": f"{COOKIE}={TOKEN}"}).status_code == 200


def test_browsers_get_a_page_with_the_reason(stranger: TestClient) -> None:
    answer = stranger.get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 401 and "aufait studio" in answer.text and answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:8766", "", "localhost", "[::1]:8765"]
)
def test_other_hosts_are_not_answered_even_with_the_token(served: Any, host: str) -> None:
    answer = served.client.get("/api/recordings", headers={"Host": host})
    assert answer.status_code == 421 and code(answer) == "wrong_host"


def test_this_machine_may_be_called_localhost(served: Any) -> None:
    assert served.client.get("/api/recordings", headers={"Host": f"localhost:{PORT}"}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"http://localhost:{PORT}", "http://127.0.0.1"])
def test_pages_of_other_origins_are_refused(served: Any, origin: str) -> None:
    answer = served.client.get("/api/recordings", headers={"Origin": origin})
    assert answer.status_code == 403 and code(answer) == "wrong_origin"
    assert "access-control-allow-origin" not in answer.headers


def test_the_own_origin_is_let_in(served: Any) -> None:
    assert served.client.get("/api/recordings", headers={"Origin": ROOT}).status_code == 200


def test_every_answer_carries_the_headers(served: Any, stranger: TestClient) -> None:
    answers = [stranger.get("/"), served.get("media"), served.get("nothing"), served.client.get("/api/about"), served.get("lanes")]
    answers += [served.client.get("/api/docs"), served.client.put("/api/recordings")]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert "'unsafe-eval'" not in policy and "http:" not in policy and "*" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers


def test_a_websocket_needs_the_token_too(served: Any) -> None:
    client = TestClient(served.client.app, base_url=ROOT)
    for address in ("/api/live", "/api/live?token=wrong"):
        with pytest.raises(Exception) as told, client.websocket_connect(f"ws://127.0.0.1:{PORT}{address}"):
            pass
        assert "AssertionError" not in type(told.value).__name__
        assert getattr(told.value, "status_code", 401) == 401 or getattr(told.value, "code", 0) == 1008


def test_a_fault_is_told_in_a_sentence_and_logged(served: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(served.studio.store, "recordings", broken)
    answer = served.client.get("/api/recordings")
    assert answer.status_code == 500 and code(answer) == "fault" and "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert any(record.exc_info and "secret detail" in str(record.exc_info[1]) for record in caplog.records)


def test_unknown_addresses_and_methods_answer_the_error_object(served: Any) -> None:
    assert code(served.client.get("/api/nothing")) == "not_found"
    assert code(served.client.get("/nothing.js")) == "not_found"
    assert code(served.client.put("/api/recordings")) == "wrong_method"
    assert code(served.client.get("/api/recordings/abcdefabcdef")) == "unknown_recording"
    assert code(served.client.get("/api/recordings/..%2f..%2fetc")) == "not_found"
    assert code(served.client.get("/api/recordings/%2e%2e")) in ("unknown_recording", "wrong_method", "not_found")


def test_bodies_are_limited_where_nothing_large_is_expected(served: Any) -> None:
    answer = served.client.put(f"{served.place}/markers", content=b" " * 9_000_000, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413 and code(answer) == "too_large"
    pieces = iter([b" " * 1_000_000] * 9)
    answer = served.client.put(f"{served.place}/markers", content=pieces, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413 and code(answer) == "too_large"


@pytest.mark.parametrize(
    ("bound", "host", "let_in"),
    [
        ("127.0.0.1", "127.0.0.1:80", True), ("127.0.0.1", "localhost", True), ("127.0.0.1", "example.org", False),
        ("127.0.0.1", "0.0.0.0", False), ("::1", "[::1]:80", True), ("::1", "[::1]", True), ("10.0.0.7", "10.0.0.7:80", True),
        ("10.0.0.7", "localhost:80", False), ("0.0.0.0", "192.168.1.2:80", True), ("0.0.0.0", "evil.example:80", False),
        ("0.0.0.0", "", False), ("0.0.0.0", "192.168.1.2:81", False),
    ],
)  # fmt: skip
def test_hosts_that_are_bound_are_let_in(bound: str, host: str, let_in: bool) -> None:
    from aufait.studio.guard import Guard
    from aufait.studio.settings import StudioSettings

    statuses: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        statuses.append(200)

    async def send(message: Any) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    import asyncio

    headers = [(b"host", host.encode()), (b"authorization", b"Bearer secret")]
    scope = {"type": "http", "method": "GET", "path": "/api/about", "query_string": b"", "headers": headers}
    asyncio.run(Guard(app, StudioSettings(host=bound, port=80, token="secret"))(scope, None, send))  # type: ignore[arg-type]
    assert statuses == [200 if let_in else 421]
