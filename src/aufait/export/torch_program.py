"""``torch.export``: the network as one graph that PyTorch runs without aufait (``torch.export.load``)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aufait.export.contract import METADATA_KEY, TOLERANCE, ExportJob, ExportReport, Network, exported_file, shapes_of, to_json


def export_torch(
    model: Network,
    path: str | Path,
    *,
    inputs: Mapping[str, Tensor] | None = None,
    notes: Mapping[str, Any] | None = None,
    check: bool = True,
    tolerance: float = TOLERANCE,
) -> ExportReport:
    """Write a network as a ``torch.export`` program with a free batch; the file is whole or absent.

    The program takes ``images`` (and ``landmarks`` where the network reads them) as keyword arguments and returns a tuple of
    tensors; an extra file ``aufait.json`` inside the archive names them.

    Args:
        model: a network of ``create_model`` or ``load_model``, or a ``FaceAligner``; a copy is exported, in evaluation mode.
        path: ends in .pt2.
        inputs: inputs to trace and check with, a batch of 2 or more; the network's own example by default.
        notes: anything JSON can hold that goes into the file.
        check: compare the written file with the network, for two sizes of batch.
        tolerance: largest difference allowed, absolute up to 1 and relative beyond.

    Raises:
        InputError: not a network of aufait, or a path with another ending.
        OutputError: the file cannot be written.
        AufaitError: the exported network does not give the original's results.
    """
    path = Path(path)
    with exported_file(path, ".pt2") as partial:
        job = ExportJob.prepare(model, inputs, notes)
        # Not strict: the default of later versions of torch, said aloud for those in which it is not.
        program = torch.export.export(job.program, (), kwargs=job.inputs, dynamic_shapes=job.batch_axes, strict=False)
        archive = io.BytesIO()  # torch's own writer answers a full disc with a RuntimeError like any other
        torch.export.save(program, archive, extra_files={f"{METADATA_KEY}.json": to_json(job.metadata)})
        partial.write_bytes(archive.getbuffer())
        difference = _compare(job, partial, tolerance) if check else None
    return ExportReport(path, "torch", shapes_of(job.inputs), job.program.names, difference, job.metadata)


def _compare(job: ExportJob, path: Path, tolerance: float) -> float:
    network = torch.export.load(path).module()

    def run(batch: dict[str, Tensor]) -> list[Tensor]:
        with torch.no_grad():
            return list(network(**batch))

    return job.compare(run, tolerance=tolerance)
