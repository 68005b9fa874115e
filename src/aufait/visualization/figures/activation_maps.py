"""Class activation maps: which pixels of a feature map are evidence for an action unit (MGRR-Net figure 3).

Grad-CAM (Selvaraju et al., ICCV 2017): channels weighted by the mean gradient of the score, summed, negative parts cut off. Our
reading of MGRR-Net's figure, whose method the paper does not name: the score is that of the action unit's own head, the map the
patch that enters it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from aufait.errors import InputError


def activation_map(features: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Grad-CAM of one score.

    Args:
        features: (..., C, h, w).
        gradients: of the score with respect to the features, same shape.

    Returns:
        (..., h, w) in [0, 1], the largest value 1; 0 everywhere where nothing speaks for the score.
    """
    features, gradients = np.asarray(features, np.float32), np.asarray(gradients, np.float32)
    if features.shape != gradients.shape or features.ndim < 3:
        raise InputError(f"features and gradients must have one shape (..., C, h, w), got {features.shape} and {gradients.shape}")
    weights = gradients.mean((-2, -1), keepdims=True)
    raw = np.maximum((weights * features).sum(-3), 0)
    top = raw.max((-2, -1), keepdims=True)
    return np.divide(raw, top, out=np.zeros_like(raw), where=top > 0)


def branch_activation_maps(model: nn.Module, head: nn.Module, images: Tensor, landmarks: Tensor | None = None) -> np.ndarray:
    """Maps of all action units by one backward pass, for heads with one group of channels per action unit.

    Args:
        model: network whose ``extra["local_logits"]`` are the scores of ``head``; such as ``MGRRNet``. Its mode is kept.
        head: module of ``model`` that takes (B, A * C, h, w), where group i reaches the score of action unit i alone; such as
            ``model.local_heads``.
        images, landmarks: as the model takes them.

    Returns:
        (B, A, h, w) in [0, 1].

    Raises:
        InputError: the model has no local scores.
    """
    entering: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        entering.append(inputs[0].detach().requires_grad_())
        return (entering[0], *inputs[1:])

    handle = head.register_forward_pre_hook(keep)
    try:
        with torch.enable_grad():
            output = model(images, landmarks)
            if "local_logits" not in output.extra:
                raise InputError(f"{type(model).__name__} has no scores of single branches; activation maps need local_logits")
            scores = output.extra["local_logits"]
            # Group i feeds score i alone, so the gradient of the sum holds each score's own gradient side by side.
            (gradients,) = torch.autograd.grad(scores.sum(), entering[0])
    finally:
        handle.remove()
    units = scores.shape[1]
    features, slopes = (values.unflatten(1, (units, -1)).detach().float().cpu().numpy() for values in (entering[0], gradients))
    return activation_map(features, slopes)
