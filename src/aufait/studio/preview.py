"""A copy that browsers play, of videos that they do not; a thumbnail in which a face is seen well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PREVIEW = "preview.mp4"
PICTURE = "preview.jpg"
THUMBNAIL = "thumbnail.jpg"
_LARGEST = 1280
"""Pixels of the longer side."""


def make_preview(
    path: Path, folder: Path, job: dict[str, Any], on_frame: Callable[[int, int | None, float], None]
) -> dict[str, Any]:
    """Write the preview where one is needed.

    Returns:
        Facts for the store: ``has_preview``, ``media_start``.
    """
    _thumbnail(path, folder, job["kind"])
    if not job["needs_preview"]:
        return {}
    if job["kind"] == "picture":
        return _picture(path, folder)
    return _video(path, folder, on_frame)


def _picture(path: Path, folder: Path) -> dict[str, Any]:
    from aufait.files.atomic import write_bytes
    from aufait.studio.frames import frame_at, jpeg

    write_bytes(folder / PICTURE, jpeg(frame_at(path, "picture", 0.0)[0]), overwrite=True)
    return {"has_preview": True}


def _video(path: Path, folder: Path, on_frame: Callable[[int, int | None, float], None]) -> dict[str, Any]:
    """Decoded once more, with the same times."""
    from aufait.media.sound import open_sound
    from aufait.media.video import VideoReader
    from aufait.media.video_writer import VideoWriter

    with VideoReader(path) as reader:
        info = reader.info
        size = _fitting(info.size)
        sound = open_sound(path, reader.shifts)
        with VideoWriter(
            folder / PREVIEW, size, frame_rate=info.frame_rate, overwrite=True, quality=23, sound=sound
        ) as writer:
            for frame in reader:
                writer.write(frame.image, frame.timestamp)
                on_frame(frame.index + 1, info.frame_count, 0.0)
        return {"has_preview": True, "media_start": round(writer.zero, 6)}


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    share = min(1.0, _LARGEST / max(size))
    width, height = (max(2, 2 * round(side * share / 2)) for side in size)
    return width, height


def _thumbnail(path: Path, folder: Path, kind: str) -> None:
    """Of the frame in which a face is seen best; the first frame stays where there is none."""
    from aufait.errors import InputError
    from aufait.files.atomic import write_bytes
    from aufait.studio.arrays import Arrays
    from aufait.studio.frames import THUMBNAIL_WIDTH, frame_at, jpeg

    arrays = Arrays(folder / "arrays")
    quality = np.nan_to_num(np.asarray(arrays.quality), nan=-1.0)
    if kind == "picture" or not len(quality) or quality.max() < 0:
        return
    try:
        image, _ = frame_at(path, kind, float(arrays.time[int(quality.argmax())]))
    except InputError:
        return
    write_bytes(folder / THUMBNAIL, jpeg(image, THUMBNAIL_WIDTH), overwrite=True)
