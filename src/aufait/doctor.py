"""What is installed, what is missing, and what to do about it. Quick, offline, imports nothing heavy."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aufait.errors import MissingModelError
from aufait.extras import EXTRAS
from aufait.faces.task_file import FETCH_COMMAND, TASK_NAME, find_task_file, named_task_file
from aufait.faces.weights import weights_available, weights_path
from aufait.files.cache import cache_folder
from aufait.files.hashes import file_sha256
from aufait.files.versions import installed_version
from aufait.machine import cores

Status = Literal["ok", "optional", "missing"]
"""ok; absent but not needed; absent although the base installation should have it."""

_BASE_PACKAGES = ("torch", "numpy", "pillow", "av", "safetensors", "typer", "rich")
_BUILTIN_WEIGHTS = ("face_detector", "face_landmarks")
_SHIPPED_WEIGHTS = (*_BUILTIN_WEIGHTS, "au_default", "face_check")
_REINSTALL = "the installation is incomplete: pip install --force-reinstall aufait"


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Attributes:
        group: heading under which it is shown.
        name: what was checked.
        status: "ok", "optional" (absent, not needed by all) or "missing".
        detail: version, path, hash, or what is absent.
        advice: what to do, empty where nothing needs doing.
    """

    group: str
    name: str
    status: Status
    detail: str
    advice: str = ""


def diagnose() -> list[Check]:
    """All checks, in the order in which to show them. Takes well under two seconds and opens no network connection."""
    return [*_program(), *_packages(), *_extras(), *_devices(), *_models(), *_finders(), *_folders()]


def _program() -> Iterator[Check]:
    from aufait import __version__

    yield Check("Program", "aufait", "ok", __version__)
    old = sys.version_info < (3, 11)
    advice = "aufait needs Python 3.11 or later" if old else ""
    yield Check("Program", "Python", "missing" if old else "ok", platform.python_version(), advice)
    yield Check("Program", "system", "ok", f"{platform.system()} {platform.release()} {platform.machine()}")


def _packages() -> Iterator[Check]:
    for package in _BASE_PACKAGES:
        version = installed_version(package)
        if version is None:
            yield Check("Packages", package, "missing", "not installed", f"pip install {package}")
        else:
            yield Check("Packages", package, "ok", version)


def _extras() -> Iterator[Check]:
    for extra, (purpose, packages) in EXTRAS.items():
        versions = {package: installed_version(package) for package in packages.values()}
        absent = [package for package, version in versions.items() if version is None]
        if absent:
            yield Check(
                "Extras",
                extra,
                "optional",
                f"without {', '.join(absent)} ({purpose})",
                f"pip install 'aufait[{extra}]'",
            )
        else:
            yield Check("Extras", extra, "ok", ", ".join(f"{name} {version}" for name, version in versions.items()))


def _devices() -> Iterator[Check]:
    yield Check("Devices", "CPU", "ok", f"{cores()} cores for this process")
    torch = installed_version("torch") or ""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        yield Check("Devices", "GPU", "ok", "Apple GPU (device mps)")
    elif not Path("/proc/driver/nvidia/version").exists() and not Path("/dev/nvidia0").exists():
        yield Check("Devices", "GPU", "optional", "no NVIDIA driver seen; the CPU is used")
    elif "+cpu" in torch:
        advice = "install a CUDA build of torch, see https://pytorch.org/get-started"
        yield Check(
            "Devices", "GPU", "optional", f"NVIDIA driver present, but torch {torch} is built for the CPU", advice
        )
    else:
        yield Check("Devices", "GPU", "ok", "NVIDIA driver present (device cuda)")


def _models() -> Iterator[Check]:
    expected = [weights_path(name) for name in _SHIPPED_WEIGHTS]
    others = [path for path in sorted(expected[0].parent.glob("*.safetensors")) if path not in expected]
    for path in [*expected, *others]:
        if path.is_file():
            yield Check("Models", path.stem, "ok", f"{path.stat().st_size / 1e6:.1f} MB, sha256 {file_sha256(path)}")
        else:
            yield Check("Models", path.stem, "missing", f"{path} is not there", _REINSTALL)
    yield _geometry()


def _geometry() -> Check:
    """The face geometry, which only rendering needs."""
    from aufait.synthetic.head.assets import find_assets

    try:
        path = find_assets()
    except MissingModelError:
        advice = "aufait synth --fetch-assets (downloads ICT-FaceKit and converts it once), or set AUFAIT_ASSETS"
        return Check("Models", "face geometry", "optional", "not there; only rendering of faces needs it", advice)
    return Check("Models", "face geometry", "ok", f"{path.stat().st_size / 1e6:.1f} MB, {path}")


def _finders() -> Iterator[Check]:
    absent = [name for name in _BUILTIN_WEIGHTS if not weights_available(name)]
    detail = f"without {', '.join(absent)}" if absent else "ready"
    yield Check("Face finders", "builtin", "missing" if absent else "ok", detail, _REINSTALL if absent else "")
    problem = mesh_problem()
    detail = problem or f"{TASK_NAME} at {named_task_file() or cache_folder() / TASK_NAME}"
    yield Check("Face finders", "mesh", "optional" if problem else "ok", detail, FETCH_COMMAND if problem else "")
    yield Check("Face finders", "auto", "ok", f"uses {'builtin' if problem else 'mesh'}")


def mesh_problem() -> str | None:
    """What keeps the mesh finder from working, or None where it works; never downloads its file."""
    file = named_task_file() or cache_folder() / TASK_NAME
    if not file.is_file():
        return f"{TASK_NAME} is not at {file}; it finds more faces and makes scores more reliable (3.8 MB)"
    try:
        find_task_file(file)
    except MissingModelError as error:
        return str(error).partition(". ")[0]
    return None


def _folders() -> Iterator[Check]:
    folder = cache_folder()
    detail = str(folder) if folder.is_dir() else f"{folder} (not made yet)"
    yield Check("Folders", "cache", "ok", detail)


def healthy(checks: Sequence[Check]) -> bool:
    """Whether nothing is missing that the base installation should have."""
    return all(check.status != "missing" for check in checks)
