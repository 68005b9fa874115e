"""Settings of the face alignment network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from aufait.errors import InputError
from aufait.settings import did_you_mean

_POOLS = ("max", "avg")


@dataclass(frozen=True, kw_only=True)
class FANConfig:
    """Size of the network; the weights decide which ``pool`` is right."""

    stacks: int = 2
    """Number of hourglasses, 1 to 4: 2 in AUNet (section V-C), 4 in the FAN paper's network (section 3)."""

    pool: str = "max"
    """How maps are halved: "max" in AUNet's released program, "avg" in the face-alignment package; same layers, same names."""

    points: int = 68
    """Number of heat maps of the last layer of each stack (FAN paper, section 3)."""

    image_size: int = 256
    """Side of the square input in pixels (FAN paper, section 4); a multiple of 64, so that four halvings of a quarter fit."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            kind: type = str if field.name == "pool" else int
            if not isinstance(value, kind) or isinstance(value, bool):
                raise InputError(f"fan: {field.name} must be {kind.__name__}, got {value!r} ({type(value).__name__})")
        if self.pool not in _POOLS:
            raise InputError(f"fan: pool must be one of {', '.join(_POOLS)}; got {self.pool!r}{did_you_mean(self.pool, _POOLS)}")
        if not 1 <= self.stacks <= 4:
            raise InputError(f"fan: stacks must be 1 to 4, got {self.stacks}")
        if self.points < 1:
            raise InputError(f"fan: points must be at least 1, got {self.points}")
        if not 0 < self.image_size <= 2048 or self.image_size % 64:
            raise InputError(f"fan: image_size must be a multiple of 64 up to 2048 (it is halved six times), got {self.image_size}")

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold, the system's name included."""
        return {"system": "fan", **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of ``to_dict``.

        Raises:
            InputError: the values belong to another system, or a name is unknown.
        """
        values = dict(values)
        system = values.pop("system", None)
        if system != "fan":
            raise InputError(f"expected a configuration of 'fan', got one of {system!r}; load it as that system")
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                hint = did_you_mean(name, known)
                raise InputError(f"fan has no setting {name!r}{hint} Its settings: {', '.join(known)}")
        return cls(**values)
