"""The app: all routes behind one guard, every error the same object."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aufait.errors import MissingExtraError
from aufait.files.versions import installed_version
from aufait.studio.guard import Guard

if TYPE_CHECKING:
    from aufait.studio.studio import Studio


def create_app(studio: Studio) -> Any:
    """The FastAPI app of a studio; ``studio`` stays open until the caller closes it.

    Raises:
        MissingExtraError: FastAPI is not installed.
    """
    try:
        from fastapi import FastAPI

        from aufait.studio.answers import handle_errors
    except ImportError as error:
        raise MissingExtraError("the studio", "web") from error

    @asynccontextmanager
    async def living(app: Any) -> AsyncIterator[None]:
        studio.updates.bind()
        yield
        studio.updates.unbind()

    app = FastAPI(
        title="aufait studio", version=installed_version("aufait") or "0", lifespan=living, openapi_url="/api/openapi.json",
        docs_url=None, redoc_url=None, description="Facial action units of recordings on this machine.",
    )  # fmt: skip
    handle_errors(app)
    for router in _routers(studio):
        app.include_router(router)
    inner = app.build_middleware_stack
    app.build_middleware_stack = lambda: Guard(inner(), studio.settings)  # type: ignore[method-assign, assignment]
    return app


def _routers(studio: Studio) -> list[Any]:
    """What each part of the API offers; the page comes last, for it answers all other addresses."""
    from aufait.studio import insight, live
    from aufait.studio.live.pool import Pool
    from aufait.studio.routes import about, events, exports, media, page, recordings, results, updates

    pool = Pool()  # explanations are made by a process that live sessions leave free
    parts = [one.router(studio) for one in (about, recordings, media, results, events, exports, updates)]
    return [*parts, live.router(studio, pool), insight.router(studio, pool), page.router(studio)]
