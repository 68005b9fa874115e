"""Recordings: submit, list, rename, cancel, again, delete."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from aufait.studio.errors import StudioError
from aufait.studio.forms import Identity, NewName, NewRecording
from aufait.studio.frames import THUMBNAIL_WIDTH, jpeg
from aufait.studio.preview import THUMBNAIL
from aufait.studio.probe import probe
from aufait.studio.recording import ENDED
from aufait.studio.studio import Studio
from aufait.studio.uploads import Upload, receive_upload, shown_name

FINDERS = ("auto", "mesh", "builtin")
MODELS = ("default", "mesh", "compact")
_NOT_ALLOWED = "This path is not below a folder that `aufait studio --allow-paths` names, or there is no such file."


def router(studio: Studio) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/recordings", tags=["recordings"])

    @routes.get("")
    def recordings() -> dict[str, Any]:
        """All recordings, newest first."""
        return {"recordings": studio.store.recordings()}

    @routes.post("", status_code=201)
    async def submit(request: Request) -> JSONResponse:
        """Analyse a file: multipart with the field ``file`` and, if wanted, ``model``, ``finder``, ``base_rate`` and
        ``min_confidence``; or JSON with ``path`` and the same."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        made = await (_by_path(studio, request) if kind == "application/json" else _by_upload(studio, request))
        return JSONResponse(made, 201)

    @routes.get("/{identity}")
    def recording(identity: Identity) -> dict[str, Any]:
        """One recording."""
        return studio.recording(identity)

    @routes.patch("/{identity}")
    def rename(identity: Identity, new: NewName) -> dict[str, Any]:
        """Give a recording another name."""
        studio.recording(identity)
        studio.store.update(identity, name=shown_name(new.name))
        return studio.recording(identity)

    @routes.delete("/{identity}", status_code=204)
    def delete(identity: Identity) -> Response:
        """Remove a recording and all its files for good."""
        studio.delete(identity)
        return Response(status_code=204)

    @routes.post("/{identity}/cancel")
    def cancel(identity: Identity) -> dict[str, Any]:
        """End the analysis."""
        studio.recording(identity)
        if not studio.jobs.cancel(identity):
            raise StudioError(409, "This recording is not being analysed.", "not_running")
        studio.jobs.wait_until_left(identity)
        return studio.recording(identity)

    @routes.post("/{identity}/again")
    def again(identity: Identity) -> dict[str, Any]:
        """Analyse a recording whose analysis failed or was cancelled once more."""
        studio.recording(identity)
        studio.video_path(identity)
        if not studio.store.update(identity, only=ENDED, state="waiting", problem=None, progress=None):
            raise StudioError(409, "Only what failed, was cancelled or broken off can be analysed again.", "not_ended")
        studio.jobs.wake()
        return studio.recording(identity)

    return routes


async def _by_upload(studio: Studio, request: Request) -> dict[str, Any]:
    identity = secrets.token_hex(6)
    folder = studio.folder / "recordings" / identity
    folder.mkdir(parents=True)
    try:
        partial = folder / "original.partial"
        upload = await receive_upload(request, partial, studio.settings.max_upload)
        if upload.size is None:
            raise StudioError(400, "The form holds no file; send it in the field 'file'.")
        if upload.size == 0:
            raise StudioError(415, f"{upload.name} is empty (0 bytes); choose another file.")
        asked = _asked(studio, {key: value for key, value in upload.fields.items() if value != ""})
        partial.rename(folder / "original")
        return await run_in_threadpool(_add, studio, identity, folder / "original", upload, asked, own=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


async def _by_path(studio: Studio, request: Request) -> dict[str, Any]:
    try:
        given = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise StudioError(400, "The request is not JSON.") from None
    if not isinstance(given, dict):
        raise StudioError(400, "Send an object such as {\"path\": \"/videos/clip.mp4\"}.")
    asked = _asked(studio, given)
    path = _allowed(studio, given.get("path"))
    identity = secrets.token_hex(6)
    folder = studio.folder / "recordings" / identity
    folder.mkdir(parents=True)
    try:
        upload = Upload(shown_name(path.name), path.stat().st_size)
        return await run_in_threadpool(_add, studio, identity, path, upload, asked, own=False)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _allowed(studio: Studio, text: str | None) -> Path:
    """The file that a path names, where links lead to; below an allowed folder."""
    if not text:
        raise StudioError(400, "Name the file: {\"path\": \"/videos/clip.mp4\"}.")
    try:
        path = Path(text).resolve(strict=True)
        inside = any(path.is_relative_to(folder.resolve()) for folder in studio.settings.allow_paths)
        if not (inside and path.is_file()):
            raise StudioError(403, _NOT_ALLOWED)
    except (OSError, ValueError, RuntimeError):
        raise StudioError(403, _NOT_ALLOWED) from None
    return path


def _asked(studio: Studio, given: dict[str, Any]) -> dict[str, Any]:
    """The settings that were asked for."""
    try:
        form = NewRecording.model_validate(given)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:3])
        raise StudioError(422, f"{told}.") from None
    _one_of("finder", form.finder, (*FINDERS, studio.settings.finder))
    _one_of("model", form.model, (*MODELS, studio.settings.model))
    return form.model_dump(exclude_none=True, exclude={"path"})


def _one_of(name: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise StudioError(422, f"{name} is one of {', '.join(dict.fromkeys(known))}; got {value[:60]!r}.")


def _add(studio: Studio, identity: str, path: Path, upload: Upload, asked: dict[str, Any], *, own: bool) -> dict[str, Any]:
    """Look at the file and put it into the queue."""
    found = probe(path, upload.name)
    folder = studio.folder / "recordings" / identity
    (folder / THUMBNAIL).write_bytes(jpeg(found.image, THUMBNAIL_WIDTH))
    facts = {"name": upload.name, "asked": asked, "media_type": found.media_type, "size_bytes": upload.size, **found.facts}
    studio.store.add(identity, facts if own else {**facts, "path": str(path)})
    studio.jobs.wake()
    return studio.recording(identity)
