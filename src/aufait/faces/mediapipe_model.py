"""Where MediaPipe's model file is: an explicit path, the environment, the user's cache; fetched only on request."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from aufait.download import download
from aufait.errors import MissingModelError

MODEL_NAME = "face_landmarker.task"
MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
MODEL_URL = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
)
MODEL_LICENCE = "Apache-2.0 (Google, MediaPipe Face Landmarker, float16, version 1)"
MODEL_VARIABLE = "AUFAIT_MEDIAPIPE_MODEL"


def cache_folder() -> Path:
    """Folder for files that a user chose to download: ``AUFAIT_CACHE``, else ``aufait`` in the XDG cache."""
    base = os.environ.get("AUFAIT_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aufait"


def find_model(path: Path | None = None) -> Path:
    """The model file, checked against its SHA-256.

    Looks at ``path``, else at the environment variable ``AUFAIT_MEDIAPIPE_MODEL``, else into the cache folder;
    downloads into the cache only when ``AUFAIT_DOWNLOAD=1``.

    Raises:
        MissingModelError: there is no such file, or it is another file; the message says what to do.
    """
    named = path or (Path(os.environ[MODEL_VARIABLE]) if os.environ.get(MODEL_VARIABLE) else None)
    if named is not None:
        file = named / MODEL_NAME if named.is_dir() else named
        if not file.is_file():
            raise MissingModelError(f"MediaPipe's face model is not at {file}. {_advice()}")
        return _checked(file)
    cached = cache_folder() / MODEL_NAME
    if not cached.is_file():
        if os.environ.get("AUFAIT_DOWNLOAD") != "1":
            raise MissingModelError(f"MediaPipe's face model is not at {cached}. {_advice()}")
        return fetch_model()
    return _checked(cached)


def fetch_model(folder: Path | None = None) -> Path:
    """Download the model file (3.8 MB) once into the cache folder and check it.

    Raises:
        MissingModelError: no connection, or the file that came is another one (it is not kept).
    """
    target = (folder or cache_folder()) / MODEL_NAME
    if target.is_file():
        return _checked(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            _checked(download(MODEL_URL, Path(scratch) / MODEL_NAME)).replace(target)
    except MissingModelError:
        raise
    except OSError as error:
        raise MissingModelError(f"could not keep MediaPipe's face model as {target}: {error}") from error
    return target


def _checked(file: Path) -> Path:
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise MissingModelError(f"MediaPipe's face model {file} cannot be read: {error}") from error
    if digest != MODEL_SHA256:
        raise MissingModelError(
            f"{file} is not the face model that aufait was checked with: its SHA-256 is {digest}, "
            f"expected {MODEL_SHA256}. {_advice()}"
        )
    return file


def _advice() -> str:
    return (
        f"Download {MODEL_URL} and pass its path or set {MODEL_VARIABLE} to it, or set AUFAIT_DOWNLOAD=1 once to fetch "
        f"it into {cache_folder()}; the builtin finder (--finder builtin) needs no such file."
    )
