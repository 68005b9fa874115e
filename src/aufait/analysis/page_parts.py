"""What pages of results have in common: one style sheet, sections, lists and links; they need no network."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path, PurePath
from urllib.parse import quote


def style() -> str:
    """The style sheet of all pages: light and dark, readable at the width of a phone."""
    return (resources.files(__package__) / "page_style.css").read_text(encoding="utf-8")


def section(title: str, name: str, body: str) -> str:
    """A card of the page under a heading; the title is text, the body HTML."""
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{html.escape(title)}</h2>{body}</section>'


def bullets(texts: Iterable[str]) -> str:
    """Texts as a list."""
    return f'<ul class="plain">{"".join(f"<li>{html.escape(text)}</li>" for text in texts)}</ul>'


def link_to(target: Path, folder: Path) -> str:
    """Address of a file for a page in a folder: relative to it, quoted."""
    try:
        path = PurePath(os.path.relpath(target, folder)).as_posix()
    except ValueError:  # another drive on Windows
        return html.escape(target.resolve().as_uri())
    quoted = quote(path, errors="surrogateescape")
    return quoted if quoted.startswith("..") else f"./{quoted}"
