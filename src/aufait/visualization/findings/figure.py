"""A figure that is drawn without a screen, and its PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from aufait.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, GRID = "#1c2430", "#5b6675", "#dfe4ea"


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
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": "aufait"})
    return buffer.getvalue()
