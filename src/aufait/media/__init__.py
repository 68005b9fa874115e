"""Pictures, videos and cameras in; pictures and videos out.

The names below are loaded when first used, so that importing this package stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aufait.media.images import read_image, write_image
    from aufait.media.sources import Source, expand_inputs
    from aufait.media.video import Camera, VideoFrame, VideoReader, open_camera, open_video
    from aufait.media.video_writer import VideoWriter

_HOMES = {
    "images": ("read_image", "write_image"),
    "sources": ("Source", "expand_inputs"),
    "video": ("Camera", "VideoFrame", "VideoReader", "open_camera", "open_video"),
    "video_writer": ("VideoWriter",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Camera",
    "Source",
    "VideoFrame",
    "VideoReader",
    "VideoWriter",
    "expand_inputs",
    "open_camera",
    "open_video",
    "read_image",
    "write_image",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
