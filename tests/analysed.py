"""Frames as detection leaves them, a page made of them, and a reader of that page."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np

from aufait.action_units import DEFAULT_ACTION_UNITS
from aufait.results import FaceAnalysis, FrameAnalysis
from aufait.visualization.results.report import Report

UNITS = DEFAULT_ACTION_UNITS


def make_face(face_id: int = 0, **intensities: float) -> FaceAnalysis:
    intensity = np.array([intensities.get(f"au{unit}", 0.0) for unit in UNITS])
    probability = np.clip(intensity / 3, 0, 1)
    return FaceAnalysis(
        face_id=face_id,
        box=[0, 0, 10, 10],
        confidence=0.9,
        landmarks=np.zeros((68, 2)),
        pose=None,
        action_units=UNITS,
        probability=probability,
        intensity=intensity,
        probability_left=probability,
        probability_right=probability,
        intensity_left=intensity,
        intensity_right=intensity / 2,
    )


def make_frame(number: int, *faces: FaceAnalysis, timestamp: float | None = None) -> FrameAnalysis:
    return FrameAnalysis("clip.mp4", number, number / 25 if timestamp is None else timestamp, (10, 10), faces)


VOID = {"meta", "img", "br", "input", "link"}


class Page(HTMLParser):
    """Collects tags and checks that they nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.feed(text)
        assert self.stack == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def make_report(frames: int = 20) -> Report:
    report = Report("clip.mp4")
    image = np.full((40, 60, 3), 90, np.uint8)
    for number in range(1, frames + 1):
        report.add(make_frame(number, make_face(au12=5 * number / frames, au4=0.5)), image)
    report.add(make_frame(frames + 1), image)
    return report


def write(report: Report, folder, **options) -> Page:
    return Page(report.write(folder / "page.html", **options).read_text(encoding="utf-8"))
