"""Which files a detection job will write, decided and checked before any work is done.

A video ``clip.mp4`` becomes ``clip.csv``, ``clip.provenance.json`` and, where asked for, ``clip.parquet``,
``clip_annotated.mp4``, ``clip_timeline.png`` and ``clip_report.html``. All pictures of a call share one table,
``images.csv`` and so on; each picture gets its own ``<name>_annotated.png``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aufait.errors import InputError, MissingExtraError, OutputError
from aufait.files.atomic import partial_path
from aufait.files.safe_text import file_name

if TYPE_CHECKING:
    from aufait.media.addresses import Address
    from aufait.media.pieces import Piece, PieceRule
    from aufait.media.sources import Source

_LONGEST_NAME = 180  # bytes of the 255 that file systems take: then come words such as _annotated, .partial and an extension

FORMATS = ("csv", "parquet")
"""Table formats by name."""

IMAGES_STEM = "images"
"""Stem of the table that all pictures of a call share."""


@dataclass(frozen=True)
class OutputOptions:
    """What to write besides the results."""

    formats: tuple[str, ...] = ("csv",)
    """Table formats, of ``FORMATS``."""
    annotate: bool = False
    """Draw boxes, landmarks and action units into a copy of the video or picture."""
    sound: bool = True
    """Keep the sound of a video in its annotated copy."""
    plot: bool = False
    """Draw a timeline of each video."""
    report: bool = False
    """Write an HTML page for each video and for the pictures."""
    explain: bool = False
    """Show on the page where the model looked, on the faces on which action units are at their strongest."""
    overwrite: bool = False
    """Replace files that exist."""
    blocks: tuple[str, ...] | None = None
    """Blocks of OpenFace's columns in tables, of ``openface_blocks.BLOCKS``; None for those of ``openface_blocks.USUAL``."""

    def __post_init__(self) -> None:
        unknown = [name for name in self.formats if name not in FORMATS]
        if unknown or not self.formats:
            raise InputError(f"table formats are {' and '.join(FORMATS)}, got {', '.join(unknown) or 'none'}")
        if self.explain and not self.report:
            raise InputError("explanations are shown on the page; ask for it too (--report)")


@dataclass(frozen=True)
class Task:
    """One table to be made: from one video, or from all pictures of the call.

    Attributes:
        kind: "video", "image" or "camera".
        inputs: the input files, or the address of a video; one for a video, its frames for a folder of them, none for a camera.
        names: a name for each input that no other input has, for its annotated copy.
        folder: where the outputs go.
        stem: first part of the names of the table, provenance record, timeline and page.
        camera: number of the camera.
        stream: number of the video stream to read, None for the main one.
        sequence: the folder whose pictures are the frames of a video, else None.
        frame_rate: frames of a sequence per second.
        pieces: of a long video that is analysed piece by piece, see ``aufait.detection.pieced``; empty for one that is not.
        piece_rule: by which these were cut.
        unsplit: why a video has no pieces though they were asked for; empty otherwise.
    """

    kind: Literal["video", "image", "camera"]
    inputs: tuple[Path | Address, ...]
    names: tuple[str, ...]
    folder: Path
    stem: str
    camera: int | None = None
    stream: int | None = None
    sequence: Path | None = None
    frame_rate: float | None = None
    pieces: tuple[Piece, ...] = ()
    piece_rule: PieceRule | None = None
    unsplit: str = ""

    @property
    def live(self) -> bool:
        """Whether the source does not end by itself: a camera, here or in the network."""
        return self.kind == "camera" or any(getattr(place, "live", False) for place in self.inputs)

    @property
    def title(self) -> str:
        """What to call the task in messages."""
        if self.kind == "camera":
            return f"camera {self.camera}"
        if self.sequence is not None:
            return str(self.sequence)
        return str(self.inputs[0]) if self.kind == "video" or len(self.inputs) == 1 else f"{len(self.inputs)} pictures"

    def table(self, name: str) -> Path:
        """Path of the table in one of ``FORMATS``."""
        return self.folder / f"{self.stem}.{name}"

    @property
    def provenance(self) -> Path:
        """Path of the record of versions, settings and hashes."""
        return self.folder / f"{self.stem}.provenance.json"

    @property
    def claim(self) -> Path:
        """Path of the file that shows other processes that the result is being made."""
        return self.folder / f"{self.stem}.claim"

    @property
    def finished_pictures(self) -> Path:
        """Path of what is kept of the pictures until their table is finished."""
        return self.folder / f"{self.stem}.partial.jsonl"

    @property
    def pieces_folder(self) -> Path:
        """Path of what is kept of the pieces of a video until they are joined."""
        return self.folder / f"{self.stem}.pieces"

    @property
    def timeline(self) -> Path:
        """Path of the timeline picture."""
        return self.folder / f"{self.stem}_timeline.png"

    @property
    def page(self) -> Path:
        """Path of the HTML page."""
        return self.folder / f"{self.stem}_report.html"

    def annotated(self, number: int = 0) -> Path:
        """Path of the annotated copy of input ``number``."""
        return self.folder / f"{self.names[number]}_annotated.{'png' if self.kind == 'image' else 'mp4'}"

    def outputs(self, options: OutputOptions) -> list[Path]:
        """Every file that the task will write."""
        paths = [self.table(name) for name in options.formats] + [self.provenance]
        if options.annotate:
            paths += [self.annotated(number) for number in range(len(self.names))]
        if options.plot and self.kind != "image":
            paths.append(self.timeline)
        if options.report:
            paths.append(self.page)
        return paths


def plan_tasks(sources: Sequence[Source], folder: Path, *, stream: int | None = None) -> list[Task]:
    """One task per video, and one for all pictures together, in the order of the inputs.

    Args:
        sources: usable and unusable sources; the unusable ones are left out.
        folder: folder for all outputs.
        stream: number of the video stream to read in each video, None for the main one.
    """
    pictures = tuple(source.path for source in sources if source.kind == "image")
    videos = [source.path for source in sources if source.kind == "video"]
    names = dict(zip(videos, unique_names(videos, [IMAGES_STEM] if pictures else []), strict=True))
    tasks: list[Task] = []
    for source in sources:
        if source.kind == "video":
            inputs, place = source.frames or (source.path,), source.path if source.frames else None
            name = names[source.path]
            tasks.append(Task("video", inputs, (name,), folder, name, None, stream, place, source.frame_rate))  # type: ignore[arg-type]
        elif pictures and source.path == pictures[0]:
            tasks.append(Task("image", pictures, tuple(unique_names(pictures)), folder, IMAGES_STEM))
    return tasks


def named(tasks: Sequence[Task], name: str) -> list[Task]:
    """The only one of some tasks, with a name for its results.

    Raises:
        InputError: several tasks, or a name that is none.
    """
    if len(tasks) != 1:
        raise InputError(f"{name!r} names one result, but the inputs give {len(tasks)}; run them one by one, or leave the name out")
    if name != file_name(name) or name in ("", ".", "..") or name != Path(name).name:
        raise InputError(f"the name of a result is part of the names of its files, got {name!r}; give the folder with -o")
    (task,) = tasks
    return [replace(task, stem=name, names=(name,) if len(task.names) == 1 else task.names)]


def camera_task(number: int, folder: Path) -> Task:
    """The task of recording a camera."""
    return Task("camera", (), (f"camera{number}",), folder, f"camera{number}", number)


def unique_names(paths: Sequence[Path | Address], reserved: Iterable[str] = ()) -> list[str]:
    """A name for each path: its stem where that is unique, else with the extension, the folder or a number added.

    ``clip.mp4`` and ``clip.mov`` become ``clip_mp4`` and ``clip_mov``; ``a/clip.mp4`` and ``b/clip.mp4`` become
    ``a_clip`` and ``b_clip``. Capitals do not distinguish names, because on some file systems they do not. What is too long for
    a file system, with what is appended to it, is cut, and a hash of the whole put in place of the rest.
    """
    ways: list[Callable[[Path | Address], str]] = [
        lambda path: _short(path.stem),
        lambda path: _short(f"{path.stem}_{path.suffix.lstrip('.').lower()}"),
        lambda path: _short(f"{path.absolute().parent.name}_{path.stem}"),
        lambda path: _short(f"{path.absolute().parent.name}_{path.stem}_{path.suffix.lstrip('.').lower()}"),
    ]
    names: dict[Path | Address, str] = {}
    taken = {name.casefold() for name in reserved}
    left = list(dict.fromkeys(paths))
    for way in ways:
        counts = Counter(way(path).casefold() for path in left)
        settled = {path: way(path) for path in left if counts[way(path).casefold()] == 1}
        settled = {path: name for path, name in settled.items() if name.casefold() not in taken}
        names |= settled
        taken |= {name.casefold() for name in settled.values()}
        left = [path for path in left if path not in settled]
    for path in left:
        stem = _short(path.stem)
        number = next(n for n in range(2, len(paths) + 3) if f"{stem}_{n}".casefold() not in taken)
        names[path] = f"{stem}_{number}"
        taken.add(names[path].casefold())
    return [names[path] for path in paths]


def _short(name: str) -> str:
    """The name as valid text, cut where it leaves no room for what is appended to it; a hash then keeps it apart from others."""
    name = file_name(name)
    coded = name.encode()
    if len(coded) <= _LONGEST_NAME:
        return name
    return f"{coded[: _LONGEST_NAME - 12].decode('utf-8', 'ignore')}-{sha256(coded).hexdigest()[:10]}"


def can_plot() -> bool:
    """Whether matplotlib, which draws the timeline, is installed."""
    return find_spec("matplotlib") is not None


def everything() -> OutputOptions:
    """Options under which a task writes every file that it ever may."""
    return OutputOptions(formats=FORMATS, annotate=True, plot=True, report=True)


def check_outputs(tasks: Sequence[Task], options: OutputOptions) -> None:
    """Refuses to start where a foreign file would be overwritten, an input destroyed, or a needed package is absent.

    Results of earlier runs, with a record next to them, are checked later: see ``aufait.detection.resume``.

    Raises:
        MissingExtraError: Parquet was asked for without pyarrow, or a timeline without matplotlib.
        OutputError: an output exists without a record and ``overwrite`` is off, the folder is a file or its name too long, an
            output is also an input, or one input's result has the name under which another's is written until it is whole.
    """
    if "parquet" in options.formats and find_spec("pyarrow") is None:
        raise MissingExtraError("writing Parquet tables", "parquet")
    if options.plot and not can_plot():
        raise MissingExtraError("drawing the timeline", "plot")
    if options.explain and not can_plot():
        raise MissingExtraError("drawing explanations", "plot")
    _check_folders({task.folder for task in tasks})
    paths = [path for task in tasks for path in task.outputs(options)]
    _check_inputs(tasks, paths)
    unfinished = {partial_path(path) for path in paths}
    clash = [path for path in paths if path in unfinished]
    if clash:
        raise OutputError(f"{clash[0]} would be lost: another input uses that name while it is written; rename one input")
    if options.overwrite:
        return
    unknown = [task for task in tasks if task.live or not _has_record(task)]
    existing = [path for task in unknown for path in task.outputs(options) if path.exists()]
    if existing:
        shown = ", ".join(str(path) for path in existing[:3]) + (", ..." if len(existing) > 3 else "")
        raise OutputError(
            f"{len(existing)} of the output files exist already ({shown}); "
            "give --overwrite to replace them, or another folder with -o"
        )


def _check_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        try:
            taken = folder.exists() and not folder.is_dir()
        except OSError as error:
            raise OutputError(f"{folder} cannot be the output folder: {error.strerror}; choose another with -o") from error
        if taken:
            raise OutputError(f"{folder} is a file; -o expects a folder")


def _check_inputs(tasks: Sequence[Task], paths: Sequence[Path]) -> None:
    """Refuses where an input would be replaced by an output, or taken for what a run left unfinished and removed."""
    inputs = {path.resolve() for task in tasks for path in task.inputs}
    doomed = [path for path in paths if path.resolve() in inputs]
    if not doomed:
        names = {path.name for path in inputs}
        removed = (partial_path(path) for task in tasks for path in task.outputs(everything()))
        doomed = [path for path in removed if path.name in names and path.resolve() in inputs]
    if doomed:
        raise OutputError(f"{doomed[0]} is an input and would be overwritten; choose another output folder with -o")


def _has_record(task: Task) -> bool:
    return task.provenance.exists() or partial_path(task.provenance).exists()
