"""Films of coloured squares that stand for people, and a finder that takes them for faces."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from aufait.faces.face import Face
from aufait.faces.following import Effort, FollowingFinder

COLOURS = ((230, 40, 40), (40, 60, 230), (40, 200, 60))
GRID = np.stack(np.meshgrid(np.linspace(0.1, 0.9, 17), np.linspace(0.1, 0.9, 4)), axis=-1).reshape(68, 2)


class ColourFinder(FollowingFinder):
    """Takes squares of three colours for faces; where it looks again depends on where it looked before, as with the real ones."""

    name = "colours"

    def _search(self, image: np.ndarray, effort: Effort, known: list[Face]) -> list[Face]:
        return self._near(image, [np.array([0, 0, image.shape[1], image.shape[0]])] * len(COLOURS))

    def _look_again(self, image: np.ndarray, expected: list[Face]) -> list[Face]:
        return self._near(image, [face.box + [-9, -9, 9, 9] for face in expected for _ in COLOURS])

    def _near(self, image: np.ndarray, windows: list[np.ndarray]) -> list[Face]:
        found = []
        for number, window in enumerate(windows):
            x0, y0, x1, y1 = np.clip(window, 0, [*image.shape[1::-1]] * 2).round().astype(int)
            near = np.abs(image[y0:y1, x0:x1].astype(int) - COLOURS[number % len(COLOURS)]).max(axis=2) < 60
            rows, columns = np.nonzero(near)
            if len(rows) > 60:
                place = np.array([columns.min() + x0, rows.min() + y0])
                size = max(np.ptp(columns), np.ptp(rows)) + 1 + 0.05 * (window[0] % 1)  # a little of the window stays in it
                points = (GRID * size + place).astype(np.float32)
                found.append(Face(np.array([*points.min(axis=0), *points.max(axis=0)], np.float32), 0.9, points, None, -1))
        return found


def scene(frame: int) -> np.ndarray:
    """Two people who move; one leaves at frame 50, a third comes at 110; cuts from the red one to the blue one and back."""
    image = np.full((72, 128, 3), 128, np.uint8)
    image[::4] = 100
    cut = 180 <= frame < 250
    if cut:
        image[:, ::3] = 20
    sway = abs(frame % 80 - 40)
    people = [(1, 70, 30)] if cut else [(0, 6 + sway, 8)] + ([(1, 70 + sway, 20)] if frame < 50 else [])
    if not cut and frame >= 110:
        people.append((2, 60 - sway, 44))
    for number, x, y in people:
        image[y : y + 18, x : x + 18] = COLOURS[number]
        image[y + 5 : y + 7 + 3 * number, x + 4 : x + 8] = 0
    return image


def write_film(path: Path, frames: int) -> Path:
    """So many frames of the scene, 25 per second, with B-frames and open groups of pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25, width=128, height=72, pix_fmt="yuv420p")
        stream.options = {"preset": "ultrafast", "crf": "5", "x264-params": "keyint=40:bframes=2:open-gop=1:b-adapt=0"}
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(scene(number % 300), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
