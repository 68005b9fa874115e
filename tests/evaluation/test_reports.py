"""Reports: the same numbers in every format, published numbers, synthetic results marked, undefined shown as such."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from made_predictions import made

from aufait.data.protocols import get_protocol, list_protocols
from aufait.errors import InputError, OutputError
from aufait.evaluation import Predictions, evaluate
from aufait.evaluation.evaluate import Evaluation
from aufait.evaluation.reports.published import published_by_pose, published_by_visible, published_for, published_results
from aufait.evaluation.reports.report import Report, build_report, to_dict
from aufait.evaluation.reports.tables import Column, Row, Table, label_of, shown
from aufait.evaluation.reports.writers import comma_separated, latex, markdown, page, write_report
from aufait.metrics import Interval, bootstrap_by_subject

DISFA = get_protocol("disfa")


def disfa_like(synthetic: bool = True, **changes: object) -> Predictions:
    """Three folds of six subjects; AU26, the last column, never occurs and is never predicted."""
    units = DISFA.action_units
    one = made(360, 6, units=units)
    live = np.array([1] * 7 + [0], np.int8)
    values: dict[str, object] = {
        "occurrence": one.occurrence * live,
        "probability": one.probability * live.astype(np.float32),
        "synthetic": synthetic,
        "about": {"model": "arl", "split": "test"},
        "landmark_error": np.linspace(0.02, 0.12, 360).astype(np.float32),
        "attributes": {
            "fold": np.repeat(["1", "2", "3"], 120),
            "dataset": np.full(360, "disfa"),
            "skin_tone": np.repeat(["I", "VI"], 180),
        },
    }
    return made(360, 6, units=units, **{**values, **changes})


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    found = disfa_like()
    return evaluate(found, DISFA, per=("skin_tone",), conditions={"full": found, "lower": found}, draws=50)


@pytest.fixture(scope="module")
def report(evaluation: Evaluation) -> Report:
    return build_report(evaluation)


def _table(report: Report, name: str) -> Table:
    return next(one for one in report.tables if one.name == name)


def test_the_mean_of_folds_leads_the_report_and_the_pooled_score_follows(evaluation: Evaluation, report: Report) -> None:
    names = [one.name for one in report.tables]
    assert names.index("folds_f1_frame") < names.index("folds_roc_area") < names.index("occurrence")
    mean, pooled = (100 * one["mean"] for one in (evaluation.fold_mean("f1_frame"), evaluation.scores["f1_frame"]))
    told = dict(report.facts)["Mean of folds"]
    assert told.startswith(f"F1-frame {mean:.1f} % (pooled {pooled:.1f} %)") and "ROC area" in told
    one_fold = build_report(evaluate(disfa_like(attributes={}), DISFA, draws=0))
    assert "Mean of folds" not in dict(one_fold.facts) and one_fold.tables[0].name == "occurrence"


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.tables[-1][-1][-1] += data


def expected(table: Table) -> list[list[str]]:
    rows = [[table.first, *(column.title for column in table.columns)]]
    return rows + [
        [label_of(table, row), *(shown(cell, column.kind) for cell, column in zip(row.cells, table.columns, strict=True))]
        for row in table.rows
    ]


def test_html_shows_every_cell(report: Report) -> None:
    parser = _Tables()
    parser.feed(page(report))
    assert parser.tables == [expected(table) for table in report.tables]


def test_markdown_shows_every_cell(report: Report) -> None:
    blocks = re.findall(r"(?:^\|.*\|\n)+", markdown(report), flags=re.M)
    found = []
    for block in blocks:
        lines = [line for line in block.splitlines() if not line.startswith("|---")]
        found.append([[cell.strip().removeprefix("**").removesuffix("**") for cell in line[1:-1].split(" | ")] for line in lines])
    assert found == [expected(table) for table in report.tables]


def test_latex_shows_every_cell_with_balanced_environments(report: Report) -> None:
    text = latex(report)
    bodies = re.findall(r"\\toprule\n(.*?)\\bottomrule", text, flags=re.S)
    found = []
    for body in bodies:
        lines = [line for line in body.splitlines() if line != r"\midrule"]
        cells = [line.removesuffix(r" \\").replace(r"\bfseries ", "").replace(r"\bfseries", "").split(" & ") for line in lines]
        found.append([[re.sub(r"\\([%_&#$])", r"\1", cell).replace(r"\textgreater{}", ">") for cell in row] for row in cells])
    # Columns of a wide table are divided; its parts are one below the other, each with the labels.
    environments = [part.count(r"\begin{tabular}") for part in text.split(r"\begin{table}")[1:]]
    whole = []
    for count in environments:
        parts = [found.pop(0) for _ in range(count)]
        whole.append([[*lines[0], *(cell for line in lines[1:] for cell in line[1:])] for lines in zip(*parts, strict=True)])
    assert whole == [expected(table) for table in report.tables] and not found
    assert environments[[table.name for table in report.tables].index("occurrence")] > 1
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == len(report.tables)
    assert not re.search(r"(?<!\\)[%](?!.*)", "\n".join(bodies))


def test_latex_compiles_and_no_table_is_wider_than_the_page(report: Report, tmp_path: Path) -> None:
    compiler = shutil.which("pdflatex")
    if compiler is None:
        pytest.skip("pdflatex is not installed")
    (tmp_path / "report.tex").write_text(latex(report), encoding="utf-8")
    (tmp_path / "doc.tex").write_text(
        r"\documentclass[a4paper,11pt]{article}\usepackage[utf8]{inputenc}\usepackage[margin=25mm]{geometry}"
        r"\usepackage{booktabs,graphicx}\begin{document}\input{report}\end{document}",
        encoding="utf-8",
    )
    words = [compiler, "-interaction=nonstopmode", "-halt-on-error", "doc.tex"]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, errors="replace")
    assert ended.returncode == 0 and (tmp_path / "doc.pdf").is_file(), ended.stdout[-2000:]
    assert "Overfull \\hbox" not in ended.stdout and "Float too large" not in ended.stdout, ended.stdout


def test_csv_holds_full_numbers_that_round_to_those_shown(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(comma_separated(report))))
    kinds = {(table.name, column.title): column.kind for table in report.tables for column in table.columns}
    assert len(rows) == sum(len(table.rows) * len(table.columns) for table in report.tables)
    for row in rows:
        if row["value"]:
            numbers = [float(row[key]) if row[key] else float("nan") for key in ("value", "low", "high")]
            cell = numbers[0] if np.isnan(numbers[1]) else Interval(*numbers, 1.0)
            assert shown(cell, kinds[row["table"], row["column"]]) == row["shown"]
        assert row["synthetic"] == "true"


def test_numbers_of_the_report_are_those_of_scikit_learn(report: Report) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    found = disfa_like()
    table = _table(report, "occurrence")
    column = [one.title for one in table.columns].index("F1-frame, %")
    for k in range(7):
        known = found.occurrence_known[:, k]
        truth, value = found.occurrence[known, k], found.probability[known, k]
        cell = table.rows[k].cells[column]
        assert isinstance(cell, Interval)
        assert shown(cell, "percent").split()[0] == f"{100 * sklearn.f1_score(truth, value >= 0.5):.1f}"
        assert table.rows[k].cells[:2] == (known.sum(), truth.sum())


def test_every_format_says_how_much_better_than_guessing_with_paired_intervals(evaluation: Evaluation, report: Report) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    found, table = disfa_like(), next(one for one in report.tables if one.name == "guessing")
    names = [one.name for one in report.tables]
    assert names.index("guessing") == names.index("occurrence") + 1
    column = [one.title for one in table.columns].index("F1 minus always yes")
    for k in (0, 6):
        rows = np.flatnonzero(found.occurrence_known[:, k])
        truth, value, person = found.occurrence[rows, k], found.probability[rows, k], found.person[rows]

        def gain(chosen: np.ndarray, t: np.ndarray = truth, v: np.ndarray = value) -> float:
            always_yes = sklearn.f1_score(t[chosen], np.ones(len(chosen)))
            return float(sklearn.f1_score(t[chosen], v[chosen] >= 0.5) - always_yes)

        cell, plain = table.rows[k].cells[column], bootstrap_by_subject(gain, person, draws=50)
        assert isinstance(cell, Interval)
        assert (cell.value, cell.low, cell.high) == pytest.approx((plain.value, plain.low, plain.high))
        area = table.rows[k].cells[2]
        assert table.rows[k].cells[0] == len(set(person[truth > 0]))
        assert isinstance(area, Interval) and area.value == pytest.approx(sklearn.roc_auc_score(truth, value) - 0.5)
    gains = {metric: evaluation.gain(metric) for metric in ("roc_gain", "f1_gain")}
    low = evaluation.intervals["f1_gain"]
    assert gains["f1_gain"].above == tuple(name for name, one in low.items() if one.low > 0 and name != "mean")
    assert all(gain.unknown == ("AU26",) and gain.mean for gain in gains.values())
    counts = [len(gain.above) for gain in gains.values()]
    sentence = f"{counts[0]} of 8 action units by ROC area, {counts[1]} of 8 by F1; the mean by both"
    for text in (markdown(report), latex(report), page(report)):
        assert f"Clearly better than guessing: {sentence}" in text and "not counted as better: AU26" in text
    rows = list(csv.DictReader(io.StringIO(comma_separated(report))))
    shown_counts = [row["shown"] for row in rows if row["row"] == "clearly better than guessing" and row["shown"]]
    assert shown_counts == [f"{count} of 8" for count in counts]
    data = to_dict(evaluation)
    assert data["above_guessing"]["f1_gain"]["above"] == list(gains["f1_gain"].above)
    assert data["intervals"]["roc_gain"]["mean"]["low"] == evaluation.intervals["roc_gain"]["mean"].low


@pytest.mark.parametrize(("draws", "subjects"), [(0, 6), (20, 1)])
def test_without_intervals_no_action_unit_is_called_better_than_guessing(draws: int, subjects: int) -> None:
    found = disfa_like()
    made_report = build_report(evaluate(found.select(np.isin(found.person, found.persons[:subjects])), DISFA, draws=draws))
    assert "guessing: cannot be said without intervals by subject" in markdown(made_report)
    table = next(one for one in made_report.tables if one.name == "guessing")
    assert [row.label for row in table.rows][-1] == "mean"


def test_nothing_is_called_clear_on_few_subjects() -> None:
    found = disfa_like()
    few = build_report(evaluate(found.select(np.isin(found.person, ["s0", "s1"])), DISFA, draws=50))
    text = markdown(few)
    assert "learly better" not in text and "Lower bound above guessing: 7 of 8 action units" in text
    assert "2 subjects are too few to call that clear; it takes 6" in text
    one_person = (found.person == "s0")[:, None] | (np.arange(8) > 0)
    thin = evaluate(disfa_like(occurrence=found.occurrence * one_person.astype(np.int8)), DISFA, draws=50)
    assert thin.positive_subjects["AU1"] == 1 and thin.positive_subjects["AU2"] == 6 and thin.positive_subjects["AU26"] == 0
    assert "Not safe, for fewer than 6 subjects have a positive frame: AU1." in markdown(build_report(thin))


def test_a_network_that_guesses_is_not_called_better_than_guessing() -> None:
    random = np.random.default_rng(5).random((360, 8)).astype(np.float32)
    result = evaluate(disfa_like(probability=random), DISFA, draws=200)
    assert len(result.gain("roc_gain").above) <= 1 and not result.gain("f1_gain").above
    always = evaluate(disfa_like(probability=np.ones((360, 8), np.float32)), DISFA, draws=50)
    assert [always.scores["f1_gain"][f"AU{unit}"] for unit in DISFA.action_units[:7]] == pytest.approx([0] * 7)
    assert not always.gain("f1_gain").above and "0 of 8 action units by ROC area" in markdown(build_report(always))


def test_undefined_scores_are_dashes_with_a_count_and_stay_out_of_means(evaluation: Evaluation, report: Report) -> None:
    table = _table(report, "occurrence")
    row = next(row for row in table.rows if row.label == "AU26")
    titles = [column.title for column in table.columns]
    assert shown(row.cells[titles.index("F1-frame, %")], "percent") == "-"
    assert shown(row.cells[titles.index("ROC area, %")], "percent") == "-"
    values = [evaluation.scores["f1_frame"][f"AU{unit}"] for unit in DISFA.action_units[:7]]
    assert evaluation.scores["f1_frame"]["mean"] == pytest.approx(np.mean(values))
    notes = "\n".join(table.footnotes())
    assert "7 of 8 action units" in notes and "undefined or not published: 8 of 117" in notes and "AU26: no positive frame" in notes


def test_synthetic_results_are_marked_in_the_title_and_in_each_table(evaluation: Evaluation, report: Report) -> None:
    for text in (markdown(report), latex(report), re.sub(r"</?span[^>]*>", "", page(report))):
        headings = re.findall(r"^#+ (.*)$|\\caption\{(.*)\}$|<h[12][^>]*>(.*?)</h[12]>", text, flags=re.M)
        assert len(headings) >= len(report.tables)
        assert all("SYNTHETIC FACES: " in "".join(groups) for groups in headings)
    real = build_report(evaluate(disfa_like(synthetic=False), DISFA, draws=0))
    assert "synthetic" not in markdown(real).lower()


def test_published_numbers_stand_beside_with_their_notes(report: Report) -> None:
    table = next(one for one in report.tables if one.name == "published_f1_frame")
    labels = [row.label for row in table.rows]
    assert labels[:2] == ["arl (ours, synthetic, mean of folds)", "arl (ours, synthetic, pooled)"]
    arl = next(row for row in table.rows if row.label == "ARL (ARL, Table 3)")
    assert arl.cells == (0.439, 0.421, 0.636, 0.418, 0.4, 0.762, 0.952, 0.668, 0.587)
    assert any("misprinted" in note for note in table.footnotes())
    landmarks = next(one for one in report.tables if one.name == "landmarks")
    assert any("MGRR-Net" in row.label for row in landmarks.rows)


def test_every_published_protocol_with_a_table_finds_it() -> None:
    without = {"affwild2"}  # trained and tested on AffWild2 alone: no paper prints it
    for name in list_protocols():
        protocol = get_protocol(name)
        sets = {"mixed": "disfa"}.get(name, "")
        assert bool(published_for(protocol, protocol.metrics[0], sets)) == (name not in without), name


def test_published_rows_are_looked_up_by_what_they_are() -> None:
    best = published_results("MGRR-Net", "Table IV", metric="f1_frame", method="MGRR-Net (ours)")
    assert [one.average for one in best] == [0.637] and best[0].per_au["AU12"] == 0.884
    assert [one.method for one in published_by_pose("9")] == ["pEAC-Net", "pARL"]
    assert {one.method: one.average for one in published_by_visible("none")} == {"EAC-Net": 0.298, "ARL": 0.16}
    icc = published_results("ARL", "Table 7", metric="icc_3_1", method="iARL")
    assert len(icc) == 1 and 0 < icc[0].per_au["AU12"] < 1
    assert all(one.method and one.paper and one.table for one in published_results())


def test_training_scores_do_not_stand_beside_published_tests() -> None:
    found = disfa_like(about={"model": "arl", "split": "train"})
    made_report = build_report(evaluate(found, DISFA, draws=0))
    assert "NO TEST" in made_report.heading
    assert not any(table.name.startswith("published") for table in made_report.tables)


def test_intensity_protocols_lead_with_icc_and_mae() -> None:
    protocol = get_protocol("disfa_intensity")
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 6, (120, 12)).astype(np.int8)
    found = made(
        120, 4, units=protocol.action_units, true_intensity=truth, intensity_known=np.ones((120, 12), bool),
        intensity=np.clip(truth + rng.normal(0, 1, truth.shape), 0, 5).astype(np.float32), about={"model": "iarl"},
    )  # fmt: skip
    made_report = build_report(evaluate(found, protocol, draws=20))
    assert made_report.tables[0].name == "intensity"
    names = [table.name for table in made_report.tables]
    assert "published_icc_3_1" in names and "published_mae" in names
    cell = made_report.tables[0].rows[0].cells[4]
    assert isinstance(cell, Interval) and cell.value == pytest.approx(np.abs(truth[:, 0] - np.rint(found.intensity[:, 0])).mean())  # type: ignore[index]


def test_files_are_written_whole_and_never_over_others(tmp_path: Path, evaluation: Evaluation) -> None:
    files = write_report(evaluation, tmp_path, formats=("md", "html"))
    assert sorted(file.name for file in files) == ["report.html", "report.json", "report.md"]
    data = json.loads((tmp_path / "report.json").read_text())
    assert data["synthetic"] is True and data["scores"]["f1_frame"]["AU26"] is None
    assert data["fold_mean"]["f1_frame"]["AU1"] == pytest.approx(evaluation.fold_mean("f1_frame")["AU1"])
    with pytest.raises(OutputError, match="exists"):
        write_report(evaluation, tmp_path)
    with pytest.raises(InputError, match="did you mean"):
        write_report(evaluation, tmp_path, formats=("htm",), overwrite=True)


def test_the_page_needs_nothing_from_outside_and_escapes_names(evaluation: Evaluation) -> None:
    text = page(build_report(evaluation))
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text
    linked, named = re.findall(r'href="#(\w+)"', text), re.findall(r'<h2 id="(\w+)"', text)
    assert linked == named and len(set(named)) == len(named)
    assert text.count("<svg") == text.count("</svg>") == 4
    odd = Table("t", "a < b", "x", (Column("c"),), (Row("<i>|_&", ("50%",)),))
    odd_report = Report("t", (), (odd,))
    assert "&lt;i&gt;|_&amp;" in page(odd_report)
    assert r"\textless{}i\textgreater{}|\_\& & 50\%" in latex(odd_report)
    assert r"<i>\|_&" in markdown(odd_report)


def test_how_numbers_are_shown() -> None:
    assert shown(0.58749, "percent") == "58.7" and shown(-0.0001, "number2") == "0.00"
    assert shown(float("nan"), "count") == "-" and shown(None, "number") == "-" and shown(12345.0, "count") == "12,345"
    assert shown(Interval(0.5, 0.4, 0.6, 1.0), "number2") == "0.50 [0.40, 0.60]"
    assert shown(Interval(0.5, float("nan"), float("nan"), 0.1), "number2") == "0.50"
    assert shown(6.33e-158, "p") == "6.3e-158"


@pytest.mark.parametrize("name", ["evaluate", "metrics"])
def test_examples_of_the_pages_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, name, "exec"), {})
        said = [line.strip() for line in capsys.readouterr().out.splitlines()]
        promised = re.findall(r"print\(.*\)  # (.*)$", block, re.MULTILINE)
        assert all(any(line.startswith(one.removesuffix("...")) for line in said) for one in promised), (said, promised)


def test_reports_say_what_was_changed_in_the_recipe() -> None:
    changed = {"epochs": 2, "start_from": None, "learning_rate": 0.001}
    about = {"model": "arl", "split": "test", "recipe": "arl_disfa", "changes": changed}
    text = markdown(build_report(evaluate(disfa_like(about=about), DISFA, draws=0)))
    assert "Changed recipe: 3 settings were changed" in text
    assert "Changed in the recipe: epochs 2, start_from none, learning_rate 0.001" in text
    same = markdown(build_report(evaluate(disfa_like(about={**about, "changes": {}}), DISFA, draws=0)))
    assert "Changed in the recipe" not in same and "Changed recipe" not in same
