"""Examples for the face check: the answers follow from what was done to the face."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import draw_landmarks

cv2 = pytest.importorskip("cv2", reason="needs the extra synth")

from aufait.faces.face_check import CHECK_SIZE, REGIONS  # noqa: E402
from aufait.shipped.faces import check_data as data  # noqa: E402

POINTS = draw_landmarks((80, 65), scale=48 / 84)  # outer eye corners 48 px apart, as in stored faces


def stored(count: int = 6) -> data.StoredFaces:
    rng = np.random.default_rng(0)
    size = data.STORE_SIZE
    pictures = np.kron(rng.integers(0, 255, (count, 3, size // 8, size // 8)), np.ones((1, 1, 8, 8))).astype(np.uint8)
    covered = np.zeros((count, size, size), np.uint8)
    covered[0, 70:120, 40:120] = 255
    return data.StoredFaces(pictures, covered, np.repeat(POINTS[None], count, axis=0), np.arange(count) > 2, np.array([0]))


def test_shares_of_regions_follow_the_mask() -> None:
    mask = np.zeros((data.STORE_SIZE, data.STORE_SIZE), bool)
    assert (data.region_shares(mask, POINTS) == 1).all()
    mask[:, 80:] = True  # the right half of the picture: the subject's left
    shares = dict(zip(REGIONS, data.region_shares(mask, POINTS), strict=True))
    for name in REGIONS:
        if name.endswith("_left"):
            assert shares[name] < 0.2, name
        if name.endswith("_right"):
            assert shares[name] > 0.8, name
    assert 0.3 < shares["nose"] < 0.7


def test_batches_hold_whole_answers_in_range() -> None:
    batch = data.draw_batch(stored(), np.array([0, 1, 2, 3, 4, 5] * 4), np.random.default_rng(1))
    assert batch.crops.shape == (24, 3, CHECK_SIZE, CHECK_SIZE)
    assert batch.answers.shape == batch.counts.shape == (24, 2 + len(REGIONS))
    assert 0 <= float(batch.answers.min()) <= float(batch.answers.max()) <= 1
    assert batch.counts[:, 0].all()
    misfits = batch.answers[:, 0] < 0.6
    assert misfits.any()
    assert not batch.counts[misfits, 1:].any()


def test_the_same_seed_gives_the_same_batch() -> None:
    first, second = (data.draw_batch(stored(), np.arange(6), np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(first.crops, second.crops)
    assert torch.equal(first.answers, second.answers)


def test_a_mirrored_batch_has_its_sides_exchanged() -> None:
    batch = data.draw_batch(stored(), np.arange(6), np.random.default_rng(2))
    other = data.mirrored(batch)
    left, right = (2 + REGIONS.index(name) for name in ("eye_left", "eye_right"))
    assert torch.equal(other.answers[:, left], batch.answers[:, right])
    assert torch.equal(other.crops[..., 0], batch.crops[..., -1])
    assert torch.equal(data.mirrored(other).answers, batch.answers)


def test_an_unmoved_window_fits_and_a_turned_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fixed:
        """Draws the wanted kind of placement and no noise."""

        def __init__(self, kind: float) -> None:
            self.kind = kind

        def random(self) -> float:
            return self.kind

        def normal(self, mean: float, deviation: float, size: int | None = None) -> np.ndarray | float:
            return np.zeros(size) if size else 0.0

    matrix, fit = data._placement(POINTS, Fixed(0.0))  # type: ignore[arg-type]
    assert fit == 1.0
    centre = np.full(2, (data.STORE_SIZE - 1) / 2)
    assert matrix[:, :2] @ centre + matrix[:, 2] == pytest.approx((CHECK_SIZE - 1) / 2)
    turned, misfit = data._placement(POINTS, Fixed(0.7))  # type: ignore[arg-type]
    assert misfit == 0.0
    corner = matrix[:, :2] @ POINTS[36] + matrix[:, 2]
    opposite = turned[:, :2] @ POINTS[36] + turned[:, 2]
    np.testing.assert_allclose(corner + opposite, CHECK_SIZE - 1, atol=1e-4)


def test_structure_agreement_knows_blur_and_ignores_light() -> None:
    clean = np.random.default_rng(0).uniform(0, 255, (64, 64, 3)).astype(np.float32)
    assert data.structure_agreement(clean, clean * 0.4 + 20) == pytest.approx(1.0, abs=1e-3)
    assert data.structure_agreement(clean, cv2.blur(clean, (5, 5))) < 0.5
    assert data.structure_agreement(clean, np.full_like(clean, 9.0)) == 0.0


def test_a_cover_is_counted_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_drawn_shape", lambda rng: np.pad(np.ones((20, CHECK_SIZE), np.float32), ((44, 0), (0, 0))))
    monkeypatch.setattr(
        data, "_moved_cover", lambda faces, matrix, rng: (np.zeros((64, 64, 3), np.float32), data._drawn_shape(rng))
    )
    plain = np.zeros((CHECK_SIZE, CHECK_SIZE, 3), np.float32)
    points = draw_landmarks((31.5, 23), scale=32 / 84)
    _, mask = data._cover(plain, plain[..., 0], points, stored(), np.eye(2, 3), np.random.default_rng(0))
    shares = dict(zip(REGIONS, data.region_shares(mask > 0.5, points), strict=True))
    assert shares["chin"] == 0
    assert shares["brow_left"] == shares["eye_right"] == 1
