"""Live scores: analysed frames per second and the time from a frame to its answer, through a real server and a real WebSocket.

    python benchmarks/bench_live.py [VIDEO] [--finder builtin] [--seconds 10] [--repeats 3] [--camera 30]

Starts ``aufait studio`` as a process of its own and sends it the frames of VIDEO (the shipped clip if left out), cut to 4:3 and
scaled to 640 x 480, as JPEG, forwards and backwards without an end. First in turn: the next frame when the last one is answered.
Then as the page does: as many frames under way as the server says. Then as a camera that does not wait: ``--camera`` frames per
second, of which the server takes the newest.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aufait.machine import describe_machine
from aufait.media.sources import demo_clip
from aufait.media.video import open_video

SIZE = (640, 480)
_WARM = 2.0  # seconds that are not counted


@dataclass
class Run:
    """Answers of one run; times in milliseconds."""

    round_trip: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    faces: list[int] = field(default_factory=list)
    seconds: float = 0.0
    dropped: int = 0
    dropped_before: int = 0
    frames: int = 0
    """All that were answered, also those that warmed it up."""

    def to_text(self) -> str:
        """One line."""
        middle, high = np.percentile(self.round_trip, [50, 95])
        rate = len(self.round_trip) / self.seconds
        return (
            f"{rate:5.1f} frames/s, round trip median {middle:.0f} ms, 95 % within {high:.0f} ms, in the server "
            f"{np.median(self.server):.0f} ms, {self.dropped} dropped, {np.mean(self.faces):.2f} faces"
        )


def pictures(video: Path, most: int = 300, quality: int = 80) -> list[bytes]:
    """JPEGs of the first frames, cut to 4:3 in the middle."""
    found = []
    with open_video(video) as reader:
        for frame in islice(reader, most):
            picture = Image.fromarray(frame.image)
            width = min(picture.width, picture.height * 4 // 3)
            height = min(picture.height, picture.width * 3 // 4)
            left, top = (picture.width - width) // 2, (picture.height - height) // 2
            kept = io.BytesIO()
            picture.crop((left, top, left + width, top + height)).resize(SIZE).save(kept, "JPEG", quality=quality)
            found.append(kept.getvalue())
    return found


def to_and_fro(frames: list[bytes]) -> Iterator[bytes]:
    """The frames forwards and backwards, without a cut."""
    while True:
        yield from frames
        yield from frames[-2:0:-1]


def cpu_seconds(pid: int) -> float:
    """Processor time so far of a process and those that it started; nan where the system does not tell."""
    parents, spent = {}, {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            rest = place.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents[int(place.parent.name)] = int(rest[1])
        spent[int(place.parent.name)] = sum(map(int, rest[11:13])) / os.sysconf("SC_CLK_TCK")
    family, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in family} - family
        family, grown = family | more, bool(more)
    return sum(spent.get(one, 0.0) for one in family) if parents else float("nan")


def machine_seconds() -> float:
    """Processor time so far of everything that runs on this machine; nan where the system does not tell."""
    try:
        spent = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return float("nan")
    return sum(int(spent[place]) for place in (0, 1, 2, 5, 6)) / os.sysconf("SC_CLK_TCK")  # user, nice, system, interrupts


@dataclass
class Watch:
    """Who used the processor since it was made: the studio, and everybody else but this program."""

    pid: int

    def __post_init__(self) -> None:
        self._start = time.perf_counter(), cpu_seconds(self.pid), machine_seconds(), time.process_time()

    def to_text(self, frames: int) -> str:
        """Processor time of the studio for a frame, and the share of the machine that others used."""
        now = time.perf_counter(), cpu_seconds(self.pid), machine_seconds(), time.process_time()
        passed, studio_used, all_used, own = (late - early for late, early in zip(now, self._start, strict=True))
        others = max(0.0, all_used - studio_used - own) / passed / (os.cpu_count() or 1)
        return f"{1000 * studio_used / frames:.0f} ms of processor time a frame; others used {100 * others:.0f} % of the machine"


@contextmanager
def studio(finder: str, model: str, runtime: str) -> Iterator[tuple[str, int]]:
    """A studio in a process of its own; gives the address of its live WebSocket, and the number of the process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "aufait", "studio", folder, "--no-browser"]
        command += ["--finder", finder, "--model", model, "--runtime", runtime]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            printed = (re.search(r"http://(\S+?)/\?token=(\S+)", line) for line in process.stdout)
            found = next(one for one in printed if one)
            yield f"ws://{found[1]}/api/live?token={found[2]}", process.pid
        finally:
            process.terminate()
            process.wait(20)


async def steadily(address: str, frames: list[bytes], seconds: float, most: int | None = None) -> Run:
    """The next frame when one is answered, with ``most`` frames under way; None for as many as the server says."""
    run = Run()
    async with _connected(address) as (socket, in_flight):
        begin = time.perf_counter()
        waiting = 0
        for picture in to_and_fro(frames):
            now = time.perf_counter()
            if now - begin > _WARM + seconds:
                return run
            await socket.send(struct.pack("<d", 1000 * now) + picture)
            waiting += 1
            if waiting == (most or in_flight):
                _count(run, await socket.recv(), begin)
                waiting -= 1
    return run


async def as_camera(address: str, frames: list[bytes], seconds: float, rate: float) -> Run:
    """A frame every 1 / rate seconds, whatever has been answered."""
    run = Run()
    async with _connected(address) as (socket, _):
        begin = time.perf_counter()

        async def send() -> None:
            for number, picture in enumerate(to_and_fro(frames)):
                await asyncio.sleep(begin + number / rate - time.perf_counter())
                now = time.perf_counter()
                if now - begin > _WARM + seconds:
                    return
                await socket.send(struct.pack("<d", 1000 * now) + picture)

        sending = asyncio.create_task(send())
        while not sending.done():
            try:
                _count(run, await asyncio.wait_for(socket.recv(), 1.0), begin)
            except TimeoutError:
                break
        await sending
    return run


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[tuple[Any, int]]:
    """A connection whose greeting has been read, and how many frames may be under way."""
    from websockets.asyncio.client import connect

    async with connect(address, compression=None) as socket:
        ready = json.loads(await socket.recv())
        if ready["type"] != "ready":
            raise SystemExit(ready["error"]["message"])
        yield socket, ready["in_flight"]


def _count(run: Run, answer: str | bytes, begin: float) -> None:
    told = json.loads(answer)
    if told["type"] != "scores":
        raise SystemExit(told["error"]["message"])
    now = time.perf_counter()
    run.frames += 1
    if now - begin < _WARM:
        run.dropped_before = told["dropped"]
        return
    run.round_trip.append(1000 * now - told["sent"])
    run.server.append(told["server_ms"])
    run.faces.append(len(told["faces"]))
    run.seconds = now - begin - _WARM
    run.dropped = told["dropped"] - run.dropped_before


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--finder", default="builtin")
    parser.add_argument("--model", default="default")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--camera", type=float, default=30.0, metavar="FRAMES_PER_SECOND")
    options = parser.parse_args()
    frames = pictures(options.video or demo_clip())
    print(f"machine   {describe_machine()}")
    print(f"command   python {shlex.join(sys.argv)}")
    print(f"frames    {len(frames)} of {SIZE[0]} x {SIZE[1]}, {np.mean([len(one) for one in frames]) / 1000:.0f} kB on average")
    kinds: dict[str, Callable[[str], Coroutine[Any, Any, Run]]] = {
        "in turn": lambda address: steadily(address, frames, options.seconds, 1),
        "as page": lambda address: steadily(address, frames, options.seconds),
        "camera": lambda address: as_camera(address, frames, options.seconds, options.camera),
    }
    runs: dict[str, list[Run]] = {kind: [] for kind in kinds}
    with studio(options.finder, options.model, options.runtime) as (address, pid):
        asyncio.run(steadily(address, frames, 0))  # the process that analyses starts, and stays for the next session
        for number in range(options.repeats):
            for kind, work in kinds.items():  # in turn, so that whatever else the machine does is shared among them
                watch = Watch(pid)
                run = asyncio.run(work(address))
                runs[kind].append(run)
                print(f"{kind:9} {run.to_text()} (run {number + 1}: {watch.to_text(run.frames)})", flush=True)
    for kind, some in runs.items():
        print(f"{kind:9} {_spread(some)}")


def _spread(runs: list[Run]) -> str:
    rates = [len(run.round_trip) / run.seconds for run in runs]
    middles = [float(np.median(run.round_trip)) for run in runs]
    return (
        f"median {np.median(rates):.1f} frames/s ({min(rates):.1f} to {max(rates):.1f}), "
        f"round trip {np.median(middles):.0f} ms ({min(middles):.0f} to {max(middles):.0f})"
    )


if __name__ == "__main__":
    main()
