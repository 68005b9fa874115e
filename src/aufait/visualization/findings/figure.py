"""A figure that is drawn without a screen, and the file that it becomes."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from aufait.errors import MissingExtraError
from aufait.visualization.palette import INTENSITY_STOPS

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

INK, MUTED, GRID, GAP = "#1c2430", "#5b6675", "#dfe4ea", "#eceff3"
"""Letters, lesser letters, lines, and the ground of what is not known."""

FORMATS = ("png", "pdf", "svg")
"""Kinds of files that a figure can become."""

_FACTS: dict[str, dict[str, Any]] = {
    "png": {"Software": "aufait"}, "pdf": {"Creator": "aufait", "CreationDate": None}, "svg": {"Creator": "aufait", "Date": None},
}  # fmt: skip


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this many inches.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("drawing figures", "plot") from error
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure, dpi: int = 130) -> bytes:
    """The figure as PNG."""
    return to_file(figure, "png", dpi)


def to_file(figure: Figure, file_format: str, dpi: int = 130) -> bytes:
    """The figure as the content of a file, one of ``FORMATS``. Letters that no font has become boxes."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with warnings.catch_warnings(), rc_context({"svg.hashsalt": "aufait"}):
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(buffer, format=file_format, dpi=dpi, metadata=_FACTS[file_format])
    return buffer.getvalue()


def light_to_dark(bad: str | tuple[float, float, float, float] = GAP) -> Colormap:
    """From nearly white to dark blue; what is not known has a colour of its own."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("aufait-intensity", list(INTENSITY_STOPS)).with_extremes(bad=bad)
