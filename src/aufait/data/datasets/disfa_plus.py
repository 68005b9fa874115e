"""DISFA+ (Extended DISFA): 9 of DISFA's people in posed and spontaneous trials, one JPEG per frame, 12 intensities.

A label line names its picture (``000.jpg  3``), so frames count from 0 and no offset is needed. The people are those of DISFA:
identities are shared, so that a split refuses DISFA training subjects in a DISFA+ test.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aufait.action_units import AU_SETS
from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.datasets.building import Builder
from aufait.data.labels import EMPTY, Columns, combine, join_columns, note_lengths, ordered_rows, read_text, to_integer, to_labels
from aufait.data.trees import Folder, check_root, is_video, open_media, scan, squash, survey

TITLE = "DISFA+"
TREE = """
ROOT/
  Images/SN001/A1_AU1_TrailNo_1/000.jpg    pictures ("Trail" is the spelling on disk)
  Labels/SN001/A1_AU1_TrailNo_1/AU1.txt    one file per trial and AU: 000.jpg  0
"""
_SUBJECT = r"sn0*(\d+)"
_LABEL_FILE = re.compile(r"AU0*(\d+)\.txt", re.IGNORECASE)
_LINE = re.compile(r"\s*(\d+)\.(?:jpe?g|png)[\s,;]+(\S+)\s*$", re.IGNORECASE)
_HEADER_LINES = 2
_UNITS = AU_SETS["disfa_intensity"]

Key = tuple[str, str]
"""Subject and trial folder."""


def open_disfa_plus(
    root: Path,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    threshold: int = 2,
    frame_offset: int = 0,
    need_media: bool = True,
    max_missing: float = 0.05,
) -> AUDataset:
    """Read DISFA+.

    Args:
        root: folder that holds ``Images`` and ``Labels``.
        images: folder of the subjects' picture folders, if it is elsewhere (such as aligned copies).
        labels: folder of the subjects' label folders, if it is elsewhere.
        threshold: intensity from which an action unit counts as present; papers and programs use 1, 2 and 3.
        frame_offset: picture number minus the number that the label line names.
        need_media: False reads labels without pictures.
        max_missing: largest tolerated share of label rows without picture.

    Raises:
        InputError: folders are missing (with the expected tree), or nothing usable remains.
    """
    root = check_root(root, TITLE, TREE)
    log = AnomalyLog()
    build = Builder("disfa_plus", TITLE, root, TREE, log, need_media=need_media, max_missing=max_missing)
    trials = _trials(labels or root, _has_labels, log)
    if not trials:
        raise build.fail("there is no label file such as Labels/SN001/A1_AU1_TrailNo_1/AU1.txt")
    media = _trials(images or root, _has_pictures, log) if need_media else {}
    if need_media and not media:
        raise build.fail("there is no picture such as Images/SN001/A1_AU1_TrailNo_1/000.jpg")
    for key, folder in sorted(trials.items()):
        columns = _columns(folder, "/".join(key), log)
        if (joined := join_columns(columns)) is None:
            continue
        build.add(
            combine(None, joined, folder.path, log),
            open_media(media[key].path, frame_offset, log, video_first=-frame_offset) if key in media else None,
            subject=key[0],
            task=key[1],
            person=f"disfa:{key[0]}",
            nominal_rate=20.0,
            first_frame=0,
            occurrence_coded=False,
        )
    for key in sorted(set(media) - set(trials)):
        log.add("recording-without-labels", f"disfa_plus/{'/'.join(key)}", str(media[key].path))
    return build.finish(threshold=threshold)


def _has_labels(folder: Folder) -> bool:
    return any(_LABEL_FILE.fullmatch(name) for name in folder.files)


def _has_pictures(folder: Folder) -> bool:
    return any(name.lower().endswith((".jpg", ".jpeg", ".png")) or is_video(name) for name in folder.files)


def _trials(root: Path, wanted: Callable[[Folder], bool], log: AnomalyLog) -> dict[Key, Folder]:
    """(Subject, trial) -> folder that fulfils the condition; copies named "aligned" come last."""
    found: dict[Key, Folder] = {}
    folders = survey(root, log, depth=2, skip=_SUBJECT)
    homes = [one for one in folders if any(re.fullmatch(_SUBJECT, name.lower()) for name in one.folders)]
    for home in sorted(homes, key=lambda one: ("aligned" in squash(one.path.name), str(one.path))):
        for name in home.folders:
            if not (match := re.fullmatch(_SUBJECT, name.lower())):
                continue
            for trial in scan(home.path / name, log).folders:
                folder = scan(home.path / name / trial, log)
                key = (f"SN{int(match[1]):03d}", trial)
                if not wanted(folder):
                    continue
                if key in found:
                    log.add("duplicate-recordings", folder.path, f"also at {found[key].path}, which is used")
                found.setdefault(key, folder)
    return found


def _columns(folder: Folder, trial: str, log: AnomalyLog) -> list[Columns]:
    files = {int(match[1]): folder.path / name for name in folder.files if (match := _LABEL_FILE.fullmatch(name))}
    absent = [unit for unit in _UNITS if unit not in files]
    log.add("missing-label-file", trial, f"no {', '.join(f'AU{unit}.txt' for unit in absent)}", len(absent))
    columns = {path.name: one for unit, path in sorted(files.items()) if (one := _read(path, unit, log))}
    note_lengths({file: len(one.frames) for file, one in columns.items()}, folder.path, log)
    return [*columns.values()]


def _read(path: Path, unit: int, log: AnomalyLog) -> Columns | None:
    """Lines ``000.jpg   0`` after up to two header lines or comments."""
    text = read_text(path, log)
    if text is None:
        return None
    rows: list[tuple[int, int]] = []
    odd: list[int] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _LINE.match(line):
            rows.append((int(match[1]), to_integer(match[2])))
            odd += [number] if rows[-1][1] == EMPTY else []
        elif line.strip() and not line.lstrip().startswith("#") and number > _HEADER_LINES:
            odd.append(number)
    log.add("bad-cell", path, f"line {odd[0] if odd else 0}: expected '000.jpg  intensity'", len(odd))
    if not rows:
        log.add("unreadable-file", path, "no line of the form '000.jpg  intensity'")
        return None
    cells = np.array(rows, dtype=np.int32)
    frames, values = ordered_rows(cells[:, 0], cells[:, 1:], path, log)
    return Columns(frames, (unit,), *to_labels(values, 5, frames, (unit,), path, log))
