"""Predictions, scores by group and fold, occlusion, cross-validation, leakage checks and comparisons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.preparation import FaceCache, write_cache
from aufait.data.recording import Recording
from aufait.errors import InputError, OutputError
from aufait.evaluation import Predictions, concatenate, evaluate, predict
from aufait.evaluation.groups import group_names, groups_of
from aufait.evaluation.occlusion import CONDITIONS, FILL, occlude
from aufait.metrics import bootstrap_by_subject, f1_frame, roc_area
from aufait.models.registry import create_model

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


def made(frames: int = 240, subjects: int = 6, seed: int = 0, units: tuple[int, ...] = (1, 12), **changes: object) -> Predictions:
    """Predictions of nobody: right more often than not."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((frames, len(units))) < 0.3).astype(np.int8)
    person = np.repeat([f"s{k}" for k in range(subjects)], -(-frames // subjects))[:frames]
    values: dict[str, object] = {
        "action_units": units,
        "person": person,
        "recording": np.char.add(person, "/t"),
        "frame": np.arange(frames),
        "probability": np.clip(rng.random((frames, len(units))) * 0.7 + 0.3 * truth, 0, 1).astype(np.float32),
        "occurrence": truth,
        "occurrence_known": rng.random((frames, len(units))) < 0.9,
        "true_intensity": np.zeros((frames, len(units)), np.int8),
        "intensity_known": np.zeros((frames, len(units)), bool),
    }
    return Predictions(**{**values, **changes})  # type: ignore[arg-type]


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
        predict(model, cache)
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


def test_an_absent_action_unit_is_undefined_and_left_out_of_the_mean() -> None:
    one = made()
    silent = made(occurrence=one.occurrence * np.array([1, 0], np.int8), probability=one.probability * np.float32([1, 0]))
    scores = evaluate(silent, draws=20).scores["f1_frame"]
    assert np.isnan(scores["AU12"]) and scores["mean"] == scores["AU1"] and scores["defined"] == 1


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
