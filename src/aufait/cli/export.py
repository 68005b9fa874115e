"""``aufait export``: a saved network as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import refuse_existing, stdout

if TYPE_CHECKING:
    from aufait.export import ExportReport

_ENDINGS = {"onnx": ".onnx", "torch": ".pt2"}


def export(
    model: Annotated[Path, typer.Argument(help="File of a network, .safetensors.", show_default=False)],
    format: Annotated[str, typer.Option(help="onnx, or torch for a torch.export program.")] = "onnx",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; beside the network if left out.", show_default=False)
    ] = None,
    opset: Annotated[
        int | None, typer.Option(min=18, help="ONNX operator set; the exporter's current one if left out.", show_default=False)
    ] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Do not compare the written file with the network.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Write a network as ONNX or as a torch.export program; any batch size, results compared with the network's own."""
    from aufait.errors import InputError

    if format not in _ENDINGS:
        raise InputError(f"--format must be one of {', '.join(_ENDINGS)}; got {format!r}")
    if opset is not None and format != "onnx":
        raise InputError("--opset goes with --format onnx")
    target = output or model.with_suffix(_ENDINGS[format])
    refuse_existing(target, overwrite)
    report = _run(model, target, format, opset, check=not no_check)
    if json_output:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps(asdict(report) | {"path": str(report.path)}, indent=2))
    else:
        _print(report)


def _run(path: Path, target: Path, format: str, opset: int | None, *, check: bool) -> ExportReport:
    from aufait.export import export_onnx, export_torch
    from aufait.models.checkpoint import load_model, read_header

    network = load_model(path)
    notes = read_header(path)["notes"]
    if format == "onnx":
        return export_onnx(network, target, opset=opset, notes=notes, check=check)
    return export_torch(network, target, notes=notes, check=check)


def _print(report: ExportReport) -> None:
    from rich.markup import escape

    console = stdout()
    for name, shape in report.inputs.items():
        console.print(f"input    {name} ({', '.join(map(str, shape))})", soft_wrap=True)
    console.print(f"outputs  {', '.join(report.outputs)}", soft_wrap=True)
    if report.difference is None:
        console.print("checked  no")
    else:
        console.print(f"checked  two sizes of batch, largest difference {report.difference:.1e}")
    console.print(f"written  {escape(str(report.path))}", soft_wrap=True)
