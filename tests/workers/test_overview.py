"""What is said of the progress of many workers."""

from __future__ import annotations

import pytest

from aufait.workers.overview import Overview


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rate_and_time_left_are_those_of_all_workers_together() -> None:
    clock = Clock()
    overview = Overview(4, clock)
    assert overview.seconds_left is None and overview.rate == 0.0
    overview.at("a", 10, 100)
    overview.at("b", 30, 100)
    clock.now += 4.0
    assert overview.rate == pytest.approx(10.0)  # 40 parts in 4 s
    assert overview.seconds_left == pytest.approx(4.0 * 3.6 / 0.4)
    overview.end("a", parts=100)
    assert overview.rate == pytest.approx(130 / 4) and set(overview.running) == {"b"}
    assert overview.seconds_left == pytest.approx(4.0 * 2.7 / 1.3)
    for name in "bcd":
        overview.end(name)
    assert overview.seconds_left == 0.0


def test_what_was_there_already_does_not_make_the_rest_look_quick() -> None:
    clock = Clock()
    overview = Overview(10, clock)
    for number in range(8):
        overview.end(f"kept{number}", kept=True, parts=1000)
    clock.now += 5.0
    assert overview.seconds_left is None and overview.rate == 0.0
    overview.at("new", 50, 100)
    assert overview.seconds_left == pytest.approx(5.0 * 1.5 / 0.5)


def test_totals_are_estimates_and_another_step_counts_anew() -> None:
    clock = Clock()
    overview = Overview(1, clock)
    assert overview.at("a", 120, 100).total == 120
    assert overview.at("b", 5, None).share == 0.0
    overview.at("fold", 10, 10, "training")
    overview.at("fold", 2, 10, "testing")
    clock.now += 1.0
    assert overview.rate == pytest.approx(120 + 5 + 10 + 2)
