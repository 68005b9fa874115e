"""Predictions, scores by group and fold, occlusion, cross-validation, leakage checks and comparisons."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from made_predictions import made
from workers.sending import Sending

from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.preparation import FaceCache, write_cache
from aufait.data.protocols import get_protocol, protocol_for
from aufait.data.recording import Recording
from aufait.errors import AufaitError, InputError, MissingModelError, OutputError
from aufait.evaluation import Predictions, build_report, compare, comparison_report, concatenate, cross_validate, evaluate, predict
from aufait.evaluation.groups import group_names, groups_of
from aufait.evaluation.networks import check_leakage, choose_part, open_network
from aufait.evaluation.occlusion import CONDITIONS, FILL, occlude
from aufait.evaluation.trained import evaluate_on_faces
from aufait.metrics import bootstrap_by_subject, detectable_difference, f1_frame, paired_t_test, roc_area
from aufait.models.checkpoint import save_model
from aufait.models.registry import create_model
from aufait.training.recipe import load_recipe

UNITS = (1, 2, 4, 6, 9, 12, 25, 26)
SUBJECTS = ("SN001", "SN002", "SN003")


def tiny_dataset(units: tuple[int, ...] = UNITS, subjects: tuple[str, ...] = SUBJECTS, frames: int = 3) -> AUDataset:
    rng = np.random.default_rng(0)
    recordings = []
    for number, subject in enumerate(subjects):
        intensity = rng.integers(0, 6, (frames, len(units))).astype(np.int8)
        known = rng.random((frames, len(units))) < 0.9
        recordings.append(
            Recording(
                dataset="disfa", subject=subject, task="", frames=np.arange(1, frames + 1), action_units=units,
                occurrence=(intensity >= 2).astype(np.int8), intensity=intensity, occurrence_known=known, intensity_known=known,
                attributes={"skin_tone": ("I", "VI")[number % 2]}, occurrence_coded=False,
                frame_attributes={"occlusion": np.array(["none", "hand", "glasses"])[np.arange(frames) % 3]},
            )
        )  # fmt: skip
    return AUDataset("disfa", units, tuple(recordings), AnomalyLog(), 2)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> FaceCache:
    data = tiny_dataset()
    rng = np.random.default_rng(1)
    faces = rng.integers(0, 256, (len(data), 200, 200, 3), dtype=np.uint8)
    landmarks = 100 + 40 * rng.standard_normal((len(data), 68, 2))
    return write_cache(tmp_path_factory.mktemp("cache") / "c", data, faces, landmarks, alignment="jaa_net", synthetic=True)


@pytest.fixture(scope="module")
def found(cache: FaceCache) -> Predictions:
    torch.manual_seed(0)
    return predict(create_model("jaa-net-v2", UNITS), cache, batch=4, about={"model": "jaa-net-v2"})


def test_every_frame_of_a_cache_is_predicted_once_with_its_labels(cache: FaceCache, found: Predictions) -> None:
    table = cache.dataset().label_table()
    assert found.synthetic and len(found) == len(cache) == 9
    assert np.array_equal(found.occurrence, np.where(table.occurrence_known, table.occurrence, 0))
    assert found.frame.tolist() == [1, 2, 3] * 3 and found.persons == tuple(f"disfa:{one}" for one in SUBJECTS)
    assert found.landmark_error is not None and (found.landmark_error > 0).all()
    assert {"subject", "skin_tone", "occlusion", "dataset"} <= set(found.attributes)


def test_predictions_do_not_depend_on_the_batch_nor_on_the_other_frames(cache: FaceCache, found: Predictions) -> None:
    torch.manual_seed(0)
    model = create_model("jaa-net-v2", UNITS)
    some = predict(model, cache, cache.dataset().select(["SN002"]), batch=1)
    rows = groups_of(found, "subject")["SN002"]
    assert np.allclose(some.probability, found.probability[rows], atol=1e-5)
    assert np.array_equal(some.frame, found.frame[rows])


def test_only_shared_action_units_are_scored_on_request(cache: FaceCache) -> None:
    model = create_model("jaa-net-v2", (1, 12, 4))
    with pytest.raises(InputError, match="not AU 2, 6, 9, 25, 26"):
        predict(model, cache, cache.dataset())
    some = predict(model, cache, cache.dataset().select(["SN001"]), action_units=(12, 1))
    assert some.action_units == (12, 1)
    truth = np.where(some.intensity_known[:, 0], tiny_dataset().label_table().intensity[:3, 5], 0)  # AU12
    assert np.array_equal(some.true_intensity[:, 0], truth)


def test_faces_of_another_alignment_are_refused(cache: FaceCache) -> None:
    with pytest.raises(InputError, match="alignment 'arl'"):
        predict(create_model("arl", UNITS), cache)


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_saved_predictions_come_back_whole(tmp_path: Path, found: Predictions, ending: str) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    path = found.save(tmp_path / f"p{ending}")
    again = Predictions.load(path)
    assert again.action_units == found.action_units and again.synthetic and dict(again.about) == dict(found.about)
    for name in ("person", "recording", "frame", "probability", "occurrence", "occurrence_known", "true_intensity"):
        assert np.array_equal(getattr(again, name), getattr(found, name)), name
    assert np.array_equal(again.landmark_error, found.landmark_error)
    assert {name: values.tolist() for name, values in again.attributes.items()} == {
        name: values.tolist() for name, values in found.attributes.items()
    }
    with pytest.raises(OutputError, match="exists"):
        found.save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="not a whole file"):
        Predictions.load(path)


def _changed(**columns: Any) -> Callable[[Path], None]:
    """Writes a file of predictions with some columns replaced, or left out where None."""

    def write(path: Path) -> None:
        made().save(path)
        with np.load(path) as file:
            held = {**file, **columns}
        np.savez(path, **{name: values for name, values in held.items() if values is not None})

    return write


def _flipped(path: Path) -> None:
    made().save(path)
    whole = bytearray(path.read_bytes())
    whole[80:200] = bytes(byte ^ 0x5A for byte in whole[80:200])
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_bytes(b""), "not a whole file"),
        (lambda path: path.write_text("AU12,1"), "not a whole file"),
        (_flipped, "not a whole file"),
        (_changed(header=None), "not a whole file"),
        (_changed(header=np.array("{}")), "has format None"),
        (_changed(frame=None), "column is missing"),
        (_changed(more=np.zeros(2)), "one too many"),
        (_changed(frame=np.full(240, "a")), "of another kind"),
        (_changed(frame=np.zeros(7, np.int64)), "must have shape"),
        (_changed(occurrence=np.full((240, 2), 9)), "occurrence must be in 0 to 1 where it is known, got 9 to 9"),
        (_changed(intensity=np.full((240, 2), np.inf)), "intensities must be finite"),
        (_changed(probability=np.full((240, 2), np.nan)), "network that has diverged"),
    ],
)
def test_damaged_predictions_are_named_with_their_file(tmp_path: Path, write: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "p.npz"
    write(path)
    with pytest.raises(InputError, match=message) as caught:
        Predictions.load(path)
    assert str(path) in str(caught.value) and "pickle" not in str(caught.value)


def test_frames_without_any_known_label_are_not_scored() -> None:
    nothing = np.zeros((240, 2), bool)
    with pytest.raises(InputError, match="none of the 240 frames has a known label of AUs 1, 12"):
        evaluate(made(occurrence_known=nothing))
    graded = made(occurrence_known=nothing, intensity_known=~nothing, intensity=np.zeros((240, 2), np.float32))
    assert evaluate(graded, draws=5).target == "intensity"


def test_distances_of_relations_tell_on_how_many_pairs_they_rest() -> None:
    one = made(units=(1, 2, 12))
    assert evaluate(one, draws=0).relations.pairs == 3
    silent = made(units=(1, 2, 12), probability=one.probability * np.float32([1, 1, 0]))
    assert evaluate(silent, draws=0).relations.pairs == 1


def test_a_frame_cannot_be_pooled_twice() -> None:
    one = made()
    with pytest.raises(InputError, match="more than one"):
        concatenate([one, one])
    halves = [one.select(np.arange(100)), one.select(np.arange(100, 240)).with_attribute("fold", 2)]
    joined = concatenate(halves)
    assert np.array_equal(joined.probability, one.probability)
    assert joined.attributes["fold"].tolist() == [""] * 100 + ["2"] * 140


def test_scores_are_those_of_scikit_learn_and_intervals_those_of_the_plain_bootstrap() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    one = made()
    result = evaluate(one, draws=60)
    for column, name in enumerate(("AU1", "AU12")):
        rows = np.flatnonzero(one.occurrence_known[:, column])
        truth, value = one.occurrence[rows, column], one.probability[rows, column]
        assert result.scores["f1_frame"][name] == pytest.approx(sklearn.f1_score(truth, value >= 0.5))
        assert result.scores["roc_area"][name] == pytest.approx(sklearn.roc_auc_score(truth, value))
        assert result.scores["pr_area"][name] == pytest.approx(sklearn.average_precision_score(truth, value))
        assert result.scores["frames"][name] == len(rows) and result.scores["positives"][name] == truth.sum()
        for metric, score in (("f1_frame", lambda t, v: f1_frame(t, v >= 0.5)), ("roc_area", roc_area)):
            plain = bootstrap_by_subject(lambda k, s=score, t=truth, v=value: s(t[k], v[k]), one.person[rows], draws=60)  # type: ignore[misc]
            interval = result.intervals[metric][name]
            assert (interval.low, interval.high) == pytest.approx((plain.low, plain.high))


def test_groups_divide_the_frames_without_rest(found: Predictions) -> None:
    result = evaluate(found, per=("subject", "skin_tone", "occlusion"), draws=10)
    for by, groups in result.groups.items():
        for name in ("frames", "positives"):
            for unit in ("AU1", "AU26"):
                assert sum(scores[name][unit] for scores in groups.values()) == result.scores[name][unit], (by, name)
    assert result.group_sizes["skin_tone"] == {"I": (2, 6), "VI": (1, 3)}
    assert set(result.groups["occlusion"]) == {"none", "hand", "glasses"}


def test_an_unknown_group_is_answered_with_those_that_exist(found: Predictions) -> None:
    with pytest.raises(InputError, match="skin_tone"):
        evaluate(found, per=("skin_colour",))
    assert "occlusion" in group_names(found)


def test_poses_are_views_where_they_exist_and_classes_of_yaw_elsewhere() -> None:
    yaw = np.array([-80, 0, 20, np.nan, 14.9, -15.1])
    pose = np.stack([np.zeros(6), yaw, np.zeros(6)], axis=1).astype(np.float32)
    one = made(frames=6, pose=pose)
    groups = groups_of(one, "pose")
    assert list(groups) == ["yaw -90..-60", "yaw -30..-15", "yaw -15..15", "yaw 15..30", "unknown"]
    assert groups["yaw -15..15"].tolist() == [1, 4]
    assert list(groups_of(one.with_attribute("view", np.array(list("192132"))), "pose")) == ["1", "2", "3", "9"]


def test_continuous_facts_are_put_into_classes() -> None:
    one = made(frames=6)
    tones = one.with_attribute("skin_tone", np.array(["0.2", "1.75", "6.9", "", "7.0", "3.1"]))
    assert {name: rows.tolist() for name, rows in groups_of(tones, "skin_tone").items()} == {
        "0..1.75": [0], "1.75..3.5": [1, 5], "5.25..7": [2, 4], "unknown": [3]
    }  # fmt: skip
    ages = one.with_attribute("age", np.array([21.6, 29.9, 30.0, 61.0, 69.0, np.nan]))
    assert list(groups_of(ages, "age")) == ["20..30", "30..40", "60..70", "unknown"]
    assert list(groups_of(one.with_attribute("fold", np.array([1, 2, 10, 1, 2, 10])), "fold")) == ["1", "2", "10"]
    types = one.with_attribute("skin_tone", np.array(["I", "VI", "I", "II", "I", "I"]))
    assert set(groups_of(types, "skin_tone")) == {"I", "II", "VI"}


def test_an_absent_action_unit_is_undefined_and_left_out_of_the_mean() -> None:
    one = made()
    silent = made(occurrence=one.occurrence * np.array([1, 0], np.int8), probability=one.probability * np.float32([1, 0]))
    scores = evaluate(silent, draws=20).scores["f1_frame"]
    assert np.isnan(scores["AU12"]) and scores["mean"] == scores["AU1"] and scores["defined"] == 1


def test_pooled_areas_of_networks_that_say_yes_unequally_readily_are_explained() -> None:
    """Two folds, each ranked without a fault; the second network gives a quarter of the probability for the same."""
    truth = np.tile(np.int8([[0], [1]]), (120, 1))
    fold = np.repeat([1, 2], 120)
    probability = ((0.5 + 0.4 * truth) / np.where(fold == 1, 1, 4)[:, None]).astype(np.float32)
    one = made(units=(12,), occurrence=truth, occurrence_known=np.ones((240, 1), bool), probability=probability)
    result = evaluate(one.with_attribute("fold", fold), draws=0)
    assert result.fold_mean("roc_area")["mean"] == 1 and result.scores["roc_area"]["mean"] == 0.75
    tables = {table.name: " ".join(table.notes) for table in build_report(result).tables}
    assert all("ranks scores of several networks" in tables[name] for name in ("folds_roc_area", "guessing"))


def test_fold_mean_is_the_mean_of_the_folds_and_pooled_is_not() -> None:
    one = made().with_attribute("fold", np.repeat([1, 2, 3], 80))
    result = evaluate(one, draws=0)
    by_hand = [
        f1_frame(part.occurrence[known, 0], part.probability[known, 0] >= 0.5)
        for part in (one.select(np.arange(80 * k, 80 * k + 80)) for k in range(3))
        for known in (part.occurrence_known[:, 0],)
    ]
    assert result.fold_mean("f1_frame")["AU1"] == pytest.approx(np.mean(by_hand))
    assert result.fold_deviation("f1_frame")["AU1"] == pytest.approx(np.std(by_hand, ddof=1))
    assert result.scores["f1_frame"]["AU1"] != pytest.approx(np.mean(by_hand))


def test_occluded_halves_are_the_subjects_and_cover_half_of_the_picture() -> None:
    images = torch.rand(2, 3, 6, 6)
    kept = {name: occlude(images, name) == images for name in CONDITIONS}
    assert kept["full"].all() and not kept["none"].any()
    assert kept["lower"][..., 3:, :].all() and not kept["lower"][..., :3, :].any()
    assert kept["upper"][..., :3, :].all() and not kept["upper"][..., 3:, :].any()
    assert kept["right"][..., :3].all() and not kept["right"][..., 3:].any()  # the subject's right is the picture's left
    assert kept["left"][..., 3:].all() and not kept["left"][..., :3].any()
    assert occlude(images, "none").unique().item() == pytest.approx(FILL)
    with pytest.raises(InputError, match="did you mean"):
        occlude(images, "uper")


def test_nothing_visible_gives_every_frame_the_same_answer(cache: FaceCache) -> None:
    hidden = predict(create_model("jaa-net-v2", UNITS), cache, visible="none")
    assert np.ptp(hidden.probability, axis=0).max() < 1e-6


# ---------------------------------------------------------------------------------------------------------------------
# Runs, leakage, folds
# ---------------------------------------------------------------------------------------------------------------------

DISFA = get_protocol("disfa")


_SAVED: dict[tuple[int, ...], Path] = {}
_SAVED_IN = tempfile.TemporaryDirectory()


def write_run(folder: Path, units: tuple[int, ...] = UNITS, **facts: Any) -> Path:
    """What a finished training writes, with untrained weights."""
    torch.manual_seed(0)
    values = {
        "format": 1, "status": "finished", "protocol": "disfa", "fold": 1, "seed": 0, "recipe": "jaa_net_disfa",
        "data": {"disfa": {"alignment": "jaa_net"}}, "persons": {"train": ["disfa:SN002"], "held_out": ["disfa:SN010"]}, **facts,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    if units not in _SAVED:  # a hundred megabytes: once is enough, in a folder that outlives the test that comes first
        place = Path(_SAVED_IN.name) / f"{len(_SAVED)}.safetensors"
        _SAVED[units] = save_model(create_model("jaa-net-v2", units), place, name="jaa-net-v2")
    (folder / "model.safetensors").unlink(missing_ok=True)
    os.link(_SAVED[units], folder / "model.safetensors")
    (folder / "run.json").write_text(json.dumps(values))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    return write_run(folder)


def test_a_test_with_a_person_of_the_training_is_refused_by_name(run: Path) -> None:
    network = open_network(run)
    assert network.trained_on == {"disfa:SN002"} and network.alignment == "jaa_net"
    assert "none of the 1 tested subjects" in check_leakage(network, tiny_dataset(subjects=("SN001",)))
    with pytest.raises(InputError, match=r"was trained on disfa:SN002 .*fold 1 of disfa.*--split train"):
        check_leakage(network, tiny_dataset())
    with pytest.raises(InputError, match="chose its epoch by disfa:SN010"):
        check_leakage(network, tiny_dataset(subjects=("SN001", "SN010")))


def test_persons_of_the_network_it_started_from_count_as_seen(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    write_run(tmp_path / "start", persons={"train": ["bp4d:F001"], "held_out": ["disfa:SN003"]})
    assert open_network(folder).trained_on == {"disfa:SN002", "bp4d:F001", "disfa:SN003"}


def test_a_model_file_that_names_no_persons_is_said_to_be_unchecked(tmp_path: Path, run: Path) -> None:
    (tmp_path / "alone.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    network = open_network(tmp_path / "alone.safetensors")
    assert network.trained_on is None and "not possible" in check_leakage(network, tiny_dataset())


def test_folders_without_a_finished_run_are_answered(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no finished training run"):
        open_network(tmp_path)
    with pytest.raises(MissingModelError):
        open_network(tmp_path / "none.safetensors")
    write_run(tmp_path, status="running")
    with pytest.raises(InputError, match="not finished"):
        open_network(tmp_path)


def test_parts_are_those_of_the_protocol(tmp_path: Path) -> None:
    fold = _fold_testing("SN001")
    learner, chooser = [name for part in DISFA.fold(fold).train for name in part.subjects or ()][:2]
    persons = {"train": [f"disfa:{learner}"], "held_out": [f"disfa:{chooser}"]}
    network = open_network(write_run(tmp_path, fold=fold, persons=persons))
    data = {"disfa": tiny_dataset(subjects=tuple(sorted(["SN001", learner, chooser])))}
    parts, notes = choose_part(network, DISFA, data, fold, strict=False)
    assert parts["disfa"].subjects == ("SN001",) and any("lacks" in note for note in notes)
    with pytest.raises(InputError, match="lacks"):
        choose_part(network, DISFA, data, fold)
    for split, subject in (("held-out", chooser), ("train", learner)):
        part, notes = choose_part(network, DISFA, data, fold, split, strict=False)
        assert part["disfa"].subjects == (subject,) and any("not a test" in note for note in notes)
    assert len(choose_part(network, DISFA, data, fold, "all")[0]["disfa"]) == 9
    with pytest.raises(InputError, match="tests on disfa"):
        choose_part(network, DISFA, {"bp4d": data["disfa"]}, 1)
    with pytest.raises(InputError, match="did you mean"):
        choose_part(network, DISFA, data, 1, "tset")


def _fold_testing(subject: str) -> int:
    return next(one.number for one in DISFA.folds if any(subject in (part.subjects or ()) for part in one.test))


def test_cross_data_set_needs_the_test_set_only_and_scores_its_action_units() -> None:
    protocol = get_protocol("bp4d_to_disfa")
    parts, _ = choose_part(None, protocol, {"disfa": tiny_dataset()}, 1, strict=False)
    assert parts["disfa"].action_units == protocol.evaluated_on("disfa") and len(parts["disfa"]) == 9


def test_an_intensity_protocol_needs_intensities() -> None:
    with pytest.raises(InputError, match="scores intensities"):
        evaluate(made(units=(1, 12)), get_protocol("disfa_intensity"), draws=0)


def test_action_units_of_another_protocol_are_refused() -> None:
    with pytest.raises(InputError, match="choose the protocol that belongs to them"):
        evaluate(made(units=(1, 23)), DISFA, draws=0)
    notes = evaluate(made(units=(1, 12)), DISFA, draws=0).notes
    assert "AU2, AU4, AU6, AU9, AU25, AU26 of the protocol are not predicted" in notes[0]


class _FakeTraining:
    """Stands in for training: leaves a run whose persons are those of the split."""

    def __init__(self, leak: bool = False) -> None:
        self.folds: list[int] = []
        self.leak = leak

    def __call__(self, recipe: Any, caches: Any, *, fold: int, out: Path, protocol: Any, **_: Any) -> None:
        if (out / "run.json").is_file():
            return
        self.folds.append(fold)
        labels = {name: cache.dataset() for name, cache in caches.items()}
        split = protocol.split(labels, fold, strict=False)
        train = split.test if self.leak else split.train
        write_run(out, fold=fold, persons={"train": list(train.persons), "held_out": []})


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Callable[..., _FakeTraining]:
    def install(leak: bool = False) -> _FakeTraining:
        fake = _FakeTraining(leak)
        monkeypatch.setattr("aufait.training.run.train", fake)
        return fake

    return install


RECIPE: Any = SimpleNamespace(name="r", protocol="disfa", protocol_seed=None, strict=True, seed=0)


def test_cross_validation_tests_each_frame_once_and_resumes(
    tmp_path: Path, cache: FaceCache, training: Callable[..., _FakeTraining], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = training()
    folds = sorted({one.number for one in DISFA.folds for part in one.test if {*SUBJECTS} & {*(part.subjects or ())}})
    result = cross_validate(RECIPE, cache, tmp_path, folds=folds, conditions=("lower",), draws=10)["disfa"]
    assert fake.folds == folds and len(result.predictions) == len(cache)
    assert sorted(result.predictions.persons) == [f"disfa:{one}" for one in SUBJECTS]
    assert set(result.evaluation.conditions) == {"full", "lower"}
    assert result.evaluation.synthetic and any("lacks" in note for note in result.evaluation.notes)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("predicted again")

    monkeypatch.setattr("aufait.evaluation.testing.predict", never)
    again = cross_validate(RECIPE, cache, tmp_path, folds=folds, draws=10)["disfa"]
    assert np.array_equal(again.predictions.probability, result.predictions.probability)
    assert fake.folds == folds


def test_cross_validation_by_workers_gives_the_same_bytes(
    tmp_path: Path, cache: FaceCache, training: Callable[..., _FakeTraining]
) -> None:
    training()
    folds = sorted({one.number for one in DISFA.folds for part in one.test if {*SUBJECTS} & {*(part.subjects or ())}})
    heard: list[Any] = []
    options: dict[str, Any] = {"folds": folds, "conditions": ("lower",), "draws": 10, "threads": 1}
    here = cross_validate(RECIPE, cache, tmp_path / "here", **options)["disfa"]
    there = cross_validate(
        RECIPE, cache, tmp_path / "there", executor=Sending(), ended=lambda *told: heard.append(told), **options
    )["disfa"]  # fmt: skip
    here.predictions.save(tmp_path / "here.npz")
    there.predictions.save(tmp_path / "there.npz")
    assert (tmp_path / "here.npz").read_bytes() == (tmp_path / "there.npz").read_bytes()
    assert heard == [(f"fold {fold}", number, len(folds)) for number, fold in enumerate(reversed(folds), start=1)]
    with pytest.raises(AufaitError, match=f"fold {folds[0]}: the worker process ended by signal 9"):
        cross_validate(RECIPE, cache, tmp_path / "died", executor=Sending(dying=0), **options)


def test_a_network_is_tested_by_workers_with_the_same_numbers(tmp_path: Path, cache: FaceCache) -> None:
    write_run(tmp_path / "run", fold=1, persons={"train": [], "held_out": []})
    results = [
        evaluate_on_faces(
            tmp_path / "run", {cache.name: cache}, split="all", visible=("lower",), partial=True, common={"draws": 10}, threads=1,
            executor=executor,
        )["disfa"]
        for executor in (None, Sending())
    ]  # fmt: skip
    assert list(results[0][1]) == list(results[1][1]) == ["full", "lower"]
    for visible in results[0][1]:
        assert np.array_equal(results[0][1][visible].probability, results[1][1][visible].probability)
    np.testing.assert_equal(results[0][0].scores, results[1][0].scores)


def test_cross_validation_stops_where_a_test_person_was_trained_on(
    tmp_path: Path, cache: FaceCache, training: Callable[..., _FakeTraining]
) -> None:
    training(leak=True)
    fold = _fold_testing("SN001")
    with pytest.raises(InputError, match="was trained on"):
        cross_validate(RECIPE, cache, tmp_path, folds=[fold])


# ---------------------------------------------------------------------------------------------------------------------
# Comparisons
# ---------------------------------------------------------------------------------------------------------------------


def test_two_systems_are_compared_on_the_same_frames_in_any_order() -> None:
    first = made()
    better = np.clip(first.probability + 0.3 * (first.occurrence - 0.5), 0, 1).astype(np.float32)
    second = made(probability=better)
    shuffled = second.select(np.random.default_rng(3).permutation(len(second)))
    found = compare(first, shuffled, draws=100)
    before, after = found.scores["AU1"]
    known = first.occurrence_known[:, 0]
    assert after == pytest.approx(f1_frame(first.occurrence[known, 0], better[known, 0] >= 0.5)) and after > before
    assert found.difference["AU1"].value == pytest.approx(after - before) and found.difference["mean"].low > 0
    assert found.by_subject["mean"].p_value == pytest.approx(2 / 2**6)  # six subjects, all in one direction
    all_known = first.occurrence_known
    assert found.over_predictions == paired_t_test(first.probability[all_known], better[all_known])
    tables = {table.name: table for table in comparison_report(found).tables}
    rows = tables["t_tests"].rows
    assert rows[0].cells[3] == all_known.sum() and any("AU-TDN" in row.label for row in rows)
    # ROC areas are next to F1, and the report says what its test could find.
    assert found.areas["AU1"][0] == pytest.approx(roc_area(first.occurrence[known, 0], first.probability[known, 0]))
    assert found.area_difference["mean"].value == pytest.approx(found.areas["mean"][1] - found.areas["mean"][0])
    assert found.area_difference["mean"].low > 0 and [row.label for row in tables["areas"].rows] == list(found.areas)
    differences = found.by_subject["mean"].differences
    assert len(differences) == 6 and np.mean(differences) == pytest.approx(found.by_subject["mean"].difference)
    assert 0 < found.detectable["mean"] == detectable_difference(differences)
    column = [one.title for one in tables["difference"].columns].index("detectable")
    assert tables["difference"].rows[-1].cells[column] == found.detectable["mean"]
    few = compare(*(one.select(np.flatnonzero(one.person != first.person[0])) for one in (first, second)), draws=0)
    assert few.persons == 5 and few.detectable["mean"] == float("inf")
    assert comparison_report(few).tables[0].rows[-1].cells[column] == "none"


def test_a_comparison_tells_what_was_compared_and_marks_training_subjects() -> None:
    first, second = (made(about={"model": "arl", "recipe": recipe, "split": "test"}) for recipe in ("arl_a", "arl_b"))
    report = comparison_report(compare(first, second, draws=5))
    assert report.title == "arl (2) against arl (1)" and dict(report.facts)["Second"] == "arl (2) (recipe arl_b, frames of test)"
    assert any("Only 6 subjects" in note for note in report.notes)
    fitted = made(about={"model": "arl", "split": "train"})
    assert "NO TEST" in comparison_report(compare(first, fitted, draws=0)).title


def test_other_frames_or_labels_cannot_be_compared() -> None:
    first = made()
    with pytest.raises(InputError, match="same frames, got 240 and 200"):
        compare(first, first.select(np.arange(200)))
    with pytest.raises(InputError, match="different labels"):
        compare(first, made(occurrence=1 - first.occurrence))
    with pytest.raises(InputError, match="only the same can be compared"):
        compare(first, made(units=(1, 2)))


# ---------------------------------------------------------------------------------------------------------------------
# The command
# ---------------------------------------------------------------------------------------------------------------------


def _invoke(*arguments: object) -> Any:
    from typer.testing import CliRunner

    from aufait.cli.app import app

    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_the_command_writes_predictions_and_reports(tmp_path: Path, run: Path, cache: FaceCache) -> None:
    fold = _fold_testing("SN001")
    write_run(tmp_path / "run", fold=fold, persons={"train": ["disfa:SN024"], "held_out": []})
    result = _invoke(
        "evaluate",
        tmp_path / "run",
        "--cache",
        cache.path,
        "-o",
        tmp_path / "out",
        "--draws",
        5,
        "--format",
        "md",
        "--per",
        "subject",
    )
    assert result.exit_code == 0, result.output
    assert "SYNTHETIC FACES: jaa-net-v2 on DISFA" in result.output and "above guessing: " in result.output
    found = Predictions.load(tmp_path / "out" / "predictions.npz")
    assert found.about["split"] == "test" and "none of the" in found.about["leakage"]
    text = (tmp_path / "out" / "report.md").read_text()
    assert "Leakage check: none of the" in text and "by subject" in text
    again = _invoke("evaluate", "--predictions", tmp_path / "out" / "predictions.npz", "-o", tmp_path / "out2", "--draws", 0, "-q")
    assert again.exit_code == 0 and (tmp_path / "out2" / "report.html").is_file()
    taken = _invoke("evaluate", tmp_path / "run", "--cache", cache.path, "-o", tmp_path / "out")
    assert taken.exit_code == 3 and "exists" in taken.output
    own = tmp_path / "out" / "predictions.npz"
    compared = _invoke("evaluate", "--compare", own, own, "-o", tmp_path / "cmp", "--draws", 5)
    assert compared.exit_code == 0 and (tmp_path / "cmp" / "comparison.tex").is_file()


def test_another_data_set_is_tested_on_the_action_units_of_both(tmp_path: Path, cache: FaceCache) -> None:
    bp4d = get_protocol("bp4d").action_units
    run = write_run(tmp_path / "run", bp4d, protocol="bp4d", persons={"train": ["bp4d:F001"], "held_out": []})
    common = ("--cache", cache.path, "--draws", 5, "--format", "md")
    result = _invoke("evaluate", run, *common, "--protocol", "bp4d_to_disfa", "-o", tmp_path / "across")
    assert result.exit_code == 0, result.output
    assert Predictions.load(tmp_path / "across" / "predictions.npz").action_units == (1, 2, 4, 6, 12)
    assert "AU-FAN (AUNet, Table IV)" in (tmp_path / "across" / "report.md").read_text()
    fold = str(_fold_testing("SN001"))
    result = _invoke("evaluate", run, *common, "--protocol", "disfa", "--fold", fold, "--shared", "-o", tmp_path / "shared")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "shared" / "report.md").read_text()
    assert "AU9, AU25, AU26 of the protocol are not predicted and not scored" in text
    assert "compare action unit by action unit" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one of"),
        (["--predictions", "OUT", "-o", "OUT", "--occlusion", "all"], "--occlusion cannot be used with --predictions"),
        (
            ["--compare", "OUT", "OUT", "-o", "OUT", "--per", "pose", "--fold", "1"],
            "--fold and --per cannot be used with --compare",
        ),
        (["RUN", "-o", "OUT"], "--cache FOLDER"),
        (["RUN", "--cache", "OUT", "-o", "OUT"], "holds no prepared faces"),
        (["RUN", "--cache", "CACHE"], "--output FOLDER"),
        (["RUN", "--cache", "CACHE", "-o", "OUT", "--protocol", "bp4d"], "tests on bp4d"),
        (["RUN", "--cache", "CACHE", "-o", "OUT", "--protocol", "disfaa"], "did you mean 'disfa'"),
        (["RUN", "--cache", "CACHE", "-o", "OUT", "--fold", "9"], "fold of disfa must be one of 1, 2, 3"),
        (["RUN", "--cache", "CACHE", "-o", "OUT", "--occlusion", "uper"], "did you mean 'upper'"),
        (["CLEAN", "--cache", "CACHE", "-o", "OUT", "--per", "skin_colour"], "did you mean 'skin_tone'"),
        (["RUN", "--cache", "bp4d=CACHE", "-o", "OUT"], "holds faces of disfa, not of bp4d"),
        (["RUN", "--cache", "CACHE", "-o", "OUT", "--device", "tpu"], "device must be auto"),
        (["RUN", "--cache", "CACHE", "-o", "OUT", "--device", "cuda:99"], "device must be auto or one of"),
        (["RUN", "--cache", "CACHE", "-o", "OUT", "--format", "pdf"], "unknown report format 'pdf'"),
        (["RUN", "--cache", "CACHE", "-o", "OUT", "--fold", "LEAK"], "That would be no test"),
        (["CLEAN", "--cache", "CACHE", "-o", "OUT", "--protocol", "disfa_intensity"], r"not AU 5, 15, 17, 20 .*\(--shared"),
    ],
)
def test_errors_of_the_command_say_what_to_do(
    tmp_path: Path, run: Path, cache: FaceCache, arguments: list[str], message: str
) -> None:
    leak = _fold_testing("SN002")
    clean = run if "CLEAN" not in arguments else write_run(tmp_path / "clean", persons={"train": ["disfa:SN031"]})
    names = {"RUN": str(run), "CLEAN": str(clean), "CACHE": str(cache.path), "OUT": str(tmp_path / "out"), "LEAK": str(leak)}
    result = _invoke("evaluate", *(names.get(one, one).replace("=CACHE", f"={cache.path}") for one in arguments))
    assert result.exit_code == 2
    assert re.search(message, " ".join(result.output.split())), result.output
    assert not (tmp_path / "out").exists()


def test_folds_that_a_run_drew_are_drawn_again_for_its_test(tmp_path: Path, cache: FaceCache) -> None:
    """Another seed, or the default one, would test people whom the network was trained on."""
    drawn = [protocol_for(cache.dataset(), "3_fold", seed=seed).split(cache.dataset(), 1) for seed in range(20)]
    seed = next(n for n, split in enumerate(drawn) if n and set(split.test.persons) != set(drawn[0].test.persons))
    recipe = load_recipe("jaa_net_disfa", ["protocol=3_fold", f"protocol_seed={seed}", "start_from=none"])
    run = write_run(tmp_path / "run", protocol="k_fold", persons={"train": sorted(drawn[seed].train.persons), "held_out": []})
    (run / "recipe.yaml").write_text(recipe.to_yaml())
    out = tmp_path / "out"
    result = _invoke("evaluate", run, "--cache", cache.path, "-o", out, "--draws", 0, "--format", "md", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert set(Predictions.load(out / "predictions.npz").persons) == set(drawn[seed].test.persons)
    about = json.loads((out / "report.json").read_text())["about"]
    assert about["changes"] == {"protocol": "3_fold", "start_from": None}


def test_a_run_by_another_protocol_than_its_recipe_is_tested_by_that(tmp_path: Path, cache: FaceCache) -> None:
    """As ``train(recipe, ..., protocol=...)`` leaves it."""
    persons = {"train": ["disfa:SN001", "disfa:SN003"], "held_out": []}
    run = write_run(tmp_path / "run", protocol="leave_one_subject_out", fold=2, persons=persons)
    (run / "recipe.yaml").write_text(load_recipe("jaa_net_disfa").to_yaml())
    out = tmp_path / "out"
    result = _invoke("evaluate", run, "--cache", cache.path, "-o", out, "--draws", 0, "--format", "md", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert set(Predictions.load(out / "predictions.npz").persons) == {"disfa:SN002"}


@pytest.mark.slow
def test_cross_validation_from_the_command_line_with_real_training(tmp_path: Path) -> None:
    """Minutes: two networks are trained, the command is stopped in between by running one fold first."""
    pytest.importorskip("lightning")
    data = tiny_dataset(
        subjects=tuple(sorted({name for fold in DISFA.folds for part in fold.test for name in (part.subjects or ())[:2]}))
    )
    rng = np.random.default_rng(1)
    faces = rng.integers(0, 256, (len(data), 200, 200, 3), dtype=np.uint8)
    landmarks = 100 + 40 * rng.standard_normal((len(data), 68, 2))
    path = write_cache(tmp_path / "faces", data, faces, landmarks, synthetic=True).path
    out = tmp_path / "out"
    common = ["crossval", "drml_bp4d", "--quick", "--set", "protocol=disfa", "--set", "epochs=1", "--set", "hold_out=0.3",
              "--limit", 4, "--cache", path, "-o", out, "--draws", 10, "--format", "md", "--device", "cpu"]  # fmt: skip
    assert _invoke(*common, "--fold", 1).exit_code == 0
    weights = (tmp_path / "out" / "fold_1" / "model.safetensors").read_bytes()
    result = _invoke(*common, "--per", "skin_tone")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "fold_1" / "model.safetensors").read_bytes() == weights
    text = (tmp_path / "out" / "report.md").read_text()
    assert "mean of folds" in text and "SYNTHETIC FACES: F1-frame, %, by fold" in text
    assert len(Predictions.load(tmp_path / "out" / "predictions.npz")) == len(data)


def test_each_of_two_data_sets_is_tested_by_a_network_of_the_other(tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    rng = np.random.default_rng(2)
    words: list[object] = []
    for name, units in (("disfa", (1, 4, 12)), ("bp4d", (1, 4, 17))):
        data = tiny_dataset(units=units)
        people = tuple(replace(one, dataset=name, person=f"{name}:{one.subject}") for one in data.recordings)
        data = replace(data, name=name, recordings=people)
        faces = rng.integers(0, 256, (len(data), 200, 200, 3), dtype=np.uint8)
        landmarks = 100 + 40 * rng.standard_normal((len(data), 68, 2))
        words += ["--cache", f"{name}={write_cache(tmp_path / name, data, faces, landmarks, synthetic=True).path}"]
    settings = ("model=convnet", "model_settings.image_size=60", "model_settings.fc7_width=16", "epochs=1", "batch_size=4")
    for setting in settings:
        words += ["--set", setting]
    out = tmp_path / "out"
    result = _invoke("crossval", "drml_bp4d", "--protocol", "lodo", "--limit", 4, *words, "-o", out, "--draws", 10, "--format",
                     "md,csv", "--device", "cpu")  # fmt: skip
    assert result.exit_code == 0, result.output
    facts = [json.loads((out / fold / "run.json").read_text()) for fold in ("fold_1", "fold_2")]
    assert [{person.split(":")[0] for person in one["persons"]["train"]} for one in facts] == [{"disfa"}, {"bp4d"}]
    assert {one["action_units"][0] for one in facts} == {1} and all(one["action_units"] == [1, 4] for one in facts)
    text = (out / "test_sets.md").read_text()
    assert "SYNTHETIC FACES" in text and "| bp4d |" in text and "| disfa |" in text and "mean of test sets" in text
    assert "ROC area, %" in text and (out / "bp4d" / "report.md").is_file()
    again = _invoke("evaluate", out / "fold_2", *words[:4], "-o", tmp_path / "again", "--draws", 5, "--format", "md", "--device",
                    "cpu")  # fmt: skip
    assert again.exit_code == 0, again.output


def test_the_spread_of_repeats_stands_beside_the_published_ranking() -> None:
    from aufait.evaluation.repeats import repeats_report
    from aufait.evaluation.reports.published import published_for

    runs = []
    for seed, worse in ((0, 0.0), (1, 0.2), (2, 0.1)):
        one = made(360, 6, seed=seed, units=DISFA.action_units)
        noise = np.random.default_rng(seed).random(one.probability.shape) < worse
        one = replace(one, probability=np.where(noise, 1 - one.probability, one.probability).astype(np.float32))
        runs.append(evaluate(one.with_attribute("fold", np.repeat([1, 2, 3], 120)), DISFA, draws=0))
    tables = {table.name: table for table in repeats_report(runs).tables}
    means = [run.fold_mean("f1_frame")["mean"] for run in runs]
    rows = {row.label: row.cells for row in tables["repeats"].rows}
    assert [column.title for column in tables["repeats"].columns] == ["F1-frame, %", "ROC area, %", "accuracy, %"]
    assert [rows[label][0] for label in ("1 (published folds)", "2", "3")] == pytest.approx(means)
    assert rows["mean"][0] == pytest.approx(np.mean(means)) and rows["deviation"][0] == pytest.approx(np.std(means, ddof=1))
    assert (rows["lowest"][0], rows["highest"][0]) == pytest.approx((min(means), max(means)))
    area = [run.fold_mean("roc_area")["AU4"] for run in runs]
    by_unit = {row.label: row.cells for row in tables["repeats_roc_area"].rows}
    assert by_unit["deviation"][DISFA.action_units.index(4)] == pytest.approx(np.std(area, ddof=1))
    printed = [row.cells for row in tables["ranking"].rows]
    averages = {one.average for one in published_for(DISFA, "f1_frame")}
    assert [cells[0] for cells in printed] == sorted((cells[0] for cells in printed), reverse=True)
    assert len(printed) > 3 and {cells[0] for cells in printed} <= averages
    spread = max(means) - min(means)
    assert all(cells[2] == ("yes" if cells[1] <= spread else "no") for cells in printed[:-1]) and printed[-1][1] is None


def test_all_folds_are_crossed_again_with_other_folds_and_seeds(tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    subjects = tuple(sorted({name for fold in DISFA.folds for part in fold.test for name in (part.subjects or ())[:2]}))
    data = tiny_dataset(subjects=subjects)
    rng = np.random.default_rng(1)
    faces = rng.integers(0, 256, (len(data), 200, 200, 3), dtype=np.uint8)
    path = write_cache(tmp_path / "faces", data, faces, 100 + 40 * rng.standard_normal((len(data), 68, 2)), synthetic=True).path
    out = tmp_path / "out"
    words = ["crossval", "drml_bp4d", "--cache", path, "-o", out, "--limit", 4, "--draws", 5, "--format", "md", "--device", "cpu"]
    for setting in ("protocol=disfa", "model=convnet", "model_settings.image_size=60", "model_settings.fc7_width=16", "epochs=1",
                    "strict=false"):  # fmt: skip
        words += ["--set", setting]
    result = _invoke(*words, "--repeats", 2)
    assert result.exit_code == 0, result.output
    runs = [json.loads((out / f"repeat_{number}" / "fold_1" / "run.json").read_text()) for number in (1, 2)]
    assert [run["seed"] for run in runs] == [0, 1] and [run["protocol"] for run in runs] == ["disfa", "disfa_seed_1"]
    text = (out / "repeats.md").read_text()
    assert "SYNTHETIC FACES" in text and "1 (published folds)" in text and "deviation" in text and "within our spread" in text
    assert "published folds" in result.output and (out / "repeat_2" / "report.md").is_file()
    assert _invoke(*words, "--same-folds").exit_code != 0
    refused = _invoke(*words, "--set", "protocol=bp4d_to_disfa", "--repeats", 2)
    assert refused.exit_code != 0 and "--same-folds" in refused.output
