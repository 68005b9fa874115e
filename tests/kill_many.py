"""Many short clips by several processes that do not know of each other, killed and started again until all is done.

    python tests/kill_many.py WORK [--clips 200] [--frames 4] [--processes 1] [--workers 1] [--kills 20] [--seed 1]

Each process gives the same command, ``aufait detect``, on one folder; a killed one is given again. What is there then is compared
with an undisturbed run, results that were whole at a kill must still be the same files, and frames are counted: none is analysed
twice but those of clips that a killed process was at. It prints one line of JSON. Stand-ins take the place of the networks, a few
milliseconds a frame.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import fakes
import kill_detect

FRAMES_SEEN = "AUFAIT_TEST_FRAMES_SEEN"
"""Name of the variable that holds the file to which each analysed frame adds a byte, for worker processes too."""


def counting_fakes() -> None:
    """Slow stand-ins that count. Done when this module is loaded, as worker processes load it."""
    kill_detect.slow_fakes()
    track = fakes.FakeFinder.track

    def counted(self: fakes.FakeFinder, image: object, timestamp: float) -> object:
        with Path(os.environ[FRAMES_SEEN]).open("ab") as file:
            file.write(b".")
        return track(self, image, timestamp)  # type: ignore[arg-type]

    fakes.FakeFinder.track = counted  # type: ignore[method-assign,assignment]


if FRAMES_SEEN in os.environ or __name__ == "__main__":
    counting_fakes()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    for name, value in {"clips": 200, "frames": 4, "processes": 1, "workers": 1, "kills": 20, "seed": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    from aufait.cli.app import app
    from aufait.detection import detector, jobs, tables  # noqa: F401  # before the forks, which then begin at once
    from aufait.media import video  # noqa: F401

    inputs, whole, out = make_clips(asked.work / "in", asked.clips, asked.frames), asked.work / "whole", asked.work / "out"

    def detect(folder: Path) -> None:
        app(["detect", inputs, "-o", str(folder), "--workers", str(asked.workers), "-q"], standalone_mode=True)

    os.environ[FRAMES_SEEN] = str(asked.work / "undisturbed")
    start = time.monotonic()
    code, _ = kill_detect.run(lambda: detect(whole))
    length = time.monotonic() - start
    assert code == 0, f"the undisturbed run ended with {code}"
    os.environ[FRAMES_SEEN] = str(asked.work / "seen")
    chance, wanted = random.Random(asked.seed), asked.clips * asked.frames
    at = sorted(chance.sample(range(1, wanted), asked.kills))
    found = together(lambda: detect(out), asked.work / "seen", asked.processes, at, chance, partial(finished, out))
    seen = (asked.work / "seen").stat().st_size
    allowed = wanted + found["kills"] * asked.workers * asked.frames
    broken = [*found.pop("broken"), *kill_detect.differences(out, whole)]
    broken += [f"{seen} frames were analysed, at most {allowed} should be"] if seen > allowed else []
    facts = {"clips": asked.clips, "frames": wanted, "seen": seen, "allowed": allowed}
    sys.stdout.write(json.dumps({**facts, **found, "undisturbed_seconds": round(length, 2), "broken": broken}) + "\n")


def make_clips(folder: Path, count: int, frames: int) -> str:
    """A folder of clips; eight are different."""

    def make() -> None:
        folder.mkdir(parents=True)
        made = [fakes.write_clip(folder / f"c{number:04}.mp4", frames, brightness=40 + 20 * number) for number in range(8)]
        for number in range(8, count):
            shutil.copy(made[number % 8], folder / f"c{number:04}.mp4")
        for path in made[count:]:
            path.unlink()

    code, _ = kill_detect.run(make)
    assert code == 0
    return str(folder)


def together(
    work: Callable[[], object],
    seen: Path,
    processes: int,
    at: Sequence[int],
    chance: random.Random,
    finished: Callable[[], Mapping[str, object]],
) -> dict[str, Any]:
    """Starts processes; when so many frames have been seen, kills one and starts it anew; until all have ended by themselves.

    Args:
        finished: what is whole by now, each with what changes when it is made again.
    """
    running = [start(work) for _ in range(processes)]
    moments, codes, whole = list(at), list[int](), dict[str, object]()
    begun = time.monotonic()
    while running:
        for child in list(running):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                running.remove(child)
                codes.append(os.waitstatus_to_exitcode(status))
        if moments and running and seen.exists() and seen.stat().st_size >= moments[0]:
            time.sleep(chance.uniform(0.0, 0.03))
            moments.pop(0)
            victim = chance.choice(running)
            kill(victim)
            whole = {**finished(), **whole}
            running[running.index(victim)] = start(work)
        time.sleep(0.001)
    now = finished()
    broken = [f"{name} was made again" for name, state in whole.items() if now.get(name) != state]
    broken += [f"a process ended with {code}" for code in codes if code]
    seconds = round(time.monotonic() - begun, 2)
    return {"kills": len(at) - len(moments), "processes": processes, "seconds": seconds, "broken": broken}


def start(work: Callable[[], object]) -> int:
    """A fork that does the work in a group of its own."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            work()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException as error:  # of a child nothing must escape into the code of its parent
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            sys.stdout.flush()
            os._exit(code)
    return child


def kill(child: int) -> None:
    """The process and its workers, at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def finished(out: Path) -> dict[str, object]:
    """The tables that a record vouches for, each with what changes when it is made again."""
    found = {}
    for record in out.glob("*.provenance.json") if out.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):
            stat = record.with_name(record.name.replace(".provenance.json", ".csv")).stat()
            found[record.name] = (stat.st_ino, stat.st_mtime_ns)
    return found


if __name__ == "__main__":
    main()
