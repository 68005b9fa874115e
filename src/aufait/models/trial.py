"""Settings with which a system is tried out on a small computer; they are nobody's published numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Trial:
    """What a system adds to the overlays of all recipes: keys of a recipe ("model_settings.unit", "batch_size") -> values.

    Attributes:
        quick: for ``--quick`` and ``--small``: a narrower network, a smaller picture.
        small: further ones for ``--small``, which trains long enough to learn something.
        tiny: further ones where one command trains dozens of networks, ``aufait reproduce --quick``: smaller still.
        drawn: further ones there for networks that figures look into, so that there is something to see.
        rarity: setting of the network that weighs action units by how rare they are, which fails for those that never occur.
    """

    quick: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    small: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    tiny: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    drawn: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    rarity: str | None = None


def sizes(**settings: Any) -> dict[str, Any]:
    """Settings of a network as keys of a recipe."""
    return {f"model_settings.{name}": value for name, value in settings.items()}


LONGER: Mapping[str, Any] = MappingProxyType({"epochs": 4, "max_faces": 48})
"""``drawn`` of most systems."""

LARGER: Mapping[str, Any] = MappingProxyType({"epochs": 2, **sizes(image_size=128)})
"""``drawn`` of systems whose maps are a quarter of the picture and less."""
