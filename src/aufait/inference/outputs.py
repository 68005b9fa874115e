"""All files of one task, written together: whole at the end, or kept under names that say ``.partial``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from aufait.errors import AufaitError

if TYPE_CHECKING:
    from aufait.inference.detector import AnalyzedFrame
    from aufait.inference.plan import OutputOptions, Task
    from aufait.media.provenance import ProvenanceWriter
    from aufait.results import FrameAnalysis


class SourceReader(Protocol):
    """What is asked of a video or camera after its last frame."""

    error: str | None
    corrupt: int


@dataclass(frozen=True, eq=False)
class StreamInfo:
    """What is known of a source before its first frame; None where unknown."""

    frame_count: int | None = None
    size: tuple[int, int] | None = None
    frame_rate: float | None = None
    duration: float | None = None
    reader: SourceReader | None = None


class _StreamWriter(Protocol):
    """The shape that tables and videos share."""

    def close(self) -> Path: ...

    def abandon(self) -> Path | None: ...


class _Table(_StreamWriter, Protocol):
    def write(self, frame: FrameAnalysis) -> None: ...


class TaskOutputs:
    """Every output of one task behind one ``write``.

    As a context manager it finishes all files at the end of the block. When the block is left by an exception, what was
    written stays under names that say ``.partial``; where nothing was written, nothing stays.

    Args:
        task: names the files.
        options: says which ones.
        info: size and frame rate of the source, for videos.
        action_units: of the model.
        settings: what decided the numbers, see ``Detector.settings``.
        command: the command line, for the provenance record.

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
    ) -> None:
        self._task, self._options, self._info = task, options, info
        self._units, self._settings = action_units, settings
        self._number = {str(path): number for number, path in enumerate(task.inputs)}
        self._frames = 0
        self._pictures: list[Path] = []
        self._tables: list[_Table] = []
        self._video: Any = None
        self.paths: list[Path] = []
        try:
            self._provenance = self._open_provenance(command)
            self._tables = [self._open_table(name) for name in options.formats]
            if options.annotate:
                from aufait.visualization.annotate import Annotator

                self._annotator = Annotator(caption=task.kind != "image")
                self._video = self._open_video() if task.kind != "image" else None
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
            path = Path(analysis.source)
            self._provenance.add_input(path, "image", size=list(analysis.size))
        self._frames += 1
        for table in self._tables:
            table.write(analysis)
        self._provenance.count(analysis, corrupt=analysis.error is not None)
        if self._options.annotate:
            self._draw(frame)

    def note_problems(self, problems: Sequence[str]) -> None:
        """Puts problems with the input into the provenance record."""
        for problem in problems:
            self._provenance.add_error(problem)

    def _open_provenance(self, command: Sequence[str] | None) -> ProvenanceWriter:
        from aufait.media.provenance import ProvenanceWriter

        settings = self._settings
        writer = ProvenanceWriter(
            self._task.provenance,
            model={"name": settings["model"], "sha256": settings["model_sha256"]},
            finder=settings["finder"],
            settings={**settings, "outputs": asdict(self._options)},
            command=command,
            overwrite=self._options.overwrite,
        )
        if self._task.kind == "video":
            writer.add_input(self._task.inputs[0], "video", size=self._info.size, frame_rate=self._info.frame_rate)
        elif self._task.kind == "camera":
            writer.add_input(self._task.title, "camera", size=self._info.size)
        return writer

    def _open_table(self, name: str) -> _Table:
        from aufait.media.tables import OpenFaceCsvWriter, ParquetWriter

        path, overwrite = self._task.table(name), self._options.overwrite
        if name == "parquet":
            metadata = {"model": str(self._settings["model"]), "model_sha256": str(self._settings["model_sha256"])}
            return ParquetWriter(path, self._units, overwrite=overwrite, metadata=metadata)
        kind = "image" if self._task.kind == "image" else "video"
        return OpenFaceCsvWriter(path, self._units, kind=kind, overwrite=overwrite)  # type: ignore[arg-type]

    def _open_video(self) -> Any:
        from aufait.media.video import VideoWriter

        size = self._info.size or (0, 0)
        return VideoWriter(
            self._task.annotated(), size, frame_rate=self._info.frame_rate, overwrite=self._options.overwrite
        )

    def _draw(self, frame: AnalyzedFrame) -> None:
        if self._task.kind == "image":
            self._annotator.reset()  # the panels of one picture say nothing about the next
        drawing = self._annotator(frame.image, frame.analysis)
        if self._video is not None:
            self._video.write(drawing, frame.analysis.timestamp)
            return
        from aufait.media.images import write_image

        path = self._task.annotated(self._number[frame.analysis.source])
        self._pictures.append(write_image(path, drawing, overwrite=self._options.overwrite))

    def _finish(self) -> None:
        paths = [table.close() for table in self._tables]
        if self._video is not None:
            paths.append(self._video.close())
        paths += self._pictures
        for path in paths:
            self._provenance.add_output(path)
        self.paths = [*paths, self._provenance.finish()]

    def _abandon(self, error: BaseException | None) -> None:
        """Keeps what is whole under partial names; where nothing was written, removes all traces."""
        writers: list[_StreamWriter] = [*self._tables, *([self._video] if self._video is not None else [])]
        paths = [path for writer in writers if (path := _quietly(writer.abandon)) is not None] + self._pictures
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
        self.paths = paths + ([record] if record is not None else [])


def _quietly(action: Callable[[], Path | None]) -> Path | None:
    """The result of a clean-up step, None where it fails: the error that led here matters more."""
    with suppress(AufaitError, OSError):
        return action()
    return None
