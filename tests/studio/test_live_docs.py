"""The program of the page on live scores runs as it is printed, against a real studio."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from studio_pages import demo_frames, write_clip

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "studio.md"


@pytest.fixture(scope="module")
def section() -> str:
    return PAGE.read_text("utf-8").partition("\n## Live\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What ``aufait studio`` prints."""
    folder = tmp_path_factory.mktemp("studio")
    command = [sys.executable, "-m", "aufait", "studio", str(folder), "--no-browser", "--finder", "builtin"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(found[0] for line in process.stdout if (found := re.search(r"http://\S+token=\S+", line)))
        finally:
            process.terminate()


def test_the_program_prints_what_it_says(section: str, address: str, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len([line for line in program.splitlines() if line.strip()]) <= 25
    place = tmp_path / "program.py"
    place.write_text(program, "utf-8")
    clip = write_clip(tmp_path / "clip.mp4", demo_frames(12, one_face=True))
    done = subprocess.run([sys.executable, place, address, clip], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 12
    assert all(re.fullmatch(r"\d+\.\d\d s, face 0:( AU\d+)*", line.rstrip()) for line in lines), done.stdout
    wrong = subprocess.run(
        [sys.executable, place, address + "&finder=none", clip], capture_output=True, text=True, timeout=120, check=False
    )
    assert wrong.returncode == 1
    assert "none" in wrong.stderr and "Traceback" not in wrong.stderr


def test_limits_and_pauses_are_those_of_the_code(section: str) -> None:
    from aufait.studio.live import message, pool, session, watching

    assert f"{message.LARGEST_FRAME // 1_000_000} MB and 3840 x 2160" in section
    assert message.LARGEST_PICTURE == 3840 * 2160
    assert "1, 2, 4, 8, 15 and then every 30 seconds" in section
    assert watching.PAUSES == (1, 2, 4, 8, 15, 30)
    assert (pool.WARM_SECONDS, session.IDLE_SECONDS) == (600, 300)
    assert "ten minutes" in section and "five minutes" in section
    for code in (session.TRY_AGAIN, session.FAULT, session.GOING):
        assert str(code) in section
