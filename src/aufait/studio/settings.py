"""How a studio is set up: what the command line said."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

LARGEST_UPLOAD = 4_000_000_000


@dataclass(frozen=True)
class StudioSettings:
    """What stays the same while a studio runs.

    Attributes:
        host: address that it binds to.
        port: that was bound; 0 until it is known.
        token: secret of the URL; whoever has it may do everything.
        workers: processes that analyse.
        finder, finder_model, model, device, runtime: as ``aufait detect`` takes them; finder and model may be chosen per
            recording.
        max_upload: bytes of the largest file that is taken.
        allow_paths: folders whose files may be analysed where they are.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    workers: int = 1
    finder: str = "auto"
    finder_model: str | None = None
    model: str = "default"
    device: str = "auto"
    runtime: str = "auto"
    max_upload: int = LARGEST_UPLOAD
    allow_paths: tuple[Path, ...] = ()
