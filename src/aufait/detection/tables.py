"""Tables of results: CSV that OpenFace 2.2 scripts read unchanged, typed Parquet, and a reader of OpenFace's own files.

CSV columns, from left to right:

1. OpenFace 2.2's, in its order, units and number formats: ``frame`` (from 1), ``face_id``, ``timestamp`` (seconds, here
   the true presentation time), ``confidence``, ``success``; head pose in millimetres and radians; 68 landmarks in
   pixels; ``AUxx_r`` intensity 0-5 for 17 action units; ``AUxx_c`` occurrence 0/1 for these and AU28. A table of
   pictures starts with ``face,confidence`` instead. Where ``blocks`` name them, also gaze, eye landmarks and 3D landmarks;
   shape parameters are not produced.
2. Ours: ``presentation_time`` (seconds, all digits; in tables of pictures ``success``), the face box, ``quality`` 0-1,
   ``AUxx_p`` probability of every action unit of the model, ``_r`` and ``_c`` of those that OpenFace lacks,
   ``AUxx_left_r``, ``AUxx_right_r``, ``AUxx_left_p``, ``AUxx_right_p`` of the two-sided ones (the subject's sides),
   ``width`` and ``height`` of the frame in pixels, ``source``. A source that a spreadsheet would take for a formula
   (``=a.jpg``, ``@a.jpg``) is written as ``./=a.jpg``, which names the same file.

OpenFace's AU45 (blink) columns are filled from AU43 (eyes closed) when the model scores no AU45: in one frame they look
the same. Columns of action units that the model does not score are left empty, and so is what it does not give: a published network
has no sides, most have no intensities. A frame without a face has one row with
success 0, OpenFace's zeros, and our columns empty except time, size and source.
"""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aufait.action_units import ACTION_UNITS, AU_SETS
from aufait.detection.openface_blocks import LANDMARKS, POSE, USUAL, Block, describe_column, has_action_units, parts_of
from aufait.errors import InputError, MissingExtraError
from aufait.files.atomic import AtomicOutput, OutputWriter, output_errors
from aufait.files.safe_text import valid_text
from aufait.results import FaceAnalysis, FrameAnalysis

TableKind = Literal["video", "image"]

POSE_COLUMNS = POSE.columns
LANDMARK_COLUMNS = LANDMARKS.columns
BOX_COLUMNS = ("box_x0", "box_y0", "box_x1", "box_y1")
SIZE_COLUMNS = ("width", "height")

_FLUSH_BYTES = 1 << 16
_ROW_GROUP_ROWS = 2048
_FORMULA_STARTS = ("=", "+", "-", "@")
_SIDES = ("left_r", "right_r", "left_p", "right_p")


def openface_columns(kind: TableKind = "video", blocks: Iterable[str] | None = None) -> tuple[str, ...]:
    """OpenFace 2.2's header for some blocks of ``openface_blocks``; None for index, pose, 2D landmarks, action units."""
    index = ("frame", "face_id", "timestamp", "confidence", "success") if kind == "video" else ("face", "confidence")
    columns = tuple(name for part in parts_of(blocks) for name in part.columns)
    intensity, occurrence = _openface_units(blocks)
    return index + columns + tuple(_column(unit, "r") for unit in intensity) + tuple(_column(unit, "c") for unit in occurrence)


def _openface_units(blocks: Iterable[str] | None) -> tuple[Sequence[int], Sequence[int]]:
    """Action units for whose intensity and occurrence OpenFace has columns; none in a table without action units."""
    return (AU_SETS["openface_intensity"], AU_SETS["openface_occurrence"]) if has_action_units(blocks) else ((), ())


def extra_columns(action_units: Sequence[int], kind: TableKind = "video") -> tuple[str, ...]:
    """Our columns to the right of OpenFace's, for a model with these action units."""
    extra_r, extra_c, sided = _extra_units(action_units)
    index = ("presentation_time",) if kind == "video" else ("success",)
    return (
        *index,
        *BOX_COLUMNS,
        "quality",
        *(_column(unit, "p") for unit in action_units),
        *(_column(unit, "r") for unit in extra_r),
        *(_column(unit, "c") for unit in extra_c),
        *(_column(unit, side) for unit in sided for side in _SIDES),
        *SIZE_COLUMNS,
        "source",
    )


def _check_units(frame: FrameAnalysis, action_units: tuple[int, ...]) -> None:
    if frame.faces and frame.action_units != action_units:
        raise ValueError(f"the table has action units {action_units}, the frame has {frame.action_units}")


class OpenFaceCsvWriter(OutputWriter):
    """Write one row per frame and face, as they come; whole rows only, whatever happens.

    While it is written the file is called ``<stem>.partial.csv``. ``close`` (or the end of a ``with`` block) gives it
    its final name; ``abandon`` (or an exception in the block) leaves the whole rows under the partial name.

    Args:
        path: file to write.
        action_units: the action units of the model, by FACS number; every face must have these.
        kind: "video" for numbered, timed frames; "image" for pictures, which may come from many files.
        overwrite: whether an existing file may be replaced.
        blocks: of OpenFace's columns, by the names of ``openface_blocks.BLOCKS``; None for the usual ones.

    Attributes:
        header: names of all columns.
        rows: rows written so far.

    Raises:
        OutputError: existing file, unwritable folder, full disc.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        action_units: Iterable[int],
        *,
        kind: TableKind = "video",
        overwrite: bool = False,
        blocks: Sequence[str] | None = None,
    ) -> None:
        self.action_units = tuple(action_units)
        self.kind = kind
        self.header = openface_columns(kind, blocks) + extra_columns(_written(self.action_units, blocks), kind)
        self.rows = 0
        self._format = _RowFormat(self.action_units, kind, blocks)
        self._output = AtomicOutput(path, overwrite=overwrite)
        self.path = self._output.path
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._good_bytes = 0
        self._closed = False
        with output_errors(self.path):
            # No buffer: a killed process must not leave half a row.
            self._file = self._output.partial.open("wb", buffering=0)
        try:
            self._add(",".join(self.header) + "\n")
            self._flush()
        except BaseException:
            self.abandon()
            raise

    def write(self, frame: FrameAnalysis) -> None:
        """Append the rows of one frame: one per face, or one without a face.

        Raises:
            ValueError: the faces score other action units than the table.
            OutputError: the disc is full.
        """
        _check_units(frame, self.action_units)
        lines = [self._format.face(frame, face, rank) for rank, face in enumerate(frame.faces)]
        self._add("".join(lines or [self._format.no_face(frame)]))
        self.rows += max(1, len(lines))
        if self._waiting_bytes >= _FLUSH_BYTES:
            self._flush()

    def flush(self) -> None:
        """Put everything that was written so far on the disc, for programs that read along."""
        self._flush()

    def complete(self) -> Path:
        """Finish the table under its partial name and return that."""
        if self._closed:
            return self._output.partial
        try:
            self._flush()
            with output_errors(self.path):
                os.fsync(self._file.fileno())
        except BaseException:
            self.abandon()
            raise
        self._closed = True
        self._file.close()
        return self._output.partial

    def abandon(self) -> Path | None:
        """Stop: keep the whole rows under the partial name and return that, or None where there is no row."""
        if self._closed:
            return None
        self._closed = True
        try:
            if self._waiting:
                self._write_all(b"".join(self._waiting))
        except OSError:
            pass  # the rows before are safe; these were lost with the disc space
        finally:
            self._truncate()
            self._file.close()
        if self.rows == 0 or self._good_bytes <= len(",".join(self.header)) + 1:
            self._output.discard()
            return None
        return self._output.keep_partial()

    def _add(self, text: str) -> None:
        data = text.encode()
        self._waiting.append(data)
        self._waiting_bytes += len(data)

    def _flush(self) -> None:
        data = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        with output_errors(self.path):
            self._write_all(data)

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = self._file.write(view)
            if not written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            view = view[written:]
        self._good_bytes += len(data)

    def _truncate(self) -> None:
        try:
            self._file.truncate(self._good_bytes)
        except OSError:  # pragma: no cover - nothing more can be done
            return


class _RowFormat:
    """Turns faces into CSV lines with one ``%`` per row, prepared once: going field by field is ten times slower."""

    def __init__(self, action_units: tuple[int, ...], kind: TableKind, blocks: Sequence[str] | None = None) -> None:
        self._scored = has_action_units(blocks)
        action_units = _written(action_units, blocks)
        # Pose and landmarks alone have their places in the template; other parts are put together one by one.
        self._parts = None if blocks is None or tuple(blocks) == USUAL else parts_of(blocks)
        place = {unit: position for position, unit in enumerate(action_units)}
        if 45 not in place and 43 in place:
            place[45] = place[43]
        intensity, occurrence = _openface_units(blocks)
        extra_r, extra_c, sided = _extra_units(action_units)
        self._kind = kind
        self._r = np.array([place[unit] for unit in intensity if unit in place], dtype=int)
        self._c = np.array([place[unit] for unit in occurrence if unit in place], dtype=int)
        self._extra_r = np.array([place[unit] for unit in extra_r], dtype=int)
        self._extra_c = np.array([place[unit] for unit in extra_c], dtype=int)
        self._sided = np.array([place[unit] for unit in sided], dtype=int)

        def template(pose: bool, graded: bool, both_sides: bool) -> str:
            index = "%d,%d,%.3f,%.2f,1," if kind == "video" else "%d,%.2f,"
            places = "%.1f,%.1f,%.1f,%.3f,%.3f,%.3f," if pose else "," * 6
            places = places + "%.1f," * 136 if self._parts is None else "%s"
            units = "".join("%.2f," if graded and unit in place else "," for unit in intensity)
            units += "".join("%.1f," if unit in place else "," for unit in occurrence)
            own = "%r," if kind == "video" else "1,"
            own += "%.1f," * 4 + "%.3f," + "%.4f," * len(action_units)
            own += ("%.2f," if graded else ",") * len(extra_r) + "%.1f," * len(extra_c)
            own += ("%.2f,%.2f,%.4f,%.4f," if both_sides else "," * 4) * len(sided) + "%d,%d,%s\n"
            return index + places + units + own

        self._templates = {key: template(*key) for key in product((False, True), repeat=3)}
        zeros = "".join(part.zeros for part in parts_of(blocks)) + "0," * (len(intensity) + len(occurrence))
        self._no_face = _no_face_template(kind, zeros, len(extra_columns(action_units, kind)))

    def face(self, frame: FrameAnalysis, face: FaceAnalysis, rank: int) -> str:
        """The line of one face; ``rank`` numbers the faces of a picture."""
        places: list[Any] = []
        if self._parts is not None:
            places = ["".join(part.cells(face) for part in self._parts)]
        elif face.pose is not None:
            places = [*map(float, face.pose.translation), *map(float, face.pose.rotation)]
        occurs = face.occurrence.astype(np.float32)
        of_openface, others = ([], []) if face.intensity is None else (face.intensity[self._r], face.intensity[self._extra_r])
        points = face.landmarks.T.ravel() if self._parts is None else ()
        middle = np.concatenate((points, of_openface, occurs[self._c])).tolist()
        own = np.concatenate((face.box, (face.quality,), face.probability if self._scored else (), others)).tolist()
        sides = _side_scores(face)
        by_unit: Any = [] if sides is None else np.stack(sides, 1)[self._sided].ravel()
        tail = np.concatenate((occurs[self._extra_c], by_unit)).tolist()
        template = self._templates[face.pose is not None, face.intensity is not None, sides is not None]
        if self._kind == "video":
            start: tuple[Any, ...] = (frame.frame, face.face_id, frame.timestamp, face.confidence)
            times: tuple[Any, ...] = (frame.timestamp,)
        else:
            start, times = (rank, face.confidence), ()
        return template % (*start, *places, *middle, *times, *own, *tail, *frame.size, _quoted(frame.source))

    def no_face(self, frame: FrameAnalysis) -> str:
        """The line of a frame without a face."""
        source = _quoted(frame.source)
        if self._kind == "video":
            return self._no_face % (frame.frame, frame.timestamp, frame.timestamp, *frame.size, source)
        return self._no_face % (*frame.size, source)


def _side_scores(face: FaceAnalysis) -> tuple[np.ndarray, ...] | None:
    """The four scores of sides, each (A,), in the order of ``_SIDES``; None where the model gives no values per side."""
    if face.sides is None:
        return None
    (left, left_chance), (right, right_chance) = face.sides
    return left, right, left_chance, right_chance


def _written(action_units: tuple[int, ...], blocks: Iterable[str] | None) -> tuple[int, ...]:
    """The action units for which a table has columns."""
    return action_units if has_action_units(blocks) else ()


def _no_face_template(kind: TableKind, zeros: str, extras: int) -> str:
    empty = "," * (extras - 4) + "%d,%d,%s\n"
    return "%d,0,%.3f,0.00,0," + zeros + "%r," + empty if kind == "video" else "0,0.00," + zeros + "0," + empty


def _extra_units(action_units: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """Action units whose intensity and whose occurrence OpenFace lacks, and those that have two sides."""
    extra_r = [unit for unit in action_units if unit not in AU_SETS["openface_intensity"]]
    extra_c = [unit for unit in action_units if unit not in AU_SETS["openface_occurrence"]]
    sided = [unit for unit in action_units if unit in ACTION_UNITS and ACTION_UNITS[unit].bilateral]
    return extra_r, extra_c, sided


def _column(unit: int, suffix: str) -> str:
    return f"AU{unit:02d}_{suffix}"


def _quoted(text: str) -> str:
    text = valid_text(text)
    if text.lstrip()[:1] in _FORMULA_STARTS:
        text = f"./{text}"
    if any(mark in text for mark in ',;"\t\n\r'):  # some spreadsheets divide at other marks than the comma
        return '"' + text.replace('"', '""') + '"'
    return text


class ParquetWriter(OutputWriter):
    """Write the same rows as typed Parquet columns in row groups, with constant memory. Needs the extra ``parquet``.

    One row per frame and face, one row without a face; what does not exist is null. Columns: ``source``, ``frame``,
    ``timestamp`` (true presentation time, seconds, 64 bit), ``face_id``, ``success``, ``confidence``, ``quality``,
    box, head pose, landmarks in full precision, and for every action unit ``AUxx_r``, ``AUxx_c`` (boolean),
    ``AUxx_p``, with sides where it has two; ``width``, ``height``, ``error``. Each field's metadata gives its unit
    and meaning. OpenFace's AU45 is not doubled here.

    A stopped run leaves a readable ``<stem>.partial.parquet``; only a killed process leaves one without its index.

    Args:
        path: file to write.
        action_units: the action units of the model, by FACS number.
        overwrite: whether an existing file may be replaced.
        metadata: text to store in the file, such as the name of the model.
        blocks: see ``OpenFaceCsvWriter``.

    Raises:
        MissingExtraError: pyarrow is not installed.
        OutputError: existing file, unwritable folder, full disc.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        action_units: Iterable[int],
        *,
        overwrite: bool = False,
        metadata: dict[str, str] | None = None,
        blocks: Sequence[str] | None = None,
    ) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise MissingExtraError("writing Parquet tables", "parquet") from error
        self.action_units = tuple(action_units)
        self.rows = 0
        self._arrow = pyarrow
        self._parts, self._scored = parts_of(blocks), has_action_units(blocks)
        written = _written(self.action_units, blocks)
        self._numeric = _numeric_columns(written, self._parts)
        self.schema = _schema(pyarrow, written, metadata or {}, self._parts)
        self._frames: list[tuple[Any, ...]] = []
        self._values: list[np.ndarray] = []
        self._closed = False
        self._output = AtomicOutput(path, overwrite=overwrite)
        self.path = self._output.path
        with output_errors(self.path):
            self._file = self._output.partial.open("wb")
            self._writer = pyarrow.parquet.ParquetWriter(self._file, self.schema, compression="zstd")

    def write(self, frame: FrameAnalysis) -> None:
        """Append the rows of one frame: one per face, or one without a face.

        Raises:
            ValueError: the faces score other action units than the table.
            OutputError: the disc is full.
        """
        _check_units(frame, self.action_units)
        for face in frame.faces or (None,):
            face_id = None if face is None else face.face_id
            error = None if frame.error is None else valid_text(frame.error)
            self._frames.append((valid_text(frame.source), frame.frame, frame.timestamp, face_id, *frame.size, error))
            self._values.append(_numbers(face, len(self._numeric), self._parts, scored=self._scored))
            self.rows += 1
        if len(self._frames) >= _ROW_GROUP_ROWS:
            self._flush()

    def complete(self) -> Path:
        """Finish the table under its partial name and return that."""
        if self._closed:
            return self._output.partial
        try:
            self._finish()
        except BaseException:
            self._output.discard()
            raise
        return self._output.partial

    def abandon(self) -> Path | None:
        """Stop: keep the rows under the partial name and return that, or None where there is no row."""
        if self._closed:
            return None
        try:
            self._finish()
        except OSError:
            self._output.discard()  # without its index at the end the file is of no use
            return None
        if self.rows == 0:
            self._output.discard()
            return None
        return self._output.keep_partial()

    def _finish(self) -> None:
        self._closed = True
        with output_errors(self.path):
            try:
                self._flush()
                self._writer.close()
            finally:
                self._file.close()

    def _flush(self) -> None:
        if not self._frames:
            return
        with output_errors(self.path):
            self._writer.write_table(self._table())
        self._frames, self._values = [], []

    def _table(self) -> Any:
        sources, frames, times, ids, widths, heights, errors = zip(*self._frames, strict=True)
        values = np.stack(self._values)
        columns: dict[str, Any] = {
            "source": sources, "frame": frames, "timestamp": times, "face_id": ids,
            "success": [face_id is not None for face_id in ids], "width": widths, "height": heights, "error": errors,
        }  # fmt: skip
        for position, name in enumerate(self._numeric):
            column = values[:, position]
            missing = np.isnan(column)
            typed = np.where(missing, 0, column).astype(bool) if name.endswith("_c") else column
            columns[name] = self._arrow.array(typed, mask=missing)
        arrays = [
            value.cast(field.type) if isinstance(value := columns[field.name], self._arrow.Array)
            else self._arrow.array(value, type=field.type)
            for field in self.schema
        ]  # fmt: skip
        return self._arrow.Table.from_arrays(arrays, schema=self.schema)


def _numeric_columns(action_units: Sequence[int], parts: Sequence[Block]) -> list[str]:
    """Columns that come from a face, in the order of ``_numbers``."""
    names = ["confidence", "quality", *BOX_COLUMNS, *(name for part in parts for name in part.columns)]
    for suffix in ("r", "c", "p", *_SIDES):
        names += [_column(unit, suffix) for unit in action_units]
    return names


def _numbers(face: FaceAnalysis | None, count: int, parts: Sequence[Block], *, scored: bool) -> np.ndarray:
    """All numbers of a face as one float32 vector; nan where there is nothing."""
    if face is None:
        return np.full(count, np.nan, dtype=np.float32)
    values = [np.full(len(part.columns), np.nan) if (found := part.values(face)) is None else found for part in parts]
    scores = _scores(face) if scored else ()
    return np.concatenate(((face.confidence, face.quality), face.box, *values, *scores)).astype(np.float32)


def _scores(face: FaceAnalysis) -> tuple[np.ndarray, ...]:
    """Intensity, occurrence, probability and the sides, each (A,); nan for what is not given."""
    nothing = np.full(len(face.action_units), np.nan)
    intensity = nothing if face.intensity is None else face.intensity
    return intensity, face.occurrence, face.probability, *(_side_scores(face) or (nothing,) * len(_SIDES))


def _schema(arrow: Any, action_units: Sequence[int], metadata: dict[str, str], parts: Sequence[Block]) -> Any:
    def field(name: str, kind: Any, unit: str, meaning: str) -> Any:
        return arrow.field(name, kind, metadata={"unit": unit, "description": meaning})

    real = arrow.float32()
    fields = [
        field("source", arrow.dictionary(arrow.int32(), arrow.string()), "", "path or name of the input"),
        field("frame", arrow.int64(), "1", "number of the frame, from 1"),
        field("timestamp", arrow.float64(), "s", "presentation time of the frame"),
        field("face_id", arrow.int32(), "1", "number of the face; null where there is none"),
        field("success", arrow.bool_(), "", "a face was found"),
        field("confidence", real, "0-1", "confidence of the face finder"),
        field("quality", real, "0-1", "how far the picture of the face can be trusted"),
    ]
    fields += [
        field(name, real, "px", "face box; x right, y down, centre of the top-left pixel is 0") for name in BOX_COLUMNS
    ]
    fields += [field(name, real, *describe_column(name)) for part in parts for name in part.columns]
    for unit in action_units:
        fields += _unit_fields(arrow, field, unit)
    fields += [
        field("width", arrow.int32(), "px", "width of the frame"),
        field("height", arrow.int32(), "px", "height of the frame"),
        field("error", arrow.string(), "", "why the frame could not be analysed"),
    ]
    return arrow.schema(fields, metadata={f"aufait.{key}": value for key, value in metadata.items()} or None)


def _unit_fields(arrow: Any, field: Any, unit: int) -> list[Any]:
    known = ACTION_UNITS.get(unit)
    title = f"AU{unit} {known.name}" if known else f"AU{unit}"
    real = arrow.float32()
    fields = [
        field(_column(unit, "r"), real, "0-5", f"{title}: FACS intensity"),
        field(_column(unit, "c"), arrow.bool_(), "", f"{title}: occurs, that is, probability >= 0.5"),
        field(_column(unit, "p"), real, "0-1", f"{title}: probability that it occurs"),
    ]
    if known and known.bilateral:
        for side in _SIDES:
            what, scale = ("intensity", "0-5") if side.endswith("_r") else ("probability", "0-1")
            fields.append(field(_column(unit, side), real, scale, f"{title}: {what}, subject's {side.split('_')[0]}"))
    return fields


def read_openface_csv(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read a table that OpenFace or this package wrote, whole.

    Both spellings of the header are understood: names with and without a blank before them.

    Returns:
        column name -> (rows,) array in the order of the file; float64 with nan for empty cells, or text.

    Raises:
        InputError: missing, empty, not such a table, or a row with too few or too many cells.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the spelling and the current folder") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    rows = list(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True))
    header = [name.strip() for name in rows[0]] if rows else []
    if not {"frame", "face", "confidence"} & set(header):
        raise InputError(
            f"{path} is not a table of OpenFace or aufait: its first line names no 'frame' or 'face' column"
        )
    body = [row for row in rows[1:] if row]
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise InputError(
                f"{path}, line {number}: {len(row)} cells where the header has {len(header)}; the file is cut off"
            )
    return {name: _to_column([row[position] for row in body]) for position, name in enumerate(header)}


def _to_column(cells: list[str]) -> np.ndarray:
    try:
        return np.array([float(cell) if cell.strip() else np.nan for cell in cells], dtype=np.float64)
    except ValueError:
        return np.array(cells, dtype=np.str_)
