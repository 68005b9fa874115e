"""Smoke test of an installed aufait, away from the checkout: run it with the Python of a fresh environment.

    PYTHON tools/check_installed.py [--seconds 300]

Analyses the shipped clip in a temporary folder and looks at the table; says what it looked at; exit status 1 with the reason at the
first thing that is not as it should be. Needs the base installation only, and imports nothing from this folder.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from importlib import metadata
from importlib.resources import files
from pathlib import Path

DATA = (
    "py.typed", "assets/demo.mp4", "shipped/real_faces.csv", "evaluation/reports/published_results.json",
    "weights/au_default.safetensors", "weights/au_mesh.safetensors", "weights/face_check.safetensors",
    "weights/face_detector.safetensors", "weights/face_landmarks.safetensors",
)  # fmt: skip
"""Files that are no Python and that detection, or a command, cannot do without."""

PAGES = ("studio/pages/studio/index.html", "studio/pages/browser/index.html")


def demand(true: object, problem: str) -> None:
    """Ends the check with ``problem`` where ``true`` is not."""
    if not true:
        raise SystemExit(f"check_installed: {problem}")


def check_files() -> str:
    """The package lies in this environment, and its data and pages with it."""
    package = Path(str(files("aufait")))
    demand(package.is_relative_to(Path(sys.prefix).resolve()), f"aufait was imported from {package}, not from {sys.prefix}")
    absent = [name for name in DATA if not (package / name).is_file()]
    demand(not absent, f"not in the package: {', '.join(absent)}")
    absent = [name for name in PAGES if not (package / name).is_file()]
    demand(not absent, f"the studio's pages are not in the package ({', '.join(absent)}); build them with `make web` first")
    demand(list((package / "recipes").glob("*.yaml")), "no recipes in the package")
    licences = [file.name for file in metadata.files("aufait") or [] if file.name in ("LICENSE", "NOTICE")]
    demand(sorted(licences) == ["LICENSE", "NOTICE"], f"LICENSE and NOTICE belong to the installation; there: {licences}")
    return f"{package}: data, weights, recipes, pages, licence"


def call(folder: Path, seconds: float, *words: str) -> str:
    """Output of one ``aufait`` command, run by the entry point that was installed."""
    program = Path(sys.executable).parent / "aufait"
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, timeout=seconds, check=False)
    demand(done.returncode == 0, f"`aufait {' '.join(words)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def check_doctor(folder: Path, seconds: float) -> str:
    """Nothing that the base installation needs is missing."""
    checks = json.loads(call(folder, seconds, "doctor", "--json"))
    missing = [check["name"] for check in checks if check["status"] == "missing"]
    demand(not missing, f"doctor misses {missing}")
    return f"doctor: {len(checks)} checks, nothing missing"


def check_table(folder: Path, seconds: float) -> str:
    """The shipped clip gives a table with the rendered woman's and man's faces, and scores that move within their range."""
    call(folder, seconds, "demo", "--finder", "builtin", "-o", "out")
    with (folder / "out" / "demo.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    seen = [row for row in rows if row["success"] == "1"]
    demand(len(seen) >= 0.9 * len(rows) > 100, f"faces in {len(seen)} of {len(rows)} rows of the shipped clip")
    demand(len({row["face_id"] for row in seen}) == 2, "the shipped clip shows two faces")
    smiles = [float(row["AU12_r"]) for row in seen]
    demand(min(smiles) >= 0 and max(smiles) <= 5, f"AU12_r from {min(smiles)} to {max(smiles)}; expected 0 to 5")
    demand(max(smiles) - min(smiles) > 1, "AU12_r hardly moves in the shipped clip")
    record = json.loads((folder / "out" / "demo.provenance.json").read_text("utf-8"))
    demand(metadata.version("aufait") in json.dumps(record), "the record does not name the version")
    return f"demo: {len(rows)} rows, two faces, AU12 from {min(smiles):.2f} to {max(smiles):.2f}"


def main() -> None:
    """All checks, with one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0, help="longest time of one command")
    seconds = parser.parse_args().seconds
    print(check_files())
    with tempfile.TemporaryDirectory(prefix="aufait-check-") as name:
        folder = Path(name)
        version = call(folder, seconds, "--version").strip()
        demand(version == f"aufait {metadata.version('aufait')}", f"the command says {version!r}")
        print(version)
        print(check_doctor(folder, seconds))
        print(check_table(folder, seconds))


if __name__ == "__main__":
    main()
