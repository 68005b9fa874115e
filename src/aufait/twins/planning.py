"""The plan of the whole twin before a frame is drawn: recordings, their events, poses and occluders.

Each recording is a row of slots. For each slot several events are drawn from the person's habits and the task's emotion; the one
that happens is chosen so that the occurrence rates approach those of the data set and every action unit of a protocol occurs
in every part of the data (a part is what some protocol trains or tests on). So rates and presence do not depend on luck, while
each person still shows only what is typical of that person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aufait.data.protocols import get_protocol, list_protocols
from aufait.errors import InputError
from aufait.synthetic.head.actions import drift
from aufait.synthetic.head.assets import FaceModel
from aufait.twins import behaviour
from aufait.twins.behaviour import COLUMN, Event, Habits
from aufait.twins.layouts import TwinLayout
from aufait.twins.lips import LipGap
from aufait.twins.seeds import stream
from aufait.twins.subjects import protocol_parts
from aufait.twins.traits import subject_traits

_SLOT_SECONDS, _SHORT_SLOT_SECONDS = 2.4, 1.5
_SHORT_RECORDING, _TIME_LAPSE = 100, 16
_CANDIDATES = 7
_SWEEPS, _SHAKES, _SHAKEN_SHARE = 5, 12, 0.3
_LEAST_FRAMES = 3
_PRESENCE_WEIGHT = 0.3
_DIRECTED_PRICE, _POSED_PRICE = 2e-5, 2e-3


@dataclass(frozen=True, eq=False)
class RecordingPlan:
    """One recording: F frames, labelled except ``uncoded`` ones at the ends.

    Attributes:
        subject, task: as the data set names them.
        person: identity across data sets ("bp4d:F001").
        frames: (F,) int64 label frame numbers.
        left, right: (F, len(UNITS)) float64 intensities to draw, 0 to 5, of the subject's sides.
        pose: (F, 3) float64 pitch, yaw, roll in degrees as ``aufait.faces.pose`` counts them (down, to the person's own
            right, to the person's own left), the head's own motion only.
        gaze: (F, 2) float64, see ``scene.Scene``.
        occlusion: (F,) str, "none", "hand", "object" or "mask".
        seed: of the scene.
        uncoded: number of frames at the beginning and at the end that have a picture but no label.
    """

    subject: str
    task: str
    person: str
    frames: np.ndarray
    left: np.ndarray
    right: np.ndarray
    pose: np.ndarray
    gaze: np.ndarray
    occlusion: np.ndarray
    seed: int
    uncoded: tuple[int, int] = (0, 0)

    @property
    def name(self) -> str:
        """Subject and task: "F001/T1", or "SN001" where there are no tasks."""
        return f"{self.subject}/{self.task}" if self.task else self.subject

    @property
    def labelled(self) -> slice:
        """The rows that are labelled."""
        return slice(self.uncoded[0], len(self.frames) - self.uncoded[1])

    def surrounded(self, count: int) -> RecordingPlan:
        """The recording with up to ``count`` uncoded frames on either side, in which it is acted backwards.

        Frames are numbered from 1, so there are fewer before a span that begins early.
        """
        edges = (min(count, int(self.frames[0]) - 1), count)

        def wide(values: np.ndarray) -> np.ndarray:
            return np.pad(values, [edges, *[(0, 0)] * (values.ndim - 1)], mode="symmetric")

        return replace(
            self,
            frames=np.arange(self.frames[0] - edges[0], self.frames[-1] + edges[1] + 1),
            left=wide(self.left),
            right=wide(self.right),
            pose=wide(self.pose),
            gaze=wide(self.gaze),
            occlusion=wide(self.occlusion),
            uncoded=edges,
        )


def check_tasks(layout: TwinLayout, tasks: int | Sequence[str] | None) -> None:
    """Refuse tasks that the data set does not have.

    Raises:
        InputError: a number out of range, or a name that is not a task.
    """
    names = tuple(layout.tasks)
    if isinstance(tasks, int):
        if not 1 <= tasks <= len(names):
            raise InputError(f"{layout.title} has {len(names)} tasks per subject; a twin takes 1 to that many, got {tasks}")
    elif tasks is not None:
        unknown = [one for one in tasks if one not in names]
        if unknown or not tasks:
            shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
            raise InputError(f"{layout.title} has no task {', '.join(unknown) or '(none named)'}; it has {shown}")


def choose_tasks(layout: TwinLayout, tasks: int | Sequence[str] | None, subject: str, position: int) -> tuple[str, ...]:
    """Tasks of one subject. A number takes that many, others for the next subject, so that all occur.

    Args:
        tasks: number, names or None for all.
        position: of the subject among the chosen ones.
    """
    names = tuple(layout.tasks_of(subject))
    if tasks is None:
        return names
    if isinstance(tasks, int):
        picked = {names[(position * tasks + place) % len(names)] for place in range(min(tasks, len(names)))}
        return tuple(one for one in names if one in picked)
    return tuple(one for one in names if one in tasks)


def plan_twin(
    layout: TwinLayout,
    subjects: Sequence[str],
    model: FaceModel,
    *,
    tasks: int | Sequence[str] | None,
    frames: int,
    fps: float,
    seed: int,
    occlusions: float,
    uncoded: int = 0,
) -> list[RecordingPlan]:
    """All recordings of a twin, by subject and task.

    Raises:
        InputError: tasks that the data set does not have.
    """
    check_tasks(layout, tasks)
    drafts = [
        _Draft.of(layout, model, subject, task, frames, fps, seed)
        for position, subject in enumerate(subjects)
        for task in choose_tasks(layout, tasks, subject, position)
    ]
    for partition in sorted({layout.partitions.get(subject, "") for subject in subjects}):
        _choose_events(layout, partition, [one for one in drafts if layout.partitions.get(one.subject, "") == partition], seed)
    plans = [_finish(draft, layout, frames, fps, seed, occlusions) for draft in drafts]
    return [one.surrounded(uncoded) for one in plans] if uncoded else plans


@dataclass(eq=False)
class _Draft:
    subject: str
    task: str
    offers: list[list[Event]]
    """Per slot the events on offer."""
    picks: list[int]
    directed: float
    """Price of an event that is not the person's own."""

    @staticmethod
    def of(layout: TwinLayout, model: FaceModel, subject: str, task: str, frames: int, fps: float, seed: int) -> _Draft:
        person = layout.person(subject)
        habits = behaviour.draw_habits(np.random.default_rng(stream(seed, "habits", person)))
        rng = np.random.default_rng(stream(seed, "events", layout.name, subject, task))
        emotion = layout.tasks_of(subject)[task]
        offers = [_offers(layout, habits, emotion, n, fps, rng) for n in np.diff(_slots(frames, fps, rng))]
        if 25 in layout.rates:
            gap = LipGap(model, subject_traits(person, seed, layout.indoors))
            offers = [[event.with_lips(gap) for event in slot] for slot in offers]
        directed = _POSED_PRICE if emotion.startswith(behaviour.POSED) else _DIRECTED_PRICE
        return _Draft(subject, task, offers, [int(rng.integers(_CANDIDATES)) for _ in offers], directed)


def _slots(frames: int, fps: float, rng: np.random.Generator) -> np.ndarray:
    """Edges (n + 1,) of slots of about 2.4 s, in recordings of few frames 1.5 s.

    A handful of frames is a time lapse, in which a slot may be one frame: so few could not show enough otherwise.
    """
    seconds = _SHORT_SLOT_SECONDS if frames < _SHORT_RECORDING else _SLOT_SECONDS
    least = 2 if frames >= _TIME_LAPSE else min(frames, 4)
    count = max(least, round(frames / fps / seconds))
    inner = (np.arange(1, count) + rng.uniform(-0.2, 0.2, count - 1)) / count * frames
    edges = np.array([0, *np.round(inner).astype(int), frames])
    return edges if (np.diff(edges) > 0).all() else np.linspace(0, frames, count + 1).astype(int)


def _offers(layout: TwinLayout, habits: Habits, emotion: str, frames: int, fps: float, rng: np.random.Generator) -> list[Event]:
    drawn = [behaviour.draw_event(habits, emotion, frames, fps, rng, blend=layout.blend) for _ in range(_CANDIDATES)]
    directed = [behaviour.draw_event(habits, emotion, frames, fps, rng, must=unit) for unit in layout.rates]
    return [*drawn, *directed, behaviour.rest(frames)]


def _choose_events(layout: TwinLayout, partition: str, drafts: list[_Draft], seed: int) -> None:
    """Choose what happens in every slot of a partition.

    Where a unit is still missing somewhere in a small twin, a part of the choices is dropped and made again, and the best is kept.
    """
    if not drafts:
        return
    rng = np.random.default_rng(stream(seed, "order", layout.name, partition))
    search = _Search(layout, layout.rates_of(partition), drafts)
    for _ in range(_SWEEPS):
        search.sweep(rng)
    best = search.picks.copy(), search.price()
    for _ in range(_SHAKES):
        if search.complete():
            break
        search.picks = np.where(rng.random(len(best[0])) < _SHAKEN_SHARE, rng.integers(_CANDIDATES, size=len(best[0])), best[0])
        for _ in range(2):
            search.sweep(rng)
        if search.price() < best[1]:
            best = search.picks.copy(), search.price()
    picks = iter(best[0].tolist())
    for draft in drafts:
        draft.picks = [next(picks) for _ in draft.offers]


class _Search:
    """Choices of all slots in a row, and their price: distance from the rates, and units that are missing in a part."""

    def __init__(self, layout: TwinLayout, rates: Mapping[int, float], drafts: list[_Draft]) -> None:
        columns = [COLUMN[unit] for unit in rates]
        slots = [(draft, slot) for draft in drafts for slot in draft.offers]
        self._counts = [np.stack([_count(event, layout.threshold)[columns] for event in slot]) for _, slot in slots]
        self._prices = [np.array([draft.directed * event.directed for event in slot]) for draft, slot in slots]
        here = {draft.subject for draft in drafts}
        # The first part is the whole, which the rates are meant for.
        parts = list(dict.fromkeys([frozenset(here), *(part & here for part in protocol_parts(layout) if part & here)]))
        self._member = np.array([[draft.subject in part for part in parts] for draft, _ in slots], dtype=float)
        self._frames = sum(len(slot[0].gain) for _, slot in slots)
        self._rates = np.array(list(rates.values()))
        self._weight = 1.0 / np.maximum(self._rates * (1 - self._rates), 0.01)
        self._weight *= [0.3 if unit in layout.assumed else 1.0 for unit in rates]
        scored = _scored(layout)
        self._needed = np.array([unit in scored for unit in rates])
        self.picks = np.array([pick for draft in drafts for pick in draft.picks])

    def sweep(self, rng: np.random.Generator) -> None:
        """Each slot in turn takes the offer with which the whole is cheapest."""
        totals = self._totals()
        for place in rng.permutation(len(self.picks)):
            offers, row = self._counts[place], self._member[place]
            others = totals - row[:, None] * offers[self.picks[place]]
            trials = others + row[:, None] * offers[:, None, :]
            self.picks[place] = np.argmin(self._price(trials) + self._prices[place])
            totals = trials[self.picks[place]]

    def price(self) -> float:
        """Price of the present choice."""
        return float(self._price(self._totals()))

    def complete(self) -> bool:
        """Whether every part shows every unit that is scored there for some frames."""
        return bool((self._totals()[:, self._needed] >= _LEAST_FRAMES).all())

    def _totals(self) -> np.ndarray:
        """(parts, units) frames in which a unit counts."""
        chosen = np.stack([offers[pick] for offers, pick in zip(self._counts, self.picks, strict=True)])
        totals: np.ndarray = self._member.T @ chosen
        return totals

    def _price(self, totals: np.ndarray) -> np.ndarray:
        """Prices of totals (..., parts, units)."""
        off = ((totals[..., 0, :] / self._frames - self._rates) ** 2 * self._weight).sum(-1)
        # Squared, so that to miss one unit altogether is worse than to show two of them briefly.
        lacking = (np.clip(1 - totals / _LEAST_FRAMES, 0, 1) * self._needed) ** 2
        price: np.ndarray = off + _PRESENCE_WEIGHT * lacking.sum((-2, -1))
        return price


def _count(event: Event, threshold: int) -> np.ndarray:
    """(len(UNITS),) frames of an event in which each unit counts as present."""
    count: np.ndarray = (np.floor(event.levels() + 0.5) >= threshold).sum(0)
    return count


def _scored(layout: TwinLayout) -> set[int]:
    """Units that any protocol of the data set uses, as far as the data set codes them."""
    used = {unit for name in list_protocols(layout.name) for unit in get_protocol(name).action_units}
    return used & set(layout.rates)


def _finish(draft: _Draft, layout: TwinLayout, frames: int, fps: float, seed: int, occlusions: float) -> RecordingPlan:
    rng = np.random.default_rng(stream(seed, "motion", layout.name, draft.subject, draft.task))
    chosen = [offers[pick] for offers, pick in zip(draft.offers, draft.picks, strict=True)]
    left = np.concatenate([event.left * event.gain[:, None] for event in chosen])
    right = np.concatenate([event.right * event.gain[:, None] for event in chosen])
    closed = behaviour.blinks(frames, fps, rng)
    for side in (left, right):
        side[:, COLUMN[43]] = np.maximum(side[:, COLUMN[43]], closed)
        side[closed > 1, COLUMN[5]] = 0.0
    calm = 1.0 if layout.indoors else 2.2
    pose = rng.normal(0, (2.5, 4.0, 2.0)) * calm + drift(frames, fps, (3.0, 5.0, 2.0), rng) * calm
    gaze = rng.normal(0, (0.06, 0.05)) + drift(frames, fps, (0.08, 0.05), rng, slow=1.5)
    return RecordingPlan(
        subject=draft.subject,
        task=draft.task,
        person=layout.person(draft.subject),
        frames=np.arange(frames, dtype=np.int64) + _first_frame(layout, draft, seed),
        left=left,
        right=right,
        pose=pose,
        gaze=np.clip(gaze, -0.6, 0.6),
        occlusion=_occlusion(frames, occlusions, rng),
        seed=stream(seed, "scene", layout.name, layout.person(draft.subject)),
    )


def _occlusion(frames: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """(frames,) what covers the face: one episode of a third to two thirds of the recording, in ``share`` of them."""
    kind = str(rng.choice(("hand", "object", "mask"), p=(0.5, 0.25, 0.25)))
    start, length = rng.uniform(0.0, 0.4), rng.uniform(0.33, 0.66)
    hidden = np.full(frames, "none", dtype="<U6")
    if rng.random() < share:
        hidden[int(start * frames) : int((start + length) * frames) + 1] = kind
    return hidden


def _first_frame(layout: TwinLayout, draft: _Draft, seed: int) -> int:
    """Where the coded span begins: BP4D's sequences are coded in part, a third of them from their first frame."""
    if layout.name == "disfa_plus":
        return 0
    if not layout.coded_in_part:
        return 1
    rng = np.random.default_rng(stream(seed, "span", draft.subject, draft.task))
    return 1 if rng.random() < 0.36 else int(rng.integers(2, 2400))
