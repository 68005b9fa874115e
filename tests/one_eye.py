"""A predictor that looks at one place only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aufait.detection.scores import FaceScores


@dataclass
class LooksAtOneEye:
    """AU1 is the brightness around the subject's right eye, AU12 that of nothing."""

    action_units = (1, 12)
    name = "one eye"
    sha256 = ""

    def predict(self, image: np.ndarray, landmarks: np.ndarray) -> FaceScores:
        rows = []
        for points in landmarks:
            x, y = points[36:42].mean(0).round().astype(int)
            eye = image[y - 4 : y + 5, x - 4 : x + 5].mean() / 255
            rows.append([eye, 0.3])
        return FaceScores(np.array(rows, np.float32))
