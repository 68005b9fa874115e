"""Exports that are drawn frame by frame, by a process of their own: annotated video, report, timeline.

The scores are there already, so nothing is detected again; the video is decoded once more.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.files.atomic import partial_path, write_bytes
from aufait.studio.arrays import NOWHERE, Arrays

if TYPE_CHECKING:
    from aufait.results import FaceAnalysis, FrameAnalysis

PROGRESS = "progress.json"
_BETWEEN = 0.5


class Told:
    """Writes down how far a drawing is; ends it where its folder has gone."""

    def __init__(self, place: Path, total: int) -> None:
        self._place, self._total, self._next = place, max(total, 1), 0.0

    def __call__(self, done: int) -> None:
        """So many frames are drawn."""
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + _BETWEEN
        partial = partial_path(self._place)
        partial.write_text(json.dumps({"progress": round(min(done / self._total, 1.0), 3)}), "utf-8")
        partial.replace(self._place)


def watch(server: int) -> None:
    """End this process when the server that started it is gone; such a pool would wait for ever."""

    def watching() -> None:
        while os.getppid() == server:
            time.sleep(1.0)
        os._exit(0)

    if os.name == "posix":
        threading.Thread(target=watching, name="aufait-watch", daemon=True).start()


def draw(job: dict[str, Any]) -> None:
    """Make one drawing.

    Args:
        job: ``format``, ``path`` of the recording, ``kind``, ``name``, ``arrays``, ``target``, ``progress``, and for the report
            ``events`` and ``facts``.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)
    arrays = Arrays(Path(job["arrays"]))
    told = Told(Path(job["progress"]), len(arrays.frame_times))
    {"annotated": _annotated, "timeline": _timeline, "report": _report}[job["format"]](job, arrays, told)


def _annotated(job: dict[str, Any], arrays: Arrays, told: Told) -> None:
    from aufait.media.sound import open_sound
    from aufait.media.video import VideoReader
    from aufait.media.video_writer import VideoWriter
    from aufait.visualization.results.annotate import Annotator

    annotator = Annotator(caption=True)
    with VideoReader(job["path"]) as reader:
        sound = open_sound(job["path"], reader.shifts)
        with VideoWriter(
            job["target"], reader.info.size, frame_rate=reader.info.frame_rate, overwrite=True, sound=sound
        ) as writer:
            for analysis, image in _frames(arrays, reader, job["name"]):
                writer.write(annotator(image, analysis), analysis.timestamp)
                told(analysis.frame)


def _timeline(job: dict[str, Any], arrays: Arrays, told: Told) -> None:
    from aufait.visualization.results.timeline import Timeline

    timeline = Timeline(job["name"])
    for number, analysis in enumerate(_analyses(arrays, job["name"], job["size"])):
        timeline.add(analysis)
        told(number)
    write_bytes(job["target"], timeline.to_png(), overwrite=True)


def _report(job: dict[str, Any], arrays: Arrays, told: Told) -> None:
    from aufait.detection.plan import can_plot
    from aufait.visualization.results.report import Report
    from aufait.visualization.results.timeline import Timeline

    picture = job["kind"] == "picture"
    report = Report(job["name"], kind="image" if picture else "video")
    timeline = Timeline(job["name"]) if can_plot() and not picture else None
    for analysis, image in _pictures(job, arrays):
        report.add(analysis, image)
        if timeline is not None:
            timeline.add(analysis)
        told(analysis.frame)
    report.write(
        job["target"], timeline=None if timeline is None else timeline.to_png(), events=_page_events(job), provenance=job["record"],
        overwrite=True,
    )  # fmt: skip


def _page_events(job: dict[str, Any]) -> Any:
    if job["kind"] == "picture":
        return None
    from aufait.visualization.results.event_tables import PageEvents

    return PageEvents(tuple(job["events"]), "Events of the default rule, as corrected in the studio.")


def _pictures(job: dict[str, Any], arrays: Arrays) -> Iterator[tuple[FrameAnalysis, np.ndarray]]:
    """Each frame with its scores, as the page wants it."""
    if job["kind"] == "picture":
        from aufait.media.images import read_picture
        from aufait.visualization.results.annotate import Annotator

        image = read_picture(job["path"]).image
        analysis = next(_analyses(arrays, job["name"], job["size"]))
        yield analysis, Annotator(caption=False, margin=True)(image, analysis)
        return
    from aufait.media.video import VideoReader

    with VideoReader(job["path"]) as reader:
        yield from _frames(arrays, reader, job["name"])


def _frames(arrays: Arrays, reader: Any, name: str) -> Iterator[tuple[FrameAnalysis, np.ndarray]]:
    """Frames of the video with the scores of the same frame: both come in the same order."""
    analyses = _analyses(arrays, name, reader.info.size)
    for frame, analysis in zip(reader, analyses, strict=False):
        yield analysis, frame.image


def _analyses(arrays: Arrays, name: str, size: tuple[int, int]) -> Iterator[FrameAnalysis]:
    """The table as it was when it was made, frame by frame."""
    from aufait.results import FrameAnalysis

    order = np.asarray(arrays.order)
    times = arrays.times_in_order
    ends = [*(np.flatnonzero(np.diff(times)) + 1).tolist(), len(order)]
    start = 0
    for number, end in enumerate(ends, 1):
        rows = [int(row) for row in order[start:end] if arrays.face_id[row] >= 0]
        faces = tuple(_face(arrays, row) for row in rows)
        time = 0.0 if arrays.of_pictures else float(times[start])
        yield FrameAnalysis(name, number, time, size, faces)
        start = end


def _face(arrays: Arrays, row: int) -> FaceAnalysis:
    from aufait.results import FaceAnalysis

    scores: dict[str, Any] = {name: np.asarray(values[:, row]) for name, values in arrays.scores.items() if name != "occurrence"}
    given = {name: values for name, values in scores.items() if np.isfinite(values).all()}
    sided = [name for name in scores if name.endswith(("left", "right"))]
    sides: dict[str, Any] = {name: np.where(np.isfinite(scores[name]), scores[name], 0) for name in sided}
    whole: dict[str, Any] = {name: given[name] for name in ("probability", "intensity") if name in given}
    points = np.asarray(arrays.landmarks[row], np.float32)
    points = np.where(points == NOWHERE, 0, points / arrays.scale).reshape(68, 2)
    quality, confidence = (float(np.nan_to_num(values[row])) for values in (arrays.quality, arrays.confidence))
    return FaceAnalysis(
        int(arrays.face_id[row]), arrays.box[row], confidence, points, None, arrays.action_units, quality=quality, **whole,
        **(sides if len(sides) == 4 else {}),
    )  # fmt: skip
