"""Places in S3-like storage, named s3://BUCKET/PATH, through fsspec and s3fs (extra ``cloud``).

Credentials, region and endpoint are those of the environment or of the AWS configuration, as every S3 program takes them
(``AWS_ACCESS_KEY_ID``, ``AWS_PROFILE``, ``AWS_ENDPOINT_URL`` and so on). None of them comes into a message, a name or a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from aufait.errors import AufaitError, InputError, MissingExtraError

_START = re.compile(r"s3:[/\\]+", re.IGNORECASE)  # a path that was typed s3:// may have lost a stroke
_LIMITS = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 2}}
_CREDENTIALS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"


@dataclass(frozen=True)
class BucketPath:
    """A place in a bucket.

    Attributes:
        path: BUCKET/PATH without a stroke at its end.
    """

    path: str

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return self.path.partition("/")[0]

    def __truediv__(self, name: str) -> BucketPath:
        return BucketPath(f"{self.path}/{name}")

    def __str__(self) -> str:
        return f"s3://{self.path}"


def bucket_path(text: str | PurePath) -> BucketPath | None:
    """A text as a place in a bucket, None if it is none.

    Raises:
        InputError: it names no bucket.
    """
    plain = text.as_posix() if isinstance(text, PurePath) else text
    if (start := _START.match(plain)) is None:
        return None
    path = plain[start.end() :].strip("/")
    if not path or "?" in path.partition("/")[0]:
        raise InputError(f"{plain[:200]} names no bucket; write s3://BUCKET/PATH")
    return BucketPath(path)


def open_storage() -> Any:
    """The file system of all buckets.

    Raises:
        MissingExtraError: s3fs is not installed.
    """
    try:
        from s3fs import S3FileSystem
    except ImportError:
        raise MissingExtraError("reading and writing s3:// paths", "cloud") from None
    return S3FileSystem(config_kwargs=_LIMITS, use_listings_cache=False)


@contextmanager
def storage_errors(place: BucketPath, kind: type[AufaitError]) -> Iterator[None]:
    """Turns what the storage raises in the block into an error of this kind, in words and without what was sent to it."""
    try:
        yield
    except AufaitError:
        raise
    except Exception as error:
        raise kind(_words(place, error)) from None  # no traceback may show a request with its signature


def _words(place: BucketPath, error: Exception) -> str:
    name = type(error).__name__
    if isinstance(error, FileNotFoundError):
        return f"{place} does not exist; check the bucket and the path"
    if isinstance(error, PermissionError):
        return f"{place} may not be used with the credentials that are set; check these ({_CREDENTIALS}) and what they allow"
    if "Credential" in name:
        return f"{place}: no credentials were found; set {_CREDENTIALS}"
    if "Connect" in name or "Timeout" in name or "Endpoint" in name:
        return f"{place} cannot be reached ({name}); check the network and, where it is not Amazon's, AWS_ENDPOINT_URL"
    return f"{place} cannot be used ({name}); check its name, the region and the network"
