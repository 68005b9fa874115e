"""What was submitted: a picture or a video by its content, whether a browser plays it, how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aufait.errors import InputError
from aufait.studio.errors import StudioError
from aufait.studio.frames import frame_at

_PLAYED = {
    "mp4": ({"h264", "av1", "vp9"}, "video/mp4"), "webm": ({"vp8", "vp9", "av1"}, "video/webm"),
}  # fmt: skip
"""Family of containers -> codecs that browsers play in it, and its media type."""
_DECODERS = {"libdav1d": "av1", "libaom-av1": "av1", "libvpx": "vp8", "libvpx-vp9": "vp9"}
_SHOWN_PICTURES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
_PLAIN_PIXELS = {"yuv420p", "yuvj420p"}
_LATE = 1.0
"""Seconds of the first frame from which on a browser's clock and the file's may differ."""


@dataclass(frozen=True, eq=False)
class Probe:
    """What a file is.

    Attributes:
        facts: for the store: kind, duration, width, height, fps.
        media_type: of what browsers can show as it is; None where they need a preview.
        image: (H, W, 3) uint8 RGB, the first frame.
    """

    facts: dict[str, Any]
    media_type: str | None
    image: np.ndarray


def probe(path: Path, name: str) -> Probe:
    """Look at a file.

    Args:
        name: what to call it in sentences.

    Raises:
        StudioError: 415, neither a picture nor a video that can be read.
    """
    from aufait.media.sources import content_kind, describe_content

    try:
        kind = content_kind(path)
        if kind is None:
            raise StudioError(415, f"{name}: {describe_content(path)}.")
        return _picture(path, name) if kind == "image" else _video(path)
    except InputError as error:
        raise StudioError(415, str(error).replace(str(path), name)) from error
    except OSError as error:
        raise StudioError(415, f"{name} cannot be read: {error.strerror or error}.") from error


def _picture(path: Path, name: str) -> Probe:
    from aufait.media.images import open_image

    image, _ = frame_at(path, "picture", 0.0)
    with open_image(path) as opened:
        media_type = _SHOWN_PICTURES.get(str(opened.format))
    height, width = image.shape[:2]
    return Probe({"kind": "picture", "duration": None, "width": width, "height": height, "fps": None}, media_type, image)


def _video(path: Path) -> Probe:
    from aufait.media.video import VideoReader

    with VideoReader(path, threads=1) as reader:
        info = reader.info
        first = reader.frame_at(0.0)
    if first is None:
        raise InputError(f"{path} holds no frame that can be decoded; copy or export it again")
    media_type = _media_type(path, info.codec)
    if (info.first_frame or 0.0) >= _LATE or (info.first_frame or 0.0) < 0:
        media_type = None
    width, height = info.size
    facts = {"duration": info.duration, "width": width, "height": height, "fps": info.frame_rate, "synthetic": _is_demo(path)}
    return Probe({"kind": "video", **facts}, media_type, first.image)


def _is_demo(path: Path) -> bool:
    """Whether it is the clip that comes with the package, whose people are rendered."""
    from aufait.files.hashes import file_sha256
    from aufait.media.sources import demo_clip

    demo = demo_clip()
    return demo.is_file() and demo.stat().st_size == path.stat().st_size and file_sha256(demo) == file_sha256(path)


def _media_type(path: Path, decoder: str) -> str | None:
    import av

    with av.open(str(path)) as container:
        names = container.format.name.split(",")
        family = "mp4" if "mp4" in names else "webm" if "webm" in names else ""
        codecs, media_type = _PLAYED.get(family, (set(), ""))
        video = container.streams.video[0]
        shown = _DECODERS.get(decoder, decoder) in codecs and video.codec_context.pix_fmt in _PLAIN_PIXELS
    return media_type if shown else None
