"""Markers of a recording: a strip with their names above the panels, and their shade in the panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aufait.files.safe_text import encodable
from aufait.visualization.findings.chart import Mark
from aufait.visualization.findings.figure import INK, MUTED
from aufait.visualization.findings.page import LEFT, PLAIN, RIGHT, WIDTH, letters_of, shortened

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#a85c8f", "#b58900", "#56b4e9", "#6b7280", "#7a5195")
"""Of labels, in the order in which they come; apart for colour-blind readers."""

LANE = 0.2
"""Height of a line of the strip in inches."""

_MOST_LANES, _LETTER, _IN_LEGEND = 6, 0.072, 12


class Strip:
    """Where each marker stands in the strip: a lane for each tier, and more where they overlap.

    Args:
        marks: in the order of time.
        start, end: seconds that the picture shows.
    """

    def __init__(self, marks: Sequence[Mark], start: float, end: float) -> None:
        self.start, self.end = start, end
        self.colour = {label: COLOURS[place % len(COLOURS)] for place, label in enumerate(dict.fromkeys(m.label for m in marks))}
        self.lanes: list[tuple[str, list[Mark]]] = []
        self.left_out = 0
        for tier in dict.fromkeys(mark.tier for mark in marks):
            self._pack(tier, [mark for mark in marks if mark.tier == tier])

    @property
    def height(self) -> float:
        """Inches of the strip; 0 without markers."""
        return LANE * len(self.lanes)

    @property
    def notes(self) -> list[str]:
        """What the strip does not show."""
        told = [f"{self.left_out} markers overlap too many others to be named above the panels."] if self.left_out else []
        if len(self._unnamed) > _IN_LEGEND:
            told.append(f"{len(self._unnamed) - _IN_LEGEND} more labels of markers have no room here.")
        return told

    @property
    def legend(self) -> list[tuple[Artist, str]]:
        """Labels that do not fit into their stretch of time."""
        if not self.lanes:
            return []
        from matplotlib.patches import Patch

        return [(Patch(facecolor=self.colour[label], alpha=0.35), shortened(label, 40)) for label in self._unnamed[:_IN_LEGEND]]

    @property
    def _unnamed(self) -> list[str]:
        marks = [mark for _, lane in self.lanes for mark in lane]
        named = {mark.label for mark in marks if self._text(mark) == mark.label}
        return [label for label in self.colour if label not in named]

    def draw(self, axes: Axes) -> None:
        """Draw the strip into its own panel."""
        axes.set_xlim(self.start, self.end)
        axes.set_ylim(len(self.lanes), 0)
        axes.axis("off")
        for lane, (tier, marks) in enumerate(self.lanes):
            for mark in marks:
                self._draw(axes, lane, mark)
            name = shortened(encodable(tier), 30) or ("markers" if lane == 0 else "")
            axes.text(-0.012, lane + 0.5, name, transform=axes.get_yaxis_transform(), fontsize=8.5, color=MUTED,
                      ha="right", va="center_baseline", **PLAIN)  # fmt: skip

    def shade(self, axes: Axes, marks: Sequence[Mark], face: int) -> None:
        """Shade the stretches in a face's panel, with a line at both ends."""
        for mark in marks:
            if mark.faces is None or face in mark.faces:
                axes.axvspan(mark.start, mark.end, facecolor=self.colour[mark.label], alpha=0.09, linewidth=0, zorder=0.5)
                axes.vlines([mark.start, mark.end], 0, 1, transform=axes.get_xaxis_transform(), color=self.colour[mark.label],
                            alpha=0.55, linewidth=0.7, zorder=3.5)  # fmt: skip

    def _pack(self, tier: str, marks: Sequence[Mark]) -> None:
        own: list[list[Mark]] = []
        for mark in marks:
            lane = next((lane for lane in own if lane[-1].end <= mark.start + 1e-6), None)
            if lane is not None:
                lane.append(mark)
            elif len(own) + len(self.lanes) < _MOST_LANES:
                own.append([mark])
            else:
                self.left_out += 1
        self.lanes += [(tier if place == 0 else "", lane) for place, lane in enumerate(own)]

    def _room(self, mark: Mark) -> int:
        """Letters that fit into the stretch."""
        seconds = min(mark.end, self.end) - max(mark.start, self.start)
        return int(seconds / (self.end - self.start) * (WIDTH - LEFT - RIGHT) / _LETTER - 0.8)

    def _text(self, mark: Mark) -> str:
        room = self._room(mark)
        if letters_of(mark.label) <= room:
            return mark.label
        return shortened(mark.label, room) if room >= 5 else ""

    def _draw(self, axes: Axes, lane: int, mark: Mark) -> None:
        start, end = max(mark.start, self.start), min(mark.end, self.end)
        look: dict[str, Any] = {"facecolor": self.colour[mark.label], "alpha": 0.35, "edgecolor": "white", "linewidth": 0.8}
        axes.broken_barh([(start, end - start)], (lane + 0.08, 0.84), **look)
        axes.text((start + end) / 2, lane + 0.5, encodable(self._text(mark)), fontsize=8, color=INK, ha="center",
                  va="center_baseline", **PLAIN)  # fmt: skip
