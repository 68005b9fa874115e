"""NumPy archives (.npz) from anywhere: nothing in them can run code, and no memory is taken on their word alone.

The header of an array may claim terabytes, and a few kilobytes of a zip archive may unpack to gigabytes. So every claim is compared
with what the archive says that it holds, and the sum with a limit, before the first array is made.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from aufait.errors import InputError

MOST_MEMBERS = 4096


def read_npz(
    path: Path, *, what: str, most_bytes: int, advice: str, only: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """The arrays of an archive by name.

    Args:
        path: the file.
        what: what it should be, for messages ("a whole file of predictions").
        most_bytes: that all its arrays may take together.
        advice: what to do where it is something else.
        only: names to read; all by default. Names that are absent are left out.

    Raises:
        InputError: damaged, cut short, of another kind, with Python objects in it, or larger than it may be.
    """
    with archive_errors(path, what, advice), zipfile.ZipFile(path) as archive:
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        if only is not None:
            members = {name: members[name] for name in only if name in members}
        if len(members) > MOST_MEMBERS:
            raise ValueError(f"{len(members)} arrays are more than {MOST_MEMBERS}")
        total = sum(_checked_size(archive, member) for member in members.values())
        if total > most_bytes:
            raise ValueError(f"its arrays would take {total / 2**30:.1f} GiB, more than {most_bytes / 2**30:.1f}")
        return {name: _read(archive, member) for name, member in members.items()}


@contextmanager
def archive_errors(path: Path, what: str, advice: str) -> Iterator[None]:
    """Inside, whatever a damaged archive does to its reader is an ``InputError`` that names the file."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib, tokenize and NumPy fail with a dozen classes of errors on damaged bytes
        said = str(error).partition("\n")[0][:200] or type(error).__name__
        raise InputError(f"{path} is not {what} ({said}); {advice}") from error


def _checked_size(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Bytes of an array, where its header claims as many as the archive holds.

    Raises:
        ValueError: it claims other sizes, or holds Python objects.
    """
    with archive.open(member) as file:
        shape, kind = _header(file)
        if kind.hasobject:
            raise ValueError(f"{member.filename} holds Python objects")
        size = math.prod(shape) * kind.itemsize
        if size != member.file_size - file.tell() or any(side < 0 for side in shape):
            raise ValueError(f"{member.filename} claims {size} bytes, the archive holds {member.file_size - file.tell()}")
    return size


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    readers: Mapping[tuple[int, int], Any] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"arrays of version {version} are not read")
    shape, _, kind = readers[version](file)
    return shape, kind


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        values: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    return values
