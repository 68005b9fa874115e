"""Kills a command again and again, whole process group at once, until it has come to its end; compares with an undisturbed run.

    python tests/kill_jobs.py WORK [--kills 50] [--seed 1] [--ignore LOG.csv] -- synth {out} --frames 40 --workers 2

``{out}`` stands for the folder of results; a run that ends well begins anew in an empty one. It prints one line of JSON: kills
that hit, runs, and what differs from the undisturbed run. ``make durability`` runs it for prepare, train and synth.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

TIMES = ("started", "ended", "finished", "created", "seconds", "duration", "time", "wall_seconds", "output", "command", "out")
"""What differs between two undisturbed runs, too: times, and the folder that was asked for."""

BOOKKEEPING = (".lock", ".claim", ".pid")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ignore", nargs="*", default=[], help="names of files that hold times")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    whole, out = asked.work / "whole", asked.work / "out"
    length = undisturbed(asked.command, whole)
    chance, hits, runs, broken = random.Random(asked.seed), 0, 0, list[str]()
    finished_once = False
    while hits < asked.kills or not finished_once:
        pause = chance.uniform(0.0, 1.2 * length) if hits < asked.kills else None
        code = run(asked.command, out, pause)
        hits, runs = hits + (code is None), runs + 1
        sys.stderr.write(f"{hits} kills in {runs} runs\n")
        if code is None:
            continue
        broken += [f"run {runs} ended with {code}"] if code else differences(out, whole, set(asked.ignore))
        finished_once = hits >= asked.kills
        shutil.rmtree(out, ignore_errors=True)
    sys.stdout.write(json.dumps({"hits": hits, "runs": runs, "seconds": round(length, 2), "broken": sorted(set(broken))}) + "\n")


def undisturbed(command: list[str], whole: Path) -> float:
    """Runs the command to its end twice, the first time to fill caches; the seconds that the second one took."""
    for _ in range(2):
        shutil.rmtree(whole, ignore_errors=True)
        start = time.monotonic()
        code = run(command, whole, None)
        assert code == 0, f"the undisturbed run ended with {code}"
    return time.monotonic() - start


def run(command: list[str], out: Path, after: float | None) -> int | None:
    """Its status, or None where it was killed after ``after`` seconds."""
    words = [sys.executable, "-m", "aufait", *(word.replace("{out}", str(out)) for word in command)]
    log = (out.parent / "log.txt").open("ab")
    with subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True) as child:
        try:
            return child.wait(after)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return None


def differences(out: Path, whole: Path, ignored: set[str]) -> list[str]:
    """Files that are in one folder alone, or differ."""
    ours, theirs = files(out, ignored), files(whole, ignored)
    alone = [f"{name} is in one folder only" for name in sorted(ours ^ theirs)]
    return alone + [f"{name} differs" for name in sorted(ours & theirs) if content(out / name) != content(whole / name)]


def files(folder: Path, ignored: set[str]) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name not in ignored)
    return {str(path.relative_to(folder)) for path in found if path.suffix not in BOOKKEEPING}


def content(path: Path) -> object:
    """The bytes of a file; of JSON what is not a time."""
    return plain(json.loads(path.read_text())) if path.suffix == ".json" else path.read_bytes()


def plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name not in TIMES}
    return [plain(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
