"""An upload goes to the disc as it comes, under a name that says that it is not whole."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from aufait.studio.errors import StudioError
from aufait.studio.guard import size_text, too_large

_LONGEST_NAME = 200
_LONGEST_FIELD = 10_000
_MOST_FIELDS = 20
_AT_ONCE = 1 << 20


@dataclass
class Upload:
    """What came.

    Attributes:
        name: of the file, for people only.
        size: bytes of the file; None where no file came.
        fields: the other fields.
    """

    name: str = ""
    size: int | None = None
    fields: dict[str, str] = field(default_factory=dict)


async def receive_upload(request: Request, target: Path, limit: int) -> Upload:
    """Write the field ``file`` of a multipart request to a file that does not exist yet.

    Raises:
        StudioError: 400, no such request; 413, too large; 507, the disc is full. Nothing is left of the file then.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise StudioError(400, "Send the file as multipart/form-data, in the field 'file'.")
    _check_room(request, target.parent)
    try:
        with target.open("xb") as file:
            upload = await _receive(request, _Parts(boundary, file, limit))
    except OSError as error:
        target.unlink(missing_ok=True)
        raise _disc(error) from error
    except MultipartParseError as error:
        target.unlink(missing_ok=True)
        raise StudioError(400, "The form that was sent is damaged; send it again.") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    if upload.size is None:
        target.unlink(missing_ok=True)
    return upload


async def _receive(request: Request, parts: _Parts) -> Upload:
    waiting = bytearray()
    async for piece in request.stream():
        waiting += piece
        if len(waiting) >= _AT_ONCE:
            await run_in_threadpool(parts.take, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(parts.take, bytes(waiting))
    return parts.finish()


def _check_room(request: Request, folder: Path) -> None:
    told = int(request.headers.get("content-length") or 0)
    free = shutil.disk_usage(folder).free
    if told > free:
        raise StudioError(507, f"The file has {size_text(told)}, but only {size_text(free)} are free; free some space first.")


def _disc(error: OSError) -> StudioError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StudioError(507, "The disc of the studio is full; delete recordings or free some space, then send it again.")
    return StudioError(500, f"The file cannot be written: {error.strerror or error}.", "cannot_write")


class _Parts:
    """The parts of a form, as they are cut out of the stream."""

    def __init__(self, boundary: bytes, file: BinaryIO, limit: int) -> None:
        self._upload = Upload()
        self._file, self._limit = file, limit
        self._ended = False
        self._header: dict[bytes, bytes] = {}
        self._name, self._value = b"", b""
        self._text: bytearray | None = None
        self._field = ""
        names = (
            "on_part_begin", "on_part_data", "on_part_end", "on_header_field", "on_header_value", "on_header_end",
            "on_headers_finished", "on_end",
        )  # fmt: skip
        self._parser = MultipartParser(boundary, {name: getattr(self, name) for name in names})  # type: ignore[arg-type]

    def take(self, piece: bytes) -> None:
        """The next bytes of the stream."""
        self._parser.write(piece)

    def finish(self) -> Upload:
        """All that came."""
        if not self._ended:
            raise StudioError(400, "The upload broke off before its end; send it again.")
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._upload

    def on_part_begin(self) -> None:
        """A part begins."""
        self._header, self._name, self._value = {}, b"", b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """Some of a header's name."""
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Some of a header's value."""
        self._value += data[start:end]

    def on_header_end(self) -> None:
        """A header ends."""
        self._header[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def on_headers_finished(self) -> None:
        """What kind of part it is."""
        _, options = parse_options_header(self._header.get(b"content-disposition", b""))
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if self._field == "file":
            if self._upload.size is not None:
                raise StudioError(400, "Send one file at a time; this form holds two.")
            self._upload.name, self._upload.size = shown_name(options.get(b"filename", b"").decode("utf-8", "replace")), 0
            self._text = None
        else:
            self._text = bytearray()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Some of a part."""
        if self._text is not None:
            self._text += data[start:end]
            if len(self._text) > _LONGEST_FIELD:
                raise StudioError(413, f"The field {self._field[:40]!r} is too long.")
            return
        self._upload.size = (self._upload.size or 0) + end - start
        if self._upload.size > self._limit:
            raise too_large(self._limit)
        self._file.write(data[start:end])

    def on_part_end(self) -> None:
        """A part ends."""
        if self._text is not None:
            if len(self._upload.fields) >= _MOST_FIELDS:
                raise StudioError(400, "The form has too many fields.")
            self._upload.fields[self._field] = self._text.decode("utf-8", "replace")
        self._text = None

    def on_end(self) -> None:
        """The form ends."""
        self._ended = True


def shown_name(name: str) -> str:
    """A file's name as people may see it: no folders, no signs that steer a terminal, not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(sign if sign.isprintable() else " " for sign in last).strip()
    return plain[:_LONGEST_NAME] or "recording"
