"""Training of the mesh model: going on from an earlier one. The whole run takes hours and pictures that are not here."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from aufait.errors import InputError
from aufait.models.default.branches import FeatureBranch, FeatureBranchConfig, MeshModel
from aufait.models.default.mesh import MeshPredictor
from aufait.shipped.action_units.train_mesh import _start_from


def test_training_goes_on_from_the_heads_of_an_earlier_model() -> None:
    model = MeshModel()
    heads: dict[str, nn.Module] = {"features": model.features, "photo": model.photo}
    _start_from("mesh", heads)
    shipped = MeshPredictor.load("mesh").model
    for name, head in heads.items():
        before = getattr(shipped, name).state_dict()
        assert all(torch.equal(value, before[key]) for key, value in head.state_dict().items())
        assert all(part.requires_grad for part in head.parameters()), "they are to be trained"


def test_heads_of_other_sizes_are_refused() -> None:
    units = len(MeshModel().config.action_units)
    with pytest.raises(InputError, match="other sizes than the recipe's"):
        _start_from("mesh", {"features": FeatureBranch(units, FeatureBranchConfig(hidden=8))})
