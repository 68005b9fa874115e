"""Blocks of rows, one for each face, on one axis of time; below markers, above legend and notes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from aufait.visualization.findings.chart import ABSENT, POOR, Chart, Face
from aufait.visualization.findings.figure import GAP, MUTED
from aufait.visualization.findings.marks import Strip
from aufait.visualization.findings.page import Page
from aufait.visualization.time_axis import clock_text, dark_face_colour, runs

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HATCHED: dict[int, dict[str, Any]] = {
    ABSENT: {"facecolor": GAP, "edgecolor": "#c3cbd5", "hatch": "////", "linewidth": 0},
    POOR: {"facecolor": "#f3ead8", "edgecolor": "#dccba6", "hatch": "....", "linewidth": 0},
}
_HEADING, _AXIS, _AFTER_STRIP = 0.32, 0.46, 0.06

DrawFace = Callable[["Axes", Chart, Face, bool], None]


def draw_blocks(
    chart: Chart, subtitle: str, row_inches: float, legend: Sequence[tuple[Artist, str]], draw: DrawFace, notes: Sequence[str] = ()
) -> Figure:
    """The figure of a chart.

    Args:
        subtitle: what is shown.
        row_inches: height of a row.
        legend: of what ``draw`` draws; gaps and markers are added here.
        draw: draws a face into its panel; told whether it is the last.
        notes: further ones than the chart's.
    """
    strip = Strip(chart.marks, chart.edges[0], chart.edges[-1])
    heights = [row_inches * len(chart.rows)] * len(chart.faces)
    body = sum(heights) + _HEADING * len(heights) + _AXIS + strip.height + (_AFTER_STRIP if strip.height else 0)
    page = Page(
        chart.title, subtitle, [*notes, *strip.notes, *chart.notes], [*legend, *_gap_legend(chart), *strip.legend], body,
        synthetic=chart.synthetic,
    )  # fmt: skip
    if strip.height:
        strip.draw(page.panel(strip.height))
        page.skip(_AFTER_STRIP)
    for number, (face, height) in enumerate(zip(chart.faces, heights, strict=True), start=1):
        page.skip(_HEADING)
        axes = page.panel(height)
        strip.shade(axes, chart.marks, face.number)
        draw(axes, chart, face, number == len(heights))
    return page.figure


def shown_as(chart: Chart) -> str:
    """The scores that are drawn, in words."""
    kind = chart.kinds[0] if chart.kinds else "scores"
    said = {
        "intensity": "Intensity 0 to 5 (0 absent, 1 to 5 = FACS A to E)",
        "probability": "Probability 0 to 1" + ("" if chart.chosen else " (no intensities are given)"),
        "occurrence": "Occurrence, 0 or 1" + ("" if chart.chosen else " (neither intensities nor probabilities are given)"),
    }
    others = f"; {' and '.join(chart.kinds[1:])} where a row says so" if len(chart.kinds) > 1 else ""
    return f"{said.get(kind, 'No scores')}{others}, of each action unit"


def gaps(axes: Axes, chart: Chart, face: Face) -> None:
    """Hatch the time in which the face is not there, or not good enough."""
    for state in (ABSENT, POOR):
        for first, last in runs((face.state == state) & chart.recorded):
            start, end = max(chart.edges[first], chart.start), min(chart.edges[last], chart.end)
            axes.axvspan(start, end, zorder=0.7, **_HATCHED[state])


def heading(axes: Axes, chart: Chart, face: Face) -> None:
    """Number of the face above its panel, and how much of it can be used."""
    colour = dark_face_colour(face.number)
    axes.text(0, 1.0, f"Face {face.number}", transform=axes.transAxes, color=colour, fontsize=11, fontweight="bold", va="bottom")
    inside = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    percent = 100 * face.usable
    share = f"{percent:.0f} % of the" if 0.5 <= percent < 99.5 else "all" if percent > 99.95 else f"{percent:.1f} % of the"
    axes.text(0.8 / inside, 1.0, f"usable in {share} frames", transform=axes.transAxes, color=MUTED, fontsize=8.5, va="bottom")


def _gap_legend(chart: Chart) -> list[tuple[Artist, str]]:
    from matplotlib.patches import Patch

    words = {ABSENT: "face not seen", POOR: f"quality below {chart.min_quality:g}"}
    there = [state for state in (ABSENT, POOR) if any(((face.state == state) & chart.recorded).any() for face in chart.faces)]
    entries: list[tuple[Artist, str]] = [(Patch(**_HATCHED[state]), words[state]) for state in there]
    if not chart.recorded.all():
        empty = Patch(facecolor="white", edgecolor="#c3cbd5", linewidth=0.6)
        covers = f"{clock_text(chart.start, 0.1)} to {clock_text(chart.end, 0.1)}"
        entries.append((empty, f"empty: the recording covers {covers}"))
    return entries
