"""Settings of Deep Regions Learning and of its "convnet" baseline.

Paper: Ali, Alkabbany, Farag, Bennett and Farag, "Facial Action Units Detection Under Pose Variations Using Deep Regions
Learning", ACII 2017. No program was released, so every value that the paper leaves open is marked "our reading".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from aufait.errors import InputError
from aufait.models.configuration import ModelConfig
from aufait.models.trial import Trial, sizes

CONV1_FILTERS = 32
"""Filters of Conv1, which all patches share (section 2)."""

CONV1_KERNEL = 11
"""Their side in pixels; no padding, since the paper's maps are 190 pixels wide for faces of 200."""

PATCH_SIZE = 48
"""Side of a patch in pixels of the Conv1 map (section 2)."""

FC8_WIDTH = 1024
"""Width of Fully8 (section 2)."""

LANDMARKS_22: tuple[int, ...] = (1, 4, 5, 6, 7, 10, 11, 13, 15, 19, 20, 23, 26, 29, 25, 30, 32, 34, 36, 38, 40, 42)
"""The patches' landmarks, 1-based in the 49-point scheme: brows, nose, eyes, outer lip.

Our reading of Figure 1(c), which shows but does not number them: mirror-symmetric, with every patch that section 2.1 names.
"""

LANDMARKS_49: tuple[int, ...] = tuple(range(1, 50))
"""All landmarks: the network of the significance study (section 2.1)."""


class ConvShape(NamedTuple):
    """One of the layers Conv2 to Conv6; sizes in pixels."""

    filters: int
    kernel: int
    stride: int = 1
    padding: int = 0

    def output_size(self, size: int) -> int:
        """Side of the map that comes out when one of that side goes in; below 1 where the kernel does not fit."""
        return (size + 2 * self.padding - self.kernel) // self.stride + 1


KERNEL_PRESETS: Mapping[str, tuple[ConvShape, ...]] = MappingProxyType(
    {
        "drml": (ConvShape(32, 7), ConvShape(16, 8), ConvShape(16, 8), ConvShape(16, 6, 2), ConvShape(8, 5, 1, 2)),
        "valid_stride": (ConvShape(32, 7), ConvShape(16, 7), ConvShape(16, 6), ConvShape(16, 5, 2), ConvShape(8, 3)),
        "valid_stride_b": (ConvShape(32, 7), ConvShape(16, 6), ConvShape(16, 6), ConvShape(16, 6, 2), ConvShape(8, 3)),
        "valid_nostride": (ConvShape(32, 7), ConvShape(16, 9), ConvShape(16, 9), ConvShape(16, 9), ConvShape(8, 7)),
    }
)
"""Conv2 to Conv6 by name; each turns a patch of 48 x 48 into 12 x 12 with 8 channels.

The paper gives Conv2 (32 filters of 7 x 7) and the output of Conv6 (12 x 12 x 8); the numbers between them, in Figure 2, were not
legible to us.
"drml" keeps the kernels of DRML, which the paper names as its inspiration, and pads Conv6; the others need no padding.
"""


@dataclass(frozen=True, kw_only=True)
class DeepRegionsConfig(ModelConfig):
    """Settings of ``DeepRegions``."""

    SYSTEM: ClassVar[str] = "deep_regions"
    TRIAL: ClassVar[Trial] = Trial(
        quick={**sizes(fc7_width=256), "batch_size": 16},
        tiny=sizes(image_size=120, fc7_width=128),
        drawn={"max_faces": 16},
        rarity="weighted_loss",
    )

    image_size: int = 200
    """Side of the aligned face in pixels (section 2)."""

    backbone: str = "regions"
    """What Conv2 to Conv6 run over: "regions", the patches, each with separate weights; or "convnet", the whole map, the
    baseline of section 3 and Table 4, which reads no landmarks and ignores the settings of patches."""

    patches: int = 22
    """Number of patches: 22 (section 2), 49 (significance study, section 2.1), or as many as ``landmark_ids`` names."""

    landmark_ids: tuple[int, ...] | None = None
    """Landmarks that the patches are around, 1-based in the 49-point scheme; ``None``: ``LANDMARKS_22`` or all 49."""

    landmark_map: str = "shift"
    """How landmarks are "justified to fit the new size" of the Conv1 map (section 2): "shift" moves them by the 5 pixels that
    an unpadded kernel of 11 cuts off (our reading), "scale" multiplies them by 190 / 200."""

    kernel_preset: str = "drml"
    """Kernels of Conv2 to Conv6, a name of ``KERNEL_PRESETS`` (Figure 2; our reading)."""

    fc7_width: int = 2048
    """Width of Fully7 (not given; our reading, half of DRML's)."""

    dropout: float = 0.5
    """Share of the outputs of Fully7 and Fully8 that training drops (section 3, "Learning")."""

    weighted_loss: bool = True
    """Whether positives are weighted by the skew of their action unit (section 2, the loss)."""

    def validate(self) -> None:
        """Check ranges, and that patches and kernels fit the Conv1 map."""
        self._choose("backbone", ("regions", "convnet"))
        self._choose("landmark_map", ("shift", "scale"))
        self._choose("kernel_preset", tuple(KERNEL_PRESETS))
        self._at_least("fc7_width", 1)
        if not 0 <= self.dropout < 1:
            raise InputError(f"{self.SYSTEM}: dropout must be at least 0 and below 1, got {self.dropout}")
        self._validate_patches()
        self._validate_image_size()

    @property
    def patch_landmarks(self) -> tuple[int, ...]:
        """1-based landmark of each patch, in the order of the patches."""
        if self.landmark_ids is not None:
            return self.landmark_ids
        return LANDMARKS_49 if self.patches == len(LANDMARKS_49) else LANDMARKS_22

    @property
    def map_size(self) -> int:
        """Side of the Conv1 map in pixels."""
        return self.image_size - CONV1_KERNEL + 1

    @property
    def local_sizes(self) -> tuple[int, ...]:
        """Sides of the maps that enter Conv2 to Conv6, and of the one that leaves Conv6."""
        sizes = [PATCH_SIZE if self.backbone == "regions" else self.map_size]
        for shape in KERNEL_PRESETS[self.kernel_preset]:
            sizes.append(shape.output_size(sizes[-1]))
        return tuple(sizes)

    @property
    def groups(self) -> int:
        """How many sets of weights Conv2 to Conv6 have: one per patch, or one."""
        return len(self.patch_landmarks) if self.backbone == "regions" else 1

    @property
    def group_features(self) -> int:
        """Numbers that leave Conv6 per group: 12 * 12 * 8 for a patch."""
        return KERNEL_PRESETS[self.kernel_preset][-1].filters * self.local_sizes[-1] ** 2

    def _validate_patches(self) -> None:
        if self.landmark_ids is None:
            if self.patches not in (len(LANDMARKS_22), len(LANDMARKS_49)):
                raise InputError(f"{self.SYSTEM}: patches must be 22 or 49 unless landmark_ids names others, got {self.patches}")
            return
        wrong = [number for number in self.landmark_ids if not 1 <= number <= len(LANDMARKS_49)]
        if wrong:
            raise InputError(f"{self.SYSTEM}: landmark_ids must be in 1..49 (1-based, 49-point scheme), got {wrong}")
        if not self.landmark_ids or len(set(self.landmark_ids)) != len(self.landmark_ids):
            raise InputError(f"{self.SYSTEM}: landmark_ids must name at least one landmark and each once, got {self.landmark_ids}")
        if len(self.landmark_ids) != self.patches:
            count = len(self.landmark_ids)
            raise InputError(f"{self.SYSTEM}: landmark_ids names {count} landmarks for {self.patches} patches; set patches={count}")

    def _validate_image_size(self) -> None:
        if self.backbone == "regions" and self.map_size < PATCH_SIZE:
            smallest = PATCH_SIZE + CONV1_KERNEL - 1
            raise InputError(f"{self.SYSTEM}: patches of {PATCH_SIZE} pixels need image_size >= {smallest}, got {self.image_size}")
        if min(self.local_sizes) < 1:
            raise InputError(f"{self.SYSTEM}: the kernels of {self.kernel_preset!r} do not fit an image_size of {self.image_size}")
