"""Smoke test on the hand-labelled faces of a sample folder: finds, F1 at 0.5, ROC area. Twenty faces, one uncertified coder.

    python benchmarks/bench_real.py SAMPLES [--finder auto|builtin|mediapipe] [--model default|FILE]

SAMPLES holds pictures and videos and ``labels.json``: a list of {file, frame_index, face_box [x, y, w, h], labels {AUn: 0,
1 or null}}. Far too few faces to tune on or to rank systems by; it shows that the chain works on photographs.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path

import numpy as np

from aufait import Detector
from aufait.media.images import read_image
from aufait.media.video import open_video
from aufait.metrics import f1_frame, roc_area
from aufait.results import FaceAnalysis


def picture(samples: Path, name: str, index: int | None) -> np.ndarray | None:
    if name.startswith("skimage.data."):
        try:
            from skimage import data
        except ImportError:
            return None
        return np.ascontiguousarray(getattr(data, name.removeprefix("skimage.data.").removesuffix("()"))())
    if index is None:
        return read_image(samples / name)
    with open_video(samples / name) as video:
        for frame in video:
            if frame.index == index:
                return frame.image
    raise ValueError(f"{name} has no frame {index}")


def overlap(face: FaceAnalysis, box: list[float]) -> float:
    """Intersection over the smaller area: boxes of different conventions still match."""
    a, b = face.box, np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    inner = np.prod(np.clip(high - low, 0, None))
    return float(inner / min(np.prod(a[2:] - a[:2]), np.prod(b[2:] - b[:2])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--finder", default="auto")
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    print(f"machine: {platform.machine()}, Python {platform.python_version()}\ncommand: {' '.join(sys.argv)}")
    truth: dict[str, list[int]] = {}
    score: dict[str, list[float]] = {}
    missed, total = [], 0
    with Detector(finder=args.finder, model=args.model) as detector:
        for item in json.loads((args.samples / "labels.json").read_text()):
            image = picture(args.samples, item["file"], item["frame_index"])
            if image is None:
                continue
            total += 1
            faces = detector.analyze_image(image).faces
            best = max(faces, key=lambda f: overlap(f, item["face_box"]), default=None)
            if best is None or overlap(best, item["face_box"]) < 0.5:
                missed.append(f"{item['file']}:{item['frame_index']}")
                continue
            names = [f"AU{au}" for au in best.action_units]
            for name, value in item["labels"].items():
                if value is not None and name in names:
                    truth.setdefault(name, []).append(value)
                    score.setdefault(name, []).append(float(best.probability[names.index(name)]))
    print(f"found {total - len(missed)} of {total}" + (f"; missed {', '.join(missed)}" if missed else ""))
    for name in sorted(truth, key=lambda n: int(n[2:])):
        y, p = np.array(truth[name]), np.array(score[name])
        print(f"{name:5s} n={len(y):2d} present={y.sum():2d}  F1 {f1_frame(y, p >= 0.5):.2f}  ROC {roc_area(y, p):.2f}")
    y, p = np.concatenate(list(map(np.array, truth.values()))), np.concatenate(list(map(np.array, score.values())))
    accuracy = np.mean((p >= 0.5) == y)
    print(f"pooled over units: F1 {f1_frame(y, p >= 0.5):.3f}, ROC area {roc_area(y, p):.3f}, accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
