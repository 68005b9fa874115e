"""A long video piece by piece: what each piece gives is kept in files of its own until all are there, and joined.

Pieces need nothing of each other, so any process may make any of them, at any time, and each is made by one. A video whose
pieces are joined is therefore the same whoever made them, and a run that was killed loses the pieces that were in flight.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from aufait.detection.detected import DetectedFrame
from aufait.detection.detector import AnalyzedFrame, Detector
from aufait.detection.piece_numbers import FaceNumbers, PieceEnd, SharedFrame
from aufait.detection.plan import Task
from aufait.detection.resume import file_state
from aufait.errors import InputError
from aufait.faces.appearance import looks_of
from aufait.files.atomic import whole_file
from aufait.files.claims import Claim, Claimed, is_claimed, sweep_claims
from aufait.media.pieces import PIECE_RULE, Piece, PieceReader, PieceRule, pieces_of
from aufait.media.sources import content_kind

_MOST_SEGMENTS = 1024
_NO_PIXELS = np.empty((0, 0, 3), np.uint8)

Tell = Callable[[int], None]
"""Called with the number of frames that are done."""


@dataclass(frozen=True)
class Segment:
    """Consecutive pieces of one video, for one worker."""

    task: Task
    pieces: tuple[Piece, ...]


def segments_of(task: Task, count: int) -> list[Segment]:
    """The pieces of a video in ``count`` segments of about the same length, fewer if there are fewer pieces."""
    places = np.linspace(0, len(task.pieces), min(count, len(task.pieces)) + 1).round().astype(int)
    return [Segment(task, task.pieces[start:end]) for start, end in zip(places[:-1], places[1:], strict=True)]


class PieceFolder:
    """Where the pieces of a video are kept.

    Args:
        task: the video.
        work: digest of inputs and settings.
    """

    def __init__(self, task: Task, work: str) -> None:
        self.path, self._task = task.pieces_folder, task
        (place,) = task.inputs
        assert isinstance(place, Path)
        self._video = place
        self.work = f"{work} {file_state(place)}"

    def make(self, piece: Piece, detector: Detector, tell: Tell, is_joined: Callable[[], bool] = lambda: False) -> None:
        """Make a piece, unless it is there.

        Args:
            is_joined: whether another process has put all pieces together by now, and cleared them away.

        Raises:
            Claimed: another process makes it.
            InexactSearch: its frames are not found.
        """
        if self.end_of(piece) is not None:
            return
        with Claim(self._name(piece, "claim"), self.work) as claim:
            if self.end_of(piece) is None and not is_joined():
                end = PieceEnd()
                with whole_file(self._name(piece, "jsonl")) as rows:
                    self._follow(piece, detector, rows, end, tell)
                    claim.check()
                with whole_file(self._name(piece, "json")) as told:  # which says that the rows are whole
                    told.write_text(json.dumps({"work": self.work, **end.to_dict()}), "utf-8")

    def end_of(self, piece: Piece) -> PieceEnd | None:
        """What is known of a piece, None where it is not there or was made otherwise."""
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            plain = json.loads(self._name(piece, "json").read_bytes())
            if plain["work"] == self.work and self._name(piece, "jsonl").is_file():
                return PieceEnd.from_dict(plain)
        return None

    def is_claimed(self, piece: Piece) -> bool:
        """Whether a process is making a piece."""
        return is_claimed(self._name(piece, "claim"))

    def rows_of(self, piece: Piece) -> Iterator[DetectedFrame]:
        """The frames of a piece."""
        with self._name(piece, "jsonl").open("rb") as file:
            for line in file:
                yield DetectedFrame.from_dict(json.loads(line))

    def _name(self, piece: Piece, kind: str) -> Path:
        return self.path / f"{piece.number:05d}.{kind}"

    def _follow(self, piece: Piece, detector: Detector, rows: Path, end: PieceEnd, tell: Tell) -> None:
        known: set[int] = set()
        with (
            PieceReader(self._video, self._task.stream, piece, detector.frames_ahead) as reader,
            rows.open("w", encoding="utf-8") as file,
        ):
            frames = detector.follow(reader, source=self._task.title)
            try:
                for frame in frames:
                    place = frame.analysis.frame - 1
                    if place < piece.first:
                        end.head.append(_shared(frame))
                    elif place < piece.end:
                        _note_arrivals(frame, known, end)
                        file.write(json.dumps(frame.analysis.to_dict()) + "\n")
                        tell(place + 1 - piece.first)
                        if place >= piece.tail:
                            end.tail.append(_shared(frame))
            finally:
                frames.close()  # type: ignore[attr-defined]  # before the reader, which its threads use
            end.away = detector.faces_away
            end.notes, end.facts = list(reader.reader.notes), reader.reader.facts


def _shared(frame: AnalyzedFrame) -> SharedFrame:
    boxes = {face.face_id: face.box.tolist() for face in frame.analysis.faces}
    return SharedFrame(zlib.crc32(frame.image.data), boxes)


def _note_arrivals(frame: AnalyzedFrame, known: set[int], end: PieceEnd) -> None:
    for face in frame.analysis.faces:
        if face.face_id not in known:
            known.add(face.face_id)
            end.arrivals.append((face.face_id, looks_of(frame.image, face.landmarks)))


def make_segment(segment: Segment, detector: Detector, work: str, tell: Tell, is_joined: Callable[[], bool]) -> None:
    """Make the pieces of a segment, without those that other processes make; see ``PieceFolder.make``."""
    folder, done = PieceFolder(segment.task, work), 0
    for piece in segment.pieces:
        before = done
        with suppress(Claimed):
            folder.make(piece, detector, lambda frames, before=before: tell(before + frames), is_joined)  # type: ignore[misc]
        done += piece.end - piece.first
        tell(done)


def pieces_left(task: Task, work: str) -> tuple[int, int]:
    """How many pieces of a video are not there yet, and how many of these nobody is making."""
    folder = PieceFolder(task, work)
    missing = [piece for piece in task.pieces if folder.end_of(piece) is None]
    return len(missing), sum(not folder.is_claimed(piece) for piece in missing)


@dataclass(eq=False)
class PiecedVideo:
    """A video whose pieces are all there; it has what a reader of videos says after its last frame.

    Attributes:
        info: of the file.
        numbers: of faces, for each piece: in the piece -> in the video.
        notes: of all pieces.
        facts: of all pieces, for the record.
    """

    task: Task
    folder: PieceFolder
    numbers: list[dict[int, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    corrupt: int = 0
    error: str | None = None
    shifts: tuple[float, ...] = (0.0,)

    def frames(self) -> Iterator[DetectedFrame]:
        """All frames, with the numbers that faces have in the video."""
        for piece, numbers in zip(self.task.pieces, self.numbers, strict=True):
            for frame in self.folder.rows_of(piece):
                faces = tuple(replace(face, face_id=numbers[face.face_id]) for face in frame.faces)
                yield replace(frame, faces=faces)


def join_pieces(task: Task, detector: Detector, work: str, tell: Tell) -> PiecedVideo:
    """Make the pieces that are missing, and put all together.

    Raises:
        Claimed: another process makes one.
        InexactSearch: pieces do not fit to each other, so the video has to be analysed whole.
    """
    folder, numbers = PieceFolder(task, work), FaceNumbers()
    video = PiecedVideo(task, folder)
    for piece in task.pieces:
        folder.make(piece, detector, lambda frames, before=piece.first: tell(before + frames))  # type: ignore[misc]
        end = folder.end_of(piece)
        if end is None:
            raise InputError(f"{task.title} changed while it was analysed; give the same command again")
        video.numbers.append(numbers.add(end))
        video.notes += [note for note in end.notes if note not in video.notes]
        sizes = [size for facts in (video.facts, end.facts) for size in facts.get("sizes", [])]
        video.facts |= end.facts | ({"sizes": list(map(list, dict.fromkeys(map(tuple, sizes))))} if sizes else {})
    return video


@contextmanager
def open_pieced(video: PiecedVideo, *, pictures: bool) -> Iterator[tuple[Any, Any, Iterator[AnalyzedFrame]]]:
    """Facts about the file, what tells of its reading, and its frames; with their pictures where these are drawn, or without."""
    from aufait.media.video import open_video

    (place,) = video.task.inputs
    with (
        open_video(place, stream=video.task.stream) as reader,
        closing(_with_pictures(video, reader) if pictures else _without(video)) as frames,
    ):
        yield reader.info, reader if pictures else video, frames


def _without(video: PiecedVideo) -> Generator[AnalyzedFrame, None, None]:
    for frame in video.frames():
        yield AnalyzedFrame(frame, _NO_PIXELS)


def _with_pictures(video: PiecedVideo, reader: Any) -> Generator[AnalyzedFrame, None, None]:
    for frame, read in zip(video.frames(), reader, strict=True):
        yield AnalyzedFrame(frame, read.image)


def clear_pieces(task: Task) -> None:
    """Removes what was kept of a video piece by piece."""
    folder = task.pieces_folder
    if not folder.is_dir():
        return
    for pattern in ("[0-9]*.jsonl", "[0-9]*.json", "[0-9]*.claim"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
    sweep_claims(folder)
    with suppress(OSError):  # something of somebody else
        folder.rmdir()


def read_segments(text: str) -> int | None:
    """The number in "4"; None for "auto": as many as there are workers.

    Raises:
        InputError: neither.
    """
    if text.strip().lower() == "auto":
        return None
    if not text.strip().isdecimal() or not 1 <= int(text) <= _MOST_SEGMENTS:
        raise InputError(f"segments are a number from 1 to {_MOST_SEGMENTS}, or auto; got {text!r}")
    return int(text)


def tell_pieces(tasks: Sequence[Task], rule: PieceRule = PIECE_RULE) -> list[Task]:
    """The tasks, long videos among them with their pieces, or with the reason why they stay whole."""
    return [_told(task, rule) for task in tasks]


def _told(task: Task, rule: PieceRule) -> Task:
    if task.kind != "video" or task.sequence is not None:
        return task
    (place,) = task.inputs
    if not isinstance(place, Path):
        return replace(task, unsplit="what comes from the network is read from its beginning")
    if content_kind(place) != "video":
        return task
    try:
        pieces, reason = pieces_of(place, task.stream, rule)
    except InputError:  # which the analysis will tell
        return task
    return replace(task, pieces=pieces, piece_rule=rule if pieces else None, unsplit=reason)
