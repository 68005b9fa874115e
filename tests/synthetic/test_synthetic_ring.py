"""Rings of shared memory: order, bounds, and ends of all kinds. The drawing needs no face geometry."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path

import pytest
from synthetic.drawings import Stripes

from aufait.errors import AufaitError, InputError
from aufait.synthetic.ring import PLACES, Ring, drawn_here


def until(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + 30
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def begun(folder: Path) -> list[int]:
    return [int(path.name.partition("_")[2]) for path in folder.glob("begun_*")]


def alive(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


def test_pictures_come_in_order_whoever_draws_them(tmp_path: Path) -> None:
    numbers = [*range(40, 60), 3]
    here = [(picture.copy(), fact[0]) for picture, fact in drawn_here(Stripes(tmp_path), numbers)]
    with Ring(Stripes(tmp_path), 2) as ring:
        there = [(picture.copy(), fact) for picture, fact in ring.pictures(numbers)]
    assert [fact[0] for _, fact in there] == [fact for _, fact in here] == numbers
    for (one, _), (other, _), number in zip(here, there, numbers, strict=True):
        assert (one == other).all() and (one == number).all()
    assert len({fact[1] for _, fact in there}) == 2


def test_workers_wait_when_their_places_are_full_and_a_pass_may_be_left(tmp_path: Path) -> None:
    with Ring(Stripes(tmp_path), 1) as ring:
        first = ring.pictures(count())
        assert [fact[0] for _, fact in islice(first, 3)] == [0, 1, 2]
        ahead = 3 + PLACES - 1  # the third picture has not been given back
        assert until(lambda: (tmp_path / f"drawn_{ahead - 1}").exists())
        time.sleep(0.2)
        assert len(list(tmp_path.glob("drawn_*"))) == ahead
        first.close()
        assert [(picture.tolist(), fact[0]) for picture, fact in ring.pictures([70, 71])] == [([[n] * 3] * 2, n) for n in (70, 71)]


def test_a_worker_that_dies_is_named_and_the_others_end(tmp_path: Path) -> None:
    told = r"drawing worker 2 of 2 \(process \d+\) ended by signal 9, as happens when memory runs out at picture 3; fewer"
    with Ring(Stripes(tmp_path, dies_at=3), 2) as ring, pytest.raises(AufaitError, match=told):
        list(ring.pictures(range(8)))
    assert len(begun(tmp_path)) == 2 and until(lambda: not any(map(alive, begun(tmp_path))))


def test_errors_arrive_as_they_were(tmp_path: Path) -> None:
    with Ring(Stripes(tmp_path, fails_at=1), 2) as ring, pytest.raises(InputError, match="no more paint"):
        list(ring.pictures(range(8)))


_ENDLESS = """
import signal, sys
from itertools import count
from pathlib import Path
from aufait.synthetic.ring import Ring
from synthetic.drawings import Stripes

signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where tests run in the background of a shell
with Ring(Stripes(Path(sys.argv[1]), seconds=0.05), 2) as ring:
    for picture, fact in ring.pictures(count()):
        print(fact[0], flush=True)
"""


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="looks at the shared memory of Linux")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_neither_processes_nor_memory_outlive_an_interrupt_or_a_kill(tmp_path: Path, how: signal.Signals) -> None:
    before = {path.name for path in Path("/dev/shm").iterdir()}
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    words, pipe = [sys.executable, "-c", _ENDLESS, str(tmp_path)], subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env={**os.environ, "PYTHONPATH": path}) as run:
        assert run.stdout is not None and run.stderr is not None
        assert run.stdout.readline() == "0\n"
        run.send_signal(how)
        assert run.wait(30) != 0
        workers = begun(tmp_path)
        assert workers and until(lambda: not any(map(alive, workers)))
        left = {path.name for path in Path("/dev/shm").iterdir()} - before
        assert not [name for name in left if name.startswith(("pym-", "psm_", "torch_"))]
        assert how == signal.SIGKILL or "KeyboardInterrupt" in run.stderr.read()
