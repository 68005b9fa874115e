"""Detection opens no socket: not from Python, not from native code, with either face finder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import write_clip, write_picture

from aufait.faces.weights import weights_available
from aufait.models.default.predictor import MODELS, WEIGHTS_FOLDER

TESTS = Path(__file__).resolve().parents[1]
PICTURES = ("single_face.jpg", "face_noface.mov")


def run_without_network(code: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a child process that dies at the first socket."""
    whole = "import no_network\nprint('kernel filter', no_network.forbid_sockets())\n" + code
    return subprocess.run(
        [sys.executable, "-c", whole, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path]), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


DETECT = "from aufait.cli.app import main; main()"
FAKE_PREDICTOR = (
    "import fakes; from aufait.detection import detector\ndetector.open_predictor = lambda *_, **__: fakes.FakePredictor()\n"
)
FAKE_DETECT = "import fakes; fakes.use_fakes()\n" + DETECT


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket()",
        "import socket; socket.getaddrinfo('example.org', 80)",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9', timeout=1)",
    ],
)
def test_the_net_catches_python(code: str) -> None:
    result = run_without_network(code)
    assert result.returncode == 99
    assert "SOCKET socket." in result.stderr


def test_the_net_catches_native_code() -> None:
    result = run_without_network("import ctypes; ctypes.CDLL(None).socket(2, 1, 0); print('still here')")
    if "kernel filter False" in result.stdout:
        pytest.skip("this system has no seccomp filters")
    assert result.returncode < 0
    assert "still here" not in result.stdout


def test_plumbing_opens_no_socket(tmp_path: Path) -> None:
    inputs = write_clip(tmp_path / "clip.mp4", 5), write_picture(tmp_path / "face.png")
    flags = ("--parquet", "--annotate", "--plot", "--report", "-o", tmp_path / "out")
    result = run_without_network(FAKE_DETECT, "detect", *inputs, *flags)
    assert result.returncode == 0, result.stderr


def test_doctor_opens_no_socket() -> None:
    result = run_without_network(DETECT, "doctor", AUFAIT_DOWNLOAD="0")
    assert result.returncode in (0, 4), result.stderr


def detect_for_real(finder: str, shared: Path, out: Path, **environment: str) -> None:
    inputs = [shared / "samples" / name for name in PICTURES]
    # Without weights a substitute scores the faces, so that at least the finder is tried.
    shipped = (WEIGHTS_FOLDER / MODELS["compact"]).is_file()
    code = DETECT if shipped else FAKE_PREDICTOR + DETECT
    flags = ("--parquet", "--annotate", "--plot", "-o", out)
    result = run_without_network(code, "detect", *inputs, "--finder", finder, *flags, **environment)
    assert result.returncode == 0, result.stderr
    assert (out / "images.csv").is_file()


def test_builtin_finder_opens_no_socket(shared: Path, tmp_path: Path) -> None:
    if not all(weights_available(name) for name in ("face_detector", "face_landmarks")):
        pytest.skip("the weights of the builtin finder are not there yet")
    detect_for_real("builtin", shared, tmp_path / "out")


def test_mesh_finder_opens_no_socket(shared: Path, task_file: Path, tmp_path: Path) -> None:
    detect_for_real("mesh", shared, tmp_path / "out", AUFAIT_MEDIAPIPE_MODEL=str(task_file))


def test_missing_model_is_not_downloaded(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "face.png")
    result = run_without_network(
        FAKE_PREDICTOR + DETECT,
        *("detect", picture, "--finder", "mesh", "-o", tmp_path / "out"),
        AUFAIT_CACHE=str(tmp_path / "cache"),
        AUFAIT_MEDIAPIPE_MODEL="",
        AUFAIT_DOWNLOAD="",
    )
    assert result.returncode == 4, result.stderr
    assert "aufait doctor --fetch" in result.stderr
