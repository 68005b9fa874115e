"""Text that comes from users, put where a program would take it for more than text: cells of tables, web pages."""

from __future__ import annotations

import base64
import hashlib
import os
import re

_FORMULA = re.compile(r"[\s\x00]*[=+\-@]")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*|\s*[+-]?(inf|nan)\s*|-")

_NO_CHARACTER = re.compile("[\ud800-\udfff]")
_LIKE_AN_ESCAPE = re.compile(r"\\(?=x[0-9a-f]{2})")
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def valid_text(text: str) -> str:
    r"""Text for a file in UTF-8, whatever files are called: bytes of a name that are not UTF-8 are written as ``\xff``.

    A backslash that the name has before such a pattern is written as ``\x5c``, so that ``original_name`` can turn it back. Text
    without either comes back as it is.
    """
    if os.sep != "\\":  # where names are bytes
        text = _LIKE_AN_ESCAPE.sub(r"\\x5c", text)
    return encodable(text)


def encodable(text: str) -> str:
    r"""Text with ``\xff`` in place of what cannot be encoded, for people to read; backslashes stay as they are."""
    return _NO_CHARACTER.sub(lambda found: _as_bytes(found[0]).decode("utf-8", "backslashreplace"), text)


def original_name(text: str) -> str:
    """The name of a file, for ``open``, from what ``valid_text`` made of it."""
    data = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), text.encode())
    return data.decode("utf-8", "surrogateescape")


def file_name(text: str) -> str:
    """A part of a file name that every system takes: bytes that are not UTF-8 as ``%FF``, a backslash as ``%5C``."""
    return _NO_CHARACTER.sub(lambda found: "".join(f"%{byte:02X}" for byte in _as_bytes(found[0])), text).replace("\\", "%5C")


def _as_bytes(surrogate: str) -> bytes:
    number = ord(surrogate)
    return bytes([number - 0xDC00]) if 0xDC80 <= number <= 0xDCFF else surrogate.encode("utf-8", "surrogatepass")


def plain_cell(value: object) -> object:
    """A cell for a CSV table that no spreadsheet takes for a formula: texts that begin like one get an apostrophe before them.

    Numbers, also as texts, and the dash for "nothing" stay as they are.
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def content_policy(*scripts: str) -> str:
    """The ``<meta>`` element that forbids a page everything but its own styles and scripts, what it embeds, and a video next to it.

    Args:
        scripts: the texts between ``<script>`` and ``</script>`` that the page has, exactly.
    """
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    run = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    rules = (
        "default-src 'none'", "style-src 'unsafe-inline'", f"script-src {run}", "img-src data:", "media-src 'self' file:",
        "base-uri 'none'", "form-action 'none'",
    )  # fmt: skip
    return f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}">'
