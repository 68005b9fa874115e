"""Faces that act on one side: is the acting side given more?

Composites: half of a person's neutral portrait, half of their smile (``aufait.shipped.action_units.half_faces``), of the
London people kept out of training, acting left and acting right. Renders: unseen rendered persons who smile (AU12) or raise brows
(AU1 and AU2) on one side. It counts how often the acting side's intensity is higher by at least 1.0.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from aufait.detection.detector import Detector
from aufait.errors import MissingExtraError, MissingModelError
from aufait.media.images import read_image
from aufait.shipped.action_units.half_faces import half_face
from aufait.shipped.real_faces import read_real_faces
from aufait.visualization.figures.picture_grid import picture_grid

from .detecting import add_detector_options, largest_face, make_detector
from .scoring import Share, share, verdict
from .sheets import face_crop

SIDES_BAR, STEP = 0.90, 1.0
FIRST_PERSON = 980_000_000
"""Rendered persons from this number on: seed 980 of ``aufait synth``, which no recipe uses."""
RENDERED_UNITS = ((12,), (1, 2))
MAX_YAW = 20.0
"""Renders turn at most so far (degrees): a half-turned face hides one side."""


@dataclass(frozen=True, eq=False)
class HalfFace:
    """One picture. ``whole``: intensity of the unit in the whole expression, nan for renders. ``gap``: acting minus other side."""

    kind: str
    unit: int
    side: str
    name: str
    gap: float
    whole: float
    crop: np.ndarray | None


def add_parser(parser: argparse.ArgumentParser) -> None:
    """Options of ``sides``."""
    parser.add_argument("folder", type=Path, help="holds the listed real faces, SET/FILE")
    add_detector_options(parser)
    parser.add_argument("--assets", type=Path, help="ICT-FaceKit file for the renders")
    parser.add_argument("--renders", type=int, default=12, metavar="N", help="rendered persons, six frames each; 0 for none")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="draw the composites, lowest gap first")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Analyse composites and renders; print the shares."""
    with make_detector(options) as detector:
        halves = [*composites(detector, options.folder), *_renders_if_possible(detector, options)]
    print(f"\nacting side higher by at least {STEP:g} (Wilson 95 %; an unfound face counts as no)\n")
    print("| pictures | AU | acting left | acting right | both | median gap |\n|---|---|---|---|---|---|")
    for kind, unit in dict.fromkeys((half.kind, half.unit) for half in halves):
        chosen = [half for half in halves if (half.kind, half.unit) == (kind, unit)]
        left, right = ([h for h in chosen if h.side == side] for side in ("left", "right"))
        gaps = np.nan_to_num([half.gap for half in chosen])
        print(f"| {kind} | {unit} | {_told(left)} | {_told(right)} | {_told(chosen)} | {np.median(gaps):.2f} |")
    seen = [half for half in halves if half.whole >= 1.5]
    print(f"\ncomposites whose whole smile is itself read as AU12 (intensity of 1.5 or more): {_told(seen)}\n")
    for kind in dict.fromkeys(half.kind for half in halves):
        print(verdict(f"{kind}: acting side higher", _told([half for half in halves if half.kind == kind]).value, SIDES_BAR))
    if options.sheet:
        options.sheet.write_bytes(_sheet([half for half in halves if half.crop is not None]))


def composites(detector: Detector, folder: Path) -> list[HalfFace]:
    """Both half smiles of each London person kept out of training."""
    faces = {(face.person, face.expression): face for face in read_real_faces(folder, held_out=True, sets=("london",))}
    result = []
    for person in sorted({person for person, _ in faces}):
        if not {(person, "neutral"), (person, "smiling")} <= faces.keys():
            continue
        images = [read_image(faces[person, expression].path) for expression in ("neutral", "smiling")]
        rest, smile = (largest_face(detector.analyze_image(image).faces) for image in images)
        for side in ("left", "right"):
            if rest is None or smile is None:
                result.append(HalfFace("composites", 12, side, person, np.nan, np.nan, None))
                continue
            picture = half_face(*images, rest.landmarks, smile.landmarks, side)  # type: ignore[arg-type]
            whole = float(smile.intensity[smile.index(12)])
            crop = face_crop(picture, (*rest.box[:2], *(rest.box[2:] - rest.box[:2])))
            result.append(HalfFace("composites", 12, side, person, _gap(detector, picture, 12, side), whole, crop))
    return result


def renders(detector: Detector, people: int, assets: Path | None) -> Iterator[HalfFace]:
    """One-sided smiles and brow raises of rendered persons, the strength drawn from 3 to 5.

    Raises:
        MissingExtraError, MissingModelError: the engine or its geometry is not there.
    """
    from aufait.synthetic.drawing.scene import sample_scene
    from aufait.synthetic.head.assets import find_assets, load_face_model
    from aufait.synthetic.head.expression import Intensities
    from aufait.synthetic.renderer import make_person, render

    model = load_face_model(find_assets(assets))
    for number in range(people):
        seed = FIRST_PERSON + number
        person, scene = make_person(model, seed), sample_scene(seed * 1000, occluder_odds=0.0)
        pitch, yaw, roll = np.clip(scene.rotation, -MAX_YAW, MAX_YAW)
        scene = replace(scene, rotation=(float(pitch), float(yaw), float(roll)))
        strength = float(np.random.default_rng(seed).uniform(3, 5))
        for units in RENDERED_UNITS:
            for side in ("left", "right"):
                acting = dict.fromkeys(units, strength)
                intensities = Intensities(acting, {}) if side == "left" else Intensities({}, acting)
                picture = render(person, intensities, scene).image
                for unit in units:
                    yield HalfFace("renders", unit, side, str(number), _gap(detector, picture, unit, side), np.nan, None)


def _renders_if_possible(detector: Detector, options: argparse.Namespace) -> list[HalfFace]:
    try:
        return list(renders(detector, options.renders, options.assets)) if options.renders else []
    except (MissingExtraError, MissingModelError) as error:
        print(f"no renders: {error}")
        return []


def _gap(detector: Detector, picture: np.ndarray, unit: int, side: str) -> float:
    """Intensity of the acting side minus that of the other; nan where no face is found."""
    face = largest_face(detector.analyze_image(picture).faces)
    if face is None:
        return float("nan")
    left, right = (float(values[face.index(unit)]) for values in (face.intensity_left, face.intensity_right))
    return left - right if side == "left" else right - left


def _told(halves: Sequence[HalfFace]) -> Share:
    return share([bool(half.gap >= STEP) for half in halves])


def _sheet(halves: Sequence[HalfFace], columns: int = 10) -> bytes:
    """PNG of the composites, lowest gap first, with gap and intensity of the whole smile below."""
    ordered = sorted(halves, key=lambda half: half.gap)
    lines = [ordered[k : k + columns] for k in range(0, len(ordered), columns)]
    return picture_grid(
        [[half.crop for half in line] for line in lines],
        title="Half smiles",
        subtitle="intensity of AU12, acting side minus the other; in brackets that of the whole smile",
        captions=[[f"{half.side[0]} {half.gap:+.1f} ({half.whole:.1f})" for half in line] for line in lines],
        cell=1.15,
    )
