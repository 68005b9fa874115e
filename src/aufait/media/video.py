"""Videos and cameras: frames in, with the time at which each is shown.

Timestamps are presentation timestamps of the stream times its time base, in seconds, with nothing subtracted: a
stream whose first frame is shown at 0.04 s starts at 0.04 s. Nothing is derived from an average frame rate, so
variable frame rates come out right. Frames are delivered as a player shows them: turned as the metadata say and with
square pixels. Memory does not grow with the length of the video.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import av
import av.error
import av.stream
import numpy as np

from aufait.errors import InputError
from aufait.media.sources import check_file, content_kind, describe_content

if TYPE_CHECKING:
    from aufait.media.pages import PictureSequence

_ASPECT_TOLERANCE = 0.02  # stored aspects such as 1281:1280 are rounding, not intent
_SHORT_SECONDS = 0.25
_SHORT_SHARE = 0.98
_HDR = {16: "PQ", 18: "HLG"}  # transfer characteristics as H.273 numbers them


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
    """

    size: tuple[int, int]
    frame_rate: float | None
    duration: float | None
    frame_count: int | None
    rotation: int
    codec: str
    stream: int | None = None


class VideoReader:
    """Iterate over the frames of a video once, in the order in which they are shown.

    Damage does not stop the reading: packets that cannot be decoded are skipped and counted, and where a file breaks
    off the iteration ends after the last good frame. Afterwards ``corrupt`` and ``error`` say what was wrong.

    Args:
        path: video file; its content decides, not its extension.
        stream: number of the video stream in the container, from 0; None for the one with most pixels over all frames. Cover
            pictures are never taken.
        threads: decoder threads; 0 lets the decoder choose.

    Attributes:
        info: ``VideoInfo`` from the header.
        frames: frames delivered so far.
        corrupt: frames and packets found damaged so far.
        error: None, or a sentence on why the video ended early; final once the iteration is over.
        notes: sentences on what else should be known: other streams, interlaced or HDR frames, a size that changes.

    Raises:
        InputError: missing, empty, unreadable, not a video, without a video stream or the one asked for; on iteration: not one
            frame decodes.
    """

    live = False
    """Its frames are there when they are asked for."""

    def __init__(self, path: str | os.PathLike[str], *, stream: int | None = None, threads: int = 0) -> None:
        self.path = Path(path)
        self.frames = 0
        self.corrupt = 0
        self.error: str | None = None
        self.notes: list[str] = []
        self._container = open_container(self.path)
        try:
            self._stream = video_stream(self._container, self.path, stream)
            self._note_other_streams(stream)
            self._stream.thread_type = "AUTO"
            self._stream.thread_count = threads
            self._first: list[Any] = []
            self._first_dts: int | None = None
            self._decoded = self._decode()
            # The turn is known only with the first frame.
            if (first := next(self._decoded, None)) is None:
                detail = self.error or "it holds no frame that can be decoded"
                raise InputError(f"{self.path} cannot be read as a video: {detail}; copy or export it again")
            self._first.append(first)
            self._stored_size = (first.width, first.height)
            self._orientation = _orientation(first)
            self._aspect = _pixel_aspect(self._stream)
            self.info = self._describe(first)
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
        previous = -math.inf
        while (frame := self._next()) is not None:
            timestamp = self._time_of(frame, previous)
            previous = timestamp
            corrupt = bool(frame.is_corrupt)
            self.corrupt += corrupt
            self._note_oddities(frame)
            image = _to_rgb(frame, self._aspect, self._orientation)
            index, self.frames = self.frames, self.frames + 1
            yield VideoFrame(index, timestamp, image, corrupt)
        self.close()

    def close(self) -> None:
        """Release the file; reading ends."""
        if (decoded := getattr(self, "_decoded", None)) is not None:
            decoded.close()
        self._container.close()

    def _note_other_streams(self, wanted: int | None) -> None:
        others = [stream for stream in shown_streams(self._container) if stream.index != self._stream.index]
        if wanted is None and others:
            listed = ", ".join(map(_described, others))
            self._note(f"{_described(self._stream)} is analysed; the file also has {listed}: --stream N chooses another")

    def _note_oddities(self, frame: Any) -> None:
        if frame.interlaced_frame:
            self._note("its frames are interlaced: what moves shows as combs; deinterlace it first")
        if transfer := _HDR.get(self._stream.codec_context.color_trc):
            self._note(f"its colours are meant for HDR displays ({transfer}) and are taken as they are; export it as SDR first")
        if (frame.width, frame.height) != self._stored_size:
            self._note("the size of its frames changes; landmarks are in the pixels of each frame")

    def _note(self, sentence: str) -> None:
        note = f"{self.path}: {sentence}"
        if note not in self.notes:
            self.notes.append(note)

    def _next(self) -> Any:
        if self._first:
            return self._first.pop()
        return next(self._decoded, None)

    def _time_of(self, frame: Any, previous: float) -> float:
        pts = frame.pts if frame.pts is not None else frame.dts
        if self._container.format.name == "avi":
            # AVI stores no presentation times, only a steady clock in decoding order; what is offered as such is
            # guesswork.
            pts = None
            if frame.dts is not None:
                self._first_dts = frame.dts if self._first_dts is None else self._first_dts
                pts = frame.dts - self._first_dts
        if pts is not None and frame.time_base is not None:
            return float(pts * frame.time_base)
        # Bare streams carry no times at all; there the nominal rate is the best that can be said.
        step = 1.0 / float(self._stream.average_rate or self._stream.guessed_rate or 25)
        return 0.0 if math.isinf(previous) else previous + step

    def _decode(self) -> Iterator[Any]:
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
                self.error = f"the file breaks off or is damaged ({error_text(error)})"
                with suppress(av.error.FFmpegError):
                    yield _Flush(self._stream)
                return
            yield packet

    def _shortfall(self, count: int, end: float) -> str | None:
        """Compare what was decoded with what the header promised: a cut-off file often ends without any complaint."""
        promised, duration = self._stream.frames, _duration(self._container, self._stream)
        start = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
        if not promised or duration is None or count >= promised * _SHORT_SHARE - 2:
            return None
        if end >= start + duration - _SHORT_SECONDS:
            return None
        return f"the video ends after {end:.2f} s of {start + duration:.2f} s ({count} of {promised} frames)"

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
        )


class _Flush:
    """Stands for the end of the stream where the container broke: asks the decoder for the frames it still holds."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def decode(self) -> list[Any]:
        return list(self._stream.decode(None))


def open_video(path: str | os.PathLike[str], *, stream: int | None = None) -> VideoReader | PictureSequence:
    """Open a video for reading, see ``VideoReader``; or a picture with its pages or animation frames as a sequence."""
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
                    yield VideoFrame(index, time - start, _to_rgb(frame, Fraction(1), (False, False, False)))
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


def open_container(path: Path) -> Any:
    """Open a local video file with PyAV, whatever the file itself names.

    Raises:
        InputError: not a file, or not one that can be opened.
    """
    check_file(path, "video")
    try:
        # A plain file name could be taken for a protocol ("a:b.mp4"); only local files are ever opened.
        return av.open(
            str(path.resolve()), options={"protocol_whitelist": "file,crypto,data"}, metadata_errors="ignore"
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be opened as a video ({error_text(error)}): {describe_content(path)}. "
            "Recordings that were cut off often lack their index and cannot be opened by any program"
        ) from error


def video_stream(container: Any, path: Path, number: int | None = None) -> Any:
    """The stream with this number or, without one, that with most pixels over all frames.

    Raises:
        InputError: there is none.
    """
    streams = shown_streams(container)
    if not streams:
        kinds = {"a cover picture" if stream.type == "video" else stream.type for stream in container.streams}
        held = ", ".join(sorted(kinds)) or "nothing"
        raise InputError(f"{path} has no video stream (it holds {held}); choose a file with pictures in it")
    if number is not None:
        chosen = [stream for stream in streams if stream.index == number]
        if not chosen:
            raise InputError(f"{path} has no video stream {number}; it has {', '.join(map(_described, streams))}")
        return chosen[0]
    counted = all(stream.frames for stream in streams)
    return max(streams, key=lambda stream: _pixels(stream, counted))


def shown_streams(container: Any) -> list[Any]:
    """The video streams that are no covers or other attached pictures."""
    attached = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & attached]


def _pixels(stream: Any, counted: bool) -> tuple[int, bool]:
    frames = stream.frames if counted else 1
    return frames * stream.width * stream.height, bool(stream.disposition & av.stream.Disposition.default)


def _described(stream: Any) -> str:
    frames = f", {stream.frames} frames" if stream.frames else ""
    return f"stream {stream.index} ({stream.codec_context.name}, {stream.width} x {stream.height}{frames})"


def _duration(container: Any, stream: Any) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration and container.duration > 0 else None


def _end_of(frame: Any) -> float:
    if frame.pts is None or frame.time_base is None:
        return 0.0
    return float((frame.pts + (frame.duration or 0)) * frame.time_base)


def _pixel_aspect(stream: Any) -> Fraction:
    aspect = stream.sample_aspect_ratio
    if not aspect or not Fraction(1, 4) <= aspect <= 4 or abs(float(aspect) - 1) < _ASPECT_TOLERANCE:
        return Fraction(1)
    return Fraction(aspect)


def _square_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Size with square pixels: the longer pixel side is stretched, so no detail is lost."""
    if aspect > 1:
        return round(width * aspect), height
    return width, round(height / aspect)


def _to_rgb(frame: Any, aspect: Fraction, orientation: tuple[bool, bool, bool]) -> np.ndarray:
    width, height = _square_size(frame.width, frame.height, aspect)
    # One thread: at these sizes starting more costs more than it saves.
    image = frame.reformat(width=width, height=height, format="rgb24", threads=1).to_ndarray()
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


def error_text(error: BaseException) -> str:
    """What FFmpeg or the system said, without a full stop."""
    return str(getattr(error, "strerror", None) or error).strip().rstrip(".")
