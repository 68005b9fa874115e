"""ONNX: the network for other runtimes, such as ONNX Runtime. Needs the extra ``export``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aufait.export.contract import METADATA_KEY, TOLERANCE, ExportJob, ExportReport, Network, exported_file, shapes_of, to_json
from aufait.extras import require
from aufait.layers.runtimes.exporting import quiet_exporter


def export_onnx(
    model: Network,
    path: str | Path,
    *,
    inputs: Mapping[str, Tensor] | None = None,
    opset: int | None = None,
    notes: Mapping[str, Any] | None = None,
    check: bool = True,
    tolerance: float = TOLERANCE,
) -> ExportReport:
    """Write a network as an ONNX file with a free batch; the file is whole or absent.

    Inputs and outputs keep their names (``images``, ``landmarks``; ``logits`` and the others that the network has). The entry
    ``aufait`` of the file's metadata is JSON: action units in order, what the inputs must be, the configuration.

    Args:
        model: a network of ``create_model`` or ``load_model``, or a ``FaceAligner``; a copy is exported, in evaluation mode.
        path: ends in .onnx. All weights go into this one file.
        inputs: inputs to trace and check with, a batch of 2 or more; the network's own example by default.
        opset: ONNX operator set; the exporter's current one by default.
        notes: anything JSON can hold that goes into the file.
        check: compare the written file, run by ONNX Runtime, with the network, for two sizes of batch.
        tolerance: largest difference allowed, absolute up to 1 and relative beyond.

    Raises:
        MissingExtraError: the packages of the extra ``export`` are not installed.
        InputError: not a network of aufait, or a path with another ending.
        OutputError: the file cannot be written.
        AufaitError: the exported network does not give the original's results.
    """
    require("ONNX export", "export", "onnx", "onnxscript", *(["onnxruntime"] if check else []))
    path = Path(path)
    with exported_file(path, ".onnx") as partial:
        job = ExportJob.prepare(model, inputs, notes)
        write_graph(job, partial, opset)
        difference = _compare(job, partial, tolerance) if check else None
    return ExportReport(path, "onnx", shapes_of(job.inputs), job.program.names, difference, job.metadata)


def write_graph(job: ExportJob, path: Path, opset: int | None = None) -> None:
    """The ONNX file of a job, as it is; not compared."""
    with quiet_exporter():
        program = torch.onnx.export(
            job.program,
            (),
            kwargs=job.inputs,
            dynamo=True,
            dynamic_shapes=job.batch_axes,
            input_names=list(job.inputs),
            output_names=list(job.program.names),
            opset_version=opset,
            verbose=False,
        )
    assert program is not None  # the exporter returns None only for the other one, which is off
    program.model.metadata_props[METADATA_KEY] = to_json(job.metadata)
    program.save(str(path), external_data=False)


def _compare(job: ExportJob, path: Path, tolerance: float) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert names == list(job.program.names), names

    def run(batch: dict[str, Tensor]) -> list[Tensor]:
        arrays = session.run(None, {name: tensor.numpy() for name, tensor in batch.items()})
        return [torch.from_numpy(array) for array in arrays]

    return job.compare(run, tolerance=tolerance)
