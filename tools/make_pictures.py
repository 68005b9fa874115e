"""Render what the repository shows of the face engine: the demo clip, the contact sheet, one unit at a time.

    python tools/make_pictures.py clip   src/aufait/assets/demo.mp4
    python tools/make_pictures.py people docs/images/contact_sheet.png
    python tools/make_pictures.py units  docs/images/action_units.png
    python tools/make_pictures.py moving docs/images/moving_units.webp    (the same, from rest to the strongest and back)
    python tools/make_pictures.py hero   docs/images/hero.jpg           (what detection makes of a photograph and of a render)

Needs the extra ``synth``, for the last one scikit-image. Everything but that photograph is artificial.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np

from aufait.synthetic.dataset import render_sequence
from aufait.synthetic.drawing.scene import Scene, sample_scene
from aufait.synthetic.head.actions import LABELLED_ACTION_UNITS
from aufait.synthetic.head.assets import load_face_model
from aufait.synthetic.head.expression import Intensities
from aufait.synthetic.renderer import Person, make_person, render

FPS = 25
CLIP_CAST = (614, 619)
CLIP_SIDE = 480
SHEET_CAST = (611, 622, 614, 619, 609, 610)
EXPRESSIONS: tuple[dict[int, float], ...] = (
    {},
    {12: 5, 6: 4, 25: 4},
    {1: 5, 2: 5, 5: 4, 25: 3, 26: 4},
    {4: 5, 7: 3, 24: 4},
    {9: 4, 10: 4, 4: 2},
    {15: 4, 17: 4, 1: 4, 4: 2},
)

Event = tuple[float, float, dict[int, float], dict[int, float]]
"""Start and end in seconds, intensities at the apex on the left and the right side."""

SMILE, SURPRISE, FROWN = {12: 4.5, 6: 3.5, 25: 3.5}, {1: 4.5, 2: 4.5, 5: 4.0, 25: 3.0, 26: 3.5}, {4: 4.5, 7: 3.0, 23: 3.0}
SCRIPTS: tuple[tuple[Event, ...], ...] = (
    ((0.6, 2.6, SMILE, SMILE), (3.2, 4.8, {12: 0.5}, {12: 3.5, 14: 3.0}), (5.4, 7.4, SURPRISE, SURPRISE)),
    ((1.4, 3.0, SURPRISE, SURPRISE), (3.6, 5.4, FROWN, FROWN), (6.0, 7.6, SMILE, SMILE)),
)
BLINKS = ((0.3, 3.0, 5.0), (0.9, 3.3, 5.7))


def scripted(events: tuple[Event, ...], blinks: tuple[float, ...], seconds: float) -> Iterator[Intensities]:
    """Intensities per frame: onset and offset of 0.4 s with smooth edges, blinks of a quarter of a second."""
    for t in np.arange(round(seconds * FPS)) / FPS:
        left: dict[int, float] = {}
        right: dict[int, float] = {}
        for start, stop, on_left, on_right in events:
            edge = np.clip(min(t - start, stop - t) / 0.4, 0, 1)
            gain = float(edge * edge * (3 - 2 * edge))
            for side, units in ((left, on_left), (right, on_right)):
                side.update({au: max(side.get(au, 0.0), gain * value) for au, value in units.items() if gain > 0})
        closed = max((5 * np.sin(np.pi * (t - b) / 0.26) for b in blinks if b < t < b + 0.26), default=0.0)
        if closed > 0:
            left[43] = right[43] = float(closed)
        yield Intensities(left, right)


def studio(seed: int, **changes: object) -> Scene:
    """Soft light from the side, a long lens, no sensor effects."""
    scene = sample_scene(seed)
    light = replace(scene.light, key=(20.0, 35.0), share=0.5, warmth=0.03)
    base = {"rotation": (0.0, 0.0, 0.0), "gaze": (0.0, 0.0), "field_of_view": 18.0, "light": light, "mouth_drift": {}}
    return scene.clean(**(base | changes))


def clip(path: Path, seconds: float = 8.0) -> None:
    model = load_face_model()
    takes = []
    for number, seed in enumerate(CLIP_CAST):
        person = replace(make_person(model, seed), head_props=())
        turn = (2.0, 14.0 if number == 0 else -12.0, 0.0)
        base = studio(90 + number, rotation=turn, frame_height=27.0)
        course = scripted(SCRIPTS[number], BLINKS[number], seconds)
        frames = round(seconds * FPS)
        takes.append(render_sequence(person, seed, frames, size=CLIP_SIDE, fps=FPS, course=course, base=base))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "24", "preset": "slow"})
        stream.width, stream.height, stream.pix_fmt = CLIP_SIDE * 2, CLIP_SIDE, "yuv420p"
        for pair in zip(*takes, strict=True):
            picture = np.concatenate([frame.image for frame in pair], axis=1)
            corner = (CLIP_SIDE * 2 - 90, CLIP_SIDE - 12)
            cv2.putText(picture, "synthetic", corner, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))


def people(path: Path, side: int = 192) -> None:
    """One row per person, one expression per column, each picture with its own camera, light and place."""
    model = load_face_model()
    rows = []
    for seed in SHEET_CAST:
        person = make_person(model, seed)
        scenes = [replace(sample_scene(seed * 10 + k, size=side), occluder="none") for k in range(len(EXPRESSIONS))]
        pictures = [render(person, Intensities.symmetric(e), s, size=side).image for e, s in zip(EXPRESSIONS, scenes, strict=True)]
        rows.append(np.concatenate(pictures, axis=1))
    write(path, np.concatenate(rows))


def units(path: Path, side: int = 220, seed: int = 614) -> None:
    """One person, one labelled unit at intensity 5 per picture."""
    person = replace(make_person(load_face_model(), seed), head_props=())
    scene = studio(91, rotation=(0.0, 12.0, 0.0), frame_height=22.0)
    pictures = [captioned(person, scene, None, side)]
    pictures += [captioned(person, scene, au, side) for au in LABELLED_ACTION_UNITS]
    write(path, np.concatenate([np.concatenate(pictures[k : k + 5], axis=1) for k in range(0, 20, 5)]))


def moving(path: Path, side: int = 150, seed: int = 614, steps: int = 6) -> None:
    """One person, one labelled unit per field, all rising from rest to intensity 5 and falling again."""
    from PIL import Image

    person = replace(make_person(load_face_model(), seed), head_props=())
    scene = studio(91, rotation=(0.0, 12.0, 0.0), frame_height=22.0)
    rising = []
    for level in np.linspace(0.0, 5.0, steps + 1):
        fields = [captioned(person, scene, au, side, float(level)) for au in (None, *LABELLED_ACTION_UNITS)]
        rising.append(Image.fromarray(np.concatenate([np.concatenate(fields[k : k + 5], axis=1) for k in range(0, 20, 5)])))
    frames = [*rising, *rising[-2:0:-1]]
    times = [700, *[110] * (steps - 1), 1200, *[110] * (steps - 1)]  # milliseconds; still at rest and at the strongest
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=times, loop=0, quality=70, method=6)


def captioned(person: Person, scene: Scene, au: int | None, side: int, level: float = 5.0) -> np.ndarray:
    wanted = {} if au is None else {26: level, 25: 0.6 * level} if au == 26 else {au: level}
    picture = render(person, Intensities.symmetric(wanted), scene, size=side).image.copy()
    text = "neutral" if au is None else f"AU{au}"
    cv2.putText(picture, text, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def hero(path: Path, side: int = 450, height: int = 400) -> None:
    """A photograph and a rendered face as ``aufait detect --annotate`` draws them, with the shipped model's own scores."""
    from PIL import Image

    from aufait import Detector
    from aufait.visualization import drawing
    from aufait.visualization.palette import PANEL, TEXT_BRIGHT
    from aufait.visualization.results.annotate import Annotator

    pictures = {"photograph: NASA, public domain": astronaut(side, height), "rendered by aufait": one_sided_smile(side, height)}
    halves = []
    with Detector(finder="builtin", max_faces=1) as detector:
        for words, picture in pictures.items():
            drawn = Annotator(caption=False)(picture, detector.analyze_image(picture))
            drawing.panel(drawn, (0, height - 22, drawing.text_width(words, 12) + 16, height), 0, PANEL)
            drawing.text(drawn, (8, height - 11), words, 12, TEXT_BRIGHT)
            halves.append(drawn)
    Image.fromarray(np.concatenate(halves, axis=1)).save(path, quality=93, subsampling=0, optimize=True)


def astronaut(width: int, height: int) -> np.ndarray:
    """Part of scikit-image's picture of Eileen Collins: a photograph by NASA, which put it into the public domain."""
    from PIL import Image
    from skimage import data

    left, top, shown = 92, 22, 270
    box = (left, top, left + shown, top + shown * height / width)
    return np.asarray(Image.fromarray(data.astronaut()).resize((width, height), Image.Resampling.LANCZOS, box=box))


def one_sided_smile(width: int, height: int, seed: int = 614) -> np.ndarray:
    """A rendered person who smiles on the left side only."""
    person = replace(make_person(load_face_model(), seed), head_props=())
    scene = studio(90, rotation=(0.0, 8.0, 0.0), frame_height=30.0)
    picture = render(person, Intensities({12: 4.5, 6: 3.5}, {}), scene, size=width).image
    return np.ascontiguousarray(picture[(width - height) // 2 :][:height])


def write(path: Path, picture: np.ndarray) -> None:
    if not cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise SystemExit(f"cannot write {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("clip", "people", "units", "moving", "hero"))
    parser.add_argument("path", type=Path)
    args = parser.parse_args()
    {"clip": clip, "people": people, "units": units, "moving": moving, "hero": hero}[args.what](args.path)


if __name__ == "__main__":
    main()
