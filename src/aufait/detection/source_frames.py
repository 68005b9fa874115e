"""Pictures of results, read again from the files that the results came from, to draw on them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.errors import InputError, InputWarning
from aufait.results import FrameAnalysis

if TYPE_CHECKING:
    from aufait.detection.detected import Detections

_SAME_TIME = 5e-4  # seconds


def check_size(frame: FrameAnalysis, pixels: np.ndarray) -> None:
    """Refuses a picture that the result is not about.

    Raises:
        InputError: its size is another.
    """
    size = (pixels.shape[1], pixels.shape[0])
    if size != frame.size:
        raise InputError(
            f"{frame.source}: the result is about a picture of {frame.size[0]} x {frame.size[1]} pixels, "
            f"this one has {size[0]} x {size[1]}; pass the picture that was analysed"
        )


def read_again(frames: Sequence[FrameAnalysis]) -> Iterator[np.ndarray]:
    """The pictures (H, W, 3) of results of one file, in the order of their frames.

    Raises:
        InputError: the file is not there, has changed, or the result is not from a file.
    """
    path = file_of(frames[0])
    if _is_picture(path, frames):
        from aufait.media.images import read_picture

        yield read_picture(path).image
        return
    from aufait.media.video import open_video

    with open_video(path) as video:
        yield from _frames_of(video, frames)


def file_of(frame: FrameAnalysis) -> Path:
    """The file that a result came from.

    Raises:
        InputError: there is none.
    """
    path = Path(frame.source).expanduser()
    if not path.is_file():
        raise InputError(
            f"the picture of {frame.source!r} is not kept with the result, and no such file is there; "
            "pass it: frame.annotate(picture)"
        )
    return path


def write_annotated(results: Detections, folder: Path, *, overwrite: bool) -> list[Path]:
    """An annotated copy of every source; see ``Detections.annotate``."""
    from aufait.detection.plan import unique_names

    runs = [(file_of(run[0]), run) for _, run in _by_source(results)]
    if len({path for path, _ in runs}) < len(runs):
        raise InputError("the results of a file do not follow each other; put them in the order of files and frames")
    names = unique_names([path for path, _ in runs])
    written = []
    for name, (path, run) in zip(names, runs, strict=True):
        writer = _write_picture if _is_picture(path, run) else _write_video
        written.append(writer(path, run, folder / f"{name}_annotated", overwrite))
    return written


def _by_source(frames: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Runs of frames of one source, as they follow each other."""
    for source, run in groupby(frames, key=lambda frame: frame.source):
        yield source, list(run)


def _write_picture(path: Path, run: Sequence[Any], target: Path, overwrite: bool) -> Path:
    from aufait.media.images import write_image

    return write_image(target.with_name(f"{target.name}.png"), np.asarray(run[0].annotate()), overwrite=overwrite)


def _write_video(path: Path, run: Sequence[Any], target: Path, overwrite: bool) -> Path:
    from aufait.media.sound import open_sound
    from aufait.media.video import open_video
    from aufait.media.video_writer import VideoWriter
    from aufait.visualization.results.annotate import Annotator

    steps = np.diff([frame.timestamp for frame in run])
    rate = float(1 / np.median(steps)) if len(steps) and np.median(steps) > 0 else None
    target, draw = target.with_name(f"{target.name}.mp4"), Annotator()
    with open_video(path) as video:
        shifts = getattr(video, "shifts", None)  # pages have none, and no sound
        sound = None if shifts is None else open_sound(path, shifts)
        with VideoWriter(target, run[0].size, frame_rate=rate, overwrite=overwrite, sound=sound) as writer:
            for frame, image in zip(run, _frames_of(video, run), strict=True):
                writer.write(draw(image, frame), frame.timestamp)
        for note in writer.notes:
            warnings.warn(f"{target}: {note}", InputWarning, stacklevel=2)
    return target


def _frames_of(video: Iterable[Any], frames: Sequence[FrameAnalysis]) -> Iterator[np.ndarray]:
    """The pictures of some frames of an open video."""
    wanted = {frame.frame: frame for frame in frames}
    last, sent = max(wanted), 0
    for shown in video:
        frame = wanted.get(shown.index + 1)
        if frame is not None:
            _check_time(frame, shown.timestamp)
            check_size(frame, shown.image)
            sent += 1
            yield shown.image
        if shown.index + 1 >= last:
            break
    if sent < len(frames):
        raise InputError(f"{frames[0].source} has fewer frames than when it was analysed; detect it again")


def _is_picture(path: Path, frames: Sequence[FrameAnalysis]) -> bool:
    """Whether a result is about the one picture of a file, not about the frames or pages of one."""
    from aufait.media.sources import content_kind

    return content_kind(path) == "image" and len(frames) == 1 and frames[0].frame == 1


def _check_time(frame: FrameAnalysis, timestamp: float) -> None:
    if abs(frame.timestamp - timestamp) > _SAME_TIME:
        raise InputError(
            f"{frame.source}: frame {frame.frame} was at {frame.timestamp:.3f} s when it was analysed and is at {timestamp:.3f} s "
            "now; the file or the stream that was read is another: detect it again"
        )
