"""What the README and the pages for beginners tell a newcomer to type works, in the order in which it stands there. Slow."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY

from aufait.media.sources import demo_clip

pytestmark = pytest.mark.slow

UNTRIED = ("pip ", "make ", "aufait synth --fetch-assets", "aufait studio", "aufait crossval", "aufait detect interviews")
"""Installing, what needs a network or a browser, what takes longer, and folders that only the reader has."""
NEEDS_THE_ENGINE = ("aufait twin", "aufait data check disfa twin", "aufait prepare", "aufait reproduce arl --table")


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of every block of code, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", (REPOSITORY / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)


def follow(page: str, folder: Path) -> list[str]:
    """Run the blocks of a page in a folder that has a clip; the commands that were run."""
    shutil.copy(demo_clip(), folder / "clip.mp4")
    done, code = [], ""
    for language, text in blocks(page):
        if language == "python":
            code += text  # later blocks use the names of earlier ones
            continue
        for line in text.splitlines():
            if line.startswith("aufait ") and not line.startswith((*UNTRIED, *NEEDS_THE_ENGINE)):
                command = [sys.executable, "-m", *shlex.split(line, comments=True)]
                subprocess.run(command, cwd=folder, check=True, capture_output=True)
                done.append(line)
    if code:
        subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)
    return done


def test_the_page_for_psychologists(tmp_path: Path) -> None:
    follow("docs/start/psychologist.md", tmp_path)
    made = ("aufait-demo/demo_report.html", "events.csv", "blinks.csv", "summary/index.html", "smile.png", "review/demo.eaf")
    assert [name for name in made if not (tmp_path / name).exists()] == []


def test_the_page_for_engineers(tmp_path: Path) -> None:
    assert blocks("docs/start/engineer.md")[1][0] == "python"
    follow("docs/start/engineer.md", tmp_path)


def test_the_readme(tmp_path: Path) -> None:
    done = {line.partition("#")[0].strip() for line in follow("README.md", tmp_path)}
    assert {"aufait demo", "aufait detect clip.mp4 -o out --annotate --plot --report"} <= done
    assert (tmp_path / "out" / "clip_report.html").exists() and (tmp_path / "summary" / "index.html").exists()


def test_the_page_for_researchers_without_what_must_be_fetched(tmp_path: Path) -> None:
    assert follow("docs/start/researcher.md", tmp_path) == ["aufait reproduce arl --list"]
