"""What a person says about events: accept, reject, move, add; the rules, apart from how they are stored and sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aufait.studio.arrays import Arrays
from aufait.studio.errors import StudioError
from aufait.studio.events import STATUSES

CONFIRMED = ("accepted", "moved", "added")
"""Statuses of what a person has seen and let stand."""

_PLACE = ("onset", "offset", "unit", "side")
_FOUND = (*_PLACE, "apex", "peak", "mean")
__all__ = ["CONFIRMED", "STATUSES", "corrected", "new_event"]


def new_event(arrays: Arrays, given: Mapping[str, Any]) -> dict[str, Any]:
    """An event that a person added."""
    return _measured(arrays, {**given, "status": "added", "found": None})


def corrected(arrays: Arrays, event: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """An event after a correction.

    Args:
        event: as it is.
        given: what is to change, and nothing else.

    Raises:
        StudioError: 422, it would end before it begins, or an added event is given a status.
    """
    new = {**event, **given}
    if given.get("note", "") is None:
        new["note"] = ""
    for name in ("onset", "offset", "unit", "status"):
        if new[name] is None:
            raise StudioError(422, f"{name} cannot be empty; leave it out to keep it.")
    if event["status"] == "added":
        if given.get("status") is not None:
            raise StudioError(422, "An event that a person added has no other status; delete it if it is wrong.")
    elif given.get("status") == "found":
        return {**new, **(event["found"] or {}), "found": None}
    elif any(new[name] != event[name] for name in _PLACE):
        new |= {"status": "moved", "found": event["found"] or {name: event[name] for name in _FOUND}}
    if not new["onset"] < new["offset"]:
        raise StudioError(422, f"An event must end after it begins, got {new['onset']:g} to {new['offset']:g}.")
    return _measured(arrays, new) if any(new[name] != event[name] for name in _PLACE) else new


def _measured(arrays: Arrays, event: dict[str, Any]) -> dict[str, Any]:
    """The event with apex, peak and mean of the scores between its ends; unknown where there are none.

    Raises:
        StudioError: 422, it lies outside the recording, or is of a face that is not there.
    """
    onset, offset = event["onset"], event["offset"]
    if offset <= arrays.frame_times[0] or onset > arrays.frame_times[-1]:
        raise StudioError(422, f"The recording runs from {arrays.frame_times[0]:.3f} to {arrays.frame_times[-1]:.3f} s.")
    rows = arrays.face(event["face"])
    if rows is None and event["face"] != -1:
        raise StudioError(422, f"There is no face {event['face']} in this recording.")
    kind = "intensity" if arrays.has_intensity else "probability"
    unknown = {**event, "apex": onset, "peak": None, "mean": None, "kind": kind}
    scores = arrays.scores.get(f"{kind}_{event['side']}" if event.get("side") else kind)
    if rows is None or scores is None or event["unit"] not in arrays.action_units:
        return unknown
    times = arrays.time[rows.start : rows.stop]
    first, last = (rows.start + int(place) for place in np.searchsorted(times, (onset, offset)))
    values = scores[arrays.action_units.index(event["unit"]), first:last]
    if not np.isfinite(values).any():
        return unknown
    apex = float(arrays.time[first + int(np.nanargmax(values))])
    return {**event, "apex": apex, "peak": float(np.nanmax(values)), "mean": float(np.nanmean(values)), "kind": kind}
