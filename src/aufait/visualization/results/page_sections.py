"""Parts of the page that only show what they are given: video, timeline, gallery, files, provenance, and the key to the bars."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from aufait.results import FaceAnalysis, FrameAnalysis
from aufait.visualization.palette import probability_colour, to_hex
from aufait.visualization.results.page_text import section, unquoted, url_of, value_text

_STOPS = 5  # of the strip of colours


def video_section(film: str | None, poster: float | None, key: str) -> str:
    """The video, which shows a telling frame before it plays, and the key to its bars."""
    if film is None:
        return ""
    start = f"#t={poster:.3f}" if poster is not None else ""
    player = (
        f'<video controls preload="metadata" src="{film}{start}" aria-label="Video with the results drawn in">'
        f'<a href="{film}">Open the video</a></video>'
    )
    return section("Video", "video", player + key)


def bars_key(*, graded: bool, sided: bool) -> str:
    """What length, colour and halves of the bars in pictures mean.

    Args:
        graded: the model gives intensities.
        sided: it gives the sides of the face.
    """
    colours = ", ".join(to_hex(probability_colour(place / (_STOPS - 1))) for place in range(_STOPS))
    strip = f'<i class="strip" style="background:linear-gradient(90deg, {colours})" aria-hidden="true"></i>'
    length = "intensity, 0 to 5 (FACS A to E are 1 to 5)" if graded else "probability, 0 to 1"
    halves = "<li><b>Split bar</b> the subject's left above, right below: where the two differ by 1 or more</li>" if sided else ""
    return (
        f'<ul class="key" aria-label="Key to the bars"><li><b>Bar length</b> {length}</li>'
        f"<li><b>Bar colour</b> probability, 0 {strip} 1</li>{halves}</ul>"
    )


def timeline_section(timeline: bytes | None) -> str:
    """The timeline, which can be moved sideways where the screen is narrow."""
    if timeline is None:
        return ""
    source = "data:image/png;base64," + base64.b64encode(timeline).decode("ascii")
    alt = "Intensity of each action unit over time, one row per action unit; the table below gives the figures"
    picture = f'<img class="timeline" src="{source}" alt="{alt}">'
    return section("Timeline", "timeline", f'<div class="wide" role="region" tabindex="0" aria-label="Timeline">{picture}</div>')


def gallery_section(pictures: Sequence[tuple[FrameAnalysis, str, str | None]], total: int, key: str) -> str:
    """Pictures with their captions.

    Args:
        pictures: analysis, address of the small picture, name of the file that it leads to.
        total: how many there are, also those that are not shown.
        key: to the bars.
    """
    if not pictures:
        return ""
    items = "".join(_picture(frame, uri, link) for frame, uri, link in pictures)
    more = total - len(pictures)
    rest = f"<p class='lead'>{more} more pictures are in the table.</p>" if more > 0 else ""
    return section("Pictures", "pictures", f'{key}<ul class="gallery large">{items}</ul>{rest}')


def _picture(frame: FrameAnalysis, uri: str, link: str | None) -> str:
    name = html.escape(PurePath(frame.source).name)
    found = [_occurring(face, name=len(frame.faces) > 1) for face in frame.faces] or ["no face"]
    picture = f'<img src="{uri}" alt="{name}: {"; ".join(found)}" loading="lazy">'
    if link is not None:
        picture = f'<a href="{url_of(link)}">{picture}</a>'
    return f"<li><figure>{picture}<figcaption>{name}<br><span>{'<br>'.join(found)}</span></figcaption></figure></li>"


def _occurring(face: FaceAnalysis, *, name: bool) -> str:
    strongest = sorted((face.index(unit) for unit in face.active()), key=lambda position: -face.strength[position])
    found = ", ".join(f"AU{face.action_units[position]} {value_text(face, position)}" for position in strongest)
    return f"Face {face.face_id}: {found or 'no action unit'}" if name else found or "no action unit"


def files_section(links: Sequence[str]) -> str:
    """Links to the other results."""
    if not links:
        return ""
    items = "".join(f'<li><a href="{link}">{html.escape(unquoted(link))}</a></li>' for link in links)
    return section("Files", "files", f"<ul>{items}</ul>")


def provenance_section(record: Mapping[str, Any] | None) -> str:
    """What made the results: the main facts, and the whole record to open."""
    if record is None:
        return ""
    model, software = record.get("model") or {}, record.get("software") or {}
    facts = {
        "Model": model.get("name"),
        "Model SHA-256": model.get("sha256"),
        "Face finder": record.get("finder"),
        "Input": ", ".join(str(entry.get("name")) for entry in (record.get("inputs") or [])[:5]),
        "Input SHA-256": ", ".join(str(entry.get("sha256")) for entry in (record.get("inputs") or [])[:1]),
        "Software": ", ".join(f"{name} {version}" for name, version in software.items()),
        "Started": record.get("started"),
    }
    rows = "".join(f"<dt>{name}</dt><dd>{html.escape(str(value))}</dd>" for name, value in facts.items() if value)
    text = html.escape(json.dumps(dict(record), indent=2, ensure_ascii=False, default=str))
    details = f"<details><summary>Whole record</summary><pre>{text}</pre></details>"
    return section("Provenance", "provenance", f"<dl>{rows}</dl>{details}")
