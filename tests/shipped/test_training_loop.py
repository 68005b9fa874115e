"""The loop under the trainings of what ships: its average by hand, and a stopped run that ends as one that was not stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from aufait.errors import InputError
from aufait.shipped.loop import TrainingLoop


def loop_of(folder: Path, *, early: bool = False) -> TrainingLoop:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    optimizer = torch.optim.AdamW(network.parameters(), 0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    return TrainingLoop(network, optimizer, schedule, 0.9, folder / "run", early=early)


def train(loop: TrainingLoop, until: int) -> None:
    for number in range(loop.done, until):
        images = torch.randn(4, 3, generator=torch.Generator().manual_seed(number))
        loop.update(loop.network(images).square().sum(), f"step {number}")


@pytest.mark.parametrize("early", [False, True])
def test_the_average_is_that_of_the_weights_after_each_update(tmp_path: Path, early: bool) -> None:
    loop = loop_of(tmp_path, early=early)
    expected = loop.network[0].weight.detach().clone()  # type: ignore[index]
    for number in range(4):
        train(loop, number + 1)
        stays = (1 + number) / (10 + number) if early else 0.9 if number else 0.0
        expected = stays * expected + (1 - stays) * loop.network[0].weight.detach()  # type: ignore[index]
        torch.testing.assert_close(loop.average["0.weight"], expected)
    assert loop.average["1.num_batches_tracked"] == 4


def test_a_stopped_run_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = loop_of(tmp_path / "whole")
    train(whole, 5)
    first = loop_of(tmp_path)
    train(first, 3)
    first.save()
    second = loop_of(tmp_path)
    assert second.resume() == 3
    train(second, 5)
    for name, value in whole.average.items():
        assert torch.equal(value, second.average[name]), name
    assert loop_of(tmp_path / "nothing").resume() == 0


def test_a_damaged_checkpoint_and_a_loss_that_is_no_number_are_told(tmp_path: Path) -> None:
    loop = loop_of(tmp_path)
    train(loop, 1)
    loop.save()
    with pytest.raises(InputError, match="the loss is nan in step 7"):
        loop.update(loop.network(torch.full((4, 3), torch.nan)).sum(), "step 7")
    state = torch.load(tmp_path / "run.pt", weights_only=True)
    torch.save({**state, "done": 9}, tmp_path / "run.pt")
    with pytest.raises(InputError, match="of different steps"):
        loop_of(tmp_path).resume()
    torch.save(state, tmp_path / "run.pt")
    (tmp_path / "run.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="is damaged"):
        loop_of(tmp_path).resume()
