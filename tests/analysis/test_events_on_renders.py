"""Events of rendered people whose movements are known, through the detector; the benchmark of events does more of the same."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

pytest.importorskip("cv2")
bench_events = pytest.importorskip("bench_events", reason="the benchmarks are not part of this source archive")


@pytest.mark.slow
def test_events_meet_the_bar(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Median error of at most two frames and F1 of at least 0.9 for events that reach FACS C, over all action units."""
    monkeypatch.setenv("AUFAIT_ASSETS", str(shared / "assets"))
    acted = list(bench_events.sequences(people=5, size=256))
    tally = bench_events.tally(acted, None, least=0.0)
    assert tally.hits + tally.missed >= 30
    assert tally.f1 >= 0.9
    assert statistics.median(map(abs, tally.onsets)) <= 2
    assert statistics.median(map(abs, tally.offsets)) <= 2
