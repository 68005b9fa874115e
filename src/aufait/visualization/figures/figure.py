"""Shared look of figures: white ground, dark ink, one title line, what is shown below it, a note at the bottom.

All figures come back as PNG bytes. Pictures of rendered faces have the word SYNTHETIC next to the title.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from aufait.errors import InputError, MissingExtraError
from aufait.visualization.palette import INTENSITY_STOPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

INK, MUTED, GRID, GAP = "#1c2430", "#5b6675", "#dfe4ea", "#eceff3"
BLUE, ORANGE, GREEN, VERMILION, PURPLE = "#2f7fb8", "#e69f00", "#009e73", "#d55e00", "#a85c8f"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, "#56b4e9", "#6b7280")
"""Colours of series, apart for colour-blind readers (after Okabe and Ito)."""

COLOUR_MAPS = ("jet", "perceptual", "intensity", "relation")
"""Names for ``colour_map``: the papers' rainbow; one whose lightness alone shows the value; pale to dark blue on white; blue over
white to vermilion for values of both signs."""

_RELATION_STOPS = ((0.0, "#1b4a85"), (0.25, "#7fbbe0"), (0.5, "#ffffff"), (0.75, "#f2a36b"), (1.0, "#b4420a"))
_HEAD_INCHES, _FOOT_INCHES = 0.82, 0.34
"""Least room for title and subtitle above, and for the note below the drawing; see ``margins``."""
_PAGE_INCHES = 9.5
_LINE = 1.25 / 72
"""Height of a line in inches, for each point of its letters."""

_BADGES: ContextVar[tuple[str, ...]] = ContextVar("badges", default=())


@contextmanager
def badge(text: str) -> Iterator[None]:
    """Figures that are made inside have this mark at the bottom, such as "QUICK: shows that it runs"."""
    token = _BADGES.set((*_BADGES.get(), text))
    try:
        yield
    finally:
        _BADGES.reset(token)


def margins(width: float, subtitle: str = "", note: str = "", *, synthetic: bool = False) -> tuple[float, float]:
    """Inches that the texts of a figure take above and below the drawing; arguments as of ``new_figure``."""
    scale = text_scale(width)
    below = len(_wrapped(subtitle, width / scale).splitlines())
    head = 0.17 + 0.28 * scale + below * 8.5 * scale * _LINE + 0.12
    lines = len(_note_lines(note, width, synthetic))
    foot = 0.11 + max(lines, 1) * 7.5 * scale * _LINE + 0.08
    return max(_HEAD_INCHES, head), max(_FOOT_INCHES, foot)


def colour_map(name: str) -> Colormap:
    """A colour map of matplotlib by one of our names.

    Raises:
        InputError: unknown name.
        MissingExtraError: matplotlib is not installed.
    """
    matplotlib = _matplotlib()
    if name not in COLOUR_MAPS:
        raise InputError(f"colours must be one of {', '.join(COLOUR_MAPS)}, got {name!r}")
    if name in ("jet", "perceptual"):
        return matplotlib.colormaps["jet" if name == "jet" else "inferno"]
    from matplotlib.colors import LinearSegmentedColormap

    stops = INTENSITY_STOPS if name == "intensity" else _RELATION_STOPS
    colours = LinearSegmentedColormap.from_list(f"aufait-{name}", list(stops))
    return colours.with_extremes(bad=GAP)


def text_scale(width: float) -> float:
    """Factor of all type in a figure of so many inches: wide ones are read smaller, at the width of a page."""
    return min(1.5, max(1.0, width / _PAGE_INCHES))


def new_figure(width: float, height: float, title: str, subtitle: str = "", note: str = "", *, synthetic: bool = False) -> Figure:
    """An empty figure with its texts; ``width`` and ``height`` in inches, all of it.

    The drawing belongs between the two ``margins``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    _matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    left, scale = 0.16 / width, text_scale(width)
    # A title that is too long for the figure is written smaller: about 9 letters fit an inch at 12.5 points.
    size = min(12.5 * scale, 12.5 * 8.8 * (width - 0.3) / max(1, len(title)))
    below, small = _wrapped(subtitle, width / scale), "\n".join(_note_lines(note, width, synthetic))
    figure.text(left, 1 - 0.15 / height, title, fontsize=size, fontweight="bold", color=INK, va="top")
    figure.text(left, 1 - (0.17 + 0.28 * scale) / height, below, fontsize=8.5 * scale, color=MUTED, va="top", linespacing=1.25)
    figure.text(left, 0.11 / height, small, fontsize=7.5 * scale, color=MUTED, va="bottom", linespacing=1.25)
    box = {"boxstyle": "round,pad=0.35", "facecolor": "#fff1e6", "edgecolor": VERMILION, "linewidth": 0.8}
    right = 0.22
    for text in _marks(synthetic):
        figure.text(1 - right / width, 0.115 / height, text, fontsize=7 * scale, fontweight="bold", color=VERMILION, va="bottom",
                    ha="right", bbox=box)  # fmt: skip
        right += _mark_width(text) * scale
    return figure


def _marks(synthetic: bool) -> tuple[str, ...]:
    return ("SYNTHETIC: rendered faces",) * synthetic + _BADGES.get()


def _mark_width(text: str) -> float:
    """Inches of a mark in 7 points with its frame and the gap to the next."""
    return 0.064 * len(text) + 0.22


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches, counted from the upper left corner of the figure."""
    whole_width, whole_height = figure.get_size_inches()
    return figure.add_axes((left / whole_width, 1 - (top + height) / whole_height, width / whole_width, height / whole_height))


def plain(axes: Axes) -> None:
    """Muted ticks, no frame but the bottom line."""
    axes.tick_params(length=0, colors=MUTED, labelsize=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)


def to_png(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": "aufait"})
    return buffer.getvalue()


def colour_bar(figure: Figure, place: tuple[float, float, float, float], colours: str, low: str, high: str, label: str) -> None:
    """A vertical scale at (left, top, width, height) in inches; ``low`` and ``high`` are its end labels."""
    import numpy as np

    axes, size = axes_at(figure, *place), 7.5 * text_scale(figure.get_size_inches()[0])
    axes.imshow(np.linspace(1, 0, 256)[:, None], cmap=colour_map(colours), aspect="auto", extent=(0, 1, 0, 1), vmin=0, vmax=1)
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.set_yticks([0, 1], [low, high], fontsize=size, color=MUTED)
    axes.tick_params(length=0, pad=3)
    axes.yaxis.set_label_position("right")
    axes.set_ylabel(label, fontsize=size, color=MUTED, labelpad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _note_lines(text: str, width: float, synthetic: bool) -> list[str]:
    """A note in lines of 7.5 points that leave room for the marks next to them."""
    import textwrap

    scale = text_scale(width)
    room = width / scale - 0.4 - sum(map(_mark_width, _marks(synthetic)))
    return textwrap.wrap(text, max(24, int(16.5 * room)))


def _wrapped(text: str, width: float) -> str:
    """Text in lines that fit a figure of ``width`` inches."""
    import textwrap

    return "\n".join(textwrap.wrap(text, max(24, int(15.5 * width))))


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtraError("drawing figures", "plot") from error
    return matplotlib
