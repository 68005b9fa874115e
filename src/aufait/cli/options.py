"""Options that several commands share, read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aufait.errors import InputError

if TYPE_CHECKING:
    from aufait.data.preparation import FaceCache


def open_caches(texts: Sequence[str]) -> dict[str, FaceCache]:
    """``["/faces", "disfa=/other"]`` -> name of the data set -> cache.

    Raises:
        InputError: none, two of one name, another name than the cache has, or a folder that is not a cache.
    """
    from aufait.data.preparation import FaceCache

    if not texts:
        raise InputError("give the prepared faces: --cache FOLDER (made by aufait prepare)")
    found: dict[str, FaceCache] = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        whole = not equals or Path(text).is_dir()
        cache = FaceCache.open(text if whole else folder)
        if not whole and name.strip() != cache.name:
            raise InputError(f"{folder} holds faces of {cache.name}, not of {name.strip()}; write --cache {cache.name}={folder}")
        if cache.name in found:
            raise InputError(f"two caches of {cache.name}; give each data set once")
        found[cache.name] = cache
    return found
