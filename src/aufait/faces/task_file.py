"""MediaPipe's ``face_landmarker.task``: where it is, whether it is the right one, and what is inside.

The file (3.8 MB, Apache-2.0, by Google) is a zip archive with three TFLite networks. It does not come with aufait: a user names
its path, points the environment at it, or has it fetched once into the cache folder. Its SHA-256 is checked each time, so the
the readers that follow need not expect anything else.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
from pathlib import Path

from aufait.errors import MissingModelError
from aufait.faces.tflite_weights import Operator, read_operators
from aufait.files.cache import cache_folder
from aufait.files.download import download

TASK_NAME = "face_landmarker.task"
TASK_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
TASK_URL = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
)
TASK_VARIABLE = "AUFAIT_MEDIAPIPE_MODEL"
FETCH_COMMAND = "aufait doctor --fetch"

NETWORKS = {
    "detector": "face_detector.tflite",
    "landmarks": "face_landmarks_detector.tflite",
    "blendshapes": "face_blendshapes.tflite",
}
"""Our name of each network -> its name in the archive."""


def find_task_file(path: Path | None = None) -> Path:
    """The task file, checked against its SHA-256.

    Looks at ``path`` (the file or its folder), else at the environment variable ``AUFAIT_MEDIAPIPE_MODEL``, else into the
    cache folder; downloads into the cache only when ``AUFAIT_DOWNLOAD=1``.

    Raises:
        MissingModelError: there is no such file, or it is another file; the message says what to do.
    """
    file = named_task_file(path)
    if file is not None:
        if not file.is_file():
            raise MissingModelError(f"{TASK_NAME} is not at {file}. {_advice()}")
    else:
        file = cache_folder() / TASK_NAME
        if not file.is_file():
            if os.environ.get("AUFAIT_DOWNLOAD") != "1":
                raise MissingModelError(f"{TASK_NAME} is not at {file}. {_advice()}")
            return fetch_task_file()
    _checked(file)
    return file


def named_task_file(path: Path | None = None) -> Path | None:
    """Where the user says that the file is: ``path`` or the environment variable; None where neither says anything."""
    variable = os.environ.get(TASK_VARIABLE)
    named = path or (Path(variable) if variable else None)
    return named / TASK_NAME if named is not None and named.is_dir() else named


def read_networks(path: Path | None = None) -> dict[str, list[Operator]]:
    """Name of each network ("detector", "landmarks", "blendshapes") -> its operators with weights, in running order.

    Args:
        path: see ``find_task_file``.

    Raises:
        MissingModelError: no such file, or another one.
    """
    with zipfile.ZipFile(io.BytesIO(_checked(find_task_file(path)))) as archive:
        return {name: read_operators(archive.read(member)) for name, member in NETWORKS.items()}


def fetch_task_file(folder: Path | None = None) -> Path:
    """Download the file (3.8 MB) once into the cache folder and check it.

    Raises:
        MissingModelError: no connection, or the file that came is another one (it is not kept).
    """
    target = (folder or cache_folder()) / TASK_NAME
    if target.is_file():
        _checked(target)
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            arrived = download(TASK_URL, Path(scratch) / TASK_NAME)
            _checked(arrived)
            arrived.replace(target)
    except MissingModelError:
        raise
    except OSError as error:
        raise MissingModelError(f"could not keep {TASK_NAME} as {target}: {error}") from error
    return target


def _checked(file: Path) -> bytes:
    """What is in the file, if it is the file that aufait knows."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise MissingModelError(f"{file} cannot be read: {error}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != TASK_SHA256:
        raise MissingModelError(
            f"{file} is not the {TASK_NAME} that aufait knows ({_what_is_it(data)}): its SHA-256 is {digest}, "
            f"expected {TASK_SHA256}. {_advice()}"
        )
    return data


def _what_is_it(data: bytes) -> str:
    if b"PK\x03\x04" not in data[:1024]:
        return f"{len(data)} bytes, not a zip archive"
    try:
        members = zipfile.ZipFile(io.BytesIO(data)).namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return f"{len(data)} bytes, a damaged or cut-off zip archive"
    if missing := [member for member in NETWORKS.values() if member not in members]:
        return f"a zip archive without {', '.join(missing)}"
    return "another version of it"


def _advice() -> str:
    return (
        f"Get it with: {FETCH_COMMAND}; or download {TASK_URL} and pass its path or set {TASK_VARIABLE} to it; "
        "the builtin finder (--finder builtin) needs no such file."
    )
