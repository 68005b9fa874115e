"""One job of a worker: the detection of ``aufait detect``, then what lanes, overlay and events need."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aufait.studio.preview import make_preview

if TYPE_CHECKING:
    from aufait.detection.detector import Detector
    from aufait.detection.jobs import Outcome

STEM = "result"
_TRIES = 30

OnFrame = Callable[[int, int | None, float], None]


class Cancelled(Exception):
    """The job was cancelled."""


class JobFailed(Exception):
    """The job came to no result."""


def analyze(detector: Detector, job: dict[str, Any], on_frame: OnFrame) -> dict[str, Any]:
    """Do a job; what an earlier try finished is kept.

    Args:
        detector: with the settings of the job.
        job: ``folder``, ``path``, ``name``, ``kind``, ``needs_preview``.
        on_frame: told frames, their expected number and frames per second; ends the job by ``KeyboardInterrupt``.

    Returns:
        Facts for the store, ``events`` among them.

    Raises:
        Cancelled: ``on_frame`` said so.
        AufaitError: there is no result.
    """
    from aufait.errors import InputError

    folder, path = Path(job["folder"]), Path(job["path"])
    outcome = _detect(detector, job, folder, path, on_frame)
    told = [_plain(str(problem), path, job["name"]) for problem in outcome.problems]
    if outcome.status == "interrupted":
        raise Cancelled
    if outcome.status in ("failed", "not started", "elsewhere"):
        raise InputError(told[0] if told else "It could not be analysed.")
    facts = _results(folder, job)
    preview = make_preview(path, folder, job, on_frame)
    settings = detector.settings
    shown = ("finder", "model", "device", "min_confidence", "base_rates", "action_units")
    return {
        **facts, **preview, "warnings": told, "settings": {name: settings[name] for name in shown}, "frames": outcome.frames
    }  # fmt: skip


def _detect(detector: Detector, job: dict[str, Any], folder: Path, path: Path, on_frame: OnFrame) -> Outcome:
    from aufait.detection.jobs import run_task
    from aufait.detection.plan import OutputOptions, Task

    kind = "image" if job["kind"] == "picture" else "video"
    task = Task(kind, (path,), (STEM,), folder, STEM)  # type: ignore[arg-type]

    def told(progress: Any) -> None:
        on_frame(progress.done, progress.total, progress.frames_per_second)

    overwrite = False
    for _ in range(_TRIES):
        outcome = run_task(task, detector, OutputOptions(overwrite=overwrite), on_frame=told)
        if outcome.status == "elsewhere":  # a worker of a studio that was killed has not noticed yet
            time.sleep(1.0)
        elif outcome.status == "failed" and outcome.exit_code == 3 and not outcome.disc_full and not overwrite:
            overwrite = True  # made by another version, or with other settings: this is the newer wish
        else:
            break
    return outcome


def _plain(message: str, path: Path, name: str) -> str:
    return message.replace(str(path), name)


def _results(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Arrays and events of the table; what the list shows of them."""
    import numpy as np

    from aufait.analysis.events import find_events
    from aufait.studio.arrays import Arrays, write_arrays

    table = write_arrays(folder / f"{STEM}.csv", folder / "arrays")
    arrays = Arrays(folder / "arrays")
    found = [] if table.of_pictures or not arrays.faces else find_events(table)
    known = table.quality[np.isfinite(table.quality)]
    facts: dict[str, Any] = {
        "faces": [one.shown for one in arrays.faces],
        "quality": round(float(known.mean()), 3) if len(known) else None,
        "events": [_event(one) for one in found],
    }
    if job["kind"] == "video" and len(arrays.frame_times):
        facts["duration"] = round(float(arrays.frame_times[-1]) + arrays.frame_distance, 3)
    return facts


def _event(event: Any) -> tuple[Any, ...]:
    names = ("label", "face_id", "onset", "apex", "offset", "peak", "mean", "kind")
    return tuple(getattr(event, name) for name in names)
