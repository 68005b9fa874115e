"""Checks of what is published, each in an environment of its own: `make package`, or `nox -l` for all of them.

nox and not tox: what is done here needs loops, files and comparisons, and this is plain Python. Interpreters that are not on the
machine are skipped and named. Environments are made with pip, so that its settings hold (an index with torch for processors only,
for instance: PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS).
"""

from __future__ import annotations

import filecmp
import os
import shutil
import tempfile
import tomllib
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["build", "wheel"]

PYTHONS = ["3.11", "3.12", "3.13"]
DIST = Path("dist").resolve()
LARGEST_WHEEL = 30e6
BUILD = ("build==1.6.1", "twine==7.0.0")
CYCLONEDX = "cyclonedx-bom==7.5.0"
UV = "uv==0.13.9"
TEST_ENV = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}

LOWEST_TESTS = (
    "tests/media/test_images.py", "tests/views", "tests/visualization/test_timeline.py",
    "tests/synthetic/test_synthetic_wrinkles.py", "tests/training/test_recipes.py", "tests/studio/test_studio_guard.py",
    "tests/detection/test_tables.py", "tests/analysis/annotations", "tests/workers/test_ray_cluster.py",
    "tests/models/test_timm_backbone.py", "tests/data/test_data_datasets.py", "tests/cli/test_cli_doctor.py",
)  # fmt: skip
"""A part of the tests that calls every library that has a lower bound; those of the exporter come last, with a newer torch."""


def _epoch(session: nox.Session) -> dict[str, str]:
    """SOURCE_DATE_EPOCH: the caller's, else the time of the last commit, so that anyone can build the same bytes again."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    said = given or session.run("git", "log", "-1", "--format=%ct", external=True, silent=True)
    return {"SOURCE_DATE_EPOCH": str(said).strip()}


def _built(session: nox.Session, ending: str) -> Path:
    found = sorted(DIST.glob(f"aufait-*{ending}"))
    if len(found) != 1:
        session.error(f"one aufait-*{ending} is expected in {DIST}, {len(found)} are there: run `nox -s build` first")
    return found[0]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The quick tests, or those that are given: nox -s tests-3.12 -- tests/media."""
    session.install("-c", "constraints.txt", "torch")
    session.install("-c", "constraints.txt", "-e", ".[dev]")
    session.run("pytest", "-q", *(session.posargs or ["-n", "2"]), env=TEST_ENV)


@nox.session
def build(session: nox.Session) -> None:
    """Source archive and wheel into dist/, checked by twine; the wheel is made from the archive alone."""
    session.install(*BUILD)
    shutil.rmtree(DIST, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(DIST), env=_epoch(session))
    session.run("twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))
    size = _built(session, ".whl").stat().st_size
    session.log(f"the wheel has {size / 1e6:.1f} MB")
    if size > LARGEST_WHEEL:
        session.error(f"at most {LARGEST_WHEEL / 1e6:.0f} MB are allowed")


@nox.session
def reproducible(session: nox.Session) -> None:
    """A second build gives the bytes of dist/ again, and the wheel made from the checkout is the one made from the archive."""
    session.install(BUILD[0])
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--sdist", "--wheel", "--outdir", folder, env=_epoch(session))
        for again in sorted(Path(folder).iterdir()):
            if not filecmp.cmp(again, DIST / again.name, shallow=False):
                session.error(f"{again.name} is not the one in {DIST}")
            session.log(f"{again.name}: the same bytes")


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """The wheel, then the source archive, installed and tried away from the checkout."""
    check = str(Path("tools/check_installed.py").resolve())
    session.install("-c", "constraints.txt", str(_built(session, ".whl")))
    session.chdir(session.create_tmp())
    session.run("python", check)
    session.install("--force-reinstall", "--no-deps", str(_built(session, ".tar.gz")))
    session.run("python", check)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """The lowest versions that pyproject.toml allows, of the base and all extras, under a part of the tests."""
    session.install(UV)
    extras = [name for name in _extras() if name not in ("all", "dev", "docs", "lint", "export")]
    _install_lowest(session, extras)
    session.run("aufait", "doctor")
    session.run("pytest", "-q", *(session.posargs or LOWEST_TESTS), env=TEST_ENV)
    _install_lowest(session, ["export"])
    session.run("pytest", "-q", "tests/export/test_export.py", env=TEST_ENV)


def _install_lowest(session: nox.Session, extras: list[str]) -> None:
    pins = Path(session.create_tmp()) / "lowest.txt"
    session.run("uv", "pip", "compile", "-q", "--no-header", "--resolution", "lowest-direct", "--python-version", PYTHONS[0],
                *(f"--extra={name}" for name in extras), "pyproject.toml", "-o", str(pins))  # fmt: skip
    session.install("-r", str(pins))
    session.install("-c", str(pins), "-e", ".", "pytest", "hypothesis", "httpx", "scikit-image")


@nox.session
def stores(session: nox.Session) -> None:
    """Videos and results in a store that speaks S3, on this machine: moto, which brings some thirty packages."""
    session.install("-c", "constraints.txt", "torch")
    session.install("-e", ".[cloud]", "pytest", "moto[s3,server]")
    session.run("pytest", "-q", "tests/detection/test_buckets.py", env=TEST_ENV)


@nox.session
def sbom(session: nox.Session) -> None:
    """dist/aufait-sbom.cdx.json: what an installation with all extras consists of, as CycloneDX."""
    session.install(CYCLONEDX)
    pins = Path(session.create_tmp()) / "all.txt"
    session.run("python", "tools/licences.py", "--pins", str(pins), external=True)
    session.run("cyclonedx-py", "requirements", str(pins), "--pyproject", "pyproject.toml", "--output-reproducible",
                "--output-format", "JSON", "-o", str(DIST / "aufait-sbom.cdx.json"))  # fmt: skip


def _extras() -> list[str]:
    with Path("pyproject.toml").open("rb") as file:
        return list(tomllib.load(file)["project"]["optional-dependencies"])
