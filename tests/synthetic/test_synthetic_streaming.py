"""Rendered faces as an endless source: the same batches whoever renders them. Needs the ICT geometry file."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("numba", reason="the face engine needs the 'synth' extra")

from aufait.errors import InputError, MissingModelError
from aufait.synthetic.dataset import MAX_IDENTITIES
from aufait.synthetic.streaming import RenderedBatch, RenderedFaces


@pytest.fixture(scope="module")
def options(shared: Path) -> dict[str, Any]:
    return {"seed": 5, "persons_per_batch": 2, "size": 48, "assets": shared / "assets"}


@pytest.fixture(scope="module")
def expected(options: dict[str, Any]) -> list[RenderedBatch]:
    return list(islice(RenderedFaces(**options), 4))


def same(one: RenderedBatch, other: RenderedBatch) -> bool:
    tensors = ("images", "left", "right", "landmarks", "visible", "identity")
    return one.number == other.number and all(torch.equal(getattr(one, name), getattr(other, name)) for name in tensors)


def test_a_batch_holds_new_persons_with_their_labels(expected: list[RenderedBatch]) -> None:
    first = expected[0]
    assert first.images.shape == (2, 48, 48, 3)
    assert first.images.dtype == torch.uint8
    assert first.left.shape == first.right.shape == (2, len(RenderedFaces.action_units))
    assert first.landmarks.shape == (2, 68, 2)
    assert [batch.identity.tolist() for batch in expected[:2]] == [
        [5 * MAX_IDENTITIES, 5 * MAX_IDENTITIES + 1],
        [5 * MAX_IDENTITIES + 2, 5 * MAX_IDENTITIES + 3],
    ]
    assert max(batch.left.max() for batch in expected) > 1
    assert not torch.equal(expected[0].images, expected[1].images)


@pytest.mark.slow
def test_workers_hand_on_the_same_batches_in_order(options: dict[str, Any], expected: list[RenderedBatch]) -> None:
    for workers in (1, 3):
        found = islice(RenderedFaces(**options, workers=workers), 4)
        assert all(same(one, other) for one, other in zip(found, expected, strict=True))


def test_a_training_continues_and_ranks_share(options: dict[str, Any], expected: list[RenderedBatch]) -> None:
    assert same(next(iter(RenderedFaces(**options, first=3))), expected[3])
    for first, rank, number in ((0, 1, 1), (1, 0, 2), (2, 1, 3)):
        assert same(next(iter(RenderedFaces(**options, first=first, rank=rank, world=2))), expected[number])


def test_what_cannot_be_is_refused(options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ({"rank": 2, "world": 2}, {"first": -1}, {"persons_per_batch": 0}, {"workers": -1}, {"size": 8}):
        with pytest.raises(InputError):
            RenderedFaces(**options | wrong)
    monkeypatch.setenv("AUFAIT_ASSETS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(MissingModelError, match="fetch-assets"):
        RenderedFaces(assets=tmp_path / "absent")
