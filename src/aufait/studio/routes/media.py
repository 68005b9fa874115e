"""What is seen: the video or picture itself, a thumbnail, single frames."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response

from aufait.studio.errors import StudioError
from aufait.studio.forms import FaceQuery, Identity, TimeQuery
from aufait.studio.frames import crop_round, jpeg
from aufait.studio.preview import PICTURE, PREVIEW, THUMBNAIL
from aufait.studio.studio import Studio

_KEEP = {"cache-control": "private, max-age=3600"}
_ASK = {"cache-control": "private, no-cache"}


def router(studio: Studio) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/recordings/{identity}", tags=["pictures"])

    @routes.get("/media", response_class=FileResponse)
    def media(identity: Identity) -> Response:
        """The video or picture as a browser can show it; understands ranges of bytes."""
        facts = studio.store.facts(studio.recording(identity)["id"]) or {}
        if facts.get("media_type"):
            return FileResponse(studio.video_path(identity), media_type=facts["media_type"], headers=_ASK)
        picture = facts["kind"] == "picture"
        path = studio.place(identity) / (PICTURE if picture else PREVIEW)
        if not facts.get("has_preview") or not path.is_file():
            raise StudioError(409, "Browsers cannot show this file; a copy that they can show is made with the analysis.")
        return FileResponse(path, media_type="image/jpeg" if picture else "video/mp4", headers=_ASK)

    @routes.get("/thumbnail", response_class=FileResponse)
    def thumbnail(identity: Identity) -> Response:
        """A small JPEG."""
        path = studio.place(identity) / THUMBNAIL
        if not path.is_file():
            raise StudioError(404, "This recording has no thumbnail.")
        return FileResponse(path, media_type="image/jpeg", headers=_ASK)

    @routes.get("/frame", response_class=Response)
    def frame(
        identity: Identity,
        time: TimeQuery = 0.0,
        face: FaceQuery | None = None,
        width: Annotated[int, Query(ge=16, le=4096)] = 1280,
    ) -> Response:
        """The frame that is shown at a time as JPEG, or what is round a face in it."""
        image, shown = studio.frame(identity, time)
        if face is not None:
            image = crop_round(image, _box(studio, identity, face, shown))
        return Response(jpeg(image, width), media_type="image/jpeg", headers=_KEEP)

    return routes


def _box(studio: Studio, identity: str, face: int, time: float) -> np.ndarray:
    """Where a face is at a time."""
    arrays = studio.arrays(identity)
    rows = arrays.face(face)
    if rows is None:
        raise StudioError(404, f"There is no face {face} in this recording.", "unknown_face")
    place = rows.start + int(np.abs(arrays.time[rows.start : rows.stop] - (0.0 if arrays.of_pictures else time)).argmin())
    if not arrays.of_pictures and abs(float(arrays.time[place]) - time) > max(arrays.frame_distance, 0.01):
        raise StudioError(404, f"Face {face} is not seen at {time:.3f} s.", "unknown_face")
    return np.asarray(arrays.box[place])
