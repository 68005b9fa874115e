"""A section of a page that a benchmark writes, between two comments."""

from __future__ import annotations

import re
from pathlib import Path

from aufait.errors import InputError

_END = "<!-- end -->"


def replace_section(name: str, text: str, path: Path) -> None:
    """Put text between ``<!-- bench NAME -->`` and ``<!-- end -->`` of a page; a file that is not there becomes that alone.

    Raises:
        InputError: the page has no such comments.
    """
    start = f"<!-- bench {name} -->"
    section = f"{start}\n{text}{_END}"
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    if start in page:
        section = re.sub(f"{re.escape(start)}.*?{re.escape(_END)}", lambda _: section, page, count=1, flags=re.DOTALL)
        path.write_text(section, encoding="utf-8")
    elif page:
        raise InputError(f"{path} has no section '{start}' ... '{_END}' to replace; add the two lines or name a new file")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(section + "\n", encoding="utf-8")
