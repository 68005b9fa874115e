"""A finder for pictures that are cropped already: the whole picture is one face, its landmarks where a mean face has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from aufait.faces import Face


class WholePicture:
    """Finds one face in every picture. A real finder would look."""

    name = "whole-picture"
    reason = ""

    def __init__(self) -> None:
        outline = np.stack([np.linspace(0.15, 0.85, 17), 0.4 + 0.5 * np.sin(np.linspace(0, np.pi, 17))], axis=1)
        brows = [(x, 0.3) for x in np.linspace(0.22, 0.44, 5)] + [(x, 0.3) for x in np.linspace(0.56, 0.78, 5)]
        nose = [(0.5, y) for y in np.linspace(0.38, 0.56, 4)] + [(x, 0.6) for x in np.linspace(0.42, 0.58, 5)]
        eyes = [(x + 0.07 * np.cos(a), 0.4 - 0.02 * np.sin(a)) for x in (0.33, 0.67) for a in np.linspace(np.pi, -2 / 3 * np.pi, 6)]
        mouth = [(0.5 + r * np.cos(a), 0.73 - 0.4 * r * np.sin(a)) for r, n in ((0.14, 12), (0.1, 8))
                 for a in np.pi - 2 * np.pi * np.arange(n) / n]  # fmt: skip
        self._points = np.concatenate([outline, brows, nose, eyes, mouth])

    def find(self, image: np.ndarray) -> list[Face]:
        """One face, as large as the picture."""
        height, width = image.shape[:2]
        landmarks = (self._points * [width, height]).astype(np.float32)
        box = np.array([*landmarks.min(0), *landmarks.max(0)], np.float32)
        return [Face(box=box, confidence=1.0, landmarks=landmarks)]

    def track(self, image: np.ndarray, timestamp: float) -> list[Face]:
        """The same face all the time."""
        return [Face(box=face.box, confidence=1.0, landmarks=face.landmarks, track_id=0) for face in self.find(image)]

    def reset(self) -> None:
        """Nothing is remembered."""

    def close(self) -> None:
        """Nothing is held."""


def make_finder(**_: Any) -> WholePicture:
    """Takes model_path, device, max_faces and min_confidence; needs none of them."""
    return WholePicture()
