"""What a ``Detector`` returns: a frame that can be drawn, and a list of frames that makes data frames and pictures of itself.

A ``DetectedFrame`` is a ``FrameAnalysis``, ``Detections`` is a list of them: whatever takes the plain ones takes these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, overload

import numpy as np

from aufait.errors import InputError
from aufait.results import FrameAnalysis

if TYPE_CHECKING:
    from PIL import Image

    from aufait.detection.pictures import ImageLike

THUMBNAIL_SIDE = 320
"""Longest side in pixels of the small pictures that are kept with results where that is asked for."""

_SHOWN_PICTURES = 4
_SHOWN_SOURCES = 3
_KEPT_QUALITY = 85  # of JPEG


@dataclass(frozen=True, eq=False)
class DetectedFrame(FrameAnalysis):
    """A ``FrameAnalysis`` that can draw itself.

    Attributes:
        thumbnail: the picture as a small JPEG, where the detector was asked to keep it; it is not part of ``to_dict``.
    """

    thumbnail: bytes | None = None

    __repr__ = FrameAnalysis.__repr__

    def _repr_html_(self) -> str:
        from aufait.views.cards import frame_card

        return frame_card(self, self.thumbnail)

    def annotate(self, picture: ImageLike | None = None, *, caption: bool = False) -> Image.Image:
        """The picture with boxes, landmarks and bars of the action units, as a Pillow picture.

        Where a face leaves no free place for its bars, they are in a margin on the right.

        Args:
            picture: the one that was analysed; None reads it again from the file it came from.
            caption: write frame number and time into the lower left corner.

        Raises:
            InputError: the picture is not this one, or its file is not there any more.
        """
        from PIL import Image

        from aufait.detection.pictures import load_picture
        from aufait.detection.source_frames import check_size, read_again
        from aufait.visualization.results.annotate import Annotator

        if picture is None:
            (pixels,) = read_again([self])
        else:
            pixels, _ = load_picture(picture)
        check_size(self, pixels)
        return Image.fromarray(Annotator(caption=caption, margin=True)(pixels, self))

    def plot(self) -> Image.Image:
        """Bars of the action units of each face, as a Pillow picture.

        Raises:
            MissingExtraError: matplotlib (extra ``plot``) is not installed.
        """
        from aufait.visualization.results.bars import draw_bars

        return draw_bars(self)


class Detections(list[DetectedFrame]):
    """The results of several pictures or of the frames of videos, in their order.

    Args:
        frames: the results.
        action_units: what the model scores, for data frames of results without any face.
    """

    def __init__(self, frames: Iterable[DetectedFrame] = (), action_units: Sequence[int] = ()) -> None:
        super().__init__(frames)
        self.action_units = tuple(action_units)

    def __repr__(self) -> str:
        found = sum(frame.has_face for frame in self)
        shown = ", ".join(self.sources[:_SHOWN_SOURCES]) + (", ..." if len(self.sources) > _SHOWN_SOURCES else "")
        told = f"{len(self)} frames of {shown or 'nothing'}, {found} with a face, {len(self.action_units)} action units"
        return f"Detections({told})"

    @overload
    def __getitem__(self, place: SupportsIndex) -> DetectedFrame: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: SupportsIndex | slice) -> DetectedFrame | Self:
        if isinstance(place, slice):
            return type(self)(super().__getitem__(place), self.action_units)
        return super().__getitem__(place)

    @property
    def sources(self) -> list[str]:
        """Names of the pictures and videos, each once."""
        return list(dict.fromkeys(frame.source for frame in self))

    def of(self, source: str) -> Self:
        """The results of one picture or video.

        Raises:
            InputError: there is none of this name.
        """
        if source not in self.sources:
            raise InputError(f"no result of {source!r}; there are results of: {', '.join(self.sources[:10])}")
        return type(self)((frame for frame in self if frame.source == source), self.action_units)

    def to_dataframe(self, kind: str = "pandas", form: str = "wide", *, landmarks: bool = False) -> Any:
        """All faces as one data frame; a frame without a face has a row of missing values. See ``FrameAnalysis.to_dataframe``."""
        from aufait.views.face_columns import columns_of_frames

        return columns_of_frames(self, self.action_units, landmarks).data_frame(kind, form)

    def plot(self, source: str | None = None) -> Image.Image:
        """The timeline of a video, as a Pillow picture.

        Args:
            source: which video, where the results are of several.

        Raises:
            InputError: results of several sources, or without a time.
            MissingExtraError: matplotlib (extra ``plot``) is not installed.
        """
        from aufait.visualization.results.bars import draw_timeline

        frames = self if source is None else self.of(source)
        if len(frames.sources) > 1:
            raise InputError(f"plot one video at a time, plot(source=...); there are: {', '.join(frames.sources[:10])}")
        if len({frame.timestamp for frame in frames}) < 2:
            raise InputError("a timeline needs two frames or more; for one picture: results[0].plot()")
        return draw_timeline(frames)

    def annotate(self, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Annotated copies of all sources, read again from their files: a PNG per picture, a video with its sound per video.

        Args:
            folder: where the copies go, as ``NAME_annotated.png`` or ``.mp4``.
            overwrite: whether existing files may be replaced.

        Returns:
            The files, in the order of the sources.

        Raises:
            InputError: a result is not from a file, or the file is not there any more or has changed.
            OutputError: a file exists, the folder cannot be written.
        """
        from aufait.detection.source_frames import write_annotated

        return write_annotated(self, Path(folder).expanduser(), overwrite=overwrite)

    def _repr_html_(self) -> str:
        from aufait.views.cards import bar_table, summary_card

        faces = [face for frame in self for face in frame.faces]
        facts = [("sources", ", ".join(self.sources[:_SHOWN_SOURCES]) + (" ..." if len(self.sources) > _SHOWN_SOURCES else ""))]
        facts += [("frames with a face", f"{sum(frame.has_face for frame in self)} of {len(self)}")]
        facts += [("faces, all frames together", f"{len(faces)}")]
        bars = ""
        if faces and len({face.action_units for face in faces}) == 1:
            share = np.mean([face.occurrence for face in faces], axis=0)
            bars = bar_table(faces[0].action_units, share, "share of the faces with the action unit")
        return summary_card("Detections", facts, list(self._pictures()), bars)

    def _pictures(self) -> Iterator[tuple[bytes, str]]:
        """A few kept pictures, evenly over all, with captions."""
        kept = [frame for frame in self if frame.thumbnail]
        places = np.linspace(0, len(kept) - 1, min(_SHOWN_PICTURES, len(kept))).round().astype(int)
        for frame in (kept[place] for place in places):
            assert frame.thumbnail is not None
            yield frame.thumbnail, f"{frame.source}, {frame.timestamp:.2f} s"


def make_thumbnail(pixels: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB -> JPEG whose longest side is ``THUMBNAIL_SIDE`` at most."""
    import io

    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_KEPT_QUALITY)
    return buffer.getvalue()
