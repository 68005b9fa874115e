"""Damages files by the thousand and watches what the readers make of them.

    python tests/fuzz/harness.py --cases 100000 --folder build/fuzz

Cases run in child processes, each within 20 processor seconds and 1.5 GB. Right is a reader that gives finite numbers or an
``AufaitError``; a traceback, a hang, a process that dies or takes more memory is a fault, and its file is kept in the folder.
The same call resumes where the last one stopped.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).resolve().parent
SECONDS = 20.0
MEGABYTES = 1500


class Worker:
    """A child process that takes numbers of cases and tells what became of them."""

    def __init__(self, seeds: Path, folder: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        paths = [str(HERE), str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
        self._errors = (self.folder / "stderr.txt").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--work", str(seeds), str(self.folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment,
        )  # fmt: skip
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stream("stdout"), selectors.EVENT_READ)
        self._answer(300)  # it has loaded its packages

    def _stream(self, name: str) -> IO[str]:
        stream: IO[str] = getattr(self.process, name)
        return stream

    def run(self, number: int) -> dict[str, Any]:
        """The answer to a case; a worker that hangs or dies is ended, and ``process.returncode`` is set."""
        try:
            self._stream("stdin").write(f"{number}\n")
            self._stream("stdin").flush()
            answer = self._answer(SECONDS)
        except BrokenPipeError:
            answer = None
        if answer is None:
            alive = self.process.poll() is None
            self.close()
            said = (self.folder / "stderr.txt").read_bytes()[-300:].decode("utf-8", "replace")
            return {"result": "hang" if alive else "died", "detail": "" if alive else f"{self.process.returncode} {said}"}
        return answer

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        """The next answer, or None where it takes more than that of processor time, or six times as long in all."""
        start, end = self._processor_seconds(), time.monotonic() + 6 * seconds
        while not self._selector.select(1.0):
            if self._processor_seconds() - start > seconds or time.monotonic() > end:
                return None
        line = self._stream("stdout").readline()
        return json.loads(line) if line else None

    def _processor_seconds(self) -> float:
        """What the process has used; on a busy machine less than the clock says. 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self._errors.close()


def fuzz(first: int, count: int, folder: Path, *, corpus: Path | None = None) -> dict[str, Any]:
    """Run the cases ``first`` to ``first + count - 1``; faulty files go to ``folder/faults``.

    Args:
        first, count: which cases.
        folder: takes seeds and faults.
        corpus: takes the first file of each different fault too, to be replayed by a test ever after.

    Returns:
        "cases", "outcomes" (kind -> result -> number), "faults" (each "case", "kind", "result", "detail", "file"), "seconds", and
        "megabytes", the most memory that a process had.
    """
    from cases import kind_of, make_seeds

    folder.mkdir(parents=True, exist_ok=True)
    make_seeds(folder / "seeds")
    outcomes: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    faults, start, most = [], time.monotonic(), 0
    worker: Worker | None = None
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(first, first + count):
            if worker is None or worker.process.poll() is not None:
                worker = Worker(folder / "seeds", Path(scratch))
            answer, kind = worker.run(number), kind_of(number)
            most = max(most, answer.get("megabytes", 0))
            if answer.get("megabytes", 0) > MEGABYTES:
                answer["result"], answer["detail"] = "memory", f"{answer['megabytes']} MB"
                worker.close()
            outcomes[kind][answer["result"]] += 1
            if answer["result"] not in ("read", "refused"):
                faults.append({"case": number, "kind": kind, **answer, "file": _keep(number, kind, folder)})
                if corpus is not None and group_of(faults[-1]) not in {group_of(one) for one in faults[:-1]}:
                    _add_to(corpus, number, kind, folder)
    if worker is not None:
        worker.close()
    return {
        "cases": count, "outcomes": {kind: dict(found) for kind, found in sorted(outcomes.items())}, "faults": faults,
        "seconds": round(time.monotonic() - start, 1), "megabytes": most,
    }  # fmt: skip


def _keep(number: int, kind: str, folder: Path) -> str:
    """Copy the damaged input of a case to the folder of faults."""
    from cases import damage

    home = folder / "faults" / f"{kind.replace(' ', '-')}-{number}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        return str(damage(kind, number, folder / "seeds", home)[1])
    except Exception as error:  # the case is in the report anyway
        return f"cannot be made: {error}"


def group_of(fault: dict[str, Any]) -> tuple[str, str, str]:
    """What makes a fault another one: kind of file, kind of fault, and place in the program."""
    return fault["kind"], fault["result"], fault["detail"].partition(": ")[0]


def _add_to(corpus: Path, number: int, kind: str, folder: Path) -> None:
    home = corpus / kind.replace(" ", "-")
    home.mkdir(parents=True, exist_ok=True)
    for path in (folder / "faults" / f"{kind.replace(' ', '-')}-{number}").iterdir():
        copy = home / f"case-{number}{path.suffix}"
        if path.is_dir():
            shutil.copytree(path, copy, dirs_exist_ok=True)
        else:
            shutil.copy(path, copy)


def work(seeds: Path, folder: Path) -> None:
    """The child: cases in, answers out; packages are loaded before the first."""
    import resource

    import torch
    from cases import Outcome, damage, kind_of, run, whole_files

    from aufait.machine import peak_mebibytes

    torch.set_num_threads(1)
    for kind, path in whole_files(seeds):
        run(kind, path)  # loads what the reader needs, so that no case has to wait for it
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what decoders print is no answer
    limit = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0
    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit + (4 << 30), limit + (4 << 30)))
    print(json.dumps({"megabytes": int(peak_mebibytes())}), file=answers, flush=True)
    for line in sys.stdin:
        number = int(line)
        place = folder / str(number)
        place.mkdir()
        kind = kind_of(number)
        try:
            path, _ = damage(kind, number, seeds, place)
            outcome = run(kind, path)
        except Exception as error:  # of the harness itself
            outcome = Outcome("harness", f"{type(error).__name__}: {error}"[:200])
        shutil.rmtree(place, ignore_errors=True)
        memory = int(peak_mebibytes())  # of this process alone: another counter starts with what its parent had
        print(json.dumps({"result": outcome.result, "detail": outcome.detail, "megabytes": memory}), file=answers, flush=True)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000, help="how many in all, those of earlier calls included")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="seeds, faults and the state")
    parser.add_argument("--corpus", type=Path, help="takes the first file of each different fault")
    parser.add_argument("--work", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(*given.work)
        return 0
    state_file = given.folder / f"state-{given.first}.json"
    state: dict[str, Any] = json.loads(state_file.read_text()) if state_file.is_file() else {
        "cases": 0, "outcomes": {}, "faults": [], "seconds": 0.0, "megabytes": 0
    }  # fmt: skip
    while state["cases"] < given.cases:
        found = fuzz(given.first + state["cases"], min(5000, given.cases - state["cases"]), given.folder, corpus=given.corpus)
        for kind, results in found["outcomes"].items():
            own = state["outcomes"].setdefault(kind, {})
            for result, count in results.items():
                own[result] = own.get(result, 0) + count
        state["faults"] += found["faults"]
        state["cases"] += found["cases"]
        state["seconds"] = round(state["seconds"] + found["seconds"], 1)
        state["megabytes"] = max(state["megabytes"], found["megabytes"])
        state_file.write_text(json.dumps(state, indent=1))
        tell(f"{state['cases']:,} cases, {len(state['faults'])} faults, {state['seconds']:.0f} s")
    tell(summary(state))
    return 1 if state["faults"] else 0


def tell(text: str) -> None:
    """Print."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def summary(state: dict[str, Any]) -> str:
    """A table of kinds and results, and the faults by what they are."""
    lines = [f"{'kind':<16} {'cases':>8} {'read':>8} {'refused':>8} {'faults':>8}"]
    for kind, found in sorted(state["outcomes"].items()):
        read, refused, count = found.get("read", 0), found.get("refused", 0), sum(found.values())
        lines.append(f"{kind:<16} {count:>8,} {read:>8,} {refused:>8,} {count - read - refused:>8,}")
    lines.append(f"most memory of a process: {state['megabytes']} MB; {state['seconds']:.0f} s")
    groups = collections.Counter(map(group_of, state["faults"]))
    for (kind, result, detail), count in groups.most_common():
        example = next(one["file"] for one in state["faults"] if group_of(one) == (kind, result, detail))
        lines.append(f"{count:>6,} x {kind}: {result} {detail[:150]} ({example})")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    sys.exit(main())
