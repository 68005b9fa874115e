"""Videos in S3-like storage as addresses that are read by range: nothing is copied to this machine."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from aufait.errors import InputError
from aufait.files.buckets import BucketPath, open_storage, storage_errors
from aufait.media.addresses import Address

_SIGNED_SECONDS = 7 * 24 * 3600  # the longest that S3 allows


def videos_in(place: BucketPath, extensions: frozenset[str], *, recursive: bool = False) -> list[Address]:
    """The videos that a path, a folder or a pattern names, in the order of their names.

    Args:
        place: may hold ``*``, ``?``, ``[...]`` and ``**``.
        extensions: of videos; in a folder others are left out.
        recursive: also read folders inside folders.

    Raises:
        InputError: nothing there, not allowed, not reachable.
        MissingExtraError: s3fs is not installed.
    """
    storage = open_storage()
    with storage_errors(place, InputError):
        found = sorted(_keys(storage, place, recursive))
        kept = [key for key in found if PurePosixPath(key).suffix.lower() in extensions]
        if not kept:
            raise InputError(f"{place} holds no video; pictures in buckets are not read: copy them to a disc first")
        return [Address(storage.sign(key, expiration=_SIGNED_SECONDS), str(BucketPath(key))) for key in kept]


def _keys(storage: Any, place: BucketPath, recursive: bool) -> list[str]:
    if any(letter in place.path for letter in "*?["):
        return list(storage.glob(place.path))
    if storage.isfile(place.path):
        return [place.path]
    found = storage.find(place.path, maxdepth=None if recursive else 1)
    if not found:
        storage.info(place.path)  # which says what is wrong
    return list(found)
