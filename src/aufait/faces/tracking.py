"""Track ids: who is who from one frame to the next.

Each track carries a constant-velocity model of the face's centre and size and a small colour sketch of its looks. New
faces are assigned to tracks by least total cost (position, overlap, size, shape of the landmarks, looks), solved
exactly. A track that is not seen lives on for a second, moving on at a fading speed; ids are never used twice.

Faces that cross: while one hides the other only one is seen; when both are back, motion and looks together tell
which is which. The sketch is no face recognition: it tells apart people who look different in this very video.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aufait.faces.boxes import box_centers, box_sizes, landmark_boxes, overlap
from aufait.faces.face import Face

_SKETCH_CELLS = 8
_SKETCH_SAMPLES = 3


@dataclass(frozen=True)
class TrackerConfig:
    """Settings of ``FaceTracker``."""

    max_lost: float = 1.0
    """Seconds that a track survives without being seen."""

    max_distance: float = 1.2
    """Distance between predicted and seen centre, in face sizes, beyond which they cannot be the same face (at
    rest)."""

    distance_growth: float = 1.5
    """How much that limit grows per second of absence, in face sizes per second."""

    max_size_ratio: float = 2.0
    """Ratio of face sizes beyond which two faces cannot be the same."""

    max_looks: float = 0.34
    """Difference of the colour sketches, 0 to 1, beyond which two faces cannot be the same unless they overlap."""

    looks_weight: float = 4.0
    """Weight of the difference in looks beside one face size of distance."""

    smoothing: float = 0.5
    """Share of a new measurement in the velocity."""

    damping: float = 2.0
    """Rate at which an unseen face is believed to slow down, per second."""


@dataclass
class _Track:
    face: Face
    looks: np.ndarray | None
    velocity: np.ndarray  # (3,) centre x, y in px/s and relative growth of the size per second
    seen: float  # seconds
    hits: int = 1


class FaceTracker:
    """Gives faces their track ids, frame by frame. One object per video."""

    def __init__(self, config: TrackerConfig | None = None) -> None:
        self.config = config or TrackerConfig()
        self._tracks: list[_Track] = []
        self._next_id = 0
        self._now: float | None = None

    def reset(self) -> None:
        """Forgets everybody; ids start at 0 again."""
        self._tracks.clear()
        self._next_id = 0
        self._now = None

    def predict(self, timestamp: float) -> list[Face]:
        """Where each living track should be at ``timestamp`` (seconds): the last face, moved and scaled."""
        self._expire(timestamp)
        return [self._predicted(track, timestamp) for track in self._tracks]

    def update(self, faces: list[Face], timestamp: float, image: np.ndarray | None = None) -> list[Face]:
        """Assign ids.

        Args:
            faces: what was found in this frame, each person once.
            timestamp: of the frame, seconds; when time runs backwards, old tracks are dropped.
            image: (H, W, 3) uint8, for the looks; None to go by place and shape alone.

        Returns:
            The same faces in the same order, with ``track_id`` set.
        """
        if self._now is not None and timestamp < self._now:
            self._tracks.clear()
        self._expire(timestamp)
        looks = [None if image is None else sketch(image, face.landmarks) for face in faces]
        pairs = self._assign(faces, looks, timestamp)
        out = []
        for row, face in enumerate(faces):
            track = pairs.get(row)
            if track is None:
                track = self._start(face, looks[row], timestamp)
            else:
                self._follow(track, face, looks[row], timestamp)
            out.append(track.face)
        self._now = timestamp
        return out

    def _expire(self, timestamp: float) -> None:
        self._tracks = [t for t in self._tracks if timestamp - t.seen <= self._patience(t)]

    def _patience(self, track: _Track) -> float:
        """A face seen once or twice may be a mistake of the detector; it is given up sooner, but not before a frame has
        come without it: in slow videos the next one may be half a second away."""
        return self.config.max_lost if track.hits > 2 or track.seen == self._now else 0.4 * self.config.max_lost

    def _predicted(self, track: _Track, timestamp: float) -> Face:
        elapsed = max(timestamp - track.seen, 0.0)
        travel = (1.0 - np.exp(-self.config.damping * elapsed)) / self.config.damping
        center = track.face.landmarks.mean(axis=0)
        growth = float(np.exp(np.clip(track.velocity[2] * travel, -0.3, 0.3)))
        shift = track.velocity[:2] * travel
        landmarks = ((track.face.landmarks - center) * growth + center + shift).astype(np.float32)
        mesh = track.face.mesh
        if mesh is not None:
            origin, offset = np.append(center, 0.0), np.append(center + shift, 0.0)
            mesh = ((mesh - origin) * growth + offset).astype(np.float32)
        return replace(track.face, landmarks=landmarks, box=landmark_boxes(landmarks[None])[0], pose=None, mesh=mesh)

    def _assign(self, faces: list[Face], looks: list[np.ndarray | None], timestamp: float) -> dict[int, _Track]:
        if not faces or not self._tracks:
            return {}
        cost = self._costs(faces, looks, timestamp)
        return {row: self._tracks[column] for row, column in assign(cost) if np.isfinite(cost[row, column])}

    def _costs(self, faces: list[Face], looks: list[np.ndarray | None], timestamp: float) -> np.ndarray:
        """(faces, tracks) cost of saying that they are the same; inf where they cannot be."""
        settings = self.config
        predicted = [self._predicted(track, timestamp) for track in self._tracks]
        seen, expected = np.stack([f.box for f in faces]), np.stack([f.box for f in predicted])
        shared = overlap(seen, expected)
        sizes, expected_sizes = box_sizes(seen), box_sizes(expected)
        mean_size = np.maximum((sizes[:, None] + expected_sizes[None]) / 2.0, 1.0)
        distance = np.linalg.norm(box_centers(seen)[:, None] - box_centers(expected)[None], axis=2) / mean_size
        growth = np.abs(np.log(np.maximum(sizes, 1.0)[:, None] / np.maximum(expected_sizes, 1.0)[None]))
        shape = _shape_difference(faces, predicted)
        different = np.array([[_difference(a, track.looks) for track in self._tracks] for a in looks])
        absent = np.array([timestamp - track.seen for track in self._tracks])[None]
        limit = settings.max_distance + settings.distance_growth * absent
        impossible = (distance > limit) | (growth > np.log(settings.max_size_ratio))
        impossible |= (different > settings.max_looks) & (shared < 0.5)
        # The longer a face was away, the less its predicted place says and the more its looks.
        trust = 1.0 / (1.0 + 3.0 * absent)
        cost = trust * (distance + 0.7 * (1.0 - shared) + 0.5 * growth + shape) + settings.looks_weight * different
        return np.where(impossible, np.inf, cost)

    def _start(self, face: Face, looks: np.ndarray | None, timestamp: float) -> _Track:
        track = _Track(replace(face, track_id=self._next_id), looks, np.zeros(3), timestamp)
        self._next_id += 1
        self._tracks.append(track)
        return track

    def _follow(self, track: _Track, face: Face, looks: np.ndarray | None, timestamp: float) -> None:
        elapsed = timestamp - track.seen
        if elapsed > 1e-6:
            moved = face.landmarks.mean(axis=0) - track.face.landmarks.mean(axis=0)
            sizes = np.maximum(box_sizes(np.stack([track.face.box, face.box])), 1.0)
            grown = np.log(sizes[1] / sizes[0])
            measured = np.array([*moved, grown]) / elapsed
            share = 1.0 if track.hits == 1 else self.config.smoothing
            track.velocity += share * (measured - track.velocity)
        if looks is not None:
            # Neighbours that overlap leak into each other's sketch; learn slowly once a track is known.
            share = 0.5 if track.hits < 5 else 0.1
            track.looks = looks if track.looks is None else (1.0 - share) * track.looks + share * looks
        track.face = replace(face, track_id=track.face.track_id)
        track.seen, track.hits = timestamp, track.hits + 1


def _shape_difference(faces: list[Face], tracks: list[Face]) -> np.ndarray:
    """(F, T) mean distance between landmarks after centring and scaling, in face sizes: a turned head has another
    shape."""

    def normalised(items: list[Face]) -> np.ndarray:
        points = np.stack([item.landmarks for item in items]).astype(np.float64)
        points -= points.mean(axis=1, keepdims=True)
        return points / np.maximum(np.ptp(points, axis=(1, 2)), 1e-6)[:, None, None]

    difference = normalised(faces)[:, None] - normalised(tracks)[None]
    return np.linalg.norm(difference, axis=3).mean(axis=2)


def _difference(first: np.ndarray | None, second: np.ndarray | None) -> float:
    if first is None or second is None:
        return 0.0
    return float(np.abs(first - second).mean())


def sketch(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """A tiny picture of the head, turned upright: (8, 8, 3) float in [0, 1].

    The square reaches from above the hair to the collar, four distances between eye centre and mouth wide, so that
    hair and clothes count. Its mean brightness is moved half-way to a medium grey, so that light changes matter less.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    eyes, mouth = points[36:48].mean(axis=0), points[48:60].mean(axis=0)
    down = (mouth - eyes) * 4.0
    across = np.array([down[1], -down[0]])
    steps = (np.arange(_SKETCH_CELLS * _SKETCH_SAMPLES) + 0.5) / (_SKETCH_CELLS * _SKETCH_SAMPLES) - 0.5
    middle = (eyes + mouth) / 2.0
    place = middle + steps[None, :, None] * across + steps[:, None, None] * down  # (24, 24, 2)
    height, width = image.shape[:2]
    columns = np.clip(np.rint(place[..., 0]), 0, width - 1).astype(np.intp)
    rows = np.clip(np.rint(place[..., 1]), 0, height - 1).astype(np.intp)
    samples = image[rows, columns].astype(np.float64) / 255.0
    cells = samples.reshape(_SKETCH_CELLS, _SKETCH_SAMPLES, _SKETCH_CELLS, _SKETCH_SAMPLES, 3).mean(axis=(1, 3))
    return np.clip(cells + 0.5 * (0.5 - cells.mean()), 0.0, 1.0)


def assign(cost: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of rows and columns with the least total cost; pairs of infinite cost are avoided as far as possible.

    Shortest augmenting paths (the Hungarian method in O(n^3)); every row or every column of finite cost gets a partner.

    Args:
        cost: (R, C), may hold inf.

    Returns:
        (row, column) pairs in the order of rows; pairs may have infinite cost where nothing better is left.
    """
    cost = np.asarray(cost, dtype=np.float64)
    if cost.size == 0:
        return []
    if cost.shape[0] > cost.shape[1]:
        return sorted((row, column) for column, row in assign(cost.T))
    finite = cost[np.isfinite(cost)]
    ceiling = (np.abs(finite).sum() + 1.0) if len(finite) else 1.0
    return _augment(np.where(np.isfinite(cost), cost, ceiling))


def _augment(cost: np.ndarray) -> list[tuple[int, int]]:
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows + 1), np.zeros(columns + 1)
    owner = np.zeros(columns + 1, dtype=int)  # row (from 1) that holds each column (from 1); 0 for none
    for row in range(1, rows + 1):
        owner[0], column = row, 0
        slack = np.full(columns + 1, np.inf)
        previous = np.zeros(columns + 1, dtype=int)
        visited = np.zeros(columns + 1, dtype=bool)
        while owner[column]:
            visited[column] = True
            reduced = cost[owner[column] - 1] - row_price[owner[column]] - column_price[1:]
            better = ~visited[1:] & (reduced < slack[1:])
            slack[1:][better], previous[1:][better] = reduced[better], column
            nearest = int(np.argmin(np.where(visited, np.inf, slack)[1:])) + 1
            step = slack[nearest]
            row_price[owner[visited]] += step
            column_price[visited] -= step
            slack[~visited] -= step
            column = nearest
        while column:
            owner[column] = owner[previous[column]]
            column = previous[column]
    return sorted((int(owner[c]) - 1, c - 1) for c in range(1, columns + 1) if owner[c])
