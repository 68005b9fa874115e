"""Sections of the page about pairs of raters and about all of them: tables of measures, pictures per action unit."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence

from aufait.action_units import ACTION_UNITS
from aufait.analysis.agreement.comparison import Comparison
from aufait.analysis.agreement.drawings import bland_altman_picture, confusion_picture
from aufait.analysis.agreement.measures import BIAS, LIMITS, MEDIANS, Measure
from aufait.analysis.agreement.pool import Pool
from aufait.analysis.agreement.sums import LEVELS, PAIR
from aufait.analysis.page_parts import section

MOST_PAIRS = 6
"""Pairs with pictures; the tables have all."""
MOST_LINES = 200

_COLUMNS = {
    "F1": "F1", "Kappa": "Cohen's kappa", "Alpha": "Krippendorff's alpha, nominal", "ICC(2,1)": "ICC(2,1)", "ICC(3,1)": "ICC(3,1)",
    "Bias": BIAS, "Events F1": "event F1, overlap", "Onset, s": MEDIANS[0],
}  # fmt: skip
_JOINT = {
    "Fleiss' kappa": "Fleiss' kappa", "Alpha": "Krippendorff's alpha, nominal", "Alpha, ordinal": "Krippendorff's alpha, ordinal",
    "Alpha, interval": "Krippendorff's alpha, interval",
}  # fmt: skip

Values = Mapping[tuple[int, str], Measure]


def pair_section(found: Comparison, pool: Pool, number: int) -> str:
    """Two raters: a table of measures.

    Args:
        number: place among the pairs.
    """
    values = _values(found, pool)
    lines = []
    for unit in pool.units:
        shares = [_percent(values.get((unit, f"share present, {who}"))) for who in ("first", "second")]
        cells = [f'<td class="number">{share}</td>' for share in shares]
        cells += [_cell(values.get((unit, name)), values, name) for name in _COLUMNS.values()]
        lines.append(_line(unit, cells))
    table = _table(["", "Present, first", "second", *_COLUMNS], lines, f"Agreement of {pool.first} and {pool.second}")
    hint = f"First: {html.escape(pool.first)}. Second: {html.escape(pool.second)}. {_intervals(found, values)}"
    return section(f"{pool.first} and {pool.second}", f"pair{number}", f"<p class='lead'>{hint}</p>{table}")


def pictures_section(found: Comparison) -> str:
    """Confusion and differences of every action unit, pair by pair."""
    pairs = [pool for pool in found.pools.values() if pool.second]
    parts = ["<p class='lead'>Numbers are percent of the frames. Plots: difference of intensities over their mean; the line is the "
             "bias, between the dashed lines are 95 % of the differences.</p>"]  # fmt: skip
    for number, pool in enumerate(pairs[:MOST_PAIRS]):
        values = _values(found, pool)
        cards = f'<div class="cards">{"".join(_card(pool, unit, values) for unit in pool.units)}</div>'
        name = html.escape(f"{pool.first} and {pool.second}")
        opened = " open" if number == 0 else ""
        parts.append(cards if len(pairs) == 1 else f"<details{opened}><summary>{name}</summary>{cards}</details>")
    if len(pairs) > MOST_PAIRS:
        parts.append(f"<p class='lead'>Of {len(pairs)} pairs the first {MOST_PAIRS} are drawn; agreement.csv has all.</p>")
    return section("Action unit by action unit", "pictures", "".join(parts))


def joint_section(found: Comparison, pool: Pool) -> str:
    """All raters together."""
    values = _values(found, pool)
    lines = []
    for unit in pool.units:
        frames = values[unit, "frames that all scored"].value
        cells = [_cell(values.get((unit, name)), values, name) for name in _JOINT.values()]
        lines.append(_line(unit, [f'<td class="number">{frames:,.0f}</td>', *cells]))
    table = _table(["", "Frames that all scored", *_JOINT], lines, "Agreement of all raters")
    hint = f"{html.escape(', '.join(found.raters))}: how far all of them agree. {_intervals(found, values)}"
    return section("All raters together", "all", f"<p class='lead'>{hint}</p>{table}")


def recordings_section(found: Comparison) -> str:
    """Cohen's kappa of every recording or person, for the first pair of raters."""
    rows = [row for row in found.measures if row.level != "all" and row.measure == "Cohen's kappa"]
    often = Counter(person for person, recording in {(row.person, row.recording) for row in rows} if recording)
    rows = [row for row in rows if row.level == "recording" or often[row.person] > 1]
    pair = next((pool for pool in found.pools.values() if pool.second), None)
    if pair is None or len({(row.recording, row.person) for row in rows}) < 2:
        return ""
    of_pair = [row for row in rows if (row.first, row.second) == (pair.first, pair.second)]
    whom = list(dict.fromkeys((row.recording, row.person) for row in of_pair))
    values = {(row.recording, row.person, row.unit): row for row in of_pair}
    lines = []
    for recording, person in whom[:MOST_LINES]:
        cells = [_cell(values.get((recording, person, unit)), {}, "") for unit in pair.units]
        name = ", ".join(filter(None, (recording, person))) if recording else f"{person}, all recordings"
        lines.append(f'<tr><th scope="row">{html.escape(name)}</th>{"".join(cells)}</tr>')
    table = _table(["", *(f"AU{unit}" for unit in pair.units)], lines, "Cohen's kappa by recording and person")
    more = f" {len(whom) - MOST_LINES} more are in agreement.csv." if len(whom) > MOST_LINES else ""
    hint = f"Cohen's kappa of {html.escape(pair.first)} and {html.escape(pair.second)}.{more}"
    return section("By recording and person", "recordings", f"<p class='lead'>{hint}</p>{table}")


def unit_name(unit: int) -> str:
    """Number and name of an action unit."""
    known = ACTION_UNITS.get(unit)
    return f"AU{unit} {known.name}" if known else f"AU{unit}"


def _values(found: Comparison, pool: Pool) -> dict[tuple[int, str], Measure]:
    rows = [row for row in found.overall if (row.first, row.second) == (pool.first, pool.second)]
    return {(row.unit, row.measure): row for row in rows}


def _intervals(found: Comparison, values: Values) -> str:
    confidence = 100 * found.settings.bootstrap.confidence
    drawn = dict.fromkeys(row.interval for row in values.values() if row.interval not in ("", "events"))
    if drawn:
        return f"Below each number its {confidence:g} % interval, over {' and '.join(drawn)}."
    return "No intervals: too little time, or fewer than three persons or recordings." if found.settings.bootstrap.rounds else ""


def _card(pool: Pool, unit: int, values: Values) -> str:
    total = pool.total(unit)
    name = unit_name(unit)
    parts = [
        confusion_picture(total[PAIR.presence].reshape(2, 2), ("absent", "present"), pool.first, pool.second,
                          f"{name}: presence in percent of the frames"),
    ]  # fmt: skip
    levels = total[PAIR.levels].reshape(LEVELS, LEVELS)
    if levels.any():
        parts.append(confusion_picture(levels, "0ABCDE", pool.first, pool.second, f"{name}: levels in percent of the frames"))
        bias, low, high = (values[unit, measure].value for measure in (BIAS, *LIMITS))
        parts.append(bland_altman_picture(pool.cloud(unit), bias, low, high, f"{name}: differences of intensity over their mean"))
    return f"<article><h3>{html.escape(name)}</h3>{''.join(parts)}</article>"


def _line(unit: int, cells: Sequence[str]) -> str:
    known = ACTION_UNITS.get(unit)
    title = f' title="{html.escape(known.name)}"' if known else ""
    return f'<tr><th scope="row"{title}>AU{unit}</th>{"".join(cells)}</tr>'


def _cell(row: Measure | None, values: Values, name: str) -> str:
    if row is None or row.value != row.value:
        return '<td class="number">–</td>'
    interval = f"<small>{_rounded(row.low)} to {_rounded(row.high)}</small>" if row.low == row.low else ""
    limits = [values.get((row.unit, limit)) for limit in LIMITS] if name == BIAS else []
    known = [one.value for one in limits if one is not None and one.value == one.value]
    spread = f"<small>95 % in {known[0]:.1f} to {known[1]:.1f}</small>" if len(known) == 2 else ""
    return f'<td class="number">{_rounded(row.value)}{interval}{spread}</td>'


def _rounded(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"


def _percent(row: Measure | None) -> str:
    return "–" if row is None or row.value != row.value else f"{100 * row.value:.0f} %"


def _table(heading: Sequence[str], lines: Sequence[str], label: str) -> str:
    kinds = ["", *[" class='number'"] * (len(heading) - 1)]
    head = "".join(f'<th scope="col"{kind}>{html.escape(name)}</th>' for name, kind in zip(heading, kinds, strict=True))
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{html.escape(label)}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
