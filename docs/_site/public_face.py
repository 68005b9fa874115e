"""What the API reference documents: pages of modules and their public names. A test asks that all of it has docstrings."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Page:
    """One page of the reference.

    Attributes:
        name: of its file.
        title: its heading.
        modules: their public names in this order: those of ``__all__``, or without one what the module itself defines.
    """

    name: str
    title: str
    modules: tuple[str, ...]


PAGES = (
    Page("root", "aufait", ("aufait",)),
    Page(
        "detection",
        "Detection and results",
        ("aufait.detection", "aufait.detection.plan", "aufait.detection.jobs", "aufait.detection.many"),
    ),
    Page("media", "Pictures, videos and cameras", ("aufait.media", "aufait.media.sources")),
    Page("faces", "Faces", ("aufait.faces", "aufait.faces.mesh_networks", "aufait.faces.mesh_window")),
    Page(
        "events",
        "Tables, events, blinks, baselines",
        (
            "aufait.analysis", "aufait.analysis.frames", "aufait.analysis.events", "aufait.analysis.event_file",
            "aufait.analysis.combinations", "aufait.analysis.blinks", "aufait.analysis.baseline", "aufait.analysis.pain",
        ),
    ),
    Page(
        "findings",
        "Summaries, agreement, synchrony, other formats",
        (
            "aufait.analysis.summary", "aufait.analysis.summary.files", "aufait.analysis.agreement.opening",
            "aufait.analysis.agreement.compare", "aufait.analysis.synchrony", "aufait.analysis.annotations",
            "aufait.analysis.writers",
        ),
    ),
    Page("plots", "Plots, annotated frames, pages", ("aufait.analysis.plots", "aufait.visualization")),
    Page("data", "Data sets, protocols, caches", ("aufait.data", "aufait.data.preparation")),
    Page(
        "models",
        "Networks",
        (
            "aufait.models.aunet", "aufait.models.deep_regions", "aufait.models.fan", "aufait.models.hub",
            "aufait.models.import_checkpoint",
        ),
    ),
    Page("training", "Training", ("aufait.training.recipe", "aufait.training.run")),
    Page(
        "evaluation",
        "Evaluation and reproduction",
        ("aufait.evaluation", "aufait.evaluation.reports.writers", "aufait.reproduction"),
    ),
    Page("metrics", "Metrics", ("aufait.metrics",)),
    Page("export", "Export", ("aufait.export",)),
    Page(
        "synthetic",
        "Rendered faces and twins",
        (
            "aufait.twins", "aufait.synthetic.renderer", "aufait.synthetic.head.expression", "aufait.synthetic.head.assets",
            "aufait.synthetic.drawing.scene", "aufait.synthetic.streaming",
        ),
    ),
    Page("vocabulary", "Action units, landmarks, alignment", ("aufait.action_units", "aufait.landmarks", "aufait.alignment")),
)  # fmt: skip


def public_names(module: ModuleType) -> list[str]:
    """Classes and functions of a module in the order in which it lists or defines them; facts have no docstring of their own."""
    listed = getattr(module, "__all__", None)
    if listed is None:
        listed = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    explained = [name for name in listed if inspect.isclass(value := getattr(module, name)) or inspect.isroutine(value)]
    return [name for name in explained if not name.startswith("_")]


def documented() -> Iterator[tuple[Page, ModuleType, list[str]]]:
    """Every page with its modules and their names; an object that several modules show is given where it comes first."""
    seen: set[int] = set()
    for page in PAGES:
        for path in page.modules:
            module = importlib.import_module(path)
            names = [name for name in public_names(module) if id(getattr(module, name)) not in seen]
            seen |= {id(getattr(module, name)) for name in names}
            yield page, module, names


def own_members(owner: type) -> dict[str, Any]:
    """Public methods and properties that a class itself defines, those of generated code left out."""
    return {
        name: value
        for name, value in vars(owner).items()
        if not name.startswith("_") and (inspect.isroutine(value) or isinstance(value, property | classmethod | staticmethod))
    }
