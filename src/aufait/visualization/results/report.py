"""One HTML page that shows a result: video, timeline, a table of the action units, key frames, provenance, files.

The page needs no network: style, script, timeline and thumbnails are inside it; the video and the tables are next to
it and are linked by relative paths.
"""

from __future__ import annotations

import base64
import html
import io
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePath
from string import Template
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import numpy as np
from PIL import Image

from aufait.action_units import ACTION_UNITS
from aufait.files.atomic import write_text
from aufait.files.safe_text import content_policy
from aufait.results import MAX_INTENSITY, FaceAnalysis, FrameAnalysis
from aufait.visualization.results.summary import Summary, UnitSummary

if TYPE_CHECKING:
    from aufait.detection.telling_faces import ExplainedFace

CAUTION = "The numbers describe visible facial movement, not feelings, and do not replace a certified FACS coder."
"""What holds for every model."""

NOTE = f"These are estimates of a model trained on rendered faces and on portraits without labels. {CAUTION}"

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

NOT_GIVEN = "not given"
"""What is shown where a model does not give a number."""

MAX_PICTURES = 60
"""Pictures that a page shows; more are only counted."""

_THUMBNAIL = 200  # pixels, side of a key frame
_PICTURE = 480  # pixels, longer side of a picture in the gallery
_KEY_FACES = 32  # faces with key frames; later ones are in the table alone
_SHOWN_FACES = 8


@dataclass(frozen=True, eq=False)
class _KeyFrame:
    unit: int
    strength: float
    value: str
    face_id: int
    time: float
    picture: np.ndarray


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
        self._key_frames: dict[tuple[int, int], _KeyFrame] = {}  # by face and action unit
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
        self.summary.add(frame)
        if image is None:
            return
        if self.kind == "image":
            if len(self._pictures) < MAX_PICTURES:
                target = None if link is None else PurePath(link).name
                self._pictures.append((frame, _data_uri(_shrink(image, _PICTURE)), target))
            return
        for face in frame.faces:
            self._keep_key_frames(frame, face, image)

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        video: str | os.PathLike[str] | None = None,
        timeline: bytes | None = None,
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
            explained: faces with maps of where the model looked; None leaves that part out.
            files: tables and other results to link.
            provenance: the record that belongs to the table.
            overwrite: whether an existing page may be replaced.

        Raises:
            OutputError: existing file, unwritable folder, full disc.
        """
        folder = Path(path).parent
        film = None if video is None else _relative(video, folder)
        sections = [
            _video_section(film, self._poster()),
            _timeline_section(timeline),
            self._gallery_section(),
            self._key_frame_section(film),
            self._table_section(film),
            self._explained_section(explained, film),
            _files_section([_relative(file, folder) for file in files]),
            _provenance_section(provenance),
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

    def _facts(self) -> list[tuple[str, str]]:
        summary = self.summary
        noun = "frames" if self.kind == "video" else "pictures"
        facts = [(noun, f"{summary.frames:,}")]
        if self.kind == "video" and summary.first_time is not None and summary.last_time is not None:
            facts.append(("duration", _duration(summary.last_time - summary.first_time)))
            facts.append(("faces followed", str(len(summary.face_ids))))
        else:
            facts.append(("faces", f"{sum(map(summary.frames_of, summary.face_ids)):,}"))
        facts.append((f"{noun} without a face", f"{summary.frames_without_face:,}"))
        return facts

    def _keep_key_frames(self, frame: FrameAnalysis, face: FaceAnalysis, image: np.ndarray) -> None:
        thumbnail = None
        faces = {key.face_id for key in self._key_frames.values()}
        if face.face_id not in faces and len(faces) >= _KEY_FACES:
            return
        for position in np.flatnonzero(face.occurrence):
            unit, strength = face.action_units[position], float(face.strength[position])
            best = self._key_frames.get((face.face_id, unit))
            if best is None or strength > best.strength:
                thumbnail = _crop_face(image, face.box) if thumbnail is None else thumbnail
                named = "probability" if face.intensity is None else "intensity"
                value = f"{named} {_value(face, int(position))}"
                self._key_frames[face.face_id, unit] = _KeyFrame(unit, strength, value, face.face_id, frame.timestamp, thumbnail)

    def _poster(self) -> str | None:
        best = max(self._key_frames.values(), key=lambda key: key.strength, default=None)
        return None if best is None else f"{best.time:.3f}"

    def _key_frame_section(self, film: str | None) -> str:
        if not self._key_frames:
            return ""
        shown = sorted(set(self.summary.face_ids[:_SHOWN_FACES]) & {face for face, _ in self._key_frames})
        body = ""
        for face in shown:
            heading = f"<h3>Face {face}</h3>" if len(shown) > 1 else ""
            body += f'{heading}<ul class="gallery">{self._key_frames_of(face, film)}</ul>'
        return _section("Key frames", "key-frames", body)

    def _key_frames_of(self, face: int, film: str | None) -> str:
        items = []
        for key in (self._key_frames[at] for at in sorted(self._key_frames) if at[0] == face):
            unit, name = key.unit, _unit_name(key.unit)
            caption = (
                f"<b>AU{unit}</b> {name}<br><span>{key.value}, face {key.face_id}, "
                f"{_time_link(key.time, film)}</span>"
            )
            alt = f"Face {key.face_id} at {key.time:.2f} seconds, where AU{unit} {name} is strongest"
            size = f'width="{_THUMBNAIL}" height="{_THUMBNAIL}"'
            picture = f'<img src="{_data_uri(key.picture)}" alt="{html.escape(alt)}" {size}>'
            items.append(f"<li><figure>{picture}<figcaption>{caption}</figcaption></figure></li>")
        return "".join(items)

    def _gallery_section(self) -> str:
        if not self._pictures:
            return ""
        items = []
        for frame, uri, link in self._pictures:
            name = html.escape(PurePath(frame.source).name)
            found = [_occurring(face, name=len(frame.faces) > 1) for face in frame.faces] or ["no face"]
            picture = f'<img src="{uri}" alt="{name}: {"; ".join(found)}" loading="lazy">'
            if link is not None:
                picture = f'<a href="{_url(link)}">{picture}</a>'
            items.append(f"<li><figure>{picture}<figcaption>{name}<br><span>{'<br>'.join(found)}</span></figcaption></figure></li>")
        more = self.summary.frames - len(self._pictures)
        rest = f"<p class='lead'>{more} more pictures are in the table.</p>" if more > 0 else ""
        return _section("Pictures", "pictures", f'<ul class="gallery large">{"".join(items)}</ul>{rest}')

    def _explained_section(self, faces: Sequence[ExplainedFace] | None, film: str | None) -> str:
        if faces is None:
            return ""
        from aufait.visualization.results.explained import explained_body

        body = explained_body(
            faces, video=self.kind == "video", embed=_data_uri, time_link=lambda time: _time_link(time, film)
        )
        return _section("Where the model looked", "explanations", body)

    def _table_section(self, film: str | None) -> str:
        shown = self.summary.face_ids[:_SHOWN_FACES]
        if not shown:
            return _section("Action units", "action-units", "<p>No face was found.</p>")
        if self.kind == "image":
            return ""
        tables = "".join(self._table(face_id, film) for face_id in sorted(shown))
        more = len(self.summary.face_ids) - len(shown)
        rest = f"<p class='lead'>{more} more faces are in the table of results.</p>" if more > 0 else ""
        return _section("Action units", "action-units", tables + rest)

    def _table(self, face_id: int, film: str | None) -> str:
        frames = self.summary.frames_of(face_id)
        sided = self.summary.tells_sides(face_id)
        rows = "".join(_row(unit, film, sided) for unit in self.summary.units(face_id))
        return f"""<h3>Face {face_id}</h3>
<div class="wide" role="region" tabindex="0" aria-label="Action units of face {face_id}"><table>
<caption>Over {frames:,} frames with this face. An action unit is present where its probability is at least 0.5;
intensity runs from 0 to 5. Left and right are the subject's.</caption>
<thead><tr><th scope="col">Action unit</th><th scope="col">Name</th><th scope="col" colspan="2">Present</th>
<th scope="col" class="number">Mean intensity when present</th><th scope="col" class="number">Highest</th>
<th scope="col">At</th><th scope="col">Stronger side</th></tr></thead>
<tbody>{rows}</tbody></table></div>"""


def _row(unit: UnitSummary, film: str | None, sided: bool) -> str:
    absent = ' class="absent"' if unit.share == 0 else ""
    graded = not math.isnan(unit.maximum)
    absent_or_none = "–" if graded else NOT_GIVEN
    mean = absent_or_none if math.isnan(unit.mean_present) else f"{unit.mean_present:.1f}"
    highest = f"{min(max(unit.maximum, 0.0), MAX_INTENSITY):.1f}" if graded else NOT_GIVEN
    share = "< 1 %" if 0 < unit.share < 0.005 else f"{100 * unit.share:.0f} %"
    side = "–" if sided else NOT_GIVEN
    if not math.isnan(unit.left_minus_right) and abs(unit.left_minus_right) >= 0.5:
        side = f"{'left' if unit.left_minus_right > 0 else 'right'} by {abs(unit.left_minus_right):.1f}"
    return (
        f'<tr{absent}><th scope="row">AU{unit.action_unit}</th><td>{_unit_name(unit.action_unit)}</td>'
        f'<td class="number">{share}</td>'
        f'<td><span class="bar" aria-hidden="true"><i style="width:{100 * unit.share:.1f}%"></i></span></td>'
        f'<td class="number">{mean}</td><td class="number">{highest}</td>'
        f"<td>{_time_link(unit.time_of_maximum, film)}</td><td>{side}</td></tr>"
    )


def _video_section(film: str | None, poster: str | None) -> str:
    if film is None:
        return ""
    start = f"#t={poster}" if poster is not None else ""  # shows a telling frame before it plays
    player = (
        f'<video controls preload="metadata" src="{film}{start}" aria-label="Video with the results drawn in">'
        f'<a href="{film}">Open the video</a></video>'
    )
    return _section("Video", "video", player)


def _timeline_section(timeline: bytes | None) -> str:
    if timeline is None:
        return ""
    source = "data:image/png;base64," + base64.b64encode(timeline).decode("ascii")
    alt = "Intensity of each action unit over time, one row per action unit; the table below gives the figures"
    return _section("Timeline", "timeline", f'<img class="timeline" src="{source}" alt="{alt}">')


def _files_section(links: list[str]) -> str:
    if not links:
        return ""
    items = "".join(f'<li><a href="{link}">{html.escape(_unquoted(link))}</a></li>' for link in links)
    return _section("Files", "files", f"<ul>{items}</ul>")


def _provenance_section(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return ""
    model, software = record.get("model") or {}, record.get("software") or {}
    facts = {
        "Model": model.get("name"),
        "Model SHA-256": model.get("sha256"),
        "Face finder": record.get("finder"),
        "Input": ", ".join(str(entry.get("name")) for entry in (record.get("inputs") or [])[:5]),
        "Input SHA-256": ", ".join(str(entry.get("sha256")) for entry in (record.get("inputs") or [])[:1]),
        "Software": ", ".join(f"{name} {version}" for name, version in software.items()),
        "Started": record.get("started"),
    }
    rows = "".join(f"<dt>{name}</dt><dd>{html.escape(str(value))}</dd>" for name, value in facts.items() if value)
    text = html.escape(json.dumps(dict(record), indent=2, ensure_ascii=False, default=str))
    details = f"<details><summary>Whole record</summary><pre>{text}</pre></details>"
    return _section("Provenance", "provenance", f"<dl>{rows}</dl>{details}")


def _section(title: str, name: str, body: str) -> str:
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>{body}</section>'


def _time_link(time: float, film: str | None) -> str:
    shown = f"{time:.2f} s" if time < 60 else f"{int(time // 60)}:{time % 60:05.2f}"
    return shown if film is None else f'<a href="{film}#t={time:.3f}" data-time="{time:.3f}">{shown}</a>'


def _occurring(face: FaceAnalysis, *, name: bool) -> str:
    strongest = sorted((face.index(unit) for unit in face.active()), key=lambda position: -face.strength[position])
    found = ", ".join(f"AU{face.action_units[position]} {_value(face, position)}" for position in strongest) or "no action unit"
    return f"Face {face.face_id}: {found}" if name else found


def _value(face: FaceAnalysis, position: int) -> str:
    """Intensity of an action unit, or its probability where the model gives no intensity."""
    return f"{100 * face.probability[position]:.0f} %" if face.intensity is None else f"{face.intensity[position]:.1f}"


def _unit_name(unit: int) -> str:
    return html.escape(ACTION_UNITS[unit].name) if unit in ACTION_UNITS else ""


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {round(seconds % 60)} s"


def _relative(target: str | os.PathLike[str], folder: Path) -> str:
    """Link from the page to a file: relative where both are on one drive."""
    try:
        relative = os.path.relpath(target, folder)
    except ValueError:  # different drives on Windows
        return Path(target).resolve().as_uri()
    return _url(PurePath(relative).as_posix())


def _url(path: str) -> str:
    # "./" keeps a colon in a file name from being read as a scheme.
    quoted = quote(path, errors="surrogateescape")
    return quoted if quoted.startswith("..") else f"./{quoted}"


def _unquoted(link: str) -> str:
    from urllib.parse import unquote

    return unquote(link).removeprefix("./")


def _crop_face(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """A square around the face, with hair and chin, as a thumbnail; moved inwards where it would leave the picture."""
    x0, y0, x1, y1 = (float(side) for side in box)
    height, width = image.shape[:2]
    side = max(1, round(min(max(8.0, 1.5 * max(x1 - x0, y1 - y0)), height, width)))
    left = min(max(0, round((x0 + x1 - side) / 2)), width - side)
    top = min(max(0, round(y0 + 0.46 * (y1 - y0) - side / 2)), height - side)
    part = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(part.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BILINEAR, reducing_gap=2.0))


def _shrink(image: np.ndarray, longest: int) -> np.ndarray:
    picture = Image.fromarray(image)
    picture.thumbnail((longest, longest), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(picture)


def _data_uri(image: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _version() -> str:
    from aufait import __version__

    return __version__
