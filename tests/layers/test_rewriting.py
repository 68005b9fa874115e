"""Graphs without PReLU compute what they did before, to the last bit of a rectifier."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from aufait.layers.runtimes import Call
from aufait.layers.runtimes.graphs import traced
from aufait.layers.runtimes.rewriting import without_prelu

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def run(model: bytes, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: x})[0])


def kinds(model: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


def test_slopes_of_either_sign_give_the_same_numbers() -> None:
    layer = nn.PReLU(8)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([-0.5, 0.0, 0.25, 1.0, 1.5, -2.0, 0.1, 0.3]))
    before = traced(layer.eval(), Call("bent", ((2, 8, 5, 7),)))
    after = without_prelu(before)
    assert "PRelu" in kinds(before)
    assert "PRelu" not in kinds(after)
    x = torch.randn((3, 8, 5, 7), generator=torch.Generator().manual_seed(0)).numpy()
    np.testing.assert_array_equal(run(after, x), run(before, x))


def test_slopes_that_are_not_constant_stay() -> None:
    class Own(nn.Module):
        def forward(self, x: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
            return torch.prelu(x, slope)

    before = traced(Own().eval(), Call("own", ((2, 8, 5, 7), (8,)), free=()))
    assert kinds(without_prelu(before)) == kinds(before)


def test_the_mesh_networks_have_none_left_and_no_sums_by_index(task_file: object) -> None:
    from aufait.faces.mesh_networks import CROP_SIZE, DETECTOR_SIZE, MeshNetworks

    networks = MeshNetworks.load(task_file)  # type: ignore[arg-type]
    for network, side in ((networks.landmarks, CROP_SIZE), (networks.detector, DETECTOR_SIZE)):
        found = kinds(without_prelu(traced(network, Call("mesh", ((2, 3, side, side),)))))
        assert not {"PRelu", "ScatterND"} & set(found)
