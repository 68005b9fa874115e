"""How fast aligned faces are read at random from a cache, and how fast a data set is prepared.

    python benchmarks/bench_cache.py [--faces 4000] [--batch 32] [--folder FOLDER]
    python benchmarks/bench_cache.py --prepare DATASET ROOT [--landmarks auto]

The first form writes a cache of noise into a temporary folder and reads random batches of it, ``--rounds`` times: with the
files in the system's memory ("warm"), and after the system was asked to drop them ("cold"; what a disc then gives depends on
the disc and on what is between). Faces per second are printed as the median of the rounds, with the lowest and highest.
The second form prepares a data set into a temporary folder with one process and with one per core, and prints frames per
second and how busy the cores were (processor seconds of all processes over wall-clock seconds and cores).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.preparation import FaceCache, prepare, write_cache
from aufait.data.recording import Recording
from aufait.inputs.alignments import ALIGNMENTS


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=4000, help="faces in the cache")
    parser.add_argument("--recordings", type=int, default=40, help="recordings they are spread over")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--reads", type=int, default=2000, help="faces read per round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--alignments", nargs="+", default=["jaa_net", "aunet"])
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary folder is made")
    parser.add_argument("--prepare", nargs=2, metavar=("DATASET", "ROOT"), default=None)
    parser.add_argument("--landmarks", default="auto")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("command: python " + " ".join(sys.argv))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if options.prepare:
            _measure_preparation(*options.prepare, options.landmarks, Path(folder))
            return
        for alignment in options.alignments:
            _measure_reading(alignment, options, Path(folder) / alignment)


def _measure_reading(alignment: str, options: argparse.Namespace, folder: Path) -> None:
    side = ALIGNMENTS[alignment].side
    size = len(_noise_cache(folder, alignment, options.faces, options.recordings))
    random = np.random.default_rng(0)
    buffer = np.empty((options.batch, side, side, 3), np.uint8)

    def read() -> int:
        cache = FaceCache.open(folder)
        for _ in range(options.reads // options.batch):
            cache.faces(random.integers(0, size, options.batch), out=buffer)
        return options.reads // options.batch * options.batch

    print(f"\n{alignment}: {size:,} faces of {side} x {side} x 3 in {options.recordings} recordings, batches of {options.batch}")
    read()
    _report("warm", [_rate(read) for _ in range(options.rounds)])
    _report("cold", [(_drop(folder), _rate(read))[1] for _ in range(max(options.rounds // 2, 1))])
    start = time.perf_counter()
    FaceCache.open(folder)
    print(f"  open: {1000 * (time.perf_counter() - start):.1f} ms")


def _noise_cache(folder: Path, alignment: str, faces: int, recordings: int) -> FaceCache:
    side, each = ALIGNMENTS[alignment].side, faces // recordings
    labels = np.zeros((each, 12), np.int8)
    parts = tuple(
        Recording(
            dataset="noise", subject=f"S{number:03d}", task="", frames=np.arange(each), action_units=tuple(range(1, 13)),
            occurrence=labels, intensity=labels, occurrence_known=labels == 0, intensity_known=labels == 0,
        )
        for number in range(recordings)
    )  # fmt: skip
    pixels = np.random.default_rng(0).integers(0, 256, (each * recordings, side, side, 3), dtype=np.uint8)
    landmarks = np.zeros((len(pixels), 68, 2), np.float32)
    return write_cache(folder, AUDataset("noise", tuple(range(1, 13)), parts, AnomalyLog()), pixels, landmarks, alignment=alignment)


def _drop(folder: Path) -> None:
    """Ask the system to forget the files, where it can be asked."""
    if hasattr(os, "posix_fadvise"):
        for path in folder.rglob("*.u8"):
            handle = os.open(path, os.O_RDONLY)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def _rate(read: Callable[[], int]) -> float:
    start = time.perf_counter()
    return read() / (time.perf_counter() - start)


def _report(name: str, rates: list[float]) -> None:
    print(f"  {name}: {statistics.median(rates):,.0f} faces/s ({min(rates):,.0f} to {max(rates):,.0f}, {len(rates)} rounds)")


def _measure_preparation(dataset: str, root: str, landmarks: str, folder: Path) -> None:
    from aufait.data import open_dataset

    data = open_dataset(dataset, root)
    cores = os.cpu_count() or 1
    for workers in (1, cores):
        before, start = os.times(), time.perf_counter()
        cache = prepare(data, folder / f"{workers}", landmarks=landmarks, workers=workers, root=root)
        wall, after = time.perf_counter() - start, os.times()
        used = sum(getattr(after, kind) - getattr(before, kind) for kind in ("user", "system", "children_user", "children_system"))
        print(
            f"{workers} process(es): {len(data) / wall:,.1f} frames/s, {wall:.1f} s for {len(data):,} frames, "
            f"{len(cache):,} faces, cores busy {used / wall / cores:.0%} of {cores}"
        )


if __name__ == "__main__":
    main()
