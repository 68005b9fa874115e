"""AUNet on a video: each frame goes through FAN once and serves as current, earlier and later frame.

Ours; the paper (section IV-C) aligns both neighbours to the current frame, which needs FAN on three pictures per prediction.
Where the caller brings every frame of a track to one reference (``track_alignment``), a frame looks the same in its three
roles, and its features can be kept: 17.8 instead of 45.6 billion multiply-accumulates per frame.
What is kept per frame is what the head needs: the projected feature until the frame is predicted, and the halved feature for
2 T frames.
"""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from aufait.errors import InputError
from aufait.models.aunet.model import AUNet
from aufait.models.aunet.temporal_difference import DifferenceHead
from aufait.models.outputs import AUOutput


class AUNetStream:
    """Predicts the frames of one face track in order, T frames late, in constant memory.

    Give it frames as they come with ``push`` and end the track with ``finish``; each returns the predictions that became
    possible, one row per frame, in order and without gaps. Together they are what the network returns for (frame t, frame
    t - T, frame t + T), a neighbour before the start or after the end of the track being frame t itself.

    Args:
        model: AU-TDN or AUNet in evaluation mode; images go where its weights are.
        interval: T in frames; ``None`` takes the network's.
        micro_batch: how many frames go through the network at once. On a CPU 1 is as fast as more; a GPU wants more.
        cache_dtype: precision of what is kept. In float32 some 110 MiB at T = 10 and 256 pixels; half precisions take half of
            it and change logits slightly.

    Raises:
        InputError: the network reads one frame only, or is in training mode; interval or micro_batch below 1.

    Example:
        >>> import aufait, torch
        >>> model = aufait.create_model("au-tdn", image_size=64).eval()
        >>> stream = AUNetStream(model, interval=2)
        >>> video = torch.rand(5, 3, 64, 64)
        >>> [len(stream.push(frame).logits) for frame in video], len(stream.finish().logits)
        ([0, 0, 1, 1, 1], 2)
    """

    def __init__(
        self,
        model: AUNet,
        *,
        interval: int | None = None,
        micro_batch: int = 1,
        cache_dtype: torch.dtype = torch.float32,
    ) -> None:
        if not isinstance(model, AUNet) or not isinstance(model.head, DifferenceHead):
            raise InputError(
                f"a stream needs a network that looks at three frames (au-tdn, aunet), got {type(model).__name__}; "
                "call single-frame networks frame by frame"
            )
        if model.training:
            raise InputError("the network is in training mode, where faces of a batch change each other; call model.eval() first")
        self.interval = model.config.interval if interval is None else interval
        if self.interval < 1 or micro_batch < 1:
            raise InputError(f"interval and micro_batch must be at least 1, got {self.interval} and {micro_batch}")
        self.model, self.head = model, model.head
        self.micro_batch, self.cache_dtype = micro_batch, cache_dtype
        self.fan_passes = 0
        """How many frames went through FAN since the stream was made."""
        self._reset()

    def _reset(self) -> None:
        self._seen = 0
        self._predicted = 0
        # Halved features of the frames from _oldest on; projected features and attention of those not yet predicted.
        self._oldest = 0
        self._halved: deque[Tensor] = deque()
        self._static: deque[Tensor] = deque()
        self._attention: deque[Tensor] = deque()

    @property
    def cached_frames(self) -> int:
        """How many frames' features are kept, at most 2 T + ``micro_batch``."""
        return len(self._halved)

    @torch.no_grad()
    def push(self, frames: Tensor) -> AUOutput:
        """Next frames of the track, all in one alignment.

        Args:
            frames: (3, S, S) or (N, 3, S, S) RGB, float in [0, 1].

        Returns:
            Predictions (M, A) of the next M frames, M from 0 to N.

        Raises:
            InputError: wrong shape or type, or pixels that are not finite or not in [0, 1].
        """
        results = []
        for chunk in self._checked(frames).split(self.micro_batch):
            self._describe(chunk)
            results += self._predict(self._seen - self.interval)
        return self._join(results)

    @torch.no_grad()
    def finish(self) -> AUOutput:
        """Predictions of the last frames, whose later neighbour does not exist; the stream is ready for another track."""
        results = []
        while self._predicted < self._seen:
            results += self._predict(min(self._predicted + self.micro_batch, self._seen))
        self._reset()
        return self._join(results)

    def _checked(self, frames: Tensor) -> Tensor:
        """(N, 3, S, S) in the network's range, on its device."""
        size = self.model.config.image_size
        if frames.ndim == 3:
            frames = frames[None]
        if frames.ndim != 4 or tuple(frames.shape[1:]) != (3, size, size):
            raise InputError(
                f"a stream takes single frames (3, {size}, {size}) or (N, 3, {size}, {size}), got {tuple(frames.shape)}"
            )
        frames = frames.to(self.head.project.weight.device)
        # The network's own checks need a current, an earlier and a later frame; views of the same pixels cost nothing.
        images, _ = self.model.prepare(frames[:, None].expand(-1, 3, -1, -1, -1))
        return images[:, 0]

    def _describe(self, frames: Tensor) -> None:
        """Features of a few frames, kept frame by frame."""
        features, attention = self.model.extractor(frames)
        static, halved = self.head.describe(features)
        self.fan_passes += len(frames)
        self._seen += len(frames)
        self._static.extend(static.to(self.cache_dtype))
        self._halved.extend(halved.to(self.cache_dtype))
        self._attention.extend(attention)

    def _predict(self, end: int) -> list[AUOutput]:
        """Predict the frames up to ``end`` and forget what no later frame needs."""
        rows = range(self._predicted, end)
        if not rows:
            return []
        dtype = self.head.project.weight.dtype
        static = torch.stack([self._static.popleft() for _ in rows]).to(dtype)
        current, earlier, later = (
            torch.stack([self._halved[self._neighbour(row, step) - self._oldest] for row in rows]).to(dtype)
            for step in (0, -self.interval, self.interval)
        )
        logits, hidden = self.head.predict(static, current, earlier, later)
        attention = torch.stack([self._attention.popleft() for _ in rows])
        self._predicted = end
        while self._oldest < end - self.interval:
            self._halved.popleft()
            self._oldest += 1
        return [AUOutput(logits=logits, features=hidden, extra={"attention": attention})]

    def _neighbour(self, frame: int, step: int) -> int:
        """Frame at ``frame + step``, or ``frame`` where the track has none."""
        return frame + step if 0 <= frame + step < self._seen else frame

    def _join(self, results: list[AUOutput]) -> AUOutput:
        weight, config = self.head.project.weight, self.model.config
        if not results:
            side = config.image_size // 4
            return AUOutput(
                logits=weight.new_zeros(0, len(config.action_units)),
                features=weight.new_zeros(0, config.hidden_size),
                extra={"attention": weight.new_zeros(0, 1, side, side)},
            )
        return AUOutput(
            logits=torch.cat([result.logits for result in results]),
            features=torch.cat([result.features for result in results if result.features is not None]),
            extra={"attention": torch.cat([result.extra["attention"] for result in results])},
        )
