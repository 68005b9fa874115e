"""DISFA: 27 subjects, one video of 4,845 frames each (and one from a second camera), intensities of 12 action units.

Label files count frames from 1; the k-th decoded video frame (from 0) and the k-th picture of a list that begins at 0 belong
to label frame k + 1. Occurrence is not coded: it is intensity >= ``threshold``, and papers differ in that number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aufait.action_units import AU_SETS
from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.datasets.building import Builder
from aufait.data.datasets.coding_files import read_intensity_file
from aufait.data.labels import Labels, combine, join_columns, note_lengths
from aufait.data.trees import VIDEO_SUFFIXES, Folder, check_root, choose, open_media, picture_numbers, scan, squash, survey
from aufait.errors import InputError, MissingExtraError

TITLE = "DISFA"
TREE = """
ROOT/
  Videos_LeftCamera/LeftVideoSN001_comp.avi      videos (.avi, .mp4), or pictures: <folder>/SN001/1.jpg
  Video_RightCamera/RightVideoSN001_Comp.avi     only for camera="right"
  ActionUnit_Labels/SN001/SN001_au1.txt          one file per subject and AU: frame,intensity
  Landmark_Points/SN001/tmp_frame_lm/SN001_0000_lm.mat   66 landmarks (optional)
"""
_SUBJECT = r"sn0*(\d+)"
_LABEL_FILE = re.compile(r"SN0*(\d+)_au0*(\d+)\.txt", re.IGNORECASE)
_UNITS = AU_SETS["disfa_intensity"]
_POINTS = 66


def open_disfa(
    root: Path,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    camera: str = "left",
    threshold: int = 2,
    frame_offset: int | None = None,
    need_media: bool = True,
    max_missing: float = 0.05,
) -> AUDataset:
    """Read DISFA.

    Args:
        root: folder that holds videos (or pictures) and label files.
        images: folder of the videos or of picture folders SN001, SN002, ..., if they are elsewhere.
        labels: folder of the label files, if they are elsewhere.
        camera: "left" or "right"; the papers use the left one, and landmarks are distributed for it alone.
        threshold: intensity from which an action unit counts as present; protocols set their own.
        frame_offset: picture number minus label frame number; by default the first of both belong together. The
            first frame of a video counts as picture 1.
        need_media: False reads labels without pictures.
        max_missing: largest tolerated share of label rows without picture.

    Raises:
        InputError: folders are missing (with the expected tree), or nothing usable remains.
    """
    if camera not in ("left", "right"):
        raise InputError(f"camera must be 'left' or 'right', got {camera!r}")
    root = check_root(root, TITLE, TREE)
    log = AnomalyLog()
    build = Builder("disfa", TITLE, root, TREE, log, need_media=need_media, max_missing=max_missing)
    files = _label_files(survey(labels or root, log, depth=3, skip=r"tmp_frame_lm"), log)
    if not files:
        raise build.fail("there is no label file such as ActionUnit_Labels/SN001/SN001_au1.txt")
    places = survey(images or root, log, depth=3, skip=_SUBJECT) if need_media else []
    media = _media_places(places, camera, named=images is not None)
    if need_media and not media:
        raise build.fail(f"there is no video of the {camera} camera and no folder of pictures such as SN001/1.jpg")
    # The landmarks were tracked in the left camera's video.
    tracks = _landmark_folders(root, log) if camera == "left" else {}
    for subject in sorted(files):
        if (read := _labels(subject, files[subject], log)) is None:
            continue
        place = choose(media.get(subject, []), log)
        first = int(read.frames[0])
        if first == 0:
            log.add("frame-base", f"disfa/{subject}", "label frames begin at 0, those of the published files at 1")
        pictures = None if place is None else open_media(place, _offset(place, frame_offset, first), log)
        if tracks and subject not in tracks:
            log.add("missing-landmarks", f"disfa/{subject}", "no landmark folder")
        build.add(
            read,
            pictures,
            subject=subject,
            task="",
            person=f"disfa:{subject}",
            nominal_rate=20.0,
            attributes={"camera": camera},
            occurrence_coded=False,
            load_landmarks=_Landmarks(tracks[subject]) if subject in tracks else None,
        )
    for subject in sorted(set(media) - set(files)):
        log.add("recording-without-labels", f"disfa/{subject}", str(media[subject][0]))
    return build.finish(threshold=threshold)


def _name(number: str | int) -> str:
    return f"SN{int(number):03d}"


def _label_files(folders: list[Folder], log: AnomalyLog) -> dict[str, dict[int, Path]]:
    found: dict[str, dict[int, Path]] = {}
    for folder in folders:
        for name in folder.files:
            if match := _LABEL_FILE.fullmatch(name):
                files = found.setdefault(_name(match[1]), {})
                if int(match[2]) in files:
                    log.add("duplicate-recordings", folder.path / name, f"also at {files[int(match[2])]}, which is used")
                files.setdefault(int(match[2]), folder.path / name)
    return found


def _media_places(folders: list[Folder], camera: str, *, named: bool) -> dict[str, list[Path]]:
    """Subject -> videos of the camera, and folders of pictures.

    Pictures in folders that name no camera count as the left one's, unless the user named the folder.
    """
    found: dict[str, list[Path]] = {}
    other = "right" if camera == "left" else "left"
    for folder in folders:
        home = squash(folder.path.name)
        if re.search(r"label|landmark", home):
            continue
        entries = [name for name in folder.files if name.lower().endswith(VIDEO_SUFFIXES)]
        entries += [name for name in folder.folders if re.fullmatch(_SUBJECT, name.lower())]
        for name in entries:
            match = re.search(_SUBJECT, name, re.IGNORECASE)
            spelt = home + squash(name)
            if match and other not in spelt and (camera == "left" or named or camera in spelt):
                found.setdefault(_name(match[1]), []).append(folder.path / name)
    return found


def _offset(place: Path, wanted: int | None, first_label: int) -> int:
    """Picture number minus label frame number: both begin at 0 or 1, and the first of both belong together."""
    if wanted is not None:
        return wanted
    numbers = np.ones(1, dtype=np.int64) if place.is_file() else picture_numbers(scan(place).files)[0]
    first_picture = 0 if len(numbers) and numbers[0] == 0 else 1
    return first_picture - (0 if first_label == 0 else 1)


def _labels(subject: str, files: dict[int, Path], log: AnomalyLog) -> Labels | None:
    absent = [unit for unit in _UNITS if unit not in files]
    if absent:
        names = ", ".join(f"{subject}_au{unit}.txt" for unit in absent)
        log.add("missing-label-file", f"disfa/{subject}", names, len(absent))
    columns = {path.name: one for unit, path in sorted(files.items()) if (one := read_intensity_file(path, unit, log))}
    joined = join_columns([*columns.values()])
    if joined is None:
        return None
    note_lengths({file: len(one.frames) for file, one in columns.items()}, f"disfa/{subject}", log)
    return combine(None, joined, subject, log)


def _landmark_folders(root: Path, log: AnomalyLog) -> dict[str, Path]:
    """Subject -> folder of its .mat files: the single folder under the subject's, whatever it is called."""
    found: dict[str, Path] = {}
    for folder in survey(root, log, depth=3, skip=_SUBJECT):
        if not squash(folder.path.name).startswith("landmark"):
            continue
        for name in folder.folders:
            if match := re.fullmatch(_SUBJECT, name.lower()):
                home = scan(folder.path / name, log)
                found[_name(match[1])] = home.path / home.folders[0] if home.folders else home.path
    return found


@dataclass(frozen=True)
class _Landmarks:
    """Loader of one subject's landmark files, one per frame.

    Two forms of names occur: ``SN001_0000_lm.mat`` counts from 0 (frame - 1), ``l00001_lm.mat`` from 1 (frame). The numbers
    in the files are MATLAB pixels, from 1.
    """

    folder: Path

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Frame numbers (F,) -> (F, 66, 2) float32 pixels, nan where a frame has no file."""
        files = self.files()
        landmarks = np.full((len(frames), _POINTS, 2), np.nan, dtype=np.float32)
        for row, frame in enumerate(frames):
            if path := files.get(int(frame)):
                landmarks[row] = read_points(path) - 1
        return landmarks

    def files(self) -> dict[int, Path]:
        """Label frame number -> file."""
        zero, one = {}, {}
        for name in scan(self.folder).files:
            if match := re.fullmatch(r"SN0*\d+_(\d+)_lm\.mat", name, re.IGNORECASE):
                zero[int(match[1]) + 1] = self.folder / name
            elif match := re.fullmatch(r"l(\d+)_lm\.mat", name, re.IGNORECASE):
                one[int(match[1])] = self.folder / name
        return zero or one


def read_points(path: Path) -> np.ndarray:
    """The 66 points of one landmark file, (66, 2) float32 in the file's own pixels (from 1).

    Raises:
        MissingExtraError: scipy is not installed.
        InputError: the file cannot be read or has no ``pts`` of 66 x 2.
    """
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise MissingExtraError("reading DISFA's landmark files (package scipy)", "train") from error
    try:
        points = np.asarray(loadmat(path)["pts"], dtype=np.float32)
    except (OSError, KeyError, ValueError, TypeError, NotImplementedError, MatReadError) as error:
        raise InputError(f"{path} cannot be read as a landmark file ({error}); expected a .mat file with pts, 66 x 2") from error
    if points.shape != (_POINTS, 2):
        raise InputError(f"{path}: pts has shape {points.shape}; expected 66 x 2")
    return points
