"""Where the pictures of a recording come from: a folder of files, members of a ZIP archive, or a video.

All three count frames as the label files do. File names and the decoder's numbering are dealt with when the source is
made; to read a picture, the frame number of its label row is enough.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from aufait.errors import InputError

_MOST_BYTES = 1 << 28
"""A picture in an archive is unpacked to memory, so a larger one is refused; data sets have pictures of one or two megabytes."""


class Media(Protocol):
    """Pictures of one recording, by label frame number."""

    def numbers(self) -> np.ndarray | None:
        """Sorted frame numbers (F,) int64 that have a picture, or None where only decoding could show."""

    def where(self, frame: int) -> str:
        """File (and frame) for messages."""

    def read(self, frame: int) -> np.ndarray:
        """One picture as (H, W, 3) uint8 RGB."""

    def read_many(self, frames: Sequence[int] | np.ndarray) -> Iterator[tuple[int, float, np.ndarray]]:
        """(frame, presentation time in s or nan, picture) of the wanted frames, increasing; absent ones are left out."""


class _Listed:
    """Common part of sources with one file per frame.

    Args:
        numbers: (F,) int64, sorted, label frame number of each file.
        names: file name of each, relative to the folder or archive.
    """

    def __init__(self, numbers: np.ndarray, names: Sequence[str]) -> None:
        self._numbers = numbers
        # Bytes instead of str objects: data sets have millions of frames.
        self._names = np.array([os.fsencode(name) for name in names], dtype=np.bytes_)

    def __len__(self) -> int:
        return len(self._numbers)

    def numbers(self) -> np.ndarray | None:
        return self._numbers

    def _name(self, frame: int) -> str:
        place = int(np.searchsorted(self._numbers, frame))
        if place == len(self._numbers) or self._numbers[place] != frame:
            raise InputError(f"there is no picture of frame {frame} in {self._home()}")
        return os.fsdecode(bytes(self._names[place]))

    def _home(self) -> str:
        raise NotImplementedError

    def read(self, frame: int) -> np.ndarray:
        raise NotImplementedError

    def read_many(self, frames: Sequence[int] | np.ndarray) -> Iterator[tuple[int, float, np.ndarray]]:
        """The wanted frames that have a picture; such files carry no time, so it is nan."""
        wanted = np.unique(np.asarray(frames, dtype=np.int64))
        for frame in wanted[np.isin(wanted, self._numbers)]:
            yield int(frame), float("nan"), self.read(int(frame))


class ImageFolder(_Listed):
    """One picture file per frame in a folder (or spread over folders below it)."""

    def __init__(self, folder: Path, numbers: np.ndarray, names: Sequence[str]) -> None:
        super().__init__(numbers, names)
        self.folder = folder

    def path(self, frame: int) -> Path:
        """Picture file of a frame.

        Raises:
            InputError: there is none.
        """
        return self.folder / self._name(frame)

    def where(self, frame: int) -> str:
        return str(self.path(frame))

    def read(self, frame: int) -> np.ndarray:
        from aufait.media.images import read_image

        return read_image(self.path(frame))

    def _home(self) -> str:
        return str(self.folder)


class ImageArchive(_Listed):
    """One picture per frame inside a ZIP archive, read without unpacking (BP4D+ comes as one archive per subject)."""

    def __init__(self, archive: Path, numbers: np.ndarray, names: Sequence[str]) -> None:
        super().__init__(numbers, names)
        self.archive = archive

    def where(self, frame: int) -> str:
        return f"{self.archive}:{self._name(frame)}"

    def read(self, frame: int) -> np.ndarray:
        import zipfile

        with zipfile.ZipFile(self.archive) as archive:
            return self._decode(archive, frame)

    def read_many(self, frames: Sequence[int] | np.ndarray) -> Iterator[tuple[int, float, np.ndarray]]:
        """As for folders; the archive is opened once."""
        import zipfile

        wanted = np.unique(np.asarray(frames, dtype=np.int64))
        with zipfile.ZipFile(self.archive) as archive:
            for frame in wanted[np.isin(wanted, self._numbers)]:
                yield int(frame), float("nan"), self._decode(archive, int(frame))

    def _decode(self, archive: Any, frame: int) -> np.ndarray:
        import zipfile
        import zlib

        from aufait.media.images import read_picture

        name = self._name(frame)
        try:
            if archive.getinfo(name).file_size > _MOST_BYTES:
                raise InputError(
                    f"{self.archive}:{name} unpacks to more than {_MOST_BYTES >> 20} MB; unpack the archive and shrink the picture"
                )
            content = archive.read(name)
        except (OSError, KeyError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"{self.archive}:{name} cannot be read as a picture ({error}); unpack the archive again") from error
        return read_picture(content, name=f"{self.archive}:{name}").image

    def _home(self) -> str:
        return str(self.archive)


@dataclass(frozen=True)
class VideoHeader:
    """What a video's container promises, without decoding a frame.

    Attributes:
        frames: number of frames, or None where the container does not say.
        frame_rate: frames per second, or None.
        problem: None, or why the file cannot be opened.
    """

    frames: int | None
    frame_rate: float | None
    problem: str | None = None


class Video:
    """A video whose first decoded frame is label frame ``first``, the next ``first + 1`` and so on."""

    def __init__(self, path: Path, first: int) -> None:
        self.path = path
        self.first = first
        self._header: VideoHeader | None = None

    @property
    def header(self) -> VideoHeader:
        """Read from the container when first asked for."""
        if self._header is None:
            self._header = read_header(self.path)
        return self._header

    def numbers(self) -> np.ndarray | None:
        return None

    def where(self, frame: int) -> str:
        return f"{self.path} frame {frame} (decoded frame {frame - self.first} from 0)"

    def read(self, frame: int) -> np.ndarray:
        """Decode from the start up to the frame; use ``read_many`` for more than one."""
        for _, _, image in self.read_many([frame]):
            return image
        raise InputError(f"{self.path} has no frame {frame}; its frames are numbered from {self.first}")

    def read_many(self, frames: Sequence[int] | np.ndarray) -> Iterator[tuple[int, float, np.ndarray]]:
        """Decode once from the start; the times are those of the stream."""
        from aufait.media.video import VideoReader

        wanted = {int(frame) for frame in frames}
        last = max(wanted, default=self.first - 1)
        with VideoReader(self.path) as reader:
            for decoded in reader if wanted else ():
                frame = decoded.index + self.first
                if frame in wanted:
                    yield frame, decoded.timestamp, decoded.image
                if frame >= last:
                    return


def read_header(path: Path) -> VideoHeader:
    """Number and rate of frames as the container states them; takes milliseconds and decodes nothing."""
    from aufait.media.containers import open_container
    from aufait.media.video import video_stream

    try:
        with open_container(path) as box:
            stream = video_stream(box, path)
            rate = float(stream.average_rate) if stream.average_rate else None
            length = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
            estimate = round(length * rate) if length and rate else None
            return VideoHeader(stream.frames or estimate, rate)
    except InputError as error:
        return VideoHeader(None, None, str(error))
