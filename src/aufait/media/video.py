"""Videos and cameras: frames in, with the time at which each is shown.

Timestamps are presentation timestamps of the stream times its time base, in seconds, with nothing subtracted: a
stream whose first frame is shown at 0.04 s starts at 0.04 s. Nothing is derived from an average frame rate, so
variable frame rates come out right. Times that do not go forward are repaired, see ``aufait.media.frame_times``. Frames
are delivered as an ordinary display shows them: turned as the metadata say, with square pixels, deinterlaced, HDR brought
down to BT.709. Memory does not grow with the length of the video.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, dropwhile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import av
import av.error
import av.stream
import numpy as np

from aufait.errors import InputError
from aufait.media import deinterlace
from aufait.media.addresses import Address, find_address
from aufait.media.colours import RgbConverter
from aufait.media.containers import breaking_off, check_stream, decoder_threads, error_text, open_container, silence_decoders
from aufait.media.frame_times import FrameTimes
from aufait.media.limits import check_frame
from aufait.media.missing_end import missing_bytes
from aufait.media.sources import check_file, content_kind

if TYPE_CHECKING:
    from aufait.media.pages import PictureSequence

_ASPECT_TOLERANCE = 0.02  # stored aspects such as 1281:1280 are rounding, not intent
_SHORT_SECONDS = 0.25
_SHORT_SHARE = 0.98
_MAX_SIDE = 16_384  # of a picture whose oblong pixels are made square by stretching
_KEPT_SIZES = 100
_CLOCKS_RUN_OVER = {"mpegts", "mpeg"}
_SAME_INSTANT = 0.002  # seconds: times that are asked for may be rounded
_LATE_START = 10.0  # seconds from which on a late first frame is reported


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One decoded frame.

    Attributes:
        index: position among the decoded frames, from 0.
        timestamp: presentation time in seconds.
        image: (H, W, 3) uint8 RGB, upright, C-contiguous; the caller may change it.
        corrupt: the decoder had to make up a part of this frame.
    """

    index: int
    timestamp: float
    image: np.ndarray
    corrupt: bool = False


@dataclass(frozen=True)
class VideoInfo:
    """What the container says about a video before any frame is decoded.

    Attributes:
        size: width and height of the delivered frames (after turning and squaring the pixels).
        frame_rate: average frames per second, or None where unknown. Never used for timestamps.
        duration: seconds, or None where unknown.
        frame_count: frames to expect, for progress bars; None where unknown. The true number is known after reading.
        rotation: quarter turns applied to every frame, as degrees counter-clockwise (0, 90, 180 or 270).
        codec: name of the decoder.
        stream: number of the stream in the container, from 0; None for pictures and cameras.
        start: time at which the container says that it begins, in seconds; None where it does not.
        first_frame: time of the first frame in seconds; None where unknown.
    """

    size: tuple[int, int]
    frame_rate: float | None
    duration: float | None
    frame_count: int | None
    rotation: int
    codec: str
    stream: int | None = None
    start: float | None = None
    first_frame: float | None = None


class VideoReader:
    """Iterate over the frames of a video once, in the order in which they are shown.

    Damage does not stop the reading: packets that cannot be decoded are skipped and counted, and where a file breaks
    off the iteration ends after the last good frame. Afterwards ``corrupt`` and ``error`` say what was wrong.

    Args:
        path: video file, whose content decides, not its extension; or a network address.
        stream: number of the video stream in the container, from 0; None for the one with most pixels over all frames. Cover
            pictures are never taken.
        threads: decoder threads; 0 lets the decoder choose.

    Attributes:
        info: ``VideoInfo`` from the header.
        live: whether frames come in their own time; False where they are there when they are asked for.
        frames: frames delivered so far.
        corrupt: frames and packets found damaged so far.
        error: None, or a sentence on why the video ended early; final once the iteration is over.
        notes: sentences on what else should be known: other streams, interlaced or HDR frames, a size or clock that changes.
        doubts: sentences on what makes results doubtful, such as times that had to be guessed; final once the iteration is over.

    Raises:
        InputError: missing, empty, unreadable, not a video, without a video stream or the one asked for; on iteration: not one
            frame decodes.
    """

    def __init__(self, path: str | os.PathLike[str] | Address, *, stream: int | None = None, threads: int = 0) -> None:
        self.path = path if isinstance(path, Address) else Path(path)
        self.live = isinstance(path, Address) and path.live
        self.frames = 0
        self.corrupt = 0
        self.error: str | None = None
        self.notes: list[str] = []
        self.doubts: list[str] = []
        self._rgb = RgbConverter()
        self._deinterlacer = deinterlace.Deinterlacer()
        self._size: tuple[int, int] | None = None
        self._sizes: list[tuple[int, int]] = []
        self._container = open_container(self.path)
        try:
            self._stream = video_stream(self._container, self.path, stream)
            check_stream(self.path, self._stream)
            self._note_other_streams(stream)
            self._stream.thread_type = "AUTO"
            self._stream.thread_count = threads or decoder_threads(self._stream)
            self._first_dts: int | None = None
            self._times = FrameTimes(self._step(), runs_over=self._container.format.name in _CLOCKS_RUN_OVER)
            self._decoding = self._decode()
            # The turn is known only with the first frame.
            if (first := next(self._decoding, None)) is None:
                detail = self.error or "it holds no frame that can be decoded"
                raise InputError(f"{self.path} cannot be read as a video: {detail}; copy or export it again")
            self._decoded: Iterator[Any] = chain([first], self._decoding)
            self._orientation = _orientation(first)
            self._aspect = _pixel_aspect(self._stream.sample_aspect_ratio)
            self.info = self._describe(first)
            check_frame(str(self.path), *self.info.size)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Frames to expect, 0 where unknown; an estimate for progress bars."""
        return self.info.frame_count or 0

    def __iter__(self) -> Iterator[VideoFrame]:
        for frame, (timestamp, corrupt) in self._deinterlaced():
            self.corrupt += corrupt
            image = self._upright(frame)
            index, self.frames = self.frames, self.frames + 1
            self._note_oddities()
            yield VideoFrame(index, timestamp, image, corrupt)
        self._judge_times()
        self.close()

    def frame_at(self, seconds: float) -> VideoFrame | None:
        """The frame that is shown at a time: the last that begins by then, else the first; by way of the key frame before it.

        Its ``index`` is not known and 0. Frames can afterwards be taken with this method only.

        Raises:
            InputError: the file cannot be searched there.
        """
        try:
            self._container.seek(int(max(seconds, 0.0) / (self._stream.time_base or 1)), stream=self._stream)
        except (av.error.FFmpegError, OverflowError) as error:
            raise InputError(f"{self.path} cannot be searched at {seconds:.3f} s: {error_text(error)}") from error
        self._decoding.close()
        self._decoding = self._decoded = self._decode()
        self._times = FrameTimes(self._step(), runs_over=self._container.format.name in _CLOCKS_RUN_OVER)
        chosen = None
        for frame, (timestamp, corrupt) in self._deinterlaced():
            if chosen is not None and timestamp > seconds + _SAME_INSTANT:
                break
            chosen = frame, timestamp, corrupt
        return None if chosen is None else VideoFrame(0, chosen[1], self._upright(chosen[0]), chosen[2])

    def begin_at(self, frame: int, stored: int, search: int) -> None:
        """Reading goes on with another frame; ``aufait.media.pieces`` knows which, and in which files that is exact.

        Args:
            frame: its number, from 0.
            stored: its stored time in units of the stream.
            search: what to search for: the key frame at or before it.

        Raises:
            InputError: the file cannot be searched.
        """
        try:
            self._container.seek(search, stream=self._stream)
        except (av.error.FFmpegError, OverflowError) as error:
            raise InputError(f"{self.path} cannot be searched for frame {frame + 1}: {error_text(error)}") from error
        self._decoding.close()
        self._decoding = self._decode()
        self._decoded = dropwhile(lambda one: one.pts is None or one.pts < stored, self._decoding)
        self._times = FrameTimes(self._step(), runs_over=self._container.format.name in _CLOCKS_RUN_OVER)
        self._deinterlacer = deinterlace.Deinterlacer()
        self.frames = frame

    @property
    def shifts(self) -> list[float]:
        """Seconds that were added to the stored times: 0, and one more entry for each place where the clock starts again."""
        return self._times.shifts

    @property
    def facts(self) -> dict[str, Any]:
        """What was done to the frames so far and found in their times, for the record of a run."""
        facts: dict[str, Any] = {}
        if self._deinterlacer.used:
            facts["deinterlaced"] = None if self._deinterlacer.problem else deinterlace.METHOD
        if self._rgb.colours is not None:
            facts["colours"] = self._rgb.colours.facts
        if len(self._sizes) > 1:
            facts["sizes"] = self._sizes
        if times := self._times.facts:
            facts["times"] = times
        return facts

    def close(self) -> None:
        """Release the file; reading ends."""
        if (decoding := getattr(self, "_decoding", None)) is not None:
            decoding.close()
        self._container.close()

    def _note_other_streams(self, wanted: int | None) -> None:
        others = [stream for stream in shown_streams(self._container) if stream.index != self._stream.index]
        if wanted is None and others:
            listed = ", ".join(map(_described, others))
            self._note(f"{_described(self._stream)} is analysed; the file also has {listed}: --stream N chooses another")

    def _note_oddities(self) -> None:
        if self._deinterlacer.problem:
            self._note(f"its frames are interlaced and left so ({self._deinterlacer.problem}): what moves shows as combs")
        elif self._deinterlacer.used:
            self._note("its frames are interlaced; they are deinterlaced")
        if (colours := self._rgb.colours) is not None:
            what = "have a wide gamut" if colours.transfer == "SDR" else "are meant for HDR displays"
            self._note(f"its colours {what} ({colours}); they are converted to SDR, BT.709")
        if len(self._sizes) > 1:
            self._note("the size of its frames changes; landmarks are in the pixels of each frame")
        if (first := self.info.first_frame) is not None and first >= _LATE_START:
            self._note(f"its first frame has the time {first:.3f} s; times are given as in the file")

    def _judge_times(self) -> None:
        times = self._times
        if times.joined:
            first, more = times.joints[0], f" ({times.joined} such places)" if times.joined > 1 else ""
            self._note(f"its clock starts again at frame {first.frame}{more}; times continue from the frame before")
        if times.leaps:
            first = times.leaps[0]
            more = f" ({len(times.leaps)} such places)" if len(times.leaps) > 1 else ""
            self._note(f"its time jumps ahead to {first.stored:.3f} s at frame {first.frame}{more}; times are given as in the file")
        if times.is_counted:
            self._note(f"it stores no times; frames are counted at {1 / times.step:.6g} per second")
        elif times.estimates:
            self.doubts.append(
                f"{times.estimates} frames have no usable time of their own (the first is frame {times.estimated[0]}): "
                "they are put between their neighbours"
            )

    def _note(self, sentence: str) -> None:
        note = f"{self.path}: {sentence}"
        if note not in self.notes:
            self.notes.append(note)

    def _upright(self, frame: Any) -> np.ndarray:
        """The frame's picture as a display shows it."""
        size = frame.width, frame.height
        if size != self._size:
            if self._size is not None:  # another size may come with pixels of another shape
                self._aspect = _pixel_aspect(self._stream.codec_context.sample_aspect_ratio or self._stream.sample_aspect_ratio)
            self._size = size
            if size not in self._sizes and len(self._sizes) < _KEPT_SIZES:
                self._sizes.append(size)
        image = self._rgb(frame, self._stream.codec_context, _square_size(*size, self._aspect))
        return _turned(image, self._orientation)

    def _deinterlaced(self) -> Iterator[tuple[Any, tuple[float, bool]]]:
        """Frames of one instant, each with its time and whether it is damaged."""
        for frame, timestamp in self._timed():
            yield from self._deinterlacer.push(frame, (timestamp, bool(frame.is_corrupt)))
        yield from self._deinterlacer.finish()

    def _timed(self) -> Iterator[tuple[Any, float]]:
        """Frames with their times; each waits for the next one, which shows whether its own time can be right."""
        waiting: Any = None
        stored: float | None = None
        for frame in self._decoded:
            following = self._stored_time(frame, stored)
            if waiting is not None:
                yield waiting, self._times(stored, following)
            waiting, stored = frame, following
        if waiting is not None:
            yield waiting, self._times(stored, None)

    def _stored_time(self, frame: Any, previous: float | None) -> float | None:
        """The time of a frame as the file states it, in seconds; that of the frame before helps where there is only a clock."""
        if frame.time_base is None:
            return None
        if self._container.format.name == "avi":
            # AVI stores no presentation times, only a steady clock in decoding order; what is offered as such is
            # guesswork.
            if frame.dts is None:
                return None if previous is None else previous + self._times.step
            self._first_dts = frame.dts if self._first_dts is None else self._first_dts
            return float((frame.dts - self._first_dts) * frame.time_base)
        pts = frame.pts if frame.pts is not None else frame.dts
        return None if pts is None else float(pts * frame.time_base)

    def _step(self) -> float:
        """Seconds from frame to frame, nominally."""
        return 1.0 / float(self._stream.average_rate or self._stream.guessed_rate or 25)

    def _decode(self) -> Generator[Any, None, None]:
        count, end = 0, 0.0
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.error.EOFError:
                break
            except (av.error.FFmpegError, ValueError):
                self.corrupt += 1
                continue
            for frame in frames:
                count += 1
                end = max(end, _end_of(frame))
                yield frame
        if self.error is None:
            self.error = self._shortfall(count, end)

    def _packets(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, ValueError) as error:
                self.error = breaking_off(self.path, error)
                with suppress(av.error.FFmpegError):
                    yield _Flush(self._stream)
                return
            yield packet

    def _shortfall(self, count: int, end: float) -> str | None:
        """Compare what was decoded with what the header promised: a cut-off file often ends without any complaint."""
        promised, duration = self._stream.frames, _duration(self._container, self._stream)
        start = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
        few = promised and count < promised * _SHORT_SHARE - 2
        if few and duration is not None and end < start + duration - _SHORT_SECONDS:
            return f"the video ends after {end:.2f} s of {start + duration:.2f} s ({count} of {promised} frames)"
        if isinstance(self.path, Path) and not (promised and count >= promised) and (missing := missing_bytes(self.path)):
            return f"the file is cut off, {missing} bytes are missing at its end; the video ends after {end:.2f} s"
        return None

    def _describe(self, first: Any) -> VideoInfo:
        width, height = _square_size(first.width, first.height, self._aspect)
        transpose, _, _ = self._orientation
        rate = self._stream.average_rate or self._stream.guessed_rate
        duration = _duration(self._container, self._stream)
        count = self._stream.frames or (round(duration * float(rate)) if duration and rate else None)
        return VideoInfo(
            size=(height, width) if transpose else (width, height),
            frame_rate=float(rate) if rate else None,
            duration=duration,
            frame_count=count,
            rotation=_degrees(self._orientation),
            codec=self._stream.codec_context.name,
            stream=self._stream.index,
            start=None if self._container.start_time is None else self._container.start_time / 1_000_000,
            first_frame=self._stored_time(first, None),
        )


class _Flush:
    """Stands for the end of the stream where the container broke: asks the decoder for the frames it still holds."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def decode(self) -> list[Any]:
        return list(self._stream.decode(None))


def open_video(path: str | os.PathLike[str] | Address, *, stream: int | None = None) -> VideoReader | PictureSequence:
    """Open a video for reading, see ``VideoReader``; or a picture with its pages or animation frames as a sequence."""
    if isinstance(path, str):
        path = find_address(path) or path
    if isinstance(path, Address):
        return VideoReader(path, stream=stream)
    check_file(Path(path), "video")
    if content_kind(path) == "image":
        from aufait.media.pages import PictureSequence

        return PictureSequence(path)
    return VideoReader(path, stream=stream)


def open_camera(device: str | int = 0) -> Camera:
    """Open a camera by number or name; see ``Camera``."""
    return Camera(device)


class Camera:
    """Frames of a camera as they come, without end; ``VideoFrame.timestamp`` counts seconds from the first frame.

    Args:
        device: number of the camera ("0" is the first) or its name: a path such as ``/dev/video0`` on Linux, a name
            on Windows.
        size: width and height to ask for, or None for the camera's default.
        frame_rate: frames per second to ask for, or None.

    Raises:
        InputError: there is no such camera, it is in use, or access is not allowed.
    """

    live = True
    """Its frames come in their own time."""

    def __init__(
        self, device: str | int = 0, *, size: tuple[int, int] | None = None, frame_rate: float | None = None
    ) -> None:
        file, device_format = _camera_address(str(device))
        options = {"video_size": f"{size[0]}x{size[1]}"} if size else {}
        if frame_rate or device_format == "avfoundation":  # macOS refuses its own default of 29.97
            options["framerate"] = f"{frame_rate or 30:g}"
        silence_decoders()
        try:
            self._container = av.open(file, format=device_format, options=options)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise InputError(_camera_problem(str(device), file, error)) from error
        self._stream = self._container.streams.video[0]
        self.path = Path(file)
        self.frames = 0
        self.corrupt = 0
        self.error: str | None = None
        self.notes: list[str] = []
        self.doubts: list[str] = []
        self._rgb = RgbConverter()
        rate = self._stream.average_rate
        self.info = VideoInfo(
            size=(self._stream.width, self._stream.height),
            frame_rate=float(rate) if rate else None,
            duration=None,
            frame_count=None,
            rotation=0,
            codec=self._stream.codec_context.name,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[VideoFrame]:
        start: float | None = None
        try:
            for packet in self._container.demux(self._stream):
                for frame in self._frames_of(packet):
                    time = frame.time or 0.0
                    start = time if start is None else start
                    index, self.frames = self.frames, self.frames + 1
                    image = self._rgb(frame, self._stream.codec_context, (frame.width, frame.height))
                    yield VideoFrame(index, time - start, image)
        except (av.error.FFmpegError, OSError) as error:
            self.error = f"the camera stopped ({error_text(error)})"

    def _frames_of(self, packet: Any) -> list[Any]:
        try:
            return list(packet.decode())
        except av.error.FFmpegError:  # cameras drop bytes now and then
            self.corrupt += 1
            return []

    def close(self) -> None:
        """Release the camera."""
        self._container.close()


def video_stream(container: Any, path: Path | Address, number: int | None = None) -> Any:
    """The stream with this number or, without one, that with most pixels over all frames.

    Raises:
        InputError: there is none.
    """
    streams = shown_streams(container)
    if not streams:
        kinds = {"a cover picture" if stream.type == "video" else stream.type for stream in container.streams}
        held = ", ".join(sorted(kinds)) or "nothing"
        raise InputError(f"{path} has no video stream (it holds {held}); choose a file with pictures in it")
    streams = [stream for stream in streams if stream.codec_context is not None]
    if not streams:
        raise InputError(f"nothing here decodes the video in {path}: it is damaged or of a rare kind; convert it to MP4 (H.264)")
    if number is not None:
        chosen = [stream for stream in streams if stream.index == number]
        if not chosen:
            raise InputError(f"{path} has no video stream {number}; it has {', '.join(map(_described, streams))}")
        return chosen[0]
    counted = all(stream.frames for stream in streams)
    return max(streams, key=lambda stream: _pixels(stream, counted))


def shown_streams(container: Any) -> list[Any]:
    """The video streams that are not covers or other attached pictures."""
    attached = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & attached]


def _pixels(stream: Any, counted: bool) -> tuple[int, bool]:
    frames = stream.frames if counted else 1
    return frames * stream.width * stream.height, bool(stream.disposition & av.stream.Disposition.default)


def _described(stream: Any) -> str:
    if stream.codec_context is None:
        return f"stream {stream.index} (nothing here decodes it)"
    frames = f", {stream.frames} frames" if stream.frames else ""
    return f"stream {stream.index} ({stream.codec_context.name}, {stream.width} x {stream.height}{frames})"


def _duration(container: Any, stream: Any) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if not container.duration or container.duration < 0:
        return None
    start = container.start_time or 0
    if container.format.name.startswith("matroska") and 0 < start < container.duration:  # there it counts from zero
        return float(container.duration - start) / 1_000_000
    return float(container.duration) / 1_000_000


def _end_of(frame: Any) -> float:
    if frame.pts is None or frame.time_base is None:
        return 0.0
    return float((frame.pts + (frame.duration or 0)) * frame.time_base)


def _pixel_aspect(told: Fraction | None) -> Fraction:
    if not told or not Fraction(1, 4) <= told <= 4 or abs(float(told) - 1) < _ASPECT_TOLERANCE:
        return Fraction(1)
    return Fraction(told)


def _square_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Size with square pixels: the longer pixel side is stretched, so no detail is lost, unless the picture grew too large."""
    if aspect > 1:
        wide = round(width * aspect)
        return (wide, height) if wide <= _MAX_SIDE else (width, max(1, round(height / aspect)))
    tall = round(height / aspect)
    return (width, tall) if tall <= _MAX_SIDE else (max(1, round(width * aspect)), height)


def _turned(image: np.ndarray, orientation: tuple[bool, bool, bool]) -> np.ndarray:
    transpose, flip_x, flip_y = orientation
    if transpose:
        image = image.transpose(1, 0, 2)
    image = image[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
    return np.ascontiguousarray(image)


def _orientation(frame: Any) -> tuple[bool, bool, bool]:
    """How to bring a frame upright: swap the axes, then flip x, then flip y.

    The display matrix maps stored to shown coordinates: x' = a x + c y, y' = b x + d y. Only its quarter turns and
        mirrorings
    are applied; the angle that PyAV offers would lose the mirroring of front cameras.
    """
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if side_data is None:
        return False, False, False
    matrix = np.frombuffer(bytes(side_data), dtype=np.int32)
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0


def _degrees(orientation: tuple[bool, bool, bool]) -> int:
    transpose, flip_x, flip_y = orientation
    if transpose:
        return 90 if flip_y and not flip_x else 270 if flip_x and not flip_y else 90
    return 180 if flip_x and flip_y else 0


def _camera_address(device: str) -> tuple[str, str]:
    if sys.platform == "darwin":
        return device, "avfoundation"
    if sys.platform == "win32":
        name = device
        if device.isdecimal():
            name = _camera_names().get(int(device), device)
        return f"video={name}", "dshow"
    return (f"/dev/video{device}" if device.isdecimal() else device), "v4l2"


def _camera_names() -> dict[int, str]:
    """Names of the cameras by number, as far as the system lists them."""
    form = {"darwin": "avfoundation", "win32": "dshow"}.get(sys.platform, "v4l2")
    try:
        from av.device import enumerate_input_devices

        devices = enumerate_input_devices(form)
    except (ImportError, av.error.FFmpegError, OSError, ValueError, RuntimeError):
        return {}
    cameras = [device for device in devices if not device.media_types or "video" in device.media_types]
    return {number: device.description or device.name for number, device in enumerate(cameras)}


def _camera_problem(device: str, file: str, error: BaseException) -> str:
    names = _camera_names()
    if sys.platform.startswith("linux"):
        found = sorted(str(path) for path in Path("/dev").glob("video*"))
    else:
        found = [f"{number}: {name}" for number, name in names.items()]
    cameras = f"cameras found: {', '.join(found)}" if found else "no camera was found on this computer"
    return (
        f"camera {device} ({file}) cannot be opened: {error_text(error)}; {cameras}. Check that no other program uses it"
    )
