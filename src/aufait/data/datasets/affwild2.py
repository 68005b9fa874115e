"""AffWild2, action unit challenge: videos from the web, one label line per frame, official training and validation parts.

Line i after the header labels frame i, which is picture ``00001.jpg`` for i = 1. Pictures are missing where no face was found.
Editions differ in their action units (8 in 2020, 12 later), so the header of each file decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.datasets.building import Builder
from aufait.data.labels import EMPTY, Columns, Labels, combine, read_plain, read_text, split_cells, to_integer, to_labels
from aufait.data.pictures import Media
from aufait.data.trees import VIDEO_SUFFIXES, Folder, check_root, open_media, squash, survey

TITLE = "AffWild2 (action units)"
TREE = """
ROOT/
  cropped_aligned/VIDEO/00001.jpg                          pictures; or videos anywhere: VIDEO.mp4, VIDEO.avi
  AU_Detection_Challenge/Train_Set/VIDEO.txt               header AU1,AU2,...; one line per frame: 0, 1 or -1
  AU_Detection_Challenge/Validation_Set/VIDEO.txt          (also AU_Set/..., in annotations/ or not)
"""
_HEADER = re.compile(r"\s*AU\s*0{0,3}\d{1,3}\s*([,;\s]\s*AU\s*0{0,3}\d{1,3}\s*)*$", re.IGNORECASE)
_PICTURE_FOLDERS = r"cropped.*|.*aligned.*|batch.*|videos?.*|images?.*|frames?.*"
_PARTITIONS = (("train", r"train.*"), ("validation", r"val.*"))


def open_affwild2(
    root: Path,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    frame_offset: int = 0,
    need_media: bool = True,
    max_missing: float = 1.0,
) -> AUDataset:
    """Read the action unit part of AffWild2.

    Each video (each of two people in a video: ``..._left``, ``..._right``) is a separate subject, as the distribution names
    no people. Recordings carry the attributes ``partition`` ("train" or "validation") and ``video``.

    Args:
        root: folder that holds pictures (or videos) and annotations.
        images: folder of the pictures or videos, if they are elsewhere.
        labels: folder of the annotations, if they are elsewhere.
        frame_offset: picture number minus line number.
        need_media: False reads labels without pictures.
        max_missing: largest tolerated share of label rows without picture; 1, as frames without a face have none.

    Raises:
        InputError: folders are missing (with the expected tree), or nothing usable remains.
    """
    root = check_root(root, TITLE, TREE)
    log = AnomalyLog()
    build = Builder("affwild2", TITLE, root, TREE, log, need_media=need_media, max_missing=max_missing)
    files = _label_files(survey(labels or root, log, skip=_PICTURE_FOLDERS), log)
    if not files:
        raise build.fail("there is no annotation file such as AU_Detection_Challenge/Train_Set/VIDEO.txt")
    stems = {stem.lower() for stem in files}
    places = survey(images or root, log, skip=lambda name: name.lower() in stems) if need_media else []
    media = _media_places(places, stems, log)
    if need_media and not media:
        raise build.fail("there is no folder of pictures and no video named as an annotation file")
    editions: dict[tuple[int, ...], str] = {}
    for stem, (path, partition) in sorted(files.items()):
        read = _read(path, log)
        if read is None:
            continue
        editions.setdefault(read.action_units, stem)
        pictures = _open(media, stem, frame_offset, log)
        _note_length(stem, read, pictures, log)
        build.add(
            read,
            pictures,
            subject=stem,
            task="",
            attributes={"partition": partition, "video": _video_name(stem)},
        )
    if len(editions) > 1:
        shown = "; ".join(f"{stem}: AU {', '.join(map(str, units))}" for units, stem in editions.items())
        log.add("mixed-versions", root, f"annotation files with different action units ({shown})", len(editions))
    return build.finish()


def _video_name(stem: str) -> str:
    """Name of the video file: the suffix of the second person belongs to the pictures alone."""
    return re.sub(r"_(left|right)$", "", stem)


def _partition(path: Path) -> str | None:
    for part in reversed(path.parts[-3:-1]):
        for name, pattern in _PARTITIONS:
            if re.fullmatch(pattern, squash(part)):
                return name
    return None


def _label_files(folders: Iterable[Folder], log: AnomalyLog) -> dict[str, tuple[Path, str]]:
    """Stem -> file and partition, for text files whose first line names action units."""
    found: dict[str, tuple[Path, str]] = {}
    for folder in folders:
        for name in folder.files:
            path = folder.path / name
            if not name.lower().endswith(".txt") or not _names_units(path, log):
                continue
            partition = _partition(path)
            if partition is None:
                log.add("mixed-versions", path, "is in no folder named Train_Set or Validation_Set; left out")
                continue
            if path.stem in found:
                log.add("duplicate-recordings", path, f"also at {found[path.stem][0]}, which is used")
            found.setdefault(path.stem, (path, partition))
    return found


def _names_units(path: Path, log: AnomalyLog) -> bool:
    text = read_text(path, log)
    return text is not None and _HEADER.match(text.partition("\n")[0].rstrip("\r")) is not None


def _media_places(folders: Iterable[Folder], stems: set[str], log: AnomalyLog) -> dict[str, Path]:
    """Lower-case stem -> folder of pictures, else video; folders come first because they are cut to the face."""
    found: dict[str, Path] = {}
    videos: dict[str, Path] = {}
    bases = {_video_name(stem) for stem in stems}
    for folder in folders:
        for name in folder.folders:
            if name.lower() in stems:
                if name.lower() in found:
                    log.add("duplicate-recordings", folder.path / name, f"also at {found[name.lower()]}, which is used")
                found.setdefault(name.lower(), folder.path / name)
        for name in folder.files:
            stem = Path(name).stem.lower()
            if name.lower().endswith(VIDEO_SUFFIXES) and stem in bases | stems:
                videos.setdefault(stem, folder.path / name)
    return {**videos, **found}


def _open(media: dict[str, Path], stem: str, offset: int, log: AnomalyLog) -> Media | None:
    place = media.get(stem.lower()) or media.get(_video_name(stem.lower()))
    return None if place is None else open_media(place, offset, log)


def _read(path: Path, log: AnomalyLog) -> Labels | None:
    """A header of action units, then one line per frame."""
    lines = (read_text(path, log) or "").splitlines()
    units = tuple(int(re.sub(r"\D", "", cell)) for cell in split_cells(lines[0].strip()) if re.search(r"\d", cell))
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) < 2 or len(set(units)) != len(units):
        log.add("unreadable-file", path, "expected a header that names each action unit once, and lines of labels")
        return None
    values = _fast(lines[1:], len(units))
    if values is None:
        values = _careful(lines[1:], len(units), path, log)
    frames = np.arange(1, len(values) + 1, dtype=np.int64)
    order = np.argsort(units)
    units = tuple(units[place] for place in order)
    labels, known = to_labels(values[:, order], 1, frames, units, path, log)
    return combine(Columns(frames, units, labels, known), None, path, log)


def _fast(lines: list[str], width: int) -> np.ndarray | None:
    values = read_plain("\n".join(lines))
    # Blank lines are skipped by the fast reader, which would shift all frames after them.
    return values if values is not None and values.shape == (len(lines), width) else None


def _careful(lines: list[str], width: int, path: Path, log: AnomalyLog) -> np.ndarray:
    values = np.full((len(lines), width), EMPTY, dtype=np.int32)
    odd: list[int] = []
    for row, line in enumerate(lines):
        cells = [to_integer(cell) for cell in split_cells(line.strip())]
        if len(cells) == width and EMPTY not in cells:
            values[row] = cells
        else:
            odd.append(row + 2)
    log.add("bad-cell", path, f"line {odd[0] if odd else 0}: expected {width} numbers; the line is unknown", len(odd))
    return values


def _note_length(stem: str, labels: Labels, pictures: Media | None, log: AnomalyLog) -> None:
    numbers = None if pictures is None else pictures.numbers()
    if numbers is not None and len(numbers) and numbers[-1] > labels.frames[-1]:
        beyond = int((numbers > labels.frames[-1]).sum())
        detail = f"{beyond} pictures after the last label line {labels.frames[-1]}; they are not used"
        log.add("length-disagrees", f"affwild2/{stem}", detail, beyond)
