"""Time and memory of ``aufait plot`` on a long recording, for our CSV and for Parquet.

    python benchmarks/bench_plot.py [--minutes 60] [--faces 5] [--folder FOLDER]

The table is that of ``bench_summary.py`` and shows nobody. Each picture is drawn by the whole command in a fresh process with two
threads; printed are wall-clock time, processor time and the largest memory that it took.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench_summary import RATE, measure, write_csv, write_parquet

from aufait.analysis.plots import KINDS
from aufait.machine import describe_machine


def main() -> None:
    """Make the tables, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--faces", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary folder is made")
    options = parser.parse_args()
    print(describe_machine())
    print("command: python " + " ".join(sys.argv))
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        frames = int(options.minutes * 60 * RATE)
        for form, write in (("parquet", write_parquet), ("csv", write_csv)):
            table = Path(place) / f"long.{form}"
            write(table, frames, options.faces)
            for kind in KINDS:
                words = ["plot", str(table), "--kind", kind, "-o", str(Path(place) / f"{form}_{kind}.png"), "-q"]
                seconds, busy, mebibytes = measure(words)
                took = f"{seconds:6.1f} s  ({busy:.1f} s of processor)  {mebibytes:5.0f} MiB at the peak"
                print(f"{form:8s}{kind:14s}{frames * options.faces:>9,} rows  {took}", flush=True)


if __name__ == "__main__":
    main()
