"""All files of one task, written together: whole at the end, or kept under names that say ``.partial``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from aufait.errors import AufaitError
from aufait.files.atomic import partial_path

if TYPE_CHECKING:
    from aufait.detection.detector import AnalyzedFrame, Detector
    from aufait.detection.jobs import Problem
    from aufait.detection.plan import OutputOptions, Task
    from aufait.detection.provenance import ProvenanceWriter
    from aufait.detection.telling_faces import ExplainedFace, TellingFaces
    from aufait.results import FrameAnalysis
    from aufait.visualization.results.annotate import Annotator
    from aufait.visualization.results.event_tables import PageEvents
    from aufait.visualization.results.report import Report
    from aufait.visualization.results.timeline import Timeline

    EventsOf = Callable[[Path], PageEvents]
    """Events of a table of a video, for its page."""

_MOST_PROBLEMS = 100


class SourceReader(Protocol):
    """What a video or camera must say after its last frame."""

    error: str | None
    corrupt: int
    notes: list[str]
    doubts: list[str]


@dataclass(frozen=True, eq=False)
class StreamInfo:
    """What is known about a source before its first frame; None where unknown."""

    frame_count: int | None = None
    size: tuple[int, int] | None = None
    frame_rate: float | None = None
    duration: float | None = None
    reader: SourceReader | None = None
    stream: int | None = None
    start: float | None = None
    first_frame: float | None = None


class _StreamWriter(Protocol):
    """The shape that tables and videos share."""

    path: Path

    def complete(self) -> Path: ...

    def abandon(self) -> Path | None: ...


class _Table(_StreamWriter, Protocol):
    def write(self, frame: FrameAnalysis) -> None: ...


class TaskOutputs:
    """Every output of one task, written by one ``write``.

    As a context manager it finishes all files at the end of the block. When the block is left by an exception, what was
    written stays under names that say ``.partial``; where nothing was written, nothing stays.

    Args:
        task: names the files.
        options: says which ones.
        info: size and frame rate of the source, for videos.
        action_units: of the model.
        settings: what decided the numbers, see ``Detector.settings``.
        command: the command line, for the provenance record.
        replace: whether files of these names may be replaced; None for what the options say.
        before_final: called when all files are whole, before they get their final names; it may refuse.
        find_events: of the first table of a video, for the page; None leaves events out.

    Attributes:
        paths: files written, filled at the end; the first table comes first.

    Raises:
        OutputError: a file exists, the folder cannot be written, the disc is full.
        MissingExtraError: Parquet was asked for without pyarrow.
    """

    def __init__(
        self,
        task: Task,
        options: OutputOptions,
        info: StreamInfo,
        action_units: tuple[int, ...],
        settings: dict[str, Any],
        command: Sequence[str] | None = None,
        *,
        replace: bool | None = None,
        before_final: Callable[[], object] = lambda: None,
        find_events: EventsOf | None = None,
    ) -> None:
        self._task, self._options, self._info = task, options, info
        self._replace, self._before_final = options.overwrite if replace is None else replace, before_final
        self._units, self._settings, self._find_events = action_units, settings, find_events
        self._number = {str(path): number for number, path in enumerate(task.inputs)}
        self._frames = 0
        self._whole: dict[Path, Path] = {}  # final name -> the partial one, under which it is complete
        self._becoming_final = False
        self._tables: list[_Table] = []
        self._video: Any = None
        self._annotator: Annotator | None = None
        self._timeline: Timeline | None = None
        self._report: Report | None = None
        self._telling: TellingFaces | None = None
        self._explained: list[ExplainedFace] = []
        self.paths: list[Path] = []
        try:
            self._provenance = self._open_provenance(command)
            self._tables = [self._open_table(name) for name in options.formats]
            self._open_pictures()
        except BaseException as error:
            self._abandon(error)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None or self._frames == 0:
            self._abandon(error)
            return
        try:
            self._finish()
        except BaseException as late:
            self._abandon(late)
            raise

    def write(self, frame: AnalyzedFrame) -> None:
        """Adds one frame to every file.

        Raises:
            OutputError: the disc is full, or an encoder gave up.
        """
        analysis = frame.analysis
        if self._task.kind == "image":
            self._add_picture(Path(analysis.source), size=list(analysis.size))
        elif self._task.sequence is not None:
            self._add_picture(Path(str(self._task.inputs[analysis.frame - 1])), size=list(analysis.size))
        self._frames += 1
        for table in self._tables:
            table.write(analysis)
        self._provenance.count(analysis, corrupt=analysis.error is not None)
        if self._timeline is not None:
            self._timeline.add(analysis)
        if self._telling is not None:
            self._telling.add(frame)
        if self._task.kind == "image":
            self._show_picture(frame)
            return
        if self._annotator is not None and self._video is not None:
            self._video.write(self._annotator(frame.image, analysis), analysis.timestamp)
        if self._report is not None:
            self._report.add(analysis, frame.image)

    @property
    def notes(self) -> list[str]:
        """What should be known about the files: sound that is missing from the annotated copy."""
        return [] if self._video is None else list(self._video.notes)

    def note_problems(self, problems: Sequence[Problem], unread: Sequence[Path] = (), status: str = "ok") -> None:
        """Writes what should be known about the input into the provenance record.

        Args:
            problems: with the input, and notes.
            unread: pictures that could not be read.
            status: how the task went, for runs that find its result.
        """
        notes = [str(problem) for problem in problems if problem.exit_code == 0]
        for problem in problems:
            if problem.exit_code:
                self._provenance.add_error(str(problem))
        for path in unread:
            self._add_picture(path, error="not read")
        told = [asdict(problem) for problem in problems[:_MOST_PROBLEMS]]
        self._provenance.update(
            notes=notes, reading=getattr(self._info.reader, "facts", {}), outcome={"status": status, "problems": told}
        )

    def _add_picture(self, path: Path, **facts: Any) -> None:
        rank = self._number[str(path)]
        self._provenance.add_input(path, "image", rank=rank, **facts, **_state(path))

    def explain(self, detector: Detector) -> None:
        """Find out where the scores of the most telling faces come from, where that was asked for; after the last frame.

        Args:
            detector: the one that made the results; it no longer follows a video.
        """
        if self._telling is None:
            return
        from aufait.detection.telling_faces import explain_telling

        self._explained = explain_telling(detector, self._telling.chosen())

    def _open_provenance(self, command: Sequence[str] | None) -> ProvenanceWriter:
        from aufait.detection.provenance import ProvenanceWriter
        from aufait.detection.resume import recorded_settings

        settings = self._settings
        writer = ProvenanceWriter(
            self._task.provenance,
            model={"name": settings["model"], "sha256": settings["model_sha256"]},
            finder=settings["finder"],
            settings=recorded_settings(self._task, self._options, settings),
            command=command,
            overwrite=self._replace,
        )
        if self._task.kind == "video" and self._task.sequence is None:  # frames of a folder are added as they come
            info = self._info
            facts: dict[str, Any] = {"size": info.size, "frame_rate": info.frame_rate, "stream": info.stream}
            facts |= {"start": info.start, "first_frame": info.first_frame}
            place = self._task.inputs[0]
            if isinstance(place, Path):
                writer.add_input(place, "video", **facts, **_state(place))
            else:
                writer.add_input(str(place), "address", **facts)
        elif self._task.kind == "camera":
            writer.add_input(self._task.title, "camera", size=self._info.size)
        return writer

    def _open_table(self, name: str) -> _Table:
        from aufait.detection.tables import OpenFaceCsvWriter, ParquetWriter

        path, overwrite, blocks = self._task.table(name), self._replace, self._options.blocks
        if name == "parquet":
            metadata = {"model": str(self._settings["model"]), "model_sha256": str(self._settings["model_sha256"])}
            return ParquetWriter(path, self._units, overwrite=overwrite, metadata=metadata, blocks=blocks)
        kind = "image" if self._task.kind == "image" else "video"
        return OpenFaceCsvWriter(path, self._units, kind=kind, overwrite=overwrite, blocks=blocks)  # type: ignore[arg-type]

    def _open_video(self) -> Any:
        from aufait.media.video_writer import VideoWriter

        size, path = self._info.size or (0, 0), self._task.annotated()
        sound, shifts = None, getattr(self._info.reader, "shifts", None)
        place = next(iter(self._task.inputs), None)
        if self._options.sound and shifts is not None and isinstance(place, Path):  # cameras and pages have none, networks but one
            from aufait.media.sound import open_sound

            sound = open_sound(place, shifts)
        return VideoWriter(path, size, frame_rate=self._info.frame_rate, overwrite=self._replace, sound=sound)

    def _open_pictures(self) -> None:
        """Prepares everything that is drawn."""
        from aufait.detection.plan import can_plot

        task, options = self._task, self._options
        note: str | None = self._settings["model_details"].get("note")  # of networks; the shipped models are what pages expect
        if options.annotate or (options.report and task.kind == "image"):
            from aufait.visualization.results.annotate import Annotator

            picture = task.kind == "image"
            self._annotator = Annotator(caption=not picture, margin=picture)
        if options.annotate and task.kind != "image":
            self._video = self._open_video()
        if task.kind != "image" and (options.plot or (options.report and can_plot())):
            from aufait.visualization.results.timeline import Timeline

            self._timeline = Timeline(note=note) if note else Timeline()
        if options.report:
            from aufait.visualization.results.report import CAUTION, Report

            title = task.title if task.kind != "video" else (task.sequence or task.inputs[0]).name
            words = {"note": f"{note}. {CAUTION}"} if note else {}
            self._report = Report(title, kind="image" if task.kind == "image" else "video", **words)
        if options.explain:
            from aufait.detection.telling_faces import TellingFaces

            self._telling = TellingFaces()

    def _show_picture(self, frame: AnalyzedFrame) -> None:
        """Draws one of many pictures, for its own file and for the page."""
        if self._annotator is None:
            return
        from aufait.media.images import write_image

        self._annotator.reset()  # the panels of one picture say nothing about the next
        link = self._task.annotated(self._number[frame.analysis.source]) if self._options.annotate else None
        drawn = link is not None and frame.image.size == 0  # by the run that was stopped, and what it drew is whole
        drawing = None if drawn else self._annotator(frame.image, frame.analysis)
        if link is not None:
            self._whole[link] = partial_path(link)
            if drawing is not None:
                write_image(partial_path(link), drawing, overwrite=True)
        if self._report is not None and drawing is not None:
            self._report.add(frame.analysis, drawing, link=link)

    def _finish(self) -> None:
        """Completes the files, the page last because it shows the record; then all of them become final."""
        from aufait.detection.resume import file_facts, make_final
        from aufait.files.atomic import sync_to_disc, write_bytes

        task, pictures = self._task, list(self._whole)
        drawn, self._whole = self._whole, {}
        for table in self._tables:
            self._whole[table.path] = table.complete()
        self._whole |= drawn
        if self._video is not None:
            self._whole[self._video.path] = self._video.complete()
            self._provenance.update(annotated=self._video.facts)
        drawing = None if self._timeline is None else self._timeline.to_png()
        if self._options.plot and drawing is not None:
            self._whole[task.timeline] = write_bytes(partial_path(task.timeline), drawing, overwrite=True)
        page = task.page if self._report is not None else None
        for path in [*self._whole, *([page] if page is not None else [])]:
            self._provenance.add_output(path)
        self._provenance.end()
        if page is not None:
            self._whole[page] = self._write_page(drawing)
        files = {path.name: file_facts(partial, hashed=path not in pictures) for path, partial in self._whole.items()}
        for path, partial in self._whole.items():
            if path not in pictures:  # thousands, perhaps: their sizes show whether they are complete
                sync_to_disc(partial)
        self._provenance.update(files=files)
        self._before_final()
        self._provenance.write()
        self._becoming_final = True  # from here on the record lists what the next run would have to rename
        make_final(task.provenance, list(files), replace=self._replace)
        self.paths += [*self._whole, task.provenance]

    def _write_page(self, timeline: bytes | None) -> Path:
        assert self._report is not None
        tables = [table.path for table in self._tables]
        find = self._find_events if tables and self._task.kind != "image" else None
        events = None if find is None else find(self._whole[tables[0]])
        return self._report.write(
            partial_path(self._task.page), video=None if self._video is None else self._video.path, timeline=timeline,
            events=events, explained=self._explained if self._telling is not None else None, files=[*tables, self._task.provenance],
            provenance=self._provenance.as_dict(), overwrite=True,
        )  # fmt: skip

    def _abandon(self, error: BaseException | None) -> None:
        """Keeps what is whole under partial names; where nothing was written, removes all traces."""
        if self._becoming_final:
            return
        writers: list[_StreamWriter] = [*self._tables, *([self._video] if self._video is not None else [])]
        paths = [path for writer in writers if (path := _quietly(writer.abandon)) is not None]
        paths += [path for path in self._whole.values() if path not in paths]
        provenance = getattr(self, "_provenance", None)
        if provenance is None:
            return
        reason = None if error is None else f"{type(error).__name__}: {error}".rstrip(": ")
        for path in paths:
            provenance.add_output(path)
        record = _quietly(lambda: provenance.finish(completed=False, error=reason))
        if self._frames == 0:
            if record is not None:
                record.unlink(missing_ok=True)
            return
        self.paths += paths + ([record] if record is not None else [])


def _state(path: Path) -> dict[str, Any]:
    """For the record: by what the file is known again without reading it."""
    from aufait.detection.resume import file_state

    with suppress(OSError):
        return {"state": file_state(path)}
    return {}


def _quietly(action: Callable[[], Path | None]) -> Path | None:
    """The result of a clean-up step, None where it fails: the error that led here matters more."""
    with suppress(AufaitError, OSError):
        return action()
    return None
