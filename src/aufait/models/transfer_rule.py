"""How a network starts from one of its kind for other action units; ``aufait.models.transfer`` does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class TransferRule:
    """Which branches are copied, and from where; the defaults copy whatever both networks have.

    Attributes:
        stand_ins: action unit that the source does not have -> one whose branch it takes.
        fresh: beginnings of names of weights that are not copied; a star replaces one part of a name.
        source: where that is said.
    """

    stand_ins: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    fresh: tuple[str, ...] = ()
    source: str = "our reading"


JAA_NET_STAND_INS: Mapping[int, int] = MappingProxyType({25: 23, 26: 17})
"""JAA-Net's released program, for DISFA from BP4D; networks built on JAA-Net do the same."""
