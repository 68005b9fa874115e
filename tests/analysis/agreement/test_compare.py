"""Two raters of one recording are joined on true time; what only one has is told; intervals follow from sums."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from aufait.analysis.agreement.compare import compare_raters
from aufait.analysis.agreement.comparison import Comparison
from aufait.analysis.agreement.frame_codes import read_frame_codes
from aufait.analysis.agreement.matching import match_events
from aufait.analysis.agreement.opening import make_rater
from aufait.analysis.agreement.rater import Rater
from aufait.analysis.agreement.settings import Settings, coded_range
from aufait.analysis.bootstrap import Bootstrap
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning
from aufait.metrics.agreement import cohen_kappa, fleiss_kappa, icc_2_1, krippendorff_alpha


def table(fps: float, start: float = 2.0, end: float = 4.0, seconds: float = 10.0) -> ScoreTable:
    """AU12 at intensity 3 from start to end, else 0."""
    times = np.arange(round(seconds * fps)) / fps
    values = np.where((times >= start - 1e-6) & (times < end - 1e-6), 3.0, 0.0)[:, None].astype(np.float32)
    return ScoreTable.made_of("clip", (12,), times, np.zeros(len(times), np.int64), intensity=values)


def graded(intensity: np.ndarray, fps: float = 10.0, **given: object) -> ScoreTable:
    """AU12 with the intensities given."""
    times = np.arange(len(intensity)) / fps
    values = intensity[:, None].astype(np.float32)
    return ScoreTable.made_of("clip", (12,), times, np.zeros(len(times), np.int64), intensity=values, **given)


def rater(scores: ScoreTable, name: str = "ours") -> Rater:
    return make_rater(name, scores)


def values(found: Comparison, first: str = "", second: str = "") -> dict[str, float]:
    return {row.measure: row.value for row in found.measures if first in ("", row.first) and second in ("", row.second)}


def pair(one: Rater, other: Rater, settings: Settings | None = None) -> dict[str, float]:
    return values(compare_raters([one, other], settings))


def test_tables_of_different_frame_rates_agree_where_they_say_the_same() -> None:
    found = pair(rater(table(30.0)), rater(table(10.0), "other"))
    assert found["F1"] == found["Cohen's kappa"] == found["event F1, overlap"] == 1
    assert found["ICC(2,1)"] == pytest.approx(1)


def test_a_coder_who_ends_early_is_compared_to_there_and_that_is_told() -> None:
    coder = make_rater("coder", [Span(2.5, 4.0, "AU12C"), Span(6.0, 6.5, "AU12A")], Settings(level=2))
    with pytest.warns(InputWarning, match=r"compared 0.00 to 6.4\d s; 105 of 300 frames lie outside"):
        found = pair(rater(table(30.0)), coder)
    # 60 frames present for us, 45 of them for the coder too
    assert found["F1"] == pytest.approx(2 * 45 / 105)
    assert found["median onset difference, s"] == pytest.approx(0.5)


def test_units_of_one_side_are_told_and_no_common_unit_is_refused() -> None:
    coder = make_rater("coder", [Span(1, 2, "AU4")], Settings(coded="all"))
    with pytest.warns(InputWarning, match="only coder has AU4"), pytest.raises(InputError, match="no action unit in common"):
        pair(rater(table(30.0)), coder)


def test_no_time_in_common_is_refused_with_both_times_and_the_way_out() -> None:
    late = make_rater("late", table(30.0), shift=100.0)
    with pytest.raises(InputError, match=r"ours: 0.00 s to 10.00 s; late: 100.00 s to 110.00 s\); --offset"):
        pair(rater(table(30.0)), late)


def test_an_offset_brings_two_clocks_together() -> None:
    late = make_rater("late", table(30.0, start=5.0, end=7.0, seconds=13.0), shift=-3.0)
    with pytest.warns(InputWarning, match="lie outside"):
        found = pair(late, rater(table(30.0)))
    assert found["Cohen's kappa"] == 1 and found["median onset difference, s"] == pytest.approx(0)


def test_events_are_matched_one_to_one() -> None:
    assert match_events([(0, 1), (1, 2)], [(0.1, 1.9)]) in ([(0, 0)], [(1, 0)])
    assert match_events([(0.0, 1.0)], [(1.0, 2.0)]) == []
    assert match_events([(0.0, 1.0)], [(0.4, 5.0)], 0.5) == [(0, 0)]


def test_frame_codes_are_read_and_nine_is_not_scored(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("frame,AU6,AU12\n0,0,3\n1,9,2\n")
    with pytest.raises(InputError, match="--fps"):
        read_frame_codes(path)
    found = read_frame_codes(path, 10.0)
    assert found.time.tolist() == [0, 0.1]
    assert np.isnan(found.intensity[1, 0])
    assert found.intensity[:, 1].tolist() == [3, 2]


def test_measures_from_sums_are_those_of_the_frames() -> None:
    random = np.random.default_rng(0)
    first = random.integers(0, 6, 900).astype(float)
    second = np.clip(first + random.normal(0, 1.2, 900), 0, 5)
    found = pair(rater(graded(first)), rater(graded(second), "other"))
    one, other = first.astype(np.float32), second.astype(np.float32)
    assert found["Cohen's kappa"] == pytest.approx(cohen_kappa(one >= 1.5, other >= 1.5))
    assert found["ICC(2,1)"] == pytest.approx(icc_2_1(one, other))
    assert found["Krippendorff's alpha, ordinal"] == pytest.approx(
        krippendorff_alpha(np.stack([np.rint(one), np.rint(other)], axis=1), "ordinal")
    )
    assert found["Bland-Altman bias, second minus first"] == pytest.approx(np.mean(other - one), abs=1e-6)


def test_intervals_of_long_recordings_hold_the_value_and_are_wider_where_blocks_differ() -> None:
    random = np.random.default_rng(1)
    first = np.repeat(random.integers(0, 2, 120) * 3.0, 10)
    noise = random.random(1200) < 0.1
    even = compare_raters([rater(graded(first)), rater(graded(np.where(noise, 3 - first, first)), "other")])
    clumped = np.concatenate([3 - first[:120], first[120:]])
    uneven = compare_raters([rater(graded(first)), rater(graded(clumped), "other")])
    one, other = (found.value(12, "Cohen's kappa") for found in (even, uneven))
    assert one.low < one.value < one.high and other.low < other.value < other.high
    assert one.interval == "time"
    assert abs(one.value - other.value) < 0.1 and other.high - other.low > 1.5 * (one.high - one.low)
    assert all(row.low != row.low for row in even.measures if row.measure in ("events, first", "frames left out"))


def test_event_shares_stay_between_zero_and_one_in_every_draw() -> None:
    ends = [(start, start + 1.0) for start in range(0, 100, 4)]
    coder = make_rater("coder", [Span(start, end, "AU12") for start, end in ends], Settings(coded="all"))
    late = make_rater("late", [Span(start + 0.4, end + 0.7, "AU12") for start, end in ends[:-3]], Settings(coded="all"))
    found = compare_raters([coder, late])
    shares = [row for row in found.measures if row.measure.startswith("event ")]
    assert len(shares) == 6 and all(0 <= row.low <= row.value <= row.high <= 1 for row in shares)
    median = found.value(12, "median offset difference, s")
    assert median.value == pytest.approx(0.7) and median.low == pytest.approx(0.7) and median.interval == "events"


def test_short_recordings_have_no_interval_over_time_unless_blocks_are_shorter() -> None:
    raters = [rater(table(30.0)), rater(table(30.0, start=2.2), "other")]
    assert np.isnan(compare_raters(raters).value(12, "F1").low)
    short = compare_raters(raters, Settings(bootstrap=Bootstrap(block=1.0))).value(12, "F1")
    assert short.low < short.value <= short.high


def test_three_raters_have_the_measures_of_all_beside_those_of_the_pairs() -> None:
    random = np.random.default_rng(2)
    said = [(random.random(600) < 0.4).astype(float) * 3 for _ in range(3)]
    said[2][::7] = np.nan
    found = compare_raters([rater(graded(one), name) for one, name in zip(said, "abc", strict=True)])
    assert {(row.first, row.second) for row in found.measures} == {("a", "b"), ("a", "c"), ("b", "c"), ("all raters", "")}
    joint = values(found, "all raters")
    present = np.stack([np.where(np.isnan(one), np.nan, one >= 1.5) for one in said], axis=1)
    complete = present[np.isfinite(present).all(1)]
    counts = np.stack([(complete == 0).sum(1), (complete == 1).sum(1)], axis=1)
    assert joint["frames that all scored"] == len(complete)
    assert joint["Fleiss' kappa"] == pytest.approx(fleiss_kappa(counts))
    assert joint["Krippendorff's alpha, nominal"] == pytest.approx(krippendorff_alpha(present))
    fleiss = found.value(12, "Fleiss' kappa", "all raters")
    assert fleiss.low < fleiss.value < fleiss.high


def test_among_three_a_pair_without_anything_in_common_is_told_and_the_others_are_compared() -> None:
    brows = make_rater("brows", [Span(1, 2, "AU4"), Span(2, 3, "AU1")], Settings(coded="all"))
    both = make_rater("both", [Span(2, 4, "AU12"), Span(1, 2, "AU4")], Settings(coded="all"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = compare_raters([rater(table(30.0)), brows, both])
    said = [str(one.message) for one in caught]
    assert "ours and brows have no action unit in common" in said
    assert any("all raters together have no action unit in common" in one for one in said)
    assert {(row.first, row.second, row.unit) for row in found.measures} == {("ours", "both", 12), ("brows", "both", 4)}


def test_other_scales_and_sides_are_told() -> None:
    other = graded(np.tile([0.0, 3.0], 50), tool="openface", meaning={"intensity": "a regression of its own"})
    with pytest.warns(InputWarning, match="other: intensity there is a regression of its own; ICC"):
        pair(rater(table(10.0)), rater(other, "other"))
    with pytest.warns(InputWarning, match=r"one side count for the whole face: 'AU12 left' \(2\)"):
        make_rater("coder", [Span(0, 1, "AU12 left"), Span(2, 3, "L12"), Span(4, 5, "AU12")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pair(rater(table(10.0)), make_rater("coder", [Span(2, 4, "AU12")], Settings(coded="all")))


def test_wrong_settings_are_refused() -> None:
    assert coded_range("0-30") == (0, 30)
    with pytest.raises(InputError, match="last, all, or seconds"):
        coded_range("some")
    with pytest.raises(InputError, match="from an earlier to a later second"):
        Settings(coded=(3.0, 1.0))
    with pytest.raises(InputError, match="different names"):
        compare_raters([rater(table(10.0)), rater(table(10.0))])
