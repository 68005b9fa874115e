"""The record of how a recording's table was made."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from aufait.studio.analysis import STEM


def record_of(place: Path) -> dict[str, Any] | None:
    """The record in a folder, None where it cannot be read. Read plainly: detection would load the networks' library."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads((place / f"{STEM}.provenance.json").read_bytes())
        return found if isinstance(found, dict) else None
    return None
