"""AUNet on the pictures of a video: one face track, one pass through FAN per frame.

Each frame is brought to the running mean of the track's crops (``TrackAligner``); boxes come from the landmarks, as in training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from aufait.alignment import warp
from aufait.models.aunet.alignment import TrackAligner
from aufait.models.aunet.streaming import AUNetStream
from aufait.models.outputs import AUOutput

if TYPE_CHECKING:
    from aufait.models.aunet.model import AUNet


class AUNetTrack:
    """A ``FaceStream``: pictures and landmarks in, predictions out, T frames late.

    Args:
        model: AU-TDN or AUNet in evaluation mode.
    """

    def __init__(self, model: AUNet) -> None:
        self.stream = AUNetStream(model)
        self._size = int(model.config.image_size)
        self._aligner = TrackAligner(size=self._size, nose=model.config.nose)

    @torch.inference_mode()
    def push(self, image: np.ndarray, landmarks: np.ndarray) -> AUOutput:
        """See ``FaceStream``."""
        matrix = self._aligner.transform(landmarks)
        return self.stream.push(warp(image, matrix[None], self._size, 0).float() / 255)

    @torch.inference_mode()
    def finish(self) -> AUOutput:
        """See ``FaceStream``."""
        output = self.stream.finish()
        self._aligner = TrackAligner(size=self._size, nose=self._aligner.nose)
        return output
