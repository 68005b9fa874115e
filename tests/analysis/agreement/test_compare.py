"""Two raters of one recording are joined on true time; what only one has is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aufait.analysis.agreement.compare import common_times, compare_pair, match_events
from aufait.analysis.agreement.frame_codes import read_frame_codes
from aufait.analysis.agreement.rater import coder_rater, table_rater
from aufait.analysis.event_rule import EventRule
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning


def table(fps: float, start: float = 2.0, end: float = 4.0, seconds: float = 10.0) -> ScoreTable:
    """AU12 at intensity 3 from start to end, else 0."""
    times = np.arange(round(seconds * fps)) / fps
    values = np.where((times >= start - 1e-6) & (times < end - 1e-6), 3.0, 0.0)[:, None].astype(np.float32)
    return ScoreTable.made_of("clip", (12,), times, np.zeros(len(times), np.int64), intensity=values)


def rater(scores: ScoreTable, name: str = "ours"):  # type: ignore[no-untyped-def]
    return table_rater(name, scores, None, 0.0, EventRule(), 1.5)


def values(one, other) -> dict[str, float]:  # type: ignore[no-untyped-def]
    times, near = common_times([one, other], 30.0)
    return {row.measure: row.value for row in compare_pair(one, other, times, near, 0.5)[0]}


def test_tables_of_different_frame_rates_agree_where_they_say_the_same() -> None:
    found = values(rater(table(30.0)), rater(table(10.0), "other"))
    assert found["F1"] == found["Cohen's kappa"] == found["event F1, overlap"] == 1
    assert found["ICC(2,1)"] == pytest.approx(1)


def test_a_coder_who_ends_early_is_compared_to_there_and_that_is_told() -> None:
    coder = coder_rater("coder", [Span(2.5, 4.0, "AU12C"), Span(6.0, 6.5, "AU12A")], "last", 0.0, 2)
    with pytest.warns(InputWarning, match=r"compared 0.00 to 6.4\d s; 105 of 300 frames lie outside"):
        found = values(rater(table(30.0)), coder)
    # 60 frames present for us, 45 of them for the coder too
    assert found["F1"] == pytest.approx(2 * 45 / 105)
    assert found["median onset difference, s"] == pytest.approx(0.5)


def test_units_of_one_side_are_told_and_no_common_unit_is_refused() -> None:
    coder = coder_rater("coder", [Span(1, 2, "AU4")], "all", 0.0, 1)
    with pytest.warns(InputWarning, match="only coder has AU4"), pytest.raises(InputError, match="no action unit in common"):
        values(rater(table(30.0)), coder)


def test_events_are_matched_one_to_one() -> None:
    assert match_events([(0, 1), (1, 2)], [(0.1, 1.9)]) == [(0, 0)] or match_events([(0, 1), (1, 2)], [(0.1, 1.9)]) == [(1, 0)]
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
