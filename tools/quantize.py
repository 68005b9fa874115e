"""Measure the ranges that ``--runtime onnx-int8`` rounds to 8 bits, on real and on rendered faces, and write them.

    python tools/quantize.py --real FOLDER [--renders FOLDER] [-o src/aufait/weights/ranges.json]

FOLDER of ``--real`` holds the listed real faces (``aufait.shipped.real_faces``); the people kept out stay out. The frames of the
shipped clip are rendered faces; ``--renders`` adds those of a folder of ``aufait synth``. To be done again after a change of
weights.
What is written are ranges, no picture; a digest of the weights says for which they are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from aufait.faces.builtin import BuiltinFinder
from aufait.files.atomic import write_text
from aufait.layers.runtimes.eight_bits import ranges_file
from aufait.layers.runtimes.recording import RARE, RecordingRuntime
from aufait.media.images import read_image
from aufait.media.sources import demo_clip
from aufait.media.video import open_video
from aufait.models.default.predictor import AUPredictor
from aufait.shipped.real_faces import read_real_faces

NETWORKS = ("face-boxes", "action-units")
"""What is rounded. The builtin landmarks, MediaPipe's networks and the mesh model are not: what that costs is in
``docs/benchmarks.md``."""


def main() -> None:
    """Run finder and model on all pictures, write the ranges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True, help="folder of the listed real faces")
    parser.add_argument("--renders", type=Path, help="folder of aufait synth")
    parser.add_argument("--pictures", type=int, default=200, help="at most so many of each folder, evenly chosen")
    parser.add_argument("--frames", type=int, default=60, help="of the shipped clip")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--out", type=Path, default=ranges_file())
    options = parser.parse_args()
    runtime = RecordingRuntime(options.threads)
    finder, model = BuiltinFinder(runtime=runtime), AUPredictor.load(runtime=runtime)
    real = evenly([face.path for face in read_real_faces(options.real, held_out=False)], options.pictures)
    renders = evenly(sorted((options.renders / "images").glob("*.png")), options.pictures) if options.renders else []
    found = 0
    for path in [*real, *renders]:
        image = read_image(path)
        faces = finder.find(image)
        model.predict_faces([image], [faces])
        found += len(faces)
    for image, time in islice(frames(), options.frames):
        faces = finder.track(image, time)
        model.predict_faces([image], [faces])
        found += len(faces)
    pictures = {"real portraits": len(real), "rendered pictures": len(renders), "frames of the shipped clip": options.frames}
    notes = {
        "measured_on": pictures,
        "left_out": f"at each end the {RARE:.0%} of the calls with the farthest values",
    }
    text = json.dumps({"notes": notes, "networks": runtime.measured(NETWORKS)}, indent=1, sort_keys=True)
    write_text(options.out, text + "\n", overwrite=True)
    calls = ", ".join(f"{name} {runtime.networks[name].calls} times" for name in NETWORKS)
    print(f"{len(real)} portraits, {len(renders)} renders, {options.frames} frames, {found} faces; {calls}; written: {options.out}")


def evenly(paths: Sequence[Path], most: int) -> list[Path]:
    """At most so many, from all parts of a list."""
    return [paths[round(place)] for place in np.linspace(0, len(paths) - 1, min(most, len(paths)))] if paths else []


def frames() -> Iterator[tuple[np.ndarray, float]]:
    """Pictures and times of the shipped clip."""
    with open_video(demo_clip()) as video:
        for frame in video:
            yield frame.image, frame.timestamp


if __name__ == "__main__":
    main()
