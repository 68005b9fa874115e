"""Who works on a result: a small file next to it, so that two processes never make the same one.

A claim is made with the exclusive creation of a file, which works on local discs and on those of a network. It names its process
and is touched while that process lives; a claim whose process is dead passes to the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from aufait.errors import AufaitError, OutputError
from aufait.files.atomic import output_errors

_TOUCH_SECONDS = 10.0
_STALE_SECONDS = 120.0  # without a touch, for claims of processes that cannot be looked for: another machine, another container
_YOUNG_SECONDS = 2.0  # in which a claim may be empty, as its maker is still writing it
_TURN_SECONDS = 0.5
_TRIES = 200
_LEFT = re.compile(r"\.claim(\.[0-9a-f]{12})+$")  # names that claims have while they are looked at


class Claimed(AufaitError):
    """Another process works on the result.

    Attributes:
        same_work: whether it makes the very result that was wanted here.
        holder: that process, as text.
    """

    exit_code = OutputError.exit_code

    def __init__(self, message: str, same_work: bool, holder: str) -> None:
        super().__init__(message)
        self.same_work = same_work
        self.holder = holder


class Claim:
    """The right to make one result, held in a ``with`` block.

    Args:
        path: of the claim, next to the result; the folder is made if it does not exist.
        work: digest of what is made: inputs and settings.

    Raises:
        Claimed: another process has it.
        OutputError: the folder cannot be written.
    """

    def __init__(self, path: Path, work: str) -> None:
        self.path = path
        self._facts = {"token": uuid.uuid4().hex, "work": work, **_this_process()}
        self._end = threading.Event()

    def __enter__(self) -> Self:
        with output_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._take()
        self._toucher = threading.Thread(target=self._keep_touching, name="aufait-claim", daemon=True)
        self._toucher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        with contextlib.suppress(OSError):
            if self.is_held():
                self.path.unlink()

    def is_held(self) -> bool:
        """Whether it is still ours: a process that was halted for long may have lost its claim."""
        found = _read(self.path)
        return found is not None and found.get("token") == self._facts["token"]

    def check(self) -> None:
        """Refuses to continue if another process has taken the claim.

        Raises:
            OutputError: the claim is not ours any more.
        """
        if not self.is_held():
            raise OutputError(f"{self.path} now belongs to another process, which makes this result; nothing was replaced")

    def _take(self) -> None:
        for _ in range(_TRIES):
            try:
                handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            except FileExistsError:
                self._look_at_other()
                continue
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(self._facts, file)
            except OSError:  # the disc is full
                self.path.unlink(missing_ok=True)
                raise
            return
        raise OutputError(f"{self.path} cannot be claimed: other processes keep making and removing it; delete it if none runs")

    def _look_at_other(self) -> None:
        """Clears a dead claim away.

        Raises:
            Claimed: it is alive.
        """
        found = _read(self.path)
        if found is None:  # gone by now
            return
        if not found and _age(self.path) < _YOUNG_SECONDS:
            time.sleep(0.05)
            return
        if _is_alive(found, self.path):
            holder = f"process {found['pid']} on {found['host']}"
            same = found.get("work") == self._facts["work"]
            what = "is being made" if same else "is being made from other inputs or with other settings"
            advice = "" if same else "; choose another folder with -o"
            raise Claimed(f"{self.path.parent}: this result {what} by {holder}{advice}", same, holder)
        self._bury(found)

    def _bury(self, found: dict[str, Any]) -> None:
        """Removes a dead claim, unless another process has put its own in the place."""
        grave = self.path.with_name(f"{self.path.name}.{self._facts['token'][:12]}")
        try:
            self.path.rename(grave)
        except FileNotFoundError:
            return
        moved = _read(grave) or {}
        if moved.get("token") != found.get("token"):
            with contextlib.suppress(OSError):  # it was somebody's living claim: back with it, unless there is a new one
                os.link(grave, self.path)
        grave.unlink(missing_ok=True)

    def _keep_touching(self) -> None:
        while not self._end.wait(_TOUCH_SECONDS):
            with contextlib.suppress(OSError):
                if self.is_held():
                    os.utime(self.path)


@contextlib.contextmanager
def in_turn(path: Path, work: str) -> Iterator[None]:
    """Inside, the claim is ours; what another process has claimed is waited for."""
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(Claim(path, work))
                break
            except Claimed:
                time.sleep(_TURN_SECONDS)
        yield


def sweep_claims(folder: Path) -> None:
    """Removes what is left in a folder of processes that were killed while they looked at the claims of others."""
    with contextlib.suppress(OSError):
        for path in [path for path in folder.iterdir() if _LEFT.search(path.name)]:
            if not is_claimed(path):
                path.unlink(missing_ok=True)


def is_claimed(path: Path) -> bool:
    """Whether a living process has a claim."""
    found = _read(path)
    return found is not None and _is_alive(found, path)


def _read(path: Path) -> dict[str, Any] | None:
    """What a claim says; empty where it says nothing sensible, None where it is gone."""
    try:
        found = json.loads(path.read_bytes()[:10_000])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        return {}
    known = isinstance(found, dict) and isinstance(found.get("pid"), int) and isinstance(found.get("host"), str)
    return found if known else {}


def _is_alive(found: dict[str, Any], path: Path) -> bool:
    if not found:
        return False
    here = _this_process()
    where = ("host", "boot", "namespace")
    if sys.platform != "win32" and all(found.get(key) == here[key] for key in where):  # there, asking would end it
        return _process_start(found["pid"]) == found.get("began")
    return _age(path) < _STALE_SECONDS


def _age(path: Path) -> float:
    """Seconds since the last touch, by the clock of the file system, which on a network is not this machine's."""
    probe = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)


def _this_process() -> dict[str, Any]:
    """What distinguishes this process from all others, on this machine and elsewhere."""
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), ""
    with contextlib.suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    try:
        started = boot.read_text().strip()
    except OSError:
        started = ""
    pid = os.getpid()
    return {"pid": pid, "began": _process_start(pid), "host": socket.gethostname(), "boot": started, "namespace": namespace}


def _process_start(pid: int) -> str | None:
    """When a process of this machine began, in the unit of the system; "alive" where it does not say; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        state, *numbers = stat.rpartition(")")[2].split()
        return None if state in "ZX" else numbers[18]
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return None
    if sys.platform == "win32":  # where 0 is Ctrl-C
        return "alive"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:  # of another user
        return "alive"
    return "alive"
