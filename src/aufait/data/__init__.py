"""Data sets and protocols: licensed downloads and users' own tables in, neutral samples and honest splits out.

- ``open_dataset(name, root, **options) -> AUDataset`` reads a data set as distributed; ``list_datasets()`` names them.
- ``AUDataset`` holds ``Recording`` objects (one subject, task and view): label columns (F frames, A action units) with a
  known mask for every cell, pictures by frame number, landmarks and pose where distributed. Iterating either gives
  ``FaceSample`` objects; ``label_table()`` gives all labels as arrays.
- ``Recording.images(rows)`` yields (row, time, RGB picture), decoding each video once.
- ``get_protocol(name).split(dataset, fold) -> Split``: ``train`` and ``test`` with the protocol's action units and
  threshold; a ``Split`` with a person on both sides cannot be made. ``Split.hold_out`` sets training persons aside for
  selection.
- ``check_dataset(dataset)`` reports counts, rates next to the published ones, and every anomaly.

Two numbers name a frame: ``frame`` as the label files count it, and its row in the recording. Codes for "not labelled" end
at the readers: from here on a label is known or it is not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aufait.data.anomalies import Anomaly, AnomalyLog
    from aufait.data.check import CheckReport, check_dataset
    from aufait.data.dataset import AUDataset, LabelTable, union
    from aufait.data.datasets import list_datasets, open_dataset
    from aufait.data.protocols import (
        Protocol,
        Split,
        get_protocol,
        hold_out,
        k_fold,
        leave_one_subject_out,
        list_protocols,
    )
    from aufait.data.recording import Recording
    from aufait.data.sample import FaceSample

_HOMES = {
    "anomalies": ("Anomaly", "AnomalyLog"),
    "check": ("CheckReport", "check_dataset"),
    "dataset": ("AUDataset", "LabelTable", "union"),
    "datasets": ("list_datasets", "open_dataset"),
    "protocols": ("Protocol", "Split", "get_protocol", "hold_out", "k_fold", "leave_one_subject_out", "list_protocols"),
    "recording": ("Recording",),
    "sample": ("FaceSample",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Anomaly", "AnomalyLog", "AUDataset", "CheckReport", "FaceSample", "LabelTable", "Protocol", "Recording", "Split",
    "check_dataset", "get_protocol", "hold_out", "k_fold", "leave_one_subject_out", "list_datasets", "list_protocols",
    "open_dataset", "union",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
