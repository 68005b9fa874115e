"""Finding files and folders whose names are spelled in several ways, and saying what was expected where they are not.

Users unpack archives in different ways: one more level, another case, a space for a hyphen. So folders are found by content and by
squashed names (letters and digits in lower case), never by one exact path.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from aufait.data.anomalies import AnomalyLog, number_ranges
from aufait.data.pictures import ImageFolder, Media, Video
from aufait.errors import InputError

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
VIDEO_SUFFIXES = (".avi", ".mp4", ".mov", ".mkv", ".m4v", ".mpg", ".wmv")

MOST_BYTES = 1 << 30
"""Of a file of labels or of a table."""

_LAST_NUMBER = re.compile(r"(?<!\d)(\d{1,15})\D*$")  # more digits are a time or a serial number
_SHOWN_NAMES = 12


@dataclass(frozen=True)
class Folder:
    """One folder of a survey: its path and the names of the folders and files directly in it, sorted."""

    path: Path
    folders: tuple[str, ...]
    files: tuple[str, ...]


def squash(name: str) -> str:
    """Letters and digits of a name in lower case: "AU Intensity-Codes3.0" -> "auintensitycodes30"."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def check_root(root: str | os.PathLike[str], title: str, tree: str) -> Path:
    """The root folder as a path.

    Raises:
        InputError: it does not exist or is not a folder; the message shows the expected tree.
    """
    path = Path(root).expanduser()
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise InputError(f"{path} {what}; {title} needs:\n{indent(tree)}")
    return path


def layout_error(root: Path, title: str, tree: str, missing: str, hint: str = "") -> InputError:
    """An error that says what is missing, shows the expected tree and names what was found instead."""
    lines = [f"{root} does not hold {title} as expected: {missing}.", "Expected:", indent(tree), f"Found there: {listing(root)}"]
    return InputError("\n".join(lines + ([hint] if hint else [])))


def listing(folder: Path) -> str:
    """Names in a folder, the first dozen; folders end in a slash."""
    try:
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in folder.iterdir())
    except OSError as error:
        return f"nothing that can be read ({error.strerror})"
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return (", ".join(names[:_SHOWN_NAMES]) + more) or "nothing (the folder is empty)"


def indent(tree: str) -> str:
    """A tree with four blanks before each line."""
    return "\n".join("    " + line for line in tree.strip("\n").splitlines())


def survey(
    root: Path, log: AnomalyLog, *, depth: int = 4, skip: str | Callable[[str], bool] = r"$^"
) -> list[Folder]:
    """The root and the folders below it, breadth first, down to ``depth`` levels.

    Args:
        log: takes folders that cannot be read.
        skip: folders that are listed but not entered because they are full of pictures: a regular expression of names in
            lower case, or a function of the name.
    """
    skipped = skip if callable(skip) else partial(_matches, re.compile(skip))
    found: list[Folder] = []
    level = [root]
    for _ in range(depth + 1):
        below: list[Path] = []
        for path in level:
            folder = scan(path, log)
            found.append(folder)
            below += [path / name for name in folder.folders if not skipped(name)]
        level = below
    return found


def _matches(pattern: re.Pattern[str], name: str) -> bool:
    return pattern.fullmatch(name.lower()) is not None


def scan(path: Path, log: AnomalyLog | None = None) -> Folder:
    """The names in one folder; one that cannot be read is noted and counts as empty, hidden entries are ignored."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    (folders if entry.is_dir() else files).append(entry.name)
    except OSError as error:
        if log is not None:
            note_unreadable(path, error, log)
        return Folder(path, (), ())
    return Folder(path, tuple(sorted(folders)), tuple(sorted(files)))


def read_content(path: Path) -> bytes:
    """Bytes of a file of text; pipes, devices and links to them are not opened, and no memory is taken without end.

    Raises:
        OSError: it cannot be read, is not a file, or is larger than ``MOST_BYTES``.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is a pipe, socket, device or folder, not a file")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MOST_BYTES >> 30} GiB, which no file of labels is")
    return content


def is_file(path: Path) -> bool:
    """Whether there is such a file; where the system does not even look the name up (too long, odd characters) there is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def note_unreadable(path: Path, error: OSError, log: AnomalyLog) -> None:
    """Write down, once, that a file or folder cannot be read and what to do about it."""
    advice = "; check its permissions" if isinstance(error, PermissionError) else ""
    if not any(entry.where == str(path) for entry in log.of("unreadable-file")):
        log.add("unreadable-file", path, f"{error.strerror or error}{advice}")


def folders_named(folders: Iterable[Folder], pattern: str) -> Iterator[Folder]:
    """Folders whose squashed name matches a regular expression as a whole."""
    return (folder for folder in folders if re.fullmatch(pattern, squash(folder.path.name)))


def picture_numbers(names: Iterable[str]) -> tuple[np.ndarray, list[str], list[int]]:
    """Pictures among file names, by the last number in the name and whatever padding.

    Returns:
        Sorted numbers (F,) int64, the name of each, and the numbers that more than one file has.
    """
    numbers: dict[int, str] = {}
    twice: list[int] = []
    for name in sorted(names):
        stem, dot, suffix = name.rpartition(".")
        if dot and "." + suffix.lower() in PICTURE_SUFFIXES and (match := _LAST_NUMBER.search(stem)):
            number = int(match[1])
            if number in numbers:
                twice.append(number)
            else:
                numbers[number] = name
    order = sorted(numbers)
    return np.array(order, dtype=np.int64), [numbers[number] for number in order], twice


def open_media(
    path: Path, offset: int, log: AnomalyLog, *, video_first: int | None = None, zero_is_odd: bool = False
) -> Media | None:
    """A folder of numbered pictures, a folder with one video, or a video file.

    Args:
        path: folder or video file.
        offset: picture number minus label frame number.
        log: takes pictures that share a number.
        video_first: label frame of a video's first frame; by default a video's frames count as pictures 1, 2, ...
        zero_is_odd: note a picture number 0, where label frames count from 1 and are paired with equal numbers.

    Returns:
        None where there is neither a picture nor a video.
    """
    first = 1 - offset if video_first is None else video_first
    if path.is_file():
        return Video(path, first=first)
    folder = scan(path, log)
    numbers, names, twice = picture_numbers(folder.files)
    log.add("duplicate-pictures", path, f"numbers {number_ranges(twice)}", len(twice))
    if zero_is_odd and len(numbers) and numbers[0] == 0:
        log.add("frame-base", path, f"there is a picture 0, but label frame f is paired with picture f{offset:+d}")
    if len(numbers):
        return ImageFolder(path, numbers - offset, names)
    videos = [name for name in folder.files if name.lower().endswith(VIDEO_SUFFIXES)]
    return Video(path / videos[0], first=first) if len(videos) == 1 else None


def holds_media(path: Path) -> bool:
    """Whether a place is a video file, or a folder with pictures or a video in it."""
    return path.is_file() or any(name.lower().endswith((*PICTURE_SUFFIXES, *VIDEO_SUFFIXES)) for name in scan(path).files)


def choose(places: Sequence[Path], log: AnomalyLog) -> Path | None:
    """The first of several candidates that holds pictures or a video; further ones that do are noted."""
    if len(places) < 2:
        return places[0] if places else None
    usable = [place for place in places if holds_media(place)]
    for place in usable[1:]:
        log.add("duplicate-recordings", place, f"also at {usable[0]}, which is used")
    return usable[0] if usable else places[0]


def is_video(name: str, suffixes: Sequence[str] = VIDEO_SUFFIXES) -> bool:
    """Whether a file name has the ending of a video."""
    return name.lower().endswith(tuple(suffixes))
