"""Which releases of MediaPipe keep what they do to themselves.

From 0.10.35 on (seen up to 1.2.2) MediaPipe's native library posts a record of each use to ``play.googleapis.com``,
from a thread of its own and without a switch to turn it off. aufait promises that detection opens no network
connection, so such a release is not used unless the user allows it with ``AUFAIT_ALLOW_MEDIAPIPE_REPORTS=1``.
"""

from __future__ import annotations

import importlib.metadata
import os
import re

from aufait.errors import MissingExtraError

FIRST_REPORTING = (0, 10, 34)
"""Releases from here on report their use; 0.10.33 is the last that does not (0.10.34 was never published)."""

ALLOW_VARIABLE = "AUFAIT_ALLOW_MEDIAPIPE_REPORTS"


def reporting_release() -> str | None:
    """The installed release of MediaPipe if it reports its use and the user has not allowed that, else None."""
    if os.environ.get(ALLOW_VARIABLE) == "1":
        return None
    try:
        version = importlib.metadata.version("mediapipe")
    except importlib.metadata.PackageNotFoundError:
        return None
    return version if parse_release(version) >= FIRST_REPORTING else None


def refuse_reporting_release() -> None:
    """Stops before such a release is loaded.

    Raises:
        MissingExtraError: the installed release reports its use; the message says which one to install instead.
    """
    version = reporting_release()
    if version is None:
        return
    problem = MissingExtraError("the mediapipe face finder", "mediapipe")
    problem.msg = f"MediaPipe {version} sends a record of each use to its maker over the network; {advice()}"
    raise problem


def advice() -> str:
    """What to do about a release that reports its use."""
    return (
        "install one that does not: pip install 'mediapipe>=0.10.30,<0.10.34'; "
        f"or allow it with {ALLOW_VARIABLE}=1; the builtin finder (--finder builtin) needs neither"
    )


def parse_release(version: str) -> tuple[int, ...]:
    """``"0.10.33"`` -> (0, 10, 33); what follows the numbers is left out."""
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in numbers.group().split(".")) if numbers else ()
