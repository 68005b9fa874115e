"""The list of tables and figures, how tables show the published ones, and how the whole list is made."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner
from workers.sending import Sending

from aufait.cli.app import app
from aufait.data.protocols import get_protocol
from aufait.errors import InputError
from aufait.evaluation.evaluate import score
from aufait.evaluation.predictions import Predictions
from aufait.evaluation.reports.published import published_results
from aufait.files.claims import Claim
from aufait.models.registry import model_entry
from aufait.reproduction import check as checking
from aufait.reproduction import get_item, get_run, list_items, list_runs
from aufait.reproduction.check import check
from aufait.reproduction.examples import first_of_each
from aufait.reproduction.laboratory import QUICK_TWINS, Laboratory
from aufait.reproduction.makers import MAKERS, get_maker
from aufait.reproduction.outputs import Made
from aufait.reproduction.registry import PUBLISHED_NAMES, arabic, find_item
from aufait.reproduction.tables import (
    landmark_errors,
    occurrence_rates,
    paired_tests,
    score_table,
    settings_table,
    structures,
    temporal_models,
)

COUNT = 65
# What the papers number, tables and figures that hold results, and sections whose text has numbers of its own.
WANTED = {
    "arl": {"table": range(2, 15), "figure": (1, *range(3, 11))},
    "deep-regions": {"table": range(1, 5), "figure": (3, 5, 6, 7)},
    "mgrr-net": {"table": range(2, 9), "figure": (3, 4), "text": ("iv-a", "iv-c1", "iv-c3")},
    "aunet": {"table": range(3, 15), "figure": range(6, 11), "text": ("v-d", "v-e", "v-f")},
    "abrnet": {"table": range(1, 4), "figure": ()},
}


def test_every_table_and_figure_is_listed_once():
    found = Counter(item.id for item in list_items())
    places = [(paper, kind, number) for paper, kinds in WANTED.items() for kind, numbers in kinds.items() for number in numbers]
    wanted = {f"{paper}/{kind}-{number}" for paper, kind, number in places}
    assert set(found) == wanted and max(found.values()) == 1 and len(found) == COUNT


@pytest.mark.parametrize("item", list_items(), ids=lambda item: item.id)
def test_item_names_what_exists(item):
    assert find_item(item.id) is item
    assert any(item.maker in names for names in MAKERS.values())
    assert callable(get_maker(item.maker))
    for name in item.needed_protocols:
        get_protocol(name)
    assert item.kind != "figure" or item.printed, "a figure says in words what the printed one shows"


@pytest.mark.parametrize("run", list_runs(), ids=lambda run: run.name)
def test_run_is_a_network_that_can_be_made_small(run):
    entry = model_entry(run.model)
    units = get_protocol(run.protocol).action_units
    small = {key.removeprefix("model_settings."): value for key, value in entry.config.TRIAL.tiny.items()}
    entry.config.create(units, **{**entry.overrides, **run.settings, **small})
    assert run.start is None or get_run(run.start).model == run.model


def test_every_run_is_needed():
    assert {run.name for run in list_runs()} == {name for item in list_items() for name in item.needed_runs}


def test_every_data_set_has_a_quick_twin():
    assert {name for item in list_items() for name in item.datasets} <= set(QUICK_TWINS)


@pytest.mark.parametrize("item", [one for one in list_items() if one.maker == "score_table"], ids=lambda item: item.id)
def test_own_rows_have_a_published_row_beside_them(item):
    for block in item.blocks:
        rows = published_results(PUBLISHED_NAMES[item.paper], block.published["table"], metric=block.metric)
        methods = {one.method for one in rows if one.dataset == block.published["dataset"]}
        assert methods, (block.title, block.published)
        if block.metric == "skew":
            continue
        missing = {row.method for row in item.rows} - methods
        # Two tables print fewer methods for one of their two metrics.
        allowed = {"ARL", "JAA", "JAA-Net", "DRML"} if block.metric in ("roc_area", "accuracy", "nf1") else set()
        assert missing <= allowed


def test_numbers_may_be_roman():
    assert arabic("XIV") == 14 and arabic("ix") == 9 and arabic("3") == 3
    assert get_item("mgrr-net", "table", 6) is get_item("MGRR_Net", "table", "VI")
    for wrong in ("0", "IIII", "", "-1"):
        with pytest.raises(InputError, match="10 or VI"):
            arabic(wrong)


def test_absent_number_is_answered_with_those_that_exist():
    with pytest.raises(InputError, match=r"it has tables 2, 3.*14"):
        get_item("arl", "table", 1)
    with pytest.raises(InputError, match=r"no section II whose numbers.*IV-A, IV-C1, IV-C3"):
        get_item("mgrr-net", "text", "II")
    with pytest.raises(InputError, match="unknown paper"):
        get_item("arll", "table", 2)
    with pytest.raises(InputError, match="named like arl/table-10"):
        find_item("arl-table-10")


def test_networks_that_others_start_from_come_first():
    needed = get_item("arl", "table", 3).needed_runs
    assert needed.index("arl/bp4d") < needed.index("arl/disfa")


def test_faces_of_all_persons_come_before_second_ones():
    order = np.array([4, 3, 2, 1, 0])
    persons = np.array(["a", "b", "a", "b", "b"])
    assert first_of_each(order, persons).tolist() == [4, 2, 3, 1, 0]


# ---------------------------------------------------------------------------------------------------------------------
# Tables, from predictions that are made up
# ---------------------------------------------------------------------------------------------------------------------


def _predictions(run: str, units: tuple[int, ...], *, shift: float = 0.0, count: int = 60) -> Predictions:
    random = np.random.default_rng(0)
    shape = (count, len(units))
    truth = random.integers(0, 2, shape).astype(np.int8)
    noise = random.random(shape)
    chance = np.clip(0.5 * truth + 0.5 * noise - 0.25 + 0.5 * shift * (truth - 0.5), 0, 1).astype(np.float32)
    return Predictions(
        action_units=units,
        person=np.repeat(["p1", "p2", "p3"], count // 3),
        recording=np.repeat(["r1", "r2", "r3"], count // 3),
        frame=np.arange(count),
        probability=chance,
        occurrence=truth,
        occurrence_known=np.ones(shape, bool),
        true_intensity=np.zeros(shape, np.int8),
        intensity_known=np.zeros(shape, bool),
        attributes={"view": np.tile(["1", "2", "3", "4", "5", "6", "7", "8", "9", "9"], count // 10)},
        about={"run": run},
        synthetic=True,
    )


class FakeLaboratory:
    """Hands out predictions and remembers what was asked for."""

    quick = True

    def __init__(self) -> None:
        self.asked: list[tuple] = []

    def predictions(self, name, *, test="", dataset="", visible="full"):
        self.asked.append((name, test, dataset, visible))
        run = get_run(name)
        shift = {"au-vae": 0.1, "au-tdn": 0.2, "aunet": 0.3}.get(run.model, 0.0)
        protocol = get_protocol(test or run.protocol)
        return _predictions(name, protocol.evaluated_on(dataset), shift=shift)

    def folds(self, run):
        return run.folds[:1]


def test_table_10_shows_ours_and_the_printed_rows():
    made = score_table(FakeLaboratory(), get_item("arl", "table", 10))
    f1, accuracy, area = made.tables
    # The paper prints no areas: ours alone.
    assert [row.label for row in area.rows][:2] == ["B-Net (ours)", "W-Net (ours)"] and area.title == "ROC area, %"
    found = FakeLaboratory().predictions("b-net/bp4d", dataset="bp4d")
    assert area.rows[0].cells[0] == pytest.approx(score(found)["roc_area"]["AU1"])
    assert made.synthetic and f1.heading.startswith("SYNTHETIC")
    assert [row.label for row in f1.rows][:4] == ["B-Net (ours)", "B-Net (printed)", "W-Net (ours)", "W-Net (printed)"]
    printed = next(row for row in f1.rows if row.label == "ARL (printed)")
    assert printed.cells[0] == pytest.approx(0.458) and printed.cells[-1] == pytest.approx(0.611)
    assert accuracy.columns[-1].title == "mean" and len(f1.rows) == len(accuracy.rows) == 10


class FoldedLaboratory(FakeLaboratory):
    """Predictions of two folds of different size and quality, so that the mean of folds is not the pooled score."""

    quick = False

    def predictions(self, name, *, test="", dataset="", visible="full"):
        found = super().predictions(name, test=test, dataset=dataset, visible=visible)
        chance = found.probability.copy()
        chance[20:] = 1 - chance[20:]  # the larger fold is wrong as often as the smaller is right
        fold = np.repeat(["1", "2"], (20, 40))
        error = np.repeat([0.02, 0.08], (20, 40)).astype(np.float32)
        return replace(found, probability=chance, attributes={**found.attributes, "fold": fold}, landmark_error=error)

    def folds(self, run):
        return (1, 2)


def test_the_mean_of_folds_comes_first_and_the_pooled_score_second():
    laboratory = FoldedLaboratory()
    f1, accuracy, _ = score_table(laboratory, get_item("arl", "table", 10)).tables
    assert [row.label for row in f1.rows][:3] == ["B-Net (ours)", "B-Net (ours, pooled)", "B-Net (printed)"]
    found = laboratory.predictions("b-net/bp4d", dataset="bp4d")
    parts = [score(found.select(found.attributes["fold"] == fold))["accuracy"] for fold in ("1", "2")]
    mean, pooled = accuracy.rows[:2]
    assert mean.cells[0] == pytest.approx((parts[0]["AU1"] + parts[1]["AU1"]) / 2)
    assert mean.cells[-1] == pytest.approx((parts[0]["mean"] + parts[1]["mean"]) / 2)
    assert pooled.cells[-1].value == pytest.approx(score(found)["accuracy"]["mean"])
    assert abs(mean.cells[-1] - pooled.cells[-1].value) > 0.05 and mean.strong and not pooled.strong
    assert "mean of the folds" in accuracy.notes[0]


def test_tables_of_their_own_kind_take_the_mean_of_folds_too():
    laboratory = FoldedLaboratory()
    errors = landmark_errors(laboratory, get_item("mgrr-net", "table", "VIII")).tables[0]
    rows = {row.label: row.cells for row in errors.rows}
    assert rows["JAA-Net (ours)"][0] == pytest.approx(0.05) and rows["JAA-Net (ours, pooled)"][0].value == pytest.approx(0.06)
    settings = settings_table(laboratory, get_item("abrnet", "table", 1)).tables[0]
    assert settings.columns[0].title.endswith("mean of folds)") and len(settings.columns) == 4
    assert settings.rows[0].cells[0] != settings.rows[0].cells[1].value
    temporal = temporal_models(laboratory, get_item("aunet", "table", "XI")).tables[0]
    assert [row.label for row in temporal.rows][:2] == ["AU-FAN + TDN (ours)", "AU-FAN + TDN (ours, pooled)"]


def test_occluded_conditions_ask_for_the_visible_half():
    laboratory = FakeLaboratory()
    made = score_table(laboratory, get_item("arl", "table", 12))
    assert [asked[3] for asked in laboratory.asked[:6]] == ["full", "lower", "upper", "right", "left", "none"]
    (table,) = made.tables
    labels = [row.label for row in table.rows]
    assert labels[3:6] == ["Lower: EAC-Net (printed)", "Lower: ARL (ours)", "Lower: ARL (printed)"] and len(labels) == 18 + 6
    assert labels[18:20] == ["Full, AUC: ARL (ours)", "Lower, AUC: ARL (ours)"]


def test_poses_are_taken_apart_and_averaged():
    laboratory = FakeLaboratory()
    by_pose = score_table(laboratory, get_item("arl", "table", 14))
    assert [row.label for row in by_pose.tables[0].rows if "AUC" not in row.label][-3:] == [
        "pose 9: pEAC-Net (printed)", "pose 9: pARL (ours)", "pose 9: pARL (printed)"
    ]  # fmt: skip
    mean = score_table(laboratory, get_item("deep-regions", "table", 4))
    found = laboratory.predictions("deep-regions/fera2017_seven_poses", dataset="fera2017")
    views = [score(found.select(found.attributes["view"] == view))["roc_area"]["AU1"] for view in "123456789"]
    ours = next(row for row in mean.tables[0].rows if row.label == "AROC: Deep Regions (ours)")
    assert ours.cells[0] == pytest.approx(np.mean(views))


def test_every_table_of_f1_has_areas_beside_it():
    from aufait.reproduction.tables import with_areas

    for item in list_items():
        if item.maker == "score_table":
            blocks = with_areas(item.blocks)
            f1 = [block for block in blocks if block.metric == "f1_frame"]
            areas = {(block.dataset, block.test, str(block.where)) for block in blocks if block.metric == "roc_area"}
            assert {(block.dataset, block.test, str(block.where)) for block in f1} <= areas, item.id


def test_cross_data_set_tables_score_the_shared_units():
    laboratory = FakeLaboratory()
    made = score_table(laboratory, get_item("aunet", "table", "V"))
    assert [column.title for column in made.tables[0].columns] == ["AU1", "AU2", "AU4", "AU6", "AU12", "AU15", "mean"]
    assert {asked[1:3] for asked in laboratory.asked} == {("bp4d_to_affwild2", "affwild2")}


def test_better_variants_have_negative_t_as_printed():
    made = paired_tests(FakeLaboratory(), get_item("aunet", "table", "XII"))
    rows = {row.label: row.cells for row in made.tables[0].rows}
    assert rows["AUNet (printed)"][0] == pytest.approx(-26.40)
    assert rows["AUNet (ours)"][1] <= 1 and rows["AUNet (ours)"][2] >= 0


def test_structures_are_read_from_the_networks():
    made = structures(FakeLaboratory(), get_item("aunet", "table", "VI"))
    rows = {row.label: row.cells for row in made.tables[0].rows}
    for name in ("AU-FAN", "AU-VAE", "AU-TDN", "AUNet"):
        assert rows[f"{name} (ours)"][:3] == rows[f"{name} (printed)"][:3]
    assert rows["AU-FAN (ours)"][-1] < rows["AU-FAN (ours)"][-2] and not made.synthetic


def test_structures_of_arl_differ_in_one_part_each():
    made = structures(FakeLaboratory(), get_item("arl", "table", 9))
    cells = [row.cells[:8] for row in made.tables[0].rows]
    assert [row.label for row in made.tables[0].rows][:2] == ["B-Net (ours)", "W-Net (ours)"]
    # W, C, S and P come one after the other; iARL adds the cosine loss.
    assert [line.count("yes") for line in cells] == [2, 3, 4, 5, 6, 2, 3, 4, 5, 6, 7]


def test_our_rows_stand_above_the_printed_ones_of_their_name():
    from aufait.evaluation.reports.tables import Row
    from aufait.reproduction.tables import side_by_side

    ours = {name: (Row(f"{name} (ours)", ()),) for name in ("ARL", "new", "DRML")}
    printed = [(name, Row(f"{name} (printed)", ())) for name in ("LSVM", "DRML", "ARL")]
    labels = [row.label for row in side_by_side(ours, printed)]
    assert labels == ["new (ours)", "LSVM (printed)", "DRML (ours)", "DRML (printed)", "ARL (ours)", "ARL (printed)"]


def test_numbers_of_the_text_stand_beside_ours():
    made = score_table(FakeLaboratory(), get_item("mgrr-net", "text", "iv-c1"))
    rows = {row.label: row.cells for row in made.tables[0].rows}
    assert rows["D_G, edges at random (printed)"][-1] == pytest.approx(0.647) and "D_G, edges at random (ours)" in rows
    made = score_table(FakeLaboratory(), get_item("mgrr-net", "text", "IV-C3"))
    assert [row.cells[-1] for row in made.tables[0].rows if "printed" in row.label] == pytest.approx([0.635, 0.637, 0.631])
    run = get_run("au-vae/mixed/label-space")
    assert run.settings == {"align_space": "label"} and find_item("aunet/text-v-e").trainings == 2
    assert get_run("mgrr-net-d-random/disfa").start == "mgrr-net-d-random/bp4d"


def test_weights_of_imagenet_go_to_the_one_run_that_starts_from_them(tmp_path, monkeypatch):
    monkeypatch.setattr(Laboratory, "_lacks_units", lambda *_: False)
    given = Laboratory(work=tmp_path, quick=True, imagenet="resnet18.pth")
    assert given._recipe(get_run("resnet18/bp4d/imagenet"), 1).pretrained == "resnet18.pth"
    assert given._recipe(get_run("resnet18/bp4d/imagenet"), 1).model_settings["normalization"] == "imagenet"
    assert given._recipe(get_run("resnet18/bp4d"), 1).pretrained is None
    assert Laboratory(work=tmp_path, quick=True)._recipe(get_run("resnet18/bp4d/imagenet"), 1).pretrained is None
    with pytest.raises(InputError, match="--imagenet FILE"):
        Laboratory(work=tmp_path)._recipe(get_run("resnet18/bp4d/imagenet"), 1)


def test_costs_are_those_of_the_text():
    from aufait.reproduction.tables_costs import costs

    rows = {row.label: row.cells for row in costs(FakeLaboratory(), get_item("aunet", "text", "V-F")).tables[0].rows}
    for name in ("JAA-Net", "face alignment module (FAN, 2 stacks)", "AUNet, trainable part", "AU-FAN, trainable part"):
        ours, printed = rows[f"{name} (ours)"], rows[f"{name} (printed)"]
        assert ours[1] == pytest.approx(printed[1], rel=0.06), name
        assert ours[0] == pytest.approx(printed[0], rel=0.01), name
    assert "MEGraph (ResNet50) (printed)" in rows


def test_times_of_a_pass_are_measured_in_turns():
    from aufait.reproduction.tables_costs import pass_times

    laboratory = SimpleNamespace(quick=True, device="cpu")
    made = pass_times(laboratory, get_item("mgrr-net", "text", "IV-A"))
    rows = {row.label: row.cells for row in made.tables[0].rows}
    assert rows["MGRR-Net (printed)"] == ("16.5", "RTX 2080 Ti") and rows["MGRR-Net / JAA-Net (printed)"][0] == "0.62"
    ms = [float(rows[f"{name} (ours)"][0].split()[0].replace(",", "")) for name in ("MGRR-Net", "JAA-Net")]
    assert float(rows["MGRR-Net / JAA-Net (ours)"][0]) == pytest.approx(ms[0] / ms[1], rel=0.05) and made.facts["Machine"]


def test_a_run_starts_from_the_fold_that_its_recipe_says(tmp_path, monkeypatch):
    asked = []

    def training(self, name, fold=None):
        asked.append((name, fold))
        return SimpleNamespace(model_path=tmp_path / "model.safetensors")

    monkeypatch.setattr(Laboratory, "training", training)
    monkeypatch.setattr(Laboratory, "_lacks_units", lambda *_: False)
    laboratory = Laboratory(work=tmp_path, quick=True)
    for fold in (1, 3):
        laboratory._recipe(get_run("jaa-net-v2/disfa"), fold)
        laboratory._recipe(get_run("arl/disfa"), fold)
    # JAA-Net's program takes the network of BP4D's parts 1 and 3 for every fold; ARL has the same number.
    assert asked == [("jaa-net-v2/bp4d", 2), ("arl/bp4d", 1), ("jaa-net-v2/bp4d", 2), ("arl/bp4d", 3)]


def test_the_jaa_net_that_a_paper_compares_with_is_the_one_that_runs():
    arl = {run for item in list_items("arl") for run in item.needed_runs if run.startswith("jaa")}
    later = {run for item in (*list_items("aunet"), *list_items("abrnet")) for run in item.needed_runs if run.startswith("jaa")}
    assert arl and all(run.startswith("jaa-net-v1/") for run in arl)
    assert later and all(run.startswith("jaa-net-v2/") for run in later)
    assert {"JAA", "JAA-Net"} < {row.method for row in get_item("mgrr-net", "table", "IV").rows}


def test_labels_of_two_data_sets_share_one_table():
    rates = {"bp4d": 0.2, "disfa": 0.1}

    def split(protocol, fold, alignment):
        units = get_protocol(protocol).action_units
        table = SimpleNamespace(occurrence_rate=lambda: np.full(len(units), rates[protocol]))
        return SimpleNamespace(train=SimpleNamespace(action_units=units, label_table=lambda: table))

    laboratory = SimpleNamespace(split=split, caches=lambda *_: {"data": SimpleNamespace(synthetic=True)})
    (table,) = occurrence_rates(laboratory, get_item("arl", "table", 5)).tables
    at = {column.title: place for place, column in enumerate(table.columns)}
    rows = {row.label: row.cells for row in table.rows}
    assert list(rows) == ["BP4D (ours)", "BP4D (printed)", "DISFA (ours)", "DISFA (printed)"]
    assert rows["BP4D (ours)"][at["AU1"]] == pytest.approx(0.2) and rows["DISFA (printed)"][at["AU25"]] == pytest.approx(0.278)
    assert rows["BP4D (ours)"][at["AU9"]] == rows["BP4D (printed)"][at["AU9"]] == "-" and table.undefined() == 0


# ---------------------------------------------------------------------------------------------------------------------
# The whole list
# ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stubs(monkeypatch):
    """Makers that make a note, fail for tables IV, and count."""
    calls: list[str] = []

    def get(name):
        def maker(laboratory, item):
            calls.append(item.id)
            if item.number == "IV":
                raise InputError("no faces of bp4d")
            return Made(notes=("made",), arrays={"a": np.arange(3)})

        return maker

    monkeypatch.setattr(checking, "get_maker", get)
    return calls


def test_a_failing_item_does_not_stop_the_rest(tmp_path, stubs):
    items = list_items("mgrr-net")
    outcomes = check(items, Laboratory(work=tmp_path / "work", quick=True), tmp_path)
    assert [one.status for one in outcomes].count("failed") == 1 and len(outcomes) == len(items)
    failed = next(one for one in outcomes if one.status == "failed")
    assert failed.item == "mgrr-net/table-4" and failed.message == "no faces of bp4d"
    assert "no faces of bp4d" in (tmp_path / "logs" / "mgrr-net-table-4.log").read_text()
    assert (tmp_path / "mgrr-net" / "figure-3" / "data.npz").is_file()


def test_what_is_made_is_not_made_again(tmp_path, stubs):
    items, laboratory = list_items("mgrr-net"), Laboratory(work=tmp_path / "work", quick=True)
    check(items, laboratory, tmp_path)
    del stubs[:]
    check(items, laboratory, tmp_path)
    assert stubs == ["mgrr-net/table-4"]  # what failed is tried again
    del stubs[:]
    check(items, Laboratory(work=tmp_path / "work", quick=True, settings={"epochs": 2}), tmp_path)
    assert len(stubs) == len(items)
    del stubs[:]
    check(items, laboratory, tmp_path, fresh=True)
    assert len(stubs) == len(items)


def test_workers_make_the_same_items_and_a_worker_that_dies_is_told_with_its_item(tmp_path, stubs):
    items = list_items("mgrr-net")
    check(items, Laboratory(work=tmp_path / "work", quick=True), tmp_path / "here")
    heard: list[tuple[str, int, int]] = []
    outcomes = check(
        items, Laboratory(work=tmp_path / "work", quick=True, report=print), tmp_path / "sent", executor=Sending(dying=1),
        report=lambda one, number, count: heard.append((one.item, number, count)),
    )  # fmt: skip
    assert [one.item for one in outcomes] == [one.id for one in items]
    assert outcomes[1].status == "failed" and "by signal 9" in outcomes[1].message
    assert heard == [(item.id, number, len(items)) for number, item in enumerate(reversed(items), start=1)]
    again = check(items, Laboratory(work=tmp_path / "work", quick=True), tmp_path / "sent", executor=Sending())
    assert [one.status for one in again].count("made") == len(items) - 1 and again[1].status == "made"
    for made in (tmp_path / "here" / "mgrr-net").rglob("data.npz"):
        assert made.read_bytes() == (tmp_path / "sent" / made.relative_to(tmp_path / "here")).read_bytes()


def test_what_another_process_makes_is_waited_for_not_made_twice(tmp_path, monkeypatch):
    laboratory, made = Laboratory(work=tmp_path, twins=True, quick=True), []
    monkeypatch.setattr("aufait.twins.write_twin", lambda dataset, folder, **_: (folder.mkdir(parents=True), made.append(dataset)))
    with pytest.MonkeyPatch.context() as patch:
        waits = iter([lambda: None, lambda: other.__exit__()])
        patch.setattr("aufait.files.claims.time.sleep", lambda seconds: next(waits)())
        (tmp_path / "twins").mkdir()
        size = json.dumps([dict(QUICK_TWINS["disfa"])], sort_keys=True).encode()
        name = f"disfa-{hashlib.sha256(size).hexdigest()[:8]}"
        other = Claim(tmp_path / "claims" / f"{name}.claim", name)
        other.__enter__()
        assert laboratory.root("disfa") == tmp_path / "twins" / name
    assert made == ["disfa"] and next(waits, None) is None


def test_damaged_state_is_as_none(tmp_path, stubs):
    items, laboratory = list_items("abrnet"), Laboratory(work=tmp_path / "work", quick=True)
    check(items, laboratory, tmp_path)
    (tmp_path / checking.STATE).write_text('[{"item": "abrnet/')
    assert all(one.status == "made" for one in check(items, laboratory, tmp_path))


def test_pages_of_synthetic_and_quick_results_say_so(tmp_path):
    from aufait.reproduction.outputs import write_item

    item = get_item("arl", "figure", 9)
    files = write_item(item, Made(png=b"png", synthetic=True), Laboratory(work=tmp_path, quick=True), tmp_path / "out")
    page = files[0].read_text()
    assert page.startswith("# SYNTHETIC FACES") and "--quick" in page and "![" in page
    assert "training steps" not in page  # this item needs none
    assert {path.name for path in files} == {"figure.md", "figure.png"}


def test_pictures_of_a_quick_run_are_marked(tmp_path, monkeypatch):
    from aufait.visualization.figures.picture_grid import picture_grid

    face = np.full((20, 20, 3), 90, np.uint8)
    monkeypatch.setattr(checking, "get_maker", lambda _: lambda laboratory, item: Made(png=picture_grid([[face]], title="t")))
    monkeypatch.setattr(Laboratory, "check_complete", lambda self, protocol: None)
    item = get_item("arl", "figure", 9)
    made = {}
    for quick in (True, False):
        checking.make_item(item, Laboratory(work=tmp_path, quick=quick, twins=True), tmp_path / str(quick))
        made[quick] = (tmp_path / str(quick) / item.id / "figure.png").read_bytes()
    assert made[True] != made[False] == picture_grid([[face]], title="t")


def test_random_alignment_network_is_told_on_the_page(tmp_path):
    from aufait.reproduction.outputs import write_item

    item = get_item("aunet", "figure", 6)
    without = write_item(item, Made(png=b"png"), Laboratory(work=tmp_path), tmp_path / "without")
    fitted = write_item(item, Made(png=b"png"), Laboratory(work=tmp_path, aligner="fit"), tmp_path / "fitted")
    assert "has random weights" in without[0].read_text() and "has random weights" not in fitted[0].read_text()
    asked = write_item(item, Made(png=b"png"), Laboratory(work=tmp_path, aligner="random"), tmp_path / "asked")
    assert "has random weights" in asked[0].read_text()
    other = write_item(get_item("arl", "figure", 4), Made(png=b"png"), Laboratory(work=tmp_path), tmp_path / "other")
    assert "random weights" not in other[0].read_text()


# ---------------------------------------------------------------------------------------------------------------------
# Data
# ---------------------------------------------------------------------------------------------------------------------


def test_absent_data_set_is_named(tmp_path):
    with pytest.raises(InputError, match=r"--data bp4d=FOLDER.*--data twin"):
        Laboratory(work=tmp_path).cache("bp4d", "arl")


def test_incomplete_data_are_refused_before_anything_is_prepared(tmp_path, monkeypatch):
    subjects = [f"SN{number:03d}" for number in range(1, 10)]
    data = SimpleNamespace(subjects=subjects, recordings=())
    monkeypatch.setattr("aufait.data.datasets.open_dataset", lambda name, root: data)
    monkeypatch.setattr("aufait.data.protocols.Protocol.problems", lambda self, given: ["disfa lacks SN010 of the protocol"])
    synthetic = []
    monkeypatch.setattr("aufait.data.preparation.sources.mark_synthetic", lambda recordings, root: ([], bool(synthetic)))
    given = {"disfa": [tmp_path]}
    item = get_item("arl", "table", 7)
    with pytest.raises(InputError, match=r"lacks SN010.*--set strict=false"):
        checking.make_item(item, Laboratory(work=tmp_path, sources=given), tmp_path)
    assert not (tmp_path / "faces").exists()
    for laboratory in (
        Laboratory(work=tmp_path, sources=given, settings={"strict": False}),
        Laboratory(work=tmp_path, sources=given, quick=True),
        Laboratory(work=tmp_path, twins=True),
    ):
        laboratory.check_complete("disfa_intensity")
    synthetic.append(True)
    Laboratory(work=tmp_path, sources=given).check_complete("disfa_intensity")


def test_settings_are_checked_before_work_begins(tmp_path):
    Laboratory(work=tmp_path, settings={"epochs": 2, "model_settings.weighted": False, "strict": False}).check_settings()
    with pytest.raises(InputError, match="did you mean 'epochs'"):
        Laboratory(work=tmp_path, settings={"epoch": 2}).check_settings()


def test_full_size_is_the_papers(tmp_path):
    from aufait.training.recipe import load_recipe

    laboratory, recipe = Laboratory(work=tmp_path), load_recipe("arl_bp4d")
    full = laboratory._recipe(get_run("arl/bp4d"), 1)
    assert full == recipe.changed({"strict": False}) or full == recipe
    assert laboratory._recipe(get_run("wcs-net/bp4d"), 2) == full.changed({"model": "wcs-net"})
    assert Laboratory(work=tmp_path, settings={"epochs": 1})._recipe(get_run("arl/bp4d"), 1) == full.changed({"epochs": 1})


def test_trained_persons_in_a_test_part_are_refused(tmp_path, monkeypatch):
    laboratory = Laboratory(work=tmp_path)
    test = SimpleNamespace(persons=("bp4d:F001", "bp4d:F002"))
    monkeypatch.setattr(Laboratory, "split", lambda *_: SimpleNamespace(test_sets=lambda: {"bp4d": test}))
    monkeypatch.setattr(Laboratory, "_alignment", lambda *_: "arl")
    training = SimpleNamespace(facts={"persons": {"train": ["bp4d:F002", "bp4d:F003"]}})
    monkeypatch.setattr(Laboratory, "training", lambda *_: training)
    with pytest.raises(InputError, match="trained on bp4d:F002"):
        laboratory.test_set("arl/bp4d")


def test_quick_takes_the_first_fold_only(tmp_path):
    run = get_run("arl/bp4d")
    assert Laboratory(work=tmp_path, quick=True).folds(run) == (1,)
    assert Laboratory(work=tmp_path).folds(run) == (1, 2, 3)


def test_cache_of_another_alignment_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "faces"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    monkeypatch.setattr("aufait.data.preparation.FaceCache.open", lambda path: SimpleNamespace(alignment="jaa_net"))
    with pytest.raises(InputError, match="alignment arl are needed, those given are jaa_net"):
        Laboratory(work=tmp_path, sources={"bp4d": [folder]}).cache("bp4d", "arl")


# ---------------------------------------------------------------------------------------------------------------------
# Command
# ---------------------------------------------------------------------------------------------------------------------


def _run(*arguments: str):
    return CliRunner().invoke(app, ["reproduce", *arguments])


def test_list_names_every_item():
    result = _run("--list", "--json")
    facts = json.loads(result.output)
    assert result.exit_code == 0 and len(facts) == COUNT and {"id", "status", "runs", "datasets"} <= set(facts[0])
    assert f"{COUNT} of {COUNT}" in _run("--list").output
    assert "abrnet/table-3" in _run("abrnet", "--list").output


@pytest.mark.parametrize(
    "arguments, text",
    [
        ((), "name a paper and one of its items"),
        (("arl",), "name a paper and one of its items"),
        (("arl", "--table", "2", "--figure", "3"), "name a paper and one of its items"),
        (("arl", "--table", "99"), "arl has no table 99"),
        (("arl", "--table", "10"), "--data bp4d=FOLDER|give each as --data NAME=FOLDER"),
        (("arl", "--table", "10", "--data", "bp4d=/does/not/exist"), "no such folder"),
        (("arl", "--table", "10", "--data", "bp5d=/"), "unknown data set 'bp5d'"),
        (("arl", "--table", "3", "--data", "/"), "say which one"),
        (("arl", "--table", "3", "--data", "twin", "--twin-size", "people=3"), "--twin-size takes"),
        (("--check", "--table", "3"), "leave out --table"),
        (("arl", "--table", "3", "--data", "twin", "--twin-size", "subjects=2"), "too few.*3 people at least"),
        (("arl", "--table", "2", "--data", "twin=/tmp"), "takes no folder.*--data bp4d=/tmp"),
        (("arl", "--table", "2", "--data", "twin", "--data", "disfa=/tmp"), "disfa is not needed here, only bp4d"),
        (("arl", "--table", "2", "--data", "twin", "--set", "epoch=3"), "no key 'epoch'; did you mean 'epochs'"),
        (("arl", "--table", "9", "--colours", "rainbow"), "--colours takes jet or perceptual"),
        (("arl", "--table", "9", "--device", "tpu"), "device must be auto or one of"),
        (("aunet", "--table", "3", "--data", "twin", "--aligner", "none.safetensors"), "--aligner takes a file"),
    ],
)
def test_wrong_usage_is_explained(arguments, text):
    result = _run(*arguments)
    assert result.exit_code == 2
    import re

    assert re.search(text, " ".join(result.output.split())), result.output


@pytest.mark.slow
def test_a_figure_from_nothing_but_a_twin(tmp_path, shared, monkeypatch):
    monkeypatch.setenv("AUFAIT_ASSETS", str(shared / "assets"))
    result = _run("arl", "--figure", "4", "--data", "twin", "--quick", "--output", str(tmp_path), "--twin-size", "frames=6")
    assert result.exit_code == 0, result.output
    folder = tmp_path / "arl" / "figure-4"
    assert (folder / "figure.png").stat().st_size > 10_000 and "SYNTHETIC" in (folder / "figure.md").read_text()
