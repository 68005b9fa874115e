"""``aufait plot`` from tables to pictures: what is written, and what is refused. The commands and the code of its page run."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
from PIL import Image
from score_files import smile, write_table
from typer.testing import CliRunner, Result

from aufait.cli.app import app

DOCS = Path(__file__).resolve().parents[2] / "docs"
MARKERS = "recording,start,end,label\nanna,0,4,rest\nanna,4,9,talk\n"
EVENTS = "recording,face_id,label,onset,apex,offset\nanna,0,AU12,4,5,6\nanna,0,blink,1,1.1,1.2\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two recordings, markers and events."""
    write_table(tmp_path / "anna.csv", smile(100, 50, 100))
    write_table(tmp_path / "ben.csv", smile(40, 20, 40))
    (tmp_path / "markers.csv").write_text(MARKERS)
    (tmp_path / "events.csv").write_text(EVENTS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["plot", *map(str, words)], env={"COLUMNS": "200"})


def failed(result: Result, status: int = 2) -> str:
    assert result.exit_code == status, result.output
    return " ".join(result.stderr.split())


def test_the_picture_lies_beside_the_table_and_is_never_overwritten_unasked(place: Path) -> None:
    result = run(place / "anna.csv")
    assert result.exit_code == 0 and result.stdout.strip() == str(place / "anna_plot_timeline.png")
    before = (place / "anna_plot_timeline.png").read_bytes()
    assert "exists" in failed(run("anna.csv", "--units", "12", "--start", "1"), 3)
    assert (place / "anna_plot_timeline.png").read_bytes() == before
    assert run("anna.csv", "--start", "1", "--overwrite", "-q").stdout == ""
    assert (place / "anna_plot_timeline.png").read_bytes() != before


def test_events_that_are_found_read_or_left_out_make_different_pictures(place: Path) -> None:
    pictures = set()
    for name in ("found", "none", "events.csv"):
        assert run("anna.csv", "--events", name, "-o", "a.png", "--overwrite").exit_code == 0
        pictures.add((place / "a.png").read_bytes())
    assert len(pictures) == 3
    run("anna.csv", "-o", "b.png")
    run("anna.csv", "--events", "found", "-o", "c.png")
    assert (place / "b.png").read_bytes() == (place / "c.png").read_bytes()


def test_several_tables_have_a_picture_each_of_one_size(place: Path) -> None:
    result = run("anna.csv", "ben.csv", "-o", "both")
    assert result.exit_code == 0, result.output
    sizes = {Image.open(place / "both" / f"{name}_plot_timeline.png").size for name in ("anna", "ben")}
    assert len(sizes) == 1
    same = (place / "both" / "ben_plot_timeline.png").read_bytes()
    run("anna.csv", "ben.csv", "-o", "own", "--own-scale")
    assert (place / "own" / "ben_plot_timeline.png").read_bytes() != same
    assert "one file, and there are 2 tables" in failed(run("anna.csv", "ben.csv", "-o", "a.png"))


def test_a_table_that_cannot_be_drawn_does_not_keep_the_others_back(place: Path) -> None:
    result = run("anna.csv", "ben.csv", "--start", "5", "-o", "both")
    assert "ben: no frame from 5 s on" in failed(result, 1)
    assert [path.name for path in (place / "both").iterdir()] == ["anna_plot_timeline.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kind", "pie"], "kind must be one of timeline, heatmap, cooccurrence, got 'pie'"),
        (["--units", "99"], "no AU99 among the action units of the table: 12"),
        (["--units", "smile"], "--units 'smile': write whole numbers with commas"),
        (["--face", "4"], "anna: no face 4; its faces: 0"),
        (["--start", "soon"], "'soon' is no time; write seconds, such as 90, or minutes and seconds, such as 1:30"),
        (["--start", "1:00"], "no frame from 60 s on; the recording covers 0 to"),
        (["--events", "other.csv"], "its events are of walk; none is of the recording anna"),
        (["--events", "nowhere.csv"], "nowhere.csv: no such file"),
        (["--markers", "other_markers.csv"], "no marker for any of the recordings anna"),
        (["--tier", "a"], "--tier is of the markers"),
        (["-k", "cooccurrence", "--markers", "markers.csv"], "--markers is for timelines and heatmaps"),
        (["-k", "cooccurrence", "--measure", "mean"], "must be one of share, jaccard, got 'mean'"),
        (["-o", "a.gif"], "pictures are png, pdf, svg"),
        (["--baseline", "90-99"], "holds no frame; the recording covers"),
    ],
)
def test_wrong_options_are_refused_in_words(place: Path, words: list[str], message: str) -> None:
    (place / "other.csv").write_text(EVENTS.replace("anna", "walk"))
    (place / "other_markers.csv").write_text(MARKERS.replace("anna", "walk"))
    assert message in failed(run("anna.csv", *words))
    assert not list(place.glob("*.png"))


def test_tables_of_pictures_have_no_axis_of_time(place: Path) -> None:
    header = "face,confidence,success,quality,AU12_p,AU12_r,AU12_c,source\n"
    (place / "photos.csv").write_text(header + "".join(f"0,1,1,0.9,0.9,2.5,1,{name}.jpg\n" for name in "abc"))
    assert "table of pictures, which have no time; a timeline needs the table of a video" in failed(run("photos.csv"))
    assert run("photos.csv", "--kind", "cooccurrence").exit_code == 0


def test_markers_outside_are_warned_of(place: Path) -> None:
    (place / "markers.csv").write_text(MARKERS + "anna,50,60,late\n")
    result = run("anna.csv", "--markers", "markers.csv")
    assert result.exit_code == 0 and "'late' (50.000-60.000 s)" in " ".join(result.stderr.split())


def test_without_matplotlib_the_extra_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "pip install 'aufait[plot]'" in failed(run("anna.csv"), 5)


def test_the_commands_and_the_code_of_the_page_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = DOCS / "plots.md"
    if not page.is_file():
        pytest.skip("the pages are not part of this source archive")
    for table in (place / "anna.csv", place / "ben.csv"):
        header, *lines = table.read_text().splitlines()
        units = ("06", "25", "43")  # the page draws more than AU12
        names = ",".join(f"AU{unit}_p,AU{unit}_r,AU{unit}_c" for unit in units)
        rows = [line.replace(",v.mp4", ",0.1,0.3,0" * len(units) + ",v.mp4") for line in lines]
        table.write_text("\n".join([header.replace("source", f"{names},source"), *rows]) + "\n")
    blocks = re.findall(r"```(\w*)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    commands = [shlex.split(line) for kind, block in blocks if not kind for line in block.splitlines()]
    assert len(commands) >= 11
    for program, command, *words in commands:
        assert (program, command) == ("aufait", "plot")
        result = run(*words)
        assert result.exit_code == 0, f"{words}\n{result.output}"
    (code,) = (block for kind, block in blocks if kind == "python")
    exec(compile(code, "plots.md", "exec"), {})
    assert capsys.readouterr().out.startswith("True (") and (place / "from_table.png").is_file()
