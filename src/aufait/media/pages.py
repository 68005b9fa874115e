"""Pictures of several pages (TIFF) or animation frames (GIF, WebP, APNG, AVIF), read one after the other like a video."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image

from aufait.errors import InputError
from aufait.media.addresses import Address
from aufait.media.images import decoding, open_image, picture_pages
from aufait.media.limits import check_picture
from aufait.media.pixels import orientation, to_array
from aufait.media.sources import Source
from aufait.media.video import VideoFrame, VideoInfo

PAGE_SECONDS = 0.1
"""How long a page counts that says nothing of time; browsers show animation frames without a duration as long."""

_ON_ITS_SIDE = (5, 6, 7, 8)  # EXIF orientations that swap width and height


class PictureSequence:
    """The pages of a picture in their order; takes the place of ``VideoReader``, with the same attributes.

    The times add up the durations that an animation states; pages without one count ``PAGE_SECONDS``.

    Raises:
        InputError: not a picture, damaged, or camera raw.
    """

    live = False

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.frames = 0
        self.corrupt = 0
        self.error: str | None = None
        self.notes: list[str] = []
        self.doubts: list[str] = []
        with decoding(str(self.path), self.path), ExitStack() as opened:
            self._image = opened.enter_context(open_image(self.path))
            self._pages = picture_pages(self._image)
            self._image.seek(self._pages[0])
            opened.pop_all()  # stays open unless one of these failed
        width, height = self._image.size
        turned = orientation(self._image) in _ON_ITS_SIDE
        self.info = VideoInfo(
            size=(height, width) if turned else (width, height),
            frame_rate=None,
            duration=None,
            frame_count=len(self._pages),
            rotation=0,
            codec=str(self._image.format).lower(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._pages)

    def __iter__(self) -> Iterator[VideoFrame]:
        time = 0.0
        for page in self._pages:
            notes: list[str] = []
            try:
                with decoding(str(self.path), self.path):
                    self._image.seek(page)
                    check_picture(str(self.path), self._image)
                    image = to_array(self._image, str(self.path), notes)
            except InputError as error:
                if self.frames == 0:
                    raise
                self.error = str(error)
                return
            self.notes += [] if self.notes else notes
            yield VideoFrame(self.frames, time, image)
            self.frames += 1
            time += _seconds(self._image)

    def close(self) -> None:
        """Release the file."""
        self._image.close()


def _seconds(image: Image.Image) -> float:
    return float(image.info.get("duration") or 0) / 1000 or PAGE_SECONDS


def as_sequences(sources: Iterable[Source]) -> list[Source]:
    """The sources, with pictures of several pages among the videos; damaged ones stay as they are."""
    return [replace(source, kind="video") if source.kind == "image" and _has_pages(source.path) else source for source in sources]


def _has_pages(path: Path | Address) -> bool:
    if isinstance(path, Address):
        return False
    try:
        with decoding(str(path), path), open_image(path) as image:
            return len(picture_pages(image)) > 1
    except InputError:
        return False
