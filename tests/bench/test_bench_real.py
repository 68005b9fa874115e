"""The figures on real faces: hand-worked scores, the right face, nothing lost."""

from __future__ import annotations

import csv
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY, draw_landmarks, draw_test_image

from aufait.errors import InputError
from aufait.media.images import write_image
from aufait.results import FaceAnalysis, FrameAnalysis

if not (REPOSITORY / "benchmarks").is_dir():
    pytest.skip("the benchmarks are not part of this source archive", allow_module_level=True)
sys.path.insert(0, str(REPOSITORY / "benchmarks"))

from real_bench import degradations, detecting, development, scoring, sheets, sides, trust

UNITS = (1, 2, 12)


def face(box: tuple[float, float, float, float], probability: tuple[float, ...] = (0.1, 0.2, 0.9)) -> FaceAnalysis:
    values = np.array(probability)
    sides = {f"{name}{side}": values for name in ("probability", "intensity") for side in ("", "_left", "_right")}
    return FaceAnalysis(0, np.array(box), 1.0, np.zeros((68, 2)), None, UNITS, **sides)


def write_set(folder: Path, faces: list[dict]) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for item in faces:
        write_image(folder / item["file"], np.full((40, 40, 3), 128, np.uint8), overwrite=True)
    (folder / "labels.json").write_text(json.dumps(faces))


def labelled(name: str, labels: dict[str, int | None], group: str = "a") -> dict:
    box = [0, 0, 10, 10]
    return {"id": name, "file": f"images/{name}.jpg", "group": group, "box": box, "occluded": 0, "labels": labels}


def test_f1_and_area_of_a_hand_worked_case() -> None:
    truth = np.array([[1.0], [1], [0], [0], [np.nan]])
    probability = np.array([[0.9], [0.4], [0.6], [0.1], [1.0]])
    (unit,) = scoring.score_units(["AU1"], truth, probability, list("abcde")).units
    assert (unit.positives, unit.negatives) == (2, 2)
    assert unit.f1.value == pytest.approx(2 * 1 / (2 + 1 + 1))  # one hit, one false alarm, one miss
    assert unit.roc.value == pytest.approx(3 / 4)  # of four pairs one is in the wrong order


def test_means_leave_out_units_with_few_positives() -> None:
    truth = np.zeros((12, 2))
    truth[:6, 0] = truth[:4, 1] = 1
    probability = np.where(truth == 1, 0.9, 0.1)
    probability[:, 1] = 0.1  # all four missed
    scores = scoring.score_units(["AU1", "AU2"], truth, probability, [str(k) for k in range(12)])
    assert [unit.name for unit in scores.counted] == ["AU1"]
    assert scores.f1.value == scores.roc.value == 1.0
    none = scoring.score_units(["AU2"], truth[:, 1:], probability[:, 1:], [str(k) for k in range(12)])
    assert math.isnan(none.f1.value)


def test_left_out_thresholds_come_from_other_groups() -> None:
    score = np.array([0.8, 0.2, 0.4, 0.1])
    present = np.array([True, False, True, False])
    # Without group a the cut is at 0.25, without b at 0.5: the 0.4 of group b is then missed.
    said = scoring.left_out_decisions(score, present, np.array(["a", "a", "b", "b"]))
    assert said.tolist() == [True, False, False, False]
    assert scoring.best_threshold(np.array([0.8, 0.2]), np.array([True, False])) == pytest.approx(0.5)


def test_a_single_group_decides_nothing() -> None:
    assert not scoring.left_out_decisions(np.array([0.9, 0.1]), np.array([True, False]), np.array(["a", "a"])).any()


def test_shares_have_wilsons_interval() -> None:
    none, half = scoring.share([False] * 38), scoring.share([True] * 5 + [False] * 5)
    assert none.interval == pytest.approx((0.0, 0.0918), abs=1e-3)  # z^2 / (n + z^2)
    assert half.interval == pytest.approx((0.2366, 0.7634), abs=1e-3)
    assert str(none) == "0/38 = 0.0 % (0-9)"
    assert math.isnan(scoring.share([]).value)


def test_a_bar_is_reached_or_not_and_never_by_nan() -> None:
    assert scoring.verdict("x", 0.9, 0.9).endswith("0.900 reached")
    assert "NOT reached" in scoring.verdict("x", 0.89, 0.9)
    assert "NOT reached" in scoring.verdict("x", 0.04, 0.03, at_most=True)
    assert "NOT reached" in scoring.verdict("x", math.nan, 0.9)


def test_the_face_that_overlaps_the_label_is_taken() -> None:
    small, right, far = face((0, 0, 10, 10)), face((2, 2, 42, 40)), face((60, 60, 90, 90))
    assert detecting.labelled_face([small, right, far], (0, 0, 40, 40)) is right
    assert detecting.labelled_face([small, far], (0, 0, 40, 40)) is None
    assert detecting.labelled_face([], (0, 0, 40, 40)) is None


def test_unfound_faces_score_zero_and_unknown_labels_do_not_count(tmp_path: Path) -> None:
    write_set(tmp_path, [labelled("x", {"AU1": 1, "AU12": None, "AU99": 1}), labelled("y", {"AU1": 0, "AU12": 1, "AU99": 0}, "b")])
    faces = development.read_labelled_faces(tmp_path)
    names, truth, probability = development.tables(faces, [None, face((0, 0, 10, 10))])
    assert names == ["AU1", "AU12"]  # AU99 is not scored by the model
    assert probability.tolist() == [[0.0, 0.0], [pytest.approx(0.1), pytest.approx(0.9)]]
    assert np.isnan(truth[0, 1])
    assert truth[0, 0] == 1


def test_the_csv_has_a_line_per_found_face(tmp_path: Path) -> None:
    write_set(tmp_path, [labelled("x", {"AU1": 1}), labelled("y", {"AU1": 0})])
    faces = development.read_labelled_faces(tmp_path)
    development.write_csv(tmp_path / "out.csv", faces, [face((0, 0, 10, 10)), None])
    with (tmp_path / "out.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["id"] == "x"
    assert float(row["AU12"]) == pytest.approx(0.9)


def test_a_wrong_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labels\.json"):
        development.read_labelled_faces(tmp_path)
    (tmp_path / "labels.json").write_text('[{"id": "x"}]')
    with pytest.raises(InputError, match="file, group, box"):
        development.read_labelled_faces(tmp_path)


def test_the_worst_errors_come_first() -> None:
    truth = np.array([0, 0, 1, 1, np.nan, 0])
    probability = np.array([0.2, 0.9, 0.8, 0.3, 1.0, 1.0])
    found = np.array([True, True, True, True, True, False])
    alarms, misses = sheets.worst_errors(truth, probability, found, 5)
    assert alarms.tolist() == [1, 0]
    assert misses.tolist() == [3, 2]


def test_a_crop_shows_the_box_in_its_middle() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[40:60, 90:110] = 255
    crop = sheets.face_crop(image, (90, 40, 20, 20), margin=0.5)
    assert crop.shape == (sheets.CROP, sheets.CROP, 3)
    bright = np.argwhere(crop[..., 0] > 128)
    assert bright.min(axis=0) == pytest.approx(sheets.CROP / 4, abs=2)
    assert bright.max(axis=0) == pytest.approx(sheets.CROP * 3 / 4, abs=2)


def half(kind: str, side: str, gap: float) -> sides.HalfFace:
    return sides.HalfFace(kind, 12, side, "x", gap, math.nan, None)


def test_a_side_is_told_from_a_gap_of_one_and_an_unfound_face_is_not() -> None:
    chosen = [half("a", "left", 1.0), half("a", "right", 0.99), half("a", "left", math.nan), half("a", "right", -2.0)]
    told = sides._told(chosen)
    assert (told.hits, told.total) == (1, 4)


def test_the_gap_is_that_of_the_acting_side() -> None:
    values = {"probability": 0.9, "probability_left": 0.9, "probability_right": 0.1}
    values |= {"intensity": 3.0, "intensity_left": 3.0, "intensity_right": 0.5}
    arrays = {name: np.array([value]) for name, value in values.items()}
    result = FaceAnalysis(0, np.array([0, 0, 9, 9]), 1.0, np.zeros((68, 2)), None, (12,), **arrays)

    class Always:
        def analyze_image(self, image: np.ndarray) -> FrameAnalysis:
            return FrameAnalysis("x", 1, 0.0, (9, 9), (result,))

    picture = np.zeros((9, 9, 3), np.uint8)
    assert sides._gap(Always(), picture, 12, "left") == pytest.approx(2.5)
    assert sides._gap(Always(), picture, 12, "right") == pytest.approx(-2.5)


def test_the_error_of_a_face_is_over_its_known_units() -> None:
    truth = np.array([[1.0, 0.0, np.nan], [np.nan, np.nan, np.nan]])
    distance, wrong = trust.face_errors(truth, np.array([[0.2, 0.1, 1.0], [0.5, 0.5, 0.5]]))
    assert distance[0] == pytest.approx((0.8 + 0.1) / 2)
    assert wrong[0] == pytest.approx(1 / 2)
    assert np.isnan([distance[1], wrong[1]]).all()


def test_rank_correlation_of_hand_worked_cases() -> None:
    rising = np.array([1.0, 2, 3, 4])
    assert trust.rank_correlation(rising, rising**3) == pytest.approx(1.0)
    assert trust.rank_correlation(rising, -rising) == pytest.approx(-1.0)
    assert trust.rank_correlation(rising, np.array([1.0, 1, 2, 2])) == pytest.approx(4 / math.sqrt(20))  # ranks 1.5 1.5 3.5 3.5
    assert math.isnan(trust.rank_correlation(rising, np.ones(4)))


def test_thirds_are_in_order_of_the_values() -> None:
    low, middle, high = trust.thirds(np.array([0.9, 0.1, 0.5, 0.2, 0.8, 0.6]))
    assert [set(part.tolist()) for part in (low, middle, high)] == [{1, 3}, {2, 5}, {0, 4}]


@pytest.mark.parametrize("name", trust.DEFECTS)
def test_each_defect_changes_the_picture_and_leaves_the_original(name: str) -> None:
    image, points = draw_test_image(200, 200), draw_landmarks((100, 95))
    before = image.copy()
    spoilt = trust.DEFECTS[name](image, points)
    assert spoilt.shape == image.shape
    assert spoilt.dtype == np.uint8
    assert np.abs(spoilt.astype(int) - before).max() > 10
    assert (image == before).all()


def test_covers_lie_where_they_should() -> None:
    image, points = draw_test_image(200, 200), draw_landmarks((100, 95))
    for cover in (degradations.box_over, degradations.hand_over):
        changed = (cover(degradations.MOUTH)(image, points) != image).any(axis=2)
        x, y = np.rint(points[62]).astype(int)
        assert changed[y - 3 : y + 4, x - 3 : x + 4].mean() > 0.9
        assert not changed[: int(points[28][1])].any()  # eyes and brows stay


def test_an_upside_down_box_lies_at_the_opposite_place() -> None:
    assert trust._box_after("upside down", (10, 20, 30, 40), (200, 100, 3)) == (60, 140, 30, 40)
    assert trust._box_after("blur", (10, 20, 30, 40), (200, 100, 3)) == (10, 20, 30, 40)
