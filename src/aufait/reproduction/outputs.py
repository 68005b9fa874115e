"""What is written for an item: a table in four formats or a figure with its data, and a page that says how they were made."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait import __version__
from aufait.files.atomic import write_bytes, write_text
from aufait.reproduction.registry import PAPERS, PUBLISHED_NAMES, Item
from aufait.reproduction.runs import get_run

if TYPE_CHECKING:
    from aufait.evaluation.reports.tables import Table
    from aufait.reproduction.laboratory import Laboratory

QUICK_NOTE = (
    "Made with --quick: few faces, smaller networks, a handful of training steps, the first fold only. It shows that every step "
    "runs; its numbers and pictures mean nothing."
)
QUICK_BADGE = "QUICK: shows that it runs"
"""On every picture of a quick run."""

QUICK_TWIN_NOTE = "Made with --quick: the twin has a few people and frames only. It shows that every step runs."


FRESH_BACKBONE_NOTE = (
    "The ResNet18 that should start from ImageNet starts untrained here, as with --quick; give its weights by --imagenet FILE."
)

RANDOM_ALIGNER_NOTE = (
    "The face alignment network inside AU-FAN, AU-VAE, AU-TDN and AUNet has random weights here: give trained ones by --aligner "
    "FILE, or train them by --aligner fit. Until then these rows and pictures are not the paper's method."
)


@dataclass(frozen=True, kw_only=True)
class Made:
    """Result of a maker.

    Attributes:
        tables: of a table item, or with a figure's numbers.
        png: of a figure item.
        arrays: what the figure was drawn from.
        facts: what was done, label -> text.
        notes: what a reader must know.
        synthetic: whether any face was rendered.
    """

    tables: tuple[Table, ...] = ()
    png: bytes | None = None
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    synthetic: bool = False


def write_item(item: Item, made: Made, laboratory: Laboratory, folder: Path) -> list[Path]:
    """Write an item's files into a separate folder; earlier ones are replaced.

    Returns:
        The files.
    """
    from aufait.evaluation.reports.report import SYNTHETIC_NOTE, Report
    from aufait.evaluation.reports.writers import write_report

    quick = (QUICK_NOTE,) if item.needed_runs else (QUICK_TWIN_NOTE,) if made.synthetic else ()
    synthetic = (SYNTHETIC_NOTE,) if made.synthetic else ()
    printed = (("Printed", item.printed),) if item.printed else ()
    report = Report(
        title=f"{PUBLISHED_NAMES[item.paper]}, {item.place}: {item.title}",
        facts=(("Paper", PAPERS[item.paper]), *printed, *made.facts.items(), *_runs(item), ("Version", f"aufait {__version__}")),
        tables=made.tables,
        notes=(*synthetic, *(quick if laboratory.quick else ()), *_missing_weights(item, laboratory), *made.notes),
        synthetic=made.synthetic,
    )
    name = item.kind
    formats = ("md", "csv", "tex", "html") if made.tables else ("md",)
    files = write_report(report, folder, name=name, formats=formats, overwrite=True)
    if made.png is not None:
        files.append(write_bytes(folder / f"{name}.png", made.png, overwrite=True))
        text = files[0].read_text(encoding="utf-8")
        heading, _, rest = text.partition("\n")
        write_text(files[0], f"{heading}\n\n![{item.title}]({name}.png)\n{rest}", overwrite=True)
    if made.arrays:
        files.append(write_bytes(folder / "data.npz", _npz(made.arrays), overwrite=True))
    return files


def _aligner(item: Item, laboratory: Laboratory) -> tuple[str, ...]:
    from aufait.models.registry import model_entry

    aunet = any(model_entry(get_run(name).model).network.has_aligner for name in item.needed_runs)
    given = laboratory.aligner or laboratory.settings.get("aligner")
    return (RANDOM_ALIGNER_NOTE,) if aunet and given in (None, "random") else ()


def _missing_weights(item: Item, laboratory: Laboratory) -> tuple[str, ...]:
    """Says which weights of others should be there and are not."""
    return (*_aligner(item, laboratory), *_pretrained(item, laboratory))


def _pretrained(item: Item, laboratory: Laboratory) -> tuple[str, ...]:
    wanted = any(get_run(name).pretrained for name in item.needed_runs)
    return (FRESH_BACKBONE_NOTE,) if wanted and laboratory.imagenet is None else ()


def _runs(item: Item) -> tuple[tuple[str, str], ...]:
    return (("Trainings", ", ".join(item.needed_runs)),) if item.needed_runs else ()


def _npz(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{name: np.asarray(values) for name, values in arrays.items()})
    return buffer.getvalue()
