"""How well events are found: python benchmarks/bench_events.py [--people 8] [--finder builtin] [--keep FOLDER] [--rules] [--speed]

People act one or two combinations of action units with known intensities, blink, and move their heads a little; the face engine
renders them at 30 frames per second, ``Detector`` scores the pictures, and ``find_events`` reads the scores. The truth are the
events of the intensities that were drawn: from the first to the last frame at FACS B (1.5) or more. Counted are those that reach
FACS C (3.0): true ones that were found or not, and found ones that match no true event of whatever strength. Two events match
where they have time in common, in the stricter count at least half of the time of both together, or both ends within 0.1 s.
Needs the extra ``synth`` and the face geometry (``aufait synth --fetch-assets``).
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402

from aufait.analysis.event import Event  # noqa: E402
from aufait.analysis.events import EventRule, find_events  # noqa: E402
from aufait.analysis.score_table import ScoreTable  # noqa: E402
from aufait.twins import behaviour  # noqa: E402
from aufait.twins.behaviour import COLUMN, UNITS  # noqa: E402

FPS = 30.0
SECONDS = 6.4
STRONG = 3.0
PRESENT = 1.5


@dataclass(frozen=True, eq=False)
class Acted:
    """One rendered recording: truth (F, len(UNITS)) of the stronger side, and the table of the detector."""

    name: str
    truth: np.ndarray
    table: ScoreTable


def act(seed: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Intensities (F, len(UNITS)) of the left and right: events of 2.4 s with 0.8 s of rest before each, and blinks."""
    rng = np.random.default_rng([seed, *b"events"])
    habits = behaviour.draw_habits(rng)
    left, right = np.zeros((frames, len(UNITS))), np.zeros((frames, len(UNITS)))
    rest, slot = round(0.8 * FPS), round(2.4 * FPS)
    for start in range(rest, frames - slot // 2, rest + slot):
        event = behaviour.draw_event(habits, "mixed", slot, FPS, rng, blend=0.3)
        shown = slice(start, min(start + slot, frames))
        left[shown] = (event.left * event.gain[:, None])[: shown.stop - start]
        right[shown] = (event.right * event.gain[:, None])[: shown.stop - start]
    closed = np.where(left[:, COLUMN[5]] > 0.5, 0.0, blinks(frames, rng))
    for side in (left, right):
        side[:, COLUMN[43]] = np.maximum(side[:, COLUMN[43]], closed)
    return left, right


def blinks(frames: int, rng: np.random.Generator) -> np.ndarray:
    """(F,) intensity of AU 43: a quarter of a second each, a second or more from one to the next."""
    time, closed = np.arange(frames) / FPS, np.zeros(frames)
    for start in np.cumsum(1.0 + rng.exponential(1.5, size=round(SECONDS))):
        phase = (time - start) / 0.25
        closed += np.where((phase > 0) & (phase < 1), 5 * np.sin(np.pi * phase), 0.0)
    return closed


def render_sequence(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (F, size, size, 3) and what they show (F, len(UNITS)): the labels of the engine, not the plan."""
    from aufait.synthetic.head.actions import drift
    from aufait.synthetic.head.assets import load_face_model
    from aufait.twins.people import film, subject_person
    from aufait.twins.planning import RecordingPlan

    frames = round(FPS * SECONDS)
    rng = np.random.default_rng([seed, *b"head"])
    left, right = act(seed, frames)
    plan = RecordingPlan(
        subject=f"E{seed}", task="", person=f"events:{'FM'[seed % 2]}{900 + seed}", frames=np.arange(1, frames + 1), left=left,
        right=right, pose=rng.normal(0, (2.5, 4, 2)) + drift(frames, FPS, (3, 5, 2), rng),
        gaze=drift(frames, FPS, (0.08, 0.05), rng, slow=1.5), occlusion=np.full(frames, "none"), seed=90_000 + seed,
    )  # fmt: skip
    person = subject_person(load_face_model(), plan.person, 77, True)
    shown = list(film(person, plan, size=size, supersample=1.5, indoors=True))
    sides = [(one.intensities.left, one.intensities.right) for one in shown]
    truth = np.array([[max(side.get(unit, 0.0) for side in both) for unit in UNITS] for both in sides])
    return np.stack([one.image for one in shown]), truth


def scored(name: str, pictures: np.ndarray, finder: str = "builtin") -> ScoreTable:
    """The table of one sequence."""
    from aufait.detection.detector import Detector

    frames = [SimpleNamespace(index=place, timestamp=place / FPS, image=image) for place, image in enumerate(pictures)]
    with Detector(finder=finder, device="cpu") as detector:
        results = [one.analysis for one in detector.follow(frames, source=name)]
        units = detector.action_units
    rows = [(result.timestamp, face) for result in results for face in result.faces]
    missing = [result.timestamp for result in results if not result.faces]
    arrays = {one: np.stack([getattr(face, one) for _, face in rows]) for one in ("probability", "intensity")}
    blank = np.full((len(missing), len(units)), np.nan, np.float32)
    return ScoreTable.made_of(
        name,
        units,
        np.array([moment for moment, _ in rows] + missing),
        np.array([face.face_id for _, face in rows] + [-1] * len(missing)),
        quality=np.array([face.quality for _, face in rows] + [np.nan] * len(missing), np.float32),
        **{one: np.concatenate([values, blank]) for one, values in arrays.items()},
    )


def sequences(people: int, size: int, keep: Path | None = None, finder: str = "builtin") -> Iterator[Acted]:
    """Rendered and scored sequences; pictures are kept in a folder where one is given."""
    for seed in range(people):
        stored = keep / f"{seed}_{size}.npz" if keep else None
        if stored is not None and stored.is_file():
            with np.load(stored) as file:
                pictures, truth = file["pictures"], file["truth"]
        else:
            pictures, truth = render_sequence(seed, size)
            if stored is not None:
                stored.parent.mkdir(parents=True, exist_ok=True)
                np.savez_compressed(stored, pictures=pictures, truth=truth)
        yield Acted(f"E{seed}", truth, scored(f"E{seed}", pictures, finder))


def true_events(one: Acted) -> list[Event]:
    """Events of what was drawn."""
    frames = len(one.truth)
    shown = ScoreTable.made_of(
        one.name, UNITS, np.arange(frames) / FPS, np.zeros(frames, np.int64), intensity=one.truth.astype(np.float32)
    )
    return find_events(shown, EventRule(on=PRESENT, off=PRESENT, min_duration=0, bridge=0, smooth=0, kind="intensity"))


def common(one: Event, other: Event) -> float:
    """Share of the time of both together that is common to both; at least a half where both ends are within 0.1 s."""
    both = min(one.offset, other.offset) - max(one.onset, other.onset)
    either = max(one.offset, other.offset) - min(one.onset, other.onset)
    near = max(abs(one.onset - other.onset), abs(one.offset - other.offset)) <= 0.1 + 1e-6
    return max(both / either, 0.5 * near)


def matched(truth: list[Event], found: list[Event], least: float) -> dict[int, int]:
    """Place of a true event -> place of the found one that matches it best; each only once."""
    pairs = [(common(one, other), i, j) for i, one in enumerate(truth) for j, other in enumerate(found)]
    taken: dict[int, int] = {}
    for share, i, j in sorted(pairs, reverse=True):
        if share > least - 1e-9 and share > 0 and i not in taken and j not in taken.values():
            taken[i] = j
    return taken


@dataclass
class Tally:
    """Counts of strong events, and how many frames their ends are off (found minus true)."""

    hits: int = 0
    missed: int = 0
    false: int = 0
    strong: float = STRONG
    onsets: list[float] = field(default_factory=list)
    offsets: list[float] = field(default_factory=list)

    @property
    def f1(self) -> float:
        """F1 of events."""
        return 2 * self.hits / max(2 * self.hits + self.missed + self.false, 1)

    def add(self, truth: list[Event], found: list[Event], least: float) -> None:
        """Count the events of one unit in one sequence."""
        pairs = matched(truth, found, least)
        for place, one in enumerate(truth):
            if one.peak < self.strong:
                continue
            other = found[pairs[place]] if place in pairs else None
            self.hits += other is not None
            self.missed += other is None
            if other is not None and not one.open_start:
                self.onsets.append((other.onset - one.onset) * FPS)
            if other is not None and not one.open_end:
                self.offsets.append((other.offset - one.offset) * FPS)
        spare = set(range(len(found))) - set(pairs.values())
        self.false += sum(found[place].peak >= self.strong for place in spare)

    def line(self) -> str:
        """The figures."""
        ends = [f"{np.median(np.abs(errors)):.1f} ({np.median(errors):+.1f})" for errors in (self.onsets, self.offsets)]
        return f"| {self.hits + self.missed} | {self.hits} | {self.false} | {self.f1:.3f} | {ends[0]} | {ends[1]} |"


def tally(
    acted: list[Acted], rule: EventRule | None, least: float, units: tuple[int, ...] = UNITS, strong: float = STRONG
) -> Tally:
    """The figures of some sequences."""
    result = Tally(strong=strong)
    for one in acted:
        truth, found = true_events(one), find_events(one.table, rule, sides=False)
        for unit in units:
            mine = [[event for event in events if event.label == f"AU{unit}"] for events in (truth, found)]
            result.add(*mine, least)
    return result


def hour(faces: int = 5, units: int = 19) -> ScoreTable:
    """An hour at 30 frames per second: levels that change every four seconds, with noise."""
    rng, frames, still = np.random.default_rng(0), 3600 * 30, 120
    rows, blocks = frames * faces, frames // still
    levels = np.clip(rng.normal(0.5, 1.2, (blocks, faces, units)), 0, 5).astype(np.float32)
    scores = np.repeat(levels, still, axis=0).reshape(rows, units) + rng.normal(0, 0.1, (rows, units)).astype(np.float32)
    time, face = np.repeat(np.arange(frames) / 30, faces), np.tile(np.arange(faces), frames)
    return ScoreTable.made_of("hour", tuple(range(1, units + 1)), time, face, intensity=np.clip(scores, 0, 5))


def speed() -> None:
    """Time and memory for an hour with five faces."""
    import resource

    table = hour()
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    found = find_events(table)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(machine())
    print(f"{len(table):,} rows, {len(table.action_units)} units: {len(found):,} events in {seconds:.1f} s")
    print(f"peak memory {(after - before) / 1024:.0f} MB above the {before / 1024:.0f} MB that it took to make the table")


def machine() -> str:
    """Processor, cores, commit and date."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, commit {commit}, {time.strftime('%Y-%m-%d')}"


def main() -> None:
    """Render, score, count and print."""
    parser = argparse.ArgumentParser(description="How well events are found.")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--finder", default="builtin")
    parser.add_argument("--keep", type=Path, help="folder for the rendered pictures; those that are there are not rendered again")
    parser.add_argument("--strong", type=float, default=STRONG, help="count events that reach this")
    parser.add_argument("--rules", action="store_true", help="also other rules than the default one")
    parser.add_argument("--speed", action="store_true", help="instead: time and memory for an hour with five faces")
    arguments = parser.parse_args()
    if arguments.speed:
        speed()
        return
    acted = list(sequences(arguments.people, arguments.size, arguments.keep, arguments.finder))
    frames = sum(len(one.truth) for one in acted)
    print(machine())
    print(f"finder {arguments.finder}; {frames} frames of {arguments.people} people, {arguments.size} pixels, {FPS:g} fps")
    print("| rule | match | strong events | found | false | F1 | onset, frames: median of errors (signed) | offset |")
    print("|---|---|---|---|---|---|---|---|")
    rules = {"default": None}
    if arguments.rules:
        rules |= {f"smooth {s:g} s": EventRule(smooth=s) for s in (0.0, 0.1, 0.3)}
        rules |= {"blinks not spared": EventRule(spare_blinks=False), "bridge 0 s": EventRule(bridge=0.0)}
    for name, rule in rules.items():
        for match, least in (("any time in common", 0.0), ("half of the time", 0.5)):
            print(f"| {name} | {match} {tally(acted, rule, least, strong=arguments.strong).line()}")
    for unit in UNITS:
        one = tally(acted, None, 0.0, (unit,), arguments.strong)
        if one.hits + one.missed + one.false:
            print(f"| AU{unit} | any: {one.hits} of {one.hits + one.missed} found, {one.false} false |")


if __name__ == "__main__":
    main()
