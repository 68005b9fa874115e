"""Kills ``aufait detect`` again and again until it has come to its end, and compares what is there with an undisturbed run.

Each run is a fork of this process, so that it begins at once. A file of its own, run in a process of its own, because a fork of a
process in which torch has worked cannot work itself.

    python tests/kill_detect.py WORK --kills 50 --seed 1 [--steps] [--real] [INPUT ...]

It prints one line of JSON: kills that hit, runs, what differs from the undisturbed run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import fakes

OPTIONS = ["--format", "csv,parquet", "--annotate", "--report", "-q"]
RECORD_ONLY = ("started", "ended", "command", "state", "modified_ns")  # what differs between two undisturbed runs, too
FINDER_MS, WRITES = 4, ("rename", "replace", "unlink", "link", "mkdir", "rmdir")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", action="store_true", help="kill before every change of a name, one after the other")
    parser.add_argument("--real", action="store_true", help="use the shipped networks")
    asked = parser.parse_args()
    import torch  # noqa: F401  # before the forks, which then begin at once

    from aufait.cli.app import app
    from aufait.detection import detector, jobs, tables  # noqa: F401
    from aufait.media import images, video, video_writer  # noqa: F401
    from aufait.visualization.results import annotate, report, timeline  # noqa: F401

    with contextlib.suppress(ImportError):
        import pyarrow.parquet  # noqa: F401

    if not asked.real:
        slow_fakes()
    inputs = asked.inputs or make_inputs(asked.work / "in")

    def detect(out: Path) -> None:
        app(["detect", *inputs, "-o", str(out), *OPTIONS], standalone_mode=True)

    whole, out = asked.work / "whole", asked.work / "out"
    start = time.monotonic()
    code, _ = run(lambda: detect(whole))
    length = time.monotonic() - start
    assert code in (0, 6), f"the undisturbed run ended with {code}"
    kill = every_step if asked.steps else at_random
    hits, runs, code, broken = kill(lambda: detect(out), out, whole, asked.kills, random.Random(asked.seed), length)
    broken += differences(out, whole)
    sys.stdout.write(json.dumps({"hits": hits, "runs": runs, "status": code, "seconds": round(length, 2), "broken": broken}) + "\n")


def slow_fakes() -> None:
    """Stand-ins that take some milliseconds, so that kills fall everywhere."""
    fakes.use_fakes()
    find, track = fakes.FakeFinder.find, fakes.FakeFinder.track
    pause = FINDER_MS / 1000
    fakes.FakeFinder.find = lambda self, image: (time.sleep(pause), find(self, image))[1]  # type: ignore[method-assign]
    fakes.FakeFinder.track = lambda self, image, at: (time.sleep(pause), track(self, image, at))[1]  # type: ignore[method-assign]


def make_inputs(folder: Path) -> list[str]:
    """A folder of pictures, one of them damaged, and a clip. Made in a fork: PyAV's encoders start threads."""

    def make() -> None:
        folder.mkdir(parents=True)
        for number in range(8):
            fakes.write_picture(folder / f"p{number}.png", fakes.textured(brightness=40 + 20 * number))
        (folder / "p3.png").write_bytes((folder / "p3.png").read_bytes()[:60])
        fakes.write_clip(folder / "clip.mp4", 24)

    code, _ = run(make)
    assert code == 0
    return [str(folder / "clip.mp4"), *(str(folder / f"p{number}.png") for number in (0, 1, 2, 4, 5, 6, 7))]


def run(work: Callable[[], object], after: float | None = None) -> tuple[int, bool]:
    """Runs something in a fork and kills it after some seconds; its status, and whether the kill came before its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException as error:  # of a child nothing must escape into the code of its parent
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            sys.stdout.flush()
            os._exit(code)
    end = None if after is None else time.monotonic() + after
    while end is None or time.monotonic() < end:
        done, status = os.waitpid(child, 0 if end is None else os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), os.WIFSIGNALED(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), os.WIFSIGNALED(status)


def at_random(
    work: Callable[[], object], out: Path, whole: Path, kills: int, chance: random.Random, length: float
) -> tuple[int, int, int, list[str]]:
    """Kills at moments drawn evenly over the run; a run that ends well begins anew in an empty folder."""
    hits, runs, broken = 0, 0, list[str]()
    while hits < kills:
        code, hit = run(work, chance.uniform(0.0, 1.2 * length))
        hits, runs = hits + hit, runs + 1
        sys.stderr.write(f"{hits} kills in {runs} runs\n")
        broken += unsound(out, whole)
        if not hit:
            broken += differences(out, whole)
            shutil.rmtree(out)
    code, _ = run(work)
    return hits, runs + 1, code, broken


def every_step(
    work: Callable[[], object], out: Path, whole: Path, kills: int, chance: random.Random, length: float
) -> tuple[int, int, int, list[str]]:
    """Kills before the first change of a name, then, in a new folder, before the second, and so on.

    Each time a second run is killed too, early, where it takes over from the first; a third comes to its end.
    """
    hits, runs, broken, code = 0, 0, list[str](), 0
    while True:
        shutil.rmtree(out, ignore_errors=True)
        code, hit = run(partial(die_at, hits + 1, work))
        runs += 1
        if not hit:
            return hits, runs, code, broken
        hits += 1
        sys.stderr.write(f"killed before step {hits}\n")
        broken += unsound(out, whole)
        run(partial(die_at, chance.randint(1, 8), work))
        broken += unsound(out, whole)
        code, _ = run(work)
        runs += 2
        broken += [f"step {hits}: {line}" for line in differences(out, whole)]
        if code not in (0, 6):
            broken.append(f"step {hits}: status {code}")


def die_at(step: int, work: Callable[[], object]) -> None:
    """Does the work until just before the ``step``-th change of a name, where this process kills itself."""
    left = [step]

    def watch(change: Callable[..., object]) -> Callable[..., object]:
        def changed(*words: object, **named: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return change(*words, **named)

        return changed

    for name in WRITES:
        setattr(os, name, watch(getattr(os, name)))
    work()


def unsound(out: Path, whole: Path) -> list[str]:
    """What is wrong in a folder after a kill: files with final names that are not those of the undisturbed run."""
    if not out.exists():
        return []
    final = [path for path in out.iterdir() if path.is_file() and ".partial" not in path.name and ".claim" not in path.name]
    wrong = [f"after a kill, {path.name} is not whole" for path in final if content(path) != content(whole / path.name)]
    for record in out.glob("*.provenance.json"):
        listed = json.loads(record.read_text())["files"]
        wrong += [f"{record.name} vouches for {name}, which is not there" for name in listed if not (out / name).exists()]
    return wrong


def differences(out: Path, whole: Path) -> list[str]:
    """Files that are in one folder alone, or differ."""
    names = {path.name for path in out.iterdir()}, {path.name for path in whole.iterdir()}
    alone = [f"{name} is in one folder only" for name in sorted(names[0] ^ names[1])]
    return alone + [f"{name} differs" for name in sorted(names[0] & names[1]) if content(out / name) != content(whole / name)]


def content(path: Path) -> object:
    """The bytes of a file, but for times in records and in the pages that show them, and the hashes of these pages."""
    if path.suffix == ".json":
        return plain(json.loads(path.read_text()))
    if path.suffix == ".html":
        lines = re.sub(r"\d{4}-\d\d-\d\dT[\d:.+]+", "TIME", path.read_text()).splitlines()
        return [line for line in lines if not line.rstrip(",").endswith(("/out&quot;", "/whole&quot;"))]
    return path.read_bytes()


def plain(value: object, name: str = "") -> object:
    if isinstance(value, dict):
        page = name.endswith(".html")
        return {k: plain(v, k) for k, v in value.items() if k not in RECORD_ONLY and not (page and k in ("sha256", "bytes"))}
    return [plain(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
