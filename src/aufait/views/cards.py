"""Results as small pieces of HTML for notebooks: self-contained, without scripts, every text escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from aufait.action_units import ACTION_UNITS

if TYPE_CHECKING:
    from aufait.results import FaceAnalysis, FrameAnalysis

SHOWN_FACES = 6
"""Of one frame; more are counted."""

_BAR = "#3b6fb6"
_PALE = "#b9c4d3"
_FONT = ' style="font:inherit"'
_CARD = "font:13px/1.4 sans-serif;display:inline-block;vertical-align:top;margin:0 1.5em .5em 0"


def frame_card(frame: FrameAnalysis, thumbnail: bytes | None = None) -> str:
    """One frame: where it is from, its small picture (JPEG) if there is one, and each face."""
    head = f"<b>{escape(frame.source)}</b>, frame {frame.frame}, {frame.timestamp:.3f} s, {frame.size[0]} x {frame.size[1]}"
    parts = [f"<div>{head}</div>"]
    if frame.error:
        parts.append(f"<div>{escape(frame.error)}</div>")
    if thumbnail:
        parts.append(f'<div style="{_CARD}">{image_tag(thumbnail, f"frame {frame.frame}")}</div>')
    parts += [face_card(face) for face in frame.faces[:SHOWN_FACES]]
    if not frame.faces:
        parts.append("<div>no face</div>")
    if len(frame.faces) > SHOWN_FACES:
        parts.append(f"<div>and {len(frame.faces) - SHOWN_FACES} more faces</div>")
    return "<div>" + "".join(parts) + "</div>"


def face_card(face: FaceAnalysis) -> str:
    """One face: its number, its quality and a bar per action unit, strong where the unit occurs."""
    rows = [
        _bar_row(unit, share, _written(face, place), bool(occurs))
        for place, (unit, share, occurs) in enumerate(zip(face.action_units, face.strength, face.occurrence, strict=True))
    ]
    what = "probability" if face.intensity is None else "intensity 0-5"
    head = f"face {face.face_id}, quality {face.quality:.2f}"
    table = f"<table{_FONT}>{''.join(rows)}</table>"
    return f'<div style="{_CARD}"><div>{head}</div>{table}<div>{what}; blue: occurs</div></div>'


def summary_card(title: str, facts: Sequence[tuple[str, str]], thumbnails: Sequence[tuple[bytes, str]] = (), bars: str = "") -> str:
    """Several frames: a table of facts, a few small pictures with their captions, and bars made by ``bar_table``."""
    rows = "".join(
        f'<tr><td style="text-align:left">{escape(name)}</td><td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in facts
    )
    pictures = "".join(
        f'<figure style="{_CARD}">{image_tag(data, caption)}<figcaption>{escape(caption)}</figcaption></figure>'
        for data, caption in thumbnails
    )
    return f'<div style="{_CARD}"><b>{escape(title)}</b><table{_FONT}>{rows}</table>{bars}</div>{pictures}'


def bar_table(action_units: Sequence[int], shares: np.ndarray, caption: str) -> str:
    """A bar per action unit; shares (A,) in [0, 1] or NaN for unknown."""
    rows = [
        _bar_row(unit, share, "" if np.isnan(share) else f"{100 * share:.0f} %", True)
        for unit, share in zip(action_units, np.asarray(shares, float), strict=True)
    ]
    return f"<div>{escape(caption)}</div><table{_FONT}>{''.join(rows)}</table>"


def image_tag(jpeg: bytes, alt: str) -> str:
    """A JPEG that is part of the page."""
    data = base64.b64encode(jpeg).decode()
    return f'<img alt="{escape(alt, quote=True)}" src="data:image/jpeg;base64,{data}" style="max-width:320px">'


def _written(face: FaceAnalysis, place: int) -> str:
    return f"{face.probability[place]:.2f}" if face.intensity is None else f"{face.intensity[place]:.1f}"


def _bar_row(unit: int, share: float, written: str, strong: bool) -> str:
    name = ACTION_UNITS[unit].name if unit in ACTION_UNITS else ""
    width = 0 if np.isnan(share) else round(100 * float(share))
    colour = _BAR if strong else _PALE
    bar = f'<div style="width:100px"><div style="width:{width}px;height:9px;background:{colour}"></div></div>'
    label = f"AU{unit} {escape(name)}"
    return f'<tr><td style="text-align:left">{label}</td><td>{bar}</td><td>{written}</td></tr>'
