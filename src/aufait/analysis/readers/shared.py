"""What several readers need: times of frames, numbers of faces, one array out of one column per action unit."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.analysis.score_table import NO_FACE
from aufait.errors import InputError, InputWarning


def recording_name(path: Path) -> str:
    """clip.csv, clip.partial.csv and clip.parquet are recordings called "clip"."""
    return path.stem.removesuffix(".partial")


def known_units(path: Path, units: Iterable[int]) -> tuple[int, ...]:
    """The action units of the table, ascending; numbers that FACS has no action unit for are left out and reported."""
    numbers = sorted(set(units))
    unknown = [number for number in numbers if number not in ACTION_UNITS]
    if unknown:
        names = ", ".join(f"AU{number}" for number in unknown)
        warnings.warn(f"{path}: columns that are no action units known here are left out: {names}", InputWarning, stacklevel=5)
    return tuple(number for number in numbers if number in ACTION_UNITS)


def of_units(columns: Mapping[str, np.ndarray], names: Mapping[int, str], units: tuple[int, ...], rows: int) -> np.ndarray:
    """(N, A) float32 of one column per action unit, NaN where there is none.

    Args:
        columns: by name.
        names: of the columns, by action unit.
        units: A action units.
        rows: N.
    """
    values = np.full((rows, len(units)), np.nan, np.float32)
    for place, unit in enumerate(units):
        if names.get(unit) in columns:
            values[:, place] = columns[names[unit]]
    return values


def whole_numbers(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """(N,) int64 of a column that every row must have a whole number in.

    Raises:
        InputError: a row has none.
    """
    good = np.isfinite(values) & (np.abs(np.nan_to_num(values)) < 2**53)
    good &= np.where(good, values, 0) == np.round(np.where(good, values, 0))
    if not good.all():
        row = int(np.argmin(good))
        raise InputError(f"{path}, row {row + 1} of the table: {name} should be a whole number, got {values[row]}")
    return values.astype(np.int64)


def face_numbers(path: Path, values: np.ndarray, found: np.ndarray) -> np.ndarray:
    """(N,) int64: the number of the face, ``NO_FACE`` where none was found.

    Raises:
        InputError: a row with a face has no number.
    """
    return np.where(found, whole_numbers(path, "the number of the face", np.where(found, values, NO_FACE)), NO_FACE)


def times_of_frames(path: Path, tool: str, frames: np.ndarray, fps: float | None) -> np.ndarray:
    """(N,) float64 seconds of frames that count from 0.

    Raises:
        InputError: nobody says how many there are per second.
    """
    if fps is None:
        raise InputError(
            f"{path}: this table of {tool} has no exact times; say how many frames per second the recording has: "
            "--fps 30 (in Python: fps=30)"
        )
    return frames / fps


def numbered(texts: np.ndarray) -> np.ndarray:
    """(N,) int64: 1, 2, ... for each different text in the order in which they come."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(text, len(numbers) + 1) for text in texts], dtype=np.int64)


def ranks(frames: np.ndarray) -> np.ndarray:
    """(N,) int64: how many rows of the same frame stand before each row."""
    order = np.argsort(frames, kind="stable")
    ordered = frames[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]] if len(frames) else np.zeros(0, bool)
    starts = np.maximum.accumulate(np.where(first, np.arange(len(frames)), 0)) if len(frames) else np.zeros(0, np.int64)
    result = np.empty(len(frames), np.int64)
    result[order] = np.arange(len(frames)) - starts
    return result


def masked(values: np.ndarray, found: np.ndarray) -> np.ndarray:
    """float32 with NaN in rows without a face."""
    values = np.array(values, np.float32)
    values[~found] = np.nan
    return values
