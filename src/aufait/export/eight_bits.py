"""The shipped compact model as an ONNX file in whole numbers of 8 bits (INT8). Needs the extra ``export``."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aufait.errors import InputError
from aufait.export.contract import METADATA_KEY, ExportJob, ExportReport, exported_file, output_tensors, shapes_of, to_json
from aufait.extras import require
from aufait.layers.runtimes.eight_bits import COARSE, Int8Network, in_eight_bits, shipped_ranges
from aufait.layers.runtimes.exporting import OPSET, quiet_exporter
from aufait.layers.runtimes.graphs import weights_digest
from aufait.models.compact import Compact
from aufait.models.default.crop import mirror_sides, normalize
from aufait.models.default.ordinal import output_of

_NETWORK = "action-units"
"""What ``weights/ranges.json`` calls the network inside."""
_PART = "/network/"
"""How the names of its layers begin."""


def export_int8(
    model: Compact, path: str | Path, *, notes: Mapping[str, Any] | None = None, check: bool = True
) -> ExportReport:
    """Write the compact model with weights and maps in 8 bits and a free batch; the file is whole or absent.

    Inputs, outputs and metadata are those of ``export_onnx``; a face and its mirror image go through the network in one pass.
    The maps are rounded between limits that were measured on faces for the shipped weights (``weights/ranges.json``), and for
    no others. What that costs in figures is in ``docs/benchmarks.md``.

    On x86 processors without VNNI instructions, the program that runs the file must set ``session.x64quantprecision`` to 1, or sums
    are cut off.

    Args:
        model: ``shipped_compact()``.
        path: ends in .onnx.
        notes: anything JSON can hold that goes into the file.
        check: compare the written file with the network, for two sizes of batch. It tells a wrong graph, not a coarse one: 0.25 of
            a value may be lost on noise.

    Raises:
        MissingExtraError: the packages of the extra ``export`` are not installed.
        InputError: other weights than the limits were measured for, or a path with another ending.
        OutputError: the file cannot be written.
        AufaitError: the exported network gives other results.
    """
    require("ONNX export in 8 bits", "export", "onnx", "onnxruntime")
    measured, path = shipped_ranges()[_NETWORK], Path(path)
    if not isinstance(model, Compact) or weights_digest(model.network) != measured["weights"]:
        raise InputError(
            "format onnx-int8 is for the shipped compact model, for whose weights the limits of 8 bits were measured: export "
            "default, or choose --format onnx"
        )
    with exported_file(path, ".onnx") as partial:
        job = ExportJob.prepare(model, None, notes)
        graph = in_eight_bits(_traced(job), measured["ranges"], _NETWORK, part=_PART)
        metadata = job.metadata | {"bits": 8}
        partial.write_bytes(_described(graph, metadata))
        difference = _compare(job, partial) if check else None
    return ExportReport(path, "onnx-int8", shapes_of(job.inputs), job.program.names, difference, metadata)


class _OnePass(nn.Module):
    """The compact model whose network, of the name that the ranges know, sees faces and mirror images as one batch."""

    calibration: Tensor

    def __init__(self, model: Compact) -> None:
        super().__init__()
        self.network, self._mirror = model.network, model.config.mirror
        self.register_buffer("calibration", model.calibration)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        crops = normalize(images.mean(dim=1, keepdim=True))
        if self._mirror:
            plain, mirrored = self.network(torch.cat([crops, crops.flip(3)])).unflatten(0, (2, -1)).unbind(0)
            levels = (plain + mirror_sides(mirrored)) / 2
        else:
            levels = self.network(crops)
        return tuple(output_tensors(output_of(levels, self.calibration)).values())


def _traced(job: ExportJob) -> bytes:
    """By the tracing exporter, as the graphs were whose ranges were measured."""
    model = job.program.model
    assert isinstance(model, Compact), model
    with quiet_exporter(), torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "graph.onnx"
        names = ["images", *job.program.names]
        torch.onnx.export(
            _OnePass(model).eval(), (job.inputs["images"],), file, dynamo=False, opset_version=OPSET,
            input_names=["images"], output_names=list(job.program.names), dynamic_axes={name: {0: "batch"} for name in names},
        )  # fmt: skip
        return _with_input_named(file.read_bytes(), "input0")


def _with_input_named(graph: bytes, name: str) -> bytes:
    """The graph with what the network inside takes called as where it is the whole graph."""
    import onnx

    model = onnx.load_from_string(graph)
    taken = next(node for node in model.graph.node if node.name.startswith(_PART)).input[0]
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [name if one == taken else one for one in names]
    content: bytes = model.SerializeToString()
    return content


def _described(graph: bytes, metadata: Mapping[str, Any]) -> bytes:
    import onnx

    model = onnx.load_from_string(graph)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, to_json(metadata)
    content: bytes = model.SerializeToString()
    return content


def _compare(job: ExportJob, path: Path) -> float:
    session, _ = Int8Network.open(path, 1)

    def run(batch: dict[str, Tensor]) -> list[Tensor]:
        return [torch.from_numpy(array) for array in session.run(None, {name: one.numpy() for name, one in batch.items()})]

    return job.compare(run, tolerance=COARSE)
