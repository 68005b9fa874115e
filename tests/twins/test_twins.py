"""Synthetic twins of the data sets: read back as the originals would be, labels as drawn, no part of a protocol empty."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the face engine needs the 'synth' extra")
pytest.importorskip("h5py", reason="BP4D's landmark files need the 'train' extra")

from typer.testing import CliRunner

from aufait.action_units import AU_SETS
from aufait.data import AUDataset, open_dataset
from aufait.data.check import check_dataset
from aufait.data.facts import published_rates
from aufait.data.preparation.sources import mark_synthetic
from aufait.data.protocols import get_protocol, list_protocols
from aufait.errors import InputError, OutputError
from aufait.landmarks import convert
from aufait.synthetic.head.assets import FaceModel, load_face_model
from aufait.twins import twin_layout, twin_names, write_twin
from aufait.twins.behaviour import COLUMN, UNITS, draw_habits
from aufait.twins.people import film, subject_person
from aufait.twins.planning import RecordingPlan, plan_twin
from aufait.twins.subjects import choose_subjects, protocol_parts
from aufait.twins.traits import AGES, subject_traits

QUICK: dict[str, Any] = {"size": 96, "supersample": 1.0, "workers": 1}
INTENSITY_UNITS = (6, 10, 12, 14, 17)


@pytest.fixture(scope="module")
def assets(shared: Path) -> Path:
    return shared / "assets"


@pytest.fixture(scope="module")
def model(assets: Path) -> FaceModel:
    return load_face_model(assets)


@pytest.fixture(scope="module")
def disfa(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("twins") / "disfa"
    return write_twin("disfa", out, subjects=["SN001", "SN003", "SN006"], frames=8, occlusions=1.0, assets=assets, **QUICK)


@pytest.fixture(scope="module")
def bp4d(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("twins") / "bp4d"
    return write_twin("bp4d", out, subjects=["F001", "M002", "M003"], tasks=1, frames=5, assets=assets, **QUICK)


def marker_of(root: Path) -> dict[str, Any]:
    marker: dict[str, Any] = json.loads((root / "SYNTHETIC.json").read_text())
    return marker


def odd_things(dataset: AUDataset) -> list[str]:
    """What a report finds, apart from the twin being smaller than the data set."""
    expected = {"missing-subject", "unexpected-count", "occurrence-rate"}
    return [str(one) for one in check_dataset(dataset, decode=True).anomalies if one.kind not in expected]


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def plan(name: str, subjects: int, model: FaceModel, frames: int, tasks: int | None = None, seed: int = 0) -> list[RecordingPlan]:
    layout = twin_layout(name)
    chosen = choose_subjects(layout, subjects)
    return plan_twin(layout, chosen, model, tasks=tasks, frames=frames, fps=layout.fps, seed=seed, occlusions=0.0)


def present(plans: list[RecordingPlan], threshold: int) -> np.ndarray:
    """(F, len(UNITS)) whether each unit is planned to count."""
    levels = np.concatenate([np.maximum(one.left, one.right) for one in plans])
    return np.floor(levels + 0.5) >= threshold


# --- the whole way: written, read, split -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["disfa", "bp4d"])
def test_a_twin_reads_as_the_original_and_says_that_it_is_none(name: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(name)
    dataset = open_dataset(name, root)
    assert odd_things(dataset) == []
    assert len(dataset.subjects) == 3
    marker = marker_of(root)
    assert marker["synthetic"] is True
    assert marker["complete"] is True
    assert check_dataset(dataset).synthetic
    assert marker["like"] == name
    assert "No real person" in (root / "README.txt").read_text()
    assert set(marker["subjects"]) == set(dataset.subjects)


@pytest.mark.parametrize("name", ["disfa", "bp4d"])
def test_labels_in_the_files_are_the_drawn_intensities_rounded(name: str, request: pytest.FixtureRequest) -> None:
    root: Path = request.getfixturevalue(name)
    drawn = marker_of(root)["recordings"]
    for one in open_dataset(name, root).recordings:
        record = drawn["/".join(part for part in (one.subject, one.task) if part)]
        assert record["frames"] == one.frames.tolist()
        for column, unit in enumerate(one.action_units):
            if unit not in UNITS:
                assert not one.occurrence[:, column].any()
                continue
            whole = np.floor(np.array(record["intensity"][f"AU{unit:02d}"]) + 0.5)
            if one.intensity_known[:, column].all():
                assert (one.intensity[:, column] == whole).all()
            threshold = 2 if name == "disfa" else 1
            assert (one.occurrence[:, column] == (whole >= threshold)).all()


def test_bp4d_codes_what_the_original_codes(bp4d: Path) -> None:
    dataset = open_dataset("bp4d", bp4d)
    known = dataset.label_table().intensity_known.all(0)
    assert tuple(np.array(dataset.action_units)[known]) == INTENSITY_UNITS
    assert {*AU_SETS["bp4d"]} <= {*dataset.action_units}
    header = (bp4d / "AUCoding/AU_OCC/F001_T1.csv").read_text().splitlines()
    assert header[0].split(",") == list(map(str, range(100)))
    assert header[1].split(",")[43] == "9"
    assert [one.task for one in dataset.recordings] == ["T1", "T2", "T3"]


def test_pictures_and_landmarks_are_those_of_the_engine(disfa: Path, bp4d: Path, model: FaceModel) -> None:
    layout = twin_layout("disfa")
    again = plan_twin(layout, ("SN001", "SN003", "SN006"), model, tasks=None, frames=8, fps=layout.fps, seed=0, occlusions=1.0)[0]
    person = subject_person(model, again.person, 0, True)
    frames = list(film(person, again, size=96, supersample=1.0, indoors=True))
    one = open_dataset("disfa", disfa).recordings[0]
    assert one.landmarks is not None
    assert np.abs(one.landmarks - convert(np.stack([f.landmarks for f in frames]), 66)).max() < 1e-3
    for row, _, image in one.images([0, 7]):
        assert np.abs(image.astype(int) - frames[row].image).mean() < 4
    track = open_dataset("bp4d", bp4d).recordings[0].landmarks
    assert track is not None
    assert track.shape == (5, 49, 2)
    assert ((track > 0) & (track < 96)).all()


def test_every_fold_of_three_subjects_is_filled(disfa: Path, bp4d: Path) -> None:
    for name, root in (("disfa", disfa), ("bp4d", bp4d)):
        dataset = open_dataset(name, root)
        for fold in get_protocol(name).folds:
            split = get_protocol(name).split(dataset, fold.number, strict=False)
            assert len(split.train)
            assert len(split.test)


def test_occluders_and_poses_are_told_per_frame(disfa: Path) -> None:
    for record in marker_of(disfa)["recordings"].values():
        assert len(record["occlusion"]) == len(record["pose"]) == len(record["frames"]) == 8
        assert "none" in record["occlusion"]
        assert {*record["occlusion"]} & {"hand", "object", "mask"}


def test_a_killed_run_goes_on_to_the_same_bytes(disfa: Path, assets: Path, tmp_path: Path) -> None:
    before = digests(disfa)
    copy = tmp_path / "copy"
    shutil.copytree(disfa, copy)
    marker = marker_of(copy)
    head = {key: marker[key] for key in ("synthetic", "engine", "like", "seed", "settings")}
    (copy / "SYNTHETIC.json").write_text(json.dumps({**head, "complete": False}))
    (copy / ".twin/SN006.json").unlink()
    video = copy / "Videos_LeftCamera/LeftVideoSN006_comp.avi"
    video.write_bytes(video.read_bytes()[:2000])
    (copy / "ActionUnit_Labels/SN006/SN006_au26.txt").unlink()
    seen: list[tuple[int, int]] = []
    write_twin(
        "disfa", copy, subjects=["SN006", "SN003", "SN001"], frames=8, occlusions=1.0, assets=assets,
        progress=lambda done, whole: seen.append((done, whole)), **QUICK,
    )  # fmt: skip
    assert seen == [(16, 24), (24, 24)]
    assert digests(copy) == before


def test_the_right_camera_films_the_same_acting(disfa: Path, assets: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"subjects": ["SN001", "SN003", "SN006"], "frames": 8, "occlusions": 1.0, "assets": assets, **QUICK}
    both = write_twin("disfa", tmp_path / "both", cameras=["right", "left"], **settings)
    left, right = open_dataset("disfa", both), open_dataset("disfa", both, camera="right")
    assert odd_things(left) == odd_things(right) == []
    for one, other in zip(left.recordings, right.recordings, strict=True):
        assert np.array_equal(one.intensity, other.intensity) and len(other) == 8
        assert one.landmarks is not None and other.landmarks is None
        assert not np.array_equal(next(one.images([0]))[2], next(other.images([0]))[2])
        seen = [marker_of(both)["recordings"][name]["pose"] for name in (one.subject, f"{one.subject}/right")]
        assert np.allclose(np.subtract(seen[1], seen[0]), (0, 7, 0), atol=0.011)
        (marked,), synthetic = mark_synthetic([other], both)
        assert synthetic and np.allclose(marked.pose, seen[1])
    # What there is of one camera does not depend on the other.
    same = [name for name in digests(disfa) if not name.startswith((".twin", "SYNTHETIC"))]
    assert {name: digests(both)[name] for name in same} == {name: digests(disfa)[name] for name in same}
    alone = write_twin("disfa", tmp_path / "right", cameras=["right"], **{**settings, "subjects": ["SN003"]})
    assert {*marker_of(alone)["recordings"]} == {"SN003/right"} and not (alone / "Landmark_Points").exists()
    assert len(open_dataset("disfa", alone, camera="right")) == 8


@pytest.mark.parametrize("name", ["bp4d", "bp4d_plus", "fera2015"])
def test_uncoded_frames_surround_the_coded_span_without_labels(name: str, assets: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"subjects": ["F001"], "tasks": 2, "frames": 3, "assets": assets, **QUICK}
    plain = open_dataset(name, write_twin(name, tmp_path / "plain", **settings))
    wide = open_dataset(name, write_twin(name, tmp_path / "wide", uncoded=4, **settings))
    assert odd_things(wide) == []
    for one, other in zip(plain.recordings, wide.recordings, strict=True):
        assert np.array_equal(one.frames, other.frames) and np.array_equal(one.occurrence, other.occurrence)
        assert one.media is not None and other.media is not None
        first, last = one.frames[0], one.frames[-1]
        assert other.media.numbers().tolist() == list(range(max(first - 4, 1), last + 5))
        assert np.array_equal(one.media.read(int(first)), other.media.read(int(first)))
        if one.landmarks is not None:
            assert np.array_equal(one.landmarks, other.landmarks)
        record = marker_of(tmp_path / "wide")["recordings"]["/".join((one.subject, one.task))]
        assert record["frames"] == one.frames.tolist() and len(record["pose"]) == 3


# --- the other data sets -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("fera2015", {"subjects": ["F001", "M002"], "tasks": ["T1"]}),
        ("fera2017", {"subjects": ["F001", "VA_F001"], "tasks": ["T1"], "views": (1, 6)}),
        ("bp4d_plus", {"subjects": ["F001"], "tasks": 2}),
        ("disfa_plus", {"subjects": ["SN001"], "tasks": ["A5_AU1_4b_TrailNo_1"]}),
        ("affwild2", {"subjects": ["synthetic-07_left", "synthetic-12_right"], "frames": 6}),
    ],
)
def test_the_other_twins_read_too(name: str, settings: dict[str, Any], assets: Path, tmp_path: Path) -> None:
    root = write_twin(name, tmp_path / name, **{"frames": 3, "assets": assets, **QUICK, **settings})
    dataset = open_dataset(name, root)
    odd = [one for one in odd_things(dataset) if "no video of view" not in one]
    drawn = marker_of(root)["recordings"]
    for one in dataset.recordings:
        key = "/".join(part for part in (one.subject, one.task, "" if one.view is None else str(one.view)) if part)
        record = drawn[key]
        rows = [record["frames"].index(frame) for frame in one.frames.tolist()]
        for column, unit in enumerate(one.action_units):
            known = one.intensity_known[:, column]
            if known.any():
                whole = np.floor(np.array(record["intensity"][f"AU{unit:02d}"])[rows] + 0.5)
                assert (one.intensity[known, column] == whole[known]).all()
        assert next(one.images([0]))[2].shape == (96, 96, 3)
    if name == "affwild2":
        assert [one.split(":")[0] for one in odd] == [f"affwild2/{subject}" for subject in settings["subjects"]]
        assert {one.attributes["partition"] for one in dataset.recordings} == {"train", "validation"}
        assert not dataset.label_table().occurrence_known.all()
    else:
        assert odd == []
    if name == "fera2017":
        assert {one.view for one in dataset.recordings} == {1, 6}
        assert {one.person for one in dataset.recordings} == {"bp4d:F001", "bp4d_plus:F001"}
        pitch, yaw, _ = np.mean(drawn["F001/T1/1"]["pose"], axis=0)
        assert abs(pitch + 40) < 15
        assert abs(yaw + 40) < 20


# --- plans: rates, presence, people ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "subjects", "frames", "tasks"),
    [
        ("bp4d", 6, 20, 2),
        ("disfa", 6, 40, None),
        ("disfa", 12, 40, None),
        ("disfa_plus", 6, 20, 2),
        ("fera2015", 6, 20, 2),
        ("fera2017", 6, 20, 2),
        ("affwild2", 6, 40, None),
        ("bp4d_plus", 6, 20, 2),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_unit_occurs_in_every_part_of_a_small_twin(
    name: str, subjects: int, frames: int, tasks: int | None, seed: int, model: FaceModel
) -> None:
    layout = twin_layout(name)
    plans = plan(name, subjects, model, frames, tasks, seed)
    scored = {unit for protocol in list_protocols(name) for unit in get_protocol(protocol).action_units}
    units = scored & {*layout.rates} - {25}  # the lips part by other units too
    for part in protocol_parts(layout):
        here = present([one for one in plans if one.subject in part], layout.threshold)
        for unit in units:
            assert 2 <= here[:, COLUMN[unit]].sum() < len(here), (sorted(part)[:3], unit)


@pytest.mark.parametrize(("name", "frames", "tasks"), [("bp4d", 60, 3), ("disfa", 200, None)])
def test_twelve_subjects_come_near_the_published_rates(name: str, frames: int, tasks: int | None, model: FaceModel) -> None:
    layout = twin_layout(name)
    shown = present(plan(name, 12, model, frames, tasks), layout.threshold).mean(0)
    for unit, rate in next(table["rates"] for table in published_rates(name) if table["decides"]).items():
        if unit != 25:
            assert abs(shown[COLUMN[unit]] - rate) < 0.02, unit


@pytest.mark.parametrize("name", twin_names())
@pytest.mark.parametrize("count", [3, 6])
def test_few_subjects_reach_every_part_of_every_protocol(name: str, count: int) -> None:
    layout = twin_layout(name)
    chosen = {*choose_subjects(layout, count)}
    assert len(chosen) == count
    assert all(chosen & part for part in protocol_parts(layout))


def test_every_protocol_knows_the_subjects_of_its_twin() -> None:
    for name in twin_names():
        for protocol in list_protocols(name):
            for fold in get_protocol(protocol).folds:
                for part in (*fold.train, *fold.test):
                    if part.dataset == name and part.subjects:
                        assert {*part.subjects} <= {*twin_layout(name).subjects}


def test_plans_move_smoothly_and_differ_between_people(model: FaceModel) -> None:
    first, second = plan("disfa", 2, model, 100)
    for one in (first, second):
        assert one.left.min() >= 0
        assert one.left.max() <= 5
        assert np.abs(np.diff(one.pose, axis=0)).max() < 8
    assert not np.allclose(first.pose, second.pose)
    habits = [draw_habits(np.random.default_rng(seed)) for seed in range(2)]
    assert not np.allclose(habits[0].preference, habits[1].preference)


def test_a_subject_is_one_person_in_all_data_sets_of_a_pool() -> None:
    for one, other in (("bp4d", "fera2015"), ("bp4d", "fera2017"), ("disfa", "disfa_plus")):
        subject = twin_layout(other).subjects[0]
        assert twin_layout(one).person(subject) == twin_layout(other).person(subject)
    women = [subject_traits(f"bp4d:F{number:03d}", 0, True) for number in range(1, 13)]
    assert {traits.sex for traits in women} == {"woman"}
    assert {int(traits.skin_tone / 7 * 4) for traits in women} == {0, 1, 2, 3}
    assert all(AGES["bp4d"][0] <= traits.age <= AGES["bp4d"][1] for traits in women)
    assert subject_traits("bp4d:F001", 1, True).seed != women[0].seed


# --- what goes wrong ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("dsfa", {}, "did you mean 'disfa'"),
        ("disfa", {"subjects": 28}, "DISFA has 27 subjects"),
        ("disfa", {"subjects": 0}, "takes 1 to that many"),
        ("disfa", {"subjects": ["SN014"]}, "no subject 'SN014'"),
        ("bp4d", {"tasks": ["T9"]}, "no task T9; it has T1"),
        ("bp4d", {"tasks": 9}, "8 tasks per subject"),
        ("disfa", {"frames": 1}, "frames of a twin must be 2"),
        ("disfa", {"size": 20}, "size of a twin must be 48"),
        ("disfa", {"views": [6]}, "one view only"),
        ("disfa", {"cameras": ["middle"]}, "the cameras left and right, got middle"),
        ("bp4d", {"cameras": ["left"]}, "one camera only"),
        ("disfa", {"uncoded": 2}, "all frames of DISFA are coded"),
        ("bp4d", {"uncoded": -1}, "uncoded of a twin must be 0"),
        ("fera2017", {"views": [0]}, "views 1 to 9, got 0"),
        ("fera2017", {"subjects": ["VA_F001"], "tasks": ["T2"]}, "has one of the tasks"),
    ],
)
def test_settings_that_no_twin_can_have(name: str, settings: dict[str, Any], message: str, assets: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        write_twin(name, tmp_path / "out", assets=assets, **settings)
    assert not (tmp_path / "out").exists()


def test_a_full_disc_leaves_no_half_file_and_the_same_command_goes_on(
    disfa: Path, assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"subjects": ["SN001", "SN003", "SN006"], "frames": 8, "occlusions": 1.0, "assets": assets, **QUICK}
    write, count = Path.write_bytes, 0

    def fill(self: Path, content: bytes) -> int:
        nonlocal count
        count += 1
        if count == 40:
            write(self, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OutputError, match="No space left on device; free some space"):
        write_twin("disfa", tmp_path / "twin", **settings)
    assert list((tmp_path / "twin").rglob("*.partial*")) == []
    assert digests(write_twin("disfa", tmp_path / "twin", **settings)) == digests(disfa)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="is a file; choose a folder"):
        write_twin("disfa", tmp_path / "file", **settings)


def test_folders_that_hold_something_else_are_left_alone(disfa: Path, assets: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds no synthetic data"):
        write_twin("disfa", tmp_path, subjects=2, assets=assets)
    with pytest.raises(OutputError, match="frames 8 there, 9 wanted"):
        write_twin("disfa", disfa, subjects=["SN001", "SN003", "SN006"], frames=9, occlusions=1.0, assets=assets, **QUICK)
    same: dict[str, Any] = {"subjects": ["SN001", "SN003", "SN006"], "frames": 8, "occlusions": 1.0, "assets": assets, **QUICK}
    with pytest.raises(OutputError, match=r"cameras default there, \['right'\] wanted"):
        write_twin("disfa", disfa, cameras=["right"], **same)


@pytest.fixture
def cli() -> Iterator[CliRunner]:
    yield CliRunner()


def test_the_command_writes_a_twin_and_replaces_it_only_when_told(cli: CliRunner, assets: Path, tmp_path: Path) -> None:
    from aufait.cli.app import app

    out = tmp_path / "twin"
    command = ["twin", "disfa", str(out), "--subjects", "SN001", "--frames", "2", "--size", "64", "--supersample", "1"]
    command += ["--workers", "1", "--assets", str(assets)]
    result = cli.invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "aufait data check disfa" in result.output
    (out / "notes.txt").write_text("mine")
    changed = [*command, "--seed", "3"]
    assert cli.invoke(app, changed).exit_code != 0
    assert cli.invoke(app, [*changed, "--overwrite"]).exit_code == 0
    assert marker_of(out)["seed"] == 3
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["synth", "OUT", "--subjects", "3"], "No such option: --subjects"),
        (["twin", "disfa", "OUT", "--sequences"], "No such option: --sequences"),
        (["twin", "disfa", "OUT", "--cameras", "top"], "the cameras left and right"),
        (["twin", "fera2017", "OUT", "--views", "six"], "takes digits"),
        (["twin", "disfaa", "OUT"], "disfa"),
    ],
)
def test_wrong_options_are_refused(cli: CliRunner, tmp_path: Path, command: list[str], message: str) -> None:
    from aufait.cli.app import app

    result = cli.invoke(app, [str(tmp_path / "out") if word == "OUT" else word for word in command])
    assert result.exit_code != 0
    assert message in result.output + str(result.exception)


@pytest.mark.parametrize("like", [["--like", "fera2017"], ["--like=fera2017"]])
def test_the_old_spelling_still_runs_and_says_how_it_is_spelled_now(cli: CliRunner, tmp_path: Path, like: list[str]) -> None:
    from aufait.cli.app import app

    out = str(tmp_path / "out")
    result = cli.invoke(app, ["synth", out, *like, "--views", "six"])
    assert f"aufait twin fera2017 {out} --views six" in result.output
    assert "takes digits" in result.output + str(result.exception)
