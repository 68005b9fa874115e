"""Face numbers of a long video from those of its pieces, each of which counts from 0.

Two neighbouring pieces were both followed through some frames: faces at the same places there are the same people. Who was last
seen before a cut in an earlier piece, and comes back in this one, is known by looks, as within a piece.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from aufait.faces.appearance import Looks, difference
from aufait.faces.boxes import overlap
from aufait.faces.tracking import TrackerConfig, assign
from aufait.media.pieces import InexactSearch


@dataclass(frozen=True, eq=False)
class SharedFrame:
    """A frame that two pieces have in common.

    Attributes:
        picture: checksum of its pixels.
        boxes: (4,) x0, y0, x1, y1 of each face, by its number in the piece.
    """

    picture: int
    boxes: Mapping[int, Sequence[float]]


@dataclass(eq=False)
class PieceEnd:
    """What is known of a piece besides its rows.

    Attributes:
        head: frames shared with the piece before, in order.
        tail: frames shared with the piece after.
        arrivals: the faces of its own frames in the order in which they come, and their looks there.
        away: who waits for a later cut at its end, and what is remembered of them.
        notes: what was to be said about reading it.
        facts: the same for the record of a run.
    """

    head: list[SharedFrame] = field(default_factory=list)
    tail: list[SharedFrame] = field(default_factory=list)
    arrivals: list[tuple[int, Looks]] = field(default_factory=list)
    away: list[tuple[int, tuple[Looks, ...]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and strings, ready for JSON."""
        shared = {name: [[one.picture, [[face, list(box)] for face, box in one.boxes.items()]] for one in getattr(self, name)]
                  for name in ("head", "tail")}  # fmt: skip
        arrivals = [[face, _plain(looks)] for face, looks in self.arrivals]
        away = [[face, [_plain(looks) for looks in known]] for face, known in self.away]
        return shared | {"arrivals": arrivals, "away": away, "notes": self.notes, "facts": self.facts}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``."""
        head, tail = ([SharedFrame(picture, dict(boxes)) for picture, boxes in plain[name]] for name in ("head", "tail"))
        arrivals = [(face, _looks(told)) for face, told in plain["arrivals"]]
        away = [(face, tuple(map(_looks, known))) for face, known in plain["away"]]
        return cls(head, tail, arrivals, away, list(plain["notes"]), dict(plain["facts"]))


def _plain(looks: Looks) -> list[Any]:
    return [looks.head.tolist(), looks.edges.tolist(), looks.sharpness]


def _looks(plain: Sequence[Any]) -> Looks:
    head, edges, sharpness = plain
    return Looks(np.array(head, np.float32), np.array(edges, np.float32), sharpness)


class FaceNumbers:
    """Numbers for the pieces of one video, which are given in their order."""

    def __init__(self) -> None:
        settings = TrackerConfig()
        self._same, self._most = settings.same_looks, settings.max_away
        self._next = 0
        self._before: tuple[PieceEnd, dict[int, int]] | None = None
        self._away: dict[int, tuple[Looks, ...]] = {}

    def add(self, piece: PieceEnd) -> dict[int, int]:
        """Number in the next piece -> number in the video.

        Raises:
            InexactSearch: its pictures are not those that the piece before ended with.
        """
        numbers: dict[int, int] = {} if self._before is None else self._followed(*self._before, piece)
        for face, looks in piece.arrivals:
            if face not in numbers:
                numbers[face] = self._returned(looks, set(numbers.values()))
        self._remember(piece, numbers)
        self._before = piece, numbers
        return numbers

    def _followed(self, before: PieceEnd, known: dict[int, int], piece: PieceEnd) -> dict[int, int]:
        """Who is seen at the same places in the frames that both pieces have."""
        if [one.picture for one in before.tail] != [one.picture for one in piece.head]:
            raise InexactSearch("the frames in its middle are not found by its index")
        olds = sorted({face for one in before.tail for face in one.boxes})
        news = sorted({face for one in piece.head for face in one.boxes})
        shared = np.zeros((len(news), len(olds)))
        for old, new in zip(before.tail, piece.head, strict=True):
            if old.boxes and new.boxes:
                rows, columns = [news.index(face) for face in new.boxes], [olds.index(face) for face in old.boxes]
                shared[np.ix_(rows, columns)] += _overlaps(new.boxes, old.boxes)
        pairs = assign(np.where(shared > 0, -shared, np.inf)) if shared.size else []
        return {news[row]: known[olds[column]] for row, column in pairs if shared[row, column] > 0 and olds[column] in known}

    def _returned(self, looks: Looks, taken: set[int]) -> int:
        """Who of those that wait for a cut looks the same; else a new number."""
        apart = {number: min(difference(one, looks) for one in known)
                 for number, known in self._away.items() if number not in taken and known}  # fmt: skip
        nearest = min(apart, key=lambda number: apart[number], default=None)
        if nearest is not None and apart[nearest] <= self._same:
            return nearest
        self._next += 1
        return self._next - 1

    def _remember(self, piece: PieceEnd, numbers: dict[int, int]) -> None:
        seen = set(numbers.values())
        kept = {number: known for number, known in self._away.items() if number not in seen}
        kept |= {numbers[face]: known for face, known in piece.away if face in numbers}
        self._away = dict(list(kept.items())[-self._most :])


def _overlaps(first: Mapping[int, Sequence[float]], second: Mapping[int, Sequence[float]]) -> np.ndarray:
    """(F, S) intersection over union, 0 where it is less than a half."""
    found = overlap(np.array(list(first.values()), np.float32), np.array(list(second.values()), np.float32))
    return np.where(found >= 0.5, found, 0.0)
