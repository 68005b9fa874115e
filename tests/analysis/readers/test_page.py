"""The page on tables: its command and its code run, and it names every tool."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aufait.analysis.readers import readers

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tables.md"

OPENFACE = "frame,face_id,timestamp,confidence,success,AU06_r,AU12_r,AU12_c"


@pytest.fixture
def page() -> str:
    if not PAGE.is_file():
        pytest.skip("the pages are not part of this source archive")
    return PAGE.read_text(encoding="utf-8")


def test_every_tool_is_on_the_page(page: str) -> None:
    assert set(re.findall(r"^\| [^|]+ \| `([\w-]+)` \|", page, re.MULTILINE)) == set(readers())


def test_the_command_and_the_code_of_the_page_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from aufait.cli.app import app

    monkeypatch.chdir(tmp_path)
    rows = [
        f"{frame + 1},0,{frame / 25:.3f},0.98,1,0.2,{3.0 if 20 < frame < 60 else 0.0},{int(20 < frame < 60)}"
        for frame in range(100)
    ]
    Path("openface").mkdir()
    Path("openface", "clip.csv").write_text("\n".join((OPENFACE, *rows)))
    blocks = re.findall(r"```(\w*)\n(.*?)```", page, re.DOTALL)
    command, coder = (block for kind, block in blocks if not kind)
    Path("coder.csv").write_text(coder)
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    assert "AU12" in Path("clip_events.csv").read_text()
    (code,) = (block for kind, block in blocks if kind == "python")
    exec(compile(code, "tables.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "openface (6, 12)" in printed
    assert "2 Span(start=12.4, end=14.9, label='AU12C', tier='AU', person='anna', recording='clip')" in printed


@pytest.mark.parametrize("command", ["events", "convert"])
def test_a_table_without_times_is_used_with_the_rate_and_asked_for_it_without(command: str, tmp_path: Path) -> None:
    from aufait.cli.app import app

    path = tmp_path / "clip.csv"
    path.write_text("\n".join(("Frame,Int_au_12", *(f"{frame},{3.0 if 20 < frame < 60 else 0.0}" for frame in range(100)))))
    words = [command, str(path), "-o", str(tmp_path / "out.csv"), *(["--to", "long"] if command == "convert" else [])]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2 and "--fps 30" in " ".join(result.stderr.split())
    result = CliRunner().invoke(app, [*words, "--fps", "25"])
    assert result.exit_code == 0, result.output
    assert "0.84" in (tmp_path / "out.csv").read_text()
