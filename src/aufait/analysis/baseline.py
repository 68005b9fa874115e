"""How much more than this person's quiet face: baselines per face, and scores corrected by them, beside the raw ones.

| kind | baseline of a face |
|---|---|
| none | nothing is subtracted |
| quiet | the median of its quiet frames, over the whole recording (two passes) |
| running | the same from the frames before each moment alone, as in live use; unknown until there are enough |
| given | the median of a recording or segment that the user names, in which the person is at rest |

Quiet frames are those in which a face's action units, closed eyes left out, are least active together. A corrected score is
the score less the baseline, and 0 where it is below.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from aufait.analysis.event_rule import EYE_UNITS, LARGEST
from aufait.analysis.running_baseline import RunningBaseline
from aufait.analysis.score_table import ScoreTable
from aufait.errors import InputError, InputWarning
from aufait.settings import check_types

KINDS = ("none", "quiet", "running", "given")
CORRECTED = ("intensity", "probability", "intensity_left", "intensity_right", "probability_left", "probability_right")
"""Scores that are corrected, where the table has them; occurrences have no level to subtract."""


@dataclass(frozen=True)
class BaselineRule:
    """Where a person's baseline comes from."""

    kind: str = "quiet"
    """"none", "quiet", "running" or "given"."""
    start: float | None = None
    """First second of a given segment; None: from the beginning."""
    end: float | None = None
    """Second at which a given segment ends; None: to the end."""
    quiet_share: float = 0.25
    """Quiet frames are this share of a face's frames, the least active ones."""
    least: float = 1.0
    """Seconds of frames that a baseline needs at least; faces with fewer have none."""
    memory: float = 120.0
    """Seconds that a running baseline looks back."""
    step: float = 1.0
    """Seconds after which a running baseline is brought up to date."""
    min_quality: float = 0.3
    """Frames of lower quality do not count for the baseline."""

    def __post_init__(self) -> None:
        check_types(self, "baseline: ")
        if self.kind not in KINDS:
            raise InputError(f"baseline: kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if not 0 < self.quiet_share <= 1:
            raise InputError(f"baseline: quiet_share must be above 0 and at most 1, got {self.quiet_share:g}")
        for name in ("least", "memory", "step"):
            if getattr(self, name) <= 0:
                raise InputError(f"baseline: {name} must be above 0 seconds, got {getattr(self, name):g}")
        if self.start is not None and self.end is not None and not self.start < self.end:
            raise InputError(f"baseline: the segment must end after it starts, got {self.start:g} to {self.end:g} s")

    def __str__(self) -> str:
        if self.start is None and self.end is None:
            return self.kind
        return f"{self.kind}, {self.start or 0:g} to {'the end' if self.end is None else f'{self.end:g} s'}"


@dataclass(frozen=True, eq=False)
class BaselineResult:
    """Corrected scores beside those of the table, which stays as it is.

    Attributes:
        raw: the table.
        rule: what was asked for.
        corrected: name of an array of the table -> (N, A) float32; NaN where the score or the baseline is unknown.
        level: the same for the baseline that was subtracted.
        without: faces that have no baseline.
    """

    raw: ScoreTable
    rule: BaselineRule
    corrected: Mapping[str, np.ndarray]
    level: Mapping[str, np.ndarray]
    without: tuple[int, ...] = ()

    @property
    def intensity(self) -> np.ndarray:
        """(N, A) corrected intensities; NaN where the table has none."""
        return self.corrected.get("intensity", self.raw.intensity)

    @property
    def probability(self) -> np.ndarray:
        """(N, A) rise of the probability above the baseline; NaN where the table has none."""
        return self.corrected.get("probability", self.raw.probability)

    def table(self) -> ScoreTable:
        """A table of the corrected scores, for events and summaries; occurrences, which have no baseline, are unknown in it."""
        if self.rule.kind == "none":
            return self.raw
        unknown = np.full_like(self.raw.occurrence, np.nan)
        return replace(self.raw, occurrence=unknown, **self.corrected)  # type: ignore[arg-type]


def correct(
    table: ScoreTable,
    rule: BaselineRule,
    reference: ScoreTable | None = None,
    *,
    faces: Mapping[int, int] | None = None,
) -> BaselineResult:
    """Scores less the baseline of each face.

    Args:
        table: of a recording.
        rule: where the baseline comes from.
        reference: for "given": the recording at rest; None: the segment is one of ``table``.
        faces: face of ``table`` -> the same person in ``reference``. Without it both must show one face only.

    Raises:
        InputError: a segment or recording without a face, or it is open who is who.
    """
    names = [name for name in CORRECTED if (values := getattr(table, name)) is not None and np.isfinite(values).any()]
    if rule.kind == "none":
        return BaselineResult(table, rule, MappingProxyType({}), MappingProxyType({}))
    if rule.kind == "running":
        levels = {name: np.full(getattr(table, name).shape, np.nan, np.float32) for name in names}
        for face in table.faces:
            _run(table, face, rule, levels)
        return _result(table, rule, levels)
    source, pairs = (table, {face: face for face in table.faces})
    if rule.kind == "given":
        source = _segment(table if reference is None else reference, rule)
        pairs = pairs if reference is None else _pairs(table, source, faces)
    per_face = {face: _level_of(source, other, rule, names) for face, other in pairs.items()}
    return _result(table, rule, {name: _spread(table, per_face, name) for name in names})


def _result(table: ScoreTable, rule: BaselineRule, levels: dict[str, np.ndarray]) -> BaselineResult:
    corrected = {name: np.maximum(getattr(table, name) - level, 0, dtype=np.float32) for name, level in levels.items()}
    known = np.any([np.isfinite(level).any(1) for level in levels.values()], axis=0) if levels else np.zeros(len(table), bool)
    without = tuple(face for face in table.faces if not known[table.face_id == face].any())
    if without == table.faces:
        seen = "face" if without else "row with a face"
        raise InputError(f"{table.name}: no baseline ({rule}): no {seen} is seen for {rule.least:g} s there; name another one")
    if without:
        shown = ", ".join(map(str, without[:10])) + (", ..." if len(without) > 10 else "")
        text = f"{table.name}: no baseline ({rule}) for face {shown}: it is not seen for {rule.least:g} s there"
        warnings.warn(f"{text}; its corrected scores are unknown", InputWarning, stacklevel=3)
    return BaselineResult(table, rule, MappingProxyType(corrected), MappingProxyType(levels), without)


def _segment(table: ScoreTable, rule: BaselineRule) -> ScoreTable:
    start, end = -np.inf if rule.start is None else rule.start, np.inf if rule.end is None else rule.end
    part = table.between(start, end)
    where = f"the baseline {'segment ' if np.isfinite([start, end]).any() else ''}of {table.name}"
    if np.isfinite([start, end]).any():
        where += f", {rule.start or 0:g} to {'the end' if rule.end is None else f'{rule.end:g} s'},"
    if not len(part):
        span = f"{table.time[0]:g} to {table.time[-1]:g} s" if len(table) else "no time at all"
        raise InputError(f"{where} holds no frame; the recording covers {span}")
    if not part.found.any():
        raise InputError(f"{where} shows no face in any of its {len(part.frame_times)} frames; name another one")
    if not (part.found & ~(part.quality < rule.min_quality)).any():
        best = float(np.nanmax(part.quality))
        raise InputError(f"{where} shows no face of quality {rule.min_quality:g} or more (best {best:.2f}); name another one")
    return part


def _pairs(table: ScoreTable, reference: ScoreTable, faces: Mapping[int, int] | None) -> dict[int, int]:
    if faces is not None:
        for asked, known, where in ((faces.keys(), table.faces, table), (faces.values(), reference.faces, reference)):
            if unknown := set(asked) - set(known):
                shown = ", ".join(map(str, known)) or "none"
                raise InputError(f"baseline: {where.name} has no face {', '.join(map(str, sorted(unknown)))}; its faces: {shown}")
        return dict(faces)
    if len(table.faces) > 1 or len(reference.faces) > 1:
        text = f"{table.name} has faces {', '.join(map(str, table.faces))}, {reference.name} {', '.join(map(str, reference.faces))}"
        raise InputError(f"baseline: {text}; faces are not recognised: say which is which, such as 0=1")
    return {face: other for face in table.faces for other in reference.faces}


def _level_of(source: ScoreTable, face: int, rule: BaselineRule, names: list[str]) -> dict[str, np.ndarray]:
    """Name -> (A,) baseline of one face."""
    part = source.rows((source.face_id == face) & ~(source.quality < rule.min_quality))
    enough = len(part) * source.frame_distance >= rule.least - 1e-6
    if rule.kind == "quiet" and enough:
        active = activity(part)
        part = part.rows(~(active > np.nanquantile(active, rule.quiet_share))) if np.isfinite(active).any() else part
    return {name: _median(getattr(part, name), part.action_units, source.action_units, enough) for name in names}


def _median(values: np.ndarray | None, units: tuple[int, ...], wanted: tuple[int, ...], enough: bool) -> np.ndarray:
    level = np.full(len(wanted), np.nan, np.float32)
    if values is None or not enough:
        return level
    known = np.isfinite(values).any(0)
    level[known] = np.nanmedian(values[:, known], axis=0)
    return level


def _spread(table: ScoreTable, per_face: dict[int, dict[str, np.ndarray]], name: str) -> np.ndarray:
    level = np.full(getattr(table, name).shape, np.nan, np.float32)
    for face, levels in per_face.items():
        level[table.face_id == face] = levels[name]
    return level


def activity(table: ScoreTable) -> np.ndarray:
    """(N,) mean of a row's scores over the action units other than closed eyes; NaN without any."""
    values = table.strength()[0][:, [unit not in EYE_UNITS for unit in table.action_units]]
    known = np.isfinite(values).sum(1)
    return np.where(known > 0, np.nansum(values, 1) / np.maximum(known, 1), np.nan)


def _run(table: ScoreTable, face: int, rule: BaselineRule, levels: dict[str, np.ndarray]) -> None:
    """Fill in the running baseline of one face, step by step."""
    rows = np.flatnonzero(table.face_id == face)
    part = table.rows(rows)
    stacked = np.concatenate([getattr(part, name) / LARGEST[name.split("_")[0]] for name in levels], axis=1)
    stacked[part.quality < rule.min_quality] = np.nan
    active = activity(part) / LARGEST[part.strength()[1]]
    least = rule.least / table.frame_distance if table.frame_distance else np.inf
    state = RunningBaseline(stacked.shape[1], rule.memory, rule.quiet_share, least)
    step = np.floor((part.time - part.time[:1]) / rule.step + 1e-9) if len(part) else part.time
    cuts = [0, *(np.flatnonzero(np.diff(step)) + 1).tolist(), len(part)]
    for begin, end in zip(cuts, cuts[1:], strict=False):
        found = state.level(part.time[begin])
        for name, own in zip(levels, np.split(found, len(levels)), strict=True):
            levels[name][rows[begin:end]] = own * LARGEST[name.split("_")[0]]
        state.add(part.time[begin], stacked[begin:end], active[begin:end])
