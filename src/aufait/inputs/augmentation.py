"""What training changes in a face before a network sees it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What training changes in a face; evaluation changes nothing. The defaults are the window and mirror of ARL and JAA-Net."""

    crop: bool = True
    """Window at a random place instead of the middle, where the stored face is larger than the input."""

    mirror: float = 0.5
    """Probability of mirroring."""

    scale: float = 0.0
    """Half range of the face's size: 0.1 draws factors from 0.9 to 1.1."""

    crop_scale: float = 0.0
    """Half range of the window's size; the face gets smaller as the window grows."""

    rotation: float = 0.0
    """Half range of the turning in degrees."""

    shift: float = 0.0
    """Half range of the shift, as a share of the window's side."""

    blur: float = 0.0
    """Probability of blur."""

    blur_sigma: float = 1.4
    """Largest standard deviation of the blur in pixels."""

    jitter: float = 0.0
    """Half range of the factors of brightness, contrast and saturation."""

    compression: float = 0.0
    """Probability of lossy compression."""

    compression_quality: float = 30.0
    """Lowest quality, 1 to 100."""

    holes: float = 0.0
    """Probability of 1 to 8 black rectangles."""
