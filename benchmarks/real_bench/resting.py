"""Studio portraits: how often a resting face is given a unit, whether smiles are seen, and whether every face is found.

False alarms and smiles are counted on the people kept out of training (``aufait.shipped.real_faces.held_out_people``);
faces found on all pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aufait.detection.detector import Detector
from aufait.media.images import read_image
from aufait.results import FaceAnalysis
from aufait.shipped.real_faces import HELD_OUT_SETS, SOURCES, RealFace, read_real_faces

from .detecting import add_detector_options, largest_face, make_detector
from .scoring import Share, share, verdict

ALARM_BAR, SMILE_BAR, CHEEK_PRESENT_BAR, CHEEK_HIGHER_BAR, FOUND_BAR = 0.03, 0.97, 0.50, 0.98, 0.995


def add_parser(parser: argparse.ArgumentParser) -> None:
    """Options of ``rest``."""
    parser.add_argument("folder", type=Path, help="holds the listed real faces, SET/FILE")
    add_detector_options(parser)
    parser.add_argument("--sets", help="comma-separated sets in which faces are looked for; default all")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Analyse every picture once; print the figures and their bars."""
    sets = tuple(options.sets.split(",")) if options.sets else tuple(SOURCES)
    faces = read_real_faces(options.folder, sets=sets)
    with make_detector(options) as detector:
        found = analyse(detector, faces)
    print_found(faces, found)
    if set(HELD_OUT_SETS) & set(sets):
        print_resting(faces, found)
    if "london" in sets:
        print_smiles(faces, found)


def analyse(detector: Detector, faces: Sequence[RealFace]) -> list[FaceAnalysis | None]:
    """The largest face of each portrait; None where none is found."""
    return [largest_face(detector.analyze_image(read_image(face.path)).faces) for face in faces]


def print_found(faces: Sequence[RealFace], found: Sequence[FaceAnalysis | None]) -> None:
    """Faces found per set."""
    print("\nfaces found (Wilson 95 %)\n\n| set | found | missed |\n|---|---|---|")
    shares: dict[str, Share] = {}
    for name in dict.fromkeys(face.set_name for face in faces):
        rows = [k for k, face in enumerate(faces) if face.set_name == name]
        shares[name] = share([found[k] is not None for k in rows])
        missed = [faces[k].path.name for k in rows if found[k] is None]
        print(f"| {name} | {shares[name]} | {', '.join(missed[:12])}{' ...' if len(missed) > 12 else ''} |")
    every = share([face is not None for face in found])
    print(f"| **all** | {every} | |\n")
    for name in HELD_OUT_SETS:
        if name in shares:
            print(verdict(f"faces of {name} found", shares[name].value, 1.0))
    print(verdict("all faces found", every.value, FOUND_BAR))


def print_resting(faces: Sequence[RealFace], found: Sequence[FaceAnalysis | None]) -> None:
    """Share of neutral portraits that are given each unit: the people kept out, and all people."""
    rows = [k for k, f in enumerate(faces) if f.set_name in HELD_OUT_SETS and f.expression == "neutral" and found[k] is not None]
    held = [k for k in rows if faces[k].held_out]
    units = found[rows[0]].action_units  # type: ignore[union-attr]
    occurs = np.array([found[k].occurrence for k in rows])  # type: ignore[union-attr]
    strong = np.array([found[k].intensity for k in rows])  # type: ignore[union-attr]
    chosen = np.isin(rows, held)
    print(
        f"\nunits at 0.5 on {chosen.sum()} neutral portraits of people kept out of training (next to it all {len(rows)} people)\n"
    )
    print("| AU | kept out (95 %) | highest intensity | all people |\n|---|---|---|---|")
    worst: tuple[float, str] = (-1.0, "")
    for column, unit in enumerate(units):
        alarms = share(occurs[chosen, column])
        print(f"| {unit} | {alarms} | {strong[chosen, column].max():.1f} | {share(occurs[:, column])} |")
        worst = max(worst, (alarms.value, f"AU{unit}"))
    print()
    print(verdict(f"most frequent false alarm ({worst[1]})", worst[0], ALARM_BAR, at_most=True))


def print_smiles(faces: Sequence[RealFace], found: Sequence[FaceAnalysis | None]) -> None:
    """AU12 and AU6 of studio smiles and of the same person's neutral portrait, of the people kept out."""
    by_key = {(f.person, f.expression): found[k] for k, f in enumerate(faces) if f.set_name == "london" and f.held_out}
    people = sorted({person for person, _ in by_key})
    smiles = [by_key.get((person, "smiling")) for person in people]
    pairs = [
        (rest, smile)
        for person, smile in zip(people, smiles, strict=True)
        if smile is not None and (rest := by_key.get((person, "neutral"))) is not None
    ]
    lip = share([s is not None and bool(s.occurrence[s.index(12)]) for s in smiles])
    cheek = share([s is not None and bool(s.occurrence[s.index(6)]) for s in smiles])
    higher = share([bool(s.intensity[s.index(6)] > r.intensity[r.index(6)]) for r, s in pairs])
    rise = [float(s.intensity[s.index(6)] - r.intensity[r.index(6)]) for r, s in pairs]
    print(f"\nstudio smiles of {len(people)} people kept out of training (an unfound face counts as a miss)\n")
    print(f"AU12 present {lip}\nAU6 present {cheek}\nAU6 higher than in the own neutral portrait {higher}; ", end="")
    print(f"by {np.median(rise):.2f} in the median ({min(rise):.2f} to {max(rise):.2f})\n")
    print(verdict("AU12 present in smiles", lip.value, SMILE_BAR))
    print(verdict("AU6 present in smiles", cheek.value, CHEEK_PRESENT_BAR))
    print(verdict("AU6 higher than own neutral", higher.value, CHEEK_HIGHER_BAR))
