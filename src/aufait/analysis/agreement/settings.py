"""What a comparison goes by."""

from __future__ import annotations

from dataclasses import dataclass, field

from aufait.action_units import ACTION_UNITS
from aufait.analysis.bootstrap import Bootstrap
from aufait.analysis.event_rule import EventRule
from aufait.errors import InputError, printable


@dataclass(frozen=True)
class Settings:
    """What a comparison goes by.

    Attributes:
        face: of tables; None takes the one that is seen longest.
        coded: what coders coded: "last" (to the end of the last annotation), "all", or seconds from and to in the clock
            of their file.
        level: coded level from which a unit is present, 1 = A.
        intensity: from which a unit is present where a tool gives intensities alone.
        units: action units to compare, which coders coded: without an annotation they are absent; empty: those that both have.
        tolerance: seconds that onsets of the same event may differ.
        fps: frames per second, for files without times.
        rule: for events in tables.
        bootstrap: how intervals are made.
    """

    face: int | None = None
    coded: tuple[float, float] | str = "last"
    level: float = 1.0
    intensity: float = 1.5
    units: tuple[int, ...] = ()
    tolerance: float = 0.5
    fps: float | None = None
    rule: EventRule = field(default_factory=EventRule)
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __post_init__(self) -> None:
        if isinstance(self.coded, str) and self.coded not in ("last", "all"):
            raise InputError(f"coded should be last, all, or seconds from and to, got {self.coded!r}")
        if not isinstance(self.coded, str) and not self.coded[0] < self.coded[1]:
            raise InputError(f"coded should go from an earlier to a later second, got {self.coded[0]:g} to {self.coded[1]:g}")
        if not 1 <= self.level <= 5:
            raise InputError(f"level should be 1 to 5 (A to E), got {self.level:g}")
        if not self.tolerance >= 0:
            raise InputError(f"tolerance should be 0 seconds or more, got {self.tolerance:g}")
        if self.fps is not None and not 0 < self.fps < 10_000:
            raise InputError(f"fps should be above 0, got {self.fps:g}")


def unit_list(text: str) -> tuple[int, ...]:
    """Action units of a text such as 1,2,4.

    Raises:
        InputError: something else, or no such unit.
    """
    names = text.replace(",", " ").split()
    numbers = [name.upper().removeprefix("AU") for name in names]
    wrong = [name for name, number in zip(names, numbers, strict=True) if not number.isdecimal() or int(number) not in ACTION_UNITS]
    if wrong or not names:
        raise InputError(f"units should be numbers of action units, such as 1,2,4; got {printable(', '.join(wrong)) or 'none'}")
    return tuple(dict.fromkeys(map(int, numbers)))


def coded_range(text: str) -> tuple[float, float] | str:
    """What coders coded, of a text: last, all, or seconds such as 0-30.

    Raises:
        InputError: anything else.
    """
    if text in ("last", "all"):
        return text
    try:
        start, end = map(float, text.split("-"))
    except ValueError:
        raise InputError(f"coded should be last, all, or seconds such as 0-30, got {text!r}") from None
    return start, end
