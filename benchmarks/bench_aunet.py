"""AUNet on video: time with and without a stream, and how far its alignment of a whole track is from the paper's.

    python benchmarks/bench_aunet.py VIDEO [--frames 120] [--predictions 8] [--model FILE] [--threads 2]

VIDEO shows one face in its first frames. Without --model the network has random weights: the differences of pixels, points
and features still mean something, those of the logits only in comparison with how much the logits change from frame to frame.
"""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path

import numpy as np
import torch
from stream_timing import time_stream

import aufait
from aufait.alignment import apply_transform, warp
from aufait.faces import create_finder
from aufait.landmarks import five_points
from aufait.media.video import open_video
from aufait.models.aunet import AUNet, TrackAligner, neighbour_alignment, track_alignment


def read_track(path: Path, count: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Pictures and landmarks (T, 68, 2) of the first face, up to ``count`` frames."""
    pictures, landmarks = [], []
    finder = create_finder("auto")
    with open_video(path) as video:
        for frame in video:
            faces = finder.track(frame.image, frame.timestamp)
            if not faces or len(pictures) == count:
                break
            pictures.append(frame.image)
            landmarks.append(faces[0].landmarks)
    finder.close()
    return pictures, np.stack(landmarks)


def alignments(landmarks: np.ndarray, interval: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Matrices (T, 3, 2, 3) of each alignment, and the frames (T, 3) they belong to."""
    paper, frames = neighbour_alignment(landmarks, interval=interval)
    track = track_alignment(landmarks)
    aligner = TrackAligner()
    camera = np.stack([aligner.transform(points) for points in landmarks])
    return {"paper": paper, "track": track[frames], "camera": camera[frames]}, frames


def points_of(matrices: np.ndarray, five: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Five points (T, 3, 5, 2) of the three frames in their crops."""
    return np.stack([apply_transform(matrices[:, k], five[frames[:, k]]) for k in range(3)], axis=1)


def compare(model: AUNet, video: Path, count: int, predictions: int) -> None:
    pictures, landmarks = read_track(video, count)
    interval = model.config.interval
    matrices, frames = alignments(landmarks, interval)
    five = five_points(landmarks.astype(np.float64), "subnasale")
    points = {name: points_of(value, five, frames) for name, value in matrices.items()}
    inner = np.linspace(interval, len(pictures) - interval - 1, predictions).astype(int)
    logits: dict[str, list[torch.Tensor]] = {name: [] for name in matrices}
    features: dict[str, list[torch.Tensor]] = {name: [] for name in matrices}
    with torch.no_grad():
        for name, value in matrices.items():
            for t in inner:
                crops = [warp(pictures[i], m[None], model.config.image_size, 0) for i, m in zip(frames[t], value[t], strict=True)]
                maps, _ = model.extractor(torch.cat(crops).float() / 255)
                features[name].append(maps)
                logits[name].append(model.head(maps[:1], maps[1:2], maps[2:])[0])
    print(f"{len(pictures)} frames, {predictions} predictions, T = {interval}")
    table = {name: torch.cat(rows) for name, rows in logits.items()}
    paper = table["paper"]
    print(f"logits of the paper's alignment from frame to frame: mean |difference| {pairwise(paper):.2g}")
    for name in matrices:
        neighbours = np.linalg.norm(points[name][inner, 1:] - points[name][inner, :1], axis=-1).mean()
        print(f"{name}: neighbours' five points to the current frame's {neighbours:.2f} px", end="")
        if name != "paper":
            crop = np.linalg.norm(points[name][inner, 0] - points["paper"][inner, 0], axis=-1).mean()
            off = [float((a - b).norm() / b.norm()) for a, b in zip(features[name], features["paper"], strict=True)]
            gap = (table[name] - paper).abs()
            print(
                f"; to the paper's crop {crop:.2f} px, features {np.mean(off):.1%}, "
                f"logits mean {float(gap.mean()):.2g}, largest {float(gap.max()):.2g}",
                end="",
            )
        print()


def pairwise(rows: torch.Tensor) -> float:
    """Mean |difference| of all pairs of rows."""
    count = len(rows)
    return float((rows[:, None] - rows[None]).abs().mean() * count / max(count - 1, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--predictions", type=int, default=8)
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = aufait.create_model("aunet").eval() if args.model is None else aufait.load_model(args.model)
    if not isinstance(model, AUNet):
        parser.error(f"{args.model} does not hold AUNet")
    print(f"machine: {platform.machine()}, torch {torch.__version__}, {args.threads} threads\ncommand: {' '.join(sys.argv)}")
    timing = time_stream(model)
    print(
        f"per frame: stream {timing.seconds * 1e3:.0f} ms, three passes {timing.seconds_without * 1e3:.0f} ms, "
        f"{timing.speedup:.2f} times faster; FAN passes {timing.fan_passes:.0f} against {timing.fan_passes_without:.0f}; "
        f"largest difference of the logits {timing.largest_difference:.1g}"
    )
    compare(model, args.video, args.frames, args.predictions)


if __name__ == "__main__":
    main()
