"""How alike two faces are over time (across) and lag (up), above the two courses; beside it the mean over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aufait.files.safe_text import encodable
from aufait.visualization.findings.figure import GRID, INK, MUTED, new_figure, to_png
from aufait.visualization.time_axis import dark_face_colour

if TYPE_CHECKING:
    from aufait.analysis.synchrony import Synchrony


def draw_lags(found: Synchrony, first: str, second: str) -> bytes:
    """Draw one action unit of two faces as PNG.

    Args:
        found: what ``synchrony`` gave.
        first, second: what the two are called.
    """
    figure = new_figure(11, 5.6)
    grid = figure.add_gridspec(2, 3, height_ratios=(1, 1.7), width_ratios=(5, 1, 0.12), left=0.08, right=0.93, top=0.82,
                               bottom=0.1, hspace=0.12, wspace=0.1)  # fmt: skip
    courses = figure.add_subplot(grid[0, 0])
    lags = figure.add_subplot(grid[1, 0], sharex=courses)
    means = figure.add_subplot(grid[1, 1], sharey=lags)
    _draw_courses(courses, found, first, second)
    mesh = _draw_map(lags, found)
    _draw_means(means, found)
    bar = figure.colorbar(mesh, cax=figure.add_subplot(grid[1, 2]))
    bar.set_label("correlation", color=MUTED, fontsize=9)
    bar.ax.tick_params(labelsize=8, colors=MUTED)
    style: dict[str, Any] = {"color": INK, "va": "top", "parse_math": False}
    figure.text(0.02, 0.98, f"{found.pair.label}: two people over time", fontsize=14, fontweight="bold", **style)
    figure.text(0.02, 0.915, _sentence(found), fontsize=9.5, **style)
    return to_png(figure)


def _sentence(found: Synchrony) -> str:
    if not found.windows:
        return "no window in which both faces are known and move"
    p = "not tested" if np.isnan(found.p_peak) else f"p {found.p_peak:.3f}"
    seconds = found.correlation.length * found.pair.step
    return (
        f"mean of the windows' highest correlations {found.mean_peak:.2f} ({p}); highest mean {found.best_r:.2f} at lag "
        f"{found.best_lag:+.2f} s; {found.windows} windows of {seconds:.1f} s"
    )


def _draw_courses(axes: Any, found: Synchrony, first: str, second: str) -> None:
    for number, (name, values) in enumerate(((first, found.pair.first), (second, found.pair.second))):
        colour = dark_face_colour(number)
        text = encodable(f"{'AB'[number]}  {name}").replace("$", r"\$")
        axes.plot(found.pair.times, values, color=colour, linewidth=1.1, label=text)
    axes.set_ylim(0, 5.1 if found.pair.kind == "intensity" else 1.05)
    axes.set_ylabel(found.pair.kind, color=MUTED, fontsize=9)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=2, fontsize=8.5, frameon=False)
    _plain(axes)
    axes.tick_params(labelbottom=False)


def _draw_map(axes: Any, found: Synchrony) -> Any:
    correlation, step = found.correlation, found.pair.step
    middles = found.pair.start + step * (correlation.starts + correlation.length / 2)
    gap = middles[1] - middles[0] if len(middles) > 1 else correlation.length * step
    edges = np.append(middles - gap / 2, middles[-1] + gap / 2)
    lags = step * (np.append(correlation.lags, correlation.lags[-1] + 1) - 0.5)
    axes.set_facecolor("#c9ced6")
    mesh = axes.pcolormesh(edges, lags, correlation.r.T, cmap="RdBu_r", vmin=-1, vmax=1, rasterized=True)
    axes.plot(middles, found.peaks.lag * step, "o", color=INK, markersize=3.2, markeredgecolor="white", markeredgewidth=0.6)
    axes.axhline(0, color=INK, linewidth=0.7)
    axes.set_ylabel("lag, s\n(above 0: A is first)", color=MUTED, fontsize=9)
    axes.set_xlabel("time, s   (dots: the window's peak; grey: not known, or one face does not move)", color=MUTED, fontsize=9)
    axes.set_xlim(found.pair.times[0], found.pair.times[-1])
    _plain(axes)
    return mesh


def _draw_means(axes: Any, found: Synchrony) -> None:
    r = found.correlation.r
    known = np.isfinite(r)
    count = known.sum(axis=0)
    mean = np.where(count > 0, np.where(known, r, 0).sum(axis=0) / np.maximum(count, 1), np.nan)
    axes.plot(mean, found.correlation.lags * found.pair.step, color=INK, linewidth=1.2)
    axes.axvline(0, color=GRID, linewidth=0.8)
    axes.axhline(0, color=INK, linewidth=0.7)
    axes.set_xlabel("mean r", color=MUTED, fontsize=9)
    _plain(axes)
    axes.tick_params(labelleft=False)


def _plain(axes: Any) -> None:
    axes.tick_params(labelsize=8.5, colors=MUTED)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
