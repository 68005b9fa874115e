"""What a network offers for videos where it has a cheaper way than frame by frame."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from aufait.models.outputs import AUOutput


class FaceStream(Protocol):
    """Predicts the frames of one face track in order, each once, possibly some frames late."""

    def push(self, image: np.ndarray, landmarks: np.ndarray) -> AUOutput:
        """The track's next frame -> the predictions that became possible, one row per frame, none to begin with.

        Args:
            image: (H, W, 3) uint8 RGB, the whole picture.
            landmarks: (68, 2) pixels of the picture.
        """

    def finish(self) -> AUOutput:
        """Predictions of the frames that are left; the stream is ready for another track."""
