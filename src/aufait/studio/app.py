"""The app: all routes behind one guard, every error the same object."""

from __future__ import annotations

from typing import Any

from aufait.studio.studio import Studio


def create_app(studio: Studio) -> Any:
    """The FastAPI app of a studio; ``studio`` stays open until the caller closes it."""
    from fastapi import FastAPI

    app = FastAPI(title="aufait studio")
    for router in _routers(studio):
        app.include_router(router)
    return app


def _routers(studio: Studio) -> list[Any]:
    """What each part of the API offers."""
    from aufait.studio import live

    return [live.router(studio)]
