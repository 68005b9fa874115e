"""Scores of action units, (N, A) each, as the columns of a table: wide, one row per face and frame, or long, one per score.

Names are those of ``docs/output.md``: ``AU12_r`` intensity, ``AU12_c`` occurrence, ``AU12_p`` probability, ``AU12_left_r`` of
the subject's left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.errors import InputError
from aufait.views.data_frames import make_data_frame

FORMS = ("wide", "long")

_WHOLE = {"intensity": "r", "occurrence": "c", "probability": "p"}
_SIDED = ("intensity_left", "intensity_right", "probability_left", "probability_right")
_SIDES = ("left", "right")


@dataclass(frozen=True)
class ScoreColumns:
    """A table before it has a form.

    Attributes:
        index: columns (N,) that say whose scores a row holds and how good they are; they stand left.
        action_units: A FACS numbers.
        scores: "intensity", "occurrence", "probability", "intensity_left" ... -> (N, A) with NaN for missing.
        after: columns (N,) that stand right of the scores in the wide form.
    """

    index: Mapping[str, np.ndarray]
    action_units: tuple[int, ...]
    scores: Mapping[str, np.ndarray]
    after: Mapping[str, np.ndarray] = field(default_factory=dict)

    def data_frame(self, kind: str, form: str) -> Any:
        """As a data frame; see ``make_data_frame``.

        Raises:
            InputError: a kind or form that does not exist.
        """
        if form not in FORMS:
            raise InputError(f"form is one of {', '.join(FORMS)}; got {form!r}")
        return make_data_frame(self.wide() if form == "wide" else self.long(), kind)

    def wide(self) -> dict[str, np.ndarray]:
        """One row per face and frame, one column per score."""
        columns = dict(self.index)
        for place, unit in enumerate(self.action_units):
            for name, suffix in _WHOLE.items():
                if name in self.scores:
                    columns[f"AU{unit:02d}_{suffix}"] = _typed(name, self.scores[name][:, place])
            for name in _SIDED:
                if name in self.scores and _two_sided(unit):
                    what, side = name.split("_")
                    columns[f"AU{unit:02d}_{side}_{_WHOLE[what]}"] = self.scores[name][:, place]
        return columns | dict(self.after)

    def long(self) -> dict[str, np.ndarray]:
        """One row per face, frame, action unit and side; the side is "both" for the value of the whole face."""
        pairs = [
            (place, unit, side)
            for place, unit in enumerate(self.action_units)
            for side in ("both", *_SIDES)
            if side == "both" or (f"probability_{side}" in self.scores and _two_sided(unit))
        ]
        rows = len(next(iter(self.index.values()), ()))
        columns = {name: _repeated(values, len(pairs)) for name, values in self.index.items()}
        columns["action_unit"] = np.tile(np.array([unit for _, unit, _ in pairs], np.int64), rows)
        columns["side"] = np.tile(np.array([side for _, _, side in pairs], object), rows)
        for name in _WHOLE:
            if name in self.scores:
                columns[name] = _typed(name, self._of_pairs(name, pairs, rows))
        return columns

    def _of_pairs(self, name: str, pairs: list[tuple[int, int, str]], rows: int) -> np.ndarray:
        values = np.full((rows, len(pairs)), np.nan, np.float32)
        for column, (place, _, side) in enumerate(pairs):
            source = self.scores.get(name if side == "both" else f"{name}_{side}")
            if source is not None:
                values[:, column] = source[:, place]
        return values.ravel()


def _two_sided(unit: int) -> bool:
    return unit in ACTION_UNITS and ACTION_UNITS[unit].bilateral


def _repeated(values: np.ndarray, times: int) -> np.ndarray:
    if isinstance(values, np.ma.MaskedArray):
        mask = np.repeat(np.ma.getmaskarray(values), times)
        return np.ma.MaskedArray(np.repeat(values.data, times), mask)
    return np.repeat(values, times)


def _typed(name: str, values: np.ndarray) -> np.ndarray:
    """Occurrence as truth values, unless a tool counts something else there."""
    missing = np.isnan(values)
    if name != "occurrence" or not np.isin(values[~missing], (0, 1)).all():
        return values
    return np.ma.MaskedArray(np.where(missing, 0, values).astype(bool), missing)
