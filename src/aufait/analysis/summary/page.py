"""The page of a batch: all recordings with links to their reports, key numbers, and a chart; one file that needs no network."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template

from aufait import __version__
from aufait.analysis.page_parts import bullets, link_to, section, style
from aufait.analysis.summary.batch import Batch
from aufait.analysis.summary.overview import heat_map
from aufait.analysis.summary.row import Row
from aufait.files.safe_text import content_policy

NOTE = (
    "The numbers describe visible facial movement as a program sees it, not feelings, and do not replace a certified FACS coder. "
    "Shares, rates and means refer to the valid time: frames without the face, and those of low quality, are missing, not zero."
)
_MOST = 4  # action units named per person
_MAX_LINES = 500  # of a table; the CSV has all


def page_of(batch: Batch, folder: Path, files: Sequence[Path], warned: Sequence[str] = ()) -> str:
    """The page as HTML.

    Args:
        folder: in which it will be; links are relative to it.
        files: of the summary, to link.
        warned: what had to be told about the inputs.
    """
    template = Template((resources.files(__package__) / "index_template.html").read_text(encoding="utf-8"))
    recordings = [row for row in batch.rows if row.level == "recording"]
    sections = [
        _overview(recordings),
        _conditions(batch.rows),
        _recordings(batch, recordings, folder),
        _messages(batch, warned),
        _settings(batch),
        _files(files, folder),
    ]
    return template.substitute(
        policy=content_policy(),
        style=style(),
        version=html.escape(__version__),
        title="Summary of recordings",
        lead="Facial action units: how often, how long, how strongly",
        facts="\n".join(f"<li><b>{value}</b><span>{name}</span></li>" for name, value in _facts(batch, recordings)),
        note=html.escape(NOTE),
        sections="\n".join(filter(None, sections)),
    )


def _facts(batch: Batch, recordings: Sequence[Row]) -> list[tuple[str, str]]:
    lengths = {row.recording: row.end - row.start for row in recordings}
    valid = sum(row.face["valid_seconds"] for row in recordings)
    names = {row.person for row in recordings if row.person}
    unnamed = sum(not row.person for row in recordings)
    used = len(batch.tables) - len(batch.failed)
    facts = [("recordings" if used != 1 else "recording", str(used)), ("recorded", _length(sum(lengths.values())))]
    if names:
        facts.append(("persons" if len(names) > 1 else "person", str(len(names))))
    if unnamed:
        facts.append(("faces without a name" if names else "faces" if unnamed > 1 else "face", str(unnamed)))
    facts.append(("of valid face time", _length(valid)))
    if found := {(row.tier, row.condition) for row in batch.rows if row.level == "condition"}:
        facts.append(("conditions", str(len(found))))
    if batch.failed:
        facts.append(("could not be used", str(len(batch.failed))))
    return facts


def _overview(recordings: Sequence[Row]) -> str:
    if not recordings:
        return ""
    several = len({row.recording for row in recordings}) > 1
    rows = [(f"{row.recording}, {row.called}" if several else row.called, row) for row in recordings]
    lead = "Share of the valid time in which each action unit is present, in percent. Grey: nothing seen, or not given."
    lead = f"<p class='lead'>{lead}</p>"
    return section(
        "Who shows what", "overview", lead + heat_map(rows, "Share of time with each action unit, by recording and person")
    )


def _conditions(rows: Sequence[Row]) -> str:
    grouped = [row for row in rows if row.level == "group"]
    found = grouped or [row for row in rows if row.level == "condition"]
    if not found:
        return ""
    several = len({row.recording for row in found}) > 1
    names = [(_condition_name(row, several), row) for row in found]
    lead = "Means over persons, each counting the same." if grouped else "By recording, person and condition."
    chart = heat_map(names, "Share of time with each action unit, by condition")
    return section("Conditions" if not grouped else "Groups and conditions", "conditions", f"<p class='lead'>{lead}</p>{chart}")


def _condition_name(row: Row, several: bool) -> str:
    condition = f"{row.tier}: {row.condition}" if row.tier and row.condition else row.condition or "whole recording"
    if row.level == "group":
        return f"{condition}, {row.group} ({row.persons})"
    return f"{condition}, {row.recording}, {row.called}" if several else f"{condition}, {row.called}"


def _recordings(batch: Batch, recordings: Sequence[Row], folder: Path) -> str:
    lines = []
    for row in recordings[:_MAX_LINES]:
        face = row.face
        lines.append(
            f'<tr><th scope="row">{_report_link(row.recording, batch.tables[row.recording], folder)}</th>'
            f"<td>{html.escape(row.called)}</td>"
            f'<td class="number">{_length(face["seconds"])}</td>'
            f'<td class="number">{_percent(1 - face["missing_share"])}</td>'
            f'<td class="number">{_number(face["quality_mean"])}</td>'
            f'<td class="units">{html.escape(_most_present(row))}</td></tr>'
        )
    more = f"<p class='lead'>{len(recordings) - _MAX_LINES} more are in the tables.</p>" if len(recordings) > _MAX_LINES else ""
    linked = sum(_report_of(path) is not None for name, path in batch.tables.items() if name not in batch.failed)
    hint = "Names lead to the page of the recording, where aufait detect --report made one beside its table."
    if not linked:
        hint = "No pages of single recordings beside the tables; aufait detect --report makes them."
    table = (
        f'<div class="wide" role="region" tabindex="0" aria-label="Recordings"><table>'
        '<thead><tr><th scope="col">Recording</th><th scope="col">Person</th><th scope="col" class="number">Length</th>'
        '<th scope="col" class="number">Valid</th><th scope="col" class="number">Quality</th>'
        '<th scope="col">Most of the valid time</th></tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
    return section("Recordings", "recordings", f"<p class='lead'>{hint}</p>{table}{more}")


def _most_present(row: Row) -> str:
    pairs = zip(row.action_units, row.units["share_present"], strict=True)
    ranked = sorted((pair for pair in pairs if pair[1] >= 0.005), key=lambda pair: -pair[1])
    return ", ".join(f"AU{unit} {100 * share:.0f} %" for unit, share in ranked[:_MOST]) or "–"


def _report_of(table: Path) -> Path | None:
    page = table.with_name(f"{table.stem}_report.html")
    return page if page.is_file() else None


def _report_link(name: str, table: Path, folder: Path) -> str:
    page = _report_of(table)
    return html.escape(name) if page is None else f'<a href="{link_to(page, folder)}">{html.escape(name)}</a>'


def _messages(batch: Batch, warned: Sequence[str]) -> str:
    body = ""
    if batch.failed:
        body += "<p class='lead'>Could not be used:</p>" + bullets(f"{name}: {why}" for name, why in batch.failed.items())
    if warned:
        body += "<p class='lead'>To check:</p>" + bullets(warned)
    return section("Messages", "messages", body) if body else ""


def _settings(batch: Batch) -> str:
    bootstrap, rule = batch.settings.bootstrap, batch.settings.rule
    sure = f"{100 * bootstrap.confidence:g} %"
    facts = {
        "Counts from quality": f"{rule.min_quality:g}",
        "Events": f"at least {rule.min_duration:g} s, gaps up to {rule.bridge:g} s bridged",
        "Baseline": batch.baseline,
        "Intervals": f"{sure}, {bootstrap.rounds} draws of blocks of {bootstrap.block:g} s, seed {bootstrap.seed}"
        if bootstrap.rounds else "none",
    }  # fmt: skip
    rows = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in facts.items())
    return section("How it was made", "settings", f"<dl>{rows}</dl>")


def _files(files: Sequence[Path], folder: Path) -> str:
    items = "".join(f'<li><a href="{link_to(file, folder)}">{html.escape(file.name)}</a></li>' for file in files)
    return section("Files", "files", f'<ul class="plain">{items}</ul>')


def _length(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.0f} %"


def _number(value: float) -> str:
    return "not given" if math.isnan(value) else f"{value:.2f}"
