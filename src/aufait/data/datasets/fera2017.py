"""FERA 2017: sequences rendered from nine views; training people are BP4D's, validation people come from BP4D+.

One label file serves the nine views. The partitions' people differ although their subject names may be equal, so subjects of
the validation partition are called ``VA_F007`` here and belong to BP4D+'s people.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.datasets.building import Builder
from aufait.data.datasets.coding_files import sequence_labels
from aufait.data.pictures import Media, Video
from aufait.data.trees import VIDEO_SUFFIXES, Folder, check_root, open_media, survey
from aufait.errors import InputError

TITLE = "FERA 2017"
TREE = """
ROOT/                                  (in any folders)
  FERA17_TR_F001_T1_6.mp4              video of view 6 (1 to 9); or a folder FERA17_TR_F001_T1_6 of pictures
  FERA17_TR_F001_T1.csv                occurrence, shared by the views: header of AU numbers, column of frames
  FERA17_TR_F001_T1_AU06_Int.csv       intensity (optional): frame,intensity
"""
_NAME = r"FERA17_(?P<part>[A-Z]{2})_(?P<subject>[FM]\d+)_(?P<task>T\d+)"
_MEDIA = re.compile(_NAME + r"_(?P<view>[1-9])", re.IGNORECASE)
_OCCURRENCE = re.compile(_NAME + r"\.csv", re.IGNORECASE)
_INTENSITY = re.compile(_NAME + r"_AU0*(?P<unit>\d+)(?:_Int)?\.csv", re.IGNORECASE)
_PARTITIONS = {"TR": ("train", "bp4d"), "VA": ("validation", "bp4d_plus"), "TE": ("test", "bp4d_plus"), "TS": ("test", "bp4d_plus")}
_PITCHES, _YAWS = (-40.0, -20.0, 0.0), (-40.0, 0.0, 40.0)

Key = tuple[str, str, str]
"""Partition code, subject and task as in the file name."""


def open_fera2017(
    root: Path,
    *,
    views: str = "123456789",
    frame_offset: int = 0,
    need_media: bool = True,
    max_missing: float = 0.05,
) -> AUDataset:
    """Read FERA 2017; each view of a sequence is a separate recording.

    Recordings carry ``view``, ``pose`` and the attribute ``partition`` ("train", "validation", "test"). View 6 is the
    frontal one; the pose grid (pitch -40, -20, 0 varying fastest, yaw -40, 0, 40) is ARL's Fig. 10 and was not checked on
    the data.

    Args:
        root: folder below which videos and label files are.
        views: digits of the views to read.
        frame_offset: picture number minus label frame number; the first frame of a video counts as picture 1.
        need_media: False reads labels without videos, as one recording per sequence without a view.
        max_missing: largest tolerated share of label rows without picture (picture folders only).

    Raises:
        InputError: files are missing (with the expected tree), an unknown view, or nothing usable remains.
    """
    wanted = _views(views)
    root = check_root(root, TITLE, TREE)
    log = AnomalyLog()
    build = Builder("fera2017", TITLE, root, TREE, log, need_media=need_media, max_missing=max_missing)
    folders = survey(root, log, skip=r"fera17_.*")
    occurrence, intensity = _label_files(folders, log)
    if not occurrence and not intensity:
        raise build.fail("there is no label file such as FERA17_TR_F001_T1.csv")
    media = _media_places(folders, wanted, log) if need_media else {}
    if need_media and not media:
        raise build.fail(f"there is no video of the views {', '.join(map(str, wanted))} such as FERA17_TR_F001_T1_6.mp4")
    units = {unit for files in intensity.values() for unit in files}
    for key in sorted({*occurrence, *intensity}):
        labels = sequence_labels("fera2017/" + "/".join(key), occurrence.get(key), intensity.get(key, {}), units, log)
        if labels is None:
            continue
        if not need_media:
            build.add(labels, None, **_facts(key, None, len(labels.frames)))
            continue
        _note_missing_views(key, media.get(key, {}), wanted, log)
        for view, place in sorted(media.get(key, {}).items()):
            build.add(labels, _open(place, frame_offset, log), **_facts(key, view, len(labels.frames)))
    for key in sorted(set(media) - {*occurrence, *intensity}):
        log.add("recording-without-labels", "fera2017/" + "/".join(key), str(next(iter(media[key].values()))))
    return build.finish()


def view_pose(view: int) -> tuple[float, float, float]:
    """Nominal pitch, yaw and roll of a view (1 to 9) in degrees; view 6 is (0, 0, 0)."""
    return _PITCHES[(view - 1) % 3], _YAWS[(view - 1) // 3], 0.0


def _views(text: str) -> tuple[int, ...]:
    digits = str(text).replace(",", "").replace(" ", "")
    if not digits or set(digits) - set("123456789"):
        raise InputError(f"views are digits from 1 to 9, such as views=2345689, got {text!r}")
    return tuple(sorted({int(digit) for digit in digits}))


def _key(match: re.Match[str]) -> Key:
    subject = match["subject"].upper()
    return match["part"].upper(), f"{subject[0]}{int(subject[1:]):03d}", f"T{int(match['task'][1:])}"


def _label_files(folders: list[Folder], log: AnomalyLog) -> tuple[dict[Key, Path], dict[Key, dict[int, Path]]]:
    occurrence: dict[Key, Path] = {}
    intensity: dict[Key, dict[int, Path]] = {}
    for folder in folders:
        for name in folder.files:
            path = folder.path / name
            if match := _OCCURRENCE.fullmatch(name):
                if _key(match) in occurrence:
                    log.add("duplicate-recordings", path, f"also at {occurrence[_key(match)]}, which is used")
                occurrence.setdefault(_key(match), path)
            elif match := _INTENSITY.fullmatch(name):
                intensity.setdefault(_key(match), {}).setdefault(int(match["unit"]), path)
    return occurrence, intensity


def _media_places(folders: list[Folder], views: tuple[int, ...], log: AnomalyLog) -> dict[Key, dict[int, Path]]:
    found: dict[Key, dict[int, Path]] = {}
    for folder in folders:
        names = [(name, Path(name).stem) for name in folder.files if name.lower().endswith(VIDEO_SUFFIXES)]
        names += [(name, name) for name in folder.folders]
        for name, stem in names:
            match = _MEDIA.fullmatch(stem)
            if match is None or int(match["view"]) not in views:
                continue
            places = found.setdefault(_key(match), {})
            if int(match["view"]) in places:
                log.add("duplicate-recordings", folder.path / name, f"also at {places[int(match['view'])]}, which is used")
            places.setdefault(int(match["view"]), folder.path / name)
    return found


def _open(place: Path, offset: int, log: AnomalyLog) -> Media | None:
    return open_media(place, offset, log) if place.is_dir() else Video(place, first=1 - offset)


def _facts(key: Key, view: int | None, frames: int) -> dict[str, object]:
    partition, pool = _PARTITIONS.get(key[0], (key[0].lower(), "fera2017"))
    pose = None
    if view is not None:
        pose = np.broadcast_to(np.array(view_pose(view), dtype=np.float32), (frames, 3))
    return {
        "subject": key[1] if key[0] == "TR" else f"{key[0]}_{key[1]}",
        "task": key[2],
        "view": view,
        "pose": pose,
        "person": f"{pool}:{key[1]}",
        "nominal_rate": 25.0,
        "attributes": {"partition": partition},
    }


def _note_missing_views(key: Key, places: dict[int, Path], views: tuple[int, ...], log: AnomalyLog) -> None:
    absent = [view for view in views if view not in places]
    name = "fera2017/" + "/".join(key)
    log.add("recording-without-media", name, f"no video of view {', '.join(map(str, absent))}", len(absent))
