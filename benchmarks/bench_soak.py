"""Memory and open files of one long `aufait detect`: whether they grow with the length of a video.

    python benchmarks/bench_soak.py [--frames 20000] [--size 640x360] [--finder builtin]

The shipped clip is repeated to the asked length; the command runs in a process of its own, which is looked at twice a second
(Linux: /proc). The slope is that of a line through the second half of the run, by least squares.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from aufait.machine import describe_machine
from aufait.media.sources import demo_clip
from aufait.media.video import open_video


def make_video(path: Path, frames: int, width: int, height: int) -> None:
    """The shipped clip again and again, H.264, with key frames once a second."""
    import av

    clip = [av.VideoFrame.from_ndarray(frame.image, format="rgb24") for frame in open_video(demo_clip())]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "28"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", 25
        scaled = [frame.reformat(width, height, "yuv420p") for frame in clip]
        for number in range(frames):
            frame = scaled[number % len(scaled)]
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def watch(command: list[str]) -> tuple[np.ndarray, int]:
    """Run a command; (samples, 3) of seconds, MiB in memory, open files, and its status."""
    samples, start = [], time.monotonic()
    with subprocess.Popen(command) as child:
        while child.poll() is None:
            time.sleep(0.5)
            place = Path(f"/proc/{child.pid}")
            try:
                memory = next(line for line in (place / "status").read_text().splitlines() if line.startswith("VmRSS"))
                samples.append((time.monotonic() - start, int(memory.split()[1]) / 1024, len(list((place / "fd").iterdir()))))
            except (OSError, StopIteration):
                continue
        return np.array(samples), child.returncode


def main() -> None:
    """Make the video, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--finder", default="builtin")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "long.mp4"
        make_video(video, options.frames, width, height)
        command = [sys.executable, "-m", "aufait", "detect", str(video), "-o", f"{folder}/out", "--finder", options.finder, "-q"]
        samples, status = watch(command)
        rows = sum(1 for _ in (Path(folder) / "out" / "long.csv").open("rb")) - 1
    half = samples[len(samples) // 2 :]
    seconds, memory, files = half.T
    per_frame = options.frames / samples[-1, 0]
    slope = np.polyfit(seconds, memory, 1)[0] / per_frame * 1000
    print(f"Machine: {describe_machine()}.")
    print(f"Command: `python benchmarks/bench_soak.py --frames {options.frames} --size {options.size} --finder {options.finder}`.")
    print(f"{options.frames} frames, {rows} rows, status {status}, {samples[-1, 0]:.0f} s, {per_frame:.1f} frames/s")
    print(f"memory in the second half {memory.min():.0f}-{memory.max():.0f} MiB, {slope:+.3f} MiB per 1,000 frames")
    print(f"open files in the second half {files.min():.0f}-{files.max():.0f}")


if __name__ == "__main__":
    main()
