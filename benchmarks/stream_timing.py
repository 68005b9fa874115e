"""What a stream saves: FAN passes and time per frame, against three passes per prediction."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from aufait.errors import InputError
from aufait.models.aunet.model import AUNet
from aufait.models.aunet.streaming import AUNetStream


@dataclass(frozen=True)
class StreamTiming:
    """Cost of one frame of a track, once the stream has filled.

    Attributes:
        frames: how many were timed.
        fan_passes, fan_passes_without: passes through FAN per frame, with the stream and without.
        seconds, seconds_without: median wall time per frame.
        largest_difference: between the logits of the two, over all frames.
    """

    frames: int
    fan_passes: float
    fan_passes_without: float
    seconds: float
    seconds_without: float
    largest_difference: float

    @property
    def speedup(self) -> float:
        """How many times faster a frame is with the stream."""
        return self.seconds_without / self.seconds


@torch.no_grad()
def time_stream(model: AUNet, frames: int = 9, *, interval: int = 1, seed: int = 0) -> StreamTiming:
    """Time a stream against three FAN passes per frame, turn by turn on the same random frames.

    Args:
        model: AU-TDN or AUNet in evaluation mode, on any device.
        frames: how many to time.
        interval: T; what a frame costs does not depend on it, only how many frames fill the stream beforehand.
        seed: of the pixels.

    Raises:
        InputError: fewer than 1 frame, or a network that cannot stream.
    """
    if frames < 1:
        raise InputError(f"frames must be at least 1, got {frames}")
    stream = AUNetStream(model, interval=interval)
    device = model.head.project.weight.device
    size, warm_up = model.config.image_size, 2 * interval + 1
    generator = torch.Generator().manual_seed(seed)
    video = torch.rand(warm_up + frames, 3, size, size, generator=generator).to(device)
    for frame in video[:warm_up]:
        stream.push(frame)
    before, times, differences = stream.fan_passes, [], []
    for number in range(warm_up, warm_up + frames):
        now = number - interval
        triple = video[[now, now - interval, now + interval]][None]
        if number == warm_up:
            model(triple)  # reserves memory
        start = _clock(device)
        streamed = stream.push(video[number]).logits
        middle = _clock(device)
        expected = model(triple).logits
        times.append((middle - start, _clock(device) - middle))
        differences.append(_largest(streamed, expected))
    seconds, seconds_without = (median(column) for column in zip(*times, strict=True))
    return StreamTiming(
        frames=frames,
        fan_passes=(stream.fan_passes - before) / frames,
        fan_passes_without=3.0,
        seconds=seconds,
        seconds_without=seconds_without,
        largest_difference=max(differences),
    )


def _largest(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max())


def _clock(device: torch.device) -> float:
    """Seconds, after what the device still had to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()
