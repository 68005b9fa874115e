"""The words of the language of combinations: which there are, and where each stands."""

from __future__ import annotations

import re
from typing import NamedTuple

from aufait.errors import InputError


class Token(NamedTuple):
    """A word.

    Attributes:
        kind: "unit", "number", "letter", "compare", "and", "or", "not", "(", ")" or "end".
        text: as written.
        place: of its first character, from 0.
    """

    kind: str
    text: str
    place: int


_WORD = re.compile(
    r"""\s*(?:
    (?P<number>\d+\.\d*|\.\d+)
  | (?P<unit>(?:AU\s*)?\d+(?:[LR](?![a-z0-9])|(?:\s+|_)(?:left|right)\b)?(?![a-z0-9.]))
  | (?P<compare>>=|<=|>|<|≥|≤)
  | (?P<and>&&?|\+|\band\b)
  | (?P<or>\|\|?|\bor\b)
  | (?P<not>!(?!=)|¬|\bnot\b)
  | (?P<letter>[A-E]\b)
  | (?P<open>\()
  | (?P<close>\))
  )""",
    re.VERBOSE | re.IGNORECASE,
)
_KINDS = {"open": "(", "close": ")"}
_COMPARED = {"≥": ">=", "≤": "<="}


def tokens(text: str) -> list[Token]:
    """The words of an expression, with "end" after the last.

    Raises:
        InputError: something else stands there, or nothing at all.
    """
    if not text.strip():
        raise InputError("the expression is empty; write action units and operators, such as '6 & 12'")
    found, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = _WORD.match(text, place)
        if not match or match.lastgroup is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            odd = text[place:end].split()[0][:20]
            raise InputError(f"{text!r}, at character {place + 1}: {odd!r} is not understood; write 12, 12L, & | ! ( ) or >=")
        kind = match.lastgroup
        word = match[kind]
        found.append(Token(_KINDS.get(kind, kind), _COMPARED.get(word, word), match.start(kind)))
        place = match.end()
    return [*found, Token("end", "", end)]
