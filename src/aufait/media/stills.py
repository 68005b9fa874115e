"""Single frames of a video by their times, without reading what is between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from aufait.media.colours import RgbConverter
from aufait.media.containers import open_container
from aufait.media.video import VideoReader, video_stream

_CLOSE = 1e-3


def stills(path: Path, times: Sequence[float]) -> Iterator[np.ndarray | None]:
    """The frame that is shown at each time, (H, W, 3) uint8 RGB, upright; None where the video has none.

    Times are those that the file stores. In files without them, or whose clock starts again, a still may be of another time.

    Args:
        path: a video file.
        times: seconds, best in ascending order.

    Raises:
        InputError: no video.
    """
    with VideoReader(path) as reader:
        info = reader.info
    turned = info.rotation in (90, 270)
    size = info.size[::-1] if turned else info.size
    container, convert = open_container(path), RgbConverter()
    try:
        stream = video_stream(container, path, info.stream)
        for time in times:
            frame = _frame(container, stream, time)
            image = None if frame is None else convert(frame, stream.codec_context, size)
            yield None if image is None else np.ascontiguousarray(np.rot90(image, info.rotation // 90))
    finally:
        container.close()


def _frame(container: Any, stream: Any, time: float) -> Any:
    """The last frame that begins at the time or before."""
    found = None
    try:
        container.seek(max(0, int(time / stream.time_base)), stream=stream)
        for frame in container.decode(stream):
            if frame.time is not None and frame.time > time + _CLOSE and found is not None:
                break
            found = frame
            if frame.time is not None and frame.time > time:
                break
    except (av.error.FFmpegError, ValueError):
        return found
    return found
