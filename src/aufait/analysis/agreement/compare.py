"""Compare raters in memory, or files and folders, recording by recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from aufait.analysis.agreement.comparison import Collected, Comparison, Video
from aufait.analysis.agreement.opening import of_recording, read_any
from aufait.analysis.agreement.people import Opened, raters_of
from aufait.analysis.agreement.rater import Rater
from aufait.analysis.agreement.settings import Settings
from aufait.analysis.agreement.sides import Matched, Sides, find_sides
from aufait.analysis.persons import Persons, read_persons, report_unknown
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.writers.recording import media_of
from aufait.errors import AufaitError, InputError


def compare_raters(raters: Sequence[Rater], settings: Settings | None = None) -> Comparison:
    """Compare raters of one recording in memory, made by ``make_rater``.

    Raises:
        InputError: fewer than two, two of one name, or nothing in common.
    """
    settings = settings or Settings()
    names = tuple(one.name for one in raters)
    if len(raters) < 2 or len(set(names)) < len(names):
        raise InputError(f"two raters or more with different names are needed, got: {', '.join(names) or 'none'}")
    collected = Collected(Comparison(names, settings), Counter(), named=False)
    collected.add(raters, "", "")
    return collected.finished()


def compare(
    paths: Sequence[str | Path],
    *,
    persons: str | Path | None = None,
    offsets: Sequence[float] = (),
    video: str | Path | None = None,
    settings: Settings | None = None,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Compare files of one recording, or folders of files that go together by their names.

    Args:
        paths: two or more.
        persons: table recording,face_id,person.
        offsets: seconds to add to the times of every side after the first; one number for the second of two.
        video: of one recording, or a folder of videos named as the recordings; None takes what the tables name.
        settings: of the comparison.
        progress: called with the name of each recording of a batch.

    Raises:
        InputError: an input cannot be used; a recording that cannot is an error only where no other can.
    """
    settings = settings or Settings()
    sides = find_sides([Path(path).expanduser() for path in paths])
    shifts = _shifts(offsets, len(sides.names))
    if video is not None and not Path(video).expanduser().exists():
        raise InputError(f"{video}: no such video or folder of videos")
    named = read_persons(persons) if persons is not None else {}
    members = Counter(person for recording, person in {(recording, person) for (recording, _), person in named.items()}
                      if recording in {one.recording for one in sides.recordings})  # fmt: skip
    found = Comparison(sides.names, settings, unmatched=sides.unmatched)
    collected = Collected(found, members, named=persons is not None)
    faces: dict[str, set[int]] = {}
    for one in sides.recordings:
        if progress is not None and sides.batch:
            progress(one.recording)
        try:
            opened = [*_open(one, sides, shifts, settings)]
            faces[one.recording] = {number for side in opened if isinstance(side.found, ScoreTable) for number in side.found.faces}
            _compare_recording(collected, one.recording, opened, named)
        except AufaitError as error:
            if len(sides.recordings) == 1:
                raise
            found.failed[one.recording] = str(error)
            continue
        found.recordings.append(one.recording)
        if (seen := _video(one.recording, opened, video, sides.batch)) is not None:
            found.videos[one.recording] = seen
    if not found.recordings:
        raise InputError("no recording could be compared: " + "; ".join(found.failed.values()))
    if persons is not None:
        report_unknown(named, faces, persons)
    return collected.finished()


def _compare_recording(collected: Collected, recording: str, opened: Sequence[Opened], named: Persons) -> None:
    compared = False
    for person, raters in raters_of(recording, opened, named, collected.found.settings):
        collected.add(raters, recording, person)
        compared = True
    if not compared:
        raise InputError(f"{recording}: nobody to compare; see the warnings")


def _shifts(offsets: Sequence[float], sides: int) -> tuple[float, ...]:
    if not offsets:
        return (0.0,) * sides
    if len(offsets) != sides - 1:
        raise InputError(f"give an offset for each of the {sides - 1} after the first, got {len(offsets)}")
    if not np.isfinite(offsets).all():
        raise InputError("an offset is a number of seconds, such as 1.5 or -0.2")
    return (0.0, *map(float, offsets))


def _open(one: Matched, sides: Sides, shifts: Sequence[float], settings: Settings) -> Iterator[Opened]:
    for name, path, shift in zip(sides.names, one.files, shifts, strict=True):
        told = str(path) if sides.batch else name
        found = read_any(path, settings.fps)
        if isinstance(found, list):
            found = of_recording(told, found, one.recording, (path.stem,) if path.stem != one.recording else ())
        yield Opened(name, told, found, shift)


def _video(recording: str, sides: Sequence[Opened], given: str | Path | None, batch: bool) -> Video | None:
    if given is not None:
        place = Path(given).expanduser()
        if place.is_dir():
            place = next((file for file in sorted(place.iterdir()) if file.stem == recording and file.is_file()), place)
        elif batch:
            raise InputError(f"{place} is one video for several recordings; give the folder of the videos, named as the recordings")
        return Video(place) if place.is_file() else None
    for side in sides:
        place_named = media_of(side.found) if isinstance(side.found, ScoreTable) else None
        if place_named is not None and place_named.is_file():
            return Video(place_named, side.shift)
    return None
