"""Starting values for other action units from a trained ARL.

Paper: ARL (Shao et al., IEEE Transactions on Affective Computing, 2019), section 4.1.2: the network for DISFA starts from the one
trained on BP4D; action units 9, 25 and 26, which BP4D lacks, start from 10, 23 and 24, with which they are correlated.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from aufait.errors import InputError
from aufait.models.arl.model import ARL

CORRELATED: Mapping[int, int] = {9: 10, 25: 23, 26: 24}
"""Action units of DISFA and those of BP4D that stand in for them (section 4.1.2)."""


@torch.no_grad()
def start_from(target: ARL, source: ARL, stand_ins: Mapping[int, int] = CORRELATED) -> dict[int, int]:
    """Copy the shared layers and, action unit by action unit, the branches of one network into another.

    Args:
        target: network to be trained; changed in place.
        source: trained network with the same switches and sizes.
        stand_ins: for action units that the source lacks, the one whose branch to take.

    Returns:
        Which source branch each action unit took. Units that are not in it keep their fresh weights.

    Raises:
        InputError: the two networks differ in more than their action units.
    """
    chosen = {unit: origin for unit in target.action_units if (origin := _origin(unit, source, stand_ins)) is not None}
    here = [target.action_units.index(unit) for unit in chosen]
    there = [source.action_units.index(unit) for unit in chosen.values()]
    ours, theirs = target.state_dict(), source.state_dict()
    if not _same_but_for_units(target, source):
        raise InputError(
            "the two networks must have the same switches and sizes and may only differ in their action units; "
            "create the target with the source's settings"
        )
    for name, value in ours.items():
        if name.startswith("region_learning.") or value.ndim == 0:
            value.copy_(theirs[name])
        else:  # all other tensors hold one equal part per action unit along their first axis
            parts = value.unflatten(0, (len(target.action_units), -1))
            parts[here] = theirs[name].unflatten(0, (len(source.action_units), -1))[there].to(value)
    return chosen


def _origin(unit: int, source: ARL, stand_ins: Mapping[int, int]) -> int | None:
    known = source.action_units
    if unit in known:
        return unit
    return stand_ins[unit] if stand_ins.get(unit) in known else None


def _same_but_for_units(target: ARL, source: ARL) -> bool:
    shapes = [{name: value.shape[1:] for name, value in model.state_dict().items()} for model in (target, source)]
    widths = [model.config.channels for model in (target, source)]
    return shapes[0] == shapes[1] and widths[0] == widths[1]
