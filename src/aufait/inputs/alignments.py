"""The standard frames in which faces are stored, and which network wants which.

- ``jaa_net``: eye line horizontal, the square around five points enlarged 2.9 times, 200 pixels (JAA-Net; by our reading
  also MGRR-Net, ABRNet, DRML and Deep Regions). The networks see a 176-pixel window of it.
- ``arl``: the same, enlarged 2.8 times (ARL).
- ``deep_regions``: as ``jaa_net``, then shifted so that the inner corner of the right eye is at one place in all faces: "the left
  corner of the right eye becomes the origin of the common space" (Deep Regions section 2). Scale and place are not given: ours are
  those of ``jaa_net`` and of the corner on a mean face there. The paper's networks here read ``jaa_net`` unless set otherwise.
- ``default``: five points brought to a template, 128 pixels, of which the shipped model sees 112 (``aufait.faces.template``).
- ``aunet``: upright square of side 200 (w + h) / 260 around the middle of a detector's box of w x h (AUNet's released
  program; also ResNet18). The paper's crop has 256 pixels; 64 more on each side are kept, so that turning, scaling and
  shifting, and moving neighbouring frames onto each other, find picture instead of border.

AUNet's boxes come from a face detector whose boxes reach from about the middle of the forehead to the chin. Neither
landmarks nor the finders of this package reach above the brows, so the box is made from the landmarks: their smallest
upright box, enlarged by ``BOX_MARGINS``. The figures are our reading: 0.35 of the height from brows to chin is added above
the brows, which gives boxes about 0.8 times as wide as high on a frontal neutral head; without a jaw (49 points), jaw and
chin are where they are on that head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.alignment import (
    ALIGNED_SIZE,
    AUNET_SIZE,
    BOX_MARGINS,
    CROP_SIZE,
    ENLARGEMENT_ARL,
    ENLARGEMENT_JAA_NET,
    PAPER_BORDER,
    apply_transform,
    box_transform,
    detector_boxes,
    paper_transform,
    similarity_from_points,
    warp,
    window_transform,
)
from aufait.errors import InputError
from aufait.faces.template import ALIGNMENT_POINTS, TEMPLATE
from aufait.landmarks import SCHEMES, check_landmarks, indices
from aufait.settings import did_you_mean

if TYPE_CHECKING:
    from aufait.models.system import AUSystem

AUNET_CONTEXT = 64
"""Pixels kept on each side of AUNet's 256-pixel crop."""


@dataclass(frozen=True)
class Alignment:
    """A standard frame.

    Attributes:
        name: key of ``ALIGNMENTS``.
        side: side of the stored square face in pixels.
        window: side of the central part that the published networks see.
        border: grey value outside the picture, 0-255.
        enlargement: of the five-point square (``paper_transform``); None for the detector's box (``box_transform``) or a template.
        summary: one line for lists.
    """

    name: str
    side: int
    window: int
    border: int
    enlargement: float | None
    summary: str
    corner: tuple[float, float] | None = None
    """Where the inner corner of the right eye is brought, face pixels; None leaves it where it falls."""

    template: bool = False
    """Whether five points are brought to ``TEMPLATE``."""

    def transforms(self, landmarks: np.ndarray) -> np.ndarray:
        """Picture pixels to face pixels.

        Args:
            landmarks: (F, N, 2) pixels of the picture, N = 68, 66 or 49.

        Returns:
            (F, 2, 3) float64.

        Raises:
            InputError: wrong shape, or points of one face coincide.
        """
        if self.enlargement is not None:
            points = np.asarray(landmarks, np.float64)
            matrices = paper_transform(points, self.enlargement, self.side)
            return matrices if self.corner is None else _corner_to(matrices, points, self.corner)
        if self.template:
            return _template_transforms(np.asarray(landmarks, np.float64))
        margin = (self.side - self.window) // 2
        return window_transform(box_transform(detector_boxes(landmarks), self.window), (-margin, -margin))

    def aligned(self, image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A picture (H, W, 3) uint8 with landmarks (N, 2) in this frame: (side, side, 3) uint8 and (N, 2) float32.

        Raises:
            InputError: see ``transforms``.
        """
        matrix = self.transforms(landmarks[None])
        pixels = warp(image, matrix, self.side, self.border)[0].permute(1, 2, 0).numpy()
        return pixels, apply_transform(matrix, landmarks[None])[0].astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """What defines the frame, for manifests."""
        facts: dict[str, Any] = {"side": self.side, "window": self.window, "border": self.border}
        if self.template:
            return facts | {"points_of_68": list(ALIGNMENT_POINTS), "template": TEMPLATE.tolist()}
        if self.corner is not None:
            facts["corner"] = list(self.corner)
        return facts | ({"box_margins": [list(BOX_MARGINS[68]), list(BOX_MARGINS[49])]} if self.enlargement is None
                        else {"enlargement": self.enlargement})  # fmt: skip


def _corner_to(matrices: np.ndarray, landmarks: np.ndarray, place: tuple[float, float]) -> np.ndarray:
    """(F, 2, 3) shifted so that the inner corner of each right eye falls on ``place``."""
    row = indices("right_eye_inner", check_landmarks(landmarks))
    shifted = matrices.copy()
    shifted[:, :, 2] += np.asarray(place) - apply_transform(matrices, landmarks[:, row])[:, 0]
    return shifted


def _template_transforms(landmarks: np.ndarray) -> np.ndarray:
    """(F, N, 2) -> (F, 2, 3), the five points of the shipped model on its template."""
    scheme = SCHEMES[check_landmarks(landmarks)]
    return similarity_from_points(landmarks[:, [scheme.index(point) for point in ALIGNMENT_POINTS]], TEMPLATE)


_EYE_CORNER = (84.0, 80.0)
"""Inner corner of the right eye of a mean face in the ``jaa_net`` frame, whole pixels."""

_ALL = (
    Alignment("jaa_net", ALIGNED_SIZE, CROP_SIZE, PAPER_BORDER, ENLARGEMENT_JAA_NET,
              "eye line horizontal, five-point square x 2.9, 200 px (JAA-Net, MGRR-Net, ABRNet, DRML, Deep Regions)"),
    Alignment("arl", ALIGNED_SIZE, CROP_SIZE, PAPER_BORDER, ENLARGEMENT_ARL,
              "eye line horizontal, five-point square x 2.8, 200 px (ARL)"),
    Alignment("aunet", AUNET_SIZE + 2 * AUNET_CONTEXT, AUNET_SIZE, 0, None,
              "detector's box, 256 px with 64 px around it (AUNet, AU-FAN, ResNet18)"),
    Alignment("deep_regions", ALIGNED_SIZE, CROP_SIZE, PAPER_BORDER, ENLARGEMENT_JAA_NET,
              "as jaa_net, the inner corner of the right eye at one place, 200 px (Deep Regions as printed)", corner=_EYE_CORNER),
    Alignment("default", 128, 112, PAPER_BORDER, None, "eye corners and nose on a template, 128 px (the shipped compact model)",
              template=True),
)  # fmt: skip

ALIGNMENTS: Mapping[str, Alignment] = MappingProxyType({one.name: one for one in _ALL})
"""Name -> standard frame."""


def get_alignment(name: str | Alignment) -> Alignment:
    """The standard frame of a name.

    Raises:
        InputError: unknown name; the message gives the nearest ones.
    """
    if isinstance(name, Alignment):
        return name
    key = name.strip().lower().replace("-", "_")
    if key not in ALIGNMENTS:
        raise InputError(f"unknown alignment {name!r}{did_you_mean(key, ALIGNMENTS)} Known: {', '.join(ALIGNMENTS)}")
    return ALIGNMENTS[key]


def alignment_of(model: AUSystem | str) -> str:
    """Name of the alignment that a network was designed for.

    Args:
        model: a network, or a name of ``aufait.list_models()`` ("arl", "wc-net", "aunet").

    Raises:
        InputError: unknown name of a model.
    """
    if isinstance(model, str):
        from aufait.models.registry import model_entry

        return model_entry(model).network.input_alignment
    return model.input_alignment
