"""ELAN's files: written by pympi, and by hand where pympi does not write what ELAN does."""

from __future__ import annotations

from pathlib import Path

import pytest

from aufait.analysis.annotations import read_annotations
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT AUTHOR="" FORMAT="3.0" VERSION="3.0">'
SLOTS = "".join(f'<TIME_SLOT TIME_SLOT_ID="ts{number}" TIME_VALUE="{number * 1000}"/>' for number in range(1, 5))


def aligned(name: str, start: int, end: int, text: str) -> str:
    return (
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}" TIME_SLOT_REF1="ts{start}" TIME_SLOT_REF2="ts{end}">'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
    )


def referring(name: str, parent: str, text: str, previous: str = "") -> str:
    before = f' PREVIOUS_ANNOTATION="{previous}"' if previous else ""
    return (
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{name}" ANNOTATION_REF="{parent}"{before}>'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
    )


def tier(name: str, *annotations: str, more: str = "") -> str:
    return f'<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="{name}" {more}>{"".join(annotations)}</TIER>'


def document(folder: Path, *tiers: str, media: str = "", slots: str = SLOTS) -> Path:
    path = folder / "coder.eaf"
    header = f'<HEADER TIME_UNITS="milliseconds">{media}</HEADER>'
    path.write_text(f"{HEAD}{header}<TIME_ORDER>{slots}</TIME_ORDER>{''.join(tiers)}</ANNOTATION_DOCUMENT>", "utf-8")
    return path


def test_what_pympi_writes_is_read_with_equal_values(tmp_path: Path) -> None:
    pympi = pytest.importorskip("pympi")
    eaf = pympi.Eaf()
    eaf.add_linked_file("file:///C:/videos/my%20clip.mp4", mimetype="video/mp4")
    eaf.add_tier("AU12", part="P1")
    eaf.add_annotation("AU12", 100, 1500, "C")
    eaf.add_annotation("AU12", 2000, 2500, "")
    eaf.add_linguistic_type("association", "Symbolic_Association")
    eaf.add_tier("side", ling="association", parent="AU12", part="P1")
    eaf.add_ref_annotation("side", "AU12", 300, "left")
    eaf.to_file(str(tmp_path / "coder.eaf"))
    assert read_annotations(tmp_path / "coder.eaf") == [
        Span(0.1, 1.5, "C", "AU12", "P1", "my clip"),
        Span(0.1, 1.5, "left", "side", "P1", "my clip"),
        Span(2.0, 2.5, "AU12", "AU12", "P1", "my clip"),
    ]


def test_a_subdivision_is_divided_evenly_in_the_order_of_its_parts(tmp_path: Path) -> None:
    parts = (
        referring("r2", "a1", "second", previous="r1"),
        referring("r1", "a1", "first"),
        referring("r3", "a1", "third", previous="r2"),
    )
    path = document(tmp_path, tier("whole", aligned("a1", 1, 4, "x")), tier("parts", *parts, more='PARENT_REF="whole"'))
    spans = {span.label: (span.start, span.end) for span in read_annotations(path)}
    assert spans == {"x": (1, 4), "first": (1, 2), "second": (2, 3), "third": (3, 4)}


def test_references_are_followed_through_several_tiers(tmp_path: Path) -> None:
    path = document(
        tmp_path,
        tier("third", referring("r2", "r1", "z"), more='PARENT_REF="second"'),
        tier("second", referring("r1", "a1", "y"), more='PARENT_REF="first"'),
        tier("first", aligned("a1", 2, 3, "x")),
    )
    assert [(span.start, span.end) for span in read_annotations(path)] == [(2, 3)] * 3


def test_times_move_to_the_clock_of_the_medium(tmp_path: Path) -> None:
    media = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///v/clip.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="2500"/>'
    path = document(tmp_path, tier("AU12", aligned("a1", 1, 2, "C")), media=media)
    assert read_annotations(path) == [Span(3.5, 4.5, "C", "AU12", "", "clip")]


def test_media_with_different_beginnings_are_reported(tmp_path: Path) -> None:
    media = '<MEDIA_DESCRIPTOR MEDIA_URL="a.mp4" TIME_ORIGIN="0"/><MEDIA_DESCRIPTOR MEDIA_URL="b.wav" TIME_ORIGIN="40"/>'
    path = document(tmp_path, tier("AU12", aligned("a1", 1, 2, "C")), media=media)
    with pytest.warns(InputWarning, match=r"clock of the first, a\.mp4"):
        assert read_annotations(path)[0].start == 1


def test_borders_without_a_time_lie_evenly_between_their_neighbours(tmp_path: Path) -> None:
    slots = '<TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="ts2"/><TIME_SLOT TIME_SLOT_ID="ts3"/>'
    slots += '<TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="4000"/>'
    parts = (aligned("a1", 1, 2, "x"), aligned("a2", 2, 3, "y"), aligned("a3", 3, 4, "z"))
    with pytest.warns(InputWarning, match="2 borders were never placed"):
        spans = read_annotations(document(tmp_path, tier("t", *parts), slots=slots))
    assert [(span.start, span.end) for span in spans] == [(1, 2), (2, 3), (3, 4)]


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        ((tier("t", aligned("a1", 2, 1, "x")),), "ends before it begins"),
        ((tier("t", aligned("a1", 1, 9, "x")),), "'ts9', which is not there"),
        ((tier("t", referring("r1", "r2", "x"), referring("r2", "r1", "y")),), "to each other"),
        ((tier("t", referring("r1", "nobody", "x")),), "not there"),
        ((tier("t", aligned("a1", 1, 2, "x"), aligned("a1", 2, 3, "y")),), "same identifier"),
    ],
)
def test_annotations_that_cannot_be_placed_are_named(tmp_path: Path, tiers: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_annotations(document(tmp_path, *tiers))


def test_a_bomb_of_entities_and_a_look_into_other_files_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    bomb = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "' + 10 * f"&a{n - 1};" + '">' for n in range(1, 10))
    for doctype in (
        f"<!DOCTYPE x [{bomb}]>",
        f'<!DOCTYPE x [<!ENTITY a9 SYSTEM "{secret.as_uri()}">]>',
        '<!DOCTYPE x SYSTEM "x.dtd">',
    ):
        path = tmp_path / "hostile.eaf"
        path.write_text(f'<?xml version="1.0"?>{doctype}<ANNOTATION_DOCUMENT><TIER TIER_ID="t">&a9;</TIER></ANNOTATION_DOCUMENT>')
        with pytest.raises(InputError, match="declares a document type"):
            read_annotations(path)


@pytest.mark.parametrize("origin", ["nan", "1e999", "9" * 400])
def test_an_offset_that_is_no_time_is_named(tmp_path: Path, origin: str) -> None:
    media = f'<MEDIA_DESCRIPTOR MEDIA_URL="a.mp4" TIME_ORIGIN="{origin}"/>'
    with pytest.raises(InputError, match="the offset of a medium is no number"):
        read_annotations(document(tmp_path, tier("t", aligned("a1", 1, 2, "x")), media=media))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<ANNOTATION_DOCUMENT><TIER>", "not whole XML"),
        ("<html></html>", "not ELAN's: it begins with <html>"),
        ("<x>" * 200 + "</x>" * 200, "nested more than"),
        ('<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="PAL-frames"/></ANNOTATION_DOCUMENT>', "times are in PAL-frames"),
        ("no xml at all", "no column for start"),
    ],
)
def test_a_file_that_is_not_elans_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "coder.eaf"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_annotations(path, None if text.startswith("<") else "csv")


def test_other_encodings_and_a_mark_at_the_beginning_are_read(tmp_path: Path) -> None:
    path = document(tmp_path, tier("Müller", aligned("a1", 1, 2, "lächelt")))
    text = path.read_text("utf-8")
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_text(text.replace("UTF-8", encoding.removesuffix("-sig")), encoding)
        assert read_annotations(path) == [Span(1, 2, "lächelt", "Müller")]
