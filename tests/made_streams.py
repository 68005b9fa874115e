"""Frames of a live recording, and a stand-in for the library of the Lab Streaming Layer."""

from __future__ import annotations

import numpy as np

from aufait.results import FaceAnalysis, FrameAnalysis

UNITS = (6, 12)


def frame(number: int, faces: dict[int, float], intensity: bool = True, quality: float = 0.9) -> FrameAnalysis:
    """A frame at 30 per second; face -> intensity of AU12."""
    found = tuple(
        FaceAnalysis(
            face_id=face,
            box=np.array([0, 0, 9, 9]),
            confidence=0.5,
            landmarks=np.zeros((68, 2)),
            pose=None,
            action_units=UNITS,
            probability=np.array([0.25, strength / 5]),
            intensity=np.array([0.0, strength]) if intensity else None,
            quality=quality,
        )
        for face, strength in faces.items()
    )
    return FrameAnalysis("camera", number + 1, number / 30, (10, 10), found)


class FakeLibrary:
    """Stands in for pylsl; keeps what is sent."""

    def __init__(self) -> None:
        self.sent: dict[str, list[tuple[list[object], float]]] = {}
        self.clock = 100.0

    def local_clock(self) -> float:
        return self.clock

    def StreamInfo(self, name: str, *about: object) -> FakeInfo:
        return FakeInfo(name, about)

    def StreamOutlet(self, info: FakeInfo) -> FakeOutlet:
        return FakeOutlet(self.sent.setdefault(info.name, []))


class FakeInfo:
    def __init__(self, name: str, about: tuple[object, ...]) -> None:
        self.name, self.about = name, about

    def desc(self) -> FakeInfo:
        return self

    def append_child(self, name: str) -> FakeInfo:
        return self

    def append_child_value(self, name: str, value: str) -> None:
        assert isinstance(value, str)


class FakeOutlet:
    def __init__(self, sent: list[tuple[list[object], float]]) -> None:
        self._sent = sent

    def push_sample(self, sample: list[object], stamp: float) -> None:
        self._sent.append((sample, stamp))

    def wait_for_consumers(self, seconds: float) -> bool:
        return False
