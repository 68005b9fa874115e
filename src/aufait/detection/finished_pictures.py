"""The pictures of a table that is not finished: their results, kept so that a run that was stopped resumes with the next picture.

One line of JSON per picture, with a checksum before it; an incomplete last line is removed. The tables, drawings and pages
are made again from these results, by the same code, and so have the same bytes as those of an uninterrupted run.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from aufait.detection.detected import DetectedFrame
from aufait.detection.resume import file_state
from aufait.files.atomic import output_errors


@dataclass(frozen=True, eq=False)
class FinishedPicture:
    """The result of one picture and what was to be said about reading it."""

    analysis: DetectedFrame
    notes: tuple[str, ...]


class FinishedPictures:
    """Results by picture, in a file that survives the process.

    Args:
        path: of the file.
        manner: digest of the settings; results of other settings are dropped.
        work: digest of settings and inputs together.

    Attributes:
        path: of the file.
        goes_on: whether the run before, which was stopped, had the same inputs and settings.
    """

    def __init__(self, path: Path, manner: str, work: str) -> None:
        self.path = path
        self._places: dict[str, tuple[int, str]] = {}  # where a picture's line begins, and the state of its file then
        self._work = ""
        with output_errors(path):
            self._file: BinaryIO = path.open("ab", buffering=0)
            end = self._read(manner)
            self._file.truncate(end)
            if end == 0:
                self._append({"manner": manner})
            self.goes_on = self._work == work
            if not self.goes_on:
                self._append({"work": work})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def find(self, picture: Path) -> FinishedPicture | None:
        """The result of a picture, or None where there is none or the picture has changed since."""
        place, state = self._places.get(str(picture), (0, ""))
        with suppress(OSError, ValueError, KeyError, TypeError):
            if state and state == file_state(picture):
                with self.path.open("rb") as file:
                    file.seek(place)
                    line = _parse(file.readline())
                return FinishedPicture(DetectedFrame.from_dict(line["result"]), tuple(line["notes"]))
        return None

    def add(self, picture: Path, state: str, analysis: DetectedFrame, notes: Sequence[str]) -> None:
        """Keeps the result of a picture.

        Args:
            picture: its file.
            state: ``file_state`` before it was read.
            analysis: the result.
            notes: what was to be said about reading it.

        Raises:
            OutputError: the disc is full.
        """
        with output_errors(self.path):
            self._append({"picture": str(picture), "state": state, "notes": list(notes), "result": analysis.to_dict()})
        self._places.setdefault(str(picture), (0, ""))

    def remove(self) -> None:
        """Deletes the file: the table is finished."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def remove_if_empty(self) -> None:
        """Deletes the file if no picture was finished."""
        if self.path.exists() and not self._places:
            self.remove()

    def _append(self, line: dict[str, Any]) -> None:
        text = json.dumps(line).encode()
        data = b"%08x %s\n" % (zlib.crc32(text), text)
        while data:
            data = data[self._file.write(data) :]

    def _read(self, manner: str) -> int:
        """Finds the whole lines of the same settings; returns where they end."""
        end = 0
        with self.path.open("rb") as file:
            for raw in file:
                try:
                    line = _parse(raw)
                    if end == 0 and line["manner"] != manner:
                        return 0
                    if "picture" in line:
                        self._places[line["picture"]] = end, line["state"]
                    self._work = line.get("work", self._work)
                except (ValueError, KeyError, TypeError, AttributeError):
                    return end
                end += len(raw)
        return end


def _parse(raw: bytes) -> dict[str, Any]:
    """A line; ValueError where it is not whole."""
    check, _, text = raw.rstrip(b"\n").partition(b" ")
    if not raw.endswith(b"\n") or int(check, 16) != zlib.crc32(text):
        raise ValueError("a line was cut off")
    line: dict[str, Any] = json.loads(text)
    return line
