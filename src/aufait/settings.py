"""Typed settings: values checked and converted by the annotations of a dataclass, and hints for names typed wrongly."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from aufait.errors import InputError


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names that look most like ``name``, best first; case does not count."""
    spelled = {one.lower(): one for one in known}
    return [spelled[one] for one in difflib.get_close_matches(name.lower(), list(spelled), n=count, cutoff=0.5)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'bp4d'?"``, or ``"."`` where nothing is near."""
    close = nearest(name, known)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else "."


def converted(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as texts and YAML give them, in the types of the fields of a dataclass as far as nothing is lost."""
    hints = typing.get_type_hints(kind)
    return {str(key): _convert(value, hints[str(key)]) for key, value in values.items()}


def _convert(value: Any, expected: Any) -> Any:
    """What YAML made of a value in the type of its field, as far as nothing is lost: 1e-3 is a text to YAML."""
    if isinstance(value, str) and value.lower() in ("none", "null") and _allows_none(expected):
        return None
    if typing.get_origin(expected) is tuple and isinstance(value, list | tuple):
        return tuple(_convert(entry, typing.get_args(expected)[0]) for entry in value)
    if isinstance(value, str) and _is_float(expected):
        return as_number(value)
    if isinstance(value, int) and not isinstance(value, bool) and _is_float(expected) and abs(value) < 2**53:
        return float(value)
    return value


def as_number(value: Any) -> Any:
    """Texts such as "1e-3" as numbers; everything else as it is."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return tuple(value) if isinstance(value, list) else value


def _allows_none(expected: Any) -> bool:
    return type(None) in typing.get_args(expected)


def _is_float(expected: Any) -> bool:
    return expected is float or float in typing.get_args(expected)


def check_types(owner: Any, prefix: str = "") -> None:
    """Compare the fields of a dataclass with their annotations.

    Raises:
        InputError: a value of another type; the message names ``prefix`` and the field.
    """
    hints = typing.get_type_hints(type(owner))
    for name in (field.name for field in dataclasses.fields(owner)):
        value, expected = getattr(owner, name), hints[name]
        if not fits(value, expected):
            label = getattr(expected, "__name__", None) if not typing.get_args(expected) else str(expected)
            raise InputError(f"{prefix}{name} must be {label}, got {shown(value)} ({type(value).__name__})")
        if not all(map(_is_usable, value if isinstance(value, tuple) else (value,))):
            raise InputError(f"{prefix}{name} must be a finite number below 2^53, got {shown(value)}")


def shown(value: Any) -> str:
    """A value as a message shows it: of long ones the beginning."""
    text = repr(value) if not isinstance(value, int) or abs(value) < 2**256 else "a number of very many digits"
    return text if len(text) <= 120 else text[:120] + " ..."


def _is_usable(value: Any) -> bool:
    """Whether a number is one to calculate with; whatever is no number is."""
    return not isinstance(value, int | float) or abs(value) <= 2**53  # false for nan too


def fits(value: Any, expected: Any) -> bool:
    """Whether a value is what an annotation says: bool, int, float, str, tuples and mappings of them, or None where allowed."""
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin in (types.UnionType, typing.Union):
        return any(fits(value, argument) for argument in arguments)
    if origin is typing.Literal:
        return True  # the owner's own check names the choices
    if origin is tuple:
        exact = None if arguments[-1] is Ellipsis else len(arguments)
        return isinstance(value, tuple) and exact in (None, len(value)) and all(fits(entry, arguments[0]) for entry in value)
    if origin is not None:
        return isinstance(value, Mapping)
    if expected in (int, float):
        return isinstance(value, int | float if expected is float else int) and not isinstance(value, bool)
    return isinstance(value, expected)


def plain(value: Any) -> Any:
    """Mappings and sequences as what YAML and JSON can hold."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value
