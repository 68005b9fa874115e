"""Key frames: for each face and action unit the frame in which it is strongest, the very one that the table names."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from aufait.results import FrameAnalysis
from aufait.visualization.results.page_pictures import THUMBNAIL, crop_face, data_uri
from aufait.visualization.results.page_text import key_frame_id, section, time_link, unit_name, value_text

MAX_FACES = 32
"""Faces with key frames; later ones are in the table alone."""


@dataclass(frozen=True, eq=False)
class KeyFrame:
    """One action unit at its strongest: seconds, value in words and in [0, 1], and the face as the address of a small picture."""

    unit: int
    face_id: int
    time: float
    value: str
    strength: float
    picture: str


class KeyFrames:
    """Keeps the strongest frame of each face and action unit; memory grows with the number of faces only."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, int], KeyFrame] = {}  # by face and action unit
        self._occurred: set[tuple[int, int]] = set()
        self._faces: set[int] = set()

    def add(self, frame: FrameAnalysis, image: np.ndarray, highest: Iterable[tuple[int, int]]) -> None:
        """Take in a frame.

        Args:
            frame: its analysis.
            image: (H, W, 3) uint8 RGB.
            highest: face ids and action units that are stronger in it than in any frame before, see ``Summary.add``.
        """
        for face in frame.faces:
            if face.face_id not in self._faces and len(self._faces) >= MAX_FACES:
                continue
            self._faces.add(face.face_id)
            self._occurred |= {(face.face_id, unit) for unit in face.active()}
            units = [unit for face_id, unit in highest if face_id == face.face_id]
            picture = data_uri(crop_face(image, face.box)) if units else ""  # an array would take ten times the memory
            named = "probability" if face.intensity is None else "intensity"
            for unit in units:
                place = face.index(unit)
                value, strength = f"{named} {value_text(face, place)}", float(face.strength[place])
                self.found[face.face_id, unit] = KeyFrame(unit, face.face_id, frame.timestamp, value, strength, picture)

    def shown(self, face_id: int) -> list[KeyFrame]:
        """Those of a face, by action unit; of units that occur at some time."""
        return [self.found[at] for at in sorted(self.found) if at[0] == face_id and at in self._occurred]

    def poster(self) -> float | None:
        """Time of the strongest of all in seconds, None where there is none."""
        best = max((self.found[at] for at in self._occurred if at in self.found), key=lambda key: key.strength, default=None)
        return None if best is None else best.time

    def to_html(self, faces: Iterable[int], film: str | None) -> str:
        """The part of the page with the key frames of some faces, or nothing where there are none."""
        shown = {face: keys for face in faces if (keys := self.shown(face))}
        if not shown:
            return ""
        body = ""
        for face, keys in shown.items():
            heading = f"<h3>Face {face}</h3>" if len(shown) > 1 else ""
            body += f'{heading}<ul class="gallery">{"".join(_item(key, film) for key in keys)}</ul>'
        return section("Key frames", "key-frames", body)


def _item(key: KeyFrame, film: str | None) -> str:
    name = unit_name(key.unit)
    caption = f"<b>AU{key.unit}</b> {name}<br><span>{key.value}, face {key.face_id}, {time_link(key.time, film)}</span>"
    alt = html.escape(f"Face {key.face_id} at {key.time:.2f} seconds, where AU{key.unit} {html.unescape(name)} is strongest")
    picture = f'<img src="{key.picture}" alt="{alt}" width="{THUMBNAIL}" height="{THUMBNAIL}">'
    place = key_frame_id(key.face_id, key.unit)
    return f'<li id="{place}"><figure>{picture}<figcaption>{caption}</figcaption></figure></li>'
