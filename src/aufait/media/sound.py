"""The sound of a video for its annotated copy: packets as they are, or AAC where the copy's container cannot hold them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import av.error
import av.stream
from av.bitstream import BitStreamFilterContext

from aufait.errors import InputError
from aufait.media.video import error_text, open_container

_PLAYABLE = {"aac", "mp3", "ac3", "alac", "flac", "opus"}
_COPIED = {"mp4": _PLAYABLE, "mov": _PLAYABLE | {"pcm_s16le", "pcm_s16be", "pcm_s24le"}}  # into Matroska everything
_BACK, _RUN_OVER = 0.5, 3600.0  # seconds back, or forward, from which on a clock starts again, as with pictures
_EARLIEST = -0.25  # seconds before the copy's begin: what an encoder needs to settle; more would delay the pictures
_ENCODER_RATES = {8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000}


class SoundTrack:
    """The main sound of a file, handed over as far as the pictures have come, with the times of the pictures.

    Args:
        path: the video file; it is read a second time, separately from the pictures.
        shifts: what has been added to the stored times of the pictures so far, see ``FrameTimes.shifts``; may grow meanwhile.

    Attributes:
        start: stored time of the first sound in seconds; None where the file has no sound.
        codec: its name, "" where unknown.
        problem: None, or why sound is missing from the copy.

    Raises:
        InputError: the file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], shifts: Sequence[float] = (0.0,)) -> None:
        self.start: float | None = None
        self.codec = ""
        self.problem: str | None = None
        self.copied = False
        self._shifts, self._shift = shifts, 0
        self._own_shift = 0.0
        self._out: Any = None
        self._unwrapped: Any = None
        self._target: Any = None
        self._zero = 0.0
        self._before = self._last = -math.inf  # stored time and time in the copy of the last packet
        self._waiting: Any = None
        self._container = open_container(Path(path))
        self._stream = _main_sound(self._container)
        self._number: int | None = None if self._stream is None else self._stream.index
        self._packets: Iterator[Any] = iter(())
        if self._stream is not None and self._stream.codec_context is not None:
            codec = self._stream.codec_context.codec
            self.codec = str(getattr(codec, "canonical_name", codec.name))
            self._packets = self._read()
            self._waiting = next(self._packets, None)
            self.start = None if self._waiting is None else _time(self._waiting)
        elif self._stream is not None:
            self.problem = "no decoder knows its kind"

    @property
    def exists(self) -> bool:
        """Whether the file has sound."""
        return self._stream is not None

    def attach(self, target: Any, container_format: str, *, copy: bool = True) -> None:
        """Add the track to an output container whose header is not yet written.

        Args:
            target: output container of PyAV.
            container_format: "mp4", "mov" or "matroska".
            copy: leave the packets as they are, if the container can hold them.

        Raises:
            av.error.FFmpegError, ValueError: the container or the encoder refuses it.
        """
        self._target = target
        self.copied = copy and self.codec in _COPIED.get(container_format, {self.codec})
        if self.copied:
            self._out = _same_stream(target, self._stream)
            if self.codec == "aac" and not self._stream.codec_context.extradata:
                # Each packet of a transport stream says again what it is; elsewhere the header does. Muxers would do this
                # themselves, but give up at the first damaged packet.
                self._unwrapped = BitStreamFilterContext("aac_adtstoasc", self._stream)
            return
        rate = self._stream.codec_context.sample_rate
        self._out = target.add_stream("aac", rate=rate if rate in _ENCODER_RATES else 48_000)
        self._out.codec_context.layout = "mono" if self._stream.codec_context.channels == 1 else "stereo"

    def begin(self, zero: float) -> None:
        """Say which time of the pictures is the copy's zero, in seconds; also later, where a pause is cut from the copy."""
        self._zero = zero

    def write_until(self, time: float) -> None:
        """Hand over what sounds up to this time of the pictures, in seconds.

        Raises:
            OSError: the disc is full.
        """
        while self._out is not None and self._waiting is not None:
            stored = _time(self._waiting)
            if stored is None:
                self._waiting = next(self._packets, None)
                continue
            if stored < self._before - _BACK and not self._next_shift(time, stored):
                return  # the pictures have not come to that place yet
            if stored > self._before + _RUN_OVER and self._shift + 1 < len(self._shifts):
                self._next_shift(time, stored)
            shown = stored + self._current_shift() - self._zero
            if stored + self._current_shift() > time:
                return
            self._before = stored
            packet, self._waiting = self._waiting, next(self._packets, None)
            if shown > self._last and shown >= _EARLIEST:
                self._last = shown
                self._hand_over(packet, shown)

    def finish(self, *, whole: bool = True) -> None:
        """Hand over the rest, or with ``whole`` off what the encoder still holds, and close the source."""
        if whole:
            self.write_until(math.inf)
        if self._out is not None and not self.copied:
            with suppress(av.error.EOFError):
                self._mux(lambda: [*self._out.encode(None)])
        self.close()

    def close(self) -> None:
        """Release the source."""
        self._out = None
        self._container.close()

    @property
    def facts(self) -> dict[str, Any]:
        """For the record of a run."""
        written = None if self.problem else "copied" if self.copied else "aac"
        return {"codec": self.codec, "stream": self._number, "written": written}

    def _read(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.FFmpegError, ValueError):  # the reader of the pictures reports where a file breaks off
                return
            if packet.size:
                yield packet

    def _current_shift(self) -> float:
        shifts = self._shifts
        return self._own_shift if self._shift >= len(shifts) else shifts[self._shift]

    def _next_shift(self, time: float, stored: float) -> bool:
        """Go to the next place where the clock starts again; False while the pictures do not know of it."""
        if self._shift + 1 >= len(self._shifts):
            if not math.isinf(time):
                return False
            self._own_shift = self._last + self._zero + 0.02 - stored  # only the sound starts again
        self._shift += 1
        self._before = stored
        return True

    def _hand_over(self, packet: Any, shown: float) -> None:
        if not self.copied:
            self._mux(lambda: self._encoded(packet, shown))
            return
        if self._unwrapped is not None:
            try:
                (packet,) = self._unwrapped.filter(packet)
            except (av.error.FFmpegError, ValueError):
                return  # damaged
        packet.stream = self._out
        packet.pts = packet.dts = round(shown / packet.time_base)
        self._mux(lambda: [packet])

    def _encoded(self, packet: Any, shown: float) -> list[Any]:
        made: list[Any] = []
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):  # damaged; the next one may be whole
            return made
        for frame in frames:
            if not frame.time_base or not frame.sample_rate:
                continue
            frame.pts = round(shown / frame.time_base)
            shown += frame.samples / frame.sample_rate
            made += self._out.encode(frame)
        return made

    def _mux(self, packets: Callable[[], Sequence[Any]]) -> None:
        try:
            for packet in packets():
                self._target.mux(packet)
        except (av.error.FFmpegError, ValueError) as error:
            if isinstance(error, OSError) and not isinstance(error, ValueError):
                raise
            self.problem, self._out = f"it breaks off ({error_text(error)})", None


def open_sound(path: str | os.PathLike[str], shifts: Sequence[float]) -> SoundTrack | None:
    """The sound of a video file, or None where it has none."""
    try:
        sound = SoundTrack(path, shifts)
    except InputError:
        return None
    if sound.exists:
        return sound
    sound.close()
    return None


def _main_sound(container: Any) -> Any:
    streams = container.streams.audio
    preferred = [stream for stream in streams if stream.disposition & av.stream.Disposition.default]
    return next(iter([*preferred, *streams]), None)


def _time(packet: Any) -> float | None:
    stamp = packet.pts if packet.pts is not None else packet.dts
    return None if stamp is None or not packet.time_base else float(stamp * packet.time_base)


def _same_stream(target: Any, stream: Any) -> Any:
    if hasattr(target, "add_stream_from_template"):
        return target.add_stream_from_template(stream)
    return target.add_stream(template=stream)
