"""What a coder's label means."""

from __future__ import annotations

import pytest

from aufait.action_units import ACTION_UNITS
from aufait.analysis.annotations import Code, code_of, parse_code
from aufait.analysis.span import Span


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("AU12", Code(12)),
        ("au04", Code(4)),
        ("12", Code(12)),
        ("AU12C", Code(12, 3)),
        ("12c", Code(12, 3)),
        ("12E", Code(12, 5)),
        ("AU 12 B", Code(12, 2)),
        ("L12", Code(12, None, "left")),
        ("L12C", Code(12, 3, "left")),
        ("R4a", Code(4, 1, "right")),
        ("B12", Code(12)),
        ("AU12L", Code(12, None, "left")),
        ("AU12 left", Code(12, None, "left")),
        ("AU12_right", Code(12, None, "right")),
        ("AU12 C left", Code(12, 3, "left")),
        ("AU12 left C", Code(12, 3, "left")),
        ("AU12 left face 0", Code(12, None, "left")),
        ("AU12 - Lip corner puller", Code(12)),
        ("AU25 Lips Part", Code(25)),
        (" AU12 ", Code(12)),
    ],
)
def test_a_label_names_unit_level_and_side(label: str, expected: Code) -> None:
    assert parse_code(label) == expected


@pytest.mark.parametrize(
    "label",
    [
        "",
        "smile",
        "AU99",
        "AU12_r",
        "AU12_c",
        "AU1+2",
        "6 & 12",
        "AU12 cheek",
        "120",
        "12F",
        "L12 right",
        "baseline 2",
        "A",
        "AU",
        "AU0",
    ],
)
def test_a_label_that_means_something_else_names_none(label: str) -> None:
    assert parse_code(label) is None


def test_every_unit_is_read_back_from_its_name() -> None:
    for unit, facts in ACTION_UNITS.items():
        assert parse_code(str(facts)) == parse_code(f"AU{unit:02d}") == Code(unit)


@pytest.mark.parametrize(
    ("tier", "label", "expected"),
    [
        ("AU12", "C", Code(12, 3)),
        ("AU12", "3", Code(12, 3)),
        ("AU12", "", Code(12)),
        ("AU12", "AU12", Code(12)),
        ("AU12", "left", Code(12, None, "left")),
        ("L12", "B", Code(12, 2, "left")),
        ("AU12", "AU6B", Code(6, 2)),
        ("upper face", "AU4", Code(4)),
        ("upper face", "C", None),
        ("upper face", "4", Code(4)),
    ],
)
def test_the_tier_gives_the_unit_where_the_label_is_only_its_level(tier: str, label: str, expected: Code | None) -> None:
    assert code_of(Span(0, 1, label, tier)) == expected
