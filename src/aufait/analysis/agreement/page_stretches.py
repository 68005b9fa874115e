"""Section of the page about the longest disagreements: a frame of each and a link into the video."""

from __future__ import annotations

import html
from pathlib import Path

from aufait.analysis.agreement.comparison import Comparison
from aufait.analysis.agreement.joined import Disagreement, longest_first
from aufait.analysis.agreement.page_pairs import unit_name
from aufait.analysis.agreement.thumbnails import middle, thumbnails
from aufait.analysis.page_parts import link_to, section

MOST = 24
"""Disagreements on the page; the table has all."""


def stretches_section(found: Comparison, folder: Path, pictures: bool = True) -> str:
    """The longest stretches in which one says present and the other absent."""
    ranked = longest_first(found.disagreements)
    if not ranked:
        none = "<p class='lead'>None: in no frame does one say present and the other absent.</p>"
        return section("Disagreements", "disagreements", none)
    shown = ranked[:MOST]
    images = thumbnails(found, shown) if pictures else {}
    cards = "".join(_card(found, one, images.get(place), folder) for place, one in enumerate(shown))
    more = f"All {len(ranked)}, longest first."
    if len(ranked) > MOST:
        more = f"The {MOST} longest of {len(ranked)}; disagreements.csv has all."
    seen = {one.recording for one in shown} - set(found.videos)
    lost = " No video was found to show; --video names it." if seen and not found.videos else ""
    return section("Longest disagreements", "disagreements", f"<p class='lead'>{more}{lost}</p><div class='cards'>{cards}</div>")


def _card(found: Comparison, one: Disagreement, image: str | None, folder: Path) -> str:
    picture = f'<img src="{image}" alt="Frame at {middle(one):.2f} s">' if image else ""
    times = f"{one.start:.2f}–{one.end:.2f} s"
    if (video := found.videos.get(one.recording)) is not None:
        start, end = max(0.0, one.start - video.shift), max(0.0, one.end - video.shift)
        address = f"{link_to(video.path, folder)}#t={start:.3f},{end:.3f}"
        picture = picture and f'<a href="{address}">{picture}</a>'
        times = f'<a href="{address}">{times}</a>'
    other = one.second if one.said_by == one.first else one.first
    where = ", ".join(filter(None, (f"{one.end - one.start:.2f} s", one.recording, one.person)))
    caption = (
        f"<b>{html.escape(unit_name(one.unit))}</b><br>{times} <small>({html.escape(where)})</small><br>"
        f"{html.escape(one.said_by)}: present; {html.escape(other)}: absent"
    )
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"
