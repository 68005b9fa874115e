"""Reports as files: Markdown, CSV, LaTeX (booktabs) and one HTML page, all with the same digits."""

from __future__ import annotations

import csv
import html
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from aufait.errors import InputError
from aufait.evaluation.evaluate import Evaluation
from aufait.evaluation.reports import figures
from aufait.evaluation.reports.report import Report, build_report, to_dict
from aufait.evaluation.reports.tables import Interval, Row, Table, label_of, shown, titles
from aufait.files.atomic import write_text
from aufait.files.safe_text import content_policy, plain_cell
from aufait.settings import did_you_mean

_STYLE = """
:root { color-scheme: light; --ink: #14181f; --dim: #5b6472; --line: #d5dae2; --soft: #f3f5f8; --mark: #b3261e; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); margin: 0 auto; max-width: 1360px; padding: 24px 20px 60px; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .6rem; } h2 { font-size: 1.08rem; margin: 2.2rem 0 .5rem; }
.synthetic { background: #fdecea; border-left: 5px solid var(--mark); padding: 10px 14px; margin: 0 0 1rem; }
.tag { color: var(--mark); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 0 0 1rem; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13.5px; }
th, td { padding: 4px 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
thead th { border-bottom: 2px solid var(--ink); border-top: 2px solid var(--ink); font-weight: 600; }
tbody tr:last-child td { border-bottom: 2px solid var(--ink); }
tr.strong td { font-weight: 600; background: var(--soft); } .note { color: var(--dim); font-size: 13px; margin: .3rem 0; }
nav { columns: 3 260px; margin: 1.6rem 0; font-size: 13.5px; } nav a { display: block; color: #1f5f9e; text-decoration: none; }
nav a:hover { text-decoration: underline; }
figure { margin: 1.6rem 0; } figcaption { font-weight: 600; margin-bottom: .4rem; } svg { max-width: 100%; height: auto; }
@media print {
  @page { size: A4 landscape; margin: 10mm; }
  body { max-width: none; padding: 0; font-size: 11px; } nav { display: none; } h2 { break-after: avoid; }
  .scroll { overflow: visible; } table { font-size: 8.5px; width: 100%; } tr { break-inside: avoid; }
  th, td { padding: 2px 3px; white-space: normal; } th:first-child, td:first-child { position: static; }
}
"""

_NARROW, _WIDE, _SPLIT = 75, 86, 125
"""Characters from which a LaTeX table is set smaller, from which it is scaled to the width of the page, and from which it would be
too small to read and its columns are divided, one part below the other."""

_LATEX = str.maketrans(
    {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
     "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", ">": r"\textgreater{}", "<": r"\textless{}", "±": r"$\pm$"}
)  # fmt: skip


def markdown(report: Report) -> str:
    """The report as GitHub-flavoured Markdown."""
    lines = [f"# {_one_line(report.heading)}", ""]
    lines += [f"> **{note}**\n" for note in report.notes]
    lines += [f"- {label}: {_one_line(text)}" for label, text in report.facts]
    for table in report.tables:
        lines += ["", f"## {_one_line(table.heading)}", "", *_markdown_table(table)]
        notes = table.footnotes()
        lines += ["", *(f"{_one_line(note)}  " for note in notes)] if notes else []
    return "\n".join(lines).rstrip() + "\n"


def _markdown_table(table: Table) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    lines = [line([table.first, *titles(table.columns)]), "|---|" + "---:|" * len(table.columns)]
    for row in table.rows:
        cells = [label_of(table, row), *_texts(table, row)]
        lines.append(line([f"**{cell}**" if row.strong and cell else cell for cell in cells]))
    return lines


def comma_separated(report: Report) -> str:
    """The report as one tidy CSV: a line per cell, numbers in full next to the text that the other formats show."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(["table", "synthetic", "row", "column", "value", "low", "high", "shown", "note"])
    for table in report.tables:
        for row in table.rows:
            for column, cell, text in zip(table.columns, row.cells, _texts(table, row), strict=True):
                numbers = [cell.value, cell.low, cell.high] if isinstance(cell, Interval) else [cell, None, None]
                values = [repr(float(one)) if isinstance(one, float | int) and one == one else "" for one in numbers]
                words = text if not isinstance(cell, str) else plain_cell(text)
                label, title, note = plain_cell(row.label), plain_cell(column.title), plain_cell(row.note)
                writer.writerow([plain_cell(table.name), str(table.synthetic).lower(), label, title, *values, words, note])
    return output.getvalue()


def latex(report: Report) -> str:
    r"""The tables as LaTeX for ``\usepackage{booktabs,graphicx}``, one ``table`` environment each."""
    lines = [f"% {_one_line(report.heading)}", r"% needs \usepackage{booktabs,graphicx}"]
    lines += [f"% {_one_line(note)}" for note in report.notes]
    lines += [f"% {label}: {_one_line(text)}" for label, text in report.facts]
    for table in report.tables:
        lines += ["", *_latex_table(table)]
    return "\n".join(lines) + "\n"


def _latex_table(table: Table) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(cell.translate(_LATEX) for cell in cells) + r" \\"

    size = r"\small" if _characters(table) < _NARROW else r"\footnotesize"
    lines = [r"\begin{table}[htbp]", r"\centering", size, rf"\caption{{{table.heading.translate(_LATEX)}}}"]
    lines += [rf"\label{{tab:{table.name.replace('_', '-')}}}"]
    for number, part in enumerate(_parts(table)):
        wide = _characters(part) > _WIDE
        lines += [r"\par\medskip"] if number else []
        lines += [r"\resizebox{\linewidth}{!}{%"] if wide else []
        lines += [rf"\begin{{tabular}}{{l{'r' * len(part.columns)}}}", r"\toprule"]
        lines += [line([part.first, *titles(part.columns)]), r"\midrule"]
        for row in part.rows:
            cells = line([label_of(part, row), *_texts(part, row)])
            lines.append(rf"\bfseries {cells}".replace(" & ", r" & \bfseries ") if row.strong else cells)
        lines += [r"\bottomrule", r"\end{tabular}" + ("}" if wide else "")]
    lines += [rf"\par\smallskip {{\footnotesize {note.translate(_LATEX)}}}" for note in table.footnotes()]
    return [*lines, r"\end{table}"]


def _parts(table: Table) -> list[Table]:
    """The table, or groups of its columns that a page can hold, each with all rows."""
    if _characters(table) <= _SPLIT:
        return [table]
    groups: list[list[int]] = [[]]
    for column in range(len(table.columns)):
        if groups[-1] and _characters(_columns_of(table, [*groups[-1], column])) > _WIDE:
            groups.append([])
        groups[-1].append(column)
    return [_columns_of(table, group) for group in groups]


def _columns_of(table: Table, chosen: Sequence[int]) -> Table:
    rows = tuple(replace(row, cells=tuple(row.cells[column] for column in chosen)) for row in table.rows)
    return replace(table, columns=tuple(table.columns[column] for column in chosen), rows=rows)


def _characters(table: Table) -> int:
    """Width of a table in characters, a gap of two between columns."""
    lines = [[table.first, *titles(table.columns)]] + [[label_of(table, row), *_texts(table, row)] for row in table.rows]
    return sum(max(map(len, column)) + 2 for column in zip(*lines, strict=True))


def page(report: Report) -> str:
    """The report as one HTML file without any outside part."""
    escape = html.escape
    body = [f"<h1>{escape(report.heading)}</h1>"]
    body += [f'<p class="{"synthetic" if report.synthetic else "note"}">{escape(note)}</p>' for note in report.notes]
    facts = "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in report.facts)
    body.append(f"<dl>{facts}</dl>")
    drawn = [figures.draw(figure.kind, report.evaluation) for figure in report.figures if report.evaluation is not None]
    tag = '<span class="tag">SYNTHETIC FACES: </span>' if report.synthetic else ""
    for figure, picture in zip(report.figures, drawn, strict=False):
        body.append(f"<figure><figcaption>{tag}{escape(figure.title)}</figcaption>{picture}</figure>")
    links = " ".join(f'<a href="#{escape(table.name)}">{escape(table.title)}</a>' for table in report.tables)
    body.append(f"<nav>{links}</nav>")
    body += [_html_table(table) for table in report.tables]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">{content_policy()}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.heading)}</title><style>{_STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _html_table(table: Table) -> str:
    head = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in [table.first, *titles(table.columns)])
    lines = []
    for row in table.rows:
        cells = "".join(f"<td>{html.escape(text)}</td>" for text in [label_of(table, row), *_texts(table, row)])
        lines.append(f"<tr class='strong'>{cells}</tr>" if row.strong else f"<tr>{cells}</tr>")
    tag = '<span class="tag">SYNTHETIC FACES: </span>' if table.synthetic else ""
    notes = "".join(f'<p class="note">{html.escape(note)}</p>' for note in table.footnotes())
    return (
        f'<h2 id="{html.escape(table.name)}">{tag}{html.escape(table.title)}</h2>\n'
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{''.join(lines)}</tbody></table></div>{notes}"
    )


FORMATS: Mapping[str, Callable[[Report], str]] = MappingProxyType(
    {"md": markdown, "csv": comma_separated, "tex": latex, "html": page}
)
"""Ending -> what makes the text of a file."""


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Formats in order, each once.

    Raises:
        InputError: an unknown one.
    """
    wanted = tuple(dict.fromkeys(one.strip().lower().lstrip(".") for one in formats if one.strip()))
    unknown = [one for one in wanted if one not in FORMATS]
    if unknown or not wanted:
        name = unknown[0] if unknown else ""
        raise InputError(f"unknown report format {name!r}{did_you_mean(name, FORMATS)} Known: {', '.join(FORMATS)}")
    return wanted


def write_report(
    report: Report | Evaluation,
    folder: str | os.PathLike[str],
    *,
    formats: Sequence[str] = tuple(FORMATS),
    name: str = "report",
    overwrite: bool = False,
) -> list[Path]:
    """Write a report and, for evaluations, all numbers as JSON.

    Args:
        report: a report, or an evaluation to make one from.
        folder: where to; made if missing.
        formats: of "md", "csv", "tex", "html".
        name: stem of the files.
        overwrite: whether existing files may be replaced.

    Returns:
        The files.

    Raises:
        InputError: unknown format.
        OutputError: a file exists or cannot be written.
    """
    made = build_report(report) if isinstance(report, Evaluation) else report
    texts = {f"{name}.{ending}": FORMATS[ending](made) for ending in check_formats(formats)}
    if made.evaluation is not None:
        texts[f"{name}.json"] = json.dumps(to_dict(made.evaluation), indent=1, allow_nan=False) + "\n"
    return [write_text(Path(folder) / file, text, overwrite=overwrite) for file, text in texts.items()]


def _texts(table: Table, row: Row) -> list[str]:
    return [shown(cell, column.kind) for column, cell in zip(table.columns, row.cells, strict=True)]


def _one_line(text: str) -> str:
    return " ".join(text.split())
