"""What several tests of detection need."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disc(tmp_path: Path) -> Iterator[Path]:
    """A disc of eight megabytes, nearly full."""
    folder = tmp_path / "disc"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a small disc can be mounted by root on Linux only")
    try:
        (folder / "filler").write_bytes(bytes(8 * 2**20 - 50_000))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
