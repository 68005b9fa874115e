"""What surrounds the person in one frame: head pose, gaze, camera, light, occluders, sensor. Drawn from one seed.

Pictures of one identity share its traits and differ in their scene. Expression jitter has its own random stream, so
that the same seed with another action unit gives the same scene (paired tests depend on it).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from aufait.synthetic.chance import stream


@dataclass(frozen=True)
class Sensor:
    """Camera and file: noise, blur, tone, compression."""

    shot_noise: float
    read_noise: float
    blur: float
    """Standard deviation of the defocus blur in pixels of the final picture; 0 for none."""
    motion: float
    """Length of the motion blur in pixels; 0 for none."""
    contrast: float
    saturation: float
    balance: tuple[float, float, float]
    exposure: float
    grey: bool
    jpeg_quality: int
    """1-100; 0 leaves the picture uncompressed."""
    low_resolution: float
    """The picture is shrunk by this factor and enlarged again; 1 for none."""


@dataclass(frozen=True)
class Light:
    """Key light and environment.

    Attributes:
        key: (elevation, azimuth) degrees of the key light; azimuth positive to the subject's left.
        share: part of the light that comes from the key light, 0.1-1.
        warmth: red-blue balance of the key light.
        softness: radius of the shadow filter in texels.
    """

    key: tuple[float, float]
    share: float
    warmth: float
    softness: float


@dataclass(frozen=True)
class Scene:
    """One frame's surroundings.

    Attributes:
        seed: its random seed.
        rotation: (pitch, yaw, roll) degrees of the head: looking down, turning to the subject's left, tilting to the
            subject's right are positive.
        gaze: (horizontal, vertical): 1 is the full eyeLook shape; positive is the subject's left, up.
        body_yaw: share of the yaw that the shoulders take, 0-0.6.
        field_of_view: vertical, degrees.
        frame_height: height of the picture at the face, cm.
        offset: (3,) cm shift of the camera from the face centre.
        light, sensor: see there; ``sensor`` None gives a clean picture.
        occluder: "none", "hand", "object" or "mask".
        mouth_drift: small unlabelled jaw and mouth shifts by shape name.
    """

    seed: int
    rotation: tuple[float, float, float]
    gaze: tuple[float, float]
    body_yaw: float
    field_of_view: float
    frame_height: float
    offset: tuple[float, float, float]
    light: Light
    sensor: Sensor | None
    occluder: str = "none"
    mouth_drift: dict[str, float] = field(default_factory=dict)

    def rng(self, name: str) -> np.random.Generator:
        """A random generator for one named use."""
        return stream(self.seed, name)

    def clean(self, **changes: object) -> Scene:
        """The scene without sensor effects and occluder, other fields replaced as given."""
        return replace(self, sensor=None, occluder="none", **changes)  # type: ignore[arg-type]


_DRIFT_SHAPES = ("jawLeft", "jawRight", "mouthLeft", "mouthRight", "jawForward")


def sample_scene(seed: int, *, size: int = 256, occluder_odds: float = 0.08) -> Scene:
    """The scene of frame ``seed`` (>= 0) for pictures of ``size`` pixels. The same seed gives the same scene."""
    rng = stream(seed, "scene")
    wide = rng.random() < 0.12
    pitch, yaw, roll = rng.normal(0.0, (9.0, 17.0, 7.0)) * (1.7 if wide else 1.0)
    limit = np.array([40.0, 75.0, 40.0])
    rotation = np.clip([pitch, yaw, roll], -limit, limit)
    occluded = rng.random() < occluder_odds
    drift = {name: float(rng.uniform(0, 0.12)) for name in _DRIFT_SHAPES if rng.random() < 0.15}
    return Scene(
        seed=seed,
        rotation=(float(rotation[0]), float(rotation[1]), float(rotation[2])),
        gaze=_lower_some(seed, _sample_gaze(rng)),
        body_yaw=float(rng.uniform(0, 0.6)),
        field_of_view=float(np.exp(rng.uniform(np.log(9.0), np.log(42.0)))),
        frame_height=float(rng.uniform(20.0, 29.0)),
        offset=(float(rng.normal(0, 0.7)), float(1.2 + rng.normal(0, 0.7)), 0.0),
        light=_sample_light(rng),
        sensor=_sample_sensor(rng, size),
        occluder=str(rng.choice(("hand", "object", "mask"), p=(0.5, 0.2, 0.3))) if occluded else "none",
        mouth_drift=drift,
    )


def _sample_gaze(rng: np.random.Generator) -> tuple[float, float]:
    """Mostly near the camera; one in six looks clearly down or aside, which must not pass for closed eyes."""
    if rng.random() < 0.17:
        return float(rng.normal(0, 0.45)), float(np.clip(rng.normal(-0.45, 0.4), -0.95, 0.8))
    return float(rng.normal(0, 0.2)), float(rng.normal(0, 0.14))


def _lower_some(seed: int, gaze: tuple[float, float]) -> tuple[float, float]:
    """One frame in nine looks down, as people do who read, type or think: the lids are low and the eyes open."""
    rng = stream(seed, "gaze down")
    if rng.random() < 0.89:
        return gaze
    return float(rng.normal(0, 0.2)), float(rng.uniform(-1.0, -0.5))


def _sample_light(rng: np.random.Generator) -> Light:
    return Light(
        key=(float(rng.normal(14, 22)), float(rng.normal(0, 50))),
        share=float(rng.uniform(0.1, 1.0)),
        warmth=float(rng.normal(0.03, 0.08)),
        softness=float(rng.uniform(0.6, 2.8)),
    )


def _sample_sensor(rng: np.random.Generator, size: int) -> Sensor:
    scale = size / 256.0
    gains = 1.0 + rng.normal(0, 0.03, 3)
    return Sensor(
        shot_noise=float(rng.uniform(0, 0.0008)),
        read_noise=float(rng.uniform(0, 0.00003)) * (6.0 if rng.random() < 0.1 else 1.0),
        blur=float(rng.uniform(0.3, 1.1)) * scale if rng.random() < 0.5 else 0.0,
        motion=float(rng.uniform(1.5, 6.0)) * scale if rng.random() < 0.06 else 0.0,
        contrast=float(1 + rng.normal(0, 0.08)),
        saturation=float(rng.uniform(0.7, 1.08)),
        balance=(float(gains[0]), float(gains[1]), float(gains[2])),
        exposure=float(np.exp(rng.normal(0, 0.25))),
        grey=bool(rng.random() < 0.10),
        jpeg_quality=int(rng.integers(50, 97)),
        low_resolution=float(rng.uniform(1.3, 2.6)) if rng.random() < 0.12 else 1.0,
    )
