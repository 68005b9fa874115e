"""Events on the page: counts and times add up, links lead to key frames, nothing is left out without a word."""

from __future__ import annotations

import re

import pytest
from analysed import Page, make_report, write

from aufait.analysis import Event
from aufait.visualization.results.event_tables import MAX_LISTED, PageEvents, event_tables

FOUND = (
    Event("AU12", 1.0, 1.5, 2.0, 3.2, 2.0, face_id=0),
    Event("AU12", 4.0, 4.1, 7.5, 4.4, 3.0, face_id=0),
    Event("AU4", 3.0, 3.0, 3.25, 1.6, 1.5, face_id=0),
    Event("AU6", 0.0, 70.0, 90.0, 2.5, 1.5, face_id=3),
)


def rows(text: str, name: str) -> list[list[str]]:
    """Cells of the table of that name, without tags."""
    start = text.index(f'aria-label="{name}"')
    body = text[text.index("<tbody>", start) : text.index("</tbody>", start)]
    return [[re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)] for row in body.split("</tr>")[:-1]]


def test_counts_total_time_longest_and_strongest_of_each_unit():
    text = event_tables(PageEvents(FOUND, "By a rule."), [0, 3], set(), None)
    assert rows(text, "Events of face 0 by action unit") == [
        ["AU12", "Lip corner puller", "2", "4.5 s", "3.50 s", "4.4", "4.10 s"],
        ["AU4", "Brow lowerer", "1", "0.2 s", "0.25 s", "1.6", "3.00 s"],
    ]
    (other,) = rows(text, "Events of face 3 by action unit")
    assert other == ["AU6", "Cheek raiser", "1", "1 min 30 s", "1 min 30 s", "2.5", "1:10.00"]
    assert "By a rule." in text


def test_the_list_is_in_the_order_of_time():
    text = event_tables(PageEvents(FOUND, ""), [0], set(), None)
    listed = rows(text, "Events of face 0 by time")
    assert [row[0] for row in listed] == ["AU12", "AU4", "AU12"]
    assert listed[1] == ["AU4", "3.00 s", "3.00 s", "3.25 s", "0.25 s", "1.6"]
    assert "All 3 events of face 0" in text and "Events of 1 more face are not shown" in text


def test_labels_lead_to_key_frames_and_times_into_the_video(tmp_path):
    page = write(make_report(), tmp_path, video=tmp_path / "v.mp4", events=PageEvents(FOUND[:3], "rule"))
    links = [str(link.get("href")) for link in page.all("a")]
    inside = [link[1:] for link in links if link.startswith("#")]
    assert inside == ["key-0-12"] * 3  # in the table and twice in the list; AU4 has no key frame
    assert set(inside) <= {item.get("id") for item in page.all("li")}
    assert "./v.mp4#t=4.100" in links


def test_probabilities_are_shown_as_such():
    events = (Event("AU1", 0.0, 0.0, 1.0, 0.87, 0.7, kind="probability", face_id=0),)
    assert rows(event_tables(PageEvents(events, ""), [0], set(), None), "Events of face 0 by action unit")[0][5] == "87 %"


def test_long_lists_are_cut_and_say_so():
    events = [Event("AU45", t, t, t + 0.2, 2.0, 2.0, face_id=0) for t in range(MAX_LISTED + 7)]
    text = event_tables(PageEvents(events, ""), [0], set(), None)
    assert len(rows(text, "Events of face 0 by time")) == MAX_LISTED and "7 more are not listed" in text
    assert rows(text, "Events of face 0 by action unit")[0][2] == f"{MAX_LISTED + 7}"


def test_no_event_and_no_search_are_told_apart(tmp_path):
    assert event_tables(None, [0], set(), None) == ""
    assert "No event." in event_tables(PageEvents((), ""), [0], set(), None)
    assert "could not be &lt;read&gt;" in event_tables(PageEvents((), "", problem="could not be <read>"), [0], set(), None)


@pytest.mark.parametrize("label", ["AU12 left", "6 & 12", "<b>", "AU", "AU١٢"])
def test_other_labels_are_shown_as_text(label):
    text = event_tables(PageEvents((Event(label, 0.0, 0.0, 1.0, 2.0, 2.0, face_id=0),), ""), [0], {(0, 12)}, None)
    assert "<b>" not in text and "#key" not in text
    assert Page(text).all("table")
