"""Files that are either whole or visibly partial, never half-written under their final name.

Everything is written to ``<stem>.partial<suffix>`` in the folder of the target and renamed when it is complete. A run
that is stopped leaves the partial file, whose name says what it is; a run that is killed leaves the same.
"""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from aufait.errors import AufaitError, OutputError
from aufait.files.safe_text import encodable

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def partial_path(path: Path) -> Path:
    """Name of the unfinished version of a file: ``faces.csv`` -> ``faces.partial.csv``."""
    return path.with_name(f"{path.stem}.partial{path.suffix}")


def is_partial(path: Path) -> bool:
    """Whether the name is that of an unfinished file."""
    return ".partial" in path.suffixes


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A name to write to; what is there when the block ends well takes the name ``path`` and is on the disc.

    A file that has the name stays until then. After an exception nothing of the new one is left. Missing folders are made.

    Raises:
        OutputError: it cannot be written; the message says why and what to do.
    """
    path = Path(path)
    partial = partial_path(path)
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)  # of a run that was killed; or was halted, and may write to it once more
        try:
            yield partial
            sync_to_disc(partial)
            partial.replace(path)
            sync_to_disc(path.parent)
        except BaseException:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise


def sync_to_disc(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut, where the system can do that."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn operating-system errors inside the block into an ``OutputError`` that names the file and the way out."""
    try:
        yield
    except AufaitError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_advice(error)}") from error


def _advice(error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return f"{reason}; free some space or choose an output folder on another disc"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"{reason}; choose a folder that you may write to"
    return reason


class OutputWriter(ABC):
    """A writer used in a ``with`` block: whole at its regular end, kept under the partial name after an exception."""

    _output: AtomicOutput

    @abstractmethod
    def complete(self) -> Path:
        """Complete the file under its partial name and return that, for files that become final together."""

    def close(self) -> Path:
        """Complete the file, give it its final name and return that."""
        self.complete()
        return self._output.commit()

    @abstractmethod
    def abandon(self) -> Path | None:
        """Keep what was written under the partial name."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


class AtomicOutput:
    """Reserves an output file: hands out the partial name and renames it at the end.

    Args:
        path: final name; missing parent folders are made.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: the file exists and ``overwrite`` is false, it is a folder, or its folder cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        self.path = Path(path)
        self.overwrite = overwrite
        self.partial = partial_path(self.path)
        self._open = True
        self._refuse_existing()
        with output_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # An unfinished file of an earlier run goes now: were it left, it could pass for the result of this one.
            self.partial.unlink(missing_ok=True)
            self.partial.touch()

    def _refuse_existing(self) -> None:
        if self.path.is_dir():
            raise OutputError(f"cannot write {self.path}: it is a folder; give a file name")
        if self.path.exists() and not self.overwrite:
            raise OutputError(f"{self.path} exists already; choose another name or allow overwriting (--overwrite)")

    def commit(self) -> Path:
        """Give the finished file its final name and return it; does nothing a second time.

        The file must be closed (Windows will not rename open ones).
        """
        if self._open:
            self._refuse_existing()
            with output_errors(self.path):
                self.partial.replace(self.path)
            self._open = False
        return self.path

    def keep_partial(self) -> Path:
        """Leave what was written under the partial name and return that name."""
        self._open = False
        return self.partial

    def discard(self) -> None:
        """Remove what was written; does nothing after ``commit``."""
        self._open = False
        with suppress(OSError):
            self.partial.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes, *, overwrite: bool = False) -> Path:
    """Write a whole file at once, or nothing.

    Raises:
        OutputError: see ``AtomicOutput``; also when the disc is full.
    """
    output = AtomicOutput(path, overwrite=overwrite)
    try:
        with output_errors(output.path):
            output.partial.write_bytes(data)
        return output.commit()
    except BaseException:
        output.discard()
        raise


def write_text(path: str | os.PathLike[str], text: str, *, overwrite: bool = False) -> Path:
    """Write a whole UTF-8 file with Unix line ends at once, or nothing; errors as in ``write_bytes``."""
    return write_bytes(path, encodable(text).encode(), overwrite=overwrite)  # file names in the text need not be valid Unicode
