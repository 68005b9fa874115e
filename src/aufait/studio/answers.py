"""Every error as the same object, whoever raised it; and JSON without NaN."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from aufait.errors import AufaitError
from aufait.studio.errors import CODES, StudioError, as_studio_error
from aufait.studio.guard import HEADERS

log = logging.getLogger("aufait.studio")

_SENTENCES = {
    400: "The request cannot be read.", 404: "There is nothing at this address; /api/docs lists what there is.",
    405: "This address does not know that method; /api/docs lists what it knows.",
    413: "The request is too large.", 416: "The range of bytes is outside the file.",
}  # fmt: skip


def handle_errors(app: FastAPI) -> None:
    """Register what answers errors."""
    app.add_exception_handler(StudioError, _studio)
    app.add_exception_handler(AufaitError, _package)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for status in (400, 404, 405, 413, 416):
        app.add_exception_handler(status, _http)
    app.add_exception_handler(sqlite3.OperationalError, _list)
    app.add_exception_handler(Exception, _fault)


def error_response(error: StudioError) -> JSONResponse:
    """The error object."""
    return JSONResponse(error.body, error.status)


async def _studio(request: Request, error: Any) -> Response:
    return error_response(error)


async def _package(request: Request, error: Any) -> Response:
    return error_response(as_studio_error(error))


async def _list(request: Request, error: Any) -> Response:
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    if "full" in str(error):
        return error_response(StudioError(507, "The disc of the studio is full; delete recordings or free some space."))
    return error_response(StudioError(503, "The list of recordings cannot be used right now; try again."))


async def _invalid(request: Request, error: Any) -> Response:
    told = [_one(problem) for problem in error.errors()[:3]]
    return error_response(StudioError(422, "; ".join(told) + "."))


def _one(problem: Any) -> str:
    place = ".".join(str(part) for part in problem.get("loc", ())[1:]) or "the request"
    return f"{place[:60]}: {str(problem.get('msg', 'is not valid')).removeprefix('Value error, ')[:200]}"


async def _http(request: Request, error: Any) -> Response:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, StudioError):
        return error_response(cause)
    status = error.status_code
    return error_response(StudioError(status, _SENTENCES.get(status, str(error.detail)), CODES.get(status)))


async def _fault(request: Request, error: Any) -> Response:
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    answer = error_response(StudioError(500, "Something went wrong in the studio; its log says what. Please report it."))
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer
