"""Backgrounds: determinism, ranges, variety, sizes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2")

from aufait.synthetic.drawing.background import _PAINTERS, make_background


def test_same_seed_same_picture() -> None:
    first, second, other = (make_background(96, np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("size", [1, 32, 256, 511])
def test_shape_and_range(size: int) -> None:
    for seed in range(3):
        picture = make_background(size, np.random.default_rng(seed))
        assert picture.shape == (size, size, 3) and picture.dtype == np.float32 and picture.flags.c_contiguous
        assert np.isfinite(picture).all() and picture.min() >= 0 and picture.max() < 20


@pytest.mark.parametrize("painter", _PAINTERS)
def test_every_painter_draws(painter) -> None:  # type: ignore[no-untyped-def]
    for seed in range(4):
        picture, blur = painter(np.random.default_rng(seed))
        assert picture.shape == (128, 128, 3) and picture.dtype == np.float32
        assert np.isfinite(picture).all() and 0 <= blur < 10


def test_pictures_vary_in_lightness_and_are_mostly_muted() -> None:
    pictures = [make_background(48, np.random.default_rng(seed)) for seed in range(60)]
    lightness = np.array([p.mean() for p in pictures])
    assert lightness.std() > 0.1 and lightness.min() < 0.15 and lightness.max() > 0.5
    spread = [(p.max(axis=-1) - p.min(axis=-1)).mean() / p.mean() for p in pictures]
    assert np.median(spread) < 0.5
