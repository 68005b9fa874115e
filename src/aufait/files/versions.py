"""Which software made a result: versions of packages, of Python and of this code."""

from __future__ import annotations

import contextlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "onnxruntime", "openvino", "numpy", "pillow", "av", "safetensors", "pyarrow")
"""Packages whose versions are recorded where they are installed."""

_INSTEAD_OF = {"opencv-python-headless": ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")}


def installed_version(package: str) -> str | None:
    """Version of an installed distribution, or None."""
    for name in (package, *_INSTEAD_OF.get(package, ())):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def software_versions() -> dict[str, str]:
    """Versions of aufait, Python and the installed ones of ``PACKAGES``, without importing them."""
    versions = {"python": platform.python_version()}
    for name in ("aufait", *PACKAGES):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if "aufait" not in versions:  # run from a source tree
        from aufait import __version__

        versions["aufait"] = __version__
    return versions


def code_version() -> dict[str, Any]:
    """Version of the package and, where it runs from a checkout, the revision and whether files were changed."""
    from aufait import __version__

    version: dict[str, Any] = {"aufait": __version__, "revision": None, "changed": None}
    root = Path(__file__).resolve().parents[3]
    if (root / ".git").exists():
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            version["revision"] = _git(root, "rev-parse", "HEAD")
            version["changed"] = bool(_git(root, "status", "--porcelain", "--", "src"))
    return version


def _git(root: Path, *words: str) -> str:
    answer = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=10)
    return answer.stdout.strip()
