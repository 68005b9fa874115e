"""Columns of NumPy arrays -> a data frame of pandas or Polars, or an Arrow table.

A column is an array of one value per row. Missing is NaN in numbers with a point, masked (``numpy.ma``) in whole numbers and
truth values, and None in text, which is an array of objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from aufait.errors import InputError, MissingExtraError

Columns = Mapping[str, np.ndarray]


def make_data_frame(columns: Columns, kind: str = "pandas") -> Any:
    """A data frame of these columns.

    Args:
        columns: name -> (N,) array.
        kind: "pandas", "polars", or "arrow" for a ``pyarrow.Table``, which every library with an Arrow interface takes.

    Raises:
        InputError: another kind, or Polars is not installed.
        MissingExtraError: pandas (extra ``pandas``) or pyarrow (extra ``parquet``, also for Polars) is not installed.
    """
    if kind not in _MAKERS:
        raise InputError(f"a data frame is one of {', '.join(_MAKERS)}; got {kind!r}")
    return _MAKERS[kind](columns)


def _pandas(columns: Columns) -> Any:
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("a pandas data frame", "pandas") from error

    def series(values: np.ndarray) -> Any:
        if not isinstance(values, np.ma.MaskedArray):
            return values
        kind = pandas.arrays.BooleanArray if values.dtype == bool else pandas.arrays.IntegerArray
        return kind(values.filled(0), np.ma.getmaskarray(values).copy())

    return pandas.DataFrame({name: series(values) for name, values in columns.items()})


def _arrow(columns: Columns) -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise MissingExtraError("an Arrow table", "parquet") from error

    def array(values: np.ndarray) -> Any:
        if values.dtype == object:
            return pyarrow.array(values, type=pyarrow.string())
        if isinstance(values, np.ma.MaskedArray):
            return pyarrow.array(values.filled(0), mask=np.ma.getmaskarray(values))
        return pyarrow.array(values, from_pandas=True)  # NaN becomes null

    return pyarrow.table({name: array(values) for name, values in columns.items()})


def _polars(columns: Columns) -> Any:
    table = _arrow(columns)
    try:
        import polars
    except ImportError as error:
        raise InputError("a Polars data frame needs Polars; install it with: pip install polars") from error
    return polars.DataFrame(polars.from_arrow(table))


_MAKERS: Mapping[str, Callable[[Columns], Any]] = {"pandas": _pandas, "polars": _polars, "arrow": _arrow}
