"""Prefetch and BackgroundSink: order, bounds, errors and an early end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from aufait.detection.threads import BackgroundSink, Prefetch, Room, frames_that_fit


def aufait_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("aufait-")]


def test_prefetch_keeps_the_order() -> None:
    with Prefetch(range(100), depth=2) as items:
        assert list(items) == list(range(100))
    assert aufait_threads() == []


def test_prefetch_never_runs_further_ahead_than_its_depth() -> None:
    produced: list[int] = []

    def source() -> Iterator[int]:
        for number in range(50):
            produced.append(number)
            yield number

    with Prefetch(source(), depth=2) as items:
        for number in items:
            time.sleep(0.001)
            # two wait, one is in the hands of each thread
            assert len(produced) <= number + 4


def test_error_in_the_source_reaches_the_consumer_after_the_good_items() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("bad frame")

    seen: list[int] = []
    with pytest.raises(ValueError, match="bad frame"), Prefetch(source()) as items:
        seen.extend(items)
    assert seen == [1]


def test_leaving_early_closes_the_source_and_the_thread() -> None:
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    with Prefetch(source(), depth=1) as items:
        next(iter(items))
    assert closed.is_set()
    assert aufait_threads() == []


def test_chained_prefetch_ends_cleanly_when_left_early() -> None:
    with Prefetch(range(10**9), depth=2) as first, Prefetch((2 * item for item in first), depth=2) as second:
        assert next(iter(second)) == 0
    assert aufait_threads() == []


def test_sink_consumes_everything_in_order() -> None:
    seen: list[int] = []
    with BackgroundSink(seen.append, depth=2) as sink:
        for number in range(100):
            sink.put(number)
    assert seen == list(range(100))
    assert aufait_threads() == []


def test_error_in_the_sink_reaches_the_producer() -> None:
    def consume(number: int) -> None:
        if number == 3:
            raise OSError("disc full")

    with pytest.raises(OSError, match="disc full"), BackgroundSink(consume, depth=1) as sink:
        for number in range(100):
            sink.put(number)
    assert aufait_threads() == []


def test_items_that_wait_are_still_written_after_an_error_of_the_producer() -> None:
    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt), BackgroundSink(seen.append, depth=10) as sink:
        for number in range(5):
            sink.put(number)
        raise KeyboardInterrupt
    assert seen == [0, 1, 2, 3, 4]


def test_groups_have_the_same_items_in_order() -> None:
    with Prefetch(range(10), depth=2) as items:
        assert list(items.groups(4)) == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]


def test_groups_before_an_error_are_handed_over() -> None:
    def source() -> Iterator[int]:
        yield from (1, 2, 3, 4)
        raise ValueError("bad frame")

    seen = []
    with pytest.raises(ValueError, match="bad frame"), Prefetch(source()) as items:
        for group in items.groups(2):
            seen.append(group)  # noqa: PERF402
    assert seen == [[1], [2, 3], [4]]


def test_groups_that_do_not_wait_take_what_is_there() -> None:
    more = threading.Event()

    def source() -> Iterator[int]:
        yield from (1, 2)
        more.wait(10)
        yield from (3, 4)

    with Prefetch(source(), depth=4) as items:
        groups = items.groups(4, wait=False)
        assert [next(groups), next(groups)] == [[1], [2]]
        assert not more.is_set()  # with ``wait`` the second group would have waited for the others, which come later
        more.set()
        assert [item for group in groups for item in group] == [3, 4]


def test_room_is_waited_for_and_a_large_item_is_let_in_alone() -> None:
    room, entered = Room(10), []

    def work() -> None:
        for name, needed in (("a", 6), ("b", 4), ("c", 1), ("large", 50)):
            room.enter(name, needed)
            entered.append(name)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.2)
    assert entered == ["a", "b"]
    room.leave("a")
    time.sleep(0.2)
    assert entered == ["a", "b", "c"]
    room.leave("never entered")
    room.leave("b")
    time.sleep(0.2)
    assert entered == ["a", "b", "c"]
    room.leave("c")
    thread.join(10)
    assert entered == ["a", "b", "c", "large"]


def test_nobody_waits_for_room_that_is_closed() -> None:
    room = Room(10)
    room.enter("a", 10)
    thread = threading.Thread(target=room.enter, args=("b", 10))
    thread.start()
    room.close()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(("most", "size", "fit"), [(4, None, 4), (4, (1920, 1080), 4), (4, (3840, 2160), 4), (4, (7680, 4320), 1)])
def test_fewer_very_large_frames_wait(most: int, size: tuple[int, int] | None, fit: int) -> None:
    assert frames_that_fit(most, size) == fit
