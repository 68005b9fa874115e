"""Stored views of faces and the training of a branch on them. The frozen networks are stood in for; what they say is made up."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import draw_landmarks, draw_test_image
from PIL import Image
from torch import Tensor

from aufait.errors import OutputError
from aufait.models.default.branches import FeatureBranch, FeatureBranchConfig
from aufait.shipped.action_units.branch_targets import from_intensities, neutral
from aufait.shipped.action_units.branches import BranchConfig, ViewSet, inputs_of, train_branch
from aufait.shipped.action_units.face_views import FaceViews, ViewConfig, store_views

COUNT = 5
POINTS = np.stack([draw_landmarks((100.0 + k, 90.0), 0.8, 3.0 * k) for k in range(COUNT)])


class FakeMesh:
    """Answers with the crop's means, so that another crop is another answer."""

    def __init__(self) -> None:
        self.calls = 0

    def landmarks(self, crops: Tensor) -> SimpleNamespace:
        self.calls += 1
        means = crops.mean(dim=(1, 2, 3))
        return SimpleNamespace(
            points=means[:, None, None].expand(-1, 478, 3),
            presence=means,
            fine=means[:, None, None, None].expand(-1, 128, 16, 16),
            coarse=crops.mean(dim=(1, 2))[:, None, None, :8].expand(-1, 128, 8, 8),
        )

    def blendshapes(self, points: Tensor) -> Tensor:
        return points[:, :52, 0]


def fake_trunk(crops: Tensor) -> SimpleNamespace:
    means = crops.mean(dim=(1, 2, 3))[:, None, None, None]
    return SimpleNamespace(fine=means.expand(-1, 40, 28, 28), coarse=means.expand(-1, 112, 14, 14))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{k}.png" for k in range(COUNT)]
    for k, path in enumerate(paths):
        Image.fromarray(draw_test_image(200, 180, seed=k)).save(path)
    return paths


def stored(folder: Path, pictures: list[Path], mesh: FakeMesh, **options: object) -> FaceViews:
    return store_views(folder, pictures, POINTS, mesh, fake_trunk, ViewConfig(views=3), block=2, **options)  # type: ignore[arg-type]


def test_views_differ_but_for_the_first_which_is_the_picture(pictures: list[Path], tmp_path: Path) -> None:
    views = stored(tmp_path / "views", pictures, FakeMesh())
    again = stored(tmp_path / "again", pictures, FakeMesh())
    assert len(views) == COUNT
    assert np.array_equal(views.fine, again.fine)  # every draw has its seed
    assert not views.mirrored[:, 0].any()
    assert views.mirrored[:, 1:].any()
    assert len(np.unique(np.asarray(views.presence[0]))) == 3


def test_an_interrupted_run_resumes_with_the_same_views(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = stored(tmp_path / "whole", pictures, FakeMesh())
    monkeypatch.setattr("aufait.shipped.action_units.face_views._FLUSH", 1)

    class Stop(Exception):
        pass

    def interrupt(done: int) -> None:
        if done >= 2:
            raise Stop

    with pytest.raises(Stop):
        stored(tmp_path / "parts", pictures, FakeMesh(), progress=interrupt)
    mesh = FakeMesh()
    parts = stored(tmp_path / "parts", pictures, mesh)
    assert mesh.calls == 2 * 3  # two of three blocks were left
    for name in ("fine", "coarse", "blendshapes", "presence", "photo_coarse", "mirrored"):
        assert np.array_equal(getattr(parts, name), getattr(whole, name)), name


def test_views_of_other_pictures_are_refused(pictures: list[Path], tmp_path: Path) -> None:
    stored(tmp_path / "views", pictures, FakeMesh())
    with pytest.raises(OutputError, match="other pictures"):
        store_views(tmp_path / "views", pictures[:3], POINTS[:3], FakeMesh(), fake_trunk, ViewConfig(views=3))  # type: ignore[arg-type]


def made_views(intensity: np.ndarray, mirrored: np.ndarray, shift: float = 0.0) -> FaceViews:
    """One view each; the left half of the fine map is bright where the picture's left side acts."""
    count = len(intensity)
    fine = np.random.default_rng(0).normal(shift, 0.3, (count, 1, 128, 16, 16)).astype(np.float16)
    seen = np.where(mirrored[:, None], intensity[:, ::-1], intensity)
    fine[:, 0, :8, :, :8] += seen[:, 0, None, None, None].astype(np.float16)
    fine[:, 0, :8, :, 8:] += seen[:, 1, None, None, None].astype(np.float16)
    empty = np.zeros((count, 1), np.float32)
    return FaceViews(fine, np.zeros((count, 1, 128, 8, 8), np.float16), empty, empty, empty, empty, empty, mirrored[:, None])


def test_a_branch_learns_sides_also_from_mirrored_views_and_heeds_real_faces() -> None:
    rng = np.random.default_rng(1)
    intensity = np.where(rng.random((160, 2)) < 0.5, 4.0, 0.0)
    views = made_views(intensity, rng.random(160) < 0.5)
    targets = from_intensities(intensity[:, None], np.ones((160, 1, 2), bool))
    rendered = ViewSet(views, np.arange(160), targets)
    branch = FeatureBranch(1, FeatureBranchConfig(fine=8, joint=8, reduced=4, hidden=16, dropout=0.0))
    config = BranchConfig(epochs=12, batch=16, averaging=0.9)
    trained = train_branch(branch, [rendered], config=config)
    straight = made_views(np.array([[4.0, 0.0], [0.0, 4.0], [0.0, 0.0]]), np.zeros(3, bool))
    inputs = inputs_of(trained)(straight, np.arange(3), np.zeros(3, np.int64))
    with torch.inference_mode():
        left, right = trained(*inputs)[:, 0, :, 1].T.tolist()
    assert left[0] > 0 > left[1]
    assert right[1] > 0 > right[0]
    assert left[2] < 0 > right[2]

    acting = made_views(np.full((40, 2), 4.0), np.zeros(40, bool))
    resting = ViewSet(acting, np.arange(40), neutral(40, (12,)))  # looks like acting, is known to rest
    fresh = FeatureBranch(1, FeatureBranchConfig(fine=8, joint=8, reduced=4, hidden=16, dropout=0.0))
    doubting = train_branch(fresh, [rendered], [resting], BranchConfig(epochs=12, batch=16, averaging=0.9, real_share=0.5))
    both = inputs_of(trained)(acting, np.arange(40), np.zeros(40, np.int64))
    with torch.inference_mode():
        assert doubting(*both)[..., 1].mean() < trained(*both)[..., 1].mean()
