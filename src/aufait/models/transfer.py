"""Start from a network that was trained for other action units: shared layers are copied, branches by action unit.

Papers: ARL section 4.1.2 (DISFA's network starts from BP4D's; action units 9, 25 and 26 from the branches of 10, 23 and 24);
JAA-Net's released program (25 from 23, 26 from 17, 9 and all final classifiers fresh); AUNet section V-A (the last layer's rows
of shared action units; our reading). By our reading MGRR-Net and ABRNet, whose papers do not say, do as JAA-Net, on which they
are built, and MGRR-Net's graph keeps the edges of its own training labels. Other networks copy all but the last layer's rows of
action units that the source does not have. A network's class says its rule (``AUSystem.transfer_rule``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aufait.errors import InputError
from aufait.models.system import AUSystem
from aufait.models.transfer_rule import TransferRule


@dataclass(frozen=True)
class Transfer:
    """What was copied.

    Attributes:
        branches: action unit -> action unit of the source whose branch it took.
        fresh: action units without a branch to start from.
        copied: number of tensors that were copied, wholly or in part.
        rule: who says so.
    """

    branches: dict[int, int]
    fresh: tuple[int, ...]
    copied: int
    rule: str


@torch.no_grad()
def transfer(target: AUSystem, source: AUSystem, rule: TransferRule | None = None) -> Transfer:
    """Copy weights and running statistics from a trained network; ``target`` is changed in place.

    Args:
        target: fresh network.
        source: network of the same class and settings, except the action units.
        rule: the system's own if ``None``.

    Raises:
        InputError: the networks differ in more than their action units.
    """
    rule = rule or target.transfer_rule
    branches = {unit: origin for unit in target.action_units if (origin := _origin(unit, source.action_units, rule)) is not None}
    here = [target.action_units.index(unit) for unit in branches]
    there = [source.action_units.index(origin) for origin in branches.values()]
    axes, theirs, copied = _unit_axes(target), source.state_dict(), 0
    _require_same(target, source, axes)
    for name, value in target.state_dict().items():
        if _is_fresh(name, rule.fresh):
            continue
        if axes[name]:
            _copy_parts(value, theirs[name], axes[name], (here, there), (len(target.action_units), len(source.action_units)))
        else:
            value.copy_(theirs[name])
        copied += 1
    missing = tuple(unit for unit in target.action_units if unit not in branches)
    return Transfer(branches, missing, copied, rule.source)


def _origin(unit: int, known: Sequence[int], rule: TransferRule) -> int | None:
    if unit in known:
        return unit
    return rule.stand_ins[unit] if rule.stand_ins.get(unit) in known else None


def _is_fresh(name: str, beginnings: Sequence[str]) -> bool:
    for beginning in beginnings:
        head, star, tail = beginning.partition("*")
        if name.startswith(head) and (not star or name.partition(head)[2].partition(".")[2].startswith(tail.lstrip("."))):
            return True
    return False


def _unit_axes(model: AUSystem) -> dict[str, tuple[int, ...]]:
    """Axes of each tensor that grow with the number of action units, found by building the network with one more and one less."""
    units = model.action_units
    more = (*units, next(number for number in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26) if number not in units))
    config = dataclasses.replace(model.config, action_units=more)
    with torch.device("meta"):
        other = type(model)(config).state_dict()
    return {
        name: tuple(axis for axis, (one, two) in enumerate(zip(value.shape, other[name].shape, strict=True)) if one != two)
        for name, value in model.state_dict().items()
    }


def _require_same(target: AUSystem, source: AUSystem, axes: Mapping[str, tuple[int, ...]]) -> None:
    ours, theirs = target.state_dict(), source.state_dict()
    same = type(target) is type(source) and ours.keys() == theirs.keys()
    same = same and all(_shape(ours[name], own) == _shape(theirs[name], own) for name, own in axes.items())
    if not same:
        raise InputError(
            "a network can only start from one that has the same switches and sizes and differs in its action units alone; "
            f"got {_settings(target)} and {_settings(source)}"
        )


def _shape(value: Tensor, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for axis, size in enumerate(value.shape) if axis not in axes)


def _settings(model: AUSystem) -> str:
    values = {name: value for name, value in model.config.to_dict().items() if name != "action_units"}
    return f"{type(model).__name__}({', '.join(f'{name}={value}' for name, value in values.items())})"


def _copy_parts(
    value: Tensor, other: Tensor, axes: tuple[int, ...], places: tuple[list[int], list[int]], counts: tuple[int, int]
) -> None:
    """Copy the parts of action units along every axis that has one equal part per unit."""
    ours, theirs = value, other
    for axis in reversed(axes):
        ours, theirs = ours.unflatten(axis, (counts[0], -1)), theirs.unflatten(axis, (counts[1], -1))
    at = [axis + number for number, axis in enumerate(axes)]  # where the units are, now that each axis is two
    front = list(range(len(at)))
    ours, theirs = ours.movedim(at, front), theirs.movedim(at, front)
    ours[_mesh(places[0], len(at))] = theirs[_mesh(places[1], len(at))].to(ours)


def _mesh(rows: list[int], axes: int) -> tuple[Tensor, ...]:
    """Index of the chosen rows along the first axes."""
    return torch.meshgrid(*[torch.tensor(rows, dtype=torch.int64)] * axes, indexing="ij")
