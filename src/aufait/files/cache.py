"""The folder for files that a user chose to download."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``AUFAIT_CACHE``, else ``aufait`` in the XDG cache; it need not be there yet."""
    base = os.environ.get("AUFAIT_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aufait"
