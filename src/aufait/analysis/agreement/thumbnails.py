"""Frames of the videos for the page, small, inside the page."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence

from aufait.analysis.agreement.comparison import Comparison
from aufait.analysis.agreement.joined import Disagreement
from aufait.errors import AufaitError, InputWarning

WIDTH = 320
"""Pixels of a thumbnail."""


def thumbnails(found: Comparison, stretches: Sequence[Disagreement]) -> dict[int, str]:
    """Place among the stretches -> address with the JPEG of the frame in its middle; those without a video are not in it.

    A video that cannot be read is told with a warning.
    """
    shown: dict[int, str] = {}
    for recording in dict.fromkeys(one.recording for one in stretches):
        places = [place for place, one in enumerate(stretches) if one.recording == recording]
        try:
            shown |= _of_recording(found, stretches, recording, places)
        except AufaitError as error:
            warnings.warn(f"no frames of {recording} on the page: {error}", InputWarning, stacklevel=2)
    return shown


def middle(one: Disagreement) -> float:
    """Seconds of the frame that stands for a stretch."""
    return (one.start + one.end) / 2


def _of_recording(found: Comparison, stretches: Sequence[Disagreement], recording: str, places: Sequence[int]) -> dict[int, str]:
    from aufait.media.stills import stills

    if (video := found.videos.get(recording)) is None:
        return {}
    ordered = sorted(places, key=lambda place: middle(stretches[place]))
    images = stills(video.path, [middle(stretches[place]) - video.shift for place in ordered])
    return {place: _address(image) for place, image in zip(ordered, images, strict=True) if image is not None}


def _address(image: object) -> str:
    from PIL import Image

    picture = Image.fromarray(image)  # type: ignore[arg-type]
    picture.thumbnail((WIDTH, WIDTH))
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
