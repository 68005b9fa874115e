"""Evaluation: predictions of a network on prepared faces, their scores with intervals, and reports with the published numbers.

- ``predict(model, cache, dataset) -> Predictions`` reads every frame once; ``Predictions.save`` and ``load`` keep them.
- ``evaluate(predictions, protocol) -> Evaluation`` scores them: per action unit, by fold, by group, with intervals by subject.
- ``write_report(evaluation, folder)`` writes Markdown, CSV, LaTeX and HTML with the published numbers.
- ``cross_validate(recipe, caches, folder)`` trains and tests every fold and pools the predictions.
- ``compare(first, second)`` tests whether two systems differ.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# At once, not on first use: these modules have the same names as their functions, which must take precedence.
from aufait.evaluation.evaluate import Evaluation, evaluate
from aufait.evaluation.predict import predict
from aufait.evaluation.predictions import Predictions, concatenate

if TYPE_CHECKING:
    from aufait.evaluation.cross_validation import CrossValidation, cross_validate
    from aufait.evaluation.reports.comparison import comparison_report
    from aufait.evaluation.reports.published import PublishedResult, published_for, published_results
    from aufait.evaluation.reports.report import Report, build_report
    from aufait.evaluation.reports.writers import write_report
    from aufait.evaluation.significance import Comparison, compare

_HOMES = {
    "cross_validation": ("CrossValidation", "cross_validate"),
    "reports.published": ("PublishedResult", "published_for", "published_results"),
    "reports.report": ("Report", "build_report"),
    "reports.comparison": ("comparison_report",),
    "significance": ("Comparison", "compare"),
    "reports.writers": ("write_report",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Comparison", "CrossValidation", "Evaluation", "Predictions", "PublishedResult", "Report", "build_report", "compare",
    "comparison_report", "concatenate", "cross_validate", "evaluate", "predict", "published_for", "published_results",
    "write_report",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
