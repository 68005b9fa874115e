"""``write_twin``: a synthetic copy of a data set's layout on disk, drawn by several processes, resumable.

Layout of a folder: that of the data set, and in addition::

    SYNTHETIC.json      says so, with settings, people, and per recording the exact intensities, pose and occluders
    README.txt          the same for people to read
    .twin/NAME.json     one file per finished recording; a recording without it is drawn again

``SYNTHETIC.json`` is there from the first moment; ``complete`` in it turns true at the end.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from aufait.errors import InputError, OutputError
from aufait.machine import cores
from aufait.synthetic.head.assets import find_assets, load_face_model
from aufait.synthetic.parallel import run_jobs
from aufait.twins.files import need_landmark_library, write_text
from aufait.twins.layouts import TwinLayout, twin_layout
from aufait.twins.marker import (
    MARKER,
    README,
    TwinSettings,
    difference,
    marker_head,
    person_facts,
    read_marker,
    readme_text,
)
from aufait.twins.planning import RecordingPlan, check_tasks, plan_twin
from aufait.twins.recordings import OWN_FOLDERS, WRITERS, Stage
from aufait.twins.subjects import choose_subjects

_DONE = ".twin"
OWN_NAMES = frozenset({*OWN_FOLDERS, _DONE, MARKER, README})
"""Names in the root of a twin; FERA 2017's videos and labels are also there."""


def write_twin(
    like: str,
    out: str | Path,
    *,
    subjects: int | Sequence[str] | None = None,
    tasks: int | Sequence[str] | None = None,
    frames: int | None = None,
    size: int | None = None,
    seed: int = 0,
    fps: float | None = None,
    occlusions: float = 0.0,
    views: Sequence[int] | None = None,
    cameras: Sequence[str] | None = None,
    uncoded: int = 0,
    supersample: float = 1.5,
    assets: str | Path | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a synthetic twin of a data set, in its own layout and label format.

    Args:
        like: one of ``twin_names()``.
        out: folder, new or left by an interrupted run with the same settings.
        subjects: number (spread over the folds of all protocols), names, or None for all of the data set.
        tasks: number per subject (other ones for the next subject), names, or None for all.
        frames: per recording; a default per data set.
        size: side of the pictures, 256 by default.
        seed: same seed, same bytes on one machine.
        fps: frames per second of acted time; by default a quarter of the original's rate, so that few frames show
            whole events.
        occlusions: share of recordings in which something hides a part of the face for a while.
        views: FERA 2017 only: which of the nine views to draw, all by default.
        cameras: DISFA only: "left", "right" or both; the left one by default.
        uncoded: BP4D, BP4D+ and FERA 2015 only: pictures without labels before and after each coded span.
        supersample: 1 is quick, 2 smooth.
        assets: face geometry, see ``assets.find_assets``.
        workers: processes; one per core by default.
        overwrite: replace a twin with other settings in ``out``.
        progress: called with (finished, all) frames.

    Returns:
        The folder, to be read by ``open_dataset(like, folder)``.

    Raises:
        InputError: unknown data set, subjects or tasks, or settings out of range.
        OutputError: the folder holds something else, or cannot be written.
        MissingModelError: the face geometry is absent.

    Example:
        >>> from aufait.twins import write_twin
        >>> write_twin("disfa", "twin/", subjects=6, frames=40)  # doctest: +SKIP
        PosixPath('twin')
    """
    layout = twin_layout(like)
    settings = TwinSettings(
        like=layout.name,
        subjects=choose_subjects(layout, subjects),
        tasks=tasks if tasks is None or isinstance(tasks, int) else tuple(tasks),
        frames=layout.frames if frames is None else frames,
        size=256 if size is None else size,
        seed=seed,
        fps=layout.fps if fps is None else fps,
        occlusions=occlusions,
        supersample=supersample,
        views=_views(layout, views),
        cameras=_cameras(layout, cameras),
        uncoded=uncoded,
    )
    if uncoded and not layout.coded_in_part:
        raise InputError(f"all frames of {layout.title} are coded; uncoded frames are for bp4d, bp4d_plus and fera2015")
    check_tasks(layout, settings.tasks)
    if layout.has_tracks:
        need_landmark_library()
    geometry = find_assets(assets)
    plans = plan_twin(
        layout,
        settings.subjects,
        load_face_model(geometry),
        tasks=settings.tasks,
        frames=settings.frames,
        fps=settings.fps,
        seed=settings.seed,
        occlusions=settings.occlusions,
        uncoded=settings.uncoded,
    )
    if not plans:
        raise InputError(f"none of the subjects {', '.join(settings.subjects)} has one of the tasks {settings.tasks}")
    root, jobs = Path(out), _jobs(layout, plans)
    try:
        _prepare(root, settings, overwrite)
        _draw_all(root, layout, settings, jobs, geometry, workers, progress)
        _finish(root, layout, settings, jobs)
    except OutputError:
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        advice = "free some space and run the same command again to resume" if full else "choose a folder that you may write to"
        raise OutputError(f"cannot write to {root}: {error.strerror or error}; {advice}") from error
    return root


def _views(layout: TwinLayout, wanted: Sequence[int] | None) -> tuple[int, ...]:
    if wanted is None:
        return layout.views
    unknown = [str(view) for view in wanted if view not in layout.views]
    if unknown or not wanted:
        have = f"views {layout.views[0]} to {layout.views[-1]}" if layout.views else "one view only"
        raise InputError(f"{layout.title} has {have}, got {', '.join(unknown) or 'none'}")
    return tuple(sorted(set(wanted)))


def _cameras(layout: TwinLayout, wanted: Sequence[str] | None) -> tuple[str, ...]:
    """The wanted cameras in the data set's order; () for the usual one alone."""
    if wanted is None:
        return ()
    unknown = [name for name in wanted if name not in layout.cameras]
    if unknown or not wanted:
        have = f"the cameras {' and '.join(layout.cameras)}" if layout.cameras else "one camera only"
        raise InputError(f"{layout.title} has {have}, got {', '.join(unknown) or 'none'}")
    chosen = tuple(name for name in layout.cameras if name in wanted)
    return () if chosen == layout.cameras[:1] else chosen


def _prepare(root: Path, settings: TwinSettings, overwrite: bool) -> None:
    if root.exists() and not root.is_dir():
        raise OutputError(f"{root} is a file; choose a folder")
    marker = root / MARKER
    head = marker_head(settings)
    if root.is_dir() and any(root.iterdir()):
        if not marker.is_file():
            raise OutputError(f"{root} is not empty and holds no synthetic data ({MARKER} is missing); choose another folder")
        there = read_marker(marker)
        if {key: there.get(key) for key in head} != head:
            if not overwrite:
                raise OutputError(
                    f"{root} holds a twin with other settings ({difference(there, head)}); choose another folder or "
                    "allow replacing it (--overwrite)"
                )
            _clear(root)
    root.mkdir(parents=True, exist_ok=True)
    (root / _DONE).mkdir(exist_ok=True)
    if not marker.is_file():
        write_text(marker, json.dumps({**head, "complete": False}, indent=1))
    write_text(root / README, readme_text(settings))


def _clear(root: Path) -> None:
    """Remove what twins consist of, and nothing else that may be there."""
    import shutil

    for entry in root.iterdir():
        if entry.name in OWN_NAMES or entry.name.startswith("FERA17_"):
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()


Job = tuple[RecordingPlan, ...]
"""Recordings that are drawn and marked as finished together."""


def _jobs(layout: TwinLayout, plans: Sequence[RecordingPlan]) -> list[Job]:
    if not layout.packed:
        return [(plan,) for plan in plans]
    return [tuple(group) for _, group in groupby(plans, key=lambda plan: plan.subject)]


def _done_file(root: Path, layout: TwinLayout, job: Job) -> Path:
    name = job[0].subject if layout.packed else job[0].name.replace("/", "__")
    return root / _DONE / f"{name}.json"


def _draw_all(
    root: Path,
    layout: TwinLayout,
    settings: TwinSettings,
    jobs: list[Job],
    geometry: Path,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    whole = sum(_frames(job, settings) for job in jobs)
    todo = [job for job in jobs if not _done_file(root, layout, job).is_file()]
    done = whole - sum(_frames(job, settings) for job in todo)
    if progress:
        progress(done, whole)
    processes = max(1, min(workers or cores(), len(todo) or 1))
    for count in run_jobs(partial(_draw, root, settings, geometry), todo, processes):
        done += count
        if progress:
            progress(done, whole)


def _frames(job: Job, settings: TwinSettings) -> int:
    return sum(len(plan.frames) for plan in job) * max(1, len(settings.views)) * max(1, len(settings.cameras))


def _draw(root: Path, settings: TwinSettings, geometry: Path, job: Job) -> int:
    """Draw one job; the file that says so comes last and whole."""
    layout = twin_layout(settings.like)
    model = load_face_model(geometry)
    cameras = settings.cameras or layout.cameras[:1]
    stage = Stage(root, layout, model, settings.size, settings.supersample, settings.seed, settings.fps, settings.views, cameras)
    records = WRITERS[layout.name](stage, job)
    write_text(_done_file(root, layout, job), json.dumps(records))
    return _frames(job, settings)


def _finish(root: Path, layout: TwinLayout, settings: TwinSettings, jobs: list[Job]) -> None:
    recordings: dict[str, Any] = {}
    for job in jobs:
        recordings.update(json.loads(_done_file(root, layout, job).read_text(encoding="utf-8")))
    shown = dict.fromkeys(plan.subject for job in jobs for plan in job)
    people = {subject: person_facts(layout, subject, settings.seed) for subject in shown}
    content = {**marker_head(settings), "complete": True, "subjects": people, "recordings": recordings}
    write_text(root / MARKER, json.dumps(content))
