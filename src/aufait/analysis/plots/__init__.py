"""Pictures of a table: action units over time, over hours, and together. ``docs/plots.md`` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aufait.analysis.plots.chart import Bins, Extras, chart_of
from aufait.analysis.plots.choice import Choice, Shared, shared_by, span_of
from aufait.analysis.plots.together import matrix_of
from aufait.errors import InputError

if TYPE_CHECKING:
    from aufait.analysis.baseline import BaselineResult
    from aufait.analysis.event import Event
    from aufait.analysis.score_table import ScoreTable
    from aufait.analysis.span import Span

__all__ = ["KINDS", "MEASURES", "Choice", "Shared", "check_kind", "plot_table", "shared_by", "span_of"]

KINDS = ("timeline", "heatmap", "cooccurrence")
MEASURES = {"heatmap": ("mean", "present"), "cooccurrence": ("share", "jaccard")}
"""What cells are, by kind of picture; the first where none is named."""


def plot_table(
    table: ScoreTable,
    kind: str = "timeline",
    choice: Choice | None = None,
    *,
    events: Sequence[Event] | None = None,
    events_are: str = "event",
    baseline: BaselineResult | None = None,
    markers: Sequence[Span] = (),
    measure: str | None = None,
    bin_seconds: float | None = None,
    shared: Shared | None = None,
    file_format: str = "png",
) -> bytes:
    """Draw a table.

    Args:
        table: of one recording.
        kind: "timeline", "heatmap" or "cooccurrence".
        choice: which action units, faces and seconds; None for all.
        events: what ``find_events(table)`` or ``read_events(path)`` gives; None draws none. Not for "cooccurrence".
        events_are: what they are, for the legend.
        baseline: what ``correct(table, rule)`` gives; its level is a line in the timeline.
        markers: spans of the recording, shaded and named.
        measure: for "heatmap": "mean" of the scores or share of frames "present"; for "cooccurrence": "share" of A's time in which
            B is present too, or "jaccard". None: the first of them.
        bin_seconds: length of a heat map's cells; None for a round one.
        shared: rows and times that several pictures have in common.
        file_format: "png", "pdf" or "svg".

    Returns:
        The content of the file.

    Raises:
        InputError: nothing is there to draw, or what is wanted is not in the table.
        MissingExtraError: Matplotlib (extra ``plot``) is not installed.
    """
    from aufait.visualization.findings.figure import FORMATS, new_figure

    measure = check_kind(kind, measure, bin_seconds)
    if file_format not in FORMATS:
        raise InputError(f"plot: the file must be one of {', '.join(FORMATS)}, got {file_format!r}")
    new_figure(1, 1)  # says now, not after the work, that Matplotlib is missing
    choice = choice or Choice()
    if kind == "cooccurrence":
        from aufait.visualization.findings.cooccurrence import draw_cooccurrence

        return draw_cooccurrence(matrix_of(table, choice, measure == "jaccard"), file_format)
    extras = Extras(events, events_are, baseline, markers)
    if kind == "heatmap":
        from aufait.visualization.findings.heatmap import draw_heatmap

        return draw_heatmap(chart_of(table, choice, extras, Bins(measure, bin_seconds), shared), file_format)
    from aufait.visualization.findings.timeline import draw_timeline

    return draw_timeline(chart_of(table, choice, extras, None, shared), file_format)


def check_kind(kind: str, measure: str | None = None, bin_seconds: float | None = None) -> str:
    """The measure of a kind of picture, checked; "" for a timeline.

    Raises:
        InputError: no such kind, or something that this kind has not.
    """
    if kind not in KINDS:
        raise InputError(f"plot: kind must be one of {', '.join(KINDS)}, got {kind!r}")
    known = MEASURES.get(kind, ())
    if measure is not None and measure not in known:
        allowed = f"one of {', '.join(known)}" if known else "left out"
        raise InputError(f"plot: the measure of a {kind} must be {allowed}, got {measure!r}")
    if bin_seconds is not None and kind != "heatmap":
        raise InputError(f"plot: only a heatmap has bins of time, not a {kind}")
    if bin_seconds is not None and not bin_seconds > 0:
        raise InputError(f"plot: bins must be longer than 0 seconds, got {bin_seconds:g}")
    return measure or (known[0] if known else "")
