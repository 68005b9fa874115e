"""From linear light to the file: exposure, tone, noise, blur, resolution, compression."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numba import njit

from aufait.synthetic.drawing.scene import Scene, Sensor


def shrink(picture: np.ndarray, size: int) -> np.ndarray:
    """The picture box filtered to ``size`` pixels a side."""
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)


class Film(NamedTuple):
    """What chance decides about one exposure."""

    sensor: Sensor
    target: float
    """Level that skin is exposed for."""
    noise: np.ndarray
    """(S, S, 3) standard normal draws; 0 for a clean picture."""
    rng: np.random.Generator
    """For what follows."""


def load_film(scene: Scene, skin_tone: float, size: int) -> Film:
    """The film of a scene for pictures of ``size`` pixels a side; a scene without sensor has a clean one."""
    rng, shape = scene.rng("sensor"), (size, size, 3)
    target = float(np.interp(skin_tone, [0, 7], [0.34, 0.125]))
    if scene.sensor is None:
        return Film(Sensor(0, 0, 0, 0, 1.0, 0.95, (1, 1, 1), 1, False, 0, 1), target, np.zeros(shape, np.float32), rng)
    return Film(scene.sensor, target, rng.standard_normal(shape, dtype=np.float32), rng)


def develop(picture: np.ndarray, skin_mask: np.ndarray, scene: Scene, skin_tone: float) -> np.ndarray:
    """(S, S, 3) uint8: exposure for the skin in view, then the sensor's chain."""
    film, seen = load_film(scene, skin_tone, picture.shape[0]), skin_mask > 0.9
    sensor = film.sensor
    level = float(picture[seen].mean()) if seen.any() else 0.3
    exposure = film.target / max(level, 1e-3) * sensor.exposure
    toned: np.ndarray = np.empty(picture.shape)
    _expose(
        *(picture, np.float32(exposure), np.array(sensor.balance, np.float32), film.noise),
        *(np.float32(sensor.shot_noise), np.float32(sensor.read_noise), toned),
    )
    out = np.empty_like(picture)
    # NumPy raises to a power with vector instructions, the compiled loops one number at a time.
    power = np.power(toned, np.float64(np.float32(0.41666)))
    _encode(toned, power, np.float32(sensor.contrast), np.float32(sensor.saturation), out)
    return degrade((out * 255 + 0.5).astype(np.uint8), film)


def degrade(image: np.ndarray, film: Film) -> np.ndarray:
    """What lens and file do to a picture (S, S, 3) uint8: blur, resolution, grey, compression."""
    size, sensor, rng = image.shape[0], film.sensor, film.rng
    if sensor.blur > 0:
        image = cv2.GaussianBlur(image, (0, 0), sensor.blur)
    if sensor.motion > 0:
        image = cv2.filter2D(image, -1, _motion_kernel(sensor.motion, rng.uniform(0, np.pi)))
    if sensor.low_resolution > 1:
        small = round(size / sensor.low_resolution)
        image = cv2.resize(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA), (size, size))
    if sensor.grey:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if sensor.jpeg_quality:
        _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, sensor.jpeg_quality])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1]
    return np.ascontiguousarray(image)


def _motion_kernel(length: float, angle: float) -> np.ndarray:
    side = int(np.ceil(length)) | 1
    kernel = np.zeros((side, side), np.float32)
    middle = side // 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, stop = np.round(middle - reach).astype(int), np.round(middle + reach).astype(int)
    cv2.line(kernel, tuple(map(int, start)), tuple(map(int, stop)), 1.0)
    return kernel / kernel.sum()


@njit(cache=True, fastmath=True, nogil=True)
def _expose(linear, exposure, balance, noise, shot, read, out):  # type: ignore[no-untyped-def]
    """Exposure, filmic shoulder and sensor noise: linear (H, W, 3) -> out float64 in [0, 1].

    noise (H, W, 3): standard normal draws. balance (3,): white balance gains.
    """
    height, width, _ = linear.shape
    value = np.zeros(3, np.float32)
    for y in range(height):
        for x in range(width):
            mean = np.float32(0.0)
            for k in range(3):
                value[k] = max(linear[y, x, k] * exposure * balance[k], np.float32(0.0))
                mean += value[k] / np.float32(3.0)
            shoulder = (1 + mean / 2) / (1 + mean) * np.float32(1.18)
            for k in range(3):
                v = value[k]
                v = np.float32(0.55) * v * shoulder + np.float32(0.45) * v * (1 + v / 2) / (1 + v) * np.float32(1.18)
                v += noise[y, x, k] * math.sqrt(min(v, np.float32(1.0)) * shot + read)
                out[y, x, k] = min(max(v, np.float32(0.0)), np.float32(1.0))


@njit(cache=True, fastmath=True, nogil=True)
def _encode(toned, power, contrast, saturation, out):  # type: ignore[no-untyped-def]
    """sRGB, contrast and saturation: ``toned`` (H, W, 3) and its ``power`` of 1 / 2.4 -> out float32 in [0, 1]."""
    height, width, _ = toned.shape
    value = np.zeros(3, np.float32)
    for y in range(height):
        for x in range(width):
            grey = np.float32(0.0)
            for k in range(3):
                v = toned[y, x, k]
                v = v * np.float32(12.92) if v <= 0.0031308 else np.float32(1.055) * power[y, x, k] - np.float32(0.055)
                v = min(max((v - np.float32(0.5)) * contrast + np.float32(0.5), np.float32(0.0)), np.float32(1.0))
                value[k] = v
                grey += v / np.float32(3.0)
            for k in range(3):
                out[y, x, k] = min(max(grey + (value[k] - grey) * saturation, np.float32(0.0)), np.float32(1.0))
