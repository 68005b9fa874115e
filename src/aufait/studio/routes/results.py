"""Scores of a finished recording: lanes, and what is drawn over the video."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from aufait.studio.arrays import Arrays, FaceRows
from aufait.studio.errors import StudioError
from aufait.studio.forms import FaceQuery, Identity, TimeQuery
from aufait.studio.lanes import lanes_json, make_lanes
from aufait.studio.overlay import faces_json, rows_between
from aufait.studio.studio import Studio

LONGEST_WINDOW = 20.0
_MOST_ROWS = 12_000


def router(studio: Studio) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/recordings/{identity}", tags=["results"])

    @routes.get("/lanes", response_class=Response)
    def lanes(
        identity: Identity,
        face: FaceQuery | None = None,
        units: Annotated[str | None, Query(max_length=300, description="such as 6,12; all if left out")] = None,
        start: TimeQuery | None = None,
        end: TimeQuery | None = None,
        points: Annotated[int, Query(ge=1, le=5000)] = 1200,
    ) -> Response:
        """Curves of action units, decimated to ``points``: mean, least and most of each stretch of time."""
        arrays = studio.arrays(identity)
        rows = _face(arrays, face)
        window = _window(arrays, start, end)
        numbers = _units(arrays, units)
        made = make_lanes(arrays, rows, [arrays.action_units.index(unit) for unit in numbers], *window, points)
        return _json(lanes_json(arrays, rows.face, numbers, window, made))

    @routes.get("/faces", response_class=Response)
    def faces(identity: Identity, start: TimeQuery = 0.0, end: TimeQuery | None = None) -> Response:
        """Boxes, landmarks and scores of every frame of at most 20 seconds."""
        arrays = studio.arrays(identity)
        end = start + 2.0 if end is None else end
        if end < start or end - start > LONGEST_WINDOW:
            raise StudioError(422, f"Ask for a window of at most {LONGEST_WINDOW:g} seconds whose end comes after its start.")
        rows = rows_between(arrays, start, end)
        if len(rows) > _MOST_ROWS:
            raise StudioError(422, f"This window holds {len(rows)} faces; an answer holds {_MOST_ROWS} at most, ask for less time.")
        return _json(faces_json(arrays, rows))

    return routes


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


def _face(arrays: Arrays, number: int | None) -> FaceRows:
    """The rows of a face; of the first one where none is named."""
    found = arrays.face(number) if number is not None else next(iter(arrays.faces), None)
    if found is None:
        known = ", ".join(str(one.face) for one in arrays.faces[:20]) or "none"
        raise StudioError(404, f"There is no such face in this recording; it has: {known}.", "unknown_face")
    return found


def _window(arrays: Arrays, start: float | None, end: float | None) -> tuple[float, float]:
    first, last = (float(arrays.frame_times[place]) for place in (0, -1))
    start = min(first, 0.0) if start is None else start
    end = last + arrays.frame_distance if end is None else end
    if not start < end:
        if start == end and len(arrays.frame_times) == 1:
            return start, end
        raise StudioError(422, f"The end of the window must come after its start, got {start:g} to {end:g}.")
    return start, end


def _units(arrays: Arrays, text: str | None) -> list[int]:
    """``6,12`` -> numbers that the recording has scores of."""
    if text is None or not text.strip():
        return list(arrays.action_units)
    try:
        numbers = list(dict.fromkeys(int(one) for one in text.split(",")))
    except ValueError:
        raise StudioError(422, "units are numbers separated by commas, such as 6,12.") from None
    if unknown := [unit for unit in numbers if unit not in arrays.action_units]:
        known = ", ".join(map(str, arrays.action_units))
        raise StudioError(422, f"This recording has no scores of action unit {unknown[0]}; it has: {known}.")
    return numbers
