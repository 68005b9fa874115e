"""Files to take away."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query
from fastapi.responses import FileResponse, JSONResponse, Response

from aufait.studio.errors import StudioError
from aufait.studio.exports import Export, export_of, stem_of
from aufait.studio.forms import Identity
from aufait.studio.studio import Studio


def router(studio: Studio) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/recordings/{identity}", tags=["exports"])

    @routes.get("/export", response_class=FileResponse)
    def export(
        identity: Identity, tasks: BackgroundTasks, format: Annotated[str, Query(max_length=40)]
    ) -> Response:
        """The recording in a format of /api/about; drawings answer 202 with their progress until they are there."""
        recording, wanted = studio.done(identity), export_of(format)
        if wanted.of_videos and recording["kind"] == "picture":
            raise StudioError(422, f"{wanted.name}: this needs a video; pictures have no time.")
        if wanted.make is None:
            path, progress = studio.drawings.ask(identity, wanted)
            if path is None:
                return JSONResponse({"state": "running", "progress": progress}, 202)
            return _file(path, wanted, recording["name"])
        folder = Path(mkdtemp(prefix="export-", dir=studio.place(identity)))
        try:
            path = wanted.make(studio, identity, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        tasks.add_task(shutil.rmtree, folder, ignore_errors=True)
        return _file(path, wanted, recording["name"], tasks)

    return routes


def _file(path: Path, export: Export, name: str, tasks: BackgroundTasks | None = None) -> FileResponse:
    word = "" if export.format in ("csv", "parquet", "json", "elan", "boris", "praat", "webvtt", "noldus") else f"_{export.format}"
    filename = f"{stem_of(name)}{word}{export.extension}"
    return FileResponse(path, media_type=export.media_type, filename=filename, background=tasks)
