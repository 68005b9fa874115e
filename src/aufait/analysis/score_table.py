"""The scores of one recording, row by row: what every analysis reads, whoever made the table.

A row is one face in one frame, or one frame without a face. What a tool does not give is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

NO_FACE = -1
"""``face_id`` of a row of a frame without a face."""

PER_UNIT = (
    "probability", "intensity", "occurrence", "probability_left", "probability_right", "intensity_left", "intensity_right",
)  # fmt: skip
"""Arrays with one column per action unit."""

PER_ROW = ("time", "frame", "face_id", "confidence", "quality")
"""Arrays with one value per row."""


@dataclass(frozen=True, eq=False, repr=False)
class ScoreTable:
    """N rows in the order of time, then face; A action units. Missing values are NaN. The arrays must not be changed.

    Attributes:
        name: of the recording; what joins it to markers, persons and coders.
        action_units: A FACS numbers, in the order of the columns.
        time: (N,) float64 seconds in the recording's own clock; for pictures their number.
        frame: (N,) int64, as the tool counts.
        face_id: (N,) int64; ``NO_FACE`` in a frame without a face.
        confidence: (N,) float32 in [0, 1] that this is a face, NaN where the tool does not say.
        quality: (N,) float32 in [0, 1], how far the picture of the face can be trusted.
        probability: (N, A) float32 in [0, 1].
        intensity: (N, A) float32 on the FACS scale, 0 absent, 1 to 5 = A to E, unless ``meaning`` says otherwise.
        occurrence: (N, A) float32, 0 or 1 as the tool decides.
        probability_left, probability_right, intensity_left, intensity_right: (N, A) of the subject's sides; None: not given.
        others: further columns by their name in the file, (N,) each: head pose, gaze, landmarks that were asked for.
        source: the picture or video that the table was made from; empty where the table does not say.
        tool: whose table it is: "aufait", "openface", "py-feat", ...
        meaning: what the tool means by a column, where that differs from the above, by the column's name here.
        path: the file it was read from, or None.
        of_pictures: the rows are of pictures, which have no time.
    """

    name: str
    action_units: tuple[int, ...]
    time: np.ndarray
    frame: np.ndarray
    face_id: np.ndarray
    confidence: np.ndarray
    quality: np.ndarray
    probability: np.ndarray
    intensity: np.ndarray
    occurrence: np.ndarray
    probability_left: np.ndarray | None = None
    probability_right: np.ndarray | None = None
    intensity_left: np.ndarray | None = None
    intensity_right: np.ndarray | None = None
    others: Mapping[str, np.ndarray] = field(default_factory=lambda: MappingProxyType({}))
    source: str = ""
    tool: str = "aufait"
    meaning: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    path: Path | None = None
    of_pictures: bool = False

    def __post_init__(self) -> None:
        rows, units = len(self.time), len(self.action_units)
        if len(set(self.action_units)) != units:
            raise ValueError(f"action units must not repeat, got {self.action_units}")
        for name in PER_ROW:
            if getattr(self, name).shape != (rows,):
                raise ValueError(f"{name} must have shape ({rows},), got {getattr(self, name).shape}")
        for name in PER_UNIT:
            values = getattr(self, name)
            if values is not None and values.shape != (rows, units):
                raise ValueError(f"{name} must have shape ({rows}, {units}), got {values.shape}")
        for name, values in self.others.items():
            if len(values) != rows:
                raise ValueError(f"{name} must have {rows} values, got {len(values)}")
        if rows and not np.isfinite(self.time).all():
            raise ValueError("every row needs a finite time")
        if rows > 1 and (np.diff(self.time) < 0).any():
            raise ValueError("rows must be in the order of time")

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.time)

    def __repr__(self) -> str:
        faces = ", ".join(map(str, self.faces)) or "none"
        seconds = f"{self.time[0]:.2f}-{self.time[-1]:.2f} s" if len(self) else "empty"
        units = f"{len(self.action_units)} action units"
        return f"ScoreTable({self.name!r}, {self.tool}, {len(self)} rows, {seconds}, faces {faces}, {units})"

    @property
    def found(self) -> np.ndarray:
        """(N,) bool: rows that hold a face."""
        return self.face_id != NO_FACE

    @property
    def faces(self) -> tuple[int, ...]:
        """Numbers of the faces, ascending."""
        return tuple(int(number) for number in np.unique(self.face_id) if number != NO_FACE)

    @property
    def frame_times(self) -> np.ndarray:
        """(F,) float64: the times of all frames, with and without faces, each once."""
        return np.unique(self.time)

    @property
    def frame_distance(self) -> float:
        """Median seconds from one frame to the next; 0 for fewer than two frames."""
        times = self.frame_times
        return float(np.median(np.diff(times))) if len(times) > 1 else 0.0

    def index(self, action_unit: int) -> int:
        """Column of an action unit.

        Raises:
            KeyError: the table does not hold it.
        """
        try:
            return self.action_units.index(action_unit)
        except ValueError:
            known = ", ".join(map(str, self.action_units))
            raise KeyError(f"{self.name}: action unit {action_unit} is not among those of the table: {known}") from None

    def rows(self, which: np.ndarray) -> ScoreTable:
        """The rows of a mask (N,) or of ascending positions."""
        arrays = {name: getattr(self, name)[which] for name in (*PER_ROW, *PER_UNIT) if getattr(self, name) is not None}
        return replace(self, **arrays, others=MappingProxyType({name: values[which] for name, values in self.others.items()}))

    def of_face(self, face_id: int) -> ScoreTable:
        """The rows of one face."""
        return self.rows(self.face_id == face_id)

    def between(self, start: float, end: float) -> ScoreTable:
        """The rows with start <= time < end."""
        return self.rows((self.time >= start) & (self.time < end))

    def strength(self, kind: str | None = None) -> tuple[np.ndarray, str]:
        """The scores that say how much: (N, A) and their kind.

        Args:
            kind: "intensity" or "probability"; None takes the first that the table has values of.
        """
        kinds = ("intensity", "probability", "occurrence") if kind is None else (kind,)
        for name in kinds:
            values: np.ndarray = getattr(self, name)
            if kind is not None or np.isfinite(values).any():
                return values, name
        return self.probability, "probability"

    def to_dataframe(self, kind: str = "pandas", form: str = "wide") -> Any:
        """The table as a data frame; scores that it has no value of get no column.

        Args:
            kind: "pandas", "polars" or "arrow".
            form: "wide", one row per face and frame with the columns of ``docs/output.md``; or "long", one row per face, frame,
                action unit and side, with the columns ``action_unit``, ``side``, ``intensity``, ``occurrence``, ``probability``.

        Raises:
            InputError: another kind or form.
            MissingExtraError: pandas (extra ``pandas``) or pyarrow (extra ``parquet``) is not installed.
        """
        from aufait.analysis.table_columns import columns_of_table

        return columns_of_table(self).data_frame(kind, form)

    def plot(
        self, path: str | Path | None = None, kind: str = "timeline", *, overwrite: bool = False, **given: Any
    ) -> Image.Image:
        """The table as a picture, shown in notebooks.

        Args:
            path: PNG, PDF or SVG file to write too; None for none.
            kind: "timeline", "heatmap" or "cooccurrence".
            overwrite: whether an existing file may be replaced.
            given: further arguments of ``aufait.analysis.plots.plot_table``: ``choice``, ``events``, ``markers``, ...

        Raises:
            InputError: nothing is there to draw, or what is wanted is not in the table.
            OutputError: the file exists, or cannot be written.
            MissingExtraError: Matplotlib (extra ``plot``) is not installed.
        """
        from aufait.analysis.plots.files import picture_of

        return picture_of(self, path, kind, overwrite, given)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The wide data frame for every library with an Arrow interface: ``polars.DataFrame(table)``."""
        return self.to_dataframe("arrow").__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        from aufait.analysis.table_columns import card_of_table

        return card_of_table(self)

    @classmethod
    def made_of(
        cls, name: str, action_units: tuple[int, ...], time: np.ndarray, face_id: np.ndarray, **given: object
    ) -> ScoreTable:
        """A table from what there is; the rest is NaN, and rows are brought into the order of time.

        Args:
            given: any other attribute.
        """
        known = {one.name for one in fields(cls)}
        if unknown := set(given) - known:
            raise TypeError(f"a score table has no {', '.join(sorted(unknown))}")
        rows, units = len(time), len(action_units)
        values: dict[str, object] = {
            "frame": np.arange(rows),
            **{one: np.full(rows, np.nan, np.float32) for one in ("confidence", "quality") if given.get(one) is None},
            **{one: np.full((rows, units), np.nan, np.float32) for one in PER_UNIT[:3] if given.get(one) is None},
            **{one: value for one, value in given.items() if value is not None},
        }
        ranks = np.lexsort((face_id, time))
        order = slice(None) if (np.diff(ranks) == 1).all() else ranks  # no copies of what is in order
        sorts = (*PER_ROW, *PER_UNIT)
        values = {one: value[order] if one in sorts else value for one, value in values.items()}  # type: ignore[index]
        if "others" in values:
            values["others"] = MappingProxyType({one: column[order] for one, column in values["others"].items()})  # type: ignore[attr-defined]
        return cls(name, action_units, np.asarray(time, np.float64)[order], face_id=np.asarray(face_id)[order], **values)  # type: ignore[arg-type]
