"""How scores differ between rendered twins that are equal but for skin, age or sex: the tables of docs/fairness.md.

    python tools/fairness.py [--pairs 60] [--folder build/fairness] [--tables]

Needs the extra `synth` and the face geometry (AUFAIT_ASSETS). Everybody on these pictures is rendered: nobody's skin, age or
sex is guessed. Each pair is kept as it is done, so that a run which was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from aufait import Detector
from aufait.action_units import ACTION_UNITS
from aufait.files.atomic import whole_file
from aufait.metrics.significance import bootstrap_by_subject
from aufait.results import FaceAnalysis
from aufait.synthetic.drawing.scene import Scene, sample_scene
from aufait.synthetic.head.actions import sample_intensities
from aufait.synthetic.head.assets import FaceModel, load_face_model
from aufait.synthetic.head.expression import Intensities
from aufait.synthetic.head.person import Traits, sample_traits
from aufait.synthetic.renderer import Frame, frame_labels, make_person, render

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "fairness.md"
PICTURE = DOCS / "images" / "fairness_twins.jpg"
BEGIN, END = "<!-- figures: {} -->", "<!-- end of figures: {} -->"
MODELS = {"mesh": "mesh", "builtin": "compact"}
"""Finder -> the model that ships for it."""

FIRST_SEED = 77_000_000
"""Persons from here on. Those of the training data begin at 21, 31 and 41 million (seeds 21, 31 and 41 of `aufait synth`)."""

SIZE = 256
CLOSE = 0.2
"""Levels; smaller differences are not printed in bold however certain they are."""

PLAIN: dict[str, Any] = {
    "eyewear": "none", "headwear": "none", "beard": "none", "make_up": 0.0, "hair_style": "short", "hair_colour": "dark_brown",
}  # fmt: skip
"""What all twins share, so that nothing but the factor differs."""

FACTORS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "skin": ({"skin_tone": 0.5}, {"skin_tone": 6.5}),
    "age": ({"age": 25.0}, {"age": 70.0}),
    "sex": ({"sex": "woman"}, {"sex": "man"}),
}
"""Factor -> what the first and the second twin have; skin tones run from 0, very light, to 7, very dark."""


def seeds(pairs: int) -> range:
    """The persons of which twins are made."""
    return range(FIRST_SEED, FIRST_SEED + pairs)


def twins(seed: int, factor: str) -> tuple[Traits, Traits]:
    """Two people who differ in one thing only."""
    plain = replace(sample_traits(seed), **PLAIN)
    first, second = FACTORS[factor]
    return replace(plain, **first), replace(plain, **second)


def scene_of(seed: int) -> Scene:
    """Light, camera and sensor of a pair; the head is turned half as far as in the training data, and nothing covers it."""
    scene = sample_scene(seed, size=SIZE, occluder_odds=0.0)
    pitch, yaw, roll = (0.5 * angle for angle in scene.rotation)
    return replace(scene, rotation=(pitch, yaw, roll))


def moves_of(seed: int) -> dict[str, Intensities]:
    """The face at rest, and one with units drawn from the seed."""
    rng = np.random.default_rng([seed, *b"fairness"])
    moved = sample_intensities(rng)
    while len(moved.present) < 2:
        moved = sample_intensities(rng)
    return {"rest": Intensities({}, {}), "moved": moved}


def rendered(model: FaceModel, seed: int, factor: str) -> dict[str, list[Frame]]:
    """At rest and moved -> the pictures of both twins."""
    people = [make_person(model, seed, traits) for traits in twins(seed, factor)]
    scene = scene_of(seed)
    return {name: [render(one, moves, scene, size=SIZE) for one in people] for name, moves in moves_of(seed).items()}


def unequal_labels(frames: Sequence[Frame]) -> list[int]:
    """Units whose true level is not the same for both twins, as where heavier lids close further."""
    sides = [frame_labels(frame) for frame in frames]
    units = sorted({unit for side in sides for values in side.values() for unit in values})
    return [
        unit for unit in units
        if any(abs(sides[0][side].get(unit, 0.0) - sides[1][side].get(unit, 0.0)) > 0.05 for side in ("left", "right"))
    ]  # fmt: skip


def largest_face(detector: Detector, picture: np.ndarray) -> FaceAnalysis | None:
    """The largest face that is found, if one is."""
    faces = detector.detect(picture)[0].faces
    return max(faces, key=lambda face: float((face.box[2] - face.box[0]) * (face.box[3] - face.box[1])), default=None)


def scored(detector: Detector, frames: Sequence[Frame]) -> list[dict[str, float] | None]:
    """Level of each unit, for each picture; None where no face was found."""
    found = [largest_face(detector, frame.image) for frame in frames]
    return [
        None if face is None or face.intensity is None
        else {str(unit): round(float(level), 4) for unit, level in zip(face.action_units, face.intensity, strict=True)}
        for face in found
    ]  # fmt: skip


def measure(folder: Path, detectors: dict[str, Detector], pairs: int) -> None:
    """Render and score what is not there yet: one file for each pair."""
    model = load_face_model()
    for seed in seeds(pairs):
        for factor in FACTORS:
            target = folder / f"{factor}_{seed}.json"
            if target.exists() and set(detectors) <= set(json.loads(target.read_text("utf-8"))["scores"]):
                continue
            frames = rendered(model, seed, factor)
            scores = {name: {kind: scored(one, both) for kind, both in frames.items()} for name, one in detectors.items()}
            unequal = {kind: unequal_labels(both) for kind, both in frames.items()}
            with whole_file(target) as partial:
                partial.write_text(json.dumps({"scores": scores, "unequal": unequal}), "utf-8")


def measured(folder: Path, pairs: int) -> list[int]:
    """The persons whose twins have all been scored."""
    return [seed for seed in seeds(pairs) if all((folder / f"{factor}_{seed}.json").exists() for factor in FACTORS)]


def differences(folder: Path, finder: str, factor: str, kind: str, done: Sequence[int]) -> dict[int, np.ndarray]:
    """Unit -> second minus first twin, of the pairs in which both faces were found and the true levels are the same."""
    found: dict[int, list[float]] = {}
    for seed in done:
        kept = json.loads((folder / f"{factor}_{seed}.json").read_text("utf-8"))
        first, second = kept["scores"][finder][kind]
        if first is None or second is None:
            continue
        for unit in set(map(int, first)) - set(kept["unequal"][kind]):
            found.setdefault(unit, []).append(second[str(unit)] - first[str(unit)])
    return {unit: np.array(values) for unit, values in found.items()}


def cell(values: np.ndarray) -> str:
    """Mean and interval over pairs, in levels; bold where it is far from 0 and certain."""
    told = bootstrap_by_subject(lambda rows: float(values[rows].mean()), np.arange(len(values)).astype(str))
    text = f"{told.value:+.2f} [{told.low:+.2f}, {told.high:+.2f}]"
    return f"**{text}**" if abs(told.value) >= CLOSE and told.low * told.high > 0 else text


def table(folder: Path, finder: str, pairs: int) -> str:
    """One row for each unit, two columns for each factor."""
    columns = [(factor, kind) for factor in FACTORS for kind in ("rest", "moved")]
    done = measured(folder, pairs)
    values = {column: differences(folder, finder, *column, done) for column in columns}
    least = min(len(one) for units in values.values() for one in units.values())
    lines = [
        f"{len(done)} pairs for each factor, at least {least} in each cell.",
        "",
        "| unit | " + " | ".join(f"{factor}, {'at rest' if kind == 'rest' else 'moved'}" for factor, kind in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for unit in sorted(next(iter(values.values()))):
        cells = " | ".join(cell(values[column][unit]) for column in columns)
        lines.append(f"| AU{unit} {ACTION_UNITS[unit].name.lower()} | {cells} |")
    mean = " | ".join(f"{np.mean([abs(one.mean()) for one in values[column].values()]):.2f}" for column in columns)
    return "\n".join([*lines, f"| mean of the sizes | {mean} |"])


def write(folder: Path, finders: Sequence[str], pairs: int) -> None:
    """Put the tables into the page."""
    text = PAGE.read_text("utf-8")
    for finder in finders:
        begin, end = BEGIN.format(MODELS[finder]), END.format(MODELS[finder])
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{table(folder, finder, pairs)}\n{end}{rest.partition(end)[2]}"
    with whole_file(PAGE) as partial:
        partial.write_text(text, "utf-8")


def draw(seed: int) -> None:
    """One pair for each factor, a row each: both at rest, then both moved."""
    model = load_face_model()
    rows = []
    for factor in FACTORS:
        frames = rendered(model, seed, factor)
        rows.append(np.concatenate([frame.image for kind in ("rest", "moved") for frame in frames[kind]], axis=1))
    with whole_file(PICTURE) as partial:
        Image.fromarray(np.concatenate(rows)).save(partial, quality=88)


def opened(finders: Sequence[str]) -> Iterator[tuple[str, Detector]]:
    """A detector for each finder, with the model that ships for it."""
    for finder in finders:
        yield finder, Detector(finder=finder, model=MODELS[finder], device="cpu")


def main() -> None:
    """Measure what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=Path("build/fairness"))
    parser.add_argument("--tables", action="store_true", help="tables of what was measured before; measure nothing")
    given = parser.parse_args()
    with suppress(AttributeError, OSError):
        os.nice(10)
    given.folder.mkdir(parents=True, exist_ok=True)
    if not given.tables:
        measure(given.folder, dict(opened(list(MODELS))), given.pairs)
        draw(FIRST_SEED + 3)
    write(given.folder, list(MODELS), given.pairs)


if __name__ == "__main__":
    main()
