"""What is known of one person over some time, in a form that can be joined with other times: sums, extremes, events, draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aufait.analysis.bootstrap import Bootstrap
from aufait.analysis.summary.sums import QUANTITIES, Pieces, Stretches, pieces_of, sums_of
from aufait.analysis.summary.track import Recording, Track


@dataclass(frozen=True, eq=False)
class FaceTime:
    """Seconds and frames of a person; parts are added up.

    Attributes:
        seconds: of the stretch inside the recording.
        with_frame, with_face, valid: of these with a frame, with the face, with the face in a quality that counts.
        frames, valid_frames: numbers of frames.
        quality, rated: sum of quality x seconds, and the seconds in which there is a quality.
    """

    seconds: float = 0.0
    with_frame: float = 0.0
    with_face: float = 0.0
    valid: float = 0.0
    frames: float = 0.0
    valid_frames: float = 0.0
    quality: float = 0.0
    rated: float = 0.0

    def __add__(self, other: FaceTime) -> FaceTime:
        return FaceTime(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class Part:
    """One person over some time; Q quantities of ``sums.py``, A action units.

    Attributes:
        face: its seconds and frames.
        sums: (Q, A).
        peak, peak_time: (A,) highest strength and when, NaN where there is none.
        event_unit, event_length, event_cut: (E,) of the events that begin in the time.
        event_seconds: (A,) of all events inside the time.
        draws: (rounds, Q, A) sums over resampled time; None: too short.
    """

    face: FaceTime
    sums: np.ndarray
    peak: np.ndarray
    peak_time: np.ndarray
    event_unit: np.ndarray
    event_length: np.ndarray
    event_cut: np.ndarray
    event_seconds: np.ndarray
    draws: np.ndarray | None = None


Cells = dict[tuple[float, float], np.ndarray]
"""Stretch -> (cells, Q, A) sums of a track in it: those of a condition are those of its segments."""


def part_of(
    recording: Recording, track: Track, stretches: Stretches, bootstrap: Bootstrap, label: str, known: Cells | None = None
) -> Part:
    """One person over some stretches of a recording.

    Args:
        label: of the stretches; what the draws of the bootstrap are for.
        known: sums of the same track from earlier calls; new ones are added.
    """
    pieces = pieces_of(track.time, track.end, stretches, bootstrap.cell)
    cells = _cells_of(track, stretches, bootstrap.cell, {} if known is None else known)
    draws = bootstrap.of_time(cells.reshape(len(cells), cells.shape[1] * cells.shape[2]), recording.name, track.called, label)
    begins, event_seconds = _events(track, stretches)
    return Part(
        _face_time(recording, track, pieces, stretches),
        cells.sum(0),
        *_peaks(track, pieces),
        track.event_unit[begins],
        (track.event_offset - track.event_onset)[begins],
        track.event_cut[begins],
        event_seconds,
        None if draws is None else draws.reshape(len(draws), *cells.shape[1:]),
    )


def _cells_of(track: Track, stretches: Stretches, cell: float, known: Cells) -> np.ndarray:
    for stretch in stretches:
        if stretch not in known:
            known[stretch] = sums_of(track, pieces_of(track.time, track.end, [stretch], cell), [stretch], cell)
    nothing = np.zeros((0, len(QUANTITIES), track.present.shape[1]))
    return np.concatenate([nothing, *(known[stretch] for stretch in stretches)])


def joined(parts: Sequence[Part]) -> Part:
    """The parts of one person, taken as one; each part is resampled on its own."""
    draws = [part.draws for part in parts if part.draws is not None]
    several = len(parts) > 1
    return Part(
        sum((part.face for part in parts), FaceTime()),
        np.sum([part.sums for part in parts], axis=0),
        np.fmax.reduce([part.peak for part in parts]),
        np.full_like(parts[0].peak_time, np.nan) if several else parts[0].peak_time,
        np.concatenate([part.event_unit for part in parts]),
        np.concatenate([part.event_length for part in parts]),
        np.concatenate([part.event_cut for part in parts]),
        np.sum([part.event_seconds for part in parts], axis=0),
        np.sum(draws, axis=0) if len(draws) == len(parts) else None,
    )


def _face_time(recording: Recording, track: Track, pieces: Pieces, stretches: Stretches) -> FaceTime:
    frames = pieces_of(recording.time, recording.end, stretches, np.inf)
    usable, quality = track.usable[pieces.rows], track.quality[pieces.rows]
    rated = np.isfinite(quality)
    return FaceTime(
        seconds=float(sum(last - first for first, last in stretches)),
        with_frame=float(frames.seconds.sum()),
        with_face=float(pieces.seconds.sum()),
        valid=float(pieces.seconds[usable].sum()),
        frames=float(np.count_nonzero(frames.seconds)),
        valid_frames=float(np.count_nonzero(pieces.seconds[usable])),
        quality=float(pieces.seconds[rated] @ quality[rated].astype(np.float64)),
        rated=float(pieces.seconds[rated].sum()),
    )


def _peaks(track: Track, pieces: Pieces) -> tuple[np.ndarray, np.ndarray]:
    inside = pieces.rows[pieces.seconds > 0]
    units = track.strength.shape[1]
    nothing = np.full(units, np.nan)
    if not len(inside):
        return nothing, nothing
    values = np.where(np.isfinite(track.strength[inside]), track.strength[inside], -np.inf)
    at = values.argmax(0)
    highest = values[at, np.arange(units)]
    known = np.isfinite(highest)
    return np.where(known, highest, np.nan), np.where(known, track.time[inside[at]], np.nan)


def _events(track: Track, stretches: Stretches) -> tuple[np.ndarray, np.ndarray]:
    """Which events begin in the stretches (E,), and the seconds of all that lie in them (A,)."""
    begins = np.zeros(len(track.event_onset), bool)
    inside = np.zeros(len(track.event_onset))
    for first, last in stretches:
        begins |= (track.event_onset >= first) & (track.event_onset < last)
        inside += np.maximum(np.minimum(track.event_offset, last) - np.maximum(track.event_onset, first), 0)
    return begins, np.bincount(track.event_unit, inside, minlength=track.present.shape[1])
