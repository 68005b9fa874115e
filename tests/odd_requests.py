"""Requests that nobody should send: random methods, paths, numbers, headers and bodies, from a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

_PATHS = (
    "", "/media", "/thumbnail", "/frame", "/lanes", "/faces", "/events", "/events/{n}", "/markers", "/markers/file", "/strip",
    "/why", "/summary", "/plots/timeline", "/plots/{n}", "/export", "/cancel", "/again", "/nothing", "/../about",
)  # fmt: skip
_TOP = (
    "/api/about", "/api/recordings", "/api/updates/x", "/api/compare", "/api/sources", "/api/live", "/api/openapi.json", "/api",
    "/", "/index.html", "/assets/{n}", "/{n}",
)  # fmt: skip
_NAMES = (
    "time", "face", "width", "start", "end", "points", "units", "unit", "format", "count", "first", "second", "kind", "first_face",
    "second_face", "offset", "token", "finder", "model", "x",
)  # fmt: skip
_VALUES = (
    "", "0", "-1", "1e999", "nan", "inf", "-inf", "1" * 400, "9" * 25, "0x10", "1_000", "٣", "6,12", "6,,12", "null", "true", "[]",
    "{}", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "\x00", "\r\nX: y", "' OR 1=1 --", "<script>", "😀", "\ud800",
    "a" * 5000, "file:///etc/passwd", "http://127.0.0.1:1/", "rtsp://127.0.0.1:1/x", "/dev/zero", "csv", "elan", "timeline",
    "agreement", "1.5",
)  # fmt: skip
_KINDS = ("application/json", "multipart/form-data; boundary=b", "multipart/form-data", "text/plain", "application/xml", "", "\xff")
_KEYS = (
    "face", "unit", "onset", "offset", "status", "level", "note", "name", "path", "url", "camera", "markers", "start", "end",
    "label",
)  # fmt: skip
_METHODS = ("GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW")
_CHANGES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass
class OddRequest:
    """One request."""

    method: str
    path: str
    headers: dict[str, bytes] = field(default_factory=dict)
    body: bytes = b""


def odd_requests(seed: int, count: int, identity: str) -> Iterator[OddRequest]:
    """So many requests; those that change something never name ``identity``, a recording that is there."""
    chance = random.Random(seed)
    for _ in range(count):
        method = chance.choice(_METHODS)
        known = identity if method not in _CHANGES and chance.random() < 0.6 else _text(chance)
        path = chance.choice((*_TOP, *(f"/api/recordings/{quote(known, safe='', errors='replace')}{one}" for one in _PATHS)))
        path = path.replace("{n}", _text(chance) if chance.random() < 0.5 else quote(_text(chance), safe="", errors="replace"))
        query = "&".join(f"{chance.choice(_NAMES)}={_text(chance)}" for _ in range(chance.randrange(5)))
        request = OddRequest(method, _sendable(f"{path}?{query}" if query else path))
        if method in _CHANGES:
            request.headers["Content-Type"] = chance.choice(_KINDS).encode("latin-1")
            request.body = _body(chance)
        if chance.random() < 0.2:
            name = chance.choice(("Range", "Origin", "Accept", "Cookie", "Authorization-X", "If-Range", "If-None-Match", "Upgrade"))
            request.headers[name] = bytes(sign for sign in _text(chance).encode("utf-8", "replace") if sign not in b"\r\n\0")
        yield request


def _text(chance: random.Random) -> str:
    if chance.random() < 0.7:
        return chance.choice(_VALUES)
    return "".join(chr(chance.choice((chance.randrange(32, 127), chance.randrange(1, 0x2FF)))) for _ in range(chance.randrange(40)))


def _sendable(path: str) -> str:
    """As a client can send it: what it cannot is encoded, slashes and dots stay as they are."""
    return quote(path.encode("utf-8", "replace"), safe="/?&=%.,:;@!$'()*+~-_[]{}<>|^`\"\\")


def _body(chance: random.Random) -> bytes:
    kind = chance.randrange(5)
    if kind == 0:
        return chance.randbytes(chance.randrange(300))
    if kind == 1:
        return b"[" * chance.randrange(20_000)
    if kind == 2:
        start = f'--b\r\nContent-Disposition: form-data; name="{_text(chance)}"; filename="{_text(chance)}"\r\n\r\n'
        return start.encode("utf-8", "replace") + chance.randbytes(50) + chance.choice((b"\r\n--b--\r\n", b"\r\n--b", b""))
    return json.dumps(_value(chance, 3)).encode("utf-8", "replace")


def _value(chance: random.Random, depth: int) -> Any:
    if depth and chance.random() < 0.6:
        return {chance.choice(_KEYS): _value(chance, depth - 1) for _ in range(chance.randrange(6))}
    if depth and chance.random() < 0.2:
        return [_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return chance.choice((None, True, -1, 10**400, 1.5, float("nan"), float("inf"), _text(chance), "accepted", "a" * 300))
