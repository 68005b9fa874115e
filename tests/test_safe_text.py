"""Text from users in tables and pages is text and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from analysed import make_report, write

from aufait.evaluation.reports.report import Report
from aufait.evaluation.reports.tables import Column, Row, Table
from aufait.evaluation.reports.writers import comma_separated, page
from aufait.files.safe_text import content_policy, plain_cell


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@A(1)", " =1", "\t=1", "\r=1", "-0.5 +1", "=", "\x00=1"])
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert plain_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-0.25", "+3", "-1e-3", "-.5", "-", "-inf", "nan", "F001", "1+1", "", "a=b", -3, 2.5, None])
def test_numbers_and_other_texts_stay_as_they_are(value: object) -> None:
    assert plain_cell(value) == value


def test_a_report_as_csv_holds_no_formula() -> None:
    rows = (Row("=1+1", (-0.25,), note="@x"), Row("-", ("=2",)))
    text = comma_separated(Report("t", (), (Table("t", "title", "x", (Column("+c", "score"),), rows),)))
    assert "'=1+1" in text and "'@x" in text and "'+c" in text and "'=2" in text
    assert ",-0.25," in text and "'-0.25" not in text


def policy_of(text: str) -> str:
    found = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    assert len(found) == 1
    return found[0]


def test_a_page_of_results_allows_its_own_script_alone(tmp_path: Path) -> None:
    write(make_report(), tmp_path)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = policy_of(text)
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy
    assert text.index("Content-Security-Policy") < text.index("<style") and not re.search(r"\son\w+=", text)


def test_a_report_page_allows_no_script_and_escapes_names() -> None:
    name = '"><script>alert(1)</script>'
    text = page(Report(name, (), (Table(name, name, name, (Column(name),), (Row(name, (name,), note=name),)),)))
    assert "script-src 'none'" in policy_of(text) and "<script" not in text


def test_a_policy_names_each_script() -> None:
    assert content_policy("a", "b").count("sha256-") == 2
