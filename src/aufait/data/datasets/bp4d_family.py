"""Reader of the BP4D family: BP4D, BP4D+ and the BP4D part of FERA 2015 share their coding files.

One CSV file per sequence holds the occurrence of every action unit, and one CSV file per sequence and action unit its intensity.
Columns are found by their header, files by content and name (any case, any padding of the numbers, any depth of folders).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.datasets.building import Builder
from aufait.data.datasets.coding_files import sequence_labels
from aufait.data.datasets.hdf5_landmarks import Hdf5Landmarks
from aufait.data.pictures import ImageArchive, Media
from aufait.data.trees import (
    VIDEO_SUFFIXES,
    Folder,
    check_root,
    choose,
    folders_named,
    is_video,
    note_unreadable,
    open_media,
    picture_numbers,
    scan,
    squash,
    survey,
)

_SUBJECT = r"[fm]\d{1,4}"
_SEQUENCE = re.compile(r"([FM])0*(\d+)[_-]?T0*(\d+)(?!\d)", re.IGNORECASE)
_UNIT_FOLDER = r"au0*(\d+)"
_NOT_PICTURES = {"physiology", "thermal", "2dfeatures", "3dfeatures", "irfeatures", "3dmodels", "audio"}
_OPTIONS_HINT = "If pictures and labels are in different folders, name these with images=FOLDER and labels=FOLDER"

Key = tuple[str, str]
"""Subject and task, spelled as in BP4D: ("F001", "T1")."""


@dataclass(frozen=True)
class FamilyLayout:
    """What differs between the three data sets.

    Attributes:
        name, title: of the data set.
        tree: expected layout, for messages.
        person_pool: prefix of the identities; BP4D and FERA 2015 show the same people.
        frame_offset: picture number minus label frame number.
        frame_rate: nominal frames per second.
    """

    name: str
    title: str
    tree: str
    person_pool: str
    frame_offset: int
    frame_rate: float = 25.0


@dataclass(frozen=True)
class FamilyOptions:
    """What the user may set; see ``open_bp4d``."""

    images: Path | None
    labels: Path | None
    frame_offset: int
    need_media: bool
    max_missing: float
    landmark_base: int


def read_family(root: Path, layout: FamilyLayout, options: FamilyOptions) -> AUDataset:
    """Read a data set of the family.

    Raises:
        InputError: folders are missing (with the expected tree), or nothing usable remains.
    """
    root = check_root(root, layout.title, layout.tree)
    log = AnomalyLog()
    build = Builder(
        layout.name, layout.title, root, layout.tree, log, need_media=options.need_media, max_missing=options.max_missing
    )
    label_folders = survey(options.labels or root, log, skip=_SUBJECT)
    occurrence = _occurrence_files(label_folders, log)
    intensity = _intensity_files(label_folders, log)
    if not occurrence and not intensity:
        raise build.fail("there is no coding file such as AUCoding/AU_OCC/F001_T1.csv", _OPTIONS_HINT)
    media = _media_places(options.images or root, log) if options.need_media else {}
    if options.need_media and not media:
        raise build.fail(f"there is no folder with pictures or videos such as F001/T1/2440.jpg{_reasons(log)}", _OPTIONS_HINT)
    tracks = _landmark_files(survey(root, log, skip=_SUBJECT))
    units = {unit for files in intensity.values() for unit in files}
    headers: dict[tuple[int, ...], str] = {}
    for key in sorted({*occurrence, *intensity}):
        labels = sequence_labels(f"{layout.name}/{'/'.join(key)}", occurrence.get(key), intensity.get(key, {}), units, log)
        if labels is None:
            continue
        pictures = _open(media.get(key, []), options.frame_offset, layout, log)
        if pictures is None and key in media:
            log.add("unreadable-file", media[key][0], "the folder holds neither numbered pictures nor one video")
        if labels.occurrence_known.any():
            headers.setdefault(labels.action_units, "/".join(key))
        track = tracks.get(key)
        if tracks and track is None:
            log.add("missing-landmarks", f"{layout.name}/{'/'.join(key)}", "no landmark file")
        build.add(
            labels,
            pictures,
            subject=key[0],
            task=key[1],
            person=f"{layout.person_pool}:{key[0]}",
            nominal_rate=layout.frame_rate,
            load_landmarks=Hdf5Landmarks(track, pictures, options.landmark_base) if track else None,
        )
    _note_unlabelled(media, {*occurrence, *intensity}, layout.name, log)
    if len(headers) > 1:
        shown = "; ".join(f"{where}: {len(units)} action units" for units, where in headers.items())
        log.add("mixed-versions", root, f"coding files with different columns ({shown})", len(headers))
    return build.finish()


def _reasons(log: AnomalyLog) -> str:
    """What could not be read, as the likely reason why nothing was found."""
    unreadable = log.of("unreadable-file")
    return f" ({'; '.join(map(str, unreadable[:3]))})" if unreadable else ""


def _key(name: str) -> Key | None:
    match = _SEQUENCE.match(name)
    return (f"{match[1].upper()}{int(match[2]):03d}", f"T{int(match[3])}") if match else None


def _occurrence_files(folders: list[Folder], log: AnomalyLog) -> dict[Key, Path]:
    """Sequence -> occurrence file; folders of single action units and of intensities are ignored."""
    found: dict[Key, Path] = {}
    for folder in folders:
        if re.fullmatch(_UNIT_FOLDER, squash(folder.path.name)):
            continue
        for name in folder.files:
            key = _key(name)
            if key and name.lower().endswith(".csv") and not re.search(r"AU\d+", name, re.IGNORECASE):
                _first(found, key, folder.path / name, log)
    return found


def _intensity_files(folders: list[Folder], log: AnomalyLog) -> dict[Key, dict[int, Path]]:
    """Sequence -> action unit -> intensity file, from folders named AU06 or AU6."""
    found: dict[Key, dict[int, Path]] = {}
    homes: dict[Path, int] = {}
    for folder in folders_named(folders, _UNIT_FOLDER):
        unit = int(re.fullmatch(_UNIT_FOLDER, squash(folder.path.name))[1])  # type: ignore[index]
        keys = [(key, name) for name in folder.files if name.lower().endswith(".csv") and (key := _key(name))]
        if keys:
            homes[folder.path.parent] = homes.get(folder.path.parent, 0) + 1
        for key, name in keys:
            files = found.setdefault(key, {})
            if unit in files:
                log.add("duplicate-recordings", folder.path / name, f"AU{unit} is also in {files[unit]}, which is used")
            files.setdefault(unit, folder.path / name)
    if len(homes) > 1:
        log.add("mixed-versions", next(iter(homes)), f"intensity files also in {', '.join(map(str, list(homes)[1:]))}")
    return found


def _first(found: dict[Key, Path], key: Key, path: Path, log: AnomalyLog) -> None:
    if key in found:
        log.add("duplicate-recordings", path, f"also at {found[key]}, which is used")
    found.setdefault(key, path)


def _media_places(root: Path, log: AnomalyLog) -> dict[Key, list[Path]]:
    """Sequence -> folders of pictures, video files, or (for archives) ``F001.zip`` joined with the task.

    What is below folders of other sensors (thermal videos, physiology) is not taken.
    """
    found: dict[Key, list[Path]] = {}
    for folder in survey(root, log, skip=_SUBJECT):
        if not {squash(part) for part in folder.path.relative_to(root).parts} & _NOT_PICTURES:
            for key, path in _places_in(folder, log):
                found.setdefault(key, []).append(path)
    return found


def _places_in(folder: Folder, log: AnomalyLog) -> Iterator[tuple[Key, Path]]:
    for name in folder.folders:
        if re.fullmatch(_SUBJECT, name.lower()):
            inner = scan(folder.path / name, log)
            for entry in sorted((*inner.folders, *(file for file in inner.files if is_video(file)))):
                if key := _key(f"{name}_{entry}"):
                    yield key, inner.path / entry
        elif key := _key(name):
            yield key, folder.path / name
    for name in folder.files:
        if name.lower().endswith(VIDEO_SUFFIXES) and (key := _key(name)):
            yield key, folder.path / name
        elif re.fullmatch(_SUBJECT + r"\.zip", name.lower()):
            subject = name.partition(".")[0]
            for task in _archive_tasks(folder.path / name, log):
                if key := _key(f"{subject}_{task}"):
                    yield key, folder.path / name / task


def _archive_tasks(archive: Path, log: AnomalyLog) -> Iterable[str]:
    return {parts[-2] for parts in (name.split("/") for name in _members(archive, log)) if len(parts) > 1}


_MEMBERS: dict[tuple[str, int, int], list[str]] = {}


def _members(archive: Path, log: AnomalyLog) -> list[str]:
    """Names of the pictures in an archive; remembered, as each of its tasks asks again."""
    import zipfile

    state = archive.stat()
    key = (str(archive), state.st_mtime_ns, state.st_size)
    if key not in _MEMBERS:
        _MEMBERS.clear()
        try:
            with zipfile.ZipFile(archive) as file:
                _MEMBERS[key] = [name for name in file.namelist() if name.lower().endswith((".jpg", ".jpeg", ".png"))]
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            log.add("unreadable-file", archive, f"the archive is cut off or damaged ({error}); copy or download it again")
            return []
        except OSError as error:
            note_unreadable(archive, error, log)
            return []
    return _MEMBERS[key]


def _open(places: list[Path], offset: int, layout: FamilyLayout, log: AnomalyLog) -> Media | None:
    place = choose(places, log)
    if place is None:
        return None
    if place.parent.suffix.lower() != ".zip":
        # A video has no numbers of its own: whatever the pictures are counted from, its first frame is label frame 1.
        first = 1 + layout.frame_offset - offset
        return open_media(place, offset, log, video_first=first, zero_is_odd=offset == 0)
    # The order of members need not be that of time: the number in the name decides.
    inside = [name for name in _members(place.parent, log) if name.split("/")[-2:-1] == [place.name]]
    numbers, names, twice = picture_numbers(inside)
    log.add("duplicate-pictures", place, "in the archive", len(twice))
    return ImageArchive(place.parent, numbers - offset, names) if len(numbers) else None


def _landmark_files(folders: list[Folder]) -> dict[Key, Path]:
    return {
        key: folder.path / name
        for folder in folders_named(folders, r".*2dfeatures?")
        for name in folder.files
        if name.lower().endswith(".mat") and (key := _key(name))
    }


def _note_unlabelled(media: dict[Key, list[Path]], labelled: set[Key], name: str, log: AnomalyLog) -> None:
    """Pictures without labels are odd only for tasks that are coded for other subjects."""
    tasks = {task for _, task in labelled}
    for key in sorted(set(media) - labelled):
        if key[1] in tasks:
            log.add("recording-without-labels", f"{name}/{'/'.join(key)}", str(media[key][0]))
