"""Weights that make rare action units count as much as frequent ones."""

from __future__ import annotations

import torch
from torch import Tensor

from aufait.errors import InputError


def au_weights(occurrence_rate: Tensor) -> Tensor:
    """Inverse occurrence rates scaled to mean 1, (A,) -> (A,).

    w_i = A (1 / r_i) / sum_k (1 / r_k); the papers write weights that sum to 1 and sum over the action units, their programs
    weights that sum to A and a mean over them, which is the same (ARL eq. 8, AUNet eq. 1, ABRNet eq. 5, MGRR-Net).

    Raises:
        InputError: a rate that is not in (0, 1]: an action unit that never occurs cannot be weighted.
    """
    rate = occurrence_rate.double()
    if rate.ndim != 1 or not bool(((rate > 0) & (rate <= 1)).all()):
        raise InputError(
            f"occurrence rates must be in (0, 1], got {[round(float(r), 4) for r in occurrence_rate.flatten()]}; leave out action "
            "units that never occur in the training data, or train without weights"
        )
    inverse = 1 / rate
    return (inverse / inverse.mean()).to(torch.float32)
