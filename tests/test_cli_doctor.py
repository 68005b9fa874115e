"""aufait doctor, --help and --version: quick, offline, and honest about what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aufait import __version__
from aufait.cli.app import app
from aufait.inference import environment

runner = CliRunner()


def imported_by(*arguments: str) -> set[str]:
    """Top-level packages that a fresh process has imported after running the command."""
    code = (
        "import sys\n"
        "from aufait.cli.app import app\n"
        f"try: app({list(arguments)!r})\n"
        "except SystemExit: pass\n"
        "print('\\nMODULES', *{name.partition('.')[0] for name in sys.modules})"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(finished.stdout.rsplit("MODULES", 1)[1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["detect", "--help"], ["--version"], ["doctor"]])
def test_quick_commands_import_nothing_heavy(arguments: list[str]) -> None:
    assert not imported_by(*arguments) & {"torch", "matplotlib", "av", "mediapipe", "cv2", "scipy", "pandas", "numba"}


def test_version_is_printed() -> None:
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.output.strip() == f"aufait {__version__}"


def test_doctor_lists_every_part() -> None:
    result = runner.invoke(app, ["doctor", "--json"])
    checks = json.loads(result.output)
    names = {check["name"] for check in checks}
    assert {"aufait", "Python", "torch", "mediapipe", "synth", "builtin", "auto", "cache"} <= names
    assert all(check["advice"] for check in checks if check["status"] == "missing")


def test_doctor_tells_by_its_exit_status_whether_something_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "weights_path", lambda name: Path("/nowhere") / f"{name}.safetensors")
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code == 4
    assert "pip install --force-reinstall aufait" in result.output


def test_missing_mediapipe_model_comes_with_the_command_that_fetches_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    monkeypatch.delenv("AUFAIT_MEDIAPIPE_MODEL", raising=False)
    fixes = [fix for _, fix in environment.mediapipe_problems()]
    assert any("doctor --fetch mediapipe" in fix for fix in fixes)


def test_doctor_never_downloads_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    monkeypatch.setenv("AUFAIT_DOWNLOAD", "1")
    monkeypatch.delenv("AUFAIT_MEDIAPIPE_MODEL", raising=False)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("a download was tried"))
    environment.diagnose()


def test_unknown_name_to_fetch_is_refused_with_the_known_ones() -> None:
    result = runner.invoke(app, ["doctor", "--fetch", "weights"])
    assert result.exit_code == 2
    assert "mediapipe" in result.output


@pytest.mark.parametrize("arguments", [["detct"], ["detect", "--nope"], ["synth"], ["bench", "detect", "--size", "7"]])
def test_wrong_usage_gives_status_2_and_no_traceback(arguments: list[str]) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
