"""The networks of the shipped finder and of the compact model as ONNX files for a browser, each compared with the original."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aufait.errors import AufaitError
from aufait.export.browser.eight_bits import with_eight_bits
from aufait.export.browser.graphs import ActionUnitGraph, DetectorGraph, FaceCheckGraph, LandmarkGraph
from aufait.extras import require
from aufait.faces.builtin import BuiltinConfig, detector_network, landmark_network
from aufait.faces.face_check import CHECK_SIZE, load_face_check
from aufait.files.atomic import whole_file
from aufait.files.hashes import file_sha256
from aufait.layers.runtimes.exporting import OPSET, quiet_exporter
from aufait.models.default.crop import CROP_SIZE
from aufait.models.default.predictor import AUPredictor

TOLERANCE = 1e-3
"""How far a graph's outputs may be from the network's, in their own units: pixels, probabilities, levels."""
_MOST = 4096
"""Largest side of a picture, and largest batch, that a graph is made for."""


@dataclass(frozen=True)
class BrowserGraph:
    """One graph to write.

    Attributes:
        name: of the file, without ending.
        module: takes ``pixels`` (B, H, W, 3) uint8, returns a tuple of tensors.
        example: pixels to trace with.
        free: which axes may have other lengths -> what their length is a multiple of.
    """

    name: str
    module: nn.Module
    example: Tensor
    free: Mapping[int, int]

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return tuple(self.module.outputs)  # type: ignore[arg-type]


@dataclass(frozen=True)
class WrittenGraph:
    """A file that was written.

    Attributes:
        path: the file.
        sha256, bytes: of the file.
        difference: largest difference from the network.
    """

    path: Path
    sha256: str
    bytes: int
    difference: float


def shipped_graphs(predictor: AUPredictor, config: BuiltinConfig) -> list[BrowserGraph]:
    """Detector, landmarks, action units and face check, with the weights that ship.

    Args:
        predictor: the compact model.
        config: the finder's settings.
    """
    landmarks = landmark_network()
    size = landmarks.config.crop_size
    units = ActionUnitGraph(predictor.network, torch.from_numpy(predictor.calibration.table), mirror=predictor.mirror)
    check = FaceCheckGraph(load_face_check(fused=False))
    return [
        BrowserGraph("detector", DetectorGraph(detector_network()), _bytes(1, 192, 320), {1: 32, 2: 32}),
        BrowserGraph("landmarks", LandmarkGraph(landmarks, config), _bytes(2, size, size), {0: 1}),
        BrowserGraph("action_units", units, _bytes(2, CROP_SIZE, CROP_SIZE), {0: 1}),
        BrowserGraph("face_check", check, _bytes(2, CHECK_SIZE, CHECK_SIZE), {0: 1}),
    ]


def write_graph(graph: BrowserGraph, folder: Path) -> WrittenGraph:
    """One ONNX file with weights of 8 bits; whole or absent, and compared with the network.

    Raises:
        MissingExtraError: the packages of the extra ``export`` are not installed.
        OutputError: the file cannot be written.
        AufaitError: the file does not give the network's results.
    """
    require("the page without a server", "export", "onnx", "onnxscript", "onnxruntime")
    graph.module.eval().requires_grad_(False)
    path = folder / f"{graph.name}.onnx"
    with whole_file(path) as partial:
        model, _ = with_eight_bits(_exported(graph))
        partial.write_bytes(model.SerializeToString())
        difference = _largest_difference(graph, partial)
        if not difference <= TOLERANCE:
            raise AufaitError(
                f"the exported network {graph.name} differs by {difference:.2g} from the original, at most {TOLERANCE:g} is "
                "allowed; please report it, with the versions of torch and onnxruntime"
            )
    return WrittenGraph(path, file_sha256(path), path.stat().st_size, difference)


def _exported(graph: BrowserGraph) -> Any:
    free = {axis: _free(axis, multiple) for axis, multiple in graph.free.items()}
    with quiet_exporter():
        program = torch.onnx.export(
            graph.module,
            (),
            kwargs={"pixels": graph.example},
            dynamo=True,
            dynamic_shapes={"pixels": free},
            input_names=["pixels"],
            output_names=list(graph.outputs),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None  # the exporter returns None only for the other one, which is off
    return program.model_proto


def _free(axis: int, multiple: int) -> Any:
    """A length that may be any multiple of ``multiple``."""
    length = torch.export.Dim(f"axis{axis}", min=1, max=_MOST // multiple)
    return length if multiple == 1 else multiple * length


def _largest_difference(graph: BrowserGraph, path: Path) -> float:
    """On the example and on one of other lengths along the free axes."""
    run = _runner(path, graph.outputs)
    other = graph.example
    for axis in graph.free:
        other = torch.cat([other, other], dim=axis)
    return max(_difference(graph.module, run, pixels) for pixels in (graph.example, other))


def _difference(module: nn.Module, run: Callable[[Tensor], list[Tensor]], pixels: Tensor) -> float:
    with torch.inference_mode():
        expected = module(pixels)
    pairs = zip(expected, run(pixels), strict=True)
    return max(float((a - b).abs().max()) if a.shape == b.shape else float("inf") for a, b in pairs)


def _runner(path: Path, outputs: tuple[str, ...]) -> Callable[[Tensor], list[Tensor]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    assert tuple(output.name for output in session.get_outputs()) == outputs
    return lambda pixels: [torch.from_numpy(array) for array in session.run(None, {"pixels": pixels.numpy()})]


def _bytes(batch: int, height: int, width: int) -> Tensor:
    return torch.randint(0, 256, (batch, height, width, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
