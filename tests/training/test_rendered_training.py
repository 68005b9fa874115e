"""Training on faces that are rendered meanwhile. Needs the ICT geometry file."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training.tiny_faces import CONVNET, assert_same_weights, rows_of, tiny_cache

pytest.importorskip("lightning")
pytest.importorskip("numba", reason="the face engine needs the 'synth' extra")

from aufait.data.protocols import get_protocol
from aufait.errors import AufaitError, InputError, MissingExtraError, MissingModelError
from aufait.synthetic.head.assets import find_assets
from aufait.synthetic.ring import drawn_here
from aufait.training.recipe import load_recipe
from aufait.training.rendering import AlignedFaces, RenderedBatches, Rendering, _sampled
from aufait.training.run import train
from aufait.training.run_folder import TrainingRun

RENDERED = [*CONVNET, "protocol=disfa", "rendered=8", "epochs=2", "batch_size=4", "learning_rate=0.01", "hold_out=0",
            "draw_positives=0", "draw_negatives=0"]  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def geometry() -> None:
    try:
        find_assets(None)
    except MissingModelError as error:
        pytest.skip(f"no face geometry: {error}")


def run(out: Path, *settings: str, **options: Any) -> TrainingRun:
    recipe = load_recipe("drml_bp4d", [*RENDERED, *settings])
    return train(recipe, {}, out=out, accelerator="cpu", **{"render_workers": 1, "checkpoint_every": 1, **options})


class Here:
    """In place of a ring: no other process."""

    def __init__(self, drawing: AlignedFaces, workers: int) -> None:
        self.drawing = drawing

    def pictures(self, numbers: Iterable[int]) -> Iterator[Any]:
        return drawn_here(self.drawing, numbers)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering in this process, and few labels for the weights of the loss."""
    monkeypatch.setattr("aufait.training.rendering.Ring", Here)
    monkeypatch.setattr("aufait.training.rendering._SAMPLE", 60)
    _sampled.cache_clear()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> TrainingRun:
    """By one worker, without a stop."""
    return run(tmp_path_factory.mktemp("rendered") / "run")


def rendering(**changes: Any) -> Rendering:
    recipe = load_recipe("drml_bp4d", RENDERED).changed(changes)
    return Rendering.of(recipe, get_protocol(recipe.protocol), "jaa_net")


def batches(source: Rendering, epoch: int, **options: Any) -> list[Any]:
    plain = {"batch_size": 4, "seed": 0, "drop_last": False, "rank": 0, "world": 1, "pin": False}
    made = RenderedBatches(source, **{**plain, **options})
    made.set_epoch(epoch)
    return list(made)


@pytest.mark.usefixtures("here")
def test_every_epoch_shows_new_people_in_the_frame_and_with_the_labels_of_the_data() -> None:
    source = rendering(rendered=4)
    [batch], [later] = (batches(source, epoch) for epoch in (0, 1))
    assert sorted(batch.row.tolist()) == [0, 1, 2, 3] and sorted(later.row.tolist()) == [4, 5, 6, 7]
    assert batch.faces.shape == (4, 200, 200, 3) and batch.landmarks.shape == (4, 68, 2) and batch.draws is not None
    right, left = batch.landmarks[:, 36:42].mean(dim=1), batch.landmarks[:, 42:48].mean(dim=1)
    torch.testing.assert_close(right[:, 1], left[:, 1], rtol=0, atol=0.01)  # the line of the eyes is horizontal in this frame
    assert (left - right)[:, 0].min() > 40
    assert torch.equal(batch.occurrence, (batch.intensity >= 2).float()) and batch.intensity.max() > 2
    sample = source.table()
    places = [sample.cache_row.tolist().index(row) for row in batch.row]
    assert np.array_equal(sample.intensity[places], batch.intensity.numpy())  # labels without a picture are those with one


@pytest.mark.usefixtures("here")
def test_processes_share_the_faces_of_one() -> None:
    source = rendering(rendered=4)
    [whole] = batches(source, 0)
    halves = [batches(source, 0, rank=rank, world=2)[0] for rank in (0, 1)]
    for rank, half in enumerate(halves):
        assert torch.equal(half.row, whole.row[rank::2]) and torch.equal(half.faces, whole.faces[rank::2])


@pytest.mark.slow
def test_weights_do_not_depend_on_the_number_of_workers_nor_on_a_stop(tmp_path: Path, alone: TrainingRun) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", report=stop, render_workers=2)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "running" and not workers()
    run(tmp_path / "run", render_workers=2)
    assert_same_weights(alone.model_path, tmp_path / "run" / "model.safetensors")
    assert {row["name"] for row in rows_of(alone.folder / "metrics.csv")} >= {"total", "occurrence"}
    facts = alone.facts
    assert facts["faces"] == {"train": 8, "held_out": 0} and facts["synthetic"] and not facts["persons"]["train"]
    assert facts["data"]["rendered"]["alignment"] == "jaa_net" and facts["updates"] == 4


def workers() -> list[int]:
    """Processes that this one has started and that render."""
    import multiprocessing

    return [one.pid or 0 for one in multiprocessing.active_children() if one.name == "aufait-drawing"]


@pytest.mark.slow
def test_a_worker_that_dies_is_named_and_the_run_resumes(tmp_path: Path, alone: TrainingRun) -> None:
    def kill(done: int, total: int, text: str) -> None:
        if done == 2:
            os.kill(workers()[0], signal.SIGKILL)

    with pytest.raises(AufaitError, match=r"drawing worker 1 of 1 \(process \d+\) ended by signal 9.* at picture \d+"):
        run(tmp_path / "run", report=kill)
    assert not workers()
    run(tmp_path / "run")
    assert_same_weights(alone.model_path, tmp_path / "run" / "model.safetensors")


@pytest.mark.usefixtures("here")
def test_prepared_faces_choose_the_epoch(tmp_path: Path) -> None:
    cache = tiny_cache(tmp_path / "disfa", "disfa", frames=2)
    recipe = load_recipe("drml_bp4d", [*RENDERED, "epochs=1", "rendered=100", "max_faces=4", "hold_out=0.15"])
    made = train(recipe, cache, out=tmp_path / "run", accelerator="cpu")
    assert made.facts["selected"]["monitor"] == "f1_frame" and made.facts["faces"]["train"] == 4
    assert made.facts["persons"]["held_out"] and not made.facts["persons"]["train"]
    assert set(made.facts["data"]) == {"rendered", "disfa"}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["hold_out=0.15"], "hold_out takes persons from prepared faces, and none are given"),
        (["rendered=1000000"], "rendered=1000000 in 2 epochs are 2,000,000 persons, and one seed has 1,000,000"),
        (["draw_positives=3"], "neither drawn from recordings nor kept"),
        (["protocol=k_fold"], "divides one data set, got none"),
        (["rendered=0"], "needs the data set disfa"),
    ],
)
def test_what_cannot_be_rendered_is_refused(tmp_path: Path, settings: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(tmp_path / "run", *settings)


@pytest.mark.usefixtures("here")
def test_networks_that_read_neighbouring_frames_are_refused(tmp_path: Path) -> None:
    settings = ["rendered=4", "epochs=1", "batch_size=2", "model_settings.image_size=64", "aligner=random", "label_vae.epochs=1"]
    recipe = load_recipe("aunet_disfa", [*settings, "hold_out=0", "start_from=none"])
    with pytest.raises(InputError, match="aunet reads neighbouring frames, and rendered faces are single pictures"):
        train(recipe, {}, out=tmp_path / "run", accelerator="cpu")


def test_a_missing_engine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'aufait\[synth\]'"):
        run(tmp_path / "run")
