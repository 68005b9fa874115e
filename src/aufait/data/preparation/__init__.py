"""Preparation: pictures of a data set are turned, once, into aligned faces that training can read in any order.

- ``prepare(dataset, out)`` reads every labelled picture once, finds the face, aligns it, and leaves a folder of aligned
  faces, landmarks and labels; killed and started again it ends with the same bytes.
- ``FaceCache.open(out)`` reads that folder: ``cache.dataset()`` for protocols, ``cache.faces(rows)`` for batches.
- ``write_cache`` makes such a folder from faces that are aligned already.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aufait.data.preparation.cache import FaceCache
    from aufait.data.preparation.preparing import prepare
    from aufait.data.preparation.writing import write_cache

_MODULE_OF = {
    "FaceCache": "cache",
    "prepare": "preparing",
    "write_cache": "writing",
}

__all__ = ["FaceCache", "prepare", "write_cache"]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
