"""The text that goes beside exported files: what they are, where from, what they must not be used for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aufait.action_units import ACTION_UNITS
from aufait.export.contract import ExportReport
from aufait.files.hashes import file_sha256
from aufait.files.versions import software_versions

NOTE = "Estimated by software; not a substitute for a certified FACS coder."
_LIMITS = f"""{NOTE}
* Not for decisions about people: not for hiring, policing, lie detection or diagnosis (`docs/responsible_use.md` of aufait).
  Emotions cannot be read off action units."""
_FIGURES = """Trained on rendered faces and on portraits without action-unit labels; figures on real faces, by unit, and
  weaknesses are in the model card of aufait (`docs/model_card.md`)."""


def pipeline_card(facts: Mapping[str, Any]) -> str:
    """The page beside an exported pipeline in Markdown, made of what ``pipeline.json`` says."""
    units = [unit["number"] for unit in facts["action_units"]]
    files = _lines((name, one["bytes"], one["sha256"]) for name, one in facts["files"].items())
    return f"""# Facial action units of aufait {facts["software"]["aufait"]}

Two graphs. `find` shows a picture to a face detector; `read` places 68 landmarks in each box and scores action units. What they
take and give, with units, is in `pipeline.json`.

{files}

Model: {facts["model"]["name"]}, SHA-256 `{facts["model"]["sha256"]}` of its weights in aufait. Weights are
stored in 8 bits and computed in 32. Action units: {_units(units)}.

* {_base_rate(facts["reference_rate"])} An **intensity** is on the FACS scale, 0 to 5; it is 1.5 or more exactly where the
  probability is one half or more.
* A single picture is read without following: results are near those of `aufait detect --finder builtin --model compact` on the
  picture, not the same to the last digit, most of all where faces are large and are shrunk by means of samples. Quality, head
  pose and tracks are not among the outputs.
* {_FIGURES}
* {_LIMITS}

Licence of graphs and weights: Apache-2.0.
"""


def network_card(report: ExportReport, notes: Mapping[str, Any], shipped: Mapping[str, Any] | None = None) -> str:
    """The page beside an exported network in Markdown.

    Args:
        report: what was written.
        notes: what the network's file says of its origin.
        shipped: ``name``, ``sha256`` and ``reference_rate`` of a model of aufait; None for a network of somebody's own.
    """
    metadata = report.metadata
    files = _lines((path.name, path.stat().st_size, file_sha256(path)) for path in _files(report))
    inputs = "\n".join(
        f"* input `{name}` ({', '.join(map(str, one['shape']))}): {one['content'] or 'see the documentation of the network'}"
        for name, one in metadata["inputs"].items()
    )
    alignment = metadata.get("alignment")
    cut = f"\n* faces are cut as `{alignment['name']}` says: {alignment['summary']}" if alignment else ""
    checked = (
        "not compared with the network"
        if report.difference is None
        else f"compared with the network on two sizes of batch, largest difference {report.difference:.1e}"
    )
    bits = " Weights and maps are whole numbers of 8 bits." if metadata.get("bits") == 8 else ""
    units = metadata.get("action_units")
    told = f"\nAction units, in the order of the outputs: {_units(units)}.\n" if units else ""
    return f"""# {metadata["system"]}, exported by aufait {software_versions()["aufait"]}

{files}

Format: {report.format}; {checked}.{bits}

{inputs}
* outputs: {", ".join(f"`{name}`" for name in report.outputs)}{cut}
{told}
{_origin(notes, shipped)}
* {_LIMITS}
"""


def _origin(notes: Mapping[str, Any], shipped: Mapping[str, Any] | None) -> str:
    if shipped is not None:
        return (
            f"* The model that aufait calls {shipped['name']}, SHA-256 `{shipped['sha256']}` of its weights. Licence: Apache-2.0.\n"
            f"* {_base_rate(shipped['reference_rate'])}\n* {_FIGURES}"
        )
    said = f" Its file says of its origin:\n\n```json\n{json.dumps(notes, indent=1)}\n```\n" if notes else ""
    return (
        "* A network that was trained by whoever exported it, who should add here: on which people and labels, what it was tested "
        f"on and how well it does for each action unit, and which licences the data have.{said}"
    )


def _base_rate(rate: float) -> str:
    return (
        f"A **probability** refers to a base rate of {rate:.0%} for every unit: 0.5 means as likely as not where it shows in so "
        "many frames."
    )


def _units(numbers: Sequence[int]) -> str:
    return ", ".join(f"{unit} ({ACTION_UNITS[unit].name.lower()})" for unit in numbers)


def _lines(files: Iterable[tuple[str, int, str]]) -> str:
    return "\n".join(f"* `{name}`: {size:,} bytes, SHA-256 `{digest}`" for name, size, digest in files)


def _files(report: ExportReport) -> list[Path]:
    return [report.path, *([report.path.with_suffix(".bin")] if report.format == "openvino" else [])]
