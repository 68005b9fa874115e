"""BP4D's 2D landmark tracks: MATLAB 7.3 files (HDF5) with one 49-point prediction per picture under ``fit/pred``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aufait.data.pictures import Media
from aufait.errors import InputError, MissingExtraError

_POINTS = 49
_MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class Hdf5Landmarks:
    """Loader of one track.

    The public readers show the content (``fit/pred``, 2 x 49 as HDF5 stores it) but not how its rows are paired with frames.
    Our reading: row k belongs to the k-th picture of the sequence by number. Where the counts differ, row k belongs to
    frame k + 1.

    Args:
        path: ``F001_T1.mat``.
        media: pictures of the sequence, or None where they are not read.
        base: coordinate of the first pixel's centre in the file; 1, as MATLAB counts.
    """

    path: Path
    media: Media | None
    base: int = 1

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Frame numbers (F,) -> (F, 49, 2) float32 pixels, nan where the tracker failed or has no row."""
        track = read_track(self.path) - self.base
        numbers = None if self.media is None else self.media.numbers()
        if numbers is None or len(numbers) != len(track):
            numbers = np.arange(1, len(track) + 1)
        landmarks = np.full((len(frames), _POINTS, 2), np.nan, dtype=np.float32)
        there = np.isin(frames, numbers)
        landmarks[there] = track[np.searchsorted(numbers, frames[there])]
        return landmarks


def read_track(path: Path) -> np.ndarray:
    """All predictions of a track, (R, 49, 2) float32 in the file's own pixel base; nan for failed rows.

    Raises:
        MissingExtraError: h5py is not installed.
        InputError: the file cannot be read or has no ``fit/pred``.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("reading BP4D's landmark files (package h5py)", "train") from error
    try:
        with h5py.File(path, "r") as file:
            pred = file["fit/pred"]
            if not isinstance(pred, h5py.Dataset) or pred.nbytes > _MOST_BYTES:
                raise ValueError("fit/pred is not an array, or is one of more than 1 GiB")
            if h5py.check_dtype(ref=pred.dtype) is None:
                return _stacked(np.asarray(pred), path)
            rows = [_points(np.asarray(file[reference])) for reference in np.ravel(pred[()])]
            return np.stack(rows) if rows else np.zeros((0, _POINTS, 2), np.float32)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, OverflowError) as error:
        raise InputError(
            f"{path} cannot be read as a landmark track ({error}); expected a MATLAB 7.3 file with fit/pred"
        ) from error


def _points(cell: Any) -> np.ndarray:
    """One prediction, 2 x 49 or 49 x 2; anything else (an empty cell) is a failed frame."""
    if cell.shape == (2, _POINTS):
        return cell.T.astype(np.float32)
    if cell.shape == (_POINTS, 2):
        return cell.astype(np.float32)
    return np.full((_POINTS, 2), np.nan, dtype=np.float32)


def _stacked(values: np.ndarray, path: Path) -> np.ndarray:
    """A plain array: frames first or last, points and coordinates in either order."""
    axes = [axis for axis in (0, 2, 1) if values.ndim == 3 and sorted(np.delete(values.shape, axis)) == [2, _POINTS]]
    if axes and values.dtype.kind in "iuf":
        frames_axis = axes[0]
        moved = np.moveaxis(values, frames_axis, 0)
        return (moved if moved.shape[1] == _POINTS else moved.transpose(0, 2, 1)).astype(np.float32)
    raise InputError(f"{path}: fit/pred has shape {values.shape}; expected frames x 2 x {_POINTS}")
