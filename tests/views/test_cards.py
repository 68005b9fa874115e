"""Results in notebooks and at the prompt: short, self-contained, escaped."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np

from aufait.results import AttentionMaps, FaceAnalysis, FrameAnalysis
from aufait.views.cards import bar_table, frame_card, image_tag, summary_card


class Page(HTMLParser):
    """Counts tags and refuses those that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def face(face_id: int = 0, intensity: bool = True) -> FaceAnalysis:
    row = np.array([0.1, 0.9])
    return FaceAnalysis(
        face_id, np.array([1, 2, 30, 40]), 0.9, np.zeros((68, 2)), None, (6, 12), row, 5 * row if intensity else None,
        attention=AttentionMaps(np.zeros((2, 8, 8), np.float32), np.eye(2, 3)),
    )  # fmt: skip


def frame(faces: int = 1, source: str = "clip.mp4", error: str | None = None) -> FrameAnalysis:
    return FrameAnalysis(source, 3, 0.08, (640, 480), tuple(face(number) for number in range(faces)), error)


def test_printed_results_are_short_and_say_what_occurs() -> None:
    assert repr(face()) == (
        "FaceAnalysis(face_id=0, box=(1, 2, 30, 40), confidence=0.90, quality=1.00, 2 action units, active: AU12)"
    )
    assert repr(frame()) == "FrameAnalysis('clip.mp4', frame 3, 0.080 s, 640 x 480, 1 face, active: AU12)"
    assert "2 faces" in repr(frame(2)) and "0 faces" in repr(frame(0)) and "damaged" in repr(frame(0, error="damaged"))
    assert repr(face().attention) == "AttentionMaps(2 x 8 x 8)"
    assert len(repr(frame(200))) < 300


def test_card_has_a_bar_per_unit_of_each_face() -> None:
    page = Page(frame(2)._repr_html_())
    assert page.tags.count("tr") == 4 and "img" not in page.tags
    assert "4.5" in frame_card(frame()) and "0.90" in frame_card(FrameAnalysis("a", 1, 0, (1, 1), (face(intensity=False),)))


def test_card_counts_faces_that_it_does_not_show() -> None:
    assert "and 14 more faces" in frame_card(frame(20)) and "no face" in frame_card(frame(0))


def test_card_holds_its_picture_and_needs_nothing_else() -> None:
    text = frame_card(frame(), b"\xff\xd8picture")
    assert Page(text).tags.count("img") == 1
    assert 'src="data:image/jpeg;base64,' in text and "http" not in text and "<script" not in text


def test_texts_are_escaped() -> None:
    nasty = '"><script>alert(1)</script>&.mp4'
    for text in (
        frame_card(frame(source=nasty, error=nasty)),
        summary_card(nasty, [(nasty, nasty)], [(b"x", nasty)]),
        bar_table([6], np.array([0.5]), nasty),
        image_tag(b"x", nasty),
    ):
        assert nasty not in text and "<script" not in text
        Page(text)


def test_unknown_share_has_no_number() -> None:
    assert "nan" not in bar_table([6, 99], np.array([np.nan, 0.25]), "share of time")
