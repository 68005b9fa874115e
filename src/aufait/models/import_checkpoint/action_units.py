"""Which action units a released file predicts: the number of its outputs says, together with the release it is from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aufait.action_units import AU_SETS
from aufait.errors import InputError
from aufait.models.configuration import resolve_au_set


def choose_action_units(
    count: int, au_set: str | Sequence[int] | None, released: Mapping[int, str], origin: str
) -> tuple[int, ...]:
    """Action units in output order.

    Args:
        count: outputs that the file has.
        au_set: what the caller says they are; ``None`` takes what was released with that many outputs.
        released: number of outputs -> AU set of the release.
        origin: the file, for messages.

    Raises:
        InputError: the number of outputs is not that of ``au_set``, or of no released file where that is ``None``.
    """
    if au_set is None:
        if count not in released:
            known = ", ".join(f"{number} ({name})" for number, name in released.items())
            raise InputError(f"{origin} predicts {count} AUs; released files have {known}. Say which they are with --au-set")
        return AU_SETS[released[count]]
    action_units = resolve_au_set(au_set)
    if len(action_units) != count:
        fitting = [name for name, numbers in AU_SETS.items() if len(numbers) == count]
        hint = f"; sets of {count}: {', '.join(fitting)}" if fitting else ""
        raise InputError(f"{origin} predicts {count} AUs, the AU set {au_set!r} has {len(action_units)}{hint}")
    return action_units
