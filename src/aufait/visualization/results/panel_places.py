"""Where panels stand: never over a head, never over each other, near their face, and for as long as they can in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aufait.landmarks import GROUPS
from aufait.results import FaceAnalysis
from aufait.visualization.results.panel_layout import Layout, layouts, scale_of, units_to_show

CROWD = 3
"""Faces from which on a panel lists only what occurs."""

Box = tuple[float, float, float, float]

_FOREHEAD = 0.6  # of the distance from chin to brows: forehead and hair above the box, which ends at the brows
_EARS, _NECK = 0.14, 0.08  # of the box, beside and below it
_SPARE = 0.06  # of the box, kept free around a head so that it may move a little before its neighbour must
_CRAMPED = 0.15  # what a smaller panel costs, in sizes of the face
_CLEARLY = 0.3  # of a face: how much nearer to it than to another head its panel should be
_FORGET_AFTER = 300  # frames without a face before its panel's place is given up
_NEIGHBOURS = 12  # heads and panels whose edges are tried as places; all are kept free
_EYES, _MOUTH = [list(GROUPS[one] + GROUPS[other]) for one, other in (("right_eye", "left_eye"), ("outer_lip", "inner_lip"))]


@dataclass(frozen=True)
class Place:
    """A panel in a picture: its layout and its upper left corner in pixels."""

    layout: Layout
    x: int
    y: int

    @property
    def box(self) -> Box:
        """x0, y0, x1, y1 in pixels."""
        return (self.x, self.y, self.x + self.layout.width, self.y + self.layout.height)


def head_box(face: FaceAnalysis) -> np.ndarray:
    """The face with forehead, hair and ears: (4,) x0, y0, x1, y1 in pixels, whichever way the head is turned."""
    box = face.box.astype(float)
    width, height = box[2] - box[0], box[3] - box[1]
    up = face.landmarks[_EYES].mean(axis=0) - face.landmarks[_MOUTH].mean(axis=0)
    length = float(np.hypot(*up))
    up = up / length if length > 1e-3 else np.array([0.0, -1.0])
    reach = _FOREHEAD * (abs(up[0]) * width + abs(up[1]) * height) * up
    head = np.concatenate([np.minimum(box[:2], box[:2] + reach), np.maximum(box[2:], box[2:] + reach)])
    ears, neck = _EARS * min(width, height), _NECK * min(width, height)
    return head + np.array([-ears, -neck, ears, neck])


class PanelPlaces:
    """Finds places for the panels of the frames of a video, or of single pictures, one after the other."""

    def __init__(self) -> None:
        self.places: dict[int, Place] = {}
        self._unseen: dict[int, int] = {}
        self._crowd = False
        self._alone = 0

    def arrange(self, size: tuple[int, ...], faces: Sequence[FaceAnalysis]) -> dict[int, Place]:
        """Places of the panels of one frame by face; a face whose panel fits nowhere has none.

        Args:
            size: height and width of the picture.
            faces: that are in it.
        """
        self._notice({face.face_id for face in faces})
        heads = np.array([head_box(face) for face in faces]).reshape(-1, 4)
        wanted = {face.face_id: len(units_to_show(face, self._crowd)) for face in faces}
        now = self._kept(size, wanted, heads)
        for face in faces:  # those that stand keep standing, the others go around them
            if face.face_id not in now and wanted[face.face_id]:
                place = self._found(size, face, heads, [one.box for one in now.values()], wanted[face.face_id])
                if place is not None:
                    now[face.face_id] = place
        for face_id, units in wanted.items():
            if units:
                self.places.pop(face_id, None)
        self.places |= now
        return now

    @property
    def crowd(self) -> bool:
        """Whether panels list only what occurs, for want of room."""
        return self._crowd

    def _notice(self, present: set[int]) -> None:
        """Forget faces that are gone for long, and a crowd that has gone for as long."""
        for face_id in list(self.places):
            self._unseen[face_id] = 0 if face_id in present else self._unseen.get(face_id, 0) + 1
            if self._unseen[face_id] > _FORGET_AFTER:
                del self.places[face_id], self._unseen[face_id]
        self._alone = 0 if len(present) >= CROWD else self._alone + 1
        crowd = len(present) >= CROWD or (self._crowd and self._alone <= _FORGET_AFTER)
        if crowd != self._crowd:
            self.places.clear()  # panels now list something else
        self._crowd = crowd

    def _kept(self, size: tuple[int, ...], wanted: dict[int, int], heads: np.ndarray) -> dict[int, Place]:
        """Panels that may stay, with as many rows as are needed now."""
        kept: dict[int, Place] = {}
        for face_id, units in wanted.items():
            old = self.places.get(face_id)
            if old is None or units == 0:
                continue
            obstacles = np.concatenate([heads, *(np.array([one.box]) for one in kept.values())])
            for rows in (units, min(units, old.layout.rows)) if self._crowd else (old.layout.rows,):
                place = replace(old, layout=old.layout.with_rows(rows))
                if place.box[2] <= size[1] and place.box[3] <= size[0] and not overlaps(place.box, obstacles):
                    kept[face_id] = place
                    break
        return kept

    def _found(
        self, size: tuple[int, ...], face: FaceAnalysis, heads: np.ndarray, taken: Sequence[Box], units: int
    ) -> Place | None:
        """The best free place, or None where there is none."""
        reach = max(float(np.max(face.box[2:] - face.box[:2])), 0.12 * min(size[:2]))
        tried = list(layouts(size, units, self._crowd))
        if not tried or _best_spot(size, face, heads, taken, tried[-1]) is None:  # the smallest
            return None
        best, least = None, np.inf
        for rank, layout in enumerate(tried):
            spot = _best_spot(size, face, heads, taken, layout)
            if spot is None:
                continue
            # A cramped panel next to its face is better than a comfortable one on the other side of the picture.
            cost = spot[1] / reach + _CRAMPED * rank
            if cost < least:
                best, least = spot[0], cost
            if least < _CRAMPED * (rank + 1):
                break
        return best


def overlaps(box: Box, others: Sequence[Box] | np.ndarray) -> bool:
    """Whether a box shares a pixel with one of the others."""
    return not bool(_free(np.array([box], dtype=float), np.array(others, dtype=float).reshape(-1, 4))[0])


def _free(boxes: np.ndarray, obstacles: np.ndarray) -> np.ndarray:
    """(N,) bool: which boxes (N, 4) share no pixel with any obstacle (M, 4)."""
    low = np.maximum(boxes[:, None, :2], obstacles[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], obstacles[None, :, 2:])
    clear: np.ndarray = ~(high > low).all(axis=2).any(axis=1)
    return clear


def _best_spot(
    size: tuple[int, ...], face: FaceAnalysis, heads: np.ndarray, taken: Sequence[Box], layout: Layout
) -> tuple[Place, float] | None:
    """The cheapest place that is clear of all heads and panels, and what it costs; None for none."""
    if layout.width > size[1] or layout.height > size[0]:
        return None
    wide = heads + _SPARE * np.max(heads[:, 2:] - heads[:, :2], axis=1)[:, None] * np.array([-1, -1, 1, 1])
    panels = np.array(taken, dtype=float).reshape(-1, 4)
    for spared in (wide, heads):
        obstacles = np.concatenate([spared, panels])
        corners = _candidates(size, face, obstacles, layout)
        boxes = np.concatenate([corners, corners + np.array([layout.width, layout.height])], axis=1)
        clear = _free(boxes, obstacles)
        if clear.any():
            boxes = boxes[clear]
            cost = _cost(boxes, face.box.astype(float), heads)
            best = int(np.argmin(cost))
            return Place(layout, int(boxes[best, 0]), int(boxes[best, 1])), float(cost[best])
    return None


def _candidates(size: tuple[int, ...], face: FaceAnalysis, obstacles: np.ndarray, layout: Layout) -> np.ndarray:
    """(N, 2) whole upper left corners to try: at the picture's edges, beside the face, and along what is near it."""
    gap = max(3, round(12 * scale_of(size)))
    x0, y0, x1, y1 = face.box.astype(float)
    centre = np.array([x0 + x1, y0 + y1]) / 2
    apart = np.abs((obstacles[:, :2] + obstacles[:, 2:]) / 2 - centre).max(axis=1)
    near = obstacles[np.argsort(apart, kind="stable")[:_NEIGHBOURS]]
    places = []
    for axis, (length, room) in enumerate(((layout.width, size[1]), (layout.height, size[0]))):
        last = room - length
        ends = np.concatenate([np.ceil(near[:, axis + 2]), np.floor(near[:, axis]) - length])
        own = np.array([0, gap, last - gap, last, last / 2, centre[axis] - length / 2])
        places.append(np.unique(np.clip(np.rint(np.concatenate([ends, own])), 0, last)))
    return np.stack(np.meshgrid(*places, indexing="ij"), axis=-1).reshape(-1, 2)


def _cost(panels: np.ndarray, box: np.ndarray, heads: np.ndarray) -> np.ndarray:
    """(N,) pixels between panels (N, 4) and their face, more where a panel is above or below it, or as near to another head."""
    dx, dy = _apart(panels, box[None])
    off_centre = np.abs((panels[:, 1] + panels[:, 3]) - (box[1] + box[3])) / 2
    own = np.hypot(dx, dy)[:, 0]
    nearest = np.partition(np.hypot(*_apart(panels, heads)), 1, axis=1)[:, 1] if len(heads) > 1 else np.full(len(panels), np.inf)
    mistaken = np.maximum(0, own + _CLEARLY * np.max(box[2:] - box[:2]) - nearest)
    cost: np.ndarray = dx[:, 0] + 1.5 * dy[:, 0] + 0.15 * off_centre + 0.5 * mistaken
    return cost


def _apart(panels: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, M) pixels between boxes (N, 4) and (M, 4), across and down; 0 where they overlap in that direction."""
    gaps = np.maximum(panels[:, None, :2] - boxes[None, :, 2:], boxes[None, :, :2] - panels[:, None, 2:])
    across, down = np.moveaxis(np.maximum(gaps, 0), -1, 0)
    return across, down
