"""Time and memory of ``aufait summarize`` on a long recording, for our CSV and for Parquet.

    python benchmarks/bench_summary.py [--minutes 60] [--faces 5] [--conditions 6] [--baseline none] [--folder FOLDER]

The table is made here and shows nobody: scores are random walks between absent and strong, with frames of low quality and without
a face, in all columns that ``aufait detect`` writes. The whole command then runs in a fresh process with two threads, with markers,
persons and intervals as a user has them by default; printed are its wall-clock time, its processor
time and the largest memory that it took.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet

from aufait.action_units import DEFAULT_ACTION_UNITS
from aufait.detection.tables import ParquetWriter, extra_columns, openface_columns
from aufait.machine import describe_machine

RATE = 30
_FRAMES_AT_ONCE = 3000


def main() -> None:
    """Make the tables, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--faces", type=int, default=5)
    parser.add_argument("--conditions", type=int, default=6, help="conditions of three segments each; 0 for none")
    parser.add_argument("--baseline", default="none", help="as aufait summarize takes it")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary folder is made")
    options = parser.parse_args()
    print(describe_machine())
    print("command: python " + " ".join(sys.argv))
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        folder = Path(place)
        frames = int(options.minutes * 60 * RATE)
        more = _further_files(folder, frames / RATE, options.faces, options.conditions)
        for kind, write in (("parquet", write_parquet), ("csv", write_csv)):
            table = folder / f"long.{kind}"
            write(table, frames, options.faces)
            words = ["summarize", str(table), "-o", str(folder / kind), "-q", *more, "--baseline", options.baseline]
            seconds, busy, mebibytes = measure(words)
            size = table.stat().st_size / 2**20
            took = f"{seconds:6.1f} s  ({busy:.1f} s of processor)  {mebibytes:5.0f} MiB at the peak"
            print(f"{kind:8s}{frames * options.faces:>9,} rows  {size:6.0f} MiB  {took}")


def _further_files(folder: Path, seconds: float, faces: int, count: int) -> list[str]:
    persons = folder / "persons.csv"
    persons.write_text("recording,face_id,person\n" + "".join(f"long,{face},P{face:02d}\n" for face in range(faces)))
    options = ["--person", str(persons)]
    if count:
        cuts = np.linspace(0, seconds, 3 * count + 1)
        lines = [
            f"{start:.3f},{end:.3f},condition {place % count}"
            for place, (start, end) in enumerate(zip(cuts, cuts[1:], strict=False))
        ]
        (folder / "markers.csv").write_text("start,end,label\n" + "\n".join(lines) + "\n")
        options += ["--markers", str(folder / "markers.csv")]
    return options


_CHILD = """
import sys
import time
from aufait.cli.app import app
from aufait.machine import peak_mebibytes
if status := app(sys.argv[1:], standalone_mode=False):
    sys.exit(status)
print(time.process_time(), peak_mebibytes())
"""


def measure(words: list[str]) -> tuple[float, float, float]:
    """Wall-clock and processor seconds of a command of aufait in a process of its own, and MiB at its peak."""
    command = [sys.executable, "-c", _CHILD, *words]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_THREAD_LIMIT"), "2")
    start = time.perf_counter()
    child = subprocess.run(command, env={**os.environ, **threads}, stdout=subprocess.PIPE, text=True, check=True)
    busy, peak = map(float, child.stdout.split()[-2:])
    return time.perf_counter() - start, busy, peak


def _chunks(frames: int, faces: int) -> Iterator[dict[str, np.ndarray]]:
    """Columns of some thousand frames at a time: index, quality and scores, a row per frame and face."""
    random = np.random.default_rng(0)
    units = len(DEFAULT_ACTION_UNITS)
    state = np.zeros((faces, units))
    for first in range(0, frames, _FRAMES_AT_ONCE):
        count = min(_FRAMES_AT_ONCE, frames - first)
        steps = random.normal(0, 0.12, (count, faces, units)).astype(np.float32)
        walk = state + np.cumsum(steps - 0.002, axis=0)
        state = np.clip(walk[-1], -3, 3)
        intensity = np.clip(3 * np.sin(walk), 0, 5).reshape(-1, units)
        quality = np.clip(random.normal(0.9, 0.25, count * faces), 0, 1)
        number = np.repeat(np.arange(first + 1, first + count + 1), faces)
        yield {
            "frame": number, "timestamp": (number - 1) / RATE, "quality": quality, "intensity": intensity,
            "face_id": np.tile(np.arange(faces), count), "probability": np.clip(intensity / 3, 0, 1),
            "other": random.normal(300, 40, (count * faces, 8)),
        }  # fmt: skip


def _column(name: str, chunk: dict[str, np.ndarray]) -> np.ndarray:
    """What a column of a table holds in a chunk."""
    for own in ("frame", "timestamp", "face_id", "quality"):
        if name == own:
            return chunk[own]
    if name == "presentation_time":
        return chunk["timestamp"]
    if name in ("success", "confidence"):
        return np.ones(len(chunk["frame"]))
    if name.startswith("AU"):
        unit = {45: 43}.get(int(name[2:4]), int(name[2:4]))
        place = DEFAULT_ACTION_UNITS.index(unit)
        if name.endswith("_c"):
            return (chunk["probability"][:, place] >= 0.5).astype(np.float64)
        return chunk["intensity" if name.endswith("_r") else "probability"][:, place]
    return chunk["other"][:, hash_of(name) % 8]


def hash_of(name: str) -> int:
    """A number that a name always has."""
    return sum(map(ord, name))


def write_csv(path: Path, frames: int, faces: int) -> None:
    """A table as our CSV."""
    names = (*openface_columns(), *extra_columns(DEFAULT_ACTION_UNITS))
    writer = None
    for chunk in _chunks(frames, faces):
        columns = {name: np.round(_column(name, chunk), 4) for name in names if name != "source"}
        columns["source"] = np.full(len(chunk["frame"]), "recordings/long.mp4")
        table = pyarrow.table({name: columns[name] for name in names})
        writer = writer or pyarrow.csv.CSVWriter(path, table.schema, write_options=pyarrow.csv.WriteOptions(quoting_style="none"))
        writer.write_table(table)
    assert writer is not None
    writer.close()


def write_parquet(path: Path, frames: int, faces: int) -> None:
    """A table as our Parquet."""
    with tempfile.TemporaryDirectory() as place, ParquetWriter(Path(place) / "empty.parquet", DEFAULT_ACTION_UNITS) as empty:
        schema = empty.schema
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for chunk in _chunks(frames, faces):
            rows = len(chunk["frame"])
            texts = {"source": ["recordings/long.mp4"] * rows, "error": [None] * rows}
            arrays = [
                pyarrow.array(texts[field.name] if field.name in texts else _cast(_column(field.name, chunk), field.type)).cast(
                    field.type
                )
                for field in schema
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _cast(values: np.ndarray, kind: pyarrow.DataType) -> np.ndarray:
    return values.astype(kind.to_pandas_dtype())


if __name__ == "__main__":
    main()
