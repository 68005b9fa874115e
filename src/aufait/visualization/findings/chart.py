"""What drawings over time show: the same rows for every face, reduced to as many columns as the picture has."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from aufait.results import MAX_INTENSITY

TOPS = {"intensity": MAX_INTENSITY, "probability": 1.0, "occurrence": 1.0}
"""Upper end of each kind's scale."""

ABSENT, POOR, USABLE = 0, 1, 2
"""State of a column: the face is not there, only in frames of low quality, or can be seen."""


@dataclass(frozen=True)
class Row:
    """One action unit, in the same place for every face.

    Attributes:
        unit: FACS number.
        kind: scores that are drawn, a key of ``TOPS``; empty where the table gives none.
    """

    unit: int
    kind: str

    @property
    def top(self) -> float:
        """Upper end of its scale."""
        return TOPS.get(self.kind, 1.0)


@dataclass(frozen=True, eq=False)
class Bars:
    """E events of one face.

    Attributes:
        row: (E,) int, which row.
        onset, apex, offset: (E,) seconds.
    """

    row: np.ndarray
    onset: np.ndarray
    apex: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True, eq=False)
class Face:
    """One face in C columns of time and R rows.

    Attributes:
        number: of the face in its table.
        mean, high: (C, R) mean and highest value of the frames in a column, as a share of the row's scale; NaN where unknown.
        state: (C,) ``ABSENT``, ``POOR`` or ``USABLE``.
        usable: share of the recording's frames shown in which the face is there and good enough.
        peak: (R,) highest value in the unit of the row; NaN without any.
        level: (C, R) the person's baseline as a share of the scale; None without one.
        bars: events; None where none are drawn.
    """

    number: int
    mean: np.ndarray
    high: np.ndarray
    state: np.ndarray
    usable: float
    peak: np.ndarray
    level: np.ndarray | None = None
    bars: Bars | None = None


@dataclass(frozen=True)
class Mark:
    """A stretch of time with a name, for all faces or for those named.

    Attributes:
        faces: numbers of the faces that it is about; None for all.
    """

    start: float
    end: float
    label: str
    tier: str = ""
    faces: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Chart:
    """One picture of one recording.

    Attributes:
        title: name of the recording.
        rows: R of them, for every face.
        edges: (C + 1,) seconds at which columns begin and end.
        faces: in the order drawn.
        marks: in the order of time.
        start, end: seconds at which the recording, or what was asked for of it, begins and ends; there may be more columns, to
            share an axis with others.
        shared: whether several frames may share a column.
        measure: "mean" of the scores or share of time "present".
        chosen: whether the user named the kind of scores; else rows have the first that the table gives.
        min_quality: quality below which a frame is not usable.
        events: what the bars are, in words; empty without.
        baseline: what the line is, in words; empty without.
        notes: sentences under the picture.
        synthetic: whether the faces are rendered.
    """

    title: str
    rows: tuple[Row, ...]
    edges: np.ndarray
    faces: tuple[Face, ...]
    marks: tuple[Mark, ...] = ()
    start: float = -np.inf
    end: float = np.inf
    shared: bool = False
    measure: str = "mean"
    chosen: bool = False
    min_quality: float = 0.3
    events: str = ""
    baseline: str = ""
    notes: tuple[str, ...] = ()
    synthetic: bool = False

    @property
    def recorded(self) -> np.ndarray:
        """(C,) bool: columns in which the recording runs."""
        inside: np.ndarray = (self.edges[1:] > self.start + 1e-6) & (self.edges[:-1] < self.end - 1e-6)
        return inside

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of scores that are drawn, the most frequent first."""
        given = [row.kind for row in self.rows if row.kind]
        return tuple(sorted(dict.fromkeys(given), key=lambda kind: -given.count(kind)))


@dataclass(frozen=True, eq=False)
class Matrix:
    """How often two of A action units are present together.

    Attributes:
        title: name of the recording.
        units: A FACS numbers.
        together: (A, A): row A, column B: share of A's time in which B is present too; or the Jaccard index. NaN without any time.
            The diagonal is the share of the time in which a unit is present.
        frames: (A,) frames in which each unit is present.
        total: frames that count.
        faces: their numbers.
        jaccard: whether ``together`` is the Jaccard index.
        by: A kinds of scores by which the units are present.
    """

    title: str
    units: tuple[int, ...]
    together: np.ndarray
    frames: np.ndarray
    total: int
    faces: tuple[int, ...]
    jaccard: bool
    by: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())
    synthetic: bool = False
