"""Numbers that the papers print, for comparison with your own; each as printed, with a note where it seems misprinted.

The data file ``published_results.json`` holds facts from the tables of the five papers (and the other methods they list):
paper, table, data set, protocol, metric, method, one value per action unit and the printed average.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from aufait.data.protocols.protocol import Protocol

METRICS: Mapping[str, str] = MappingProxyType(
    {
        "F1-frame": "f1_frame", "F1": "f1_frame", "accuracy": "accuracy", "AUC": "roc_area", "AROC": "roc_area", "APR": "pr_area",
        "nF1": "nf1", "nAPR": "npr_area", "ICC(3,1)": "icc_3_1", "MAE": "mae",
        "landmark mean error (% of inter-ocular distance)": "landmark_error",
    }
)  # fmt: skip
"""Name of a metric in the papers -> ours. Metrics of other names are left as printed."""

_MIXED = {"bp4d": ("AUNet", "Table VII"), "disfa": ("AUNet", "Table VIII"), "affwild2": ("AUNet", "Table IX")}

_TABLES: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "bp4d": (("ARL", "Table 2"), ("MGRR-Net", "Table IV"), ("MGRR-Net", "Table V"), ("MGRR-Net", "Table VIII"),
                 ("AUNet", "Table III"), ("AUNet", "Table XIII")),
        "disfa": (("ARL", "Table 3"), ("MGRR-Net", "Table II"), ("MGRR-Net", "Table III"), ("MGRR-Net", "Table VIII"),
                  ("AUNet", "Table XIV"), ("ABRNet", "Table 2")),
        "disfa_plus": (("ABRNet", "Table 3"),),
        "bp4d_to_bp4d_plus": (("ARL", "Table 4"),),
        "bp4d_to_bp4d_plus_intensity": (("ARL", "Table 8"),),
        "disfa_intensity": (("ARL", "Table 7"),),
        "fera2015": (("ARL", "Table 6"),),
        "fera2015_released": (("ARL", "Table 6"),),
        "fera2017": (("ARL", "Table 13"),),
        "bp4d_31_10": (("Deep Regions", "Table 2"),),
        "fera2017_to_bp4d": (("Deep Regions", "Table 3"),),
        "fera2017_seven_poses": (("Deep Regions", "Table 4"),),
        "bp4d_to_disfa": (("AUNet", "Table IV"),),
        "bp4d_to_affwild2": (("AUNet", "Table V"),),
    }
)  # fmt: skip
"""Name of a protocol -> the tables that compare methods under it."""


@dataclass(frozen=True)
class PublishedResult:
    """One row of a published table.

    Attributes:
        paper: short name of the paper that prints it ("ARL").
        table: "Table 2".
        dataset, protocol, method: as printed.
        metric: our name of the metric where we have it ("f1_frame"), else as printed.
        per_au: AU name -> value; shares in 0 to 1 where the paper prints percent, else as printed.
        average: as printed, in the same unit; None where none is printed.
        note: apparent misprints; "" where there are none.
        extra: pose, visible part of the face, further numbers.
    """

    paper: str
    table: str
    dataset: str
    protocol: str
    metric: str
    method: str
    per_au: Mapping[str, float]
    average: float | None
    note: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """ "ARL, Table 2"."""
        return f"{self.paper}, {self.table}"


def published_results(
    paper: str | None = None, table: str | None = None, *, metric: str | None = None, method: str | None = None
) -> list[PublishedResult]:
    """Rows of the published tables, in the order printed; each condition that is given must hold.

    Args:
        paper: short name, "ARL", "Deep Regions", "MGRR-Net", "AUNet" or "ABRNet".
        table: number as printed, "Table 2".
        metric: our name of a metric ("f1_frame").
        method: name of the method as printed.
    """
    wanted = {"paper": paper, "table": table, "metric": metric, "method": method}
    return [one for one in _all() if all(value is None or getattr(one, name) == value for name, value in wanted.items())]


def published_for(protocol: Protocol | str, metric: str, dataset: str = "") -> list[PublishedResult]:
    """Published rows that a result under a protocol may be compared with.

    Args:
        protocol: protocol or its name; your own have none.
        metric: our name of a metric.
        dataset: name of the test set, for protocols that test on several.
    """
    name = protocol if isinstance(protocol, str) else protocol.name
    tables = (_MIXED[dataset],) if name == "mixed" and dataset in _MIXED else _TABLES.get(name, ())
    rows = [row for paper, table in tables for row in published_results(paper, table, metric=metric)]
    home = {"bp4d": "BP4D", "disfa": "DISFA"}.get(name)  # MGRR-Net's Table VIII has both
    return [row for row in rows if home is None or row.dataset == home]


def published_by_pose(pose: str) -> list[PublishedResult]:
    """F1-frame of one pose of FERA 2017, "1" to "9" (ARL Table 14)."""
    return [one for one in published_results("ARL", "Table 14") if str(one.extra.get("pose")) == pose]


def published_by_visible(visible: str) -> list[PublishedResult]:
    """F1-frame on partly hidden faces of BP4D, by a key of ``occlusion.CONDITIONS`` (ARL Table 12)."""
    return [one for one in published_results("ARL", "Table 12") if str(one.extra.get("visible", "")).lower() == visible]


def published_relation_matrices() -> list[dict[str, Any]]:
    """Printed matrices of correlation between action units (Deep Regions Fig. 5)."""
    found: list[dict[str, Any]] = _data()["relation_matrices"]
    return found


def published_costs() -> list[dict[str, Any]]:
    """Printed sizes and speeds of networks."""
    found: list[dict[str, Any]] = _data()["cost_claims"]
    return found


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("published_results.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


@lru_cache(maxsize=1)
def _all() -> tuple[PublishedResult, ...]:
    return tuple(_result(dict(row)) for row in _data()["results"])


def _result(row: dict[str, Any]) -> PublishedResult:
    factor = 100 if row.pop("unit") == "percent" else 1
    per_au = {name: round(value / factor, 6) for name, value in row.pop("per_au").items() if value is not None}
    average = row.pop("avg")
    row.pop("avg_recomputed", None)
    printed = row.pop("metric")
    known = {name: row.pop(name) for name in ("paper", "table", "dataset", "protocol", "method")}
    note = row.pop("note", "")
    average = None if average is None else round(average / factor, 6)
    metric = METRICS.get(printed, printed)
    return PublishedResult(**known, metric=metric, per_au=per_au, average=average, note=note, extra=row)
