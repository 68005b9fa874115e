"""Readers of the data sets: each knows one on-disk layout and yields neutral recordings.

Use ``open_dataset("disfa", "/data/DISFA")``; ``list_datasets()`` names the data sets. A reader only reads: a protocol
(``aufait.data.protocols``) says which action units, subjects and thresholds count.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from aufait.data.dataset import AUDataset
from aufait.errors import InputError
from aufait.plugins import Plugins, find_plugins, refuse_taken
from aufait.settings import did_you_mean


@dataclass(frozen=True)
class DatasetEntry:
    """One data set of the registry.

    Attributes:
        name: what ``open_dataset`` is called with.
        summary: one line for lists.
        module: module below this package.
        function: reader in it: root and options in, ``AUDataset`` out.
    """

    name: str
    summary: str
    module: str = ""
    function: str = ""
    given: Callable[..., AUDataset] | None = None
    """The reader itself, for data sets that other packages add."""

    @property
    def reader(self) -> Callable[..., AUDataset]:
        """The reader, imported when first needed."""
        if self.given is not None:
            return self.given
        reader: Callable[..., AUDataset] = getattr(import_module(f"{__name__}.{self.module}"), self.function)
        return reader

    def options(self) -> dict[str, inspect.Parameter]:
        """Keyword arguments of the reader."""
        parameters = inspect.signature(self.reader).parameters.values()
        return {one.name: one for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}


_ENTRIES = (
    DatasetEntry("bp4d", "BP4D-Spontaneous: 41 subjects, 8 tasks, occurrence and 5 intensities", "bp4d", "open_bp4d"),
    DatasetEntry("bp4d_plus", "BP4D+ (MMSE): 140 subjects, 4 coded tasks", "bp4d_plus", "open_bp4d_plus"),
    DatasetEntry("disfa", "DISFA: 27 subjects, one video each, 12 intensities", "disfa", "open_disfa"),
    DatasetEntry("disfa_plus", "DISFA+: 9 of DISFA's subjects in short trials, 12 intensities", "disfa_plus", "open_disfa_plus"),
    DatasetEntry("fera2015", "FERA 2015, BP4D part: training and development partitions", "fera2015", "open_fera2015"),
    DatasetEntry("fera2017", "FERA 2017: nine rendered views, training and validation partitions", "fera2017", "open_fera2017"),
    DatasetEntry("affwild2", "AffWild2: videos from the web, training and validation partitions", "affwild2", "open_affwild2"),
    DatasetEntry("csv", "your own pictures or videos with a table of labels", "csv_table", "open_csv"),
)

DATASETS: Mapping[str, DatasetEntry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""Name -> entry, of those that come with the package; ``dataset_entry`` knows those of plug-ins too."""

_REGISTERED: dict[str, DatasetEntry] = {}


def register_dataset(name: str, reader: Callable[..., AUDataset], summary: str = "") -> None:
    """Add a data set, for this process. Installed packages name an entry point ``aufait.datasets`` instead.

    Args:
        name: lower case, words joined by underscores.
        reader: function of a folder (Path) and keyword options that returns an ``AUDataset``.
        summary: one line for lists; the first line of the reader's docstring if empty.

    Raises:
        InputError: the name is taken, or the reader cannot be called.
    """
    refuse_taken("data set", name, _entries())
    wrong = _wrong_with(name, reader)
    if wrong:
        raise InputError(wrong)
    _REGISTERED[name] = _stranger(name, reader, summary)


def _entries() -> dict[str, DatasetEntry]:
    return {**DATASETS, **{name: _stranger(name, reader) for name, reader in _plugins().objects.items()}, **_REGISTERED}


@lru_cache(maxsize=1)
def _plugins() -> Plugins:
    return find_plugins("aufait.datasets", DATASETS, _wrong_with)


def _wrong_with(name: str, reader: Any) -> str:
    return "" if callable(reader) else f"a data set is given by the function that reads it, got a {type(reader).__name__}"


def _stranger(name: str, reader: Callable[..., AUDataset], summary: str = "") -> DatasetEntry:
    first = (inspect.getdoc(reader) or "").partition("\n")[0]
    return DatasetEntry(name, summary or first, given=reader)


def list_datasets() -> list[str]:
    """Names that ``open_dataset`` knows, plug-ins last."""
    return list(_entries())


def dataset_entry(name: str) -> DatasetEntry:
    """What the registry knows about a name ("BP4D+", "disfa-plus" and "DISFA" are understood too).

    Raises:
        InputError: unknown name; the message gives the nearest ones.
    """
    key = name.strip().lower().replace("+", "_plus").replace("-", "_").replace("__", "_")
    entries = _entries()
    if key not in entries:
        _plugins().refuse_broken(key)
        raise InputError(f"unknown data set {name!r}{did_you_mean(key, entries)} Known: {', '.join(entries)}")
    return entries[key]


def open_dataset(name: str, root: str | os.PathLike[str], **options: Any) -> AUDataset:
    """Read a data set from its folder as distributed.

    Args:
        name: one of ``list_datasets()``.
        root: its folder (for "csv" also the table itself).
        options: of the reader, such as ``need_media=False`` or ``frame_offset=1``; values may be texts, as a command line
            gives them.

    Returns:
        The recordings with everything that is labelled; problems are in ``anomalies``.

    Raises:
        InputError: unknown name or option (with the nearest known), missing folders (with the expected tree), or nothing
            usable.

    Example:
        >>> from aufait.data import open_dataset
        >>> disfa = open_dataset("disfa", "/data/DISFA", threshold=2)  # doctest: +SKIP
        >>> len(disfa.subjects), disfa.action_units  # doctest: +SKIP
        (27, (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26))
    """
    entry = dataset_entry(name)
    known = entry.options()
    for option in options:
        if option not in known:
            raise InputError(f"{entry.name} has no option {option!r}{did_you_mean(option, known)} It has: {', '.join(known)}")
    hints = get_type_hints(entry.reader)
    values = {option: _convert(option, value, hints[option]) for option, value in options.items()}
    for option, value in values.items():
        if isinstance(value, Path) and not value.is_dir():
            what = "is not a folder" if value.exists() else "does not exist"
            raise InputError(f"{option}={value} {what}; {option} names the folder where they are")
    dataset = entry.reader(Path(root), **values)
    if not isinstance(dataset, AUDataset):
        raise InputError(f"the reader of {entry.name} must return an AUDataset, got a {type(dataset).__name__}")
    return dataset


def _convert(option: str, value: Any, hint: Any) -> Any:
    """A value as the reader wants it; texts become numbers, truth values and paths.

    Raises:
        InputError: the text is none of that.
    """
    if not isinstance(value, str):
        return Path(value) if isinstance(value, os.PathLike) else value
    kinds = set(get_args(hint) or (hint,))
    if type(None) in kinds and value.lower() in ("", "none", "auto"):
        return None
    if bool in kinds:
        if value.lower() in ("true", "yes", "1", "on"):
            return True
        if value.lower() in ("false", "no", "0", "off"):
            return False
        raise InputError(f"option {option} is true or false, got {value!r}")
    if Path in kinds:
        return Path(value).expanduser()
    for kind in (int, float):
        if kind in kinds:
            try:
                return kind(value)
            except ValueError as error:
                raise InputError(f"option {option} needs a number, got {value!r}") from error
    return value


__all__ = ["DATASETS", "DatasetEntry", "dataset_entry", "list_datasets", "open_dataset", "register_dataset"]
