"""Counting parameters and multiply-accumulates: against hand-worked numbers, and without touching the network."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import aufait
from aufait.errors import InputError
from aufait.models.profile import profile_model


class Small(nn.Module):
    """A convolution, a normalisation, a frozen layer and attention: one of each kind of count."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.frozen = nn.Linear(8, 5).requires_grad_(False)
        self.register_buffer("offset", torch.ones(8))

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.norm(self.conv(images)).flatten(2).transpose(1, 2) + self.offset
        return self.frozen(F.scaled_dot_product_attention(tokens, tokens, tokens))


PIXELS = 10 * 10
# Per face: convolution, two products of attention (scores and their mean), linear layer.
MACS = PIXELS * 8 * 27 + 2 * PIXELS * PIXELS * 8 + PIXELS * 8 * 5


@pytest.mark.parametrize("batch", [1, 3])
def test_counts_equal_hand_worked_numbers(batch: int) -> None:
    profile = profile_model(Small(), inputs={"images": torch.rand(batch, 3, 10, 10)})
    assert profile.macs == batch * MACS
    assert profile.trainable == 8 * 27 + 8 + 2 * 8
    assert profile.parameters == profile.trainable + 8 * 5 + 5


def test_grouped_convolution_counts_its_groups_only() -> None:
    layer = nn.Conv2d(4 * 3, 4 * 5, 3, groups=4)
    assert profile_model(layer, inputs={"input": torch.rand(1, 12, 8, 8)}).macs == 6 * 6 * 4 * 5 * 3 * 9


def test_shared_weights_count_once() -> None:
    layer = nn.Linear(7, 7)
    assert profile_model(nn.Sequential(layer, layer), inputs={"input": torch.rand(1, 7)}).parameters == 7 * 7 + 7


def test_network_stays_as_it_was() -> None:
    model = Small().train()
    model.norm.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    profile_model(model, inputs={"images": torch.rand(1, 3, 10, 10)})
    assert model.training and model.conv.training and not model.norm.training
    for name, value in model.state_dict().items():
        assert value.device.type == "cpu"
        assert torch.equal(value, before[name])


def test_large_inputs_need_no_memory() -> None:
    """Feature maps of 4 TB would not fit anywhere."""
    with torch.device("meta"):
        images = torch.empty(1_000_000, 3, 400, 400)
    assert profile_model(nn.Conv2d(3, 8, 1), inputs={"input": images}).macs == 1_000_000 * 400 * 400 * 24


def test_network_on_the_meta_device_counts_like_any_other() -> None:
    with torch.device("meta"):
        model = aufait.create_model("convnet", fc7_width=8)
    profile = profile_model(model, batch=2)
    assert model.check_values
    assert profile.macs == 2 * profile_model(model).macs > 0


def test_autocast_inside_a_network_is_no_obstacle() -> None:
    class Island(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            with torch.autocast(input.device.type, enabled=False):
                return super().forward(input.float())

    assert profile_model(Island(6, 5), inputs={"input": torch.rand(2, 6)}).macs == 2 * 6 * 5


def test_module_without_example_inputs_is_refused() -> None:
    with pytest.raises(InputError, match="no example inputs; give inputs="):
        profile_model(nn.Linear(2, 2))


def test_empty_batch_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1, got 0"):
        profile_model(nn.Linear(2, 2), 0)
