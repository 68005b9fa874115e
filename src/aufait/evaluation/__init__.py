"""Evaluation: predictions of a network on prepared faces, their scores with intervals, and reports beside published numbers.

- ``predict(model, cache, dataset) -> Predictions`` looks at every frame once; ``Predictions.save`` and ``load`` keep them.
- ``evaluate(predictions, protocol) -> Evaluation`` scores them: per action unit, by fold, by group, with intervals by subject.
- ``write_report(evaluation, folder)`` writes Markdown, CSV, LaTeX and HTML with the published numbers beside.
- ``cross_validate(recipe, caches, folder)`` trains and tests every fold and pools the predictions.
- ``compare(first, second)`` tests whether two systems differ.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# At once, not on first use: these modules bear the names of their functions, which must win.
from aufait.evaluation.evaluate import Evaluation, evaluate
from aufait.evaluation.predict import predict
from aufait.evaluation.predictions import Predictions, concatenate

if TYPE_CHECKING:
    pass

_MODULE_OF: dict[str, str] = {}

__all__ = ["Evaluation", "Predictions", "concatenate", "evaluate", "predict"]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
