"""``aufait compare`` on files: a table, an ELAN file and a coder's CSV together."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from score_files import smile, write_table
from typer.testing import CliRunner

from aufait.cli.app import app


def test_a_table_an_elan_file_and_a_csv_are_compared_pair_by_pair(tmp_path: Path) -> None:
    pympi = pytest.importorskip("pympi")
    write_table(tmp_path / "clip.csv", smile(100, 50, 100))
    elan = pympi.Elan.Eaf()
    elan.add_tier("coder")
    elan.add_annotation("coder", 4000, 6000, "AU12C")
    elan.to_file(str(tmp_path / "coder.eaf"))
    (tmp_path / "second.csv").write_text("start,end,label\n4.0,6.0,AU12C\n")
    files = [str(tmp_path / name) for name in ("clip.csv", "coder.eaf", "second.csv")]
    result = CliRunner().invoke(app, ["compare", *files, "-o", str(tmp_path / "out"), "--coded", "all"])
    assert result.exit_code == 0, result.output
    with (tmp_path / "out" / "agreement.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["first"], row["second"]) for row in rows} == {
        ("clip.csv", "coder.eaf"), ("clip.csv", "second.csv"), ("coder.eaf", "second.csv"), ("all raters", ""),
    }  # fmt: skip
    coders = {row["measure"]: row["value"] for row in rows if row["first"] == "coder.eaf"}
    assert float(coders["Cohen's kappa"]) == float(coders["F1"]) == 1
