"""Protocols: the published folds, the checks of a split, and the guard against leakage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_trees import make_affwild2, make_bp4d, make_disfa, make_disfa_plus, make_fera2017

from aufait.action_units import AU_SETS
from aufait.data import get_protocol, hold_out, k_fold, list_datasets, list_protocols, open_dataset
from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.protocols import Fold, Part, Protocol, Split, can_be_redrawn, leave_one_dataset_out, protocol_for, redrawn
from aufait.data.recording import Recording
from aufait.errors import InputError


def labels_only(name: str, subjects: list[str], units: tuple[int, ...] = (1, 2, 4, 6), **facts: object) -> AUDataset:
    """A data set of one recording per subject, three frames each, without pictures."""
    recordings = [
        Recording(
            dataset=name, subject=subject, task="", frames=np.arange(1, 4), action_units=units,
            occurrence=np.ones((3, len(units)), np.int8), intensity=np.full((3, len(units)), 2, np.int8),
            occurrence_known=np.ones((3, len(units)), bool), intensity_known=np.ones((3, len(units)), bool),
            **{"person": f"{name}:{subject}", **facts},  # type: ignore[arg-type]
        )
        for subject in subjects
    ]  # fmt: skip
    return AUDataset(name, units, tuple(recordings), AnomalyLog())


def subjects_of(protocol: Protocol, dataset: str) -> list[str]:
    parts = {part for fold in protocol.folds for part in (*fold.train, *fold.test) if part.dataset == dataset}
    return sorted({subject for part in parts for subject in part.subjects or ()} | set(protocol.excluded))


def test_every_protocol_loads_and_names_known_things() -> None:
    names = list_protocols()
    assert len(names) == 16 and list_protocols("disfa_plus") == ["disfa_plus"]
    for name in names:
        protocol = get_protocol(name)
        assert set(protocol.datasets) <= set(list_datasets()) and protocol.citation and protocol.notes and protocol.metrics
        assert [fold.number for fold in protocol.folds] == list(range(1, len(protocol.folds) + 1))
        assert all(set(units) <= set(protocol.action_units) for units in protocol.evaluated.values())
    with pytest.raises(InputError, match="did you mean 'disfa'"):
        get_protocol("disfas")
    with pytest.raises(InputError, match="takes no seed"):
        get_protocol("disfa", seed=1)


@pytest.mark.parametrize(
    ("name", "sizes", "units", "threshold"),
    [
        ("bp4d", [(27, 14), (27, 14), (28, 13)], 12, None),
        ("bp4d_31_10", [(31, 10)], 12, None),
        ("disfa", [(18, 9)] * 3, 8, 2),
        ("disfa_intensity", [(18, 9)], 12, None),
        ("disfa_plus", [(6, 3)] * 3, 8, 2),
        ("fera2015", [(21, 20)], 5, None),
        ("fera2015_released", [(21, 19)], 5, None),
    ],
)
def test_folds_have_the_published_sizes(name: str, sizes: list[tuple[int, int]], units: int, threshold: int | None) -> None:
    protocol = get_protocol(name)
    (home,) = protocol.datasets
    dataset = labels_only(home, subjects_of(protocol, home), AU_SETS["bp4d"])
    found = []
    for fold in protocol.folds:
        split = protocol.split(dataset, fold.number)
        found.append((len(split.train.subjects), len(split.test.subjects)))
        assert split.train.action_units == protocol.action_units and not set(split.train.persons) & set(split.test.persons)
    assert found == sizes and len(protocol.action_units) == units and protocol.occurrence_threshold == threshold
    if len(protocol.folds) == 3:
        tested = [s for fold in protocol.folds for s in protocol.split(dataset, fold.number).test.subjects]
        assert len(tested) == len(set(tested)) == len(dataset.subjects)


def test_folds_by_the_names_of_other_releases() -> None:
    protocol = get_protocol("bp4d")
    assert protocol.fold("me_graphau_1") is protocol.fold("au_net_1") is protocol.fold("part3") is protocol.fold(3)
    disfa = get_protocol("DISFA")
    assert disfa.fold("au_net_1").number == 1 and disfa.fold("me_graphau_1").number == 3 and disfa.fold("2").number == 2
    assert "SN001" in (disfa.fold(1).test[0].subjects or ()) and "F001" in (protocol.fold(1).test[0].subjects or ())
    with pytest.raises(InputError, match=r"must be one of 1, 2, 3, got 0"):
        protocol.fold(0)


def test_seeded_split_is_stable_and_says_so() -> None:
    first = get_protocol("bp4d_31_10")
    assert first.folds[0].test[0].subjects == (
        "F002", "F003", "F005", "F021", "M004", "M006", "M007", "M010", "M011", "M016",
    )  # fmt: skip
    assert get_protocol("bp4d_31_10", seed=0).folds == first.folds
    assert get_protocol("bp4d_31_10", seed=1).folds != first.folds
    assert any("not publish" in note for note in first.notes) and "Seed 0." in first.notes


def test_own_data_are_divided_by_the_name_of_a_protocol() -> None:
    data = labels_only("mine", ["s1", "s2", "s3"])
    assert [len(protocol_for(data, name).folds) for name in ("leave-one-subject-out", "3_fold", "2-fold")] == [3, 3, 2]
    assert protocol_for(data, "2_fold", seed=3).folds == k_fold(data, 2, seed=3).folds
    assert protocol_for(data, "disfa") == get_protocol("disfa")
    with pytest.raises(InputError, match=r"number of subjects \(3\), got 5; name another number, such as 2_fold"):
        protocol_for(data, "k_fold")
    with pytest.raises(InputError, match="unknown protocol 'k_folds_'"):
        protocol_for(data, "k_folds_")


def test_disagreement_with_the_data_is_named_and_can_be_accepted() -> None:
    protocol = get_protocol("disfa")
    subjects = subjects_of(protocol, "disfa")
    dataset = labels_only("disfa", [*subjects[2:], "SN033"])
    with pytest.raises(InputError, match=r"disfa lacks SN001, SN002 of the protocol; disfa has SN033, in no fold"):
        protocol.split(dataset)
    split = protocol.split(dataset, 1, strict=False)
    assert len(split.test.subjects) == 7 and "SN033" not in split.train.subjects
    assert any("SN033" in note for note in split.notes) and any("AU9" in note for note in split.notes)
    with pytest.raises(InputError, match="test part of fold 1 of disfa has no frame"):
        protocol.split(labels_only("disfa", ["SN003"]), 1, strict=False)
    with pytest.raises(InputError, match="needs the data set disfa, got bp4d"):
        protocol.split(labels_only("bp4d", ["F001"]))
    released = get_protocol("fera2015_released")
    assert released.problems(labels_only("fera2015", subjects_of(released, "fera2015"))) == []


def test_a_protocol_with_a_subject_twice_cannot_be_made() -> None:
    base = get_protocol("disfa")
    a, b = Part("a", "disfa", ("SN001", "SN002")), Part("b", "disfa", ("SN002", "SN003"))
    with pytest.raises(InputError, match="has SN002 in training and test"):
        replace(base, folds=(Fold(1, (a,), (b,)),))
    c = Part("c", "disfa", ("SN004",))
    with pytest.raises(InputError, match="subject SN002 is tested in folds 1 and 2"):
        replace(base, folds=(Fold(1, (c,), (a,)), Fold(2, (c,), (b,))))


def test_a_split_with_a_person_on_both_sides_cannot_be_made() -> None:
    protocol = get_protocol("disfa_plus")
    train = labels_only("disfa", ["SN001", "SN002"])
    test = labels_only("disfa_plus", ["SN001"], person="disfa:SN001")
    with pytest.raises(InputError, match="disfa:SN001 would be in training and in test"):
        Split(protocol, 1, train, test)
    with pytest.raises(InputError, match="worthless"):
        Split(protocol, 1, train, train.select(["SN002"]))
    assert Split(protocol, 1, train.select(["SN002"]), test).test.persons == ("disfa:SN001",)


def _coded(name: str, units: tuple[int, ...], people: dict[str, str]) -> AUDataset:
    """Two frames of each subject, whose labels are all known; subject -> person."""
    labels = np.tile(np.int8([[0], [4]]), (1, len(units)))
    known = np.ones(labels.shape, bool)
    recordings = [
        Recording(
            dataset=name, subject=subject, task="", frames=np.arange(2), action_units=units,
            occurrence=(labels > 1).astype(np.int8), intensity=labels, occurrence_known=known, intensity_known=known, person=person,
        )
        for subject, person in people.items()
    ]  # fmt: skip
    return AUDataset(name, units, tuple(recordings), AnomalyLog())


def test_one_data_set_is_left_out_of_training_and_tested_on_what_it_codes() -> None:
    data = {
        "one": _coded("one", (1, 2, 4), {"a": "one:a", "b": "shared:b"}),
        "two": _coded("two", (1, 4, 9), {"c": "two:c", "b2": "shared:b"}),
        "three": _coded("three", (2, 5), {"d": "three:d"}),
    }
    protocol = leave_one_dataset_out(data)
    assert protocol.action_units == (1, 2, 4), "5 and 9 are coded by one data set alone and could not be trained for it"
    assert protocol.evaluated == {"one": (1, 2, 4), "two": (1, 4), "three": (2,)}
    split = protocol.split(data, "two")
    assert set(split.test.subjects) == {"b2", "c"} and set(split.train.persons) == {"one:a", "three:d"}, "b is in both"
    assert {one.dataset for one in split.train.recordings} == {"one", "three"}
    assert [fold.aliases[0] for fold in protocol.folds] == ["one", "three", "two"]
    assert list(split.test_sets()["two"].action_units) == [1, 4]


def test_leaving_data_sets_out_needs_several_that_share_something() -> None:
    one = _coded("one", (1, 2), {"a": "p"})
    with pytest.raises(InputError, match="two data sets or more, got one"):
        leave_one_dataset_out({"one": one})
    with pytest.raises(InputError, match=r"no action unit is coded by two.*one codes AUs 1, 2; two codes AUs 4"):
        leave_one_dataset_out({"one": one, "two": _coded("two", (4,), {"b": "q"})})
    with pytest.raises(InputError, match="nobody is left"):
        leave_one_dataset_out({"one": one, "two": _coded("two", (1,), {"b": "p"})})


def test_folds_drawn_anew_keep_subjects_and_sizes() -> None:
    for name in ("bp4d", "disfa"):
        published = get_protocol(name)
        drawn = [redrawn(published, seed) for seed in (1, 2, 1)]
        assert drawn[0].folds == drawn[2].folds != drawn[1].folds
        sizes = [[len(fold.test[0].subjects) for fold in one.folds] for one in (published, *drawn)]
        assert all(sorted(one) == sorted(sizes[0]) for one in sizes)
        assert all(subjects_of(one, name) == subjects_of(published, name) for one in drawn)
        assert drawn[0].fold(1).test[0].subjects != published.fold(1).test[0].subjects
        assert drawn[0].action_units == published.action_units
    for fixed in ("bp4d_to_disfa", "fera2017", "mixed"):
        assert not can_be_redrawn(get_protocol(fixed))
        with pytest.raises(InputError, match="cannot be drawn anew"):
            redrawn(get_protocol(fixed), 1)
    own = k_fold(labels_only("mine", ["a", "b", "c", "d", "e"]), 3)
    assert can_be_redrawn(own) and redrawn(own, 4).fold(3).number == 3


def test_selection_uses_held_out_training_persons_alone() -> None:
    protocol = get_protocol("disfa")
    split = protocol.split(labels_only("disfa", subjects_of(protocol, "disfa")), 2)
    fit, held = split.hold_out(0.2, seed=3)
    assert len(held.subjects) == 4 and len(fit.subjects) == 14
    assert not set(held.persons) & (set(fit.persons) | set(split.test.persons))
    assert split.hold_out(0.2, seed=3)[1].subjects == held.subjects != split.hold_out(0.2, seed=4)[1].subjects
    assert hold_out(["b", "a"], 0.01) == hold_out(["a", "b"], 0.01) and len(hold_out(["a", "b"], 0.99)[0]) == 1
    with pytest.raises(InputError, match="at least 2"):
        hold_out(["a"], 0.5)
    with pytest.raises(InputError, match="between 0 and 1"):
        hold_out(["a", "b"], 1)


def test_cross_data_set_protocols_on_real_layouts(tmp_path: Path) -> None:
    bp4d = open_dataset("bp4d", make_bp4d(tmp_path / "a", subjects=["F001", "F003", "F004"], tasks=["T1"]))
    disfa = open_dataset("disfa", make_disfa(tmp_path / "b", subjects=[1, 3, 6]), threshold=5)
    wild = open_dataset("affwild2", make_affwild2(tmp_path / "c"))
    fera = open_dataset("fera2017", make_fera2017(tmp_path / "d", views=[1, 6]))
    plus = open_dataset("disfa_plus", make_disfa_plus(tmp_path / "e", subjects=[1, 7]))

    split = get_protocol("bp4d_to_disfa").split({"bp4d": bp4d, "disfa": disfa}, strict=False)
    assert split.train.subjects == ("F001", "F003") and split.test.subjects == ("SN001", "SN003", "SN006")
    assert split.test_sets()["disfa"].action_units == (1, 2, 4, 6, 12)
    assert split.test.recordings[0].occurrence[:, 0].tolist() == [0, 1, 1, 1, 1, 0]  # the protocol's threshold, not 5

    mixed = get_protocol("mixed").split({"bp4d": bp4d, "disfa": disfa, "affwild2": wild}, strict=False)
    assert mixed.train.persons == ("bp4d:F001", "bp4d:F003", "disfa:SN001", "disfa:SN006", "affwild2:v1")
    assert mixed.test.persons == ("bp4d:F004", "disfa:SN003", "affwild2:v2_left") and len(mixed.train.action_units) == 15
    assert {name: len(one.action_units) for name, one in mixed.test_sets().items()} == {"bp4d": 12, "disfa": 8, "affwild2": 7}
    assert not mixed.train.select(["disfa:SN001"]).label_table().occurrence_known[:, mixed.train.action_units.index(7)].any()

    nine, seven = (get_protocol(name).split(fera) for name in ("fera2017", "fera2017_seven_poses"))
    assert len(nine.test.recordings) == 2 and [one.view for one in seven.test.recordings] == [6]
    assert nine.train.persons == ("bp4d:F001",) and nine.test.persons == ("bp4d_plus:F001",)

    to_bp4d = get_protocol("fera2017_to_bp4d")
    assert set(to_bp4d.folds[0].train[0].subjects or ()) & set(to_bp4d.folds[0].test[0].subjects or ()) == set()
    assert get_protocol("disfa_plus").split(plus, 1, strict=False).train.subjects == ("SN007",)
    later = get_protocol("affwild2").split(wild)
    assert any("AU20" in note for note in later.notes)
    with pytest.raises(InputError, match="needs the data set disfa and affwild2, got bp4d"):
        get_protocol("mixed").split(bp4d)
