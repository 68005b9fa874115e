"""Text that comes from users, put where a program would take it for more than text: cells of tables, web pages."""

from __future__ import annotations

import base64
import hashlib
import re

_FORMULA = re.compile(r"[\s\x00]*[=+\-@]")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*|\s*[+-]?(inf|nan)\s*|-")


def plain_cell(value: object) -> object:
    """A cell for a CSV table that no spreadsheet takes for a formula: texts that begin like one get an apostrophe before them.

    Numbers, also as texts, and the dash for "nothing" stay as they are.
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def content_policy(*scripts: str) -> str:
    """The ``<meta>`` element that forbids a page everything but its own styles and scripts, what it embeds, and a video beside it.

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
