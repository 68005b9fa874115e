"""Predictions of nobody, for reports and scores."""

from __future__ import annotations

import numpy as np

from aufait.evaluation import Predictions


def made(frames: int = 240, subjects: int = 6, seed: int = 0, units: tuple[int, ...] = (1, 12), **changes: object) -> Predictions:
    """Predictions of nobody: right more often than not."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((frames, len(units))) < 0.3).astype(np.int8)
    person = np.repeat([f"s{k}" for k in range(subjects)], -(-frames // subjects))[:frames]
    values: dict[str, object] = {
        "action_units": units,
        "person": person,
        "recording": np.char.add(person, "/t"),
        "frame": np.arange(frames),
        "probability": np.clip(rng.random((frames, len(units))) * 0.7 + 0.3 * truth, 0, 1).astype(np.float32),
        "occurrence": truth,
        "occurrence_known": rng.random((frames, len(units))) < 0.9,
        "true_intensity": np.zeros((frames, len(units)), np.int8),
        "intensity_known": np.zeros((frames, len(units)), bool),
    }
    return Predictions(**{**values, **changes})  # type: ignore[arg-type]


def some_predictions(frames: int = 6) -> Predictions:
    """A few frames with everything that predictions can hold."""
    rng = np.random.default_rng(0)
    shape, known = (frames, 2), np.ones((frames, 2), bool)
    return Predictions(
        action_units=(1, 12), person=np.array(["a"] * frames), recording=np.array(["a/1"] * frames), frame=np.arange(frames),
        probability=rng.random(shape, np.float32), occurrence=rng.integers(0, 2, shape).astype(np.int8), occurrence_known=known,
        true_intensity=rng.integers(0, 6, shape).astype(np.int8), intensity_known=known, pose=np.zeros((frames, 3), np.float32),
        intensity=5 * rng.random(shape, np.float32), landmark_error=np.zeros(frames, np.float32),
        attributes={"fold": np.ones(frames, np.int64), "view": np.array(["left"] * frames)}, about={"model": "x"},
    )  # fmt: skip
