"""A record next to every table: which software, model, settings and input made it, and whether it is complete.

It states the file name, size and SHA-256 of the input, and the kind of machine, not its name. Folders appear only if
the command line, as typed, or a message names them.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, Self

from aufait.files.atomic import AtomicOutput, output_errors, partial_path
from aufait.files.hashes import file_sha256
from aufait.files.safe_text import valid_text
from aufait.files.versions import software_versions
from aufait.media.addresses import shown
from aufait.results import FrameAnalysis

SCHEMA_VERSION = 1
"""Version of the layout of the record; raised when a key changes its meaning."""


_MAX_ERRORS = 100


class ProvenanceWriter:
    """Collect the facts of a run and write them as JSON.

    The record exists from the start, as ``<stem>.partial.json`` with ``"completed": false``, so that a killed run
    leaves one too. ``finish`` (or the end of a ``with`` block) completes it and gives it its final name;
    ``finish(completed=False)`` (or an exception in the block) leaves it under the partial name, like the table next to
    it.

    Args:
        path: file to write, by custom ``<table>.provenance.json``.
        model: name, hash and whatever else identifies the model.
        finder: name of the face finder.
        settings: options of the run; values that JSON does not have are written as text.
        command: the command line, or None where there was none. Its first word is cut down to the program's name.
        overwrite: whether an existing record may be replaced.

    Attributes:
        counts: the running totals: frames, faces, frames without face, frames with error, corrupt.

    Raises:
        OutputError: existing file, unwritable folder, full disc.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        model: Mapping[str, Any] | None = None,
        finder: str | None = None,
        settings: Mapping[str, Any] | None = None,
        command: Iterable[str] | None = None,
        overwrite: bool = False,
    ) -> None:
        self._output = AtomicOutput(path, overwrite=overwrite)
        self.path = self._output.path
        self.counts = {"frames": 0, "faces": 0, "frames_without_face": 0, "frames_with_error": 0, "corrupt": 0}
        self._inputs: list[tuple[int, dict[str, Any]]] = []
        self._outputs: list[str] = []
        self._errors: list[str] = []
        self._hashing: list[threading.Thread] = []
        self._finished = False
        self._record: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "completed": False,
            "started": _now(),
            "ended": None,
            "software": software_versions(),
            "platform": {"system": platform.system(), "release": platform.release(), "machine": platform.machine()},
            "model": dict(model or {}),
            "finder": finder,
            "settings": dict(settings or {}),
            "command": _command(command),
            "note": "Estimated by software; not a substitute for a certified FACS coder.",
        }
        self.write()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self.finish(completed=False, error=f"{kind.__name__}: {value}" if str(value) else kind.__name__)

    def update(self, **facts: Any) -> None:
        """Add or replace top-level facts known only later, such as ``finder="mesh"``."""
        self._record.update(facts)

    def add_input(self, path: str | os.PathLike[str], kind: str, *, rank: int = 0, **facts: Any) -> None:
        """Record an input file by name, size and SHA-256; the hash is computed in the background.

        Args:
            rank: place among the inputs; those of equal rank keep their order.
            path: the file, camera or network address.
            kind: "image", "video", "camera" or "address"; the last two are named, not hashed.
            facts: anything else worth keeping, such as size in pixels and codec.
        """
        name = str(path) if kind == "address" else Path(path).name
        entry: dict[str, Any] = {"name": name, "kind": kind, "bytes": None, "sha256": None, **facts}
        self._inputs.append((rank, entry))
        if kind not in ("camera", "address"):
            thread = threading.Thread(target=_identify, args=(Path(path), entry), name="aufait-sha256", daemon=True)
            thread.start()
            self._hashing.append(thread)

    def add_output(self, path: str | os.PathLike[str]) -> None:
        """Record the name of a file that the run wrote."""
        self._outputs.append(Path(path).name)

    def add_error(self, message: str) -> None:
        """Record something that went wrong; the first hundred are kept."""
        if len(self._errors) < _MAX_ERRORS:
            self._errors.append(message)

    def count(self, frame: FrameAnalysis, *, corrupt: bool = False) -> None:
        """Add one frame to the totals, and its error to the list."""
        self.counts["frames"] += 1
        self.counts["faces"] += len(frame.faces)
        self.counts["frames_without_face"] += not frame.faces
        self.counts["corrupt"] += corrupt
        if frame.error:
            self.counts["frames_with_error"] += 1
            self.add_error(f"{PurePath(frame.source).name}, frame {frame.frame}: {frame.error}")

    def as_dict(self) -> dict[str, Any]:
        """The record as it is now."""
        return {
            **self._record,
            "inputs": [entry for _, entry in sorted(self._inputs, key=itemgetter(0))],
            "outputs": self._outputs,
            "counts": self.counts,
            "errors": self._errors,
        }

    def finish(self, *, completed: bool = True, error: str | None = None) -> Path:
        """Write the final record and return where it is.

        Args:
            completed: whether the run reached its end. Inputs or frames that could not be read are listed in ``errors``.
            error: why not.
        """
        if self._finished:
            return self.path
        self._finished = True
        self.end(completed=completed, error=error)
        self.write()
        return self._output.commit() if completed else self._output.keep_partial()

    def end(self, *, completed: bool = True, error: str | None = None) -> None:
        """Bring the facts to what they are at the end, without writing them; arguments are those of ``finish``."""
        for thread in self._hashing:
            # An interrupted run must not wait for the hash of a large file; its record then has none.
            thread.join(timeout=None if completed else 2.0)
        if error:
            self.add_error(error)
        self._record.update(completed=completed, ended=_now())

    def write(self) -> None:
        """Write the record as it is now under its partial name, completely or not at all."""
        part = partial_path(self._output.partial)
        with output_errors(self.path):
            try:
                part.write_bytes(as_json(self.as_dict()).encode())
                part.replace(self._output.partial)
            except OSError:
                part.unlink(missing_ok=True)
                raise


def _identify(path: Path, entry: dict[str, Any]) -> None:
    try:
        entry["bytes"] = path.stat().st_size
        entry["sha256"] = file_sha256(path)
    except OSError as error:
        entry["error"] = error.strerror


def _command(command: Iterable[str] | None) -> list[str] | None:
    if command is None:
        return None
    words = [shown(str(word)) for word in command]
    return [PurePath(words[0]).name, *words[1:]] if words else []


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def as_json(record: Mapping[str, Any]) -> str:
    """A record as valid JSON: names of files as valid text, numbers of NumPy as numbers, sets as lists, other things as text."""
    return json.dumps(_plain(record), indent=2, ensure_ascii=False) + "\n"


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {_plain(str(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return valid_text(os.fspath(value) if isinstance(value, os.PathLike) else str(value))


def command_line() -> list[str]:
    """The words of the running program's command line."""
    return list(sys.argv)
