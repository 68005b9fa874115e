"""The page that leads from clips to findings: its commands run, one after the other, on files as it describes them."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aufait.cli.app import app
from aufait.media.sources import demo_clip
from aufait.media.video import open_video

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("aufait ")]

def clip(path: Path, first: int) -> None:
    """36 frames of the shipped clip."""
    import av

    frames = [frame.image for number, frame in enumerate(open_video(demo_clip())) if first <= number < first + 36]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = frames[0].shape[0], frames[0].shape[1], "yuv420p"
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))

def test_the_way_from_clips_to_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pympi = pytest.importorskip("pympi")
    monkeypatch.chdir(tmp_path)
    for name, first in (("anna", 0), ("ben", 60), ("cleo", 120)):
        clip(tmp_path / f"{name}.mp4", first)
    (tmp_path / "markers.csv").write_text(next(block for block in BLOCKS if block.startswith("recording,")))
    coder = pympi.Eaf(author="coder")
    for tier in ("AU12", "AU25"):
        coder.add_tier(tier)
        coder.add_annotation(tier, 300, 1100, "C")
    coder.to_file("anna_coder.eaf")

    assert len(COMMANDS) == 6
    for command in COMMANDS:
        words = shlex.split(command)[1:]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{command}\n{result.output}"

    assert {row["recording"] for row in rows("events.csv")} == {"anna", "ben", "cleo"}
    conditions = {row["condition"] for row in rows("summary/summary_long.csv") if row["level"] == "condition"}
    assert conditions == {"before", "joke"}
    assert {row["action_unit"] for row in rows("agreement/agreement.csv")} >= {"AU12", "AU25"}
    assert pympi.Eaf("review/anna.eaf").get_tier_names()

def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
