"""Memory does not grow with the length of a video."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest
from fakes import FakeFinder, FakePredictor, write_clip

from aufait.detection.detector import Detector
from aufait.detection.jobs import Progress, run_task
from aufait.detection.plan import OutputOptions, plan_tasks
from aufait.media.sources import expand_inputs

WARM_UP = 2_500  # past the first row group of Parquet, which sets up Arrow's memory pool
FRAMES = 5_000
ALLOWED_MEBIBYTES = 15.0


def resident_mebibytes() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_flat_with_every_output_on(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "long.mp4", FRAMES)
    seen: dict[int, float] = {}

    def note(progress: Progress) -> None:
        if progress.done in (WARM_UP, FRAMES):
            seen[progress.done] = resident_mebibytes()

    (task,) = plan_tasks(expand_inputs([clip]), tmp_path / "out")
    options = OutputOptions(formats=("csv", "parquet"), annotate=True, plot=True, report=True)
    detector = Detector(finder=FakeFinder(), model=FakePredictor(), device="cpu")
    outcome = run_task(task, detector, options, on_frame=note)
    assert outcome.status == "ok" and outcome.frames == FRAMES
    assert seen[FRAMES] - seen[WARM_UP] < ALLOWED_MEBIBYTES, seen
