"""Events and what a person says about them; markers."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from aufait.studio.corrections import corrected, new_event
from aufait.studio.errors import StudioError
from aufait.studio.events import event_of, events_of, write_event
from aufait.studio.forms import LATEST, Correction, FaceQuery, Identity, Markers, NewEvent, TimeQuery
from aufait.studio.guard import SMALL_BODY
from aufait.studio.markers import keep_markers, markers_of, read_markers
from aufait.studio.studio import Studio
from aufait.studio.uploads import receive_upload

Number = Annotated[int, PathParameter(ge=1, le=2**53, description="of the event")]


def router(studio: Studio) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/recordings/{identity}", tags=["events"])

    @routes.get("/events", response_class=Response)
    def events(
        identity: Identity, face: FaceQuery | None = None, start: TimeQuery = -LATEST, end: TimeQuery = LATEST
    ) -> Response:
        """Events that are there between two times, in the order of time: found, accepted, rejected, moved and added ones."""
        studio.done(identity)
        found = events_of(studio.store, identity, face, (start, end))
        return Response(json.dumps({"events": found}, separators=(",", ":")), media_type="application/json")

    @routes.post("/events", status_code=201)
    def add(identity: Identity, event: NewEvent) -> dict[str, Any]:
        """Add an event that was not found."""
        number = write_event(studio.store, identity, new_event(studio.arrays(identity), event.model_dump()))
        return _told(studio, identity, number)

    @routes.put("/events/{number}")
    def change(identity: Identity, number: Number, correction: Correction) -> dict[str, Any]:
        """Accept, reject, move or describe an event; ``status`` "found" takes a correction back."""
        arrays = studio.arrays(identity)
        given = correction.model_dump(include=correction.model_fields_set)
        write_event(studio.store, identity, corrected(arrays, _event(studio, identity, number), given), number)
        return _told(studio, identity, number)

    @routes.delete("/events/{number}", status_code=204)
    def delete(identity: Identity, number: Number) -> Response:
        """Delete an event that a person added; those that were found are rejected instead."""
        studio.done(identity)
        if _event(studio, identity, number)["status"] != "added":
            raise StudioError(409, "Events that were found are rejected, not deleted: PUT {\"status\": \"rejected\"}.", "not_added")
        studio.store.change("DELETE FROM events WHERE recording = ? AND id = ?", (identity, number))
        studio.updates.tell_events(identity)
        return Response(status_code=204)

    @routes.get("/markers")
    def markers(identity: Identity) -> dict[str, Any]:
        """Named stretches of time, such as conditions."""
        studio.recording(identity)
        return {"markers": markers_of(studio.store, identity)}

    @routes.put("/markers")
    def put_markers(identity: Identity, given: Markers) -> dict[str, Any]:
        """Put these markers in the place of all that there are."""
        studio.recording(identity)
        keep_markers(studio.store, identity, [one.model_dump() for one in given.markers])
        studio.updates.tell_events(identity)
        return {"markers": markers_of(studio.store, identity)}

    @routes.post("/markers/file")
    async def markers_file(identity: Identity, request: Request) -> dict[str, Any]:
        """Markers from a file (multipart, field ``file``): CSV, ELAN, BORIS or Praat; they replace those that there are."""
        studio.recording(identity)
        with TemporaryDirectory(prefix="markers-", dir=studio.folder) as place:
            target = Path(place) / "markers"
            upload = await receive_upload(request, target, SMALL_BODY)
            if not upload.size:
                raise StudioError(400, "Send the file of markers in the field 'file'; it must not be empty.")
            found, told = await run_in_threadpool(read_markers, target, upload.name)
        keep_markers(studio.store, identity, found)
        studio.updates.tell_events(identity)
        return {"markers": markers_of(studio.store, identity), "warnings": told}

    return routes


def _event(studio: Studio, identity: str, number: int) -> dict[str, Any]:
    found = event_of(studio.store, identity, number)
    if found is None:
        raise StudioError(404, "There is no such event in this recording; it may have been deleted.", "unknown_event")
    return found


def _told(studio: Studio, identity: str, number: int) -> dict[str, Any]:
    studio.updates.tell_events(identity)
    return _event(studio, identity, number)
