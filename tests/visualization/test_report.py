"""The page: complete, self-contained, escaped, accessible, bounded."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from analysed import UNITS, make_face, make_frame, make_report, write
from PIL import Image

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


def picture_in(address: str) -> np.ndarray:
    """The picture that a data: address holds."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition("base64,")[2]))))


def test_key_frames_are_the_strongest_and_bounded():
    report = make_report(100)
    (key,) = report._key_frames.shown(0)
    assert key.unit == 12 and key.strength == pytest.approx(1, abs=0.06) and picture_in(key.picture).shape == (200, 200, 3)
    highest = {unit.action_unit: unit for unit in report.summary.units(0)}[12]
    assert key.value == f"intensity {highest.maximum:.1f}" and key.time == highest.time_of_maximum


def busy_report(seed: int = 0) -> Report:
    """Three faces, numbers that do not follow the order in which they were seen longest, and values that go up and down."""
    rng = np.random.default_rng(seed)
    report = Report("clip.mp4")
    for number in range(1, 61):
        faces = [make_face(face, **{f"au{unit}": float(rng.uniform(0, 4.9)) for unit in UNITS if (unit + face) % 3})
                 for face, first in ((2, 0), (0, 20), (1, 40)) if number > first]  # fmt: skip
        # Occurrence need not follow intensity: the strongest frame of a unit may be one in which it does not occur.
        chance = rng.uniform(0.3, 1, (len(faces), len(UNITS)))
        faces = [replace(face, probability=face.probability * share) for face, share in zip(faces, chance, strict=True)]
        report.add(make_frame(number, *faces), np.full((40, 60, 3), 90, np.uint8))
    return report


def cells(text: str, face: int) -> dict[str, tuple[str, str]]:
    """Highest value and its time by action unit, as the table of a face shows them."""
    start = text.index(f'aria-label="Action units of face {face}"')
    table = text[start : text.index("</table>", start)]
    rows = re.findall(r'<th scope="row">(AU\d+)</th>(.*?)</tr>', table, re.DOTALL)
    found = {unit: re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for unit, row in rows}
    return {unit: (row[4], re.sub("<.*?>", "", row[5])) for unit, row in found.items()}


@pytest.mark.parametrize("seed", range(3))
def test_captions_of_key_frames_say_what_the_table_says_number_by_number(tmp_path, seed):
    write(busy_report(seed), tmp_path, video=tmp_path / "v.mp4")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    pattern = r"<b>(AU\d+)</b>.*?<span>intensity ([\d.]+), face (\d+), <a [^>]*>([\d.]+ s)</a>"
    captions = re.findall(pattern, text)
    tables = {face: cells(text, face) for face in range(3)}
    assert len(captions) > 30
    for unit, value, face, time in captions:
        assert tables[int(face)][unit] == (value, time)
    assert [int(face) for _, _, face, _ in captions] == sorted(int(face) for _, _, face, _ in captions)


def test_every_action_unit_that_occurs_has_a_key_frame_and_no_other(tmp_path):
    report = busy_report()
    for face in range(3):
        occurring = [unit.action_unit for unit in report.summary.units(face) if unit.share > 0]
        assert [key.unit for key in report._key_frames.shown(face)] == occurring


def test_faces_follow_their_numbers(tmp_path):
    report = busy_report()
    assert report.summary.face_ids == [2, 0, 1]
    write(report, tmp_path)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    headings = re.findall(r"<h3>Face (\d)</h3>", text)
    assert headings == ["0", "1", "2"] * 2


def test_the_key_to_the_bars_is_there_where_bars_are(tmp_path):
    write(make_report(), tmp_path)
    assert "Bar length" not in (tmp_path / "page.html").read_text(encoding="utf-8")
    write(make_report(), tmp_path, video=tmp_path / "v.mp4", overwrite=True)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Bar length</b> intensity, 0 to 5" in text and "Split bar" in text and "linear-gradient" in text
    plain = Report("clip.mp4")
    bare = {"intensity": None, "intensity_left": None, "intensity_right": None, "probability_left": None, "probability_right": None}
    plain.add(make_frame(1, replace(make_face(au12=3), **bare)))
    write(plain, tmp_path, video=tmp_path / "v.mp4", overwrite=True)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Bar length</b> probability, 0 to 1" in text and "Split bar" not in text


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
    report = Report("clip.mp4")
    report.add(make_frame(1, replace(make_face(au12=3), box=np.array(box))), np.full((40, 60, 3), 90, np.uint8))
    (key,) = report._key_frames.shown(0)
    assert picture_in(key.picture).shape == (200, 200, 3) and picture_in(key.picture).min() >= 80
