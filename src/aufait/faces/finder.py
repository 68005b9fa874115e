"""One interface for every face finder, and the place where a name becomes a finder."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from aufait.errors import AufaitError, InputError
from aufait.faces.face import Face

FINDERS: dict[str, str] = {
    "auto": "MediaPipe where it is installed together with its model file, else the builtin networks",
    "builtin": "aufait's own detector and landmark network, trained on rendered faces; needs nothing else",
    "mediapipe": "MediaPipe Face Landmarker (extra 'mediapipe' and its model file)",
}
"""Name -> one sentence."""


@runtime_checkable
class FaceFinder(Protocol):
    """Finds faces with 68 landmarks, confidence and head pose.

    Attributes:
        name: which back end answers.
        reason: why this one, for people to read; empty when it was asked for by name.
    """

    name: str
    reason: str

    def find(self, image: np.ndarray) -> list[Face]:
        """The faces of one picture (H, W, 3) uint8 RGB, largest first; empty where there is none."""

    def track(self, image: np.ndarray, timestamp: float) -> list[Face]:
        """The faces of the next frame of a video with track ids; timestamp in seconds."""

    def reset(self) -> None:
        """Start of another video: forgets all tracks."""

    def close(self) -> None:
        """Release models; the finder cannot be used afterwards."""


def create_finder(
    name: str = "auto",
    *,
    model_path: Path | None = None,
    device: str = "cpu",
    max_faces: int | None = None,
    min_confidence: float = 0.5,
) -> FaceFinder:
    """A face finder by name.

    Args:
        name: one of ``FINDERS``.
        model_path: MediaPipe's model file for ``mediapipe`` and ``auto``; a folder with other builtin weights for
            ``builtin``. None looks in the usual places.
        device: where the builtin networks run, "cpu", "cuda", ...; MediaPipe always runs on the CPU.
        max_faces: keep the largest this many; None for all.
        min_confidence: drop faces that are less sure, in [0, 1].

    Raises:
        InputError: an unknown name, or a number out of range.
        MissingExtraError: MediaPipe or one of its system libraries is not installed.
        MissingModelError: a model file is absent or another one than expected.
    """
    if name not in FINDERS:
        near = get_close_matches(name, FINDERS, n=2, cutoff=0.4) or list(FINDERS)
        raise InputError(
            f"unknown face finder {name!r}; did you mean {' or '.join(near)}? There are: {', '.join(FINDERS)}"
        )
    if name == "auto":
        return _create_auto(model_path, device, max_faces, min_confidence)
    if name == "mediapipe":
        return _create_mediapipe(model_path, device, max_faces, min_confidence)
    return _create_builtin(model_path, device, max_faces, min_confidence)


def _create_auto(model_path: Path | None, device: str, max_faces: int | None, min_confidence: float) -> FaceFinder:
    try:
        finder = _create_mediapipe(model_path, device, max_faces, min_confidence)
    except InputError:
        raise
    except AufaitError as error:
        if model_path is not None and not model_path.is_dir():
            raise  # who names a model file wants to hear that it cannot be used
        why = f"MediaPipe cannot be used ({error})"
        finder = _create_builtin(None, device, max_faces, min_confidence)
    else:
        why = "MediaPipe and its model file are available; it places landmarks more precisely than the builtin networks"
    finder.reason = why
    return finder


def _create_builtin(weights: Path | None, device: str, max_faces: int | None, min_confidence: float) -> FaceFinder:
    from aufait.faces.builtin import BuiltinFinder

    return BuiltinFinder(weights=weights, device=device, max_faces=max_faces, min_confidence=min_confidence)


def _create_mediapipe(model_path: Path | None, device: str, max_faces: int | None, min_confidence: float) -> FaceFinder:
    from aufait.faces.mediapipe_finder import MediaPipeFinder

    return MediaPipeFinder(
        model_path=model_path,
        max_faces=max_faces,
        min_confidence=min_confidence,
        proposals=_builtin_proposals(device),
    )


def _builtin_proposals(device: str) -> Callable[[np.ndarray], np.ndarray] | None:
    """The builtin detector as a source of candidate boxes, or None where its weights are not there."""
    from aufait.faces.weights import weights_available

    if not weights_available("face_detector"):
        return None
    from aufait.faces.builtin import BoxDetector

    return BoxDetector.load(device=device).propose
