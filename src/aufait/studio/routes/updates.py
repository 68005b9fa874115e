"""The stream of changes."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from aufait.studio.studio import Studio


def router(studio: Studio) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["recordings"])

    @routes.get("/api/updates", response_class=StreamingResponse)
    async def updates() -> StreamingResponse:
        """Server-sent events: ``recording`` with the recording on every change, ``gone`` with its id."""
        return StreamingResponse(studio.updates.stream(), media_type="text/event-stream")

    return routes
