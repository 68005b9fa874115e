"""A user's own pictures or videos with one table of labels.

One row per labelled frame. ``path`` names a picture, or ``video`` with ``frame`` or ``time`` a frame of a video. ``subject`` is
required, because no honest evaluation is possible without knowing who is who. The table is checked strictly: a wrong cell is
an error that names file, line and column, so that its owner can correct it.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.data.anomalies import AnomalyLog, number_ranges
from aufait.data.dataset import AUDataset
from aufait.data.datasets.building import Builder
from aufait.data.labels import Labels
from aufait.data.pictures import ImageFolder, Media, Video
from aufait.data.trees import is_file, listing, read_content
from aufait.errors import InputError
from aufait.landmarks import SCHEMES
from aufait.settings import nearest

TITLE = "a table of labels"
TREE = """
labels.csv with a header and one row per frame:
  path,subject,AU01,AU12          pictures, relative to the table's folder (or to images=FOLDER)
  video,frame,subject,AU01,AU12   frames of videos, counted from 1 (first_frame=0: from 0); or video,time,...
  optional: task, frame, partition, view, pitch, yaw, roll (degrees), x_0.., y_0.. (68, 66 or 49 landmarks), any facts
  AU01 or AU01_c = occurrence (0, 1), AU01_r = intensity (0 to 5); an empty cell, 9, 999 and -1 = unknown
"""
_AU_COLUMN = re.compile(r"AU\s*0*(?P<unit>\d+)(?:_(?P<kind>[cr]))?", re.IGNORECASE)
_POINT_COLUMN = re.compile(r"[xy]_\d+")
_RESERVED = {"path", "video", "frame", "time", "timestamp", "subject", "task", "view"}
_POSE = ("pitch", "yaw", "roll")
_OPENFACE = re.compile(
    r"face|face_id|confidence|success|gaze_.*|eye_lmk_.*|pose_.*|[XYZ]_\d+|p_.*|presentation_time|timestamp|"
    r"(left|top|right|bottom|box)_?.*|quality|source|.*_(p|r_left|r_right|p_left|p_right)",
)
_MISSING = {"", "9", "999", "-1", "nan", "na", "n/a", "none", "null"}
_SHOWN_ERRORS, _SHOWN_FILES, _SHOWN_TEXT = 5, 3, 40
_LARGEST = 10**9
"""Frame number, view or second."""
_TABLE_NAMES = ("labels.csv", "labels.tsv")


def open_csv(
    root: Path,
    *,
    images: Path | None = None,
    first_frame: int = 1,
    plain: str = "auto",
    threshold: int | None = None,
    frame_rate: float | None = None,
    need_media: bool = True,
    name: str = "csv",
) -> AUDataset:
    """Read a table of labels.

    Args:
        root: the table, or a folder that holds ``labels.csv``.
        images: folder that relative paths start from; the table's own folder by default.
        first_frame: number of a video's first frame in the column ``frame``.
        plain: what columns such as ``AU01`` hold: "occurrence", "intensity", or "auto" (intensity if any of them holds a
            value from 2 to 5).
        threshold: derive occurrence from intensity, for action units without an occurrence column.
        frame_rate: frames per second of picture series, for times; videos know theirs.
        need_media: False reads labels without pictures.
        name: name of the data set.

    Raises:
        InputError: the table is missing or wrong (file, line and column are named), or no picture exists.
    """
    if plain not in ("auto", "occurrence", "intensity"):
        raise InputError(f"plain must be 'auto', 'occurrence' or 'intensity', got {plain!r}")
    table = _find_table(Path(root).expanduser())
    log = AnomalyLog()
    rows, columns = _read_table(table, plain)
    base = table.parent if images is None else Path(images).expanduser()
    build = Builder(name, TITLE, table.parent, TREE, log, need_media=need_media, max_missing=1.0)
    if threshold is not None:
        _derive_occurrence(rows, columns, threshold)
    _refuse_spellings(table, rows)
    if not columns.points:
        _refuse_shared(table, rows)
    for key, members in _group(rows).items():
        _add_recording(build, key, members, columns, _Where(table, base, first_frame, frame_rate))
    return build.finish(threshold=threshold)


@dataclass
class _Row:
    """One line of the table."""

    line: int
    subject: str
    task: str
    view: int | None
    path: str
    video: str
    frame: int | None
    time: float | None
    occurrence: list[int]
    intensity: list[int]
    points: list[float]
    pose: list[float]
    facts: list[str]


@dataclass
class _Columns:
    """What the header says: positions of the columns by meaning."""

    place: dict[str, int]
    units: tuple[int, ...] = ()
    occurrence: dict[int, int] = field(default_factory=dict)
    intensity: dict[int, int] = field(default_factory=dict)
    plain: dict[int, int] = field(default_factory=dict)
    points: list[int] = field(default_factory=list)
    pose: list[int] = field(default_factory=list)
    facts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Where:
    table: Path
    base: Path
    first_frame: int
    frame_rate: float | None


class _Problems:
    """Collects wrong cells, so that one run shows several of them."""

    def __init__(self, table: Path) -> None:
        self._table = table
        self._texts: list[str] = []
        self._count = 0

    def add(self, line: int, column: str, text: str) -> None:
        self._count += 1
        if len(self._texts) < _SHOWN_ERRORS:
            place = f", column {column}" if column else ""
            self._texts.append(f"{self._table}, line {line}{place}: {text}")

    def stop(self) -> None:
        """Raise what was collected, if anything."""
        if self._texts:
            more = f"\n... and {self._count - len(self._texts)} more" if self._count > len(self._texts) else ""
            raise InputError("\n".join(self._texts) + more)


def _find_table(root: Path) -> Path:
    if root.is_file():
        return root
    if not root.is_dir():
        raise InputError(f"{root} does not exist; name the table, or the folder of labels.csv:\n{TREE}")
    for name in _TABLE_NAMES:
        if (root / name).is_file():
            return root / name
    tables = sorted(path for path in root.iterdir() if path.suffix.lower() in (".csv", ".tsv"))
    if len(tables) == 1:
        return tables[0]
    what = f"{len(tables)} tables, none named labels.csv" if tables else "no table"
    raise InputError(f"{root} holds {what}; name the file itself. Expected:\n{TREE}\nFound there: {listing(root)}")


def _read_table(table: Path, plain: str) -> tuple[list[_Row], _Columns]:
    try:
        text = io.StringIO(read_content(table).decode("utf-8-sig"), newline="")
        head = text.readline()
        text.seek(0)
        separator = max(",;\t", key=head.count)
        reader = csv.reader(text, delimiter=separator)
        header = [cell.strip() for cell in next(reader, [])]
        if not any(header):
            raise InputError(f"{table} is empty or begins with an empty line; its first line names the columns:\n{TREE}")
        columns = _understand(header, table)
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except OSError as error:
        advice = "; check its permissions" if isinstance(error, PermissionError) else ""
        raise InputError(f"{table} cannot be read ({error.strerror or error}){advice}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{table} is not a text file in UTF-8 ({error.reason}); save it as CSV UTF-8") from error
    except csv.Error as error:
        raise InputError(f"{table} cannot be read as a table: {error}") from error
    if not lines:
        raise InputError(f"{table} has a header but no rows")
    problems = _Problems(table)
    _settle_plain(columns, lines, plain)
    rows = [row for line, cells in lines if (row := _parse(line, cells, len(header), columns, problems))]
    problems.stop()
    return rows, columns


def _understand(header: Sequence[str], table: Path) -> _Columns:
    """Sort the columns by meaning.

    Raises:
        InputError: a required column is missing, one is there twice, or there is no action unit.
    """
    lower = [name.lower() for name in header]
    twice = sorted({name for name in lower if name and lower.count(name) > 1})
    if twice:
        raise InputError(f"{table}, line 1: column {', '.join(twice)} occurs more than once")
    columns = _Columns({name: place for place, name in enumerate(lower) if name in _RESERVED})
    points: dict[str, int] = {}
    for place, name in enumerate(header):
        if match := _AU_COLUMN.fullmatch(name):
            _add_unit(columns, int(match["unit"][:4]), match["kind"], place, table, name)
        elif _POINT_COLUMN.fullmatch(name):
            points[name] = place
        elif lower[place] not in {*_RESERVED, *_POSE, ""} and not _OPENFACE.fullmatch(name):
            columns.facts[lower[place]] = place
    _require(columns, header, table)
    columns.points = _point_places(points, table)
    if all(name in lower for name in _POSE):
        columns.pose = [lower.index(name) for name in _POSE]
    return columns


def _add_unit(columns: _Columns, unit: int, kind: str | None, place: int, table: Path, name: str) -> None:
    if unit not in ACTION_UNITS:
        known = ", ".join(map(str, ACTION_UNITS))
        raise InputError(f"{table}, line 1, column {name[:20]}: AU{unit} is not an action unit; known: {known}")
    target = {"c": columns.occurrence, "r": columns.intensity, None: columns.plain}[kind.lower() if kind else None]
    if unit in target:
        raise InputError(f"{table}, line 1, column {name}: AU{unit} has two columns of this kind")
    target[unit] = place
    columns.units = tuple(sorted({*columns.units, unit}))


def _require(columns: _Columns, header: Sequence[str], table: Path) -> None:
    place = columns.place
    found = ", ".join(header[:15]) + (", ..." if len(header) > 15 else "")
    if "subject" not in place:
        raise InputError(f"{table} has no column 'subject'{_rename('subject', header)} It has: {found}. Without subjects "
                         "no evaluation could keep people apart")  # fmt: skip
    if "path" not in place and "video" not in place:
        hint = _rename("path", header)
        raise InputError(f"{table} has neither a column 'path' (pictures) nor 'video'{hint} It has: {found}")
    if "video" in place and "path" not in place and not {"frame", "time", "timestamp"} & set(place):
        raise InputError(f"{table} has a column 'video' but neither 'frame' nor 'time' to say which frame is meant")
    if not columns.units:
        raise InputError(f"{table} has no column of an action unit such as AU01, AU12_c or AU12_r. It has: {found}")


def _rename(wanted: str, header: Sequence[str]) -> str:
    """``"; is 'Subjekt' meant? Rename it."``, or ``"."`` where no column has a similar name."""
    found = nearest(wanted, header, 1)
    return f"; is {found[0]!r} meant? Then rename it." if found else "."


def _point_places(points: dict[str, int], table: Path) -> list[int]:
    """Positions of x_0, y_0, x_1, y_1, ...; empty without landmark columns."""
    count = len(points) // 2
    wanted = [f"{axis}_{point}" for point in range(count) for axis in "xy"]
    if not points:
        return []
    if set(wanted) != set(points) or count not in SCHEMES:
        known = ", ".join(map(str, SCHEMES))
        raise InputError(
            f"{table}: landmark columns must be x_0, y_0, ... for {known} points without gaps; got {len(points)} columns"
        )
    return [points[name] for name in wanted]


def _settle_plain(columns: _Columns, lines: Sequence[tuple[int, list[str]]], plain: str) -> None:
    """Decide what plain columns hold, and join them to the occurrence or intensity columns."""
    if plain == "auto":
        levels = {"2", "3", "4", "5", "2.0", "3.0", "4.0", "5.0"}
        places = list(columns.plain.values())
        found = any(cells[place].strip() in levels for _, cells in lines for place in places if place < len(cells))
        plain = "intensity" if found else "occurrence"
    target = columns.intensity if plain == "intensity" else columns.occurrence
    for unit, place in columns.plain.items():
        target.setdefault(unit, place)


def _derive_occurrence(rows: list[_Row], columns: _Columns, threshold: int) -> None:
    """Fill the occurrence of action units that have only an intensity column."""
    if not 1 <= threshold <= 5:
        raise InputError(f"the occurrence threshold must be an intensity from 1 to 5, got {threshold}")
    places = [place for place, unit in enumerate(columns.units) if unit not in columns.occurrence]
    for row in rows:
        for place in places:
            row.occurrence[place] = -1 if row.intensity[place] < 0 else int(row.intensity[place] >= threshold)


def _parse(line: int, cells: list[str], width: int, columns: _Columns, problems: _Problems) -> _Row | None:
    if len(cells) != width:
        problems.add(line, "", f"{len(cells)} cells, but the header has {width}")
        return None

    def text(name: str) -> str:
        return cells[columns.place[name]].strip() if name in columns.place else ""

    if not text("subject"):
        problems.add(line, "subject", "empty; every row needs a subject")
    if not text("path") and not text("video"):
        problems.add(line, "path" if "path" in columns.place else "video", "empty; every row needs a picture or a video")
    time_name = "time" if "time" in columns.place else "timestamp"
    return _Row(
        line=line,
        subject=text("subject"),
        task=text("task"),
        view=_whole(text("view"), line, "view", problems),
        path=text("path"),
        video="" if text("path") else text("video"),
        frame=_whole(text("frame"), line, "frame", problems),
        time=_real(text(time_name), line, time_name, problems),
        occurrence=[_label(cells, columns.occurrence.get(unit), unit, 1, line, problems) for unit in columns.units],
        intensity=[_label(cells, columns.intensity.get(unit), unit, 5, line, problems) for unit in columns.units],
        points=[_number(cells[place], line, f"landmark {place}", problems) for place in columns.points],
        pose=[_number(cells[place], line, name, problems) for place, name in zip(columns.pose, _POSE, strict=False)],
        facts=[cells[place].strip() for place in columns.facts.values()],
    )


def _label(cells: list[str], place: int | None, unit: int, highest: int, line: int, problems: _Problems) -> int:
    """A label, or -1 where it is unknown."""
    if place is None:
        return -1
    text = cells[place].strip()
    if text.lower() in _MISSING:
        return -1
    value = _number(text, line, f"AU{unit:02d}", problems)
    if math.isnan(value):
        return -1
    if not 0 <= value <= highest or (highest == 1 and value not in (0, 1)):
        kind = "an occurrence, 0 or 1" if highest == 1 else "an intensity from 0 to 5"
        problems.add(line, f"AU{unit:02d}", f"{text[:_SHOWN_TEXT]} is not {kind} (unknown: leave it empty)")
        return -1
    return math.floor(value + 0.5)


def _whole(text: str, line: int, column: str, problems: _Problems) -> int | None:
    if not text:
        return None
    value = _number(text, line, column, problems)
    if math.isnan(value) or not value.is_integer():
        problems.add(line, column, f"{text[:_SHOWN_TEXT]!r} is not a whole number")
        return None
    if abs(value) > _LARGEST:
        problems.add(line, column, f"{text[:_SHOWN_TEXT]} is beyond {_LARGEST}")
        return None
    return int(value)


def _real(text: str, line: int, column: str, problems: _Problems) -> float | None:
    """A time in seconds."""
    value = _number(text, line, column, problems) if text else None
    if value is not None and not abs(value) <= _LARGEST:  # nan too
        problems.add(line, column, f"{text[:_SHOWN_TEXT]} is not a time")
        return None
    return value


def _number(text: str, line: int, column: str, problems: _Problems) -> float:
    text = text.strip()
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        hint = "; write a decimal point" if re.fullmatch(r"-?\d+,\d+", text) else ""
        problems.add(line, column, f"{text[:_SHOWN_TEXT]!r} is not a number{hint}")
        return math.nan
    if math.isinf(value):
        problems.add(line, column, f"{text[:_SHOWN_TEXT]} is not finite")
        return math.nan
    return value


def _refuse_spellings(table: Path, rows: list[_Row]) -> None:
    """One person under two spellings would be two subjects, and could be in training and in test.

    Raises:
        InputError: two subjects differ only in upper and lower case or blanks.
    """
    seen: dict[str, _Row] = {}
    for row in rows:
        first = seen.setdefault(" ".join(row.subject.casefold().split()), row)
        if first.subject != row.subject:
            raise InputError(
                f"{table}, line {row.line}, column subject: {row.subject!r} and {first.subject!r} (line {first.line}) differ in "
                "case or blanks only; spell each subject in one way"
            )


def _refuse_shared(table: Path, rows: list[_Row]) -> None:
    """A face belongs to one subject: listing it for two would put one person on both sides of a split.

    With landmarks in the table it is known which face is meant; without, the largest is taken for every row.

    Raises:
        InputError: the same picture, or the same frame of a video, is listed for two subjects.
    """
    seen: dict[tuple[str, int | None, float | None], _Row] = {}
    for row in rows:
        key = (row.path, None, None) if row.path else (row.video, row.frame, row.time)
        first = seen.setdefault(key, row)
        if first.subject != row.subject:
            moment = f", frame {row.frame}" if row.frame is not None else f" at {row.time} s"
            what = row.path or row.video + moment
            raise InputError(
                f"{table}, line {row.line}: {what} is listed for {row.subject}, and for {first.subject} in line {first.line}. "
                "A picture shows one subject, who is its largest face; cut pictures of several people apart"
            )


_Key = tuple[str, str, str, int | None]


def _group(rows: list[_Row]) -> dict[_Key, list[_Row]]:
    """Rows by subject, task (or video, or folder of the picture) and view."""
    groups: dict[_Key, list[_Row]] = {}
    videos: dict[tuple[str, str, int | None], str] = {}
    for row in rows:
        task = row.task or (Path(row.video).stem if row.video else Path(row.path).parent.name)
        # Two videos under one task stay two recordings.
        if videos.setdefault((row.subject, task, row.view), row.video) != row.video:
            task = f"{task}:{row.video or 'pictures'}"
        groups.setdefault((row.subject, task, row.video, row.view), []).append(row)
    return groups


def _add_recording(build: Builder, key: _Key, rows: list[_Row], columns: _Columns, where: _Where) -> None:
    subject, task, video, view = key
    name = "/".join(part for part in (subject, task, "" if view is None else str(view)) if part)
    media, frames = _video(video, rows, where) if video else _pictures(rows, where)
    if build.need_media:
        _note_missing(video, rows, where, build.log)
    order, labels = _labels(frames, rows, columns, name, where, build.log)
    kept = [rows[place] for place in order]
    points = np.array([row.points for row in kept], dtype=np.float32)
    facts = {name: np.array([row.facts[place] for row in kept]) for place, name in enumerate(columns.facts)}
    constant = {name: str(values[0]) for name, values in facts.items() if (values == values[0]).all()}
    build.add(
        labels,
        media,
        subject=subject,
        task=task,
        view=view,
        first_frame=where.first_frame if video else int(frames.min()),
        nominal_rate=where.frame_rate,
        pose=np.array([row.pose for row in kept], dtype=np.float32) if columns.pose else None,
        attributes=constant,
        frame_attributes={name: values for name, values in facts.items() if name not in constant},
        occurrence_coded=bool(columns.occurrence),
        load_landmarks=_TableLandmarks(labels.frames, points.reshape(len(kept), -1, 2)) if columns.points else None,
    )


@dataclass(frozen=True, eq=False)
class _TableLandmarks:
    """Landmarks that came with the table: frames (F,) increasing, points (F, N, 2)."""

    frames: np.ndarray
    points: np.ndarray

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """The points of the given frames."""
        wanted: np.ndarray = self.points[np.searchsorted(self.frames, frames)]
        return wanted


def _video(video: str, rows: list[_Row], where: _Where) -> tuple[Media | None, np.ndarray]:
    path = where.base / video
    if not is_file(path):
        return None, np.array([row.frame if row.frame is not None else 0 for row in rows], dtype=np.int64)
    media = Video(path, first=where.first_frame)
    frames = []
    for row in rows:
        if row.frame is None and row.time is None:
            raise InputError(f"{where.table}, line {row.line}: neither a frame nor a time of the video is given")
        if row.frame is not None and row.frame < where.first_frame:
            hint = "; if your frames count from 0, set first_frame=0" if row.frame == 0 else ""
            raise InputError(
                f"{where.table}, line {row.line}, column frame: {row.frame} is before the video's first frame, "
                f"{where.first_frame}{hint}"
            )
        frames.append(row.frame if row.frame is not None else _frame_at(row, media, where))
    return media, np.array(frames, dtype=np.int64)


def _note_missing(video: str, rows: list[_Row], where: _Where, log: AnomalyLog) -> None:
    """Name the files that the table lists and that are not there."""
    absent = [row for row in rows if not is_file(where.base / (video or row.path))]
    if absent:
        names = list(dict.fromkeys(video or row.path for row in absent))
        shown = ", ".join(str(where.base / name) for name in names[:_SHOWN_FILES])
        more = f" and {len(names) - _SHOWN_FILES} more" if len(names) > _SHOWN_FILES else ""
        log.add("missing-files", f"{where.table}, line {absent[0].line}", f"there is no {shown}{more}", len(names))


def _frame_at(row: _Row, media: Video, where: _Where) -> int:
    rate = media.header.frame_rate
    if not rate or row.time is None:
        raise InputError(f"{where.table}, line {row.line}: {media.path} states no frame rate, so give frames in place of times")
    return where.first_frame + round(row.time * rate)


def _pictures(rows: list[_Row], where: _Where) -> tuple[Media | None, np.ndarray]:
    """Frames from the column, else from the order of the rows: 1, 2, ...; a picture that comes again keeps its number."""
    order: dict[str, int] = {}
    frames = np.array(
        [order.setdefault(row.path, len(order) + 1) if row.frame is None else row.frame for row in rows], dtype=np.int64
    )
    there = [(int(frame), row.path) for frame, row in zip(frames, rows, strict=True) if is_file(where.base / row.path)]
    by_frame = dict(reversed(there))
    numbers = np.array(sorted(by_frame), dtype=np.int64)
    media = ImageFolder(where.base, numbers, [by_frame[int(number)] for number in numbers]) if there else None
    return media, frames


def _agreed(values: np.ndarray, first: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Labels (R, A) of all rows -> (F, A) of the frames; -1, unknown, where rows of one frame disagree."""
    kept = values[first]
    rows, columns = np.nonzero(values != kept[inverse])
    kept[inverse[rows], columns] = -1
    return kept


def _labels(
    frames: np.ndarray, rows: list[_Row], columns: _Columns, name: str, where: _Where, log: AnomalyLog
) -> tuple[np.ndarray, Labels]:
    """Rows in order of frames, each frame once, and their labels; -1 is unknown."""
    unique, first, inverse, counts = np.unique(frames, return_index=True, return_inverse=True, return_counts=True)
    if (counts > 1).any():
        again = unique[counts > 1]
        lines = [row.line for frame, row in zip(frames, rows, strict=True) if frame == again[0]]
        detail = f"frames {number_ranges(again)} (frame {again[0]}: lines {', '.join(map(str, lines))})"
        log.add("duplicate-rows", f"{where.table} {name}", detail, int((counts - 1).sum()))
    present = _agreed(np.array([row.occurrence for row in rows], dtype=np.int8), first, inverse)
    level = _agreed(np.array([row.intensity for row in rows], dtype=np.int8), first, inverse)
    labels = Labels(unique, columns.units, np.maximum(present, 0), np.maximum(level, 0), present >= 0, level >= 0)
    return first, labels
