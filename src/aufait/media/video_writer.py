"""Videos out: frames with their own times, whole or visibly partial."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import av.error
import numpy as np

from aufait.errors import OutputError
from aufait.files.atomic import AtomicOutput, OutputWriter, output_errors
from aufait.media.video import error_text

_H264_CLOCK = Fraction(1, 90_000)
_MPEG4_CLOCK = Fraction(1, 30_000)  # MPEG-4 knows no finer clock than 1/65535


class VideoWriter(OutputWriter):
    """Write frames with their own times, whole or visibly partial.

    H.264 in 4:2:0 where the encoder is there, else MPEG-4. Sides of odd length are padded by one pixel, as 4:2:0
    demands. There is no sound track. Used as a context manager it finishes the file at the end of the block; when the
    block is left by an exception, what was written stays as ``<stem>.partial<suffix>`` and can be played.

    Args:
        path: file to write; the extension picks the container (.mp4, .m4v, .mov, .mkv).
        size: width and height in pixels; frames of another size are fitted into it, with black bars.
        frame_rate: nominal rate, a hint for the encoder; the times come with the frames.
        overwrite: whether an existing file may be replaced.
        quality: constant rate factor of H.264, 0 (largest) to 51; 20 is hard to tell from the source.

    Raises:
        OutputError: existing file, unknown container, unwritable folder, full disc.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: tuple[int, int],
        *,
        frame_rate: float | None = None,
        overwrite: bool = False,
        quality: int = 20,
    ) -> None:
        container = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
        suffix = Path(path).suffix.lower()
        if suffix not in container:
            raise OutputError(f"cannot write {path}: videos are written as {', '.join(container)}")
        if min(size) < 1:
            raise ValueError(f"size must be at least 1 x 1, got {size}")
        self._output = AtomicOutput(path, overwrite=overwrite)
        self.path = self._output.path
        self.size = size
        self.frames = 0
        self._last_pts = -1
        self._first_time = 0.0
        self._closed = False
        options = {"movflags": "+faststart"} if container[suffix] in {"mp4", "mov"} else {}
        try:
            with output_errors(self.path):
                self._container = av.open(
                    str(self._output.partial), "w", format=container[suffix], container_options=options
                )
                self._stream = _add_stream(self._container, size, frame_rate, quality)
                self._clock = Fraction(self._stream.codec_context.time_base)
        except BaseException:
            self._output.discard()
            raise

    def write(self, image: np.ndarray, timestamp: float) -> None:
        """Append one frame.

        Args:
            image: (H, W, 3) uint8 RGB; not changed.
            timestamp: presentation time in seconds, larger than that of the frame before.

        Raises:
            OutputError: the disc is full or the encoder gave up.
        """
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(_pad_even(_fitted(image, self.size))), format="rgb24")
        frame = frame.reformat(
            width=self._stream.width,
            height=self._stream.height,
            format="yuv420p",
            dst_colorspace="ITU709",
            dst_color_range="MPEG",
            threads=1,
        )
        frame.time_base = self._clock
        frame.pts = self._pts(timestamp)
        with output_errors(self.path), _encoder_errors(self.path):
            self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def _pts(self, timestamp: float) -> int:
        # Containers want times from zero up; a source that starts earlier is shifted, one that starts later is not.
        if self.frames == 0:
            self._first_time = min(0.0, timestamp)
        pts = round((timestamp - self._first_time) / float(self._clock))
        # Two frames cannot share an instant; a broken source clock must not end the recording.
        self._last_pts = max(pts, self._last_pts + 1)
        return self._last_pts

    def close(self) -> Path:
        """Finish the file, give it its final name and return that."""
        if self._closed:
            return self.path
        try:
            with output_errors(self.path), _encoder_errors(self.path):
                self._finish()
        except BaseException:
            self._output.discard()
            raise
        return self._output.commit()

    def abandon(self) -> Path | None:
        """Stop: keep what was written under the partial name and return that, or None where nothing was written."""
        if self._closed:
            return None
        with suppress(av.error.FFmpegError, OSError):
            self._finish()
        if self.frames == 0:
            self._output.discard()
            return None
        return self._output.keep_partial()

    def _finish(self) -> None:
        self._closed = True
        try:
            if self.frames:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()


class _encoder_errors:
    """Turns encoder failures that are not operating-system errors into ``OutputError``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(value, av.error.FFmpegError) and not isinstance(value, OSError):
            raise OutputError(f"cannot write {self._path}: {error_text(value)}") from value


def _add_stream(container: Any, size: tuple[int, int], frame_rate: float | None, quality: int) -> Any:
    has_h264 = "libx264" in av.codec.codecs_available
    rate = Fraction(frame_rate or 30).limit_denominator(1001)
    stream = container.add_stream("libx264" if has_h264 else "mpeg4", rate=max(rate, Fraction(1)))
    stream.width, stream.height = (side + side % 2 for side in size)
    stream.pix_fmt = "yuv420p"
    if has_h264:
        stream.options = {"preset": "veryfast", "crf": str(quality)}
    else:
        stream.bit_rate = max(400_000, size[0] * size[1] * 6)
    context = stream.codec_context
    stream.time_base = context.time_base = _H264_CLOCK if has_h264 else _MPEG4_CLOCK
    context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
    context.color_range = 1  # studio range
    context.thread_type = "AUTO"
    return stream


def _fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The picture in the middle of one of this width and height, as large as it fits, its sides in proportion."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    scale = min(size[0] / width, size[1] / height)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = frame.reformat(*inner, threads=1).to_ndarray()
    return canvas


def _pad_even(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return image
