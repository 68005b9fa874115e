"""Networks made ready for inference say what they said before, with and without oneDNN."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from aufait.layers import fused
from aufait.layers.fused import FusedConvolution, convolve_and_add, prepare


def network() -> nn.Module:
    """Each sequence that is joined, strides that pad unevenly, and layers that stay as they are."""
    torch.manual_seed(0)
    result = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)),
        nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(8, 8, 3, 2, groups=8), nn.ReLU6()),
        nn.ZeroPad2d((1, 2, 1, 2)),
        nn.Conv2d(8, 16, 5, 2),
        nn.Dropout(0.5),
        nn.Sequential(nn.Conv2d(16, 24, 1), nn.BatchNorm2d(24)),
        nn.ELU(),
        nn.Flatten(),
        nn.Linear(24 * 16, 7),
    )
    for module in result.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features)
            module.running_var = torch.rand(module.num_features) + 0.5
    return result.eval()


@pytest.fixture
def pictures() -> Tensor:
    return (5 * torch.randn(2, 3, 32, 32)).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("one_dnn", [True, False])
def test_prepared_network_gives_the_same_outputs(one_dnn: bool, pictures: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    if one_dnn and not fused.has_one_dnn():
        pytest.skip("this torch cannot join layers through oneDNN")
    monkeypatch.setattr(fused, "has_one_dnn", lambda: one_dnn)
    with torch.inference_mode():
        plain, joined = network(), prepare(network(), "cpu")
        for batch in (1, 2):
            torch.testing.assert_close(joined(pictures[:batch]), plain(pictures[:batch]), atol=1e-5, rtol=1e-5)


def test_layers_are_joined_and_the_original_keeps_its_own() -> None:
    plain = network().train()
    names = set(plain.state_dict())
    joined = prepare(plain, "cpu")
    kinds = [type(layer) for layer in joined.children()]
    assert kinds == [*[FusedConvolution] * 4, nn.ELU, nn.Flatten, nn.Linear]
    assert set(plain.state_dict()) == names
    assert plain.training
    assert not joined.training
    assert not any(parameter.requires_grad for parameter in joined.parameters())


@pytest.mark.parametrize("one_dnn", [True, False])
@pytest.mark.parametrize("size", [8, 96])  # a matrix product, and a convolution
def test_sum_with_another_map_is_that_of_the_plain_layer(size: int, one_dnn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if one_dnn and not fused.has_one_dnn():
        pytest.skip("this torch cannot join layers through oneDNN")
    monkeypatch.setattr(fused, "has_one_dnn", lambda: one_dnn)
    torch.manual_seed(0)
    layer = nn.Conv2d(8, 16, 1)
    x, added = (torch.randn(1, c, size, size).contiguous(memory_format=torch.channels_last) for c in (8, 16))
    with torch.inference_mode():
        expected = layer(x) + added
        torch.testing.assert_close(convolve_and_add(layer, x, added), expected)
        torch.testing.assert_close(convolve_and_add(prepare(layer, "cpu"), x, added), expected, atol=1e-5, rtol=1e-5)


def test_padding_at_the_start_only_is_refused() -> None:
    with pytest.raises(AssertionError):
        FusedConvolution(nn.Conv2d(3, 4, 3, 2), pad=nn.ZeroPad2d((1, 0, 1, 0)))
