"""Labels of a batch, and what a criterion returns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor

from aufait.errors import InputError


@dataclass(frozen=True)
class AULabels:
    """Labels of B faces for A action units; what a data set does not have is ``None``.

    Attributes:
        occurrence: (B, A) 0 or 1.
        intensity: (B, A) in [0, 5].
        known: (B, A) bool, False where neither label exists (code 9 or 999 in the data sets); ``None`` means all known.
        landmarks: (B, N, 2) x, y in pixels of the network's input, N = 49 or 68.
        landmarks_known: (B,) bool; ``None`` means all known.
        dataset: (B,) integer index of the data set a face comes from, for training on several at once.
    """

    occurrence: Tensor | None = None
    intensity: Tensor | None = None
    known: Tensor | None = None
    landmarks: Tensor | None = None
    landmarks_known: Tensor | None = None
    dataset: Tensor | None = None

    def __post_init__(self) -> None:
        sizes = {name: value.shape[0] for name, value in vars(self).items() if value is not None}
        if len(set(sizes.values())) > 1:
            raise InputError(f"labels must all cover the same faces, got {sizes}")
        for name in ("intensity", "known"):
            value = getattr(self, name)
            if value is not None and self.occurrence is not None and value.shape != self.occurrence.shape:
                expected, got = tuple(self.occurrence.shape), tuple(value.shape)
                raise InputError(f"{name} must have the shape of occurrence {expected}, got {got}")
        if self.known is not None and self.known.dtype != torch.bool:
            raise InputError(f"known must be a bool mask, got {self.known.dtype}")

    def require(self, name: str, system: str) -> Tensor:
        """The label of that name.

        Raises:
            InputError: it is ``None``; the message says which loss wants it.
        """
        value: Tensor | None = getattr(self, name)
        if value is None:
            raise InputError(f"the criterion of {system} needs labels.{name}, which is None; give it or choose another system")
        return value

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """The same labels on another device."""
        moved = {k: v.to(device, non_blocking=non_blocking) for k, v in vars(self).items() if v is not None}
        return replace(self, **moved)


@dataclass(frozen=True)
class Losses:
    """Result of a criterion.

    Attributes:
        total: scalar to minimise, the weighted sum of the terms.
        terms: scalars by name, unweighted, for logs; they are attached to the graph too.
        figures: further scalars for logs, which are not minimised.
    """

    total: Tensor
    terms: dict[str, Tensor]
    figures: dict[str, Tensor] = field(default_factory=dict)
