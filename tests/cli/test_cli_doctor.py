"""aufait doctor, --help and --version: quick, offline, and honest about what is missing."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aufait import __version__
from aufait import doctor as environment
from aufait.cli.app import app
from aufait.faces import task_file

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
    assert not imported_by(*arguments) & {"torch", "matplotlib", "av", "cv2", "scipy", "pandas", "numba"}


def test_version_is_printed() -> None:
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.output.strip() == f"aufait {__version__}"


def test_doctor_lists_every_part() -> None:
    result = runner.invoke(app, ["doctor", "--json"])
    checks = json.loads(result.output)
    names = {check["name"] for check in checks}
    assert {"aufait", "Python", "torch", "synth", "mesh", "builtin", "auto", "cache"} <= names
    assert all(check["advice"] for check in checks if check["status"] == "missing")


def test_doctor_tells_by_its_exit_status_whether_something_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "weights_path", lambda name: Path("/nowhere") / f"{name}.safetensors")
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code == 4
    assert "pip install --force-reinstall aufait" in result.output


def test_missing_task_file_comes_with_the_command_that_fetches_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    monkeypatch.delenv("AUFAIT_MEDIAPIPE_MODEL", raising=False)
    checks = {check["name"]: check for check in json.loads(runner.invoke(app, ["doctor", "--json"]).output)}
    assert checks["mesh"]["status"] == "optional" and str(tmp_path) in checks["mesh"]["detail"]
    assert checks["mesh"]["advice"] == "aufait doctor --fetch"
    assert checks["auto"]["detail"] == "uses builtin"


def test_doctor_names_another_task_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "face_landmarker.task").write_bytes(b"something else")
    monkeypatch.setenv("AUFAIT_MEDIAPIPE_MODEL", str(tmp_path))
    problem = environment.mesh_problem()
    assert problem is not None and "SHA-256" in problem and str(tmp_path) in problem


def test_doctor_never_downloads_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    monkeypatch.setenv("AUFAIT_DOWNLOAD", "1")
    monkeypatch.delenv("AUFAIT_MEDIAPIPE_MODEL", raising=False)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("a download was tried"))
    environment.diagnose()


def test_fetch_brings_the_task_file_once_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    def arrive(url: str, target: Path) -> Path:
        asked.append(url)
        target.write_bytes(b"half a file")
        return target

    monkeypatch.setenv("AUFAIT_CACHE", str(tmp_path))
    monkeypatch.setattr(task_file, "download", arrive)
    result = runner.invoke(app, ["doctor", "--fetch"])
    assert asked == [task_file.TASK_URL]
    assert result.exit_code == 4 and "SHA-256" in result.output
    assert list(tmp_path.rglob("*")) == []
    monkeypatch.setattr(task_file, "TASK_SHA256", hashlib.sha256(b"half a file").hexdigest())
    for _ in range(2):
        assert "face_landmarker.task" in runner.invoke(app, ["doctor", "--fetch"]).output
    assert len(asked) == 2 and [path.name for path in tmp_path.rglob("*")] == ["face_landmarker.task"]


@pytest.mark.parametrize("arguments", [["detct"], ["detect", "--nope"], ["synth"], ["bench", "detect", "--size", "7"]])
def test_wrong_usage_gives_status_2_and_no_traceback(arguments: list[str]) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
