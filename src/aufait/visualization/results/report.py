"""One HTML page that shows a result: video, timeline, key frames, tables of action units and events, provenance, files.

The page needs no network: style, script, timeline and thumbnails are inside it; the video and the tables are next to
it and are linked by relative paths.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path, PurePath
from string import Template
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from aufait.files.atomic import write_text
from aufait.files.safe_text import content_policy
from aufait.results import FrameAnalysis
from aufait.visualization.results.event_tables import PageEvents, event_tables
from aufait.visualization.results.key_frames import KeyFrames
from aufait.visualization.results.page_pictures import data_uri, shrink
from aufait.visualization.results.page_sections import (
    bars_key,
    files_section,
    gallery_section,
    provenance_section,
    timeline_section,
    video_section,
)
from aufait.visualization.results.page_text import duration_text, relative_link, section, time_link
from aufait.visualization.results.summary import Summary
from aufait.visualization.results.unit_tables import unit_tables

if TYPE_CHECKING:
    from aufait.detection.telling_faces import ExplainedFace

CAUTION = "The numbers describe visible facial movement, not feelings, and do not replace a certified FACS coder."
"""What holds for every model."""

NOTE = f"These are estimates of a model trained on rendered faces and on portraits without labels. {CAUTION}"

MAX_PICTURES = 60
"""Pictures that a page shows; more are only counted."""

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_PICTURE = 480  # pixels, longer side of a picture in the gallery
_SHOWN_FACES = 8


class Report:
    """Collects frames as they come and writes the page at the end; memory does not grow with the length of a video.

    Args:
        title: heading of the page, as a rule the name of the input.
        kind: "video" for the frames of one video, "image" for pictures.
        note: a sentence on what the numbers are worth.
    """

    def __init__(self, title: str, *, kind: Literal["video", "image"] = "video", note: str = NOTE) -> None:
        self.title = title
        self.kind = kind
        self.note = note
        self.summary = Summary()
        self._key_frames = KeyFrames()
        self._pictures: list[tuple[FrameAnalysis, str, str | None]] = []

    def add(
        self,
        frame: FrameAnalysis,
        image: np.ndarray | None = None,
        *,
        link: str | os.PathLike[str] | None = None,
    ) -> None:
        """Take in one frame.

        Args:
            frame: its analysis.
            image: (H, W, 3) uint8 RGB for key frames (without drawings) or, for pictures, for the gallery (with
                drawings).
            link: for pictures, the annotated file that the gallery leads to; its folder is that of the page.
        """
        highest = self.summary.add(frame)
        if image is None:
            return
        if self.kind == "video":
            self._key_frames.add(frame, image, highest)
        elif len(self._pictures) < MAX_PICTURES:
            target = None if link is None else PurePath(link).name
            self._pictures.append((frame, data_uri(shrink(image, _PICTURE)), target))

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        video: str | os.PathLike[str] | None = None,
        timeline: bytes | None = None,
        events: PageEvents | None = None,
        explained: Sequence[ExplainedFace] | None = None,
        files: Sequence[str | os.PathLike[str]] = (),
        provenance: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write the page.

        Args:
            path: HTML file.
            video: annotated video, linked relative to the page.
            timeline: PNG, embedded.
            events: of the video; None leaves that part out.
            explained: faces with maps of where the model looked; None leaves that part out.
            files: tables and other results to link.
            provenance: the record that belongs to the table.
            overwrite: whether an existing page may be replaced.

        Raises:
            OutputError: existing file, unwritable folder, full disc.
        """
        folder = Path(path).parent
        film = None if video is None else relative_link(video, folder)
        sections = [
            *self._results(film, timeline, events),
            self._explained_section(explained, film),
            files_section([relative_link(file, folder) for file in files]),
            provenance_section(provenance),
        ]
        template = Template((resources.files(__package__) / "report_template.html").read_text(encoding="utf-8"))
        page = template.substitute(
            policy=content_policy(*_SCRIPT.findall(template.template)),
            title=html.escape(self.title),
            version=html.escape(_version()),
            lead="Facial action units, frame by frame" if self.kind == "video" else "Facial action units in pictures",
            facts="\n".join(f"<li><b>{value}</b><span>{name}</span></li>" for name, value in self._facts()),
            note=html.escape(self.note),
            sections="\n".join(section for section in sections if section),
        )
        return write_text(path, page, overwrite=overwrite)

    def _results(self, film: str | None, timeline: bytes | None, events: PageEvents | None) -> list[str]:
        """Sections that show what was found, faces by their number; empty ones are left out later."""
        faces = sorted(self.summary.face_ids[:_SHOWN_FACES])  # those seen longest
        key = bars_key(graded=self.summary.graded, sided=any(map(self.summary.tells_sides, faces)))
        if self.kind == "image":
            nothing = "" if faces else section("Action units", "action-units", "<p>No face was found.</p>")
            return [gallery_section(self._pictures, self.summary.frames, key if faces else ""), nothing]
        shown = {(one.face_id, one.unit) for face in faces for one in self._key_frames.shown(face)}
        return [
            video_section(film, self._key_frames.poster(), key if faces else ""),
            timeline_section(timeline),
            self._key_frames.to_html(faces, film),
            unit_tables(self.summary, faces, film),
            event_tables(events, faces, shown, film) if faces else "",
        ]

    def _facts(self) -> list[tuple[str, str]]:
        summary = self.summary
        noun = "frames" if self.kind == "video" else "pictures"
        facts = [(noun, f"{summary.frames:,}")]
        if self.kind == "video" and summary.first_time is not None and summary.last_time is not None:
            facts.append(("duration", duration_text(summary.last_time - summary.first_time)))
            facts.append(("faces followed", str(len(summary.face_ids))))
        else:
            facts.append(("faces", f"{sum(map(summary.frames_of, summary.face_ids)):,}"))
        facts.append((f"{noun} without a face", f"{summary.frames_without_face:,}"))
        return facts

    def _explained_section(self, faces: Sequence[ExplainedFace] | None, film: str | None) -> str:
        if faces is None:
            return ""
        from aufait.visualization.results.explained import explained_body

        body = explained_body(
            faces, video=self.kind == "video", embed=data_uri, time_link=lambda time: time_link(time, film)
        )
        return section("Where the model looked", "explanations", body)


def _version() -> str:
    from aufait import __version__

    return __version__
