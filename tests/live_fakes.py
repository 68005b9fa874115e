"""Live sessions with substitutes for the networks: processes that start in a second, and an app with nothing but live routes."""

from __future__ import annotations

import io
import os
import struct
import time
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any

import numpy as np
from fakes import textured, use_fakes
from PIL import Image

from aufait.studio.live.follower import LiveOptions
from aufait.studio.live.worker import Worker, serve

DIES_AT = 77
"""Brightness of frames at which the process of ``serve_fakes`` dies."""
BREAKS_AT = 55
"""Brightness of frames that a fault of the network meets."""
SLOW_AT = 99
"""Brightness of frames that take half a second."""
HARD_AT = 120
"""Brightness of frames that take a tenth of a second to be found in and another to be scored."""


def serve_fakes(connection: Connection, options: LiveOptions) -> None:
    """What a process with substitutes does; ``finder="none"`` is a name that does not exist."""
    if options.finder != "none":
        use_fakes()
    from fakes import FakeFinder, FakePredictor

    predict, track = FakePredictor.predict, FakeFinder.track

    def slow_track(self: Any, image: np.ndarray, timestamp: float) -> Any:
        if abs(int(image[1, 1].mean()) - HARD_AT) < 3:
            time.sleep(0.1)
        return track(self, image, timestamp)

    def troubled(self: Any, image: np.ndarray, landmarks: np.ndarray) -> Any:
        if abs(int(image[1, 1].mean()) - DIES_AT) < 3:
            os._exit(1)
        if abs(int(image[1, 1].mean()) - BREAKS_AT) < 3:
            raise ZeroDivisionError
        if abs(int(image[1, 1].mean()) - SLOW_AT) < 3:
            time.sleep(0.5)
        if abs(int(image[1, 1].mean()) - HARD_AT) < 3:
            time.sleep(0.1)
        return predict(self, image, landmarks)

    FakePredictor.predict, FakeFinder.track = troubled, slow_track  # type: ignore[method-assign]
    serve(connection, options)


def fake_worker(options: LiveOptions) -> Worker:
    """A worker whose process uses substitutes."""
    return Worker(options, serve_fakes)


def live_app(limit: int = 2) -> Any:
    """An app with the live routes alone, and its pool as ``app.state.pool``."""
    from fastapi import FastAPI

    from aufait.studio import live
    from aufait.studio.answers import handle_errors
    from aufait.studio.live.pool import Pool
    from aufait.studio.settings import StudioSettings

    app = FastAPI()
    handle_errors(app)
    app.state.pool = Pool(limit, fake_worker)
    app.include_router(live.router(SimpleNamespace(settings=StudioSettings()), app.state.pool))  # type: ignore[arg-type]
    return app


def picture(brightness: int = 128, form: str = "PNG", size: tuple[int, int] = (96, 64)) -> bytes:
    """A picture file in which the substitute sees a face."""
    kept = io.BytesIO()
    Image.fromarray(textured(*size, brightness=brightness)).save(kept, form)
    return kept.getvalue()


def message(sent: float, content: bytes | None = None) -> bytes:
    """A frame as clients send it."""
    return struct.pack("<d", sent) + (picture() if content is None else content)
