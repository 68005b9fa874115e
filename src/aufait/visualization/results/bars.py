"""Pictures of results for a notebook: bars of one frame, the timeline of many."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from aufait.action_units import ACTION_UNITS
from aufait.errors import MissingExtraError
from aufait.results import MAX_INTENSITY, FaceAnalysis, FrameAnalysis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN_FACES = 4
"""Of one frame, the largest."""

_FACE_INCHES, _ROW_INCHES, _EDGE_INCHES = 3.4, 0.24, 1.0
_SIDE_COLOURS = {"left": "#1b4a85", "right": "#7fbbe0"}
_WHOLE_COLOUR = "#2f7fb8"


def draw_timeline(frames: Iterable[FrameAnalysis], dpi: int = 100) -> Image.Image:
    """Action units over time, a panel per face, in pixels of ``dpi`` dots an inch.

    Raises:
        MissingExtraError: matplotlib (extra ``plot``) is not installed.
    """
    from aufait.visualization.results.timeline import Timeline

    timeline = Timeline()
    for frame in frames:
        timeline.add(frame)
    try:
        return Image.open(io.BytesIO(timeline.to_png(dpi)))
    except ImportError as error:
        raise MissingExtraError("drawing the timeline", "plot") from error


def draw_bars(frame: FrameAnalysis, dpi: int = 100) -> Image.Image:
    """Bars of the action units of the largest faces of a frame, left and right where the model gives sides.

    Raises:
        MissingExtraError: matplotlib (extra ``plot``) is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("drawing bars", "plot") from error
    faces = sorted(frame.faces, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))[:DRAWN_FACES]
    rows = len(frame.action_units)
    figure = Figure((_FACE_INCHES * max(1, len(faces)) + 1.2, _ROW_INCHES * rows + _EDGE_INCHES), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(_heading(frame, len(faces)), fontsize=10)
    panels = figure.subplots(1, max(1, len(faces)), sharey=True, squeeze=False)[0]
    for axes, face in zip(panels, faces, strict=False):
        _draw_face(axes, face)
    if not faces:
        panels[0].set_axis_off()
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "aufait"})
    return Image.open(buffer)


def _heading(frame: FrameAnalysis, drawn: int) -> str:
    more = "" if drawn == len(frame) else f", {drawn} of {len(frame)} faces"
    none = "" if frame.faces else ", no face"
    return f"{frame.source}, frame {frame.frame}, {frame.timestamp:.2f} s{more}{none}"


def _draw_face(axes: Axes, face: FaceAnalysis) -> None:
    graded = face.intensity is not None
    place = np.arange(len(face.action_units))
    for side, values, colour, shift, height in _bars_of(face):
        axes.barh(place + shift, values, height=height, color=colour, label=side)
    axes.set_yticks(place, [_name(unit) for unit in face.action_units], fontsize=8)
    axes.set_ylim(len(place) - 0.5, -0.5)  # the first on top
    axes.set_xlim(0, MAX_INTENSITY if graded else 1)
    axes.set_xlabel("intensity (FACS, 1-5 = A-E)" if graded else "probability", fontsize=8)
    axes.set_title(f"face {face.face_id}, quality {face.quality:.2f}", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if face.sides is not None:
        axes.legend(fontsize=7, loc="lower right", title="subject's", title_fontsize=7)


def _bars_of(face: FaceAnalysis) -> list[tuple[str, np.ndarray, str, Any, float]]:
    """Name, values, colour, shift and height of the bars: two per action unit, or one."""
    if face.sides is None:
        return [("face", face.probability if face.intensity is None else face.intensity, _WHOLE_COLOUR, 0.0, 0.7)]
    shifts = {"left": -0.2, "right": 0.2}
    scores = dict(zip(("left", "right"), (side[0] for side in face.sides), strict=True))
    return [(side, scores[side], _SIDE_COLOURS[side], shifts[side], 0.38) for side in ("left", "right")]


def _name(unit: int) -> str:
    return f"AU{unit} {ACTION_UNITS[unit].name}" if unit in ACTION_UNITS else f"AU{unit}"
