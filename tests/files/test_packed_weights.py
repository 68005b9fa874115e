"""Weights stored in 8 bits: what comes back, what is refused, what the shipped files take."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from aufait.errors import InputError
from aufait.files.weights import make_filled, packed, read_tensors


def made_up_network() -> nn.Module:
    torch.manual_seed(3)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, groups=8), nn.Flatten(), nn.Linear(32, 5))
    with torch.no_grad():
        network[0].weight[2] *= 100.0  # one channel far stronger than the others
        network[4].weight[1] = 0.0
    return network.eval()


def test_every_channel_keeps_its_own_precision(tmp_path: Path) -> None:
    state = made_up_network().state_dict()
    save_file(packed(state), tmp_path / "w.safetensors")
    back = read_tensors(tmp_path / "w.safetensors")
    assert back.keys() == state.keys()
    for name, values in state.items():
        if values.ndim >= 2:
            step = values.flatten(1).abs().amax(dim=1) / 127
            assert ((back[name] - values).flatten(1).abs() <= 0.5001 * step[:, None]).all(), name
        elif values.is_floating_point():
            torch.testing.assert_close(back[name].float(), values, rtol=1e-3, atol=1e-6)
        else:
            assert torch.equal(back[name], values)


def test_a_network_answers_as_before_and_stored_again_the_same(tmp_path: Path) -> None:
    network, pictures = made_up_network(), torch.rand(4, 3, 6, 6)
    save_file(packed(network.state_dict()), tmp_path / "first.safetensors")
    again = make_filled(made_up_network, read_tensors(tmp_path / "first.safetensors"), "misfit").eval()
    assert (again(pictures) - network(pictures)).abs().max() < 0.01 * network(pictures).abs().max()
    twice = packed(again.state_dict())
    first = packed(network.state_dict())
    assert all(torch.equal(twice[name], values) for name, values in first.items() if values.dtype == torch.int8)


def test_a_byte_for_each_number_of_a_matrix() -> None:
    stored = packed({"weight": torch.randn(64, 100), "bias": torch.zeros(64)})
    assert {name: values.nbytes for name, values in stored.items()} == {"weight": 6400, "weight/scale": 256, "bias": 128}


@pytest.mark.parametrize(
    "tensors",
    [
        {"a/scale": torch.ones(2)},
        {"a": torch.ones(2, 3), "a/scale": torch.ones(2)},
        {"a": torch.ones(2, 3, dtype=torch.int8), "a/scale": torch.ones(3)},
        {"a": torch.ones(2, 3, dtype=torch.int8), "a/scale": torch.ones(2, dtype=torch.int64)},
    ],
)
def test_scales_of_nothing_are_refused(tensors: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="a/scale"):
        read_tensors(tmp_path / "w.safetensors")


def test_a_scale_that_is_no_number_is_refused(tmp_path: Path) -> None:
    tensors = {"a": torch.ones(2, 3, dtype=torch.int8), "a/scale": torch.tensor([1.0, float("nan")])}
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="NaN"):
        read_tensors(tmp_path / "w.safetensors")
