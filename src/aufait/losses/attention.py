"""Loss that holds refined attention near predefined attention."""

from __future__ import annotations

from torch import Tensor

_EPS = 1e-7
"""Keeps logarithms and their gradients finite where a map is exactly 0 or 1."""


def map_cross_entropy(refined: Tensor, predefined: Tensor) -> Tensor:
    """Cross-entropy of maps, mean over faces and pixels, summed over action units.

    JAA-Net (Shao et al., ECCV 2018), equation 4; the mean over pixels instead of the sum is that of the released program.

    Args:
        refined: (B, A, H, W) in [0, 1].
        predefined: (B, A, H, W) in [0, 1]; no gradient flows into it.
    """
    # Written out because the built-in one refuses probabilities under autocast; float32 because 1 - 1e-7 needs it.
    refined = refined.float().clamp(_EPS, 1 - _EPS)
    target = predefined.detach().float()
    error = -(target * refined.log() + (1 - target) * (1 - refined).log())
    return error.mean((0, 2, 3)).sum()
