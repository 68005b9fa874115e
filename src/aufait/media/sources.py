"""From what the user typed (files, folders, wildcards) to the list of pictures and videos to work on.

The first bytes of a file say what it is; the extension is only used to describe a damaged file.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aufait.errors import InputError, printable
from aufait.files.buckets import bucket_path
from aufait.media.addresses import Address, find_address, shown
from aufait.media.bucket_videos import videos_in
from aufait.settings import nearest

Kind = Literal["image", "video", "unusable"]

IMAGE_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm"}
    | {".pnm", ".avif", ".jp2", ".j2k", ".tga", ".qoi"}
)
VIDEO_EXTENSIONS = frozenset(
    {".mp4", ".m4v", ".mov", ".qt", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".m2v", ".ts", ".mts", ".m2ts", ".vob"}
    | {".wmv", ".asf", ".flv", ".ogv", ".3gp", ".3g2", ".mxf", ".y4m", ".dv"}
)

UNREADABLE_EXTENSIONS = frozenset(
    {".heic", ".heif", ".jxl", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".dng", ".raf", ".orf"}
    | {".rw2", ".pef", ".srw", ".x3f", ".3fr", ".iiq"}
)
"""Pictures that are named where they are met, because they are not read."""

CAMERA_RAW = "camera raw: export it as JPEG, PNG or TIFF with the camera's program, so that its full size can be read"

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"GIF87a", "image"),
    (b"GIF89a", "image"),
    (b"BM", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"II+\x00", "image"),
    (b"MM\x00+", "image"),
    (b"\x00\x00\x00\x0cjP  ", "image"),
    (b"\xff\x4f\xff\x51", "image"),
    (b"qoif", "image"),
    (b"\x1aE\xdf\xa3", "video"),  # Matroska, WebM
    (b"FLV\x01", "video"),
    (b"OggS", "video"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video"),  # ASF, WMV
    (b"\x00\x00\x01\xba", "video"),  # MPEG program stream
    (b"\x00\x00\x01\xb3", "video"),  # MPEG video
    (b"YUV4MPEG2", "video"),
    (b"\x06\x0e\x2b\x34", "video"),  # MXF
)
_QUICKTIME_ATOMS = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_RAW_STARTS = (b"II*\x00\x10\x00\x00\x00CR", b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\x00", b"FOVb")
_OTHER: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document; export its pages as PNG"),
    (b"PK\x03\x04", "a ZIP archive or office document; unpack it first"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"ID3", "an audio file"),
    (b"fLaC", "an audio file"),
    (b"8BPS", "a Photoshop document; export it as PNG"),
    (b"%!PS", "a PostScript file; export it as PNG"),
    (b"#EXTM3U", "a playlist; name the videos in it"),
    (b"ffconcat", "a list of videos; name the videos in it"),
    (b"WEBVTT", "a file of subtitles"),
    (b"<svg", "a vector drawing; export it as PNG"),
    (b"<?xml", "an XML or SVG file; export drawings as PNG"),
)
_HEAD_BYTES = 600


@dataclass(frozen=True)
class Source:
    """One file to analyse.

    Attributes:
        kind: "image", "video", or "unusable" where ``problem`` says why.
        path: the file, or the network address of a video, or the folder of a sequence of frames.
        problem: None for a usable file, else a sentence for the user that names the file and the remedy.
        frames: the pictures of a sequence, in order; empty for everything else.
        frame_rate: frames of a sequence per second.
    """

    kind: Kind
    path: Path | Address
    problem: str | None = None
    frames: tuple[Path, ...] = ()
    frame_rate: float | None = None


def expand_inputs(inputs: Iterable[str | os.PathLike[str]], *, recursive: bool = False) -> list[Source]:
    """List the pictures and videos that the user named, in that order, each once.

    A folder stands for the pictures and videos in it, in natural order (``frame2`` before ``frame10``); other files
    there are skipped. Wildcards (``*``, ``?``, ``[...]``, ``**``) are expanded for shells that do not. A file or
    folder that cannot be used does not stop the others: it comes back as an ``unusable`` source.

    Args:
        inputs: files, folders and patterns; network addresses of videos.
        recursive: look into the folders of a folder too.

    Raises:
        InputError: nothing was named, or nothing of it can be used.
    """
    names = [os.fspath(name) for name in inputs]
    if not names:
        raise InputError("no input was given; name at least one picture, video or folder")
    found: dict[str, Source] = {}
    for name in names:
        for source in _expand_one(name, recursive):
            place = source.path
            found.setdefault(place.url if isinstance(place, Address) else str(place.absolute()), source)
    sources = list(found.values())
    if all(source.kind == "unusable" for source in sources):
        problems = [source.problem or "" for source in sources]
        more = f"\n... and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise InputError("\n".join(map(printable, problems[:5])) + more)
    return sources


def content_kind(path: str | os.PathLike[str]) -> Literal["image", "video"] | None:
    """What the first bytes of a file say it is, or None for neither.

    Raises:
        OSError: the file cannot be read.
    """
    head = _head(Path(path))
    kind = _kind_of(head)
    # Truevision TGA has no signature: believe its extension.
    if kind is None and head and Path(path).suffix.lower() == ".tga":
        return "image"
    return kind


def check_file(path: Path, wanted: Literal["picture", "video"]) -> None:
    """Refuses what is not a file, before it is opened: reading a pipe could wait for ever.

    Raises:
        InputError: a folder, a pipe or device, missing, unreadable, or empty.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; a {wanted} file was expected")
        if problem := _special_file(path):
            raise InputError(problem)
        empty = path.stat().st_size == 0
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the spelling and the current folder") from error
    except OSError as error:
        raise InputError(_unreadable(path, error)) from error
    if empty:
        raise InputError(f"{path} is empty (0 bytes); copy it again from its origin")


def _unreadable(path: Path, error: OSError) -> str:
    if error.errno == errno.ENAMETOOLONG:
        return f"{str(path)[:60]}... has a name of {len(str(path))} characters, more than the file system takes; check the spelling"
    return f"{path} cannot be read: {error.strerror}; check its permissions"


def _special_file(path: Path) -> str | None:
    """Why a pipe, socket or device is not read, or None for anything else."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        return f"{path} is a pipe or socket, which cannot be searched like a file; save what comes out of it and name that file"
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return f"{path} is a device, not a file; a camera is opened with --camera and its number"
    return None


def describe_content(source: str | os.PathLike[str] | bytes) -> str:
    """Say in a few words what an unusable file, or its content, seems to be and what could be done about it."""
    try:
        head = source[:_HEAD_BYTES] if isinstance(source, bytes) else _head(Path(source))
    except OSError as error:
        return f"it cannot be read ({error.strerror}); check its permissions"
    if not head:
        return "it is empty (0 bytes); copy it again from its origin"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "it is a HEIC photograph; export it as JPEG or PNG first"
    if _is_camera_raw(head):
        return f"it is {CAMERA_RAW}"
    kind = _kind_of(head)
    if kind is not None:
        return (
            f"it looks like {'a picture' if kind == 'image' else 'a video'} but may be damaged; copy or export it again"
        )
    if not any(head):
        return "it holds only zero bytes, as after a failed copy or download; copy it again"
    for start, description in _OTHER:
        if head.lstrip()[: len(start)] == start:
            return f"it is {description}"
    return "its content is neither a known picture nor a known video format; convert it to PNG, JPEG or MP4"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _is_camera_raw(head: bytes) -> bool:
    return head.startswith(_RAW_STARTS) or head[4:12] == b"ftypcrx "


def _kind_of(head: bytes) -> Literal["image", "video"] | None:
    if _is_camera_raw(head):
        return None
    for start, kind in _STARTS:
        if head.startswith(start):
            return "image" if kind == "image" else "video"
    if head.startswith(b"RIFF"):
        return {b"WEBP": "image", b"AVI ": "video"}.get(head[8:12])  # type: ignore[return-value]
    if head[4:8] == b"ftyp":
        if head[8:12] in {b"avif", b"avis"}:
            return "image"
        return None if head[8:12] in _HEIF_BRANDS else "video"
    if head[4:8] in _QUICKTIME_ATOMS:
        return "video"
    if re.match(rb"P[1-7fF]\s", head):
        return "image"
    for first, packet in ((0, 188), (4, 192)):  # MPEG transport stream: a sync byte every packet
        if len(head) > first + 2 * packet and all(head[first + i * packet] == 0x47 for i in range(3)):
            return "video"
    if re.match(rb"\x00?\x00\x00\x01[\x09\x67\x27\x40]", head):  # bare H.264 or HEVC
        return "video"
    return None


def _expand_one(name: str, recursive: bool) -> list[Source]:
    try:
        if place := bucket_path(name):
            return [Source("video", address) for address in videos_in(place, VIDEO_EXTENSIONS, recursive=recursive)]
        if address := find_address(name):
            return [Source("video", address)]
    except InputError as error:
        return [_unusable(Path(shown(name)), str(error))]
    if not name:
        return [_unusable(Path(), "an input has an empty name; name a picture, video or folder, . for the current one")]
    try:
        return _expand_path(name, Path(name).expanduser(), recursive)
    except OSError as error:
        return [_unusable(Path(name), _unreadable(Path(name), error))]
    except RuntimeError:  # ~somebody who has no account
        return [_unusable(Path(name), f"{name} does not exist; there is no such home folder")]


def _expand_path(name: str, path: Path, recursive: bool) -> list[Source]:
    if path.is_dir():
        return _expand_folder(path, recursive)
    if path.exists():
        return [_classify(path)]
    if name == "-":
        return [_unusable(path, "standard input cannot be searched like a file; save what comes out of it and name that file")]
    if glob.has_magic(name):
        return _expand_pattern(name, recursive)
    return [_unusable(path, f"{name} does not exist{_nearest(path)}")]


def _expand_pattern(pattern: str, recursive: bool) -> list[Source]:
    # Path.glob wants the fixed part of the pattern apart from the rest; the older function takes it as typed.
    matches = sorted(glob.glob(str(Path(pattern).expanduser()), recursive=True), key=_natural)  # noqa: PTH207
    files = [Path(match) for match in matches]
    sources: list[Source] = []
    for path in files:
        if path.is_dir():
            sources += _expand_folder(path, recursive) if recursive else []
        else:
            sources += _take(path)
    if sources:
        return sources
    reason = "matches no file" if not files else f"matches {len(files)} entries, but none is a picture or a video"
    return [_unusable(Path(pattern), f"{pattern} {reason}; quote the pattern and check the folder")]


def _expand_folder(folder: Path, recursive: bool) -> list[Source]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: _natural(entry.name))
    except OSError as error:
        return [_unusable(folder, f"folder {folder} cannot be read: {error.strerror}; check its permissions")]
    sources: list[Source] = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            # Links to folders are not followed: they can lead in circles.
            if recursive and not entry.is_symlink():
                inner = _expand_folder(entry, recursive)
                sources += [source for source in inner if source.path != entry]
        else:
            sources += _take(entry)
    if sources:
        return sources
    hint = (
        ""
        if recursive or not any(entry.is_dir() for entry in entries)
        else "; use --recursive to look into its folders"
    )
    return [_unusable(folder, f"folder {folder} holds no picture and no video{hint}")]


def _take(path: Path) -> list[Source]:
    """A file met in a folder: skipped when neither its content nor its name suggests a picture or video."""
    source = _classify(path)
    # Source code may end in .ts too; such a file is not a damaged video.
    named = path.suffix.lower() in (IMAGE_EXTENSIONS | VIDEO_EXTENSIONS | UNREADABLE_EXTENSIONS) - {".ts", ".mts"}
    return [source] if source.kind != "unusable" or (named and _special_file(path) is None) else []


def _classify(path: Path) -> Source:
    if problem := _special_file(path):
        return _unusable(path, problem)
    try:
        kind = content_kind(path)
    except OSError as error:
        return _unusable(path, f"{path} cannot be read: {error.strerror}; check its permissions")
    if kind is None:
        return _unusable(path, f"{path} cannot be analysed: {describe_content(path)}")
    return Source(kind, path)


def _unusable(path: Path, problem: str) -> Source:
    return Source("unusable", path, problem)


def _nearest(path: Path) -> str:
    """A hint at what may have been meant: the first missing folder, or names like the one that was given."""
    parent = path.parent
    if not parent.is_dir():
        missing = next((folder for folder in reversed(path.parents) if not folder.exists()), parent)
        return f"; there is no folder {missing}"
    try:
        names: Sequence[str] = [entry.name for entry in parent.iterdir()]
    except OSError:
        return ""
    close = nearest(path.name, names)
    return f"; did you mean {' or '.join(close)}?" if close else f"; look into {parent.resolve()}"


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part]


def demo_clip() -> Path:
    """Path of the shipped clip.

    Raises:
        InputError: this installation has none.
    """
    path = Path(__file__).resolve().parents[1] / "assets" / "demo.mp4"
    if not path.is_file():
        raise InputError(f"the shipped clip {path} is missing; name your own video, or install aufait again")
    return path
