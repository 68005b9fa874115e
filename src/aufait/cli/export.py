"""``aufait export``: a saved network as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aufait.cli.console import refuse_existing, stdout

if TYPE_CHECKING:
    from aufait.export import ExportReport
    from aufait.models.fan import FaceAligner
    from aufait.models.system import AUSystem

_ENDINGS = {"onnx": ".onnx", "onnx-int8": ".onnx", "openvino": ".xml", "torch": ".pt2"}
PIPELINE = "pipeline"
"""In place of a network: all that stands between a picture and its action units."""


def export(
    model: Annotated[
        Path,
        typer.Argument(
            help="File of a network; or default, the shipped compact model; or mesh; or pipeline, from a picture to action units.",
            show_default=False,
        ),
    ],
    format: Annotated[
        str, typer.Option(help="onnx; onnx-int8, 8 bits, of default; openvino, as .xml and .bin; or torch, a torch.export program.")
    ] = "onnx",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="File to write, of pipeline a folder; by default in the network's folder.", show_default=False
        ),
    ] = None,
    opset: Annotated[
        int | None, typer.Option(min=18, help="ONNX operator set; the exporter's current one if left out.", show_default=False)
    ] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Do not compare the written file with the network.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Write a network as ONNX, for OpenVINO or as a torch.export program; any batch size, compared with the network itself."""
    from aufait.errors import InputError

    if format not in _ENDINGS:
        raise InputError(f"--format must be one of {', '.join(_ENDINGS)}; got {format!r}")
    if opset is not None and format != "onnx":
        raise InputError("--opset goes with --format onnx")
    if str(model) == PIPELINE:
        _export_pipeline(output or Path(f"aufait_{PIPELINE}"), format, opset, no_check, overwrite, json_output)
        return
    shipped = _shipped(model)
    named = model if model.is_file() or not shipped else Path(f"aufait_{shipped}{'_int8' if format == 'onnx-int8' else ''}")
    target = output or named.with_suffix(_ENDINGS[format])
    consumer = target.with_name(f"{target.stem}_consumer.py") if shipped == "compact" and format != "torch" else None
    weights = target.with_suffix(".bin") if format == "openvino" else None
    card = target.with_name(f"{target.name}.md")
    for path in (target, weights, card, consumer):
        if path is not None:
            refuse_existing(path, overwrite)
    report = _run(model, target, format, opset, check=not no_check)
    _write_card(card, report, model)
    if consumer is not None:
        _write_consumer(consumer)
    if json_output:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps(asdict(report) | {"path": str(report.path)}, indent=2))
    else:
        _print(report)
        stdout().print(f"card     {card}", soft_wrap=True)
        if consumer is not None:
            engine = "OpenVINO" if format == "openvino" else "ONNX Runtime"
            stdout().print(f"example  {consumer}, which needs NumPy and {engine} alone", soft_wrap=True)


def _export_pipeline(folder: Path, format: str, opset: int | None, no_check: bool, overwrite: bool, json_output: bool) -> None:
    from aufait.errors import InputError
    from aufait.export.pipeline.write import FILES, export_pipeline, report_dict

    if format != "onnx" or opset is not None or no_check:
        raise InputError(
            f"aufait export {PIPELINE} writes ONNX, checked, of one operator set: leave out --format, --opset, --no-check"
        )
    for name in FILES:
        refuse_existing(folder / name, overwrite)
    report = export_pipeline(folder)
    if json_output:
        import json

        typer.echo(json.dumps(report_dict(report), indent=2))
        return
    for name, difference in report.differences.items():
        stdout().print(f"checked  {name}, pictures of two sizes, largest difference {difference:.1e}")
    for path in report.files:
        stdout().print(f"written  {path}", soft_wrap=True)


def _shipped(model: Path) -> str:
    """Kind of a shipped model, "compact" or "mesh", and of files like them; "" for other networks."""
    from aufait.models.default import mesh, predictor
    from aufait.models.default.shipped import DEFAULT, model_header

    if str(model) in (DEFAULT, *predictor.MODELS):
        return "compact" if str(model) == DEFAULT else str(model)
    if not model.is_file():
        return ""
    return {predictor.FORMAT: "compact", mesh.FORMAT: "mesh"}.get(str(model_header(model).get("format")), "")


def _write_consumer(path: Path) -> None:
    """A program that runs the exported file without aufait."""
    from importlib import resources

    from aufait.files.atomic import write_text

    text = (resources.files("aufait.export") / "consumer.py").read_text(encoding="utf-8")
    write_text(path, text, overwrite=True)


def _write_card(path: Path, report: ExportReport, model: Path) -> None:
    """The page beside the exported files."""
    from aufait.export.card import network_card
    from aufait.files.atomic import write_text
    from aufait.files.hashes import file_sha256
    from aufait.models.default.base_rates import REFERENCE_RATE
    from aufait.models.default.shipped import model_header, model_path

    shipped, notes = None, report.metadata["notes"]
    if kind := _shipped(model):
        file = model_path(str(model) if model.is_file() else kind)
        header, digest = model_header(file), file_sha256(file)
        if digest == file_sha256(model_path(kind)):
            rate = header.get("reference_rate", REFERENCE_RATE)
            shipped = {"name": header.get("name", kind), "sha256": digest, "reference_rate": rate}
        notes = header.get("training", {})  # else it was trained or calibrated by somebody
    write_text(path, network_card(report, notes, shipped), overwrite=True)


def _run(path: Path, target: Path, format: str, opset: int | None, *, check: bool) -> ExportReport:
    from aufait.errors import InputError
    from aufait.export import export_int8, export_onnx, export_openvino, export_torch
    from aufait.models.compact import Compact

    network, notes = _load(path), {} if _shipped(path) else _notes(path)
    if format == "onnx":
        return export_onnx(network, target, opset=opset, notes=notes, check=check)
    if format == "onnx-int8":
        if not isinstance(network, Compact):
            raise InputError(f"--format onnx-int8 goes with default, the shipped compact model; got {path}")
        return export_int8(network, target, notes=notes, check=check)
    if format == "openvino":
        return export_openvino(network, target, notes=notes, check=check)
    return export_torch(network, target, notes=notes, check=check)


def _load(path: Path) -> AUSystem | FaceAligner:
    """A network or a face aligner, whichever the file holds."""
    from aufait.errors import InputError, MissingModelError
    from aufait.models.checkpoint import load_model
    from aufait.models.fan import load_aligner

    if shipped := _shipped(path):
        from aufait.models.compact import shipped_compact
        from aufait.models.mesh import shipped_mesh

        name = str(path) if path.is_file() else shipped
        return shipped_mesh(name) if shipped == "mesh" else shipped_compact(name)
    if not path.is_file():
        raise MissingModelError(f"no model file at {path}; expected a .safetensors file written by aufait")
    try:
        return load_aligner(path)
    except InputError:  # not one; what else it is, or is not, the next line says
        return load_model(path)


def _notes(path: Path) -> dict[str, Any]:
    """What the file says about its origin, for the exported one."""
    import json

    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["aufait"])["notes"]


def _print(report: ExportReport) -> None:
    console = stdout()
    for name, shape in report.inputs.items():
        console.print(f"input    {name} ({', '.join(map(str, shape))})", soft_wrap=True)
    console.print(f"outputs  {', '.join(report.outputs)}", soft_wrap=True)
    if report.difference is None:
        console.print("checked  no")
    else:
        console.print(f"checked  two sizes of batch, largest difference {report.difference:.1e}")
    console.print(f"written  {report.path}", soft_wrap=True)
