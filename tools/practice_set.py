"""The practice set that `aufait data practice` unpacks: a few hundred rendered faces with labels, drawn by aufait's own engine.

    python tools/practice_set.py [--folder build/practice]

Needs the extra `synth` and the face geometry (AUFAIT_ASSETS). Movements are strong and heads near frontal, so that a small
network learns them within a minute on a CPU: the set is for trying commands out, not for measuring networks.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from aufait.data.practice import ARCHIVE, TABLE
from aufait.files.atomic import whole_file
from aufait.synthetic.drawing.scene import sample_scene
from aufait.synthetic.head.assets import load_face_model
from aufait.synthetic.head.expression import Intensities
from aufait.synthetic.head.person import sample_traits
from aufait.synthetic.renderer import frame_labels, make_person, render
from aufait.twins.marker import MARKER

FIRST_SEED = 78_000_000
"""Persons from here on, which are in no training data."""

PERSONS, FACES = 24, 10
SIZE = 128
LABELS = (1, 2, 4, 12, 25, 43)
TOGETHER = ((1, 2), (4,), (12,), (25,), (43,))
"""Units that move with each other; each group is there in half of the pictures, at levels C to E."""

PLAIN = {"eyewear": "none", "headwear": "none", "beard": "none"}
QUALITY = 88
STAMP = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the archive, so that the same faces give the same bytes."""


def moves(rng: np.random.Generator) -> Intensities:
    """Half of the groups, each at a level of its own."""
    units: dict[int, float] = {}
    for group in TOGETHER:
        level = float(rng.uniform(3.0, 5.0))
        if rng.random() < 0.5 and not (group == (4,) and 1 in units):  # brows go up or down
            units |= dict.fromkeys(group, level)
    return Intensities.symmetric(units)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path("build/practice"), help="where pictures are kept between runs")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    model = load_face_model()
    rows = [["path", "subject", *(f"AU{unit:02d}" for unit in LABELS)]]
    for number in range(PERSONS):
        seed = FIRST_SEED + number
        person = make_person(model, seed, replace(sample_traits(seed), **PLAIN))  # type: ignore[arg-type]
        rng = np.random.default_rng([seed, *b"practice"])
        for frame in range(FACES):
            scene = sample_scene(100 * seed + frame, size=SIZE, occluder_odds=0.0)
            turned = tuple(0.4 * angle for angle in scene.rotation)
            scene = replace(scene, rotation=turned, gaze=(0.0, 0.0))  # type: ignore[arg-type]
            shown = render(person, moves(rng), scene, size=SIZE)
            name = f"faces/p{number + 1:02d}_{frame + 1:02d}.jpg"
            content = io.BytesIO()
            Image.fromarray(shown.image).save(content, "JPEG", quality=QUALITY, optimize=True)
            (folder / Path(name).name).write_bytes(content.getvalue())
            sides = frame_labels(shown)
            levels = [0.5 * (sides["left"][unit] + sides["right"][unit]) for unit in LABELS]
            rows.append([name, f"p{number + 1:02d}", *(str(int(level >= 2.0)) for level in levels)])
    write(folder, rows)


def write(folder: Path, rows: list[list[str]]) -> None:
    """Table and pictures into the archive that ships."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    with whole_file(ARCHIVE) as partial, zipfile.ZipFile(partial, "w") as archive:
        archive.writestr(zipfile.ZipInfo(TABLE, STAMP), text.getvalue())
        marker = {"synthetic": True, "like": "csv", "seed": FIRST_SEED, "made_by": "tools/practice_set.py"}
        archive.writestr(zipfile.ZipInfo(MARKER, STAMP), json.dumps(marker, indent=1) + "\n")
        for name, *_ in rows[1:]:
            archive.writestr(zipfile.ZipInfo(name, STAMP), (folder / Path(name).name).read_bytes())


if __name__ == "__main__":
    main()
