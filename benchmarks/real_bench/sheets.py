"""Pictures to look at: the worst errors of each unit, and how often a unit occurs at each predicted probability."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from aufait.media.images import read_image
from aufait.metrics import reliability
from aufait.results import FaceAnalysis
from aufait.visualization.figures.figure import BLUE, GRID, INK, MUTED, axes_at, margins, new_figure, plain, to_png
from aufait.visualization.figures.picture_grid import picture_grid

if TYPE_CHECKING:
    from .development import LabelledFace

CROP = 220
"""Side of a face on a sheet in pixels."""
PER_LINE, LINES = 8, 2


def face_crop(image: np.ndarray, box: Sequence[float], margin: float = 0.12) -> np.ndarray:
    """(CROP, CROP, 3): the square around a box (x, y, w, h) and ``margin`` of its longer side; black outside the picture."""
    x, y, width, height = box
    side = max(width, height) * (1 + 2 * margin)
    left, top = x + width / 2 - side / 2, y + height / 2 - side / 2
    corners = (left, top, left + side, top + side)
    picture = Image.fromarray(image).transform((CROP, CROP), Image.Transform.EXTENT, corners, Image.Resampling.BICUBIC)
    return np.asarray(picture)


def worst_errors(truth: np.ndarray, probability: np.ndarray, found: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the strongest false alarms and of the weakest hits or misses of one unit, worst first.

    Args:
        truth: (N,) 1, 0, nan. probability: (N,). found: (N,) bool.
        count: at most so many of each.

    Returns:
        rows labelled 0 by falling probability, rows labelled 1 by rising probability. Rows on the right side of 0.5 follow
        those on the wrong side: a sheet shows what is nearly wrong too.
    """
    absent, present = np.flatnonzero((truth == 0) & found), np.flatnonzero((truth == 1) & found)
    alarms = absent[np.argsort(-probability[absent], kind="stable")]
    misses = present[np.argsort(probability[present], kind="stable")]
    return alarms[:count], misses[:count]


def write_error_sheets(
    folder: Path,
    names: Sequence[str],
    truth: np.ndarray,
    probability: np.ndarray,
    faces: Sequence[LabelledFace],
    found: Sequence[FaceAnalysis | None],
) -> int:
    """One PNG per unit; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    crops = [face_crop(read_image(face.path), face.box) for face in faces]
    seen = np.array([face is not None for face in found])
    for column, name in enumerate(names):
        alarms, misses = worst_errors(truth[:, column], probability[:, column], seen, PER_LINE * LINES)
        rows, heads, captions = [], [], []
        for head, chosen in (("labelled 0,\nhighest first", alarms), ("labelled 1,\nlowest first", misses)):
            for start in range(0, len(chosen), PER_LINE):
                part = chosen[start : start + PER_LINE]
                rows.append([crops[k] for k in part])
                heads.append(head)
                captions.append([_caption(probability[k, column], truth[k, column], found[k], name) for k in part])
        wrong = int(((probability[:, column] >= 0.5) & (truth[:, column] == 0)).sum())
        missed = int(((probability[:, column] < 0.5) & (truth[:, column] == 1)).sum())
        subtitle = f"{wrong} false alarms and {missed} misses at 0.5 (X); an unfound face counts as 0"
        if rows:
            png = picture_grid(rows, title=name, subtitle=subtitle, rows=heads, captions=captions, cell=1.4)
            (folder / f"{name}.png").write_bytes(png)
    return len(list(folder.glob("AU*.png")))


def _caption(probability: float, truth: float, face: FaceAnalysis | None, name: str) -> str:
    if face is None:
        return "not found"
    unit = face.index(int(name[2:]))
    wrong = "X " if (probability >= 0.5) != (truth == 1) else ""
    return f"{wrong}{probability:.2f}  l {face.intensity_left[unit]:.1f} r {face.intensity_right[unit]:.1f}"


def reliability_figure(names: Sequence[str], truth: np.ndarray, probability: np.ndarray, *, bins: int = 5) -> bytes:
    """PNG: one small panel per unit and one for all pooled; bars are shares of positives, numbers are faces."""
    known = ~np.isnan(truth)
    panels = [("all units", truth[known], probability[known])]
    panels += [(name, truth[known[:, k], k], probability[known[:, k], k]) for k, name in enumerate(names)]
    columns, side, gap = 5, 1.5, 0.45
    lines = -(-len(panels) // columns)
    width, title = 0.6 + columns * (side + gap), "Reliability on the development set"
    subtitle = "share of faces where the unit occurs, against its mean probability; the diagonal is a perfect fit"
    note = "numbers: faces in each fifth of the probability"
    head, foot = margins(width, subtitle, note)
    figure = new_figure(width, head + lines * (side + gap + 0.2) + foot, title, subtitle, note)
    for place, (name, occurrence, score) in enumerate(panels):
        line, column = divmod(place, columns)
        axes = axes_at(figure, 0.5 + column * (side + gap), head + 0.2 + line * (side + gap + 0.2), side, side)
        table = reliability(occurrence, score, bins=bins)
        filled = table[:, 0] > 0
        axes.plot([0, 1], [0, 1], color=GRID, linewidth=1, zorder=1)
        axes.plot(table[filled, 1], table[filled, 2], "o-", color=BLUE, markersize=3, linewidth=1, zorder=3)
        for count, mean, positive in table[filled]:
            axes.annotate(f"{count:.0f}", (mean, positive), textcoords="offset points", xytext=(0, 4), fontsize=6, color=MUTED)
        axes.set_title(name, fontsize=8.5, color=INK, pad=3)
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.12)
        axes.set_xticks([0, 0.5, 1])
        axes.set_yticks([0, 0.5, 1])
        plain(axes)
    return to_png(figure)
