"""One interface for every face finder, and the place where a name becomes a finder."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from aufait.errors import InputError, MissingModelError
from aufait.faces.face import Face
from aufait.layers.runtimes import TORCH, Runtime
from aufait.machine import one_thread_after_fork
from aufait.plugins import Plugins, find_plugins, refuse_taken

FINDERS: dict[str, str] = {
    "auto": "mesh where its file is there, else builtin",
    "mesh": "478 points by the networks of MediaPipe's face_landmarker.task, which `aufait doctor --fetch` gets once",
    "builtin": "aufait's own detector and landmark network, which come with it",
}
"""Name -> one sentence."""

_FORMER = {"mediapipe": "mesh"}
"""Names of finders that are gone -> the one that took their place."""


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
        """The faces of one picture (H, W, 3) uint8 RGB, largest first; empty if there is none."""

    def track(self, image: np.ndarray, timestamp: float) -> list[Face]:
        """The faces of the next frame of a video with track ids; timestamp in seconds."""

    def reset(self) -> None:
        """Start of another video: forgets all tracks."""

    def close(self) -> None:
        """Release models; the finder cannot be used afterwards."""


FinderMaker = Callable[..., FaceFinder]
"""Takes model_path, device, max_faces and min_confidence as keywords, as ``create_finder`` does."""

_REGISTERED: dict[str, FinderMaker] = {}


def list_finders() -> list[str]:
    """Names that ``create_finder`` knows, plug-ins last."""
    return [*FINDERS, *_own_finders()]


def register_finder(name: str, maker: FinderMaker) -> None:
    """Add a finder, for this process. Installed packages name an entry point ``aufait.finders`` instead.

    Raises:
        InputError: the name is taken, or ``maker`` cannot be called.
    """
    refuse_taken("finder", name, [*FINDERS, *_FORMER, *_own_finders()])
    wrong = _wrong_with(name, maker)
    if wrong:
        raise InputError(wrong)
    _REGISTERED[name] = maker


@lru_cache(maxsize=1)
def _plugins() -> Plugins:
    return find_plugins("aufait.finders", [*FINDERS, *_FORMER], _wrong_with)


def _wrong_with(name: str, maker: object) -> str:
    return "" if callable(maker) else f"a finder is given by a function that makes it, got a {type(maker).__name__}"


def _own_finders() -> dict[str, FinderMaker]:
    return {**_plugins().objects, **_REGISTERED}


def _made_by_stranger(name: str, **arguments: object) -> FaceFinder:
    """A finder of another package, checked.

    Raises:
        InputError: it has no such method or attribute of ``FaceFinder``.
    """
    finder = _own_finders()[name](**arguments)
    missing = [part for part in ("name", "find", "track", "reset", "close") if not hasattr(finder, part)]
    if missing:
        raise InputError(f"the finder {name!r} breaks the contract: {type(finder).__name__} has no {', '.join(missing)}")
    return finder


def create_finder(
    name: str = "auto",
    *,
    model_path: Path | None = None,
    device: str = "cpu",
    max_faces: int | None = None,
    min_confidence: float = 0.5,
    runtime: Runtime = TORCH,
) -> FaceFinder:
    """A face finder by name.

    Args:
        name: one of ``FINDERS``.
        model_path: the task file for ``mesh`` and ``auto``; a folder with other builtin weights for ``builtin``. None looks
            in the usual places.
        device: where the networks run, "cpu", "cuda", ...
        max_faces: keep the largest this many; None for all.
        min_confidence: drop faces that are less certain, in [0, 1].
        runtime: what runs the networks; finders of other packages choose for themselves.

    Raises:
        InputError: an unknown name, or a number out of range.
        MissingModelError: a model file is absent or another one than expected.
    """
    one_thread_after_fork()
    if name in _FORMER:
        raise InputError(
            f"there is no face finder {name!r} any more; {_FORMER[name]!r} runs the same networks without that package"
        )
    if name in _own_finders():
        return _made_by_stranger(
            name, model_path=model_path, device=device, max_faces=max_faces, min_confidence=min_confidence
        )
    if name not in FINDERS:
        _plugins().refuse_broken(name)
        near = get_close_matches(name, list_finders(), n=2, cutoff=0.4) or list_finders()
        raise InputError(
            f"unknown face finder {name!r}; did you mean {' or '.join(near)}? Known: {', '.join(list_finders())}"
        )
    if name == "auto":
        return _create_auto(model_path, device, max_faces, min_confidence, runtime)
    if name == "mesh":
        return _create_mesh(model_path, device, max_faces, min_confidence, runtime)
    return _create_builtin(model_path, device, max_faces, min_confidence, runtime)


def _create_auto(
    model_path: Path | None, device: str, max_faces: int | None, min_confidence: float, runtime: Runtime
) -> FaceFinder:
    from aufait.faces.task_file import FETCH_COMMAND, TASK_NAME, named_task_file
    from aufait.files.cache import cache_folder

    try:
        finder = _create_mesh(model_path, device, max_faces, min_confidence, runtime)
    except MissingModelError as error:
        if named_task_file(model_path) is not None:
            raise  # a user who names a file must be told that it cannot be used
        finder = _create_builtin(None, device, max_faces, min_confidence, runtime)
        damaged = (cache_folder() / TASK_NAME).exists()
        why = str(error) if damaged else f"there is no {TASK_NAME}, which {FETCH_COMMAND} gets once (3.8 MB)"
        finder.reason = f"{why}; with it, faces are found and scored more surely"
    else:
        finder.reason = f"{TASK_NAME} is there; its networks place landmarks more precisely than the builtin ones"
    return finder


def _create_builtin(
    weights: Path | None, device: str, max_faces: int | None, min_confidence: float, runtime: Runtime
) -> FaceFinder:
    from aufait.faces.builtin import BuiltinFinder

    return BuiltinFinder(
        weights=weights, device=device, max_faces=max_faces, min_confidence=min_confidence, runtime=runtime
    )


def _create_mesh(
    model_path: Path | None, device: str, max_faces: int | None, min_confidence: float, runtime: Runtime
) -> FaceFinder:
    from aufait.faces.mesh_finder import MeshFinder

    return MeshFinder(
        model_path=model_path,
        device=device,
        max_faces=max_faces,
        min_confidence=min_confidence,
        proposals=_builtin_proposals(device, runtime),
        runtime=runtime,
    )


def _builtin_proposals(device: str, runtime: Runtime) -> Callable[[np.ndarray, bool], np.ndarray] | None:
    """The builtin detector as a source of candidate boxes, or None where its weights are not there."""
    from aufait.faces.weights import weights_available

    if not weights_available("face_detector"):
        return None
    from aufait.faces.builtin import BoxDetector

    return BoxDetector.load(device=device, runtime=runtime).propose
