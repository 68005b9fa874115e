"""The page on architecture: its picture is drawn from the imports as they are, and the files that it names are there."""

from __future__ import annotations

import re
import sys

import pytest
from conftest import REPOSITORY
from test_layout import LAYERS

sys.path.insert(0, str(REPOSITORY / "tools"))

import draw_architecture

PAGE = REPOSITORY / "docs" / "architecture.md"
PLACES = ("src/", "tests/", "tools/", "docs/", "web/", "examples/")


def named_files() -> list[str]:
    words = re.findall(r"`([\w./-]+)`", PAGE.read_text("utf-8"))
    return sorted({word for word in words if word.startswith(PLACES)})


def test_the_picture_is_current() -> None:
    current = draw_architecture.PICTURE.read_text("utf-8")
    assert current == draw_architecture.drawing(), "run: python tools/draw_architecture.py, look at the picture, commit it"


def test_every_room_has_a_place_and_a_caption_in_the_picture() -> None:
    assert set(draw_architecture.ROOMS) == {name for names in LAYERS for name in names}


def test_no_two_rooms_of_a_line_overlap() -> None:
    for names in LAYERS:
        lefts = sorted(draw_architecture.corner(name)[0] for name in names)
        assert all(right - left > draw_architecture.WIDTH for left, right in zip(lefts, lefts[1:], strict=False)), names


def test_lines_that_follow_from_others_are_left_out() -> None:
    pairs = {("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("a", "d"), ("e", "d")}
    assert draw_architecture.needed(pairs) == [("a", "b"), ("b", "c"), ("c", "d"), ("e", "d")]


def test_what_is_left_out_still_follows_from_what_is_drawn() -> None:
    everything = draw_architecture.arrows()
    drawn = draw_architecture.needed(everything)
    below: dict[str, set[str]] = {}
    for names in reversed(LAYERS):
        for name in names:
            mine = {b for a, b in drawn if a == name}
            below[name] = mine.union(*(below[one] for one in mine))
    assert {(a, b) for a, b in everything if b not in below[a]} == set()


def test_the_page_answers_many_questions() -> None:
    assert len(named_files()) >= 30


@pytest.mark.parametrize("name", named_files())
def test_every_named_file_is_there(name: str) -> None:
    assert (REPOSITORY / name).exists()
