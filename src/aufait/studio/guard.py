"""Who may ask: the bound host, the same origin, the token. One layer before all routes, for HTTP and WebSocket alike.

The page gets the token once, in the URL that the command prints, and a cookie for it; programs send it as a bearer.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from aufait.studio.errors import StudioError

if TYPE_CHECKING:
    from aufait.studio.settings import StudioSettings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
HEADERS = {
    "content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
    "x-frame-options": "DENY", "cross-origin-resource-policy": "same-origin", "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store", "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}  # fmt: skip
"""Of every answer; a route may set its own ``cache-control``."""

SMALL_BODY = 8_000_000
"""Bytes of a request that is no upload."""

_NO_TOKEN = "Open the address that `aufait studio` printed, with its token; programs send it as 'Authorization: Bearer TOKEN'."
_PLAIN = {416: "This range of bytes is outside the file.", 400: "The request cannot be read; look at its headers."}
_EVERYWHERE = ("0.0.0.0", "::", "")


class Guard:
    """The layer: an ASGI app around another one."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], settings: StudioSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers itself, or lets the app answer."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            headers = _headers(scope)
            self._check_host(headers)
            if scope["type"] == "http" and scope["path"] == "/" and await self._welcome(scope, headers, send):
                return
            self._check_token(scope, headers)
            limited = _limited(scope, headers, receive, self._settings.max_upload)
        except StudioError as error:
            await _refuse(scope, send, error)
            return
        await self._app(scope, limited, with_headers(send))

    def _check_host(self, headers: dict[str, str]) -> None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise StudioError(421, f"This studio does not answer for the host {host[:80]!r}; open the address that it printed.")
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            raise StudioError(403, "Pages of other origins may not use this studio.", "wrong_origin")

    def _is_ours(self, host: str) -> bool:
        settings = self._settings
        name, colon, port = host.rpartition(":")
        if not colon or host.endswith("]"):
            name, port = host, "80"
        if port != str(settings.port):
            return False
        name = name.strip("[]").lower()
        if settings.host not in _EVERYWHERE:
            return name in {settings.host.lower(), *(["localhost", "127.0.0.1"] if _is_loopback(settings.host) else [])}
        return name in {"localhost", socket.gethostname().lower(), socket.getfqdn().lower()} or _is_address(name)

    async def _welcome(self, scope: Scope, headers: dict[str, str], send: Send) -> bool:
        """Give the browser that brings the token in its URL a cookie; whether that was the answer."""
        given = _query(scope).get("token")
        if given is None:
            return False
        if not _same(given, self._settings.token):
            raise StudioError(401, f"This token is not the one of the studio that runs now. {_NO_TOKEN}")
        cookie = f"{cookie_name(self._settings)}={self._settings.token}; Path=/; HttpOnly; SameSite=Strict"
        await _answer(send, 303, b"", {"location": "/", "set-cookie": cookie})
        return True

    def _check_token(self, scope: Scope, headers: dict[str, str]) -> None:
        given = [_cookie(headers.get("cookie", ""), cookie_name(self._settings))]
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            given.append(bearer.strip())
        if scope["type"] == "websocket":
            given.append(_query(scope).get("token"))
        if not any(one is not None and _same(one, self._settings.token) for one in given):
            raise StudioError(401, _NO_TOKEN)


def cookie_name(settings: StudioSettings) -> str:
    """Cookies do not tell ports apart: two studios of one machine need two names."""
    return f"aufait_token_{settings.port}"


def with_headers(send: Send) -> Send:
    """Adds the headers to an answer."""

    replaced: StudioError | None = None

    async def sending(message: MutableMapping[str, Any]) -> None:
        nonlocal replaced
        if message["type"] == "http.response.start":
            there = {name.lower(): value for name, value in message.get("headers", [])}
            more = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in there]
            message = {**message, "headers": [*message.get("headers", []), *more]}
            if message["status"] >= 400 and there.get(b"content-type", b"").partition(b";")[0] in (b"", b"text/plain"):
                replaced = StudioError(message["status"], _PLAIN.get(message["status"], "This request cannot be answered."))
                return
        if replaced is not None:  # the libraries' own words on ranges and the like
            if message["type"] == "http.response.body" and not message.get("more_body"):
                await _answer(send, replaced.status, json.dumps(replaced.body).encode(), {"content-type": "application/json"})
            return
        await send(message)

    return sending


def _limited(scope: Scope, headers: dict[str, str], receive: Receive, max_upload: int) -> Receive:
    """A body no longer than it may be.

    Raises:
        StudioError: 413 at once, where the length is told.
    """
    if scope["type"] != "http":
        return receive
    upload = scope["method"] == "POST" and scope["path"] == "/api/recordings"
    limit = max_upload + 100_000 if upload else SMALL_BODY
    told = headers.get("content-length", "0")
    if not told.isdigit() or len(told) > 18:
        raise StudioError(400, "The length of the request is not a number.")
    if int(told) > limit:
        raise too_large(limit)
    count = 0

    async def receiving() -> MutableMapping[str, Any]:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > limit:
            raise too_large(limit)
        return message

    return receiving


def too_large(limit: int) -> StudioError:
    """The answer to a body that is too long."""
    return StudioError(413, f"That is larger than the {size_text(limit)} that are taken; `aufait studio --max-upload` allows more.")


def size_text(size: int) -> str:
    """Bytes for people."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= step:
            return f"{size / step:.3g} {unit}"
    return f"{size} bytes"


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in ("host", "origin", "authorization", "content-length") and key in found:
            raise StudioError(400, f"The request has two headers {key}.")
        found[key] = f"{found[key]}; {value.decode('latin-1')}" if key in found else value.decode("latin-1")
    return found


def _query(scope: Scope) -> dict[str, str]:
    try:
        return {name: values[0] for name, values in parse_qs(scope.get("query_string", b"").decode("latin-1")).items()}
    except ValueError:
        raise StudioError(400, "The query of this address cannot be read.") from None


def _cookie(header: str, name: str) -> str | None:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return None if found is None else found.value


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


async def _refuse(scope: Scope, send: Send, error: StudioError) -> None:
    body, headers = json.dumps(error.body).encode(), {"content-type": "application/json"}
    if scope["type"] == "websocket":
        if "websocket.http.response" in scope.get("extensions", {}):
            await _answer(send, error.status, body, headers, "websocket.http.response")
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": error.code})
        return
    if "text/html" in _accepted(scope):
        body, headers = _page(error).encode(), {"content-type": "text/html; charset=utf-8"}
    await _answer(send, error.status, body, headers)


def _accepted(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"accept"), "")


def _page(error: StudioError) -> str:
    from html import escape

    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>aufait studio</title><meta name="viewport" '
        f'content="width=device-width"><body style="font-family: sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em">'
        f"<h1>aufait studio</h1><p>{escape(error.message)}</p></body></html>"
    )


async def _answer(send: Send, status: int, body: bytes, headers: dict[str, str], prefix: str = "http.response") -> None:
    told = {**HEADERS, **headers, "content-length": str(len(body))}
    lines = [(name.encode(), value.encode("latin-1")) for name, value in told.items()]
    await send({"type": f"{prefix}.start", "status": status, "headers": lines})
    await send({"type": f"{prefix}.body", "body": body})
