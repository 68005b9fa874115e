"""Folders are matched by the names of recordings; persons have their own rows, and intervals over persons draw persons."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from score_files import RATE, cells, smile, write_table
from typer.testing import CliRunner, Result

from aufait.analysis.agreement.compare import compare
from aufait.analysis.agreement.settings import Settings
from aufait.cli.app import app
from aufait.errors import InputError, InputWarning
from aufait.media.sources import demo_clip
from aufait.media.stills import stills
from aufait.media.video import open_video


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, words)])


def coder_of(path: Path, *stretches: tuple[float, float], person: str = "") -> None:
    path.parent.mkdir(exist_ok=True)
    rows = [f"{start},{end},AU12,{person}" for start, end in stretches]
    path.write_text("start,end,label,person\n" + "\n".join(rows) + "\n")


def batch(folder: Path, late: dict[str, float]) -> list[Path]:
    """Tables with AU12 from 4 to 6 s, and a coder who is late by so many seconds in each recording."""
    for name, seconds in late.items():
        write_table(folder / "tables" / f"{name}.csv", smile(100, 50, 100))
        coder_of(folder / "coder" / f"{name}.csv", (4 + seconds, 6 + seconds), (9.5, 10.0))
    return [folder / "tables", folder / "coder"]


def test_recordings_are_matched_by_name_and_those_without_partner_are_named(tmp_path: Path) -> None:
    folders = batch(tmp_path, {"a": 0.0, "b": 0.2, "c": 0.4, "d": 0.8})
    (tmp_path / "coder" / "d.csv").unlink()
    write_table(tmp_path / "coder" / "x.csv", smile(1, 1, 1))
    result = run(*folders, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert f"2 recordings are not compared: d: not in {tmp_path / 'coder'}; x: not in {tmp_path / 'tables'}" in said
    rows = [row for row in cells(tmp_path / "out/agreement.csv") if row["measure"] == "median onset difference, s"]
    assert [(row["level"], row["recording"], row["value"]) for row in rows] == [
        ("recording", "a", "0.0"), ("recording", "b", "0.2"), ("recording", "c", "0.4"), ("all", "", "0.2"),
    ]  # fmt: skip
    assert (rows[-1]["low"], rows[-1]["high"], rows[-1]["interval"]) == ("0.0", "0.4", "recordings")
    kappas = [float(row["value"]) for row in cells(tmp_path / "out/agreement.csv") if row["measure"] == "Cohen's kappa"]
    assert kappas[0] > kappas[1] > kappas[2] and kappas[2] < kappas[3] < kappas[0]
    assert "d: not in" in (tmp_path / "out/index.html").read_text("utf-8")


def test_pooled_measures_are_those_of_all_frames_together(tmp_path: Path) -> None:
    found = compare(batch(tmp_path, {"a": 0.0, "b": 0.4}))
    # 13 frames later at the beginning and the end of b, and 12 of the coder's second event in each
    f1 = {row.recording: row.value for row in found.measures if row.measure == "F1"}
    assert f1["a"] == pytest.approx(2 * 50 / (50 + 50 + 12), abs=0.01)
    assert f1[""] == pytest.approx(2 * (50 + 40) / (2 * 112), abs=0.01)
    assert np.isnan(found.value(12, "F1").low), "two recordings are too few to draw from"


def test_a_recording_that_cannot_be_compared_does_not_stop_the_others(tmp_path: Path) -> None:
    folders = batch(tmp_path, {"a": 0.0, "b": 0.2})
    coder_of(tmp_path / "coder" / "b.csv", (300, 301))
    result = run(*folders, "-o", tmp_path / "out")
    assert result.exit_code == 1 and "b: tables, coder: no time in common" in " ".join(result.output.split())
    assert {row["recording"] for row in cells(tmp_path / "out/agreement.csv")} == {"a"}
    with pytest.raises(InputError, match="no recording is in all of"):
        compare([folders[0], empty_with(tmp_path / "other", "z")])


def empty_with(folder: Path, name: str) -> Path:
    coder_of(folder / f"{name}.csv", (0, 1))
    return folder


def test_one_file_of_annotations_can_name_the_recordings_of_a_folder(tmp_path: Path) -> None:
    tables, _ = batch(tmp_path, {"a": 0.0, "b": 0.0})
    (tmp_path / "all.csv").write_text("recording,start,end,label\na.mp4,4,6,AU12\nb,4.2,6.2,AU12\n")
    with pytest.warns(InputWarning, match="annotations of other recordings than"):
        found = compare([tables, tmp_path / "all.csv"], settings=Settings(coded="all"))
    onsets = {row.recording: row.value for row in found.measures if row.measure == "median onset difference, s"}
    assert onsets == {"a": pytest.approx(0), "b": pytest.approx(0.2), "": pytest.approx(0.1)}


def two_faces(path: Path) -> None:
    """Face 0 smiles from 4 to 6 s, face 1, who is seen in fewer frames, from 1 to 3 s."""
    header = "frame,face_id,timestamp,confidence,success,presentation_time,quality,AU12_p,AU12_r,AU12_c,source\n"
    lines = []
    for frame in range(250):
        for face, (start, end) in enumerate([(4, 6), (1, 3)]):
            if face and frame > 200:
                continue
            on = start <= frame / RATE < end
            lines.append(f"{frame + 1},{face},{frame / RATE},1,1,{frame / RATE},1,{0.9 * on},{3.0 * on},{int(on)},v.mp4\n")
    path.parent.mkdir(exist_ok=True)
    path.write_text(header + "".join(lines))


def test_persons_are_compared_with_their_own_annotations(tmp_path: Path) -> None:
    two_faces(tmp_path / "tables" / "a.csv")
    write_table(tmp_path / "tables" / "b.csv", smile(100, 50, 100))
    (tmp_path / "coder").mkdir()
    (tmp_path / "coder" / "a.csv").write_text("start,end,label,person\n4,6,AU12,Ada\n1,3,AU12,Bob\n")
    coder_of(tmp_path / "coder" / "b.csv", (4, 6))
    (tmp_path / "people.csv").write_text("recording,face_id,person\na,0,Ada\na,1,Bob\nb,0,Ada\n")
    result = run(
        tmp_path / "tables", tmp_path / "coder", "--person", tmp_path / "people.csv", "--block", "1", "-o", tmp_path / "out"
    )
    assert result.exit_code == 0, result.output
    rows = [row for row in cells(tmp_path / "out/agreement.csv") if row["measure"] == "Cohen's kappa"]
    assert [(row["level"], row["recording"], row["person"], float(row["value"])) for row in rows] == [
        ("recording", "a", "Ada", 1), ("recording", "a", "Bob", 1), ("recording", "b", "Ada", 1),
        ("person", "", "Bob", 1), ("person", "", "Ada", 1), ("all", "", "", 1),
    ]  # fmt: skip
    frames = {(row["level"], row["person"]): int(row["count"]) for row in rows if row["level"] == "person"}
    assert frames == {("person", "Bob"): 75, ("person", "Ada"): 300}
    ada = next(row for row in cells(tmp_path / "out/agreement.csv") if (row["level"], row["person"]) == ("person", "Ada")
               and row["measure"] == "share present, first")  # fmt: skip
    assert ada["interval"] == "time" and float(ada["low"]) < 100 / 300 < float(ada["high"])


def test_annotations_that_name_faces_belong_to_the_face_that_is_compared(tmp_path: Path) -> None:
    two_faces(tmp_path / "a.csv")
    (tmp_path / "coder.csv").write_text("start,end,label,person\n4,6,AU12,face 0\n1,3,AU12,face 1\n")
    for face in (0, 1):
        found = compare([tmp_path / "a.csv", tmp_path / "coder.csv"], settings=Settings(face=face))
        assert found.value(12, "Cohen's kappa").value == 1
    (tmp_path / "coder.csv").write_text("start,end,label,person\n4,6,AU12,Ada\n1,3,AU12,Bob\n")
    with pytest.warns(InputWarning, match="annotations of Ada, Bob are taken together"):
        found = compare([tmp_path / "a.csv", tmp_path / "coder.csv"], settings=Settings(face=0))
    assert found.value(12, "Cohen's kappa").value < 1


def test_a_coder_who_names_nobody_is_compared_with_who_is_seen_longest(tmp_path: Path) -> None:
    two_faces(tmp_path / "a.csv")
    coder_of(tmp_path / "coder.csv", (4, 6))
    (tmp_path / "people.csv").write_text("recording,face_id,person\na,0,Ada\na,1,Bob\n")
    with pytest.warns(InputWarning, match="does not say of whom; compared with Ada, who is seen longest, not Bob"):
        found = compare([tmp_path / "a.csv", tmp_path / "coder.csv"], persons=tmp_path / "people.csv")
    assert {row.person for row in found.measures} == {"Ada"}


def test_the_page_shows_frames_of_the_video_and_links_into_it(tmp_path: Path) -> None:
    write_table(tmp_path / "clip.csv", smile(10, 25, 25))
    coder_of(tmp_path / "coder.csv", (10.8, 11.2), (12.0, 12.4))
    words: list[str | Path] = [
        tmp_path / "clip.csv",
        tmp_path / "coder.csv",
        "--offset",
        "-10",
        "--video",
        demo_clip(),
        "-o",
        tmp_path / "out",
    ]
    assert run(*words).exit_code == 0
    page = (tmp_path / "out/index.html").read_text("utf-8")
    links = re.findall(r'href="([^"]+)#t=(\d+\.\d+),(\d+\.\d+)"', page)
    assert links and (tmp_path / "out" / links[0][0]).resolve() == demo_clip().resolve()
    stretches = cells(tmp_path / "out/disagreements.csv")
    assert (float(links[0][1]), float(links[0][2])) == pytest.approx(
        (float(stretches[0]["start"]), float(stretches[0]["end"])), abs=1e-3
    )
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert len(pictures) == len(stretches)
    middle = (float(stretches[0]["start"]) + float(stretches[0]["end"])) / 2
    picture = Image.open(io.BytesIO(base64.b64decode(pictures[0])))
    shown = [frame for frame in open_video(demo_clip()) if frame.timestamp <= middle + 1e-3][-1]
    expected = Image.fromarray(shown.image).resize(picture.size)
    assert np.abs(np.asarray(picture, float) - np.asarray(expected, float)).mean() < 4
    without = run(*words[:-1], tmp_path / "plain", "--no-pictures")
    assert without.exit_code == 0 and "data:image" not in (tmp_path / "plain/index.html").read_text("utf-8")


def test_stills_are_the_frames_that_reading_everything_gives() -> None:
    frames = list(open_video(demo_clip()))
    wanted = [0, 1, 17, 60, len(frames) - 1]
    times = [frames[place].timestamp + 0.005 for place in wanted]
    for place, image in zip(wanted, stills(demo_clip(), times), strict=True):
        assert image is not None and np.array_equal(image, frames[place].image)


def test_a_video_that_cannot_be_read_is_told_and_the_page_comes_without_it(tmp_path: Path) -> None:
    write_table(tmp_path / "clip.csv", smile(10, 25, 25))
    coder_of(tmp_path / "coder.csv", (0.8, 1.2))
    (tmp_path / "v.mp4").write_bytes(b"no video")
    result = run(tmp_path / "clip.csv", tmp_path / "coder.csv", "-o", tmp_path / "out")
    assert result.exit_code == 0 and "no frames of clip on the page" in " ".join(result.output.split())
    result = run(tmp_path / "clip.csv", tmp_path / "coder.csv", "--video", tmp_path / "none.mp4", "-o", tmp_path / "no")
    assert result.exit_code == 2 and "none.mp4" in result.output
