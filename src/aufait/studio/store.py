"""The list of recordings, their events and markers, in SQLite: what survives a restart."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aufait.errors import OutputError
from aufait.studio.recording import public_recording

_TABLES = """
CREATE TABLE IF NOT EXISTS recordings (
    id TEXT PRIMARY KEY, created REAL NOT NULL, queued REAL NOT NULL, state TEXT NOT NULL, facts TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_queue ON recordings (state, queued);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    face INTEGER NOT NULL, unit INTEGER NOT NULL, side TEXT, onset REAL NOT NULL, apex REAL, offset REAL NOT NULL,
    peak REAL, mean REAL, kind TEXT, status TEXT NOT NULL, found TEXT, level INTEGER, note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS by_recording ON events (recording, face, onset);
CREATE TABLE IF NOT EXISTS markers (
    recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE, start REAL NOT NULL, end REAL NOT NULL,
    label TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS of_recording ON markers (recording, start);
"""
_VERSION = 1


class Store:
    """SQLite, one connection for all threads of the server.

    Args:
        path: of the file; made if it is not there.

    Raises:
        OutputError: it is another kind of file, damaged, or of a newer version.

    Attributes:
        on_change: called with the id after a recording has changed, and with None in place of the facts after one has gone.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self.on_change: Callable[[str, dict[str, Any] | None], None] = lambda identity, facts: None
        try:
            self._prepare(path)
        except BaseException as error:
            self._connection.close()
            if isinstance(error, sqlite3.DatabaseError):
                advice = "move it away to begin a new list, or name another folder"
                raise OutputError(f"{path} cannot be used as the list of a studio ({error}); {advice}") from error
            raise

    def _prepare(self, path: Path) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise OutputError(f"{path} was written by a newer version of aufait; update aufait, or name another folder")
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON", f"user_version={_VERSION}"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_TABLES)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, query: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """What a query finds."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def change(self, query: str, values: Sequence[object] = ()) -> int:
        """Change rows; returns the number of the row that was added, or of the rows that were changed."""
        with self._changing() as connection:
            cursor = connection.execute(query, values)
            return int(cursor.lastrowid or 0) if query.startswith("INSERT") else cursor.rowcount

    def replace_all(self, delete: str, key: str, insert: str, rows: Sequence[Sequence[object]]) -> None:
        """Put rows in the place of all that a key has, at once."""
        with self._changing() as connection:
            connection.execute(delete, (key,))
            connection.executemany(insert, rows)

    def add(self, identity: str, facts: Mapping[str, Any]) -> None:
        """A new recording, waiting to be analysed."""
        now = time.time()
        text = json.dumps(dict(facts))
        self.change("INSERT INTO recordings VALUES (?, ?, ?, 'waiting', ?)", (identity, now, now, text))
        self._tell(identity)

    def recordings(self) -> list[dict[str, Any]]:
        """All, newest first, as the API shows them."""
        return [_public(row) for row in self.rows("SELECT * FROM recordings ORDER BY created DESC")]

    def recording(self, identity: str) -> dict[str, Any] | None:
        """One, as the API shows it."""
        rows = self.rows("SELECT * FROM recordings WHERE id = ?", (identity,))
        return _public(rows[0]) if rows else None

    def facts(self, identity: str) -> dict[str, Any] | None:
        """Everything that is known of a recording; None where there is none."""
        rows = self.rows("SELECT facts FROM recordings WHERE id = ?", (identity,))
        return dict(json.loads(rows[0]["facts"])) if rows else None

    def original(self, identity: str, folder: Path) -> Path:
        """The file that was submitted."""
        path = (self.facts(identity) or {}).get("path")
        return Path(path) if path else folder / "recordings" / identity / "original"

    def update(self, identity: str, state: str | None = None, only: Sequence[str] = (), **facts: Any) -> bool:
        """Change facts of a recording, and its state.

        Args:
            only: states in which the change is made; empty: in any.

        Returns:
            Whether it was made: False where the recording has gone or is in another state.
        """
        with self._changing() as connection:
            row = connection.execute("SELECT state, facts FROM recordings WHERE id = ?", (identity,)).fetchone()
            if row is None or (only and row["state"] not in only):
                return False
            text = json.dumps({**json.loads(row["facts"]), **facts})
            queued = ", queued = ?" if state == "waiting" else ""
            values = [text, state or row["state"], *([time.time()] if queued else []), identity]
            connection.execute(f"UPDATE recordings SET facts = ?, state = ?{queued} WHERE id = ?", values)
        self._tell(identity)
        return True

    def take_next(self) -> tuple[str, dict[str, Any]] | None:
        """The recording that has waited longest, which is now running; None where none waits."""
        with self._changing() as connection:
            row = connection.execute("SELECT * FROM recordings WHERE state = 'waiting' ORDER BY queued LIMIT 1").fetchone()
            if row is None:
                return None
            connection.execute("UPDATE recordings SET state = 'running' WHERE id = ?", (row["id"],))
        self._tell(row["id"])
        return row["id"], dict(json.loads(row["facts"]))

    def delete(self, identity: str) -> None:
        """Remove a recording with its events and markers."""
        self.change("DELETE FROM recordings WHERE id = ?", (identity,))
        self.on_change(identity, None)

    def _tell(self, identity: str) -> None:
        if (found := self.recording(identity)) is not None:
            self.on_change(identity, found)


def _public(row: sqlite3.Row) -> dict[str, Any]:
    return public_recording(row["id"], row["created"], row["state"], json.loads(row["facts"]))
