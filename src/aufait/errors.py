"""Errors that a user can act on. Each says what was expected, what was given and what to do.

The command line prints the message of an ``AufaitError`` without a traceback and exits with its ``exit_code``.
"""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")  # controls, also of the writing direction


def printable(text: str) -> str:
    """Text for one line of a terminal: control characters, which file names may hold, and bytes that are no text as escapes."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class AufaitError(Exception):
    """Base of every error that the package raises on purpose."""

    exit_code = 1


class InputError(AufaitError, ValueError):
    """An input cannot be used: unreadable, empty, of the wrong kind or out of range."""

    exit_code = 2


class InputWarning(UserWarning):
    """An input was read, but something about it had to be decided, and the decision could be wrong."""


class OutputError(AufaitError, OSError):
    """An output cannot be written: it exists, the folder is not writable, the disc is full."""

    exit_code = 3


class MissingModelError(AufaitError, FileNotFoundError):
    """A model file is absent or is not the file it should be."""

    exit_code = 4


class MissingExtraError(AufaitError, ImportError):
    """A feature needs an optional part of the installation.

    Args:
        feature: what was asked for, as a noun phrase ("the synthetic face engine").
        extra: name of the extra that brings it ("synth").
    """

    exit_code = 5

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the '{extra}' extra; install it with: pip install 'aufait[{extra}]'")
        self.feature = feature
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        """To another process: what it was made of, not its message."""
        return type(self), (self.feature, self.extra)
