"""Opening videos: real media containers only, whatever else FFmpeg would take for a video.

FFmpeg would also open text as a film of letters, playlists that name further files, patterns of pictures, screens and devices.
Here a list says which of its readers and protocols may be used: a file is read from the disc and cannot lead to other files, an
address is read from the network within a time limit.
"""

from __future__ import annotations

import ssl
import threading
import time
from pathlib import Path
from typing import Any

import av
import av.error
import av.logging

from aufait.errors import InputError
from aufait.machine import cores
from aufait.media.addresses import Address
from aufait.media.limits import MAX_FRAME_PIXELS, check_frame
from aufait.media.sources import check_file, describe_content

CONTAINERS = (
    *("mov", "matroska", "avi", "asf", "flv", "ogg", "mpegts", "mpeg", "mxf", "gxf", "wtv", "rm", "nut", "dv", "yuv4mpegpipe"),
    *("h264", "hevc", "vvc", "av1", "obu", "ivf", "mpegvideo", "m4v", "mjpeg"),
    *("mp3", "aac", "flac", "wav"),
)
"""FFmpeg's readers that may be used: containers, bare streams of one codec, and sound, to say that it has no pictures."""

TIMEOUT_SECONDS = 10.0
"""How long a server may take to answer, and how long nothing may come from it."""

_MOST_THREADS = 16  # that FFmpeg would start by itself
_THREADS_PIXELS = 64_000_000
_LOG = threading.Lock()


def open_container(path: Path | Address) -> Any:
    """Open a video file, or the address of one, with PyAV.

    Raises:
        InputError: no file, not a media container, not one that can be opened, or a server that cannot be reached.
    """
    silence_decoders()
    if isinstance(path, Address):
        return _open_address(path)
    check_file(path, "video")
    # A plain file name could be taken for a protocol ("a:b.mp4"); only local files are ever opened.
    file, options = str(path.resolve()), {**_limits(), "protocol_whitelist": "file"}
    try:
        return av.open(file, options=options, metadata_errors="ignore")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if isinstance(error, av.error.ArgumentError) and (refused := _refused_format(file, options)):
            raise InputError(f"{path} cannot be opened as a video: FFmpeg takes it for {refused}: {_instead(path)}") from error
        raise InputError(
            f"{path} cannot be opened as a video ({error_text(error)}): {describe_content(path)}. "
            "Recordings that were cut off often lack their index and cannot be opened by any program"
        ) from error


def silence_decoders() -> None:
    """What FFmpeg has to say goes nowhere, as PyAV has it when it is imported; to be called before anything is decoded or encoded.

    Other packages turn its messages on (torchvision up to 0.21 does, on import). Then a decoder's thread that has something to say
    waits for Python's lock, and whoever closes that video holds the lock and waits for the thread: for ever.
    """
    with _LOG:
        if av.logging.get_level() is not None:
            av.logging.set_level(None)


def check_stream(path: Path | Address, stream: Any) -> None:
    """Refuses a video stream of too large frames, and keeps its decoder from unpacking larger ones than the header says.

    Raises:
        InputError: the frames have too many pixels, or too long a side.
    """
    check_frame(str(path), stream.width, stream.height)
    stream.codec_context.options = {**stream.codec_context.options, "max_pixels": str(MAX_FRAME_PIXELS)}


def decoder_threads(stream: Any) -> int:
    """Threads for decoding: each holds a frame, so there are fewer for very large frames. 0 lets the decoder choose."""
    most = _THREADS_PIXELS // max(1, stream.width * stream.height)
    return 0 if most >= _MOST_THREADS else max(1, min(most, cores() + 1))


def breaking_off(path: Path | Address, error: BaseException) -> str:
    """Why the reading of a video ended early."""
    if not isinstance(path, Address):
        return f"the file breaks off or is damaged ({error_text(error)})"
    if isinstance(error, av.error.ExitError):
        return f"nothing came from the server for {TIMEOUT_SECONDS:g} s"
    return f"the connection broke off ({error_text(error)})"


def error_text(error: BaseException) -> str:
    """What FFmpeg or the system said, without a full stop."""
    return str(getattr(error, "strerror", None) or error).strip().rstrip(".")


def _limits(*more: str) -> dict[str, str]:
    return {"format_whitelist": ",".join((*CONTAINERS, *more)), "max_pixels": str(MAX_FRAME_PIXELS)}


def _open_address(address: Address) -> Any:
    options = {**_limits("rtsp", "mpjpeg"), "protocol_whitelist": "http,https,tcp,tls,httpproxy"}
    options["multiple_requests"] = "1"  # else FFmpeg asks on a connection that it has had closed, where servers do not say so
    if address.live:
        options |= {"protocol_whitelist": "tcp,tls,udp,rtp", "rtsp_flags": "prefer_tcp"}
    options |= _trust(address)
    start = time.monotonic()
    try:
        return av.open(address.url, options=options, metadata_errors="ignore", timeout=(TIMEOUT_SECONDS, TIMEOUT_SECONDS))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        problem = _unreachable(address, error, time.monotonic() - start)
    raise InputError(problem)  # outside, so that no traceback shows the whole address


def _trust(address: Address) -> dict[str, str]:
    """An encrypted connection is made only to a server whose certificate the system trusts."""
    if not address.url.lower().startswith(("https", "rtsps")):
        return {}
    places = ssl.get_default_verify_paths()
    return {"tls_verify": "1", **({"ca_file": places.cafile} if places.cafile else {})}


def _unreachable(address: Address, error: BaseException, seconds: float) -> str:
    if seconds >= TIMEOUT_SECONDS * 0.9 or isinstance(error, av.error.ExitError):
        return f"could not reach {address}: no video came within {TIMEOUT_SECONDS:g} s; check the address and that the server is up"
    if isinstance(error, av.error.HTTPError | ConnectionError):
        return f"could not reach {address}: {error_text(error)}; check the address and that the server is up"
    if isinstance(error, av.error.ArgumentError | av.error.InvalidDataError):
        return (
            f"could not open {address} as a video ({error_text(error)}): videos in containers such as MP4 are read, "
            "no web pages, playlists or pictures; download the file first and name the local copy"
        )
    return f"could not reach {address}: {error_text(error)}; check the address and that the server is up"


def _refused_format(file: str, options: dict[str, str]) -> str | None:
    """Which format that is not on the list FFmpeg found, in its own words; None where that was not the reason."""
    with _LOG:
        before, repeats = av.logging.get_level(), av.logging.get_skip_repeated()
        av.logging.set_level(av.logging.ERROR)
        av.logging.set_skip_repeated(False)
        try:
            with av.logging.Capture() as lines:
                av.open(file, options=options, metadata_errors="ignore").close()
        except (av.error.FFmpegError, OSError, ValueError):
            pass
        finally:
            av.logging.set_level(before)
            av.logging.set_skip_repeated(repeats)
    name = next((name for _, name, text in lines if "not on whitelist" in text), None)
    if name is None:
        return None
    try:
        return f"{name} ({av.format.ContainerFormat(name, 'r').long_name})"
    except ValueError:
        return name


def _instead(path: Path) -> str:
    """What to do with a file that is not a video."""
    return f"{describe_content(path)}. Only containers such as MP4, MOV, MKV, WebM, AVI, MPEG and WMV are read"
