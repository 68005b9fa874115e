"""Pictures of results: annotated frames, timelines and a page that shows everything.

The names below are loaded when first used, so that importing this package stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aufait.visualization.results.annotate import Annotator
    from aufait.visualization.results.report import Report
    from aufait.visualization.results.timeline import Timeline

_HOME = {"Annotator": "results.annotate", "Report": "results.report", "Timeline": "results.timeline"}

__all__ = ["Annotator", "Report", "Timeline"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
