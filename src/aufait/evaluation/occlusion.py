"""Faces of which only half can be seen: the five conditions of ARL's Table 12 (section 4.5), on the network's input.

The paper names the visible half and gives neither the colour of the hidden one nor where the line runs. Our reading: the
half of the crop by area, filled with grey 128. "Right" and "left" are the subject's (FACS), as everywhere in this package; on
the picture of a face that is not mirrored the subject's right half is the viewer's left one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor

from aufait.errors import InputError
from aufait.settings import did_you_mean

FILL = 128 / 255
"""Grey of the hidden half, in [0, 1]."""

CONDITIONS: Mapping[str, str] = MappingProxyType(
    {
        "full": "whole face visible",
        "lower": "only the lower half visible",
        "upper": "only the upper half visible",
        "right": "only the subject's right half visible (image left)",
        "left": "only the subject's left half visible (image right)",
        "none": "nothing visible",
    }
)
"""Name -> what is visible; "full" is the plain test, the others are the five columns of Table 12."""


def occlude(images: Tensor, visible: str) -> Tensor:
    """Hide part of aligned faces.

    Args:
        images: (..., 3, H, W) float in [0, 1]; with three frames the same part is hidden in all of them.
        visible: a key of ``CONDITIONS``: which half stays. With an odd side the middle row or column stays visible.

    Returns:
        A new tensor of the same shape; ``images`` itself for "full".

    Raises:
        InputError: unknown condition.
    """
    if visible not in CONDITIONS:
        raise InputError(f"unknown occlusion {visible!r}{did_you_mean(visible, CONDITIONS)} Known: {', '.join(CONDITIONS)}")
    if visible == "full":
        return images
    hidden = images.clone()
    height, width = images.shape[-2], images.shape[-1]
    rows: dict[str, slice] = {"lower": slice(0, height // 2), "upper": slice(height - height // 2, height)}
    columns: dict[str, slice] = {"right": slice(width - width // 2, width), "left": slice(0, width // 2)}
    everything = slice(None)
    hidden[..., rows.get(visible, everything), columns.get(visible, everything)] = FILL
    return hidden
