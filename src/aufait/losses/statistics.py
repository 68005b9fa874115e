"""Statistics of the training labels that losses and graphs are built from; never computed on a test fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from aufait.errors import InputError

STRONG = 3
"""Intensity that counts as occurrence where networks for intensity weigh action units: ceil(5 / 2) (ARL section 3.5)."""


@dataclass(frozen=True)
class LabelStatistics:
    """Rates of occurrence and co-occurrence of A action units among training faces.

    Attributes:
        occurrence_rate: (A,) positives / known faces. NaN where an action unit is known on no face.
        present_given_present: (A, A); entry [i, j] = P(j occurs | i occurs) over faces where both are known.
        absent_given_absent: (A, A); entry [i, j] = P(j absent | i absent) over the same faces.
        count: how many faces the rates come from.

    NaN marks what the labels cannot show (an action unit that never occurs, or that is never absent).
    """

    occurrence_rate: Tensor
    present_given_present: Tensor
    absent_given_absent: Tensor
    count: int

    @classmethod
    def from_intensities(cls, intensity: Tensor, known: Tensor | None = None) -> Self:
        """From intensities (N, A) in [0, 5]: those of 3 and more count as occurrence (ARL section 3.5); see ``from_labels``."""
        return cls.from_labels((intensity >= STRONG).to(intensity.dtype), known)

    @classmethod
    def from_labels(cls, occurrence: Tensor, known: Tensor | None = None) -> Self:
        """From labels (N, A), 0 or 1, and a bool mask (N, A) of the known ones.

        Raises:
            InputError: no faces, wrong shapes, or known labels other than 0 and 1.
        """
        if occurrence.ndim != 2 or occurrence.shape[0] == 0:
            raise InputError(f"label statistics need labels (N, A) of at least one face, got {tuple(occurrence.shape)}")
        known = torch.ones_like(occurrence, dtype=torch.bool) if known is None else known
        if known.shape != occurrence.shape:
            raise InputError(f"known must have the shape of the labels {tuple(occurrence.shape)}, got {tuple(known.shape)}")
        if not bool(torch.isin(occurrence[known].double(), torch.tensor([0.0, 1.0], dtype=torch.float64)).all()):
            raise InputError("known occurrence labels must be 0 or 1; mark others (9, 999) as unknown")
        # float64 counts are exact far beyond the size of any data set.
        mask = known.double()
        present = torch.where(known, occurrence.double(), 0.0)
        absent = mask - present
        return cls(
            occurrence_rate=(present.sum(0) / mask.sum(0)).float(),
            present_given_present=((present.T @ present) / (present.T @ mask)).float(),
            absent_given_absent=((absent.T @ absent) / (absent.T @ mask)).float(),
            count=int(occurrence.shape[0]),
        )

    @property
    def skew(self) -> Tensor:
        """(A,) negatives / positives."""
        return (1 - self.occurrence_rate) / self.occurrence_rate
