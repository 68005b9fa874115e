"""Training by recipes on tiny caches: who is read, what is saved, resuming after a kill, several processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training.tiny_faces import CONVNET, SMALL, assert_same_weights, rows_of, tiny_cache, weights

from aufait.action_units import AU_SETS
from aufait.data.preparation import FaceCache
from aufait.data.protocols import get_protocol
from aufait.errors import InputError, OutputError
from aufait.files.claims import Claim, Claimed
from aufait.losses.labels import Losses
from aufait.training.batches import FaceBatches, FaceTable
from aufait.training.recipe import load_recipe
from aufait.training.run import train
from aufait.training.run_folder import CLAIM, RUN, TrainingRun

pytest.importorskip("lightning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def bp4d(folder: Path) -> FaceCache:
    return tiny_cache(folder / "bp4d", "bp4d")


@pytest.fixture(scope="module")
def disfa(folder: Path) -> FaceCache:
    return tiny_cache(folder / "disfa", "disfa")


@pytest.fixture(scope="module")
def crops(folder: Path) -> FaceCache:
    return tiny_cache(folder / "crops", "bp4d", "aunet", frames=4)


@pytest.fixture(scope="module")
def run(folder: Path, bp4d: FaceCache) -> TrainingRun:
    return train(load_recipe("jaa_net_bp4d", SMALL), bp4d, fold=1, out=folder / "run", accelerator="cpu")


def test_a_run_says_how_it_was_made(run: TrainingRun, bp4d: FaceCache) -> None:
    facts = json.loads((run.folder / "run.json").read_text())
    assert facts["status"] == "finished" and facts["synthetic"] and facts["seed"] == 0
    assert facts["code"]["aufait"] and "revision" in facts["code"]
    assert facts["data"]["bp4d"]["fingerprint"] == bp4d.fingerprint
    persons = [set(facts["persons"][part]) for part in ("train", "held_out", "test")]
    assert all(persons) and not persons[0] & persons[1] and not (persons[0] | persons[1]) & persons[2]
    assert facts["selected"]["monitor"] == "f1_frame" and 1 <= facts["selected"]["epoch"] <= 2
    assert run.recipe == load_recipe("jaa_net_bp4d", SMALL)
    model = run.load()
    assert model.action_units == AU_SETS["bp4d"] and not model.training
    assert {"loss", "f1_frame"} <= {row["name"] for row in rows_of(run.folder / "metrics.csv") if row["part"] == "held_out"}
    assert {"total", "landmarks"} <= {row["name"] for row in rows_of(run.folder / "metrics.csv") if row["part"] == "train"}


def test_a_papers_recipe_trains_on_every_training_subject(folder: Path, bp4d: FaceCache) -> None:
    recipe = load_recipe("drml_bp4d", [*CONVNET, "batch_size=8", "epochs=2", "max_faces=8"])
    made = train(recipe, bp4d, fold=1, out=folder / "all", accelerator="cpu")
    split = get_protocol("bp4d").split(bp4d.dataset(), 1, strict=False)
    assert made.facts["persons"]["train"] == sorted(split.train.persons) and not made.facts["persons"]["held_out"]
    assert made.facts["selected"]["epoch"] == 2 and made.facts["selected"]["monitor"] is None


def test_a_finished_run_is_not_trained_again(run: TrainingRun, bp4d: FaceCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("aufait.training.trainer.fit", never)
    again = train(run.recipe, bp4d, fold=1, out=run.folder, accelerator="cpu")
    assert again.facts == run.facts


def test_a_folder_of_another_run_is_refused(run: TrainingRun, bp4d: FaceCache) -> None:
    with pytest.raises(InputError, match=r"holds another run: learning_rate differ.*--fresh"):
        train(run.recipe.changed(["learning_rate=0.5"]), bp4d, fold=1, out=run.folder)
    with pytest.raises(InputError, match="holds another run: fold, training_labels, persons differ"):
        train(run.recipe, bp4d, fold=2, out=run.folder)


def test_a_folder_that_another_process_trains_in_is_left_to_it(tmp_path: Path, run: TrainingRun, bp4d: FaceCache) -> None:
    out = tmp_path / "run"
    shutil.copytree(run.folder, out)
    facts = json.loads((out / RUN).read_text())
    (out / RUN).write_text(json.dumps({**facts, "status": "running"}))
    before = (out / "model.safetensors").read_bytes()
    for resume in (True, False):
        with Claim(out / CLAIM, "another run"), pytest.raises(Claimed, match=r"made from other inputs .* by process \d+"):
            train(run.recipe, bp4d, fold=1, out=out, accelerator="cpu", resume=resume)
        assert (out / "model.safetensors").read_bytes() == before and not (out / CLAIM).exists()
    train(run.recipe, bp4d, fold=1, out=out, accelerator="cpu")
    assert not (out / CLAIM).exists() and TrainingRun.open(out).facts["status"] == "finished"


def test_a_run_that_was_killed_at_its_very_beginning_starts_again(
    tmp_path: Path, run: TrainingRun, bp4d: FaceCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / CLAIM).write_text("{}")
    os.utime(tmp_path / CLAIM, (0, 0))
    claims = []

    def stop(*_: Any, **__: Any) -> None:
        claims.append((tmp_path / CLAIM).read_bytes())
        raise KeyboardInterrupt

    monkeypatch.setattr("aufait.training.run.fit", stop)
    with pytest.raises(KeyboardInterrupt):
        train(run.recipe, bp4d, fold=1, out=tmp_path, accelerator="cpu")
    assert len(json.loads(claims[0])["work"]) == 64  # whatever the number of persons: claims are read up to a limit
    (tmp_path / "run.json").unlink()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(OutputError, match="is not empty and holds no training run"):
        train(run.recipe, bp4d, fold=1, out=tmp_path, accelerator="cpu")
    assert not (tmp_path / CLAIM).exists()


def test_a_run_killed_before_it_wrote_its_facts_starts_again(tmp_path: Path, run: TrainingRun, bp4d: FaceCache) -> None:
    (tmp_path / "recipe.yaml").write_bytes((run.folder / "recipe.yaml").read_bytes())
    with pytest.raises(OutputError, match="holds no training run"):  # it may be somebody's own recipe
        train(run.recipe, bp4d, fold=1, out=tmp_path, accelerator="cpu")
    (tmp_path / CLAIM).write_text(json.dumps({"token": "x", "pid": 2**22 + 1, "host": socket.gethostname(), "work": "y"}))
    os.utime(tmp_path / CLAIM, (1, 1))
    assert train(run.recipe, bp4d, fold=1, out=tmp_path, accelerator="cpu").facts["status"] == "finished"


def test_no_test_person_is_read_in_training_or_selection(
    folder: Path, bp4d: FaceCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: dict[str, set[int]] = {"faces": set(), "landmarks": set()}
    for name, seen in read.items():
        original = getattr(FaceCache, name)

        def spy(self: FaceCache, rows: Any, *, original: Any = original, seen: set[int] = seen, **named: Any) -> Any:
            seen.update(np.asarray(rows).tolist())
            return original(self, rows, **named)

        monkeypatch.setattr(FaceCache, name, spy)
    for fold in (1, 2, 3):
        for seen in read.values():
            seen.clear()
        recipe = load_recipe("drml_bp4d", [*CONVNET, "batch_size=6", "epochs=1", "hold_out=0.15"])
        made = train(recipe, bp4d, fold=fold, out=folder / f"leak{fold}", accelerator="cpu")
        split = get_protocol("bp4d").split(bp4d.dataset(), fold, strict=False)
        tested, trained = set(bp4d.rows_of(split.test).tolist()), set(bp4d.rows_of(split.train).tolist())
        assert tested and not tested & trained
        for name, seen in read.items():
            assert seen == trained, name  # every training face, held-out persons included, and no other
        labels = bp4d.dataset().label_table()
        assert not {labels.person[row] for row in seen} & set(made.facts["persons"]["test"])


def test_held_out_persons_are_not_learned_from(bp4d: FaceCache) -> None:
    split = get_protocol("bp4d").split(bp4d.dataset(), 1, strict=False)
    kept, held = split.hold_out(0.3, 0)
    tables = [FaceTable.of(part, {"bp4d": bp4d}, "occurrence") for part in (kept, held)]
    assert not set(tables[0].persons) & set(tables[1].persons)
    assert not set(tables[0].cache_row.tolist()) & set(tables[1].cache_row.tolist())


# ---------------------------------------------------------------------------------------------------------------------
# Kills
# ---------------------------------------------------------------------------------------------------------------------

_KILLED = """
import os, signal, sys
from aufait.data.preparation import FaceCache
from aufait.training.recipe import load_recipe
from aufait.training.run import train

def report(done, total, text):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

recipe = load_recipe("abrnet_disfa", sys.argv[4:])
train(recipe, FaceCache.open(sys.argv[1]), fold=1, out=sys.argv[2], accelerator="cpu", checkpoint_every=2, report=report)
"""


@pytest.mark.parametrize("steps", [(7,), pytest.param((4, 6, 11), marks=pytest.mark.slow)])
def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(folder: Path, disfa: FaceCache, steps: Sequence[int]) -> None:
    settings = [*SMALL, "epochs=3", "max_faces=16", "model_settings.feature_size=16", "model_settings.relation_size=8"]
    settings += ["start_from=none"]
    recipe = load_recipe("abrnet_disfa", settings)
    killed, whole = folder / f"killed{len(steps)}", folder / f"whole{len(steps)}"
    for step in steps:  # of 12, 4 an epoch
        ended = subprocess.run([sys.executable, "-c", _KILLED, str(disfa.path), str(killed), str(step), *settings], timeout=300)
        assert ended.returncode == -signal.SIGKILL
        assert json.loads((killed / "run.json").read_text())["status"] == "running"
    train(recipe, disfa, fold=1, out=killed, accelerator="cpu", checkpoint_every=2)
    train(recipe, disfa, fold=1, out=whole, accelerator="cpu", checkpoint_every=0)
    for name in ("model.safetensors", "last.safetensors"):
        assert_same_weights(killed / name, whole / name)
    held_out = [[row for row in rows_of(path / "metrics.csv") if row["part"] == "held_out"] for path in (killed, whole)]
    assert held_out[0] == held_out[1]
    facts = [json.loads((path / "run.json").read_text()) for path in (killed, whole)]
    assert facts[0]["selected"] == facts[1]["selected"] and facts[0]["updates"] == facts[1]["updates"] == 12


def test_fresh_replaces_a_run(folder: Path, disfa: FaceCache) -> None:
    recipe = load_recipe("drml_bp4d", [*CONVNET, "protocol=disfa", "epochs=1", "batch_size=8", "max_faces=8", "hold_out=0"])
    first = train(recipe, disfa, fold=1, out=folder / "fresh", accelerator="cpu")
    assert first.facts["selected"]["monitor"] is None and first.last_path == first.model_path
    second = train(recipe.changed(["seed=1"]), disfa, fold=1, out=folder / "fresh", accelerator="cpu", resume=False)
    assert second.facts["seed"] == 1 and second.recipe.seed == 1


def test_folders_with_other_things_are_left_alone(tmp_path: Path, bp4d: FaceCache) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(OSError, match="not empty and holds no training run"):
        train(load_recipe("jaa_net_bp4d", SMALL), bp4d, fold=1, out=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter.txt"]


# ---------------------------------------------------------------------------------------------------------------------
# Several processes
# ---------------------------------------------------------------------------------------------------------------------


def batches(cache: FaceCache, **options: Any) -> FaceBatches:
    split = get_protocol("bp4d").split(cache.dataset(), 1, strict=False)
    table = FaceTable.of(split.train, {"bp4d": cache}, "occurrence")
    return FaceBatches(table, {"bp4d": cache}, **{"batch_size": 4, "seed": 0, **options})


def test_processes_share_each_batch_and_its_chance(bp4d: FaceCache) -> None:
    whole = list(batches(bp4d))
    halves = [list(batches(bp4d, rank=rank, world=2)) for rank in (0, 1)]
    for number, batch in enumerate(whole):
        for rank in (0, 1):
            part = halves[rank][number]
            assert part.draws is not None and batch.draws is not None
            assert torch.equal(part.row, batch.row[rank::2]) and torch.equal(part.draws, batch.draws[rank::2])
            assert torch.equal(part.faces, batch.faces[rank::2])


def test_every_face_comes_once_an_epoch_in_another_order_each_time(bp4d: FaceCache) -> None:
    made = batches(bp4d)
    orders = []
    for epoch in (0, 1, 0):
        made.set_epoch(epoch)
        orders.append(torch.cat([batch.row for batch in made]).tolist())
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == list(range(len(made.table)))


def test_a_pass_can_go_on_where_it_was_left(bp4d: FaceCache) -> None:
    made = batches(bp4d)
    first = iter(made)
    seen = [next(first).row.tolist() for _ in range(2)]
    state = made.state_dict()
    other = batches(bp4d)
    other.load_state_dict(state)
    rest = [batch.row.tolist() for batch in other]
    assert seen + rest == [batch.row.tolist() for batch in batches(bp4d)]
    assert len(list(other)) == len(other)


def test_errors_of_the_reading_thread_reach_the_caller(bp4d: FaceCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("disc on fire")

    monkeypatch.setattr(FaceCache, "faces", broken)
    with pytest.raises(OSError, match="disc on fire"):
        next(iter(batches(bp4d)))


def test_batch_sizes_that_processes_cannot_share_are_refused(bp4d: FaceCache) -> None:
    with pytest.raises(InputError, match="multiple of 3"):
        batches(bp4d, world=3)


# ---------------------------------------------------------------------------------------------------------------------
# Systems
# ---------------------------------------------------------------------------------------------------------------------


def short(cache: FaceCache | dict[str, FaceCache], out: Path, recipe: str, *settings: str, fold: int = 1) -> TrainingRun:
    common = ["epochs=1", "batch_size=4", "max_faces=8", "hold_out=0.15", "max_held_out=4"]
    return train(load_recipe(recipe, [*common, *settings]), cache, fold=fold, out=out, accelerator="cpu")


def moved(run: TrainingRun) -> set[str]:
    """Names of the weights that training changed."""
    from aufait.models.registry import create_model

    torch.manual_seed(run.recipe.seed)
    start = create_model(run.recipe.model, run.facts["action_units"], **run.recipe.model_settings).state_dict()
    return {name for name, value in weights(run.last_path).items() if not torch.equal(value, start[name])}


def test_arl_trains_by_its_recipe(folder: Path, bp4d: FaceCache) -> None:
    made = short(bp4d, folder / "arl", "arl_bp4d", "alignment=jaa_net", "model_settings.unit=2", "model_settings.image_size=32")
    assert "classifier.weight" in moved(made)


def test_intensity_chooses_by_icc(folder: Path) -> None:
    cache = tiny_cache(folder / "intensity", "disfa", units="disfa_intensity", each=9)
    made = short(cache, folder / "iarl", "iarl_disfa", "alignment=jaa_net", "model_settings.unit=2", "model_settings.image_size=32")
    assert made.facts["target"] == "intensity" and made.facts["selected"]["monitor"] == "icc_3_1"
    assert {"icc_3_1", "mae"} <= made.facts["last"]["held_out"].keys()


def test_mgrr_net_starts_its_graph_from_the_labels(folder: Path, bp4d: FaceCache, monkeypatch: pytest.MonkeyPatch) -> None:
    from aufait.models.mgrr_net.model import MGRRNet

    seen: list[int] = []
    original = MGRRNet.initialise_from_labels

    def spy(self: MGRRNet, statistics: Any) -> None:
        seen.append(statistics.count)
        original(self, statistics)

    monkeypatch.setattr(MGRRNet, "initialise_from_labels", spy)
    settings = ["model_settings.unit=4", "model_settings.image_size=48", "model_settings.dim=16", "model_settings.heads=2"]
    made = short(bp4d, folder / "mgrr", "mgrr_net_bp4d", *settings)
    assert seen == [made.facts["faces"]["train"]]


def test_deep_regions_trains_with_adadelta(folder: Path, bp4d: FaceCache) -> None:
    patches = ["model_settings.landmark_ids=[20, 32]", "model_settings.patches=2"]
    settings = ["protocol=bp4d", "model_settings.image_size=60", "model_settings.fc7_width=8", *patches]
    made = short(bp4d, folder / "regions", "deep_regions_bp4d", *settings)
    assert "output.weight" in moved(made)


def test_aunet_trains_its_head_on_three_frames_after_its_vae(folder: Path, crops: FaceCache) -> None:
    settings = ["model_settings.image_size=64", "label_vae.epochs=2", "model_settings.interval=2", "batch_size=2", "max_faces=2"]
    made = short(crops, folder / "aunet", "aunet_bp4d", *settings, "max_held_out=2", "aligner=random")
    assert (made.folder / "label_vae.safetensors").is_file()
    changed = moved(made)
    assert changed and all(name.startswith("head.") for name in changed)


def test_the_frozen_part_of_aunet_can_be_fitted_first(folder: Path, crops: FaceCache) -> None:
    settings = ["model=au-fan", "aligner=fit", "aligner_fit.steps=2", "aligner_fit.batch_size=2", "model_settings.image_size=64"]
    made = short(crops, folder / "fitted", "aunet_bp4d", *settings, "batch_size=2", "max_faces=4", "max_held_out=2")
    frozen, fitted = weights(made.model_path), weights(made.folder / "aligner.safetensors")
    assert all(torch.equal(frozen[f"extractor.fan.{name}"], value) for name, value in fitted.items())
    assert "extractor.fan.conv1.weight" in moved(made) and not any("random weights" in note for note in made.facts["notes"])


def test_training_on_a_random_frozen_network_must_be_asked_for(tmp_path: Path, crops: FaceCache) -> None:
    settings = ["model=au-fan", "model_settings.image_size=64", "max_faces=2", "batch_size=2"]
    with pytest.raises(InputError, match=r"random weights; give trained ones as aligner=FILE .*aligner=fit.* aligner=random"):
        short(crops, tmp_path / "refused", "aunet_bp4d", *settings)
    assert not (tmp_path / "refused").exists()
    made = short(crops, tmp_path / "asked", "aunet_bp4d", *settings, "max_held_out=2", "aligner=random")
    assert any("random weights, as aligner=random asks for" in note for note in made.facts["notes"])


def test_abrnet_copies_branches_and_relations_and_leaves_features_fresh() -> None:
    from aufait.models.transfer import transfer

    source, target = pair("abrnet", unit=4, image_size=48, feature_size=16, relation_size=8)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    done = transfer(target, source)
    assert done.branches == {1: 1, 2: 2, 4: 4, 6: 6, 12: 12, 25: 23, 26: 17} and done.fresh == (9,)
    after, theirs = target.state_dict(), source.state_dict()
    assert torch.equal(after["relation.query.weight"], theirs["relation.query.weight"])
    for fresh in (name for name in after if name.startswith(("classifiers.", "local.project"))):
        assert torch.equal(after[fresh], before[fresh]), fresh


def test_networks_of_several_data_sets_have_a_vae_for_each(folder: Path, bp4d: FaceCache, disfa: FaceCache) -> None:
    from aufait.data.protocols import Fold, Part, Protocol

    parts = [Part(f"{one.name}_{end}", one.name, tuple(one.dataset().subjects[s])) for one in (bp4d, disfa)
             for end, s in (("a", slice(0, 4)), ("b", slice(4, 6)))]  # fmt: skip
    protocol = Protocol(
        "both", "two data sets", AU_SETS["mixed"], "occurrence", 2, ("f1_frame",),
        (Fold(1, (parts[0], parts[2]), (parts[1], parts[3])),), "none",
    )  # fmt: skip
    settings = ["alignment=jaa_net", "model=resnet18-a", "label_vae.epochs=2", "hold_out=0.3", "strict=false"]
    recipe = load_recipe("resnet18_bp4d", ["epochs=1", "batch_size=4", "max_faces=8", "max_held_out=4", *settings,
                                           "model_settings.image_size=32", "model_settings.interval=2"])  # fmt: skip
    made = train(recipe, {"bp4d": bp4d, "disfa": disfa}, out=folder / "both", accelerator="cpu", protocol=protocol)
    assert {path.name for path in made.folder.glob("label_vae*")} == {"label_vae_bp4d.safetensors", "label_vae_disfa.safetensors"}
    assert made.load().action_units == AU_SETS["mixed"]


def test_a_chain_trains_what_it_starts_from(folder: Path, bp4d: FaceCache, disfa: FaceCache) -> None:
    out = folder / "chain"
    settings = ["model_settings.unit=4", "model_settings.image_size=48", "start_settings.epochs=1", "learning_rate=1e-12"]
    made = short({"bp4d": bp4d, "disfa": disfa}, out, "jaa_net_disfa", *settings, "weight_decay=0")
    first = TrainingRun.open(out / "start")
    assert first.recipe.name == "jaa_net_bp4d" and first.facts["fold"] == 2
    ours, theirs = weights(made.model_path), weights(first.model_path)
    for name in (one for one in ours if one.startswith("region_learning.") and one.endswith("weight")):
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-6)


def test_a_chain_without_its_data_says_what_to_do(tmp_path: Path, disfa: FaceCache) -> None:
    with pytest.raises(InputError, match=r"--cache bp4d=FOLDER.*start_file.*start_from=none"):
        train(load_recipe("arl_disfa", ["alignment=jaa_net"]), disfa, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_patience_ends_a_run(folder: Path, disfa: FaceCache) -> None:
    settings = [*CONVNET, "protocol=disfa", "epochs=9", "learning_rate=1e-12", "patience=2", "max_faces=8"]
    settings += ["batch_size=8", "hold_out=0.15"]
    made = train(load_recipe("drml_bp4d", settings), disfa, out=folder / "patience", accelerator="cpu")
    assert made.facts["selected"]["epoch"] == 1 and made.facts["last"]["epoch"] == 3


def test_training_may_end_after_a_number_of_updates(folder: Path, disfa: FaceCache) -> None:
    settings = [*CONVNET, "protocol=disfa", "epochs=5", "max_updates=3", "max_faces=16", "batch_size=8"]
    made = train(load_recipe("drml_bp4d", settings), disfa, fold=1, out=folder / "updates", accelerator="cpu")
    assert made.facts["updates"] == 3 and made.facts["status"] == "finished" and made.facts["last"]["epoch"] == 2
    assert made.load().action_units == AU_SETS["disfa"]


def without_chance(cache: FaceCache, out: Path, *settings: str) -> TrainingRun:
    """Eight updates of eight faces, so that runs can be compared; the rate falls."""
    common = ["protocol=disfa", "epochs=4", "max_faces=16", "augmentation.crop=false", "augmentation.mirror=0", "hold_out=0.15"]
    falling = ["max_held_out=8", "batch_size=8", "decay_unit=epoch", "decay_every=1"]
    return train(load_recipe("drml_bp4d", [*CONVNET, *common, *falling, *settings]), cache, fold=1, out=out, accelerator="cpu")


def test_gradients_that_are_accumulated_are_those_of_the_larger_batch(folder: Path, disfa: FaceCache) -> None:
    whole = without_chance(disfa, folder / "whole8")
    parts = without_chance(disfa, folder / "parts8", "batch_size=4", "accumulate=2")
    assert whole.facts["updates"] == parts.facts["updates"] == 8
    assert_same_weights(whole.last_path, parts.last_path, rtol=1e-4, atol=1e-6)


def test_half_precision_learns_nearly_the_same_and_keeps_weights_whole(folder: Path, disfa: FaceCache) -> None:
    single = without_chance(disfa, folder / "single", "clip_norm=1")
    half = without_chance(disfa, folder / "half", "clip_norm=1", "precision=bf16-mixed")
    losses = [run.facts["last"]["held_out"]["loss"] for run in (single, half)]
    assert losses[0] != losses[1] and losses[1] == pytest.approx(losses[0], rel=0.05)
    assert {value.dtype for value in weights(half.last_path).values() if value.is_floating_point()} == {torch.float32}


def test_a_loss_that_is_not_finite_stops_with_its_name(
    folder: Path, bp4d: FaceCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aufait.models.jaa_net.criterion import JAANetCriterion
    from aufait.training.lightning_module import NonFiniteLossError

    original, calls = JAANetCriterion.forward, []

    def forward(self: JAANetCriterion, output: Any, labels: Any) -> Losses:
        losses = original(self, output, labels)
        calls.append(1)
        if len(calls) < 2:
            return losses
        broken = {**losses.terms, "landmarks": losses.terms["landmarks"] * float("nan")}
        return Losses(total=losses.total * float("nan"), terms=broken)

    monkeypatch.setattr(JAANetCriterion, "forward", forward)
    with pytest.raises(NonFiniteLossError, match=r"at step 1 \(epoch 1\): landmarks \(occurrence = .*learning_rate"):
        train(load_recipe("jaa_net_bp4d", SMALL), bp4d, out=folder / "nan", accelerator="cpu")


def test_faces_of_another_alignment_are_refused(tmp_path: Path, bp4d: FaceCache) -> None:
    with pytest.raises(InputError, match=r"arl reads faces of alignment 'arl', the cache of bp4d has 'jaa_net'.*--alignment arl"):
        train(load_recipe("arl_bp4d"), bp4d, out=tmp_path / "run")


# ---------------------------------------------------------------------------------------------------------------------
# Starting from other action units
# ---------------------------------------------------------------------------------------------------------------------


def pair(name: str, **settings: Any) -> Sequence[Any]:
    from aufait.models.registry import create_model

    torch.manual_seed(0)
    return create_model(name, "bp4d", **settings), create_model(name, "disfa", **settings)


def test_jaa_net_copies_branches_and_leaves_classifiers_fresh() -> None:
    from aufait.models.transfer import transfer

    source, target = pair("jaa-net-v2", unit=4, image_size=48)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    done = transfer(target, source)
    assert done.branches == {1: 1, 2: 2, 4: 4, 6: 6, 12: 12, 25: 23, 26: 17} and done.fresh == (9,)
    after, theirs = target.state_dict(), source.state_dict()
    name = "adaptive_attention.refinement.output.weight"
    assert torch.equal(after[name][7], theirs[name][9]) and torch.equal(after[name][4], before[name][4])
    for fresh in ("detection.hidden.weight", "detection.output.weight", "local_detection.output.weight"):
        assert torch.equal(after[fresh], before[fresh])
    shared = [one for one in after if one.startswith(("face_alignment.", "region_learning.", "global_extractor."))]
    assert len(shared) > 20 and all(torch.equal(after[one], theirs[one]) for one in shared)


def test_mgrr_net_keeps_its_own_graph() -> None:
    from aufait.models.transfer import transfer

    source, target = pair("mgrr-net", unit=4, image_size=48, dim=16, heads=2)
    before = target.state_dict()["layers.0.graph.edges"].clone()
    transfer(target, source)
    assert torch.equal(target.state_dict()["layers.0.graph.edges"], before)
    mapping = "layers.0.graph.mapping.weight"
    assert torch.equal(target.state_dict()[mapping][:32], source.state_dict()[mapping][:32])


def test_networks_of_other_sizes_are_no_start() -> None:
    from aufait.models.registry import create_model
    from aufait.models.transfer import transfer

    with pytest.raises(InputError, match="same switches and sizes"):
        transfer(create_model("arl", "disfa", unit=4, image_size=32), create_model("arl", "bp4d", unit=2, image_size=32))


# ---------------------------------------------------------------------------------------------------------------------
# Optimisers
# ---------------------------------------------------------------------------------------------------------------------


def test_arl_has_the_rates_of_its_release() -> None:
    from aufait.models.registry import create_model
    from aufait.training.schedules import make_optimizer

    optimizer = make_optimizer(create_model("arl", "disfa", unit=2, image_size=32), load_recipe("arl_disfa"))
    rates = {group["name"]: (group["lr"], group["weight_decay"]) for group in optimizer.param_groups}
    expected = {"weights": (0.006, 5e-4), "biases": (0.012, 0.0), "crf_kernels": (6e-5, 5e-4), "crf_compatibility": (6e-6, 5e-4)}
    assert {name: pytest.approx(values) for name, values in rates.items()} == expected


def test_only_the_head_of_aunet_is_optimised() -> None:
    from aufait.models.registry import create_model
    from aufait.training.schedules import make_optimizer

    model = create_model("au-fan", "disfa", image_size=64)
    optimizer = make_optimizer(model, load_recipe("aunet_disfa"))
    assert isinstance(optimizer, torch.optim.AdamW)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(model.head.parameters()))


def test_deep_regions_has_the_papers_adadelta() -> None:
    from aufait.models.registry import create_model
    from aufait.training.schedules import make_optimizer

    model = create_model("convnet", "bp4d", image_size=60, fc7_width=8)
    group = make_optimizer(model, load_recipe("deep_regions_bp4d")).param_groups[0]
    assert (group["lr"], group["rho"], group["weight_decay"]) == (1.0, 0.95, 0.0005)


def test_frames_are_drawn_per_recording_and_action_unit(bp4d: FaceCache) -> None:
    whole = FaceTable.of(bp4d.dataset(), {"bp4d": bp4d}, "occurrence")
    drawn = whole.drawn(1, 2, seed=3)
    for name in np.unique(whole.recording):
        before, after = (table.recording == name for table in (whole, drawn))
        for unit in range(whole.known.shape[1]):
            there, kept = whole.occurrence[before, unit], drawn.occurrence[after, unit][drawn.known[after, unit]]
            assert (kept == 1).sum() == min(1, (there == 1).sum()), (name, unit)
            assert (kept == 0).sum() == min(2, (there == 0).sum()), (name, unit)
    place = {row: number for number, row in enumerate(whole.cache_row)}
    same = [place[row] for row in drawn.cache_row]
    assert np.array_equal(drawn.occurrence, whole.occurrence[same]) and drawn.known.any(axis=1).all()
    again, other = whole.drawn(1, 2, seed=3), whole.drawn(1, 2, seed=4)
    assert np.array_equal(again.cache_row, drawn.cache_row) and np.array_equal(again.known, drawn.known)
    assert not (np.array_equal(other.cache_row, drawn.cache_row) and np.array_equal(other.known, drawn.known))


def test_unknown_labels_are_not_drawn_and_nothing_asked_draws_all(bp4d: FaceCache) -> None:
    whole = FaceTable.of(bp4d.dataset(), {"bp4d": bp4d}, "occurrence")
    assert whole.drawn(0, 0, seed=0) is whole
    masked = replace(whole, known=whole.known & (np.arange(whole.known.shape[1]) != 2))
    assert not masked.drawn(1, 1, seed=0).known[:, 2].any()
    negatives = whole.drawn(0, 1, seed=0)  # all positives, one negative
    for name in np.unique(whole.recording):
        before, after = whole.recording == name, negatives.recording == name
        assert (negatives.occurrence[after] * negatives.known[after]).sum() == whole.occurrence[before].sum()
