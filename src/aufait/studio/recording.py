"""A recording as the API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

STATES = ("waiting", "running", "done", "failed", "cancelled", "interrupted")
ENDED = ("failed", "cancelled", "interrupted")
"""States from which a recording may be analysed again."""

_SHOWN = (
    "name", "problem", "kind", "duration", "width", "height", "fps", "faces", "quality", "synthetic", "settings", "size_bytes",
    "has_preview", "media_start", "warnings",
)  # fmt: skip
_USUAL: dict[str, Any] = {
    "name": "recording", "kind": "video", "faces": [], "synthetic": False, "settings": {}, "has_preview": False,
    "media_start": 0.0, "warnings": [],
}  # fmt: skip
_PROGRESS = {"frames": 0, "total": None, "fps": None, "seconds_left": None}


def public_recording(identity: str, created: float, state: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is shown of a recording: no paths, nothing that only the studio needs.

    Args:
        created: seconds since 1970.
        facts: as they are stored.
    """
    when = datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds")
    shown = {name: facts.get(name, _USUAL.get(name)) for name in _SHOWN}
    return {"id": identity, "created": when, "state": state, "progress": facts.get("progress") or dict(_PROGRESS), **shown}
