"""Track ids: who is who from one frame to the next.

Each track carries a constant-velocity model of the face's centre and size and the looks of its head (``appearance``). New
faces are assigned to tracks by least total cost (position, overlap, size, shape of the landmarks, looks), solved
exactly. A track that is not seen lives on for a second and at least for one frame, moving on at a fading speed; ids are never
used twice.

Faces that cross: while one hides the other only one is seen; when both are back, motion and looks together tell
which is which.

Cuts: after a cut that the pictures show, places mean nothing. All tracks then wait, and a face continues one of them only
if it looks the same. A cut that they do not show, from one person to another at the same place, is seen by looks that change
at once and all over the face, more than they ever did before; then the old track waits as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from aufait.faces.appearance import (
    Looks,
    blended,
    difference,
    face_difference,
    face_looks,
    head_difference,
    looks_of,
    part_difference,
)
from aufait.faces.boxes import box_centers, box_sizes, landmark_boxes, overlap
from aufait.faces.face import Face


@dataclass(frozen=True)
class TrackerConfig:
    """Settings of ``FaceTracker``. Differences of looks are those of ``faces.appearance``."""

    max_lost: float = 1.0
    """Seconds that a track survives without being seen; it always survives until one frame has come without it."""

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
    """Weight of the difference of the sketches relative to one face size of distance."""

    same_looks: float = 0.27
    """Difference in looks up to which a face after a cut is somebody seen before it."""

    max_away: int = 16
    """Tracks that wait for a later cut, at most; the longest unseen are forgotten."""

    sudden: float = 4.0
    """Somebody else may be at the same place when the face changes by this many times its usual change from frame to
    frame ..."""

    doubt: float = 0.15
    """... and by at least this: then it is somebody else if it stays as different for ``doubtful_frames`` ..."""

    replaced: float = 0.22
    """... and at once if it differs by this, and the head (``replaced_head``), too."""

    replaced_head: float = 0.045
    """Difference of the sketches below which nobody is taken for somebody else at the same place."""

    most_usual: float = 0.1
    """The usual change counts up to this."""

    time_allowance: float = 0.2
    """What ``doubt``, ``replaced`` and the first of ``faded`` grow by for frames that are ``allowed_after`` or more apart ..."""

    allowed_after: float = 0.5
    """... in seconds; in between in proportion: expressions and heads change meanwhile."""

    crowd: float = 1.5
    """Face sizes: within this distance of somebody else, changed looks may be the other's, and prove nothing."""

    blurred: float = 0.55
    """Looks prove nothing when the edges have less than this share of their remembered strength: the picture is blurred, or
    the face is covered."""

    likelier: float = 0.5
    """A followed person is taken for a lost one if the appearance differs from that of the lost one by less than this share of its
    difference from their own."""

    unmoved: float = 0.1
    """... unless a part of the face differs by less than this from what was at its place in the last frame: a hand came."""

    doubtful_frames: int = 3
    """See ``doubt``."""

    faded: tuple[float, float] = (0.22, 0.1)
    """Differences of face and head to all that is remembered of a person from which, ``faded_frames`` in turn, somebody else
    has faded in; twice that of the head where it is held otherwise than ever."""

    faded_frames: int = 5

    same_pose: float = 15.0
    """Degrees of yaw and pitch up to which two poses count as the same; in another pose, another memory is kept, unless the head
    (``faded``) looks otherwise, too."""

    memories: int = 4
    """Poses in which a head is remembered, at most."""

    learning: float = 0.03
    """Share of the newest looks in a memory, while they differ by less than ``doubt``; a fifth of it above."""

    smoothing: float = 0.5
    """Share of a new measurement in the velocity."""

    damping: float = 2.0
    """Rate at which an unseen face is believed to slow down, per second."""


@dataclass
class _Memory:
    """A head as remembered in one pose."""

    looks: Looks
    turn: np.ndarray  # (2,) degrees of pitch and yaw


@dataclass
class _Track:
    face: Face
    velocity: np.ndarray  # (3,) centre x, y in px/s and relative growth of the size per second
    seen: float  # seconds
    hits: int = 1
    missed: int = 0  # frames since it was seen
    away: bool = False  # waits for a cut
    last: Looks | None = None
    memories: list[_Memory] = field(default_factory=list)
    usual: float = 0.0  # change of the face from frame to frame
    doubts: int = 0  # frames since a sudden change that has lasted; 0 for none
    stays: bool = False  # whether a part of the face still is where it was, as it was
    faded: int = 0  # frames in turn that look like somebody else


class FaceTracker:
    """Gives faces their track ids, frame by frame. One object per video.

    Args:
        config: settings.
        max_faces: people that are followed at once; further faces are left out. Who is followed stays until lost.
    """

    def __init__(self, config: TrackerConfig | None = None, *, max_faces: int | None = None) -> None:
        self.config = config or TrackerConfig()
        self.max_faces = max_faces
        self._tracks: list[_Track] = []
        self._away: list[_Track] = []
        self._next_id = 0
        self._now: float | None = None

    def reset(self) -> None:
        """Forgets everybody; ids start at 0 again."""
        self._tracks.clear()
        self._away.clear()
        self._next_id = 0
        self._now = None

    def cut(self) -> None:
        """There is a cut before the next frame: from here on places mean nothing, and only appearance shows who comes back."""
        self._send_away(self._tracks)
        self._tracks = []

    def rescale(self, factor: tuple[float, float]) -> None:
        """The next frames are larger by ``factor`` in x and y: the same scene in other pixels."""
        for track in (*self._tracks, *self._away):
            track.face = _scaled(track.face, factor)
            track.velocity[:2] *= factor

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
            The same faces in the same order, with ``track_id`` set; without those beyond ``max_faces``.
        """
        if self._now is not None and timestamp < self._now:
            self._tracks.clear()
            self._away.clear()
        self._expire(timestamp)
        looks = [None if image is None else looks_of(image, face.landmarks) for face in faces]
        tracks = [*self._tracks, *self._away]
        for track in self._tracks:
            track.stays = image is not None and self._stays(track, looks, image)
        rows = self._assign(faces, looks, tracks, timestamp)
        self._leave(faces, looks, [tracks[column] for column in rows.values()], timestamp)
        known = {row: tracks[column] for row, column in rows.items() if not tracks[column].away}
        back = {row: tracks[column] for row, column in rows.items() if tracks[column].away}
        for track in self._tracks:
            track.missed += 1
        for row, track in known.items():
            self._follow(track, faces[row], looks[row], timestamp)
        size = [0.0 if self.max_faces is None else _size(face) for face in faces]  # who may be left out is a matter of size
        newcomers = sorted(set(range(len(faces))) - set(known), key=lambda row: (row not in back, -size[row]))
        for row in newcomers:
            if self.max_faces is None or len(self._tracks) < self.max_faces:
                returned = back.get(row)
                known[row] = self._start(faces[row], looks[row], timestamp) if returned is None else returned
                if returned is not None:
                    self._return(returned, faces[row], looks[row], timestamp)
        self._now = timestamp
        return [known[row].face for row in sorted(known)]

    @property
    def away(self) -> list[tuple[int, tuple[Looks, ...]]]:
        """Those who wait for a later cut: their ids and what is remembered of them, the longest unseen first."""
        return [(track.face.track_id, tuple(_known_looks(track))) for track in self._away]

    # -- Who may be who ---------------------------------------------------------------------------------------------

    def _assign(self, faces: list[Face], looks: list[Looks | None], tracks: list[_Track], timestamp: float) -> dict[int, int]:
        """Row of a face -> column of its track, at the least total cost."""
        if not faces or not tracks:
            return {}
        there = [track for track in tracks if not track.away]
        waiting = tracks[len(there) :]
        apart = np.array([[np.inf if own is None else _apart(track, own) for track in waiting] for own in looks])
        # A person who can be followed is not one who comes back.
        returning = np.where(apart <= self.config.same_looks, 1e3 + apart, np.inf).reshape(len(faces), len(waiting))
        following = self._costs(faces, looks, there, timestamp) if there else np.zeros((len(faces), 0))
        for row, own in enumerate(looks):
            if own is not None and len(waiting) and apart[row].min() <= self.config.same_looks:
                known = np.array([_apart(track, own) for track in there])
                following[row, self.config.likelier * known > apart[row].min()] = np.inf
        cost = np.concatenate([following, returning], axis=1)
        return {row: column for row, column in assign(cost) if np.isfinite(cost[row, column])}

    def _costs(self, faces: list[Face], looks: list[Looks | None], tracks: list[_Track], timestamp: float) -> np.ndarray:
        """(faces, tracks) cost of saying that they are the same; inf where they cannot be."""
        settings = self.config
        predicted = [self._predicted(track, timestamp) for track in tracks]
        seen, expected = np.stack([f.box for f in faces]), np.stack([f.box for f in predicted])
        shared = overlap(seen, expected)
        sizes, expected_sizes = box_sizes(seen), box_sizes(expected)
        mean_size = np.maximum((sizes[:, None] + expected_sizes[None]) / 2.0, 1.0)
        distance = np.linalg.norm(box_centers(seen)[:, None] - box_centers(expected)[None], axis=2) / mean_size
        growth = np.abs(np.log(np.maximum(sizes, 1.0)[:, None] / np.maximum(expected_sizes, 1.0)[None]))
        shape = _shape_difference(faces, predicted)
        different = np.array([[_head_apart(track, own) for track in tracks] for own in looks])
        absent = np.array([timestamp - track.seen for track in tracks])[None]
        limit = settings.max_distance + settings.distance_growth * absent
        impossible = (distance > limit) | (growth > np.log(settings.max_size_ratio))
        impossible |= (different > settings.max_looks) & (shared < 0.5)
        others = [[self._is_other(track, own, timestamp) for track in tracks] for own in looks]
        impossible |= np.array(others) & ~self._crowded(faces, predicted)
        # The longer a face was away, the less its predicted place says and the more its looks.
        trust = 1.0 / (1.0 + 3.0 * absent)
        cost = trust * (distance + 0.7 * (1.0 - shared) + 0.5 * growth + shape) + settings.looks_weight * different
        return np.where(impossible, np.inf, cost)

    def _is_other(self, track: _Track, looks: Looks | None, timestamp: float) -> bool:
        """Whether a face cannot be that of a track by its looks alone, wherever it is."""
        settings = self.config
        if looks is None or track.last is None:
            return False
        more = self._allowance(track, timestamp)
        if track.doubts >= settings.doubtful_frames or track.faded >= settings.faded_frames:
            return self._differs(track, looks, settings.doubt + more)
        limit = max(settings.replaced + more, settings.sudden * min(track.usual, settings.most_usual))
        return not track.stays and face_difference(track.last, looks) > limit and self._differs(track, looks, limit)

    def _stays(self, track: _Track, looks: list[Looks | None], image: np.ndarray) -> bool:
        """Whether a part of a face is seen where it was in the last frame, for one that seems to have changed.

        The landmarks of a face that is half covered may be anywhere; that does not mean that the rest of it has moved."""
        if track.last is None or all(own is None or face_difference(track.last, own) <= self.config.doubt for own in looks):
            return False
        here = face_looks(image, track.face.landmarks, track.last.head)
        return part_difference(track.last, here) <= self.config.unmoved

    def _allowance(self, track: _Track, timestamp: float) -> float:
        """How much more a face may have changed since it was last seen."""
        return self.config.time_allowance * min((timestamp - track.seen) / self.config.allowed_after, 1.0)

    def _crowded(self, faces: list[Face], predicted: list[Face]) -> np.ndarray:
        """(faces, tracks) whether there is another face near a face, or another track near a track."""

        def near(items: list[Face]) -> np.ndarray:
            boxes = np.stack([item.box for item in items])
            centers, sizes = box_centers(boxes), box_sizes(boxes)
            close = np.linalg.norm(centers[:, None] - centers[None], axis=2) < self.config.crowd * np.maximum(sizes[:, None], sizes)
            return np.asarray(close.sum(axis=1) > 1)

        return near(faces)[:, None] | near(predicted)[None]

    def _differs(self, track: _Track, looks: Looks, limit: float) -> bool:
        """Whether looks differ from all that is remembered of a track, in the face and on the head, and can be relied on."""
        return all(
            face_difference(memory.looks, looks) > limit
            and head_difference(memory.looks, looks) > self.config.replaced_head
            and looks.sharpness >= self.config.blurred * memory.looks.sharpness
            for memory in track.memories
        )

    def _leave(self, faces: list[Face], looks: list[Looks | None], followed: list[_Track], timestamp: float) -> None:
        """Tracks at whose place somebody else is seen wait for their return."""
        lost = [track for track in self._tracks if not any(track is other for other in followed)]
        if not lost or not faces:
            return
        predicted = [self._predicted(track, timestamp) for track in lost]
        there = overlap(np.stack([face.box for face in predicted]), np.stack([face.box for face in faces])) > 0.3  # (lost, faces)
        there &= ~self._crowded(faces, predicted).T
        there &= np.array([[self._is_other(track, own, timestamp) for own in looks] for track in lost])
        gone = [track for track, others in zip(lost, there, strict=True) if others.any()]
        self._tracks = [track for track in self._tracks if not any(track is other for other in gone)]
        self._send_away(gone)

    # -- The life of a track ----------------------------------------------------------------------------------------

    def _start(self, face: Face, looks: Looks | None, timestamp: float) -> _Track:
        track = _Track(replace(face, track_id=self._next_id), np.zeros(3), timestamp)
        self._remember(track, face, looks)
        self._next_id += 1
        self._tracks.append(track)
        return track

    def _follow(self, track: _Track, face: Face, looks: Looks | None, timestamp: float) -> None:
        elapsed = timestamp - track.seen
        if elapsed > 1e-6:
            moved = face.landmarks.mean(axis=0) - track.face.landmarks.mean(axis=0)
            sizes = np.maximum(box_sizes(np.stack([track.face.box, face.box])), 1.0)
            grown = np.log(sizes[1] / sizes[0])
            measured = np.array([*moved, grown]) / elapsed
            share = 1.0 if track.hits == 1 else self.config.smoothing
            track.velocity += share * (measured - track.velocity)
        self._doubt(track, face, looks, timestamp)
        self._remember(track, face, looks)
        track.face = replace(face, track_id=track.face.track_id)
        track.seen, track.hits, track.missed = timestamp, track.hits + 1, 0

    def _return(self, track: _Track, face: Face, looks: Looks | None, timestamp: float) -> None:
        """Somebody is back after a cut."""
        self._away = [other for other in self._away if other is not track]
        track.away, track.velocity, track.doubts, track.faded = False, np.zeros(3), 0, 0
        track.face = replace(face, track_id=track.face.track_id)
        track.seen, track.missed, track.last = timestamp, 0, looks
        self._tracks.append(track)

    def _doubt(self, track: _Track, face: Face, looks: Looks | None, timestamp: float) -> None:
        """Counts frames in which somebody else may have taken the place of a track."""
        settings = self.config
        if looks is None or track.last is None:
            return
        step, more = face_difference(track.last, looks), self._allowance(track, timestamp)
        sudden = step > max(settings.doubt + more, settings.sudden * min(track.usual, settings.most_usual))
        if ((sudden and not track.stays) or track.doubts) and self._differs(track, looks, settings.doubt + more):
            track.doubts += 1
        else:
            track.doubts = 0
        alike = any(np.abs(memory.turn - _turn(face)).max() <= settings.same_pose for memory in track.memories)
        least_face, least_head = settings.faded[0] + more, settings.faded[1] * (1.0 if alike else 2.0)
        other = self._differs(track, looks, least_face) and _head_apart(track, looks) > least_head
        track.faded = track.faded + 1 if other else 0
        track.usual += 0.1 * (min(step, settings.most_usual) - track.usual)

    def _remember(self, track: _Track, face: Face, looks: Looks | None) -> None:
        track.last = looks
        if looks is None or track.doubts or track.faded:
            return
        turn = _turn(face)
        nearest = min(track.memories, key=lambda m: float(np.abs(m.turn - turn).max()), default=None)
        far = nearest is not None and np.abs(nearest.turn - turn).max() > self.config.same_pose
        new = far and len(track.memories) < self.config.memories and _head_apart(track, looks) < self.config.faded[1]
        if nearest is None or new:
            track.memories.append(_Memory(looks, turn))
            return
        # Neighbours that overlap leak into each other's looks; learn slowly once a track is known.
        learning = 0.5 if track.hits < 3 else self.config.learning
        share = learning if face_difference(nearest.looks, looks) < self.config.doubt else 0.2 * self.config.learning
        nearest.looks = blended(nearest.looks, looks, share)

    def _send_away(self, tracks: list[_Track]) -> None:
        for track in tracks:
            track.away = True
        self._away = sorted([*self._away, *tracks], key=lambda track: track.seen)[-self.config.max_away :]

    def _expire(self, timestamp: float) -> None:
        self._tracks = [t for t in self._tracks if t.missed == 0 or timestamp - t.seen <= self._patience(t)]

    def _patience(self, track: _Track) -> float:
        """A face seen once or twice may be a mistake of the detector; it is given up sooner."""
        return self.config.max_lost if track.hits > 2 else 0.4 * self.config.max_lost

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


def _size(face: Face) -> float:
    return float(box_sizes(face.box[None])[0])


def _turn(face: Face) -> np.ndarray:
    """(2,) degrees of pitch and yaw; 0 where the pose is not known."""
    return np.zeros(2) if face.pose is None else np.degrees(face.pose.rotation[:2])


def _apart(track: _Track, looks: Looks) -> float:
    """Difference to the nearest of the memories and the last looks of a track; inf where there are none."""
    return min((difference(one, looks) for one in _known_looks(track)), default=np.inf)


def _known_looks(track: _Track) -> list[Looks]:
    """The memories and the last looks of a track, which do not count while they may be somebody else's."""
    known = [memory.looks for memory in track.memories]
    return known if track.last is None or track.doubts or track.faded else [*known, track.last]


def _head_apart(track: _Track, looks: Looks | None) -> float:
    """Difference of the sketches to the nearest memory; 0 where either is not known."""
    return 0.0 if looks is None else min((head_difference(m.looks, looks) for m in track.memories), default=0.0)


def _scaled(face: Face, factor: tuple[float, float]) -> Face:
    """A face in a picture whose sides are longer by ``factor`` in x and y."""
    landmarks = (face.landmarks * np.array(factor)).astype(np.float32)
    mesh = face.mesh
    if mesh is not None:
        mesh = (mesh * np.array([*factor, np.sqrt(factor[0] * factor[1])])).astype(np.float32)
    return replace(face, landmarks=landmarks, box=landmark_boxes(landmarks[None])[0], mesh=mesh)


def _shape_difference(faces: list[Face], tracks: list[Face]) -> np.ndarray:
    """(F, T) mean distance between landmarks after centring and scaling, in face sizes: a turned head has another
    shape."""

    def normalised(items: list[Face]) -> np.ndarray:
        points = np.stack([item.landmarks for item in items]).astype(np.float64)
        points -= points.mean(axis=1, keepdims=True)
        return points / np.maximum(np.ptp(points, axis=(1, 2)), 1e-6)[:, None, None]

    difference = normalised(faces)[:, None] - normalised(tracks)[None]
    return np.linalg.norm(difference, axis=3).mean(axis=2)


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
