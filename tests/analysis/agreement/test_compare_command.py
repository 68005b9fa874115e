"""``aufait compare`` on files: a table, an ELAN file and a coder's CSV together; what it writes and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from score_files import RATE, cells, smile, write_table
from typer.testing import CliRunner, Result

from aufait.cli.app import app


def compare(*words: str | Path, out: Path) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, words), "-o", str(out)])


def value(folder: Path, measure: str, **about: str) -> float:
    (row,) = [row for row in cells(folder / "agreement.csv") if row["measure"] == measure and about.items() <= row.items()]
    return float(row["value"])


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_table_an_elan_file_and_a_csv_are_compared_pair_by_pair_and_together(tmp_path: Path) -> None:
    pympi = pytest.importorskip("pympi")
    write_table(tmp_path / "clip.csv", smile(100, 50, 100))
    elan = pympi.Elan.Eaf()
    elan.add_tier("coder")
    elan.add_annotation("coder", 4000, 6000, "AU12C")
    elan.to_file(str(tmp_path / "coder.eaf"))
    (tmp_path / "second.csv").write_text("start,end,label\n4.0,6.0,AU12C\n")
    files = [tmp_path / name for name in ("clip.csv", "coder.eaf", "second.csv")]
    result = compare(*files, "--coded", "all", out=tmp_path / "out")
    assert result.exit_code == 0, result.output
    rows = cells(tmp_path / "out" / "agreement.csv")
    assert {(row["first"], row["second"]) for row in rows} == {
        ("clip.csv", "coder.eaf"), ("clip.csv", "second.csv"), ("coder.eaf", "second.csv"), ("all raters", ""),
    }  # fmt: skip
    for measure in ("Cohen's kappa", "F1"):
        assert value(tmp_path / "out", measure, first="coder.eaf") == 1
    assert value(tmp_path / "out", "Fleiss' kappa") == 1
    assert value(tmp_path / "out", "frames that all scored") == 250


@pytest.mark.parametrize(("kind", "ending"), [("elan", "eaf"), ("praat", "TextGrid"), ("boris", "boris"), ("boris-table", "tsv")])
def test_events_in_files_of_other_programs_agree_with_those_that_they_were_made_of(tmp_path: Path, kind: str, ending: str) -> None:
    write_table(tmp_path / "clip.csv", np.concatenate([smile(50, 40, 60), smile(30, 80, 50, 4.0)]))
    run = CliRunner().invoke
    events, file = tmp_path / "events.csv", tmp_path / f"clip.{ending}"
    for words in (
        ["events", str(tmp_path / "clip.csv"), "-o", str(events)],
        ["convert", str(tmp_path / "clip.csv"), str(events), "--to", kind, "-o", str(file)],
    ):
        result = run(app, words)
        assert result.exit_code == 0, result.output
    result = compare(events, file, out=tmp_path / "out")
    assert result.exit_code == 0, result.output
    for measure in ("Cohen's kappa", "F1", "event F1, overlap", "event F1, onset within 0.5 s"):
        assert value(tmp_path / "out", measure) == 1, measure
    assert value(tmp_path / "out", "median onset difference, s") == pytest.approx(0, abs=1e-3)
    assert value(tmp_path / "out", "events, second") == 2


def test_events_of_both_are_written_and_the_second_clock_can_be_moved(tmp_path: Path) -> None:
    write_table(tmp_path / "clip.csv", smile(100, 50, 100))
    (tmp_path / "coder.csv").write_text("start,end,label\n14.0,16.0,AU12D\n")
    files = [tmp_path / "clip.csv", tmp_path / "coder.csv"]
    result = compare(*files, "--coded", "11-19", "--offset", "-10", "--quiet", out=tmp_path / "out")
    assert (result.exit_code, result.output) == (0, "")
    names = ("rater", "label", "onset", "offset", "peak")
    assert [tuple(row[name] for name in names) for row in cells(tmp_path / "out/events.csv")] == [
        ("clip.csv", "AU12", "4.0", "6.0", "3.0"), ("coder.csv", "AU12", "4.0", "6.0", "4.0"),
    ]  # fmt: skip
    assert value(tmp_path / "out", "Cohen's kappa") == 1
    assert value(tmp_path / "out", "Bland-Altman bias, second minus first") == pytest.approx(50 / 200, abs=0.01)


def test_units_that_were_coded_are_absent_without_an_annotation(tmp_path: Path) -> None:
    write_table(tmp_path / "clip.csv", smile(100, 50, 100))
    (tmp_path / "coder.csv").write_text("start,end,label\n1.0,2.0,AU4\n9.0,9.9,AU4\n")
    files = [tmp_path / "clip.csv", tmp_path / "coder.csv"]
    assert "no action unit in common" in flat(compare(*files, out=tmp_path / "no").output)
    result = compare(*files, "--units", "4,12", out=tmp_path / "out")
    assert result.exit_code == 0 and "clip.csv has no AU4: not compared" in flat(result.output)
    assert value(tmp_path / "out", "share present, second") == 0 and value(tmp_path / "out", "F1") == 0


def test_a_coder_of_another_recording_in_the_same_file_is_left_out(tmp_path: Path) -> None:
    write_table(tmp_path / "clip.csv", smile(100, 50, 100))
    (tmp_path / "coder.csv").write_text("recording,start,end,label\nclip,4,6,AU12\nother,0,4,AU12\nclip,9,9.9,AU4\n")
    result = compare(tmp_path / "clip.csv", tmp_path / "coder.csv", out=tmp_path / "out")
    assert "1 annotations of other recordings than clip are not compared" in flat(result.output)
    assert value(tmp_path / "out", "Cohen's kappa") == 1
    (tmp_path / "coder.csv").write_text("recording,start,end,label\na,4,6,AU12\nb,0,4,AU12\n")
    result = compare(tmp_path / "clip.csv", tmp_path / "coder.csv", out=tmp_path / "no")
    assert result.exit_code == 2 and "its annotations are of the recordings a, b; none of them is 'clip'" in flat(result.output)


def test_overlapping_annotations_and_unknown_labels_are_told(tmp_path: Path) -> None:
    write_table(tmp_path / "clip.csv", smile(100, 50, 100))
    (tmp_path / "coder.csv").write_text("start,end,label\n4,6,AU12\n5,7,AU12\n8,9,laughs\n9,9.5,AU99\n")
    output = flat(compare(tmp_path / "clip.csv", tmp_path / "coder.csv", out=tmp_path / "out").output)
    assert "overlap" in output and "'laughs' (1)" in output and "AU99" in output
    assert len([row for row in cells(tmp_path / "out/events.csv") if row["rater"] == "coder.csv"]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["clip.csv"], "name two files or folders"),
        (["clip.csv", "none.csv"], "no such file or folder"),
        (["clip.csv", "clip.csv"], "is given twice"),
        (["clip.csv", "coder.csv", "--offset", "1", "--offset", "2"], "give an offset for each of the 1 after the first, got 2"),
        (["clip.csv", "coder.csv", "--offset", "100"], "no time in common"),
        (["clip.csv", "coder.csv", "--face", "7"], "no face 7; its faces: 0"),
        (["clip.csv", "coder.csv", "--units", "12,smile"], "got smile"),
        (["clip.csv", "coder.csv", "--coded", "9-1"], "from an earlier to a later second"),
        (["clip.csv", "."], "clip.csv is one file beside a folder, and not one of annotations"),
        (["coder.csv", "."], "its annotations name no recordings"),
        (["clip.csv", "coder.csv", "--rounds", "7"], "at least 100"),
    ],
)
def test_what_cannot_be_compared_is_said(words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "clip.csv", smile(100, 50, 100))
    (tmp_path / "coder.csv").write_text("start,end,label\n4,6,AU12\n")
    result = CliRunner().invoke(app, ["compare", *words, "-o", "out"])
    assert result.exit_code == 2 and said in flat(result.output), result.output
    assert not Path("out").exists()


def test_an_earlier_result_stays_without_overwrite(tmp_path: Path) -> None:
    write_table(tmp_path / "clip.csv", smile(100, 50, 100))
    (tmp_path / "coder.csv").write_text("start,end,label\n4,6,AU12\n")
    files = [tmp_path / "clip.csv", tmp_path / "coder.csv"]
    assert compare(*files, out=tmp_path / "out").exit_code == 0
    before = (tmp_path / "out/agreement.csv").stat().st_mtime_ns
    result = compare(*files, out=tmp_path / "out")
    assert result.exit_code == 3 and "--overwrite" in result.output
    assert (tmp_path / "out/agreement.csv").stat().st_mtime_ns == before
    assert compare(*files, "--overwrite", out=tmp_path / "out").exit_code == 0


def test_names_in_files_stay_text_on_the_page_and_in_the_tables(tmp_path: Path) -> None:
    write_table(tmp_path / "=cl<b>ip.csv", smile(100, 50, 100))
    (tmp_path / "coder.csv").write_text("start,end,label\n4,7,AU12\n")
    assert compare(tmp_path / "=cl<b>ip.csv", tmp_path / "coder.csv", out=tmp_path / "out").exit_code == 0
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "<b>ip" not in page and "cl&lt;b&gt;ip" in page
    assert cells(tmp_path / "out/agreement.csv")[0]["first"] == "'=cl<b>ip.csv"


def test_the_page_holds_everything_and_asks_for_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    levels = np.repeat(random.integers(0, 6, 60), RATE).astype(float)
    write_table(tmp_path / "clip.csv", levels)
    rows = [f"{place / RATE},{int(np.clip(level + random.integers(-1, 2), 0, 5))}" for place, level in enumerate(levels)]
    (tmp_path / "coder.csv").write_text("time,AU12\n" + "\n".join(rows))
    assert compare(tmp_path / "clip.csv", tmp_path / "coder.csv", out=tmp_path / "out").exit_code == 0
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert not re.search(r"(src|href)=['\"](https?:)?//", page) and "<script" not in page
    kappa = next(row for row in cells(tmp_path / "out/agreement.csv") if row["measure"] == "Cohen's kappa")
    low, high, value = (float(kappa[name]) for name in ("low", "high", "value"))
    assert f">{value:.2f}<small>{low:.2f} to {high:.2f}</small>" in page
    assert page.count("<svg") == 3 and "AU12 Lip corner puller: differences of intensity over their mean" in page
    assert "No video was found to show" in page
    assert "$" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
