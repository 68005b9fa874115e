"""Markers of a recording: named stretches of time, from the page or from a file of annotations."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aufait.errors import InputError, InputWarning
from aufait.studio.errors import StudioError

if TYPE_CHECKING:
    from aufait.studio.store import Store

_MOST = 10_000


def markers_of(store: Store, recording: str) -> list[dict[str, Any]]:
    """In the order of time."""
    rows = store.rows("SELECT start, end, label FROM markers WHERE recording = ? ORDER BY start, end, label", (recording,))
    return [dict(row) for row in rows]


def keep_markers(store: Store, recording: str, markers: Sequence[Mapping[str, Any]]) -> None:
    """Put markers in the place of all of a recording."""
    rows = [(recording, one["start"], one["end"], one["label"]) for one in markers]
    store.replace_all("DELETE FROM markers WHERE recording = ?", recording, "INSERT INTO markers VALUES (?, ?, ?, ?)", rows)


def read_markers(path: Path, name: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Markers of a file that was sent, and what is odd about it.

    Args:
        name: what to call it in sentences.

    Raises:
        StudioError: 422, it holds no annotations.
    """
    from aufait.analysis.annotations import read_annotations

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        try:
            spans = read_annotations(path)
        except InputError as error:
            raise StudioError(422, str(error).replace(str(path), name), "bad_input") from error
    if len(spans) > _MOST:
        raise StudioError(422, f"{name} holds {len(spans)} annotations; at most {_MOST} markers are kept.")
    told = [str(one.message).replace(str(path), name) for one in caught if issubclass(one.category, InputWarning)]
    found = [{"start": one.start, "end": one.end, "label": (one.label or one.tier or "marker")[:200]} for one in spans]
    return found, told
