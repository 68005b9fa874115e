"""The studio's pages: how soon the library is there, how heavy it is, and how smoothly a recording of an hour is scrubbed.

    python benchmarks/bench_studio.py [--minutes 60] [--repeats 3] [--seconds 6] [--keep FOLDER] [--trace FILE.json]

Makes a recording with two faces (the shipped clip again and again as film, scores that rise and fall), starts ``aufait studio``
on it as a process of its own, and drives Chromium without a window: the library is loaded, then the mouse is pressed in the lanes
and moved to and fro. Page frames are the intervals of ``requestAnimationFrame`` meanwhile. Needs Playwright and Chromium.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from aufait.action_units import AU_SETS
from aufait.analysis.events import find_events
from aufait.machine import describe_machine
from aufait.media.sources import demo_clip
from aufait.studio.arrays import Arrays, write_arrays
from aufait.studio.events import keep_found
from aufait.studio.settings import StudioSettings
from aufait.studio.studio import Studio

IDENTITY = f"{1:012x}"
RATE = 25
SIZE = (640, 360)
UNITS = AU_SETS["default"]
_PERIOD = 60 * RATE  # frames after which scores come again
_WINDOW = {"width": 1440, "height": 900}
_IDLE = """(seconds) => new Promise((done) => {
    const times = [];
    const step = (now) => { times.push(now); if (now - times[0] < 1000 * seconds) requestAnimationFrame(step); else done(times); };
    requestAnimationFrame(step);
})"""
_BEGIN = """() => {
    const kept = (window.benchmark = { frames: [], running: true, shown: 0, heads: 0 });
    const step = (now) => { if (kept.running) { kept.frames.push(now); requestAnimationFrame(step); } };
    requestAnimationFrame(step);
    document.querySelector("video").addEventListener("seeked", () => { kept.shown += 1; });
}"""
_END = "() => { window.benchmark.running = false; return window.benchmark; }"
_PAINTS = """() => Object.fromEntries(performance.getEntriesByType('paint').map((one) => [one.name, one.startTime]))"""


@dataclass(frozen=True)
class Run:
    """One stretch of scrubbing.

    Attributes:
        intervals: milliseconds between page frames.
        pictures: a second, of the film.
        requests: addresses that were asked for meanwhile, without their numbers.
    """

    intervals: np.ndarray
    pictures: float
    requests: dict[str, int]

    @property
    def rate(self) -> float:
        return 1000.0 / float(self.intervals.mean())

    def to_text(self) -> str:
        """One line."""
        middle, high = np.percentile(self.intervals, [50, 95])
        asked = ", ".join(f"{count} {name}" for name, count in sorted(self.requests.items())) or "none"
        return (
            f"{self.rate:5.1f} page frames/s, interval median {middle:.1f} ms, 95 % within {high:.1f} ms, longest "
            f"{self.intervals.max():.0f} ms, {self.pictures:.1f} film pictures/s, requests: {asked}"
        )


def make_film(path: Path, minutes: float) -> None:
    """Ten seconds of the shipped clip in 640 x 360, encoded once and put behind each other."""
    short = path.with_name("short.mp4")
    with av.open(str(demo_clip())) as source, av.open(str(short), "w") as target:
        stream = target.add_stream("libx264", Fraction(RATE))
        stream.width, stream.height = SIZE
        stream.pix_fmt, stream.options = "yuv420p", {"bf": "0"}
        pictures = [frame.to_ndarray(width=SIZE[0], height=SIZE[1], format="rgb24") for frame in source.decode(video=0)]
        for number in range(10 * RATE):
            at = number % (2 * len(pictures) - 2)
            picture = pictures[min(at, 2 * len(pictures) - 2 - at)]
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        target.mux(stream.encode())
    with av.open(str(short)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        copied = target.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.dts is not None]
        length = int(10 / packets[0].time_base)
        begins = [(int(packet.pts or 0), int(packet.dts or 0)) for packet in packets]
        for turn in range(round(6 * minutes)):
            for packet, (pts, dts) in zip(packets, begins, strict=True):
                packet.pts, packet.dts, packet.stream = pts + turn * length, dts + turn * length, copied
                target.mux(packet)
    short.unlink()


def write_table(path: Path, minutes: float) -> None:
    """Two faces in every frame; each unit of each rises and falls in its own time."""
    columns = ["frame", "face_id", "timestamp", "confidence", "success", "presentation_time", "quality"]
    columns += ["box_x0", "box_y0", "box_x1", "box_y1", *(f"{axis}_{point}" for point in range(68) for axis in "xy")]
    columns += [f"AU{unit:02d}_{kind}" for kind in "pr" for unit in UNITS] + ["source"]
    tails = [[_cells(face, row) for face in (0, 1)] for row in range(_PERIOD)]
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(columns) + "\n")
        for row in range(round(60 * minutes * RATE)):
            second = row / RATE
            for face in (0, 1):
                file.write(f"{row + 1},{face},{second:.3f},0.9,1,{second:.6f},0.9,{tails[row % _PERIOD][face]},film.mp4\n")


def _cells(face: int, row: int) -> str:
    """Box, 68 points, probabilities and intensities of a face in a frame."""
    turns = 2 * np.pi * row / _PERIOD
    middle = np.array([170 + 300 * face + 12 * np.sin(7 * turns), 180.0])
    around = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points = middle + 70 * np.stack([np.cos(around), np.sin(around)], axis=1)
    unit = np.arange(len(UNITS))
    strength = 4.0 * np.maximum(0, np.sin((2 + unit % 5) * turns + unit + 2 * face)) ** 3
    values = [*(middle - 80), *(middle + 80), *points.ravel(), *np.minimum(1, strength / 3), *strength]
    return ",".join(f"{value:.2f}" for value in values)


def make_studio(folder: Path, minutes: float) -> None:
    """A studio with one finished recording."""
    studio = Studio(folder, StudioSettings())
    place = folder / "recordings" / IDENTITY
    place.mkdir(parents=True)
    film = place / "original"
    make_film(place / "film.mp4", minutes)
    (place / "film.mp4").rename(film)
    write_table(place / "result.csv", minutes)
    table = write_arrays(place / "result.csv", place / "arrays")
    facts = {
        "name": "film.mp4", "kind": "video", "media_type": "video/mp4", "duration": 60 * minutes, "fps": RATE,
        "width": SIZE[0], "height": SIZE[1], "quality": 0.9, "faces": [one.shown for one in Arrays(place / "arrays").faces],
        "settings": {"finder": "made", "model": "made"}, "size_bytes": film.stat().st_size,
    }  # fmt: skip
    studio.store.add(IDENTITY, facts)
    names = ("label", "face_id", "onset", "apex", "offset", "peak", "mean", "kind")
    events = [tuple(getattr(event, name) for name in names) for event in find_events(table)]
    keep_found(studio.store, IDENTITY, events)
    studio.store.update(IDENTITY, state="done")
    studio.close()


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """``aufait studio`` on this folder; its address."""
    command = [sys.executable, "-m", "aufait", "studio", str(folder), "--no-browser", "--finder", "builtin"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield next(found[0] for line in process.stdout if (found := re.search(r"http://\S+token=\S+", line)))
    finally:
        process.terminate()
        process.wait(20)


def library(browser: Any, address: str) -> tuple[float, float, int]:
    """Loads the library with nothing kept: ms to its first paint, ms until the recording is listed, bytes that came."""
    context = browser.new_context(viewport=_WINDOW)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    came: list[float] = []
    session.on("Network.loadingFinished", lambda event: came.append(event["encodedDataLength"]))
    begin = time.perf_counter()
    page.goto(address)
    page.locator("li.card[data-recording]").first.wait_for()
    listed = 1000 * (time.perf_counter() - begin)
    page.wait_for_timeout(500)
    painted = page.evaluate(_PAINTS)["first-contentful-paint"]
    context.close()
    return painted, listed, int(sum(came))


def scrub(page: Any, seconds: float, asked: list[str]) -> Run:
    """Presses the mouse on the time axis, where no event can be taken hold of, and moves it to and fro."""
    box = page.locator(".axis").bounding_box()
    left, width, y = box["x"] + 20, box["width"] - 40, box["y"] + box["height"] / 2
    page.mouse.move(left, y)
    page.mouse.down()
    before = len(asked)
    page.evaluate(_BEGIN)
    begin = time.perf_counter()
    while (passed := time.perf_counter() - begin) < seconds:
        way = passed / 4 % 2  # across in four seconds, and back
        page.mouse.move(left + width * min(way, 2 - way), y)
    told = page.evaluate(_END)
    page.mouse.up()
    paths = [re.sub(r"\?.*", "", url).rpartition("/")[2] for url in asked[before:]]
    intervals = np.diff(told["frames"])
    return Run(intervals, 1000 * told["shown"] / float(intervals.sum()), {path: paths.count(path) for path in set(paths)})


def opened(browser: Any, address: str, asked: list[str]) -> Any:
    """A page with the recording, lanes and picture there."""
    page = browser.new_context(viewport=_WINDOW).new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.goto(f"{address.partition('?')[0]}#/recording/{IDENTITY}")
    page.locator("canvas.sheet[data-drawn=yes]").wait_for(timeout=60_000)
    page.wait_for_timeout(2000)
    return page


def measure(address: str, options: argparse.Namespace) -> None:
    """Drive the browser and print."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        loads = [library(browser, address) for _ in range(options.repeats)]
        painted, listed, weight = (np.array(values) for values in zip(*loads, strict=True))
        print(
            f"library   first paint median {np.median(painted):.0f} ms ({painted.min():.0f} to {painted.max():.0f}), listed after "
            f"{np.median(listed):.0f} ms ({listed.min():.0f} to {listed.max():.0f}), {np.median(weight) / 1000:.0f} kB came"
        )
        asked: list[str] = []
        page = opened(browser, address, asked)
        rest = np.diff(page.evaluate(_IDLE, 3))
        print(f"at rest   {1000 / rest.mean():5.1f} page frames/s: as many as this browser gives")
        if options.trace:
            browser.start_tracing(page=page, path=options.trace)
        runs = []
        for number in range(options.repeats):
            load = os.getloadavg()[0]
            runs.append(scrub(page, options.seconds, asked))
            print(f"scrubbing {runs[-1].to_text()} (run {number + 1}, load {load:.1f})", flush=True)
            page.wait_for_timeout(1000)
        if options.trace:
            browser.stop_tracing()
        rates = [run.rate for run in runs]
        print(f"scrubbing median {np.median(rates):.1f} page frames/s ({min(rates):.1f} to {max(rates):.1f})")
        browser.close()


def main() -> None:
    """Parse, make, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="the studio's folder: used if it is there, made if not")
    parser.add_argument("--trace", metavar="FILE.json", help="a trace of the scrubbing, for chrome://tracing")
    options = parser.parse_args()
    print(f"machine   {describe_machine()}")
    print(f"command   python {shlex.join(sys.argv)}", flush=True)
    with nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "studio"
        if not folder.is_dir():
            make_studio(folder, options.minutes)
        film = folder / "recordings" / IDENTITY / "original"
        print(f"recording {options.minutes:g} minutes, 2 faces, {len(UNITS)} units, film of {film.stat().st_size / 1e6:.0f} MB")
        with running(folder) as address:
            measure(address, options)


if __name__ == "__main__":
    main()
