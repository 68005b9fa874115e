"""The shipped networks in the form that GPUs run, tried without one: the same numbers, and nothing left on the processor.

Torch's ``meta`` device stands for a GPU: it has shapes and no contents. ``OneDevice`` refuses what a GPU would.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from aufait.bench.gpu import _Noted
from aufait.faces import create_finder
from aufait.faces.builtin import LandmarkReader
from aufait.layers.fused import FusedConvolution, prepare
from aufait.layers.runtimes import TORCH, Call
from aufait.models.default.predictor import AUPredictor
from aufait.models.default.shipped import open_model

BUILTIN = ("face-boxes", "landmarks", "action-units")
MESH = ("mesh-boxes", "mesh-landmarks", "mesh-blendshapes", "mesh-action-units")


@pytest.fixture(scope="module")
def networks(task_file: Path) -> dict[str, tuple[nn.Module, Call]]:
    noted = _Noted()
    create_finder("mesh", model_path=task_file, runtime=noted).close()
    create_finder("builtin", runtime=noted).close()
    open_model("mesh", finder="mesh", runtime=noted)
    assert set(noted.networks) == {*BUILTIN, *MESH}
    return noted.networks


class OneDevice(TorchDispatchMode):
    """Operations take tensors of one device, single numbers apart, unless they copy from one to another."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        devices = {one.device.type for one in tensors([args, kwargs]) if one.ndim}
        if len(devices) > 1 and "copy" not in str(func):
            raise RuntimeError(f"{func} was given tensors on {devices}")
        return func(*args, **(kwargs or {}))


def tensors(output: Any) -> list[Tensor]:
    return [one for one in tree_leaves(output) if isinstance(one, Tensor)]


@pytest.mark.parametrize("name", [*BUILTIN, *MESH])
@torch.inference_mode()
def test_the_form_for_gpus_gives_the_same_numbers(networks: dict[str, tuple[nn.Module, Call]], name: str) -> None:
    network, call = networks[name]
    form = prepare(network, "cpu", one_dnn=False)
    assert not any(isinstance(module, FusedConvolution) for module in form.modules())
    found, expected = tensors(form(*call.examples())), tensors(TORCH.ready(network, "cpu", call)(*call.examples()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4 * float(other.abs().max()), rtol=0)


@pytest.mark.parametrize("name", [*BUILTIN, *MESH])
@torch.inference_mode()
def test_nothing_of_a_network_stays_on_the_processor(networks: dict[str, tuple[nn.Module, Call]], name: str) -> None:
    network, call = networks[name]
    ready = TORCH.ready(network, "meta", call)
    with OneDevice():
        found = tensors(ready(*(one.to("meta") for one in call.examples())))
        with pytest.raises(RuntimeError, match="was given tensors on"):  # or this test could not fail
            ready(*call.examples())
    assert found and {one.device.type for one in found} == {"meta"}


@torch.inference_mode()
def test_faces_go_to_the_device_as_they_are_cut_and_all_that_follows_happens_there() -> None:
    model, reader = AUPredictor.load(device="meta"), LandmarkReader.load(device="meta")
    with OneDevice():
        logits = model.calibration(model.crop_logits(torch.zeros(3, 3, 112, 112, dtype=torch.uint8)))
        points, scores = reader._run(torch.zeros(2, 3, 128, 128, device="meta"))
    assert logits.device.type == "meta" and logits.shape == (3, 19, 2, 5)
    assert points.device.type == scores.device.type == "meta" and points.shape == (2, 68, 2)
