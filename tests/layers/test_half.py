"""Action unit models in half precision: near the same scores, finders untouched, the networks themselves as they were."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from aufait.detection.detector import Detector
from aufait.layers.fused import prepare
from aufait.layers.runtimes import TORCH, Call, open_runtime
from aufait.layers.runtimes.half import HALVED
from aufait.models.default.branches import MeshModel
from aufait.models.default.mesh import _call
from aufait.models.default.predictor import AUPredictor

HALF = open_runtime("torch-bf16")
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")


def crops(count: int = 4) -> Tensor:
    return torch.randint(0, 256, (count, 3, 112, 112), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def check_near(device: str) -> None:
    single, half = (AUPredictor.load(device=device, runtime=runtime).predict_crops(crops()) for runtime in (TORCH, HALF))
    apart = abs(single.probability - half.probability)
    assert half.exceedance.dtype == "float32"
    assert 0 < apart.max() < 0.05, "half precision, and no more than that"


def test_scores_are_near_those_in_single_precision() -> None:
    check_near("cpu")


@on_gpu
def test_scores_are_near_those_in_single_precision_on_a_gpu() -> None:
    check_near("cuda")


def test_blend_shapes_at_their_ends_give_scores() -> None:
    """Their log-odds stay in single precision: in half, 1 - 0.0001 is 1, and its log-odds are infinite."""
    torch.manual_seed(0)
    model, call = MeshModel().eval(), _call(19)
    fine, coarse, shapes, photo, pixels = call.examples()
    shapes = torch.stack([torch.zeros_like(shapes[0]), torch.ones_like(shapes[0])])
    with torch.inference_mode():
        single = TORCH.ready(model, "cpu", call)(fine, coarse, shapes, photo, pixels)
        half = HALF.ready(model, "cpu", call)(fine, coarse, shapes, photo, pixels)
    assert half.dtype == torch.float32 and not torch.equal(half, single)
    torch.testing.assert_close(half.sigmoid(), single.sigmoid(), atol=0.02, rtol=0)


def small() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 2)).eval()


@pytest.mark.parametrize("name", ["landmarks", *HALVED])
def test_only_action_unit_models_are_halved_and_the_network_stays_as_it_is(name: str) -> None:
    network, x = small(), torch.rand(2, 3, 8, 8)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    call = Call(name, ((2, 3, 8, 8),))
    with torch.inference_mode():
        same = torch.equal(HALF.ready(network, "cpu", call)(x), TORCH.ready(network, "cpu", call)(x))
    assert same == (name not in HALVED)
    assert all(torch.equal(value, before[key]) and value.dtype == before[key].dtype for key, value in network.state_dict().items())


def test_what_is_made_for_a_compiler_gives_the_same() -> None:
    network, x = small(), torch.rand(2, 3, 8, 8)
    plain = prepare(network, "cpu", one_dnn=False)
    assert [type(layer) for layer in plain] == [nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear]
    with torch.inference_mode():
        torch.testing.assert_close(plain(x), network(x), atol=1e-5, rtol=1e-5)


def test_results_name_the_runtime() -> None:
    with Detector(finder="builtin", runtime="torch-bf16", device="cpu") as detector:
        assert detector.settings["runtime"] == "torch-bf16"
