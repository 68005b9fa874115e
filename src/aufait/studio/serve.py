"""Run a studio: one per folder, bound before it is announced, ended in order."""

from __future__ import annotations

import json
import os
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from aufait.errors import InputError, MissingExtraError, OutputError
from aufait.files.atomic import output_errors
from aufait.files.claims import Claim, Claimed
from aufait.studio.settings import StudioSettings
from aufait.studio.worker import work

_REMEMBERED = "studio.json"
_GRACE = 3


def serve(
    folder: Path,
    settings: StudioSettings,
    announce: Callable[[str], None],
    *,
    browser: bool = False,
    work: Callable[..., None] = work,
) -> None:
    """Serve a folder until the process is asked to end.

    Args:
        folder: made if it does not exist.
        settings: ``port`` 0 takes the one of the last time, where it is free, else any.
        announce: called with the address that opens the page.
        browser: open it in the browser.
        work: what a worker process does; see ``aufait.studio.worker``.

    Raises:
        MissingExtraError: the extra ``web`` is not installed.
        InputError: the address cannot be bound.
        OutputError: the folder cannot be written, or another studio runs in it.
    """
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn
        import websockets  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the studio", "web") from error
    folder = folder.expanduser().absolute()
    with output_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not folder.exists():
            folder.mkdir(mode=0o700)  # recordings of people are nobody else's business
    try:
        with output_errors(folder), Claim(folder / "studio.claim", "studio"):
            _run(uvicorn, folder, settings, announce, browser, work)
    except Claimed as taken:
        raise OutputError(
            f"another studio runs in {folder} ({taken.holder}); use its page, end it, or name another folder"
        ) from None


def _run(
    uvicorn: Any, folder: Path, settings: StudioSettings, announce: Callable[[str], None], browser: bool, work: Callable[..., None]
) -> None:
    from aufait.studio.app import create_app
    from aufait.studio.studio import Studio

    bound, settings = _bind(folder, settings)
    (folder / "recordings").mkdir(parents=True, exist_ok=True)
    studio = Studio(folder, settings, work)
    config = uvicorn.Config(
        create_app(studio), log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=_GRACE,
        ws_max_size=20_000_000, ws_per_message_deflate=False, h11_max_incomplete_event_size=64_000, timeout_keep_alive=30,
    )  # fmt: skip
    server = uvicorn.Server(config)
    leave = server.handle_exit

    def handle_exit(number: int, frame: Any) -> None:
        studio.updates.unbind()  # streams of updates would not end by themselves
        leave(number, frame)

    server.handle_exit = handle_exit
    try:
        studio.start()
        address = f"http://{_named(settings.host)}:{settings.port}/?token={settings.token}"
        announce(address)
        if browser:
            threading.Timer(0.5, webbrowser.open, [address]).start()
        with suppress(KeyboardInterrupt):
            server.run(sockets=[bound])
    finally:
        studio.close()
        bound.close()


def _named(host: str) -> str:
    """The host as it stands in an address."""
    if host in ("0.0.0.0", "::", ""):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _bind(folder: Path, settings: StudioSettings) -> tuple[socket.socket, StudioSettings]:
    """A socket that is bound, and the settings with its port; token and port of the last time, so that open pages go on.

    Another host than this machine gets a new token each time.
    """
    local = settings.host in ("127.0.0.1", "localhost", "::1")
    last = _remembered(folder) if local else {}
    token = last.get("token") or settings.token
    ports = [settings.port] if settings.port else [*([last["port"]] if last.get("port") else []), 0]
    for number, port in enumerate(ports):
        try:
            bound = _socket(settings.host, port)
            break
        except OSError as error:
            if number == len(ports) - 1:
                reason = error.strerror or error
                raise InputError(f"{settings.host}:{port} cannot be used: {reason}; choose another --port") from error
    settings = replace(settings, port=bound.getsockname()[1], token=token)
    if local:
        _remember(folder, {"port": settings.port, "token": settings.token})
    return bound, settings


def _socket(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(1024)  # whoever uses the address as soon as it is printed waits until the server runs
    except BaseException:
        bound.close()
        raise
    return bound


def _remembered(folder: Path) -> dict[str, Any]:
    """What the last studio of the folder used; nothing where the file is not ours to trust."""
    path = folder / _REMEMBERED
    with suppress(OSError, ValueError):
        stat = path.stat()
        if os.name == "posix" and (stat.st_uid != os.getuid() or stat.st_mode & 0o077):
            return {}
        found = json.loads(path.read_text("utf-8"))
        port, token = found.get("port"), found.get("token")
        if isinstance(port, int) and 0 < port < 65536 and isinstance(token, str) and len(token) >= 40 and token.isascii():
            return {"port": port, "token": token}
    return {}


def _remember(folder: Path, facts: dict[str, Any]) -> None:
    path = folder / _REMEMBERED
    with output_errors(path):
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(facts, file)
