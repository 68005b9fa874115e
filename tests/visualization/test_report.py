"""The page: complete, self-contained, escaped, accessible, bounded."""

from __future__ import annotations

import re

import numpy as np
import pytest
from analysed import UNITS, make_face, make_frame, make_report, write

from aufait.errors import OutputError
from aufait.results import FrameAnalysis
from aufait.visualization.results.report import MAX_PICTURES, Report


def test_page_links_beside_and_embeds_the_rest(tmp_path):
    page = write(
        make_report(), tmp_path, video=tmp_path / "clip annotated.mp4", timeline=b"\x89PNG",
        files=[tmp_path / "a#1.csv"],
        provenance={"model": {"name": "default", "sha256": "f" * 64}, "finder": "builtin"},
    )  # fmt: skip
    (video,) = page.all("video")
    assert video["src"].startswith("./clip%20annotated.mp4#t=") and "controls" in video
    assert "./a%231.csv" in [link.get("href") for link in page.all("a")]
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))


def test_nothing_is_loaded_from_elsewhere(tmp_path):
    write(make_report(), tmp_path, video=tmp_path / "v.mp4", timeline=b"x", provenance={"a": 1})
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"(?:https?:)?//[a-z]", text.replace("// A time", ""))
    assert "@import" not in text and "url(" not in text and str(tmp_path) not in text


def test_page_is_accessible(tmp_path):
    page = write(make_report(), tmp_path, video=tmp_path / "v.mp4", timeline=b"x")
    assert page.all("html")[0]["lang"] == "en"
    assert all(image.get("alt") for image in page.all("img"))
    assert all(cell.get("scope") in {"col", "row"} for cell in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) and len(page.all("h1")) == 1
    names = {heading["id"] for heading in page.all("h2")}
    assert {section["aria-labelledby"] for section in page.all("section")} == names


def test_table_lists_every_action_unit_and_the_page_says_what_it_is_worth(tmp_path):
    write(make_report(), tmp_path)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert all(f">AU{unit}<" in text for unit in UNITS)
    assert "trained on rendered faces" in text and "prefers-color-scheme: dark" in text


def test_names_are_escaped(tmp_path):
    report = Report("<script>alert(1)</script>.mp4")
    report.add(make_frame(1, make_face(au12=3)))
    write(report, tmp_path, provenance={"finder": "<b>&"})
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text and "&lt;b&gt;&amp;" in text


def test_key_frames_are_the_strongest_and_bounded():
    report = make_report(100)
    assert {unit for _, unit in report._key_frames} == {12}
    key = report._key_frames[0, 12]
    assert key.strength == pytest.approx(1, abs=0.06) and key.picture.shape == (200, 200, 3)
    highest = {unit.action_unit: unit for unit in report.summary.units(0)}[12]
    assert key.value == f"intensity {highest.maximum:.1f}" and key.time == highest.time_of_maximum


def test_pictures_make_a_gallery(tmp_path):
    report = Report("pictures", kind="image")
    image = np.zeros((30, 900, 3), np.uint8)
    for number in range(MAX_PICTURES + 5):
        faces = [make_face(au12=3)] if number else []
        frame = FrameAnalysis(f"/home/x/p{number}.png", 1, 0.0, (900, 30), tuple(faces))
        report.add(frame, image, link=f"/home/x/p{number}_a.png")
    page = write(report, tmp_path)
    assert len(page.all("img")) == MAX_PICTURES
    assert "./p1_a.png" in [link.get("href") for link in page.all("a")]
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "5 more pictures" in text and "/home/x" not in text and "no face" in text and "AU12 3.0" in text


def test_pages_without_frames_or_faces(tmp_path):
    write(Report("empty"), tmp_path)
    report = Report("no face")
    report.add(make_frame(1), np.zeros((4, 4, 3), np.uint8))
    write(report, tmp_path, overwrite=True)
    assert "No face was found" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_existing_page_is_refused(tmp_path):
    write(make_report(), tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        make_report().write(tmp_path / "page.html")


@pytest.mark.parametrize("box", [[-50, -50, 20, 20], [50, 30, 90, 80], [200, 200, 300, 300], [10, 10, 10, 10]])
def test_key_frames_of_faces_at_the_rim(box):
    from dataclasses import replace

    report = Report("clip.mp4")
    report.add(make_frame(1, replace(make_face(au12=3), box=np.array(box))), np.full((40, 60, 3), 90, np.uint8))
    assert report._key_frames[0, 12].picture.shape == (200, 200, 3) and report._key_frames[0, 12].picture.min() >= 80
