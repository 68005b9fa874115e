"""Speed, start-up and memory of the whole of ``aufait detect``, for each face finder that works here.

    python benchmarks/bench_detect.py [VIDEO] [--frames 300] [--repeats 3] [--flat 20000]

Without VIDEO the shipped clip is scaled to 1280 x 720. ``--flat N`` adds one long run of N frames and prints its peak
memory next to that of the short ones: the difference shows whether memory grows with the length of a video.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from aufait.bench.detection import BenchmarkSettings, benchmark_detect
from aufait.doctor import mesh_problem
from aufait.errors import AufaitError


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--flat", type=int, default=0, metavar="N")
    parser.add_argument("--model", default="default")
    options = parser.parse_args()
    settings = BenchmarkSettings(
        video=options.video, frames=options.frames, repeats=options.repeats, model=options.model
    )
    finders = ["builtin"] + ([] if mesh_problem() else ["mesh"])
    for finder in finders:
        try:
            report = benchmark_detect(replace(settings, finder=finder))
        except AufaitError as error:
            print(f"finder {finder}: {error}\n")
            continue
        print(report.to_text())
        if options.flat:
            long = benchmark_detect(replace(settings, finder=finder, frames=options.flat, repeats=1))
            growth = long.median("peak_mebibytes") - report.median("peak_mebibytes")
            print(f"long run  {options.flat} frames, {long.median('fps'):.1f} frames/s, {growth:+.0f} MiB at the peak")
        print()


if __name__ == "__main__":
    main()
