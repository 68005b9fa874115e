"""Scores and events as streams of the Lab Streaming Layer, which records them in step with EEG, eye trackers and the like."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from aufait.analysis.event_rule import EventRule
from aufait.analysis.labels import UnitLabel
from aufait.analysis.live.causal_events import Change
from aufait.analysis.live.frame_events import FrameEvents
from aufait.analysis.live.slots import Slots
from aufait.errors import InputError, MissingExtraError
from aufait.results import FaceAnalysis, FrameAnalysis

SCORES = {"probability": "probability 0-1", "intensity": "FACS intensity 0-5"}
OF_FACE = {"face_id": "number", "confidence": "probability 0-1", "quality": "0-1"}


class LabStreams:
    """Two outlets, open from the first line on: one of numbers, and one of the texts ``AU12 onset face 0``, ``AU12 offset face 0``.

    Args:
        name: of the first stream; the second is called ``NAME-markers``.
        action_units: A units, in the order of the results.
        faces: how many faces have channels; others are left out.
        rate: frames per second, 0 where they come irregularly.
        rule: of the events, None for the default one.
        source_id: what a recorder finds the stream by when the program is started again.

    Raises:
        InputError: no name, or no face.
        MissingExtraError: without the extra ``lsl``.
    """

    def __init__(
        self,
        name: str,
        action_units: tuple[int, ...],
        *,
        faces: int = 1,
        rate: float = 0.0,
        rule: EventRule | None = None,
        source_id: str = "",
    ) -> None:
        if not name.strip() or faces < 1:
            raise InputError(f"a stream needs a name and at least one face, got {name!r} and {faces}")
        self._lsl = _library()
        self.labels = tuple(str(UnitLabel(unit)) for unit in action_units)
        self.channels = channel_names(self.labels, faces)
        self.slots = Slots(faces)
        self._rule = rule or EventRule()
        self._events = FrameEvents(self.labels, self._rule)
        self._zero: float | None = None
        self.markers = 0
        source_id = source_id or f"aufait-{name}"
        info = self._lsl.StreamInfo(name, "AU", len(self.channels), rate, "float32", source_id)
        _describe(info, self.channels, self._rule)
        texts = self._lsl.StreamInfo(f"{name}-markers", "Markers", 1, 0.0, "string", f"{source_id}-markers")
        _describe(texts, {"event": "text"}, self._rule)
        self._numbers, self._texts = self._lsl.StreamOutlet(info), self._lsl.StreamOutlet(texts)

    def wait_for_recorder(self, seconds: float) -> bool:
        """Whether somebody listens to the numbers within a time."""
        return bool(self._numbers.wait_for_consumers(seconds))

    def stamp(self, timestamp: float) -> float:
        """Time of a frame in the clock of the layer: the first frame is now, the others follow by their time stamps."""
        if self._zero is None:
            self._zero = self._lsl.local_clock() - timestamp
        return float(self._zero + timestamp)

    def seconds_until(self, timestamp: float) -> float:
        """Seconds until a frame is due; negative when it is late."""
        return self.stamp(timestamp) - float(self._lsl.local_clock())

    def push(self, frame: FrameAnalysis) -> list[Change]:
        """Send a frame; returns the events that became known with it, which are sent too."""
        stamp = self.stamp(frame.timestamp)
        placed = self.slots.place(frame.timestamp, (face.face_id for face in frame.faces))
        sample = np.full(len(self.channels), np.nan, np.float32)
        width = len(self.channels) // len(self.slots)
        for face in frame.faces:
            if face.face_id in placed:
                start = placed[face.face_id] * width
                sample[start : start + width] = _sample(face)
        self._numbers.push_sample(sample.tolist(), stamp)
        return self._send(self._events.step(frame, placed))

    def finish(self) -> list[Change]:
        """End the events that are still running."""
        return self._send(self._events.finish())

    def _send(self, changes: list[Change]) -> list[Change]:
        for change in changes:
            self._texts.push_sample([marker_text(change)], self.stamp(change.time))
        self.markers += len(changes)
        return changes


def channel_names(labels: tuple[str, ...], faces: int) -> dict[str, str]:
    """Label of each channel -> its unit: per face number, confidence, quality, then probability and intensity of each unit."""
    own = {**OF_FACE, **{f"{label}_{score}": unit for label in labels for score, unit in SCORES.items()}}
    return {f"face{slot}_{name}": unit for slot in range(faces) for name, unit in own.items()}


def marker_text(change: Change) -> str:
    """"AU12 onset face 0"."""
    return f"{change.label} {'onset' if change.is_onset else 'offset'} face {change.face_id}"


def _sample(face: FaceAnalysis) -> np.ndarray:
    intensity = np.full(len(face.probability), np.nan) if face.intensity is None else face.intensity
    return np.concatenate([[face.face_id, face.confidence, face.quality], np.stack([face.probability, intensity], 1).ravel()])


def _describe(info: Any, channels: dict[str, str], rule: EventRule) -> None:
    """Header of a stream: what its channels are, and how events are found."""
    about = info.desc()
    about.append_child_value("manufacturer", "aufait")
    listed = about.append_child("channels")
    for name, unit in channels.items():
        channel = listed.append_child("channel")
        for key, value in (("label", name), ("unit", unit), ("type", "AU")):
            channel.append_child_value(key, value)
    events = about.append_child("events")
    events.append_child_value("min_duration", f"{rule.min_duration:g}")
    events.append_child_value("bridge", f"{rule.bridge:g}")


def _library() -> ModuleType:
    try:
        import pylsl
    except (ImportError, OSError, RuntimeError) as error:  # the last two: the package without the library itself
        raise MissingExtraError("a live stream", "lsl") from error
    return pylsl  # type: ignore[no-any-return]
