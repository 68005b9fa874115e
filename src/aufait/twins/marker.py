"""The marker of a twin: what says, in the folder itself, that the faces are rendered, with which settings, and what they show."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aufait.errors import InputError, OutputError
from aufait.twins.layouts import TwinLayout, twin_layout
from aufait.twins.traits import subject_traits

ENGINE_VERSION = 1
"""Raised whenever the same settings would give other bytes."""
MARKER, README = "SYNTHETIC.json", "README.txt"


@dataclass(frozen=True)
class TwinSettings:
    """What decides the content of a twin, all of it; written into its marker.

    Attributes:
        like: data set whose layout is imitated.
        subjects: names of the subjects.
        tasks: number or names of the tasks, None for all.
        frames: frames per recording.
        size: side of the square pictures in pixels; the originals are larger.
        seed: same seed, same bytes; other seeds show other people.
        fps: drawn frames per second of acted time.
        occlusions: share of recordings with a hand, an object or a mask in front of the face for a while.
        supersample: see ``renderer.render``.
        views: numbers of the views, where the data set has several.
        cameras: names of the cameras, where the data set has several; () for the usual one.
        uncoded: pictures without labels on either side of a coded span.
    """

    like: str
    subjects: tuple[str, ...]
    tasks: int | tuple[str, ...] | None
    frames: int
    size: int
    seed: int
    fps: float
    occlusions: float
    supersample: float
    views: tuple[int, ...] = ()
    cameras: tuple[str, ...] = ()
    uncoded: int = 0

    def __post_init__(self) -> None:
        limits = (("frames", 2, 100_000), ("size", 48, 2048), ("seed", 0, 2**31), ("fps", 0.5, 120.0), ("uncoded", 0, 10_000))
        for name, low, high in (*limits, ("occlusions", 0.0, 1.0), ("supersample", 1.0, 4.0)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} of a twin must be {low:g} to {high:g}, got {value}")


_LATER = ("cameras", "uncoded")
"""Settings that older twins do not name; left out where they are not used, so that such twins are still recognised."""


def marker_head(settings: TwinSettings) -> dict[str, Any]:
    named = {name: value for name, value in asdict(settings).items() if value or name not in _LATER}
    head = {"synthetic": True, "engine": ENGINE_VERSION, "like": settings.like, "seed": settings.seed, "settings": named}
    plain: dict[str, Any] = json.loads(json.dumps(head))
    return plain


def read_marker(marker: Path) -> dict[str, Any]:
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
    except ValueError as error:
        raise OutputError(f"{marker} is damaged ({error}); remove the folder or choose another") from error
    return content if isinstance(content, dict) else {}


def difference(there: dict[str, Any], head: dict[str, Any]) -> str:
    old, new = there.get("settings") or {}, head["settings"]
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    changed = [f"{name} {old.get(name, 'default')} there, {new.get(name, 'default')} wanted" for name in names]
    return "; ".join(changed[:3]) or f"engine {there.get('engine')} there, {head['engine']} now"


def person_facts(layout: TwinLayout, subject: str, seed: int) -> dict[str, Any]:
    traits = subject_traits(layout.person(subject), seed, layout.indoors)
    return {
        "person": layout.person(subject),
        "skin_tone": round(traits.skin_tone, 3),
        "age": round(traits.age, 1),
        "sex": traits.sex,
        "eyewear": traits.eyewear,
        "beard": traits.beard,
        "hair": f"{traits.hair_colour} {traits.hair_style}",
    }


def readme_text(settings: TwinSettings) -> str:
    title = twin_layout(settings.like).title
    return (
        "SYNTHETIC DATA. No real person is shown here.\n\n"
        f"This folder imitates the layout and the label format of {title}. All faces were drawn by a computer program\n"
        f"(aufait twin {settings.like}), and no picture, label or landmark comes from {title}. Names of subjects\n"
        "are those of the data set only so that its published protocols apply.\n"
        "Figures measured on these data are figures on drawn faces and must be reported as such.\n"
        "SYNTHETIC.json holds the settings and the exact values.\n"
    )
