"""What a cache is made from: a digest of every recording, and whether its pictures are rendered.

The digest of a recording covers its labels and masks, frame numbers, identity and attributes, and the name and size in
bytes of each of its picture files (or of its video or archive). Folders and times of files do not count, so that a moved
or copied data set is the same source; landmark files do not count either.

A folder with the file ``SYNTHETIC.json`` holds rendered pictures, and so does everything below it. What that file says about
subjects ("skin_tone") and frames ("occlusion", "pose") becomes attributes of the recordings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from aufait.data.pictures import ImageArchive, ImageFolder, Media, Video
from aufait.data.preparation.shards import recording_facts
from aufait.data.preparation.storage import read_json
from aufait.data.recording import Recording
from aufait.errors import InputError

MARKER = "SYNTHETIC.json"
"""File that marks the folder of a rendered data set."""

_SUBJECT_FACTS = ("skin_tone", "sex", "age")
_HIGHEST = 8  # folders between a picture and the root of its data set


def recording_digest(recording: Recording) -> str:
    """SHA-256 of a recording's labels and of the listing of its pictures."""
    digest = hashlib.sha256(json.dumps(recording_facts(recording), sort_keys=True).encode())
    for values in (
        recording.frames, recording.occurrence, recording.intensity, recording.occurrence_known, recording.intensity_known,
    ):  # fmt: skip
        digest.update(np.ascontiguousarray(values).tobytes())
    for name, values in sorted(recording.frame_attributes.items()):
        digest.update(repr((name, np.asarray(values).tolist())).encode())
    if recording.pose is not None:
        digest.update(np.ascontiguousarray(recording.pose, np.float32).tobytes())
    for place, size in media_listing(recording.media, recording.frames):
        digest.update(f"{place}:{size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def media_listing(media: Media | None, frames: np.ndarray) -> list[tuple[str, int]]:
    """(file name, bytes) of a video or archive, or of each picture of the given frames; -1 for a missing file."""
    if isinstance(media, Video):
        return [(media.path.name, _bytes(media.path))]
    if isinstance(media, ImageArchive):
        return [(media.archive.name, _bytes(media.archive))]
    if not isinstance(media, ImageFolder):
        return []
    numbers = media.numbers()
    there = frames if numbers is None else frames[np.isin(frames, numbers)]
    paths = [(int(frame), media.path(int(frame))) for frame in there]
    return [(f"{frame}/{path.name}", _bytes(path)) for frame, path in paths]


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def mark_synthetic(recordings: Sequence[Recording], root: Path | None) -> tuple[list[Recording], bool]:
    """Recordings with the attributes of their marker files, and whether any of them is rendered.

    Args:
        recordings: of one data set.
        root: its folder; None looks above the pictures only.

    Raises:
        InputError: a marker file is damaged, or says that the rendering is not finished.
    """
    markers: dict[Path, Path | None] = {}
    contents: dict[Path, dict[str, Any]] = {}
    marked, synthetic = [], False
    for recording in recordings:
        marker = _marker_of(recording.media, root, markers)
        if marker is not None:
            synthetic = True
            if marker not in contents:
                contents[marker] = read_json(marker)
                if contents[marker].get("complete") is False:
                    raise InputError(f"the rendering of {marker.parent} is not finished; run the same aufait twin command again")
            recording = _with_facts(recording, contents[marker])
        marked.append(recording)
    return marked, synthetic


def is_rendered(recordings: Sequence[Recording], root: Path | None = None) -> bool:
    """Whether any of the pictures is below a marker of rendered data, finished or not."""
    markers: dict[Path, Path | None] = {}
    return any(_marker_of(recording.media, root, markers) is not None for recording in recordings)


def is_rendered_file(path: Path) -> bool:
    """Whether a video or picture is below a marker of rendered data."""
    return _marker_of(Video(path, 1), None, {}) is not None


def _marker_of(media: Media | None, root: Path | None, known: dict[Path, Path | None]) -> Path | None:
    """The nearest marker above the pictures (as named, and where links lead), or that of the root."""
    place = _place(media) or root
    if place is None:
        return None
    for home in dict.fromkeys((place.absolute().parent, place.resolve().parent)):
        if home not in known:
            homes = [home, *home.parents][:_HIGHEST] + ([] if root is None else [root])
            known[home] = next((one / MARKER for one in homes if (one / MARKER).is_file()), None)
        if known[home] is not None:
            return known[home]
    return None


def _place(media: Media | None) -> Path | None:
    """The video, the archive, or the first picture; a table's pictures may be anywhere, so their folder says little."""
    numbers = None if media is None else media.numbers()
    if isinstance(media, ImageFolder) and numbers is not None and len(numbers):
        return media.path(int(numbers[0]))
    place = getattr(media, "path", None) or getattr(media, "archive", None)
    return place if isinstance(place, Path) else None


def _with_facts(recording: Recording, content: Mapping[str, Any]) -> Recording:
    """A recording with what the marker says about it; whatever is absent or has the wrong length is ignored."""
    facts = _first(content.get("subjects"), [recording.subject, recording.person.rpartition(":")[2]])
    attributes = {**recording.attributes, **{name: facts[name] for name in _SUBJECT_FACTS if name in facts}}
    own = _first(content.get("recordings"), _names(recording))
    per_frame: dict[str, np.ndarray] = dict(recording.frame_attributes)
    pose = recording.pose
    frames = np.asarray(own.get("frames", []), dtype=np.int64)
    if len(frames):
        order = np.argsort(frames, kind="stable")
        place = np.minimum(np.searchsorted(frames[order], recording.frames), len(frames) - 1)
        row, known = order[place], frames[order][place] == recording.frames
        if (texts := _per_frame(own.get("occlusion"), len(frames), str, 1)) is not None:
            per_frame["occlusion"] = np.where(known, texts[row], "")
        if (angles := _per_frame(own.get("pose"), len(frames), np.float32, 2)) is not None and angles.shape[1:] == (3,):
            pose = np.where(known[:, None], angles[row], np.nan).astype(np.float32)
    return replace(
        recording, attributes=MappingProxyType(attributes), frame_attributes=MappingProxyType(per_frame), pose=pose
    )


def _names(recording: Recording) -> list[str]:
    """Spellings under which a marker may list a recording, the most precise one first."""
    view = [] if recording.view is None else [str(recording.view)]
    whole = [part for part in (recording.subject, recording.task, *view) if part]
    short = [part for part in (recording.subject, recording.task) if part]
    camera = recording.attributes.get("camera")
    own = [f"{'/'.join(short)}/{camera}"] if camera else []
    spelt = [recording.name, "/".join(whole), "_".join(whole), "/".join(short), "_".join(short)]
    return [*own, *spelt, *([recording.task] if recording.task else [])]


def _first(table: Any, names: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        return {}
    found: Any = next((table[name] for name in names if name in table), {})
    return found if isinstance(found, Mapping) else {}


def _per_frame(values: Any, count: int, dtype: type, dimensions: int) -> np.ndarray | None:
    """A list as an array with one entry per frame, or None where it is none."""
    if not isinstance(values, list) or len(values) != count:
        return None
    try:
        array: np.ndarray = np.array(["" if value is None else value for value in values] if dtype is str else values, dtype=dtype)
    except (TypeError, ValueError):
        return None
    return array if array.ndim == dimensions else None
