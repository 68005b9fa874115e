"""The people of a twin on film: camera, light, head motion, and the frames of a recording."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from aufait.synthetic.drawing.scene import Light, Scene, Sensor, sample_scene
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.expression import Intensities
from aufait.synthetic.renderer import Frame, Person, make_person, render
from aufait.twins.behaviour import UNITS
from aufait.twins.planning import RecordingPlan
from aufait.twins.traits import subject_traits


@functools.lru_cache(maxsize=4)
def subject_person(model: FaceModel, person: str, seed: int, indoors: bool) -> Person:
    """The person ready to be rendered; the last few are kept."""
    traits = subject_traits(person, seed, indoors)
    return make_person(model, traits.seed, traits)


def room(plan: RecordingPlan, size: int, indoors: bool) -> Scene:
    """Camera, light and background of a recording."""
    scene = sample_scene(plan.seed, size=size, occluder_odds=0.0)
    if not indoors:
        return replace(scene, frame_height=float(np.clip(scene.frame_height, 23.0, 29.0)))
    rng = np.random.default_rng([plan.seed, *b"studio"])
    light = Light(
        key=(float(rng.normal(20, 8)), float(rng.normal(0, 25))),
        share=float(rng.uniform(0.25, 0.6)),
        warmth=float(rng.normal(0.03, 0.03)),
        softness=float(rng.uniform(1.2, 2.8)),
    )
    sensor = Sensor(
        shot_noise=float(rng.uniform(0, 0.0003)),
        read_noise=float(rng.uniform(0, 0.00001)),
        blur=0.0,
        motion=0.0,
        contrast=float(1 + rng.normal(0, 0.03)),
        saturation=float(rng.uniform(0.85, 1.0)),
        balance=(1.0, 1.0, 1.0),
        exposure=float(np.exp(rng.normal(0, 0.1))),
        grey=False,
        jpeg_quality=0,
        low_resolution=1.0,
    )
    return replace(
        scene,
        field_of_view=float(rng.uniform(10.0, 16.0)),
        frame_height=float(rng.uniform(24.0, 27.0)),
        offset=(float(rng.normal(0, 0.3)), float(1.2 + rng.normal(0, 0.3)), 0.0),
        light=light,
        sensor=sensor,
        mouth_drift={},
    )


def film(
    person: Person,
    plan: RecordingPlan,
    *,
    size: int,
    supersample: float,
    indoors: bool,
    view: tuple[float, float] = (0.0, 0.0),
    margin: float = 1.0,
) -> Iterator[Frame]:
    """The frames of a recording, rendered one by one.

    Args:
        view: pitch and yaw in degrees (as in ``RecordingPlan.pose``) by which the whole head is turned away in addition.
        margin: factor of the width that the picture shows.
    """
    base = room(plan, size, indoors)
    if view != (0.0, 0.0):
        base = replace(base, body_yaw=1.0)
    base = replace(base, frame_height=base.frame_height * margin)
    for row in range(len(plan.frames)):
        pitch, yaw, roll = plan.pose[row] + (*view, 0.0)
        scene = replace(
            base,
            # The engine counts yaw to the subject's left and roll to the subject's right as positive.
            rotation=(float(pitch), float(-yaw), float(-roll)),
            gaze=(float(plan.gaze[row, 0]), float(plan.gaze[row, 1])),
            occluder=str(plan.occlusion[row]),
        )
        shown = Intensities(_units(plan.left[row]), _units(plan.right[row]))
        yield render(person, shown, scene, size=size, supersample=supersample)


def _units(values: np.ndarray) -> dict[int, float]:
    return {unit: float(value) for unit, value in zip(UNITS, values, strict=True) if value > 0.01}
