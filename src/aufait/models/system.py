"""Base of every network: the one call signature, input checks, pixel normalisation, and what a network says of itself.

Training, evaluation, detection and export ask the network, never its name: how faces are aligned for it, how many frames it
looks at, how its weights are learned. Your own network overrides what differs from the defaults here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from aufait.errors import InputError
from aufait.landmarks import LANDMARKS_49, SCHEMES
from aufait.models.configuration import ModelConfig
from aufait.models.explanation import ATTENTION, Explanation
from aufait.models.outputs import AUOutput
from aufait.models.transfer_rule import TransferRule

if TYPE_CHECKING:
    from aufait.losses.statistics import LabelStatistics
    from aufait.models.fan.aligner import FaceAligner
    from aufait.models.fan.config import FANConfig
    from aufait.models.streaming import FaceStream
    from aufait.models.training_labels import TrainingLabels


class AUSystem(nn.Module):
    """A network that reads aligned faces and returns an ``AUOutput``.

    Every network is called as ``model(images)`` or ``model(images, landmarks)``:

    * images: (B, 3, S, S) RGB, float in [0, 1], S = ``config.image_size``. Networks that read three frames
      (``frames == 3``) take (B, 3, 3, S, S), the second axis being the current, the earlier and the later frame.
      The network applies its own normalisation and channel order.
    * landmarks: (B, 49, 2) or (B, 68, 2) x, y in pixels of the images; only where ``landmark_points`` is not 0, other
      networks ignore them. With three frames they are those of the current one.
    * ``further_inputs``, by name, for the few networks that have some.

    Networks see no labels; ``aufait.create_criterion`` makes the loss that goes with a network.
    """

    frames: ClassVar[int] = 1
    """How many frames one prediction reads."""

    landmark_points: ClassVar[int] = 0
    """How many landmarks the network reads: 0 or 49."""

    further_inputs: ClassVar[Mapping[str, tuple[int, ...]]] = MappingProxyType({})
    """What it reads besides images and landmarks: keyword argument of ``forward`` -> shape of one face's. Stored faces do not hold
    such things, so a network that has any says in ``own_predictor`` how a detector gets them."""

    needs_finder: ClassVar[str] = ""
    """The face finder that ``further_inputs`` come from; "" where any finder will do."""

    pixel_mean: ClassVar[float] = 0.0
    """Subtracted from pixels in [0, 1]."""

    pixel_std: ClassVar[float] = 1.0
    """Divides the result."""

    channel_order: ClassVar[str] = "rgb"
    """Order the first convolution expects, "rgb" or "bgr"; images are RGB in any case."""

    input_alignment: ClassVar[str] = "jaa_net"
    """Standard frame of the faces it reads, a key of ``aufait.inputs.alignments.ALIGNMENTS``."""

    mirrored_test: ClassVar[bool] = False
    """Whether tests add a second pass over the mirrored face and average the logits."""

    has_aligner: ClassVar[bool] = False
    """Whether a frozen face alignment network is part of it, whose weights ``use_aligner`` takes."""

    has_backbone: ClassVar[bool] = False
    """Whether a network that others publish weights of is part of it, which ``use_backbone`` takes."""

    neighbour_nose: str = "subnasale"
    """Third of the five points by which neighbouring frames are laid on the current one, for networks that see three."""

    transfer_rule: ClassVar[TransferRule] = TransferRule()
    """How it starts from a network of its kind for other action units."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config: Any = config
        self.check_values = True
        """Whether eager calls look at the values of pixels and landmarks (one pass over them; on a GPU one wait)."""

    @property
    def action_units(self) -> tuple[int, ...]:
        """AU numbers in the order of the outputs."""
        return self.config.action_units

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> AUOutput:
        """Predict the action units of a batch of aligned faces; shapes as in the description of the class."""
        raise NotImplementedError

    def prepare(self, images: Tensor, landmarks: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Check the inputs and normalise the pixels; each network's ``forward`` starts with it.

        Returns:
            images in the network's own range and channel order, and landmarks (B, 49, 2), empty (B, 0, 2) where the network
            reads none.

        Raises:
            InputError: wrong shape, size or type, an empty batch, missing landmarks, values that are not finite or
                images that are not in [0, 1].
        """
        self._check_images(images)
        points = self._check_landmarks(images, landmarks)
        if self.channel_order == "bgr":
            images = images.flip(-3)
        if self.pixel_mean or self.pixel_std != 1.0:
            images = (images - self.pixel_mean) / self.pixel_std
        return images, points

    @property
    def interval(self) -> int:
        """Frames from the current one to the earlier and to the later one; 0 for networks that read one frame."""
        return 0

    def parameter_groups(self, learning_rate: float, weight_decay: float) -> list[dict[str, Any]]:
        """Weights that are trained, in groups as optimisers of PyTorch take them; one group unless a system's paper divides them.

        Args:
            learning_rate: the recipe's; groups may have a share of it as "lr".
            weight_decay: the recipe's; groups may have another as "weight_decay".
        """
        return [{"params": [one for one in self.parameters() if one.requires_grad]}]

    def use_backbone(self, weights: Mapping[str, Tensor]) -> None:
        """Copy published weights of its backbone, where ``has_backbone``.

        Raises:
            InputError: there is no backbone, or the weights are of another network.
        """
        raise InputError(f"{type(self).__name__} has no backbone that others publish weights of; leave pretrained out")

    def initialise_from_labels(self, statistics: LabelStatistics) -> None:
        """Set before training what follows from the training labels, as far as a system has such weights; most have none."""

    def criterion_arguments(self, labels: TrainingLabels) -> dict[str, Any]:
        """What its criterion takes besides the configuration and the statistics, learned from the training labels alone."""
        return {}

    @property
    def aligner_config(self) -> FANConfig:
        """Size of the face alignment network inside, where ``has_aligner``."""
        raise InputError(f"{type(self).__name__} has no face alignment network; leave aligner out")

    def use_aligner(self, aligner: FaceAligner) -> None:
        """Copy the weights of a trained face aligner, where ``has_aligner``.

        Raises:
            InputError: the network has none, or one of another size.
        """
        raise InputError(f"{type(self).__name__} has no face alignment network; leave aligner out")

    def explain(self, images: Tensor, landmarks: Tensor | None = None) -> Explanation | None:
        """Where its scores come from, as the network itself can show: its attention maps, if it has any; None where it cannot.

        Args:
            images, landmarks: as ``forward`` takes them.
        """
        maps = self(images, landmarks).attention_maps
        return None if maps is None else Explanation(ATTENTION, maps, "where the action unit's branch looks", highest=1.0)

    def open_stream(self) -> FaceStream | None:
        """A cheaper way through a video than frame by frame, for one face track; None where there is none."""
        return None

    def own_predictor(self, *, name: str = "", sha256: str = "", device: str = "cpu") -> Any:
        """How a detector runs it, where it reads more than aligned faces (``further_inputs``): a ``WholeFacePredictor``; else None.

        Args:
            name, sha256: what results call it, and the digest of its file.
            device: where it runs.
        """
        return None

    def check_further(self, images: Tensor, given: Mapping[str, Tensor | None]) -> tuple[Tensor, ...]:
        """Check what ``forward`` was given of ``further_inputs``, as many as there are images.

        Returns:
            The tensors, in the order of ``further_inputs``.

        Raises:
            InputError: one is missing, or has another shape.
        """
        found = []
        for name, shape in self.further_inputs.items():
            value = given.get(name)
            if value is None or tuple(value.shape[1:]) != shape:
                came = "nothing" if value is None else tuple(value.shape)
                raise InputError(f"{type(self).__name__} needs {name} ({', '.join(map(str, ('B', *shape)))}), got {came}")
            if not torch.compiler.is_compiling() and len(value) != len(images):
                raise InputError(f"{type(self).__name__} got {len(images)} images but {name} of {len(value)} faces")
            found.append(value)
        return tuple(found)

    def example_inputs(self, batch: int = 2, *, seed: int = 0) -> dict[str, Tensor]:
        """Random images and plausible landmarks of the right shapes, as keyword arguments of the network."""
        generator = torch.Generator().manual_seed(seed)
        size = self.config.image_size
        shape = (batch, 3, size, size) if self.frames == 1 else (batch, self.frames, 3, size, size)
        inputs = {"images": torch.rand(shape, generator=generator)}
        if self.landmark_points:
            inputs["landmarks"] = _example_landmarks(batch, size, generator)
        inputs |= {name: torch.rand(batch, *shape, generator=generator) for name, shape in self.further_inputs.items()}
        return inputs

    def _check_images(self, images: Tensor) -> None:
        name, size = type(self).__name__, self.config.image_size
        expected = f"(B, 3, {size}, {size})" if self.frames == 1 else f"(B, {self.frames}, 3, {size}, {size})"
        if not isinstance(images, Tensor):
            raise InputError(f"{name} expects images as a tensor {expected}, got {type(images).__name__}")
        tail = (3, size, size) if self.frames == 1 else (self.frames, 3, size, size)
        if images.ndim != len(tail) + 1 or tuple(images.shape[1:]) != tail:
            frames = "" if self.frames == 1 else " (current, earlier and later frame)"
            raise InputError(
                f"{name} expects images {expected}{frames}, got {tuple(images.shape)}; "
                "align and crop the faces to that size first"
            )
        if not images.is_floating_point():
            raise InputError(f"{name} expects float images in [0, 1], got {images.dtype}; divide 8-bit pixels by 255")
        if torch.compiler.is_compiling() or torch.jit.is_tracing():
            return
        if images.shape[0] == 0:
            raise InputError(f"{name} got an empty batch; skip the call when there is no face")
        if self.check_values and images.device.type != "meta":
            lowest, highest = (float(value) for value in images.detach().aminmax())
            if lowest != lowest or highest != highest or abs(lowest) == float("inf") or highest == float("inf"):
                raise InputError(f"{name} got images with pixels that are NaN or infinite; check what made them")
            if lowest < -0.01 or highest > 1.01:
                raise InputError(
                    f"{name} expects pixels in [0, 1], got [{lowest:.3g}, {highest:.3g}]; divide 8-bit pixels by 255 and "
                    "leave the normalisation to the network"
                )

    def _check_landmarks(self, images: Tensor, landmarks: Tensor | None) -> Tensor:
        if not self.landmark_points:
            return images.new_zeros(images.shape[0], 0, 2)
        name = type(self).__name__
        expected = f"landmarks (B, {self.landmark_points}, 2) in pixels of the images"
        if landmarks is None:
            raise InputError(f"{name} needs {expected}; call model(images, landmarks)")
        if not isinstance(landmarks, Tensor):
            raise InputError(f"{name} needs {expected} as a tensor, got {type(landmarks).__name__}")
        if landmarks.ndim != 3 or landmarks.shape[1] not in _AMONG or landmarks.shape[2] != 2:
            raise InputError(f"{name} needs {expected} (66 or 68 points do too), got {tuple(landmarks.shape)}")
        points = landmarks[:, _AMONG[landmarks.shape[1]]]
        if torch.compiler.is_compiling() or torch.jit.is_tracing():
            return points
        if landmarks.shape[0] != images.shape[0]:
            raise InputError(f"{name} got {images.shape[0]} images but landmarks of {landmarks.shape[0]} faces")
        if self.check_values and landmarks.device.type != "meta" and not bool(landmarks.isfinite().all()):
            raise InputError(f"{name} got landmarks that are NaN or infinite; leave out faces without landmarks")
        return points


# Where the 49 points are among those of each scheme. A plain dictionary: torch 2.6 cannot compile or export look-ups in others.
_AMONG = {count: [scheme.index(point) for point in LANDMARKS_49] for count, scheme in SCHEMES.items()}

# The mean face of the 49-point scheme, coarsely: brows, nose, eyes, mouth; x and y as shares of the image side.
_MEAN_FACE_49 = (
    (0.24, 0.31), (0.28, 0.28), (0.33, 0.27), (0.38, 0.28), (0.43, 0.30), (0.57, 0.30), (0.62, 0.28), (0.67, 0.27),
    (0.72, 0.28), (0.76, 0.31), (0.50, 0.37), (0.50, 0.43), (0.50, 0.49), (0.50, 0.55), (0.43, 0.59), (0.46, 0.60),
    (0.50, 0.61), (0.54, 0.60), (0.57, 0.59), (0.29, 0.38), (0.33, 0.36), (0.37, 0.36), (0.41, 0.39), (0.37, 0.40),
    (0.33, 0.40), (0.59, 0.39), (0.63, 0.36), (0.67, 0.36), (0.71, 0.38), (0.67, 0.40), (0.63, 0.40), (0.37, 0.71),
    (0.42, 0.69), (0.47, 0.67), (0.50, 0.68), (0.53, 0.67), (0.58, 0.69), (0.63, 0.71), (0.58, 0.75), (0.54, 0.77),
    (0.50, 0.78), (0.46, 0.77), (0.42, 0.75), (0.46, 0.70), (0.50, 0.71), (0.54, 0.70), (0.54, 0.73), (0.50, 0.74),
    (0.46, 0.73),
)  # fmt: skip


def _example_landmarks(batch: int, size: int, generator: torch.Generator) -> Tensor:
    mean = torch.tensor(_MEAN_FACE_49) * (size - 1)
    return mean + torch.randn(batch, len(_MEAN_FACE_49), 2, generator=generator) * 0.01 * size
