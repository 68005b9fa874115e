"""Pieces of the page: sections, links, numbers and names as they are written everywhere on it."""

from __future__ import annotations

import html
import os
from pathlib import Path, PurePath
from urllib.parse import quote, unquote

from aufait.action_units import ACTION_UNITS
from aufait.results import MAX_INTENSITY, FaceAnalysis

NOT_GIVEN = "not given"
"""What is shown where a model does not give a number."""


def section(title: str, name: str, body: str) -> str:
    """A part of the page with its heading."""
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>{body}</section>'


def time_link(time: float, film: str | None) -> str:
    """Seconds as words, and as a link into the video where there is one."""
    shown = f"{time:.2f} s" if time < 60 else f"{int(time // 60)}:{time % 60:05.2f}"
    return shown if film is None else f'<a href="{film}#t={time:.3f}" data-time="{time:.3f}">{shown}</a>'


def intensity_text(value: float) -> str:
    """An intensity, the same wherever the page shows it."""
    return f"{min(max(value, 0.0), MAX_INTENSITY):.1f}"


def value_text(face: FaceAnalysis, position: int) -> str:
    """Intensity of an action unit, or its probability where the model gives no intensity."""
    if face.intensity is None:
        return f"{100 * face.probability[position]:.0f} %"
    return intensity_text(float(face.intensity[position]))


def unit_name(unit: int) -> str:
    """Name of an action unit, safe for HTML; empty where it is not known."""
    return html.escape(ACTION_UNITS[unit].name) if unit in ACTION_UNITS else ""


def key_frame_id(face_id: int, unit: int) -> str:
    """Place on the page of the key frame of an action unit."""
    return f"key-{face_id}-{unit}"


def duration_text(seconds: float) -> str:
    """A length of time: 12.3 s, 2 min 5 s."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    return f"{round(seconds) // 60} min {round(seconds) % 60} s"


def relative_link(target: str | os.PathLike[str], folder: Path) -> str:
    """Link from the page to a file: relative where both are on one drive."""
    try:
        relative = os.path.relpath(target, folder)
    except ValueError:  # different drives on Windows
        return Path(target).resolve().as_uri()
    return url_of(PurePath(relative).as_posix())


def url_of(path: str) -> str:
    """A relative path as a link; "./" keeps a colon in a file name from being read as a scheme."""
    quoted = quote(path, errors="surrogateescape")
    return quoted if quoted.startswith("..") else f"./{quoted}"


def unquoted(link: str) -> str:
    """The file's name as people read it."""
    return unquote(link).removeprefix("./")
