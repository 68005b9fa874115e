"""A folder with the whole shipped pipeline for other programs: two graphs, what they take and give, a card, a program."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aufait.action_units import ACTION_UNITS
from aufait.errors import AufaitError
from aufait.export.browser.eight_bits import with_eight_bits
from aufait.export.card import NOTE, pipeline_card
from aufait.export.pipeline.graphs import FindGraph, ReadGraph
from aufait.extras import require
from aufait.faces.builtin import BuiltinConfig, detector_network, landmark_network
from aufait.files.atomic import whole_file, write_text
from aufait.files.hashes import file_sha256
from aufait.layers.runtimes.exporting import OPSET, quiet_exporter
from aufait.models.default.predictor import AUPredictor

TOLERANCE = 0.01
"""How far probabilities, scores and levels may be from those of torch. Sums in another order can move a crop's pixel from one whole
number to the next."""
PIXELS = 0.25
"""How far boxes and landmarks may be, in pixels of the picture."""
FILES = ("find.onnx", "read.onnx", "pipeline.json", "MODEL_CARD.md", "consumer.py")
"""What ``export_pipeline`` writes."""


@dataclass(frozen=True)
class PipelineReport:
    """What was written: the files in their order, and the largest difference from torch of each graph."""

    files: tuple[Path, ...]
    differences: dict[str, float]


def export_pipeline(folder: Path) -> PipelineReport:
    """Write both graphs, what they take and give as JSON, a model card, and a program that uses them.

    Each is whole or absent; files that are there are replaced.

    Args:
        folder: made where it is not there.

    Raises:
        MissingExtraError: the packages of the extra ``export`` are not installed.
        OutputError: a file cannot be written.
        AufaitError: a graph does not give torch's results.
    """
    units = AUPredictor.load()
    config = BuiltinConfig()
    graphs = {"find": FindGraph(detector_network()), "read": ReadGraph(landmark_network(), config, units)}
    differences, files = {}, []
    for name, graph in graphs.items():
        path = folder / f"{name}.onnx"
        differences[name] = _write(graph.eval().requires_grad_(False), path)
        files.append(path)
    facts = _facts(units, config, files)
    program = (resources.files("aufait.export.pipeline") / "consumer.py").read_text("utf-8")
    texts = {"pipeline.json": json.dumps(facts, indent=2) + "\n", "MODEL_CARD.md": pipeline_card(facts), "consumer.py": program}
    files += [write_text(folder / name, text, overwrite=True) for name, text in texts.items()]
    return PipelineReport(tuple(files), differences)


def _facts(units: AUPredictor, config: BuiltinConfig, files: Sequence[Path]) -> dict[str, Any]:
    """What the graphs take and give, for programs."""
    from aufait.files.versions import software_versions

    picture = {"shape": ["H", "W", 3], "type": "uint8", "content": "RGB, 0 to 255, upright"}
    boxes = {"shape": ["F", 4], "type": "float32", "content": "x0, y0, x1, y1 in pixels; the middle of the first pixel is 0, 0"}
    sides = {"shape": ["F", "A", 2], "type": "float32"}
    per_unit = {"shape": ["F", "A"], "type": "float32"}
    find = {
        "boxes": {**boxes, "shape": ["N", 4]},
        "scores": {"shape": ["N"], "type": "float32", "content": "0 to 1, how much a box is a face"},
    }
    read = {
        "landmarks": {"shape": ["F", 68, 2], "type": "float32", "content": "x, y in pixels of the picture, 68-point scheme"},
        "face": {"shape": ["F"], "type": "float32", "content": "0 to 1, how much it is a face"},
        "probability": {**per_unit, "content": "0 to 1, the unit is present, FACS intensity B or stronger"},
        "intensity": {**per_unit, "content": "0 to 5, FACS levels"},
        "side_probability": {**sides, "content": "as probability, of the subject's left and right"},
        "side_intensity": {**sides, "content": "as intensity, of the subject's left and right"},
    }
    return {
        "graphs": {
            "find": {"inputs": {"picture": picture}, "outputs": find},
            "read": {"inputs": {"picture": picture, "boxes": boxes}, "outputs": read},
        },
        "action_units": [{"number": unit, "name": ACTION_UNITS[unit].name} for unit in units.action_units],
        "reference_rate": units.calibration.reference_rate,
        "thresholds": {"box_score": config.box_score, "same_box": config.same_box, "face": 0.5},
        "files": {path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in files},
        "model": {"name": units.name, "sha256": units.sha256},
        "software": software_versions(),
        "note": NOTE,
    }


def _write(graph: Any, path: Path) -> float:
    require("ONNX export", "export", "onnx", "onnxruntime")
    import onnx
    import onnxruntime

    free = {"picture": {0: "height", 1: "width"}, "boxes": {0: "faces"}}
    with quiet_exporter(), torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "graph.onnx"
        torch.onnx.export(
            graph, _examples(graph.inputs)[0], file, dynamo=False, input_names=list(graph.inputs), opset_version=OPSET,
            output_names=list(graph.outputs), dynamic_axes={name: free[name] for name in graph.inputs},
        )  # fmt: skip
        model, _ = with_eight_bits(onnx.load(str(file)))
    with whole_file(path) as partial:
        partial.write_bytes(model.SerializeToString())
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        session = onnxruntime.InferenceSession(str(partial), options, providers=["CPUExecutionProvider"])
        return _checked(graph, lambda inputs: session.run(None, dict(zip(graph.inputs, inputs, strict=True))))


def _examples(names: Sequence[str]) -> list[tuple[Tensor, ...]]:
    """Pictures of two sizes, with two boxes and with three."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for height, width, faces in ((240, 320, 2), (330, 210, 3)):
        small = torch.rand((1, 3, height // 20, width // 20), generator=generator)
        picture = (
            nn.functional.interpolate(small, (height, width), mode="bilinear")[0].permute(1, 2, 0).mul(255).byte().contiguous()
        )
        corner = torch.rand((faces, 2), generator=generator) * 60
        given = {
            "picture": picture,
            "boxes": torch.cat([corner, corner + 90 + 20 * torch.rand((faces, 2), generator=generator)], 1),
        }
        found.append(tuple(given[name] for name in names))
    return found


def _checked(graph: Any, run: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]) -> float:
    """The largest difference of a written graph from torch, over pictures of other sizes.

    Raises:
        AufaitError: it is above ``TOLERANCE`` or ``PIXELS``.
    """
    largest = 0.0
    for inputs in _examples(graph.inputs):
        with torch.no_grad():
            wanted = graph(*inputs)
        for name, one, got in zip(graph.outputs, wanted, run([each.numpy() for each in inputs]), strict=True):
            apart = float((one - torch.as_tensor(got)).abs().max()) if tuple(one.shape) == got.shape else float("inf")
            allowed = PIXELS if name in ("boxes", "landmarks") else TOLERANCE
            if not apart <= allowed:
                raise AufaitError(
                    f"the written graph's {name} differs by {apart:.2g} from torch's, at most {allowed:g} is allowed; please "
                    "report it, with the versions of torch and onnxruntime"
                )
            largest = max(largest, apart)
    return largest


def report_dict(report: PipelineReport) -> dict[str, Any]:
    """A report as plain values, for JSON."""
    return asdict(report) | {"files": [str(path) for path in report.files]}
