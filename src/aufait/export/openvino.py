"""OpenVINO's own format: a file .xml with the graph, a file .bin with the weights. Needs the extras ``openvino`` and ``export``."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aufait.export.contract import METADATA_KEY, TOLERANCE, ExportJob, ExportReport, Network, exported_file, shapes_of, to_json
from aufait.export.onnx import write_graph
from aufait.extras import require
from aufait.files.atomic import whole_file
from aufait.layers.runtimes.openvino import EXACT, import_openvino


def export_openvino(
    model: Network,
    path: str | Path,
    *,
    inputs: Mapping[str, Tensor] | None = None,
    notes: Mapping[str, Any] | None = None,
    check: bool = True,
    tolerance: float = TOLERANCE,
) -> ExportReport:
    """Write a network in OpenVINO's format with a free batch; both files are whole, or there is no .xml.

    Inputs and outputs have the names of the ONNX file, from which it is made. The entry ``aufait`` of the graph's runtime
    information is JSON: action units in order, what the inputs must be, the configuration. Weights stay in 32 bits; in how many
    bits they are computed is for the program to say that runs the file.

    Args:
        model: a network of ``create_model`` or ``load_model``, or a ``FaceAligner``; a copy is exported, in evaluation mode.
        path: ends in .xml; the weights get the same name with .bin.
        inputs: inputs to trace and check with, a batch of 2 or more; the network's own example by default.
        notes: anything JSON can hold that goes into the file.
        check: compare the written files, run by OpenVINO in 32 bits, with the network, for two sizes of batch.
        tolerance: largest difference allowed, absolute up to 1 and relative beyond.

    Raises:
        MissingExtraError: the packages of the extras ``openvino`` and ``export`` are not installed.
        InputError: not a network of aufait, or a path with another ending.
        OutputError: a file cannot be written.
        AufaitError: the exported network does not give the original's results.
    """
    import_openvino("OpenVINO export")
    require("OpenVINO export", "export", "onnx", "onnxscript")
    path = Path(path)
    # The weights are final before the graph, without which nothing reads them.
    with exported_file(path, ".xml") as graph, whole_file(path.with_suffix(".bin")) as weights:
        job = ExportJob.prepare(model, inputs, notes)
        _write(job, graph, weights)
        difference = _compare(job, graph, tolerance) if check else None
        path.unlink(missing_ok=True)  # a graph of before has other weights
    return ExportReport(path, "openvino", shapes_of(job.inputs), job.program.names, difference, job.metadata)


def _write(job: ExportJob, graph: Path, weights: Path) -> None:
    openvino = import_openvino("OpenVINO export")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        write_graph(job, file)
        network = openvino.Core().read_model(file)
        network.set_rt_info(to_json(job.metadata), METADATA_KEY)
        made = Path(folder) / "network.xml"
        openvino.save_model(network, made, compress_to_fp16=False)
        shutil.copyfile(made, graph)  # OpenVINO itself answers a full disc with a RuntimeError like any other
        shutil.copyfile(made.with_suffix(".bin"), weights)


def _compare(job: ExportJob, path: Path, tolerance: float) -> float:
    core = import_openvino("OpenVINO export").Core()
    network = core.compile_model(core.read_model(path), "CPU", EXACT)
    assert [output.get_any_name() for output in network.outputs] == list(job.program.names), network.outputs

    def run(batch: dict[str, Tensor]) -> list[Tensor]:
        found = network({name: tensor.numpy() for name, tensor in batch.items()})
        return [torch.from_numpy(found[number]) for number in range(len(network.outputs))]

    return job.compare(run, tolerance=tolerance)
