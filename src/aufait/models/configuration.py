"""Hyper-parameters of a network: frozen dataclasses that refuse unknown names and travel with the weights as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from aufait.action_units import ACTION_UNITS, AU_SETS
from aufait.errors import InputError
from aufait.models.trial import Trial
from aufait.settings import check_types, did_you_mean

MOST_SIDE = 2048
"""Pixels of the side of a network's input, ten times what the published systems read."""


def resolve_au_set(au_set: str | Sequence[int]) -> tuple[int, ...]:
    """AU numbers of a named set ("bp4d", "disfa", ...) or of a sequence of numbers, in that order.

    Raises:
        InputError: unknown name, number that FACS does not have, a number given twice, an empty sequence.
    """
    if isinstance(au_set, str):
        if au_set not in AU_SETS:
            known = ", ".join(AU_SETS)
            hint = did_you_mean(au_set, AU_SETS)
            raise InputError(f"unknown AU set {au_set!r}{hint} Known sets: {known}; or give AU numbers, such as (1, 2, 12)")
        return AU_SETS[au_set]
    if not isinstance(au_set, Iterable):
        raise InputError(f"an AU set must be a name such as 'bp4d' or AU numbers such as (1, 2, 12), got {au_set!r}")
    numbers = tuple(au_set)
    unknown = [number for number in numbers if isinstance(number, bool) or number not in tuple(ACTION_UNITS)]
    if unknown:
        raise InputError(f"an AU set must hold FACS numbers, got {unknown}; known: {', '.join(map(str, ACTION_UNITS))}")
    if not numbers or len(set(numbers)) != len(numbers):
        raise InputError(f"an AU set must name at least one AU and each one once, got {numbers}")
    return tuple(int(number) for number in numbers)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Fields that all systems have; each system's config adds its own, every default citing its source."""

    SYSTEM: ClassVar[str] = ""
    """Name of the family ("arl"); written into saved files so that one system cannot read another's."""

    TRIAL: ClassVar[Trial] = Trial()
    """Settings with which it is tried out on a small computer."""

    action_units: tuple[int, ...]
    """A action units in output order."""

    image_size: int = 176
    """Side of the square input in pixels."""

    def __post_init__(self) -> None:
        resolve_au_set(self.action_units)
        check_types(self, f"{self.SYSTEM}: ")
        if self.image_size > MOST_SIDE:
            raise InputError(f"{self.SYSTEM}: image_size must be at most {MOST_SIDE} pixels, got {self.image_size}")
        self.validate()

    def validate(self) -> None:
        """Check values against each other; systems override it and raise ``InputError``."""

    @classmethod
    def create(cls, au_set: str | Sequence[int], **overrides: Any) -> Self:
        """The paper's values with some of them replaced.

        Raises:
            InputError: a name that the system does not have (with the nearest ones), a value of the wrong type or range.
        """
        known = [field.name for field in dataclasses.fields(cls) if field.name != "action_units"]
        for name in overrides:
            if name not in known:
                hint = did_you_mean(name, known)
                raise InputError(f"{cls.SYSTEM} has no setting {name!r}{hint} Its settings: {', '.join(known)}")
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in overrides.items()}
        return cls(action_units=resolve_au_set(au_set), **values)

    def to_dict(self) -> dict[str, Any]:
        """Values that JSON can hold, the system's name included."""
        return {"system": self.SYSTEM, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of ``to_dict``.

        Raises:
            InputError: the values belong to another system, or a name is unknown or missing.
        """
        values = dict(values)
        system = values.pop("system", None)
        if system != cls.SYSTEM:
            raise InputError(f"expected a configuration of {cls.SYSTEM!r}, got one of {system!r}; load it as that system")
        if "action_units" not in values:
            raise InputError(f"a configuration of {cls.SYSTEM} must name its action_units")
        return cls.create(values.pop("action_units"), **values)

    def _choose(self, name: str, choices: Sequence[Any]) -> None:
        """Raise unless the value of a field is one of ``choices``."""
        value = getattr(self, name)
        if value not in choices:
            hint = did_you_mean(value, [str(choice) for choice in choices]) if isinstance(value, str) else "."
            raise InputError(f"{self.SYSTEM}: {name} must be one of {', '.join(map(str, choices))}; got {value!r}{hint}")

    def _at_least(self, name: str, minimum: float) -> None:
        """Raise when the value of a field is below ``minimum``."""
        value = getattr(self, name)
        if not value >= minimum:  # NaN too
            raise InputError(f"{self.SYSTEM}: {name} must be at least {minimum}, got {value}")

    def _multiple(self, name: str, factor: int, why: str) -> None:
        """Raise unless the value of a field is a positive multiple of ``factor``."""
        value = getattr(self, name)
        if value <= 0 or value % factor:
            raise InputError(f"{self.SYSTEM}: {name} must be a multiple of {factor} ({why}), got {value}")
