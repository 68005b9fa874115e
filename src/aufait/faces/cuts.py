"""Hard cuts of a video, from the pictures alone.

A picture is reduced to 18 x 32 cells. Two of them are similar when their brightness correlates, whatever the light and
however the camera has moved by up to two cells between them. A cut is between two pictures that are unlike, where those
before were similar: fast motion is not a cut, nor is a hand that gradually fills the picture. What such a cut does not show (the
same studio, another person) is seen from the appearance of the faces (``appearance``); the two together say who is who.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_ROWS, _COLUMNS, _SAMPLES, _SHIFT = 18, 32, 3, 2


@dataclass(frozen=True)
class CutConfig:
    """Settings of ``CutDetector``. Change is 1 minus the correlation: 0 for the same picture, about 1 for another one."""

    change: float = 0.45
    """Change from one picture to the next from which there may be a cut ..."""

    sudden: float = 2.5
    """... if it is this many times the usual change."""

    smoothing: float = 0.2
    """Share of a new change in the usual one."""

    plain: float = 4.0
    """Grey levels: pictures that vary less than this say little."""


class CutDetector:
    """Says of each picture of a video whether there is a cut before it. One object per video; memory is constant.

    Attributes:
        picture: (18, 32) the last one, small; None before the first.
    """

    def __init__(self, config: CutConfig | None = None) -> None:
        self.config = config or CutConfig()
        self.picture: np.ndarray | None = None
        self._usual = 0.0

    def reset(self) -> None:
        """Start of another video."""
        self.picture = None
        self._usual = 0.0

    def cut_before(self, image: np.ndarray) -> bool:
        """Whether there is a cut between the last picture and ``image`` (H, W, 3) uint8; sizes may differ."""
        before, self.picture = self.picture, small_picture(image)
        if before is None:
            return False
        new = change(before, self.picture, self.config.plain)
        cut = new > max(self.config.change, self.config.sudden * self._usual)
        self._usual += self.config.smoothing * (new - self._usual)
        return cut


def small_picture(image: np.ndarray) -> np.ndarray:
    """(18, 32) float32 brightness of even cells of a picture (H, W, 3), from nine pixels each."""
    height, width = image.shape[:2]
    rows = ((np.arange(_ROWS * _SAMPLES) + 0.5) / (_ROWS * _SAMPLES) * height).astype(np.intp)
    columns = ((np.arange(_COLUMNS * _SAMPLES) + 0.5) / (_COLUMNS * _SAMPLES) * width).astype(np.intp)
    samples = image[rows[:, None], columns].astype(np.float32).reshape(_ROWS, _SAMPLES, -1).sum(axis=1)
    return np.asarray(samples.reshape(_ROWS, _COLUMNS, -1).mean(axis=2) / np.float32(_SAMPLES))


def cells_in(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(18, 32) bool: cells of the small picture whose middle is in one of the boxes (N, 4), in pixels of a picture of this size.

    Args:
        boxes: x0, y0, x1, y1.
        size: width and height.
    """
    width, height = size
    x = (np.arange(_COLUMNS) + 0.5) / _COLUMNS * width
    y = (np.arange(_ROWS) + 0.5) / _ROWS * height
    across = (x >= boxes[:, :1]) & (x <= boxes[:, 2:3])  # (N, 32)
    down = (y >= boxes[:, 1:2]) & (y <= boxes[:, 3:])  # (N, 18)
    return np.asarray((down[:, :, None] & across[:, None]).any(axis=0))


def change(first: np.ndarray, second: np.ndarray, plain: float) -> float:
    """1 minus the best correlation of two small pictures over shifts of up to two cells; two plain pictures count as similar.

    Args:
        first, second: (18, 32).
        plain: standard deviation, in grey levels, added to both, so that noise of plain pictures does not count.
    """
    inner = first[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT]
    inner = inner - inner.mean()
    windows = np.lib.stride_tricks.sliding_window_view(second, inner.shape).reshape(-1, inner.size)  # (25, 14 * 28)
    count = inner.size
    mean = windows.mean(axis=1)
    variance = (windows * windows).mean(axis=1) - mean * mean
    covariance = windows @ inner.ravel() / count
    own = float((inner * inner).mean())
    noise = plain * plain
    return float(1.0 - ((covariance + noise) / np.sqrt((own + noise) * (np.maximum(variance, 0.0) + noise))).max())
