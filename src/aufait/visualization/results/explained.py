"""The part of a page that shows where the model looked: the aligned face, a map for each action unit over it, and the scale.

Each face has its own scale, whose highest value is shown next to it: the highest of the maps that are shown, where the kind has
no fixed one. The maps of one face can be compared with each other.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.models.explanation import LIMITS

if TYPE_CHECKING:
    from aufait.detection.explain import FaceExplanation
    from aufait.detection.telling_faces import ExplainedFace, TellingFace

COLOURS = "jet"
"""Colour map of the overlays, that of ``aufait explain``."""

MAPS_PER_FACE = 6
"""Maps that are shown of one face, of the strongest action units."""

_SIDE = 224  # pixels of a face on the page
_DIFFERS = 0.05  # in probability, from where on the page says that the single picture scores otherwise than the video did

Embed = Callable[[np.ndarray], str]
"""(H, W, 3) uint8 -> data: address."""


def explained_body(faces: Sequence[ExplainedFace], *, video: bool, embed: Embed, time_link: Callable[[float], str]) -> str:
    """HTML between the heading of the section and its end.

    Args:
        faces: in the order of the page.
        video: whether faces come from one video, so that a time says where; else the name of the picture does.
        embed: makes the address of a picture.
        time_link: seconds -> words, maybe a link into the video.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    if not faces:
        return "<p>No action unit occurred, so there is nothing to explain.</p>"
    kinds = list(dict.fromkeys(one.explanation.kind for one in faces if one.explanation is not None))
    limits = " ".join(f"<b>{html.escape(kind.capitalize())}.</b> {_limit(kind)}" for kind in kinds)
    lead = (
        "The faces on which most action units are at their strongest, as the model sees them. A map is about this model, "
        f"not about the face: it does not show where a muscle moved, and it can look right where the score is wrong. {limits}"
    )
    return f'<p class="lead">{lead}</p>' + "".join(_face(one, video, embed, time_link) for one in faces)


def _limit(kind: str) -> str:
    return html.escape(LIMITS.get(kind, "What these maps show and do not show is for the makers of the network to say."))


def _face(one: ExplainedFace, video: bool, embed: Embed, time_link: Callable[[float], str]) -> str:
    telling = one.telling
    where = time_link(telling.timestamp) if video else html.escape(PurePath(telling.source).name)
    heading = f"<h3>Face {telling.found.face_id}, {where}</h3>"
    if one.explanation is None:
        return f"{heading}<p>{html.escape(one.problem)}</p>"
    from aufait.visualization.figures.attention_overlay import attention_overlay

    told = one.explanation
    name = f"Face {telling.found.face_id}" + (f" at {telling.timestamp:.2f} seconds" if video else "")
    face = _sized(told.picture)
    items = [_figure(embed(face), f"{name}, aligned", "<b>The face</b><br><span>aligned as for the model</span>")]
    maps = {unit: told.highest * told.maps[told.action_units.index(unit)] for unit in telling.units[:MAPS_PER_FACE]}
    top = told.highest if told.fixed else max(float(values.max()) for values in maps.values()) or 1.0
    for unit, values in maps.items():
        picture = attention_overlay(face, values / top, colours=COLOURS)
        full = ACTION_UNITS[unit].name if unit in ACTION_UNITS else ""
        alt = f"{name}: {told.kind} of AU{unit} {full}".rstrip()
        peak = _number(float(values.max()))
        caption = f"<b>AU{unit}</b> {html.escape(full)}<br><span>{_score(telling, told, unit)}<br>map up to {peak}</span>"
        items.append(_figure(embed(picture), alt, caption))
    more = len(telling.units) - MAPS_PER_FACE
    rest = f'<p class="lead">{more} more action units are at their strongest here.</p>' if more > 0 else ""
    return f'{heading}{_scale(told, top, embed)}<ul class="gallery">{"".join(items)}</ul>{rest}'


def _scale(told: FaceExplanation, top: float, embed: Embed) -> str:
    """The legend: what colour means, from 0 to ``top``."""
    from aufait.visualization.figures.figure import colour_map

    ramp = colour_map(COLOURS)(np.linspace(0, 1, 256))[:, :3]
    picture = np.repeat(np.rint(255 * ramp).astype(np.uint8)[None], 12, axis=0)
    bar = f'<img src="{embed(picture)}" alt="Colours from 0 to {_number(top)}" width="160" height="12">'
    rows, columns = told.maps.shape[1:]
    what = f"{html.escape(told.kind)}: {html.escape(told.meaning)}; {rows} × {columns} places"
    return f'<p class="scale">0 {bar} {_number(top)} <span>{what}</span></p>'


def _score(telling: TellingFace, told: FaceExplanation, unit: int) -> str:
    """The score as in the tables, and that of the picture alone if it differs."""
    found = telling.found
    place = found.index(unit)
    probability = float(found.probability[place])
    words = f"probability {100 * probability:.0f} %"
    if found.intensity is not None:
        words += f", intensity {found.intensity[place]:.1f}"
    alone = float(told.probability[told.action_units.index(unit)])
    return words + (f"; this picture by itself {100 * alone:.0f} %" if abs(alone - probability) >= _DIFFERS else "")


def _figure(source: str, alt: str, caption: str) -> str:
    picture = f'<img src="{source}" alt="{html.escape(alt)}" width="{_SIDE}" height="{_SIDE}">'
    return f"<li><figure>{picture}<figcaption>{caption}</figcaption></figure></li>"


def _sized(picture: np.ndarray) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))


def _number(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"
