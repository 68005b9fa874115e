"""Videos out: frames with their own times and the sound of their source, whole or visibly partial."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np

from aufait.errors import OutputError
from aufait.files.atomic import AtomicOutput, OutputWriter, output_errors
from aufait.media.containers import error_text, silence_decoders

if TYPE_CHECKING:
    from aufait.media.sound import SoundTrack

_H264_CLOCK = Fraction(1, 90_000)
_MPEG4_CLOCK = Fraction(1, 30_000)  # MPEG-4 knows no finer clock than 1/65535
_KEPT_LEAD = 1.0  # seconds before the first frame that are kept, so that times in the copy are those of the tables
_LONGEST_PAUSE, _CUT_PAUSE, _KEPT_CUTS = 3600.0, 1.0, 100
_LONGEST_LEAD = 10.0  # seconds that sound may begin before the first frame


class VideoWriter(OutputWriter):
    """Write frames with their own times, whole or visibly partial.

    H.264 in 4:2:0 where the encoder is there, else MPEG-4. Sides of odd length are padded by one pixel, as 4:2:0
    demands. Times stay as they are, unless the first is later than a second (or negative): then the file begins there;
    and pauses of more than an hour take a second, for no container holds them all.
    Used as a context manager it finishes the file at the end of the block; when the block is left by an exception, what
    was written stays as ``<stem>.partial<suffix>`` and can be played.

    Args:
        path: file to write; the extension picks the container (.mp4, .m4v, .mov, .mkv).
        size: width and height in pixels; frames of another size are fitted into it, with black bars.
        frame_rate: nominal rate, a hint for the encoder; the times come with the frames.
        overwrite: whether an existing file may be replaced.
        quality: constant rate factor of H.264, 0 (largest) to 51; 20 is hard to distinguish from the source.
        sound: what sounds with the frames; it is closed with the file.

    Attributes:
        zero: time of the frames at which the file begins, in seconds.

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
        sound: SoundTrack | None = None,
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
        self.zero = self._shown_from = 0.0
        self._cuts: list[tuple[float, float]] = []
        self._last_time = 0.0
        self._last_pts = -1
        self._closed = False
        self._sound = sound
        self._format, self._look = container[suffix], (size, frame_rate, quality)
        try:
            with output_errors(self.path):
                self._open()
        except BaseException:
            self._output.discard()
            raise

    def _open(self) -> None:
        """Open the file with the sound unchanged, else with the sound encoded again, else without."""
        silence_decoders()
        ways = [None] if self._sound is None or self._sound.problem else [True, False, None]
        for copied in ways:
            options = {"movflags": "+faststart"} if self._format in {"mp4", "mov"} else {}
            self._container = av.open(str(self._output.partial), "w", format=self._format, container_options=options)
            self._stream = _add_stream(self._container, *self._look)
            self._clock = Fraction(self._stream.codec_context.time_base)
            if self._sound is None or copied is None:
                return
            try:
                self._sound.attach(self._container, self._format, copy=copied)
                self._container.start_encoding()
                return
            except (av.error.FFmpegError, ValueError) as error:
                with suppress(av.error.FFmpegError, OSError, ValueError):
                    self._container.close()
                if not copied:
                    self._sound.problem = error_text(error)

    @property
    def facts(self) -> dict[str, Any]:
        """For the record of a run: where the file begins and what became of the sound."""
        sound = None if self._sound is None else self._sound.facts
        return {"zero": self.zero, "sound": sound} | ({"cuts": self._cuts} if self._cuts else {})

    @property
    def notes(self) -> list[str]:
        """What should be known about the file: sound that is missing."""
        notes = []
        if self._cuts:
            notes.append(f"pauses of more than an hour are cut from the annotated copy (the first at {self._cuts[0][0]:.3f} s)")
        if self._sound is not None and self._sound.problem is not None:
            kind = self._sound.codec or "of an unknown kind"
            notes.append(f"the annotated copy has no sound, or not all of it ({kind}): {self._sound.problem}")
        return notes

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
            if self._sound is not None:
                self._sound.write_until(timestamp)
        self.frames += 1

    def _pts(self, timestamp: float) -> int:
        if self.frames == 0:
            self.zero = self._begin(timestamp)
            self._turn_to(self.zero)
        elif timestamp > self._last_time + _LONGEST_PAUSE:
            cut = timestamp - self._last_time - _CUT_PAUSE
            if len(self._cuts) < _KEPT_CUTS:
                self._cuts.append((self._last_time, cut))
            self._turn_to(self._shown_from + cut)
        self._last_time = timestamp
        pts = round((timestamp - self._shown_from) / float(self._clock))
        # Two frames cannot share an instant; a broken source clock must not end the recording.
        self._last_pts = max(pts, self._last_pts + 1)
        return self._last_pts

    def _begin(self, first: float) -> float:
        """The copy's zero, in the time of the frames: containers want times from zero up, and viewers no hours of nothing."""
        sound = self._sound
        begin = first if sound is None or sound.start is None else min(first, max(sound.start, first - _LONGEST_LEAD))
        return first if first < 0 else begin if begin > _KEPT_LEAD else 0.0

    def _turn_to(self, zero: float) -> None:
        self._shown_from = zero
        if self._sound is not None:
            self._sound.begin(zero)

    def complete(self) -> Path:
        """Finish the file under its partial name and return that."""
        if self._closed:
            return self._output.partial
        try:
            with output_errors(self.path), _encoder_errors(self.path):
                self._finish(whole=True)
        except BaseException:
            self._output.discard()
            raise
        return self._output.partial

    def abandon(self) -> Path | None:
        """Stop: keep what was written under the partial name and return that, or None where nothing was written."""
        if self._closed:
            return None
        with suppress(av.error.FFmpegError, OSError):
            self._finish(whole=False)
        if self.frames == 0:
            self._output.discard()
            return None
        return self._output.keep_partial()

    def _finish(self, *, whole: bool) -> None:
        self._closed = True
        try:
            if self.frames:
                self._container.mux(self._stream.encode(None))
                if self._sound is not None:
                    self._sound.finish(whole=whole)
        finally:
            if self._sound is not None:
                self._sound.close()
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
