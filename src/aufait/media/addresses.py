"""Videos that are named by a network address: a file on a web server, or the stream of a network camera.

Only an address that the user typed is ever opened, never one found in a table, a playlist or a video. What an address may
contain besides the location (a user's name, a password, a token) is handed to the server and shown nowhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit

from aufait.errors import InputError

SCHEMES = ("http", "https", "rtsp", "rtsps")
"""Kinds of addresses that are opened."""

_START = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_ANYWHERE = re.compile(_START.pattern + r"\S*")
_LONGEST = 4000  # characters
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Address:
    """A network address; it has the attributes of a path that are used to name results.

    Attributes:
        url: as typed, with whatever secrets it holds.
        named: how it is shown where it stands for something that has another name, such as a file in a bucket; else empty.
    """

    url: str = field(repr=False)
    named: str = ""

    def __post_init__(self) -> None:
        if problem := _problem(self.url):
            raise InputError(problem)

    @property
    def live(self) -> bool:
        """Whether its frames come in their own time, as those of a camera do."""
        return self._parts.scheme.lower().startswith("rtsp")

    @property
    def name(self) -> str:
        """A file name for what the address stands for: its last part where that is a file's name, else host and path."""
        path = PurePosixPath(unquote(self._parts.path))
        words = path.name if path.suffix else "_".join([self._parts.hostname or "", *path.parts[1:]])
        return _UNSAFE.sub("_", words).strip("._-") or "address"

    @property
    def suffix(self) -> str:
        """Extension of the name, where the address names a file."""
        return PurePosixPath(self.name).suffix if PurePosixPath(self._parts.path).suffix else ""

    @property
    def stem(self) -> str:
        """The name without its extension."""
        return self.name.removesuffix(self.suffix)

    def absolute(self) -> PurePosixPath:
        """Host and path, to distinguish addresses of the same name."""
        if self.named:
            return PurePosixPath("/", self.named.partition("://")[2])
        return PurePosixPath("/", self._parts.netloc.rpartition("@")[2], unquote(self._parts.path).lstrip("/"))

    resolve = absolute

    def __str__(self) -> str:
        """The address without user, password and query."""
        return self.named or shown(self.url)

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)


def find_address(text: str) -> Address | None:
    """The text as an address, or None if it is not one.

    Raises:
        InputError: an address of a kind that is not opened, or a broken one.
    """
    return Address(text) if _START.match(text) else None


def shown(text: str) -> str:
    """A text as it may be shown: addresses in it without user, password, query and fragment."""
    return _ANYWHERE.sub(_without_secrets, text)


def _without_secrets(found: re.Match[str]) -> str:
    scheme, _, rest = found[0].partition("://")
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _problem(url: str) -> str | None:
    scheme = url.partition("://")[0].lower()
    if len(url) > _LONGEST or re.search(r"[\x00-\x20\x7f]", url):
        return f"{shown(url)[:100]} is no network address: it is too long, or holds spaces or control characters"
    if scheme == "file":
        return f"{shown(url)} is named as an address; name the path itself, without file://"
    if scheme not in SCHEMES:
        return f"{shown(url)} is a network address of a kind that is not opened ({', '.join(SCHEMES)} are); download the file first"
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    return None if usable else f"{shown(url)} is no network address: it names no host, or a port that cannot be"
