"""Skin, lips, eyes and mouth of one synthetic person: colours, gloss and fine relief as textures.

Skin colour follows two pigments: melanin darkens blue most, blood absorbs green and blue. Every feature (cheeks, lids,
freckles, age spots) adds to one of the two, so that all of them fit the tone of the person.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numba
import numpy as np

from aufait.synthetic.drawing.primitives import gaussian, smoothstep, srgb_to_linear
from aufait.synthetic.head.assets import FaceModel, Material
from aufait.synthetic.head.person import Traits
from aufait.synthetic.head.uv_maps import FACE_TEXTURE, HEAD_TEXTURE, coverage, landmark_texels, position_map
from aufait.synthetic.looks.hair import _choose_brow as choose_brow
from aufait.synthetic.looks.hair import beard_density, brow_color, brow_line, hair_color
from aufait.synthetic.looks.scalp import scalp_density, scalp_signed_distance
from aufait.synthetic.looks.wrinkles import add_layers, static_amounts, wrinkle_maps

TONES = srgb_to_linear(
    np.array(
        [
            (236, 197, 176),
            (227, 182, 155),
            (212, 168, 140),
            (190, 144, 115),
            (158, 114, 87),
            (124, 85, 62),
            (94, 63, 48),
            (68, 46, 36),
        ]
    )
    / 255.0
)
MELANIN = np.array([0.60, 1.00, 1.35], np.float32)
BLOOD = np.array([0.10, 0.75, 0.60], np.float32)
BEARD_SHADOW = np.array([0.077, 0.053, 0.035], np.float32)
NOISE_SCALES = (2.0, 4.0, 9.0, 24.0, 70.0, 180.0)
_BANK = 3
_BROW_ROWS = slice(70, 160)
"""Rows of the face texture that hold the brows."""
_IRIS = ((52, 33, 20), (78, 51, 29), (99, 82, 50), (84, 104, 80), (88, 116, 142), (118, 136, 152))
_LIPSTICK = (
    (168, 42, 52),
    (190, 74, 84),
    (150, 60, 70),
    (196, 96, 96),
    (120, 30, 44),
    (178, 92, 82),
    (200, 60, 80),
    (142, 78, 70),
)
_EYE_SHADOW = ((92, 70, 62), (70, 60, 66), (120, 84, 78), (80, 84, 104), (104, 72, 92), (60, 52, 48), (150, 112, 92))


@dataclass(frozen=True, eq=False)
class SkinTextures:
    """What the renderer needs to shade one person's skin, mouth and eyes. Colours are linear reflectances.

    Attributes:
        face: (512, 512, 4) float32 albedo and strength of the highlight over the face part.
        head: (256, 256, 4) float32, the same over the head part.
        bump: (512, 512) float32 height in cm: pores, lip lines, what age has drawn.
        static_cavity: (512, 512) float32, darkening of the folds that age has drawn, 0-1.2.
        lip_mask: (512, 512) float32, 1 on the lips.
        gum, tongue, teeth, iris, sclera: (3,) float32.
        iris_radius: cm.
        gloss: factor on every skin highlight.
    """

    face: np.ndarray
    head: np.ndarray
    bump: np.ndarray
    static_cavity: np.ndarray
    lip_mask: np.ndarray
    gum: np.ndarray
    tongue: np.ndarray
    teeth: np.ndarray
    iris: np.ndarray
    sclera: np.ndarray
    iris_radius: float
    gloss: float


@dataclass(frozen=True, eq=False)
class _Canvas:
    """Masks (size, size) float32 over one part; the same for everybody."""

    size: int
    positions: np.ndarray
    small_positions: np.ndarray
    masks: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.masks[name]


class _Noise:
    """Periodic unit-variance noise for one person: shifted, flipped pieces of a bank shared by everybody."""

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self._rng, self._size = rng, size

    def __call__(self, scale: float) -> np.ndarray:
        """(size, size) float32; features are about ``scale`` texels of the face map wide."""
        bank = _noise_bank(self._size)[NOISE_SCALES.index(scale)][self._rng.integers(_BANK)]
        rows, columns, flip, sign = (int(k) for k in self._rng.integers((self._size, self._size, 2, 2)))
        bank = bank[:, ::-1] if flip else bank
        shifted = np.roll(bank, (rows, columns), (0, 1))
        return np.negative(shifted, out=shifted) if sign else shifted


def paint_skin(model: FaceModel, traits: Traits) -> SkinTextures:
    """Textures of one person; the same traits give the same textures.

    Args:
        model: the geometry.
        traits: age, tone, sex, beard, make-up.

    Returns:
        The textures, all freshly allocated.
    """
    base = _base_color(traits)
    hair, brow = hair_color(traits), brow_color(traits)
    face, head = face_canvas(model), _head_canvas(model)
    maps = wrinkle_maps(model)
    bump, cavity = add_layers(maps, static_amounts(traits), _pores(face, traits), face["zero"])
    np.clip(cavity, 0.0, 1.2, out=cavity)
    rng = traits.rng("eyes and mouth")
    gum = srgb_to_linear(np.array([0.66, 0.33, 0.34]) * rng.uniform(0.75, 1.05) * (1 - 0.22 * traits.darkness))
    return SkinTextures(
        face=_paint_face(face, traits, base, hair, brow),
        head=_paint_head(head, traits, base, hair),
        bump=bump,
        static_cavity=cavity,
        lip_mask=face["lip"],
        gum=gum,
        tongue=(gum * np.array([1.05, 1.0, 1.0])).astype(np.float32),
        teeth=_teeth(traits, rng),
        iris=_iris(traits, rng),
        sclera=_sclera(traits, rng),
        iris_radius=float(rng.uniform(0.56, 0.63)),
        gloss=float(rng.uniform(0.55, 1.35) * (1.0 - 0.35 * traits.age_fraction) * (1 - 0.35 * traits.make_up)),
    )


def _base_color(traits: Traits) -> np.ndarray:
    """(3,) tone with an undertone between rosy, yellow and olive."""
    rng = traits.rng("skin tone")
    k = int(np.clip(traits.skin_tone, 0, 6.999))
    mix = float(np.clip(traits.skin_tone, 0, 7)) - k
    base = TONES[k] ** (1 - mix) * TONES[k + 1] ** mix
    rosy, yellow = np.clip(rng.normal(0.0, 1.0, 2), -2, 2)
    undertone = np.array([0.015 * rosy, -0.035 * rosy + 0.01 * yellow, -0.025 * rosy - 0.055 * yellow])
    return (base * np.exp(undertone + rng.normal(0, 0.04))).astype(np.float32)


def _paint_face(canvas: _Canvas, traits: Traits, base: np.ndarray, hair: np.ndarray, brow: np.ndarray) -> np.ndarray:
    rng = traits.rng("skin")
    noise = _Noise(rng, canvas.size)
    melanin, blood = _pigments(canvas, traits, rng, noise)
    _add_spots(canvas, traits, rng, melanin, blood)
    fine = noise(2.0)
    shade = _shading_noise(fine, noise(4.0), noise(9.0), 1.0 - 0.5 * traits.make_up)
    texture = np.empty((canvas.size, canvas.size, 4), np.float32)
    _albedo(base, melanin, blood, shade, texture)
    _paint_lids(canvas, traits, rng, texture)
    _paint_lips(canvas, traits, rng, base, noise, texture)
    _paint_beard(canvas, traits, rng, np.minimum(brow * 0.7 + 0.004, base * 0.8), fine, texture)
    _paint_brows(canvas, traits, rng, np.minimum(brow * 0.7, base * 0.75), fine, texture)
    _paint_scalp(canvas, traits, base, hair, noise, texture)
    texture[..., 3] = _specular(canvas, traits, rng, noise)
    return texture


def _pigments(
    canvas: _Canvas, traits: Traits, rng: np.random.Generator, noise: _Noise
) -> tuple[np.ndarray, np.ndarray]:
    """Melanin and blood over the face: regions, mottling, blotches of age."""
    age, dark = traits.age_fraction, traits.darkness
    even = 1.0 - 0.65 * traits.make_up
    fade = canvas["inner"]
    broad, patches, mottle = noise(180.0), noise(70.0), noise(24.0)
    melanin = (0.05 + 0.03 * dark) * broad + (0.045 + 0.03 * age) * patches + (0.028 + 0.03 * age) * mottle
    melanin *= fade * even
    blotch, flecks = noise(70.0), noise(24.0)
    blood = (0.045 + 0.03 * age) * blotch + (0.04 + 0.03 * age) * flecks + 0.045 * noise(9.0)
    blood *= even
    blood *= fade
    blood += np.float32(np.interp(traits.skin_tone, [0, 2, 7], [0.06, 0.03, 0.0]))
    flush = rng.uniform(0.2, 0.65) * (1 - 0.65 * dark) * (1 - 0.3 * traits.make_up)
    jitter = rng.uniform(0.5, 1.4, 5)
    for name, weight, j in zip(
        ("cheek", "nose", "ear", "chin", "knuckle"), (0.55, 0.5, 0.6, 0.22, 0.25), jitter, strict=True
    ):
        blood += np.float32(flush * weight * j) * canvas[name]
    blood += (
        np.float32(0.14 + 0.1 * rng.random()) * canvas["lid"]
        + np.float32(0.06 + 0.09 * age * rng.random()) * canvas["under_eye"]
    )
    blood -= np.float32(0.06 * rng.random()) * canvas["forehead"]
    tired = rng.uniform(0.02, 0.14) + 0.16 * age * rng.random()
    melanin += np.float32(tired * even) * canvas["under_eye"] + np.float32(rng.uniform(0.0, 0.18)) * canvas["lid"]
    melanin += np.float32(0.10 * dark) * (canvas["perioral"] + 0.6 * canvas["forehead"] * rng.random())
    melanin += np.float32(rng.uniform(-0.05, 0.03)) * canvas["neck"]
    if traits.make_up > 0:
        blood += np.float32(0.3 * traits.make_up * rng.random()) * canvas["blusher"]
    return melanin, blood


def _add_spots(
    canvas: _Canvas, traits: Traits, rng: np.random.Generator, melanin: np.ndarray, blood: np.ndarray
) -> None:
    """Freckles, moles, age spots, acne and red noses."""
    age, light, cover = traits.age_fraction, 1.0 - traits.darkness, 1.0 - 0.7 * traits.make_up
    if rng.random() < 0.35 * light:
        count = int(rng.integers(60, 420))
        _stamp(canvas["freckle"], rng, count, (0.6, 1.5), (0.1, (0.1 + 0.45 * cover) * (1 - 0.5 * age)), melanin)
    _stamp(canvas["skin"], rng, int(rng.integers(0, 9)), (0.7, 1.6), (0.4, 1.6), melanin)
    if age > 0.35 and rng.random() < 0.75:
        count = int(60 * (age - 0.3) * rng.random())
        _stamp(canvas["sun"], rng, count, (1.2, 4.5), (0.08, 0.3 * cover), melanin)
    if age < 0.35 and rng.random() < 0.3:
        count = int(rng.integers(4, 30))
        _stamp(canvas["sebum"], rng, count, (0.8, 2.2), (0.15, 0.7 * cover), blood)
    if age > 0.3 and rng.random() < 0.3:
        _stamp(canvas["cheek"], rng, int(rng.integers(20, 80)), (1.0, 3.0), (0.05, 0.22 * cover * light + 0.05), blood)


def _stamp(
    mask: np.ndarray,
    rng: np.random.Generator,
    count: int,
    radius: tuple[float, float],
    strength: tuple[float, float],
    out: np.ndarray,
) -> None:
    """Add ``count`` soft discs (radius in texels) to ``out`` where ``mask`` accepts them."""
    if count <= 0:
        return
    size = len(mask)
    places = rng.integers(0, size, (count * 12, 2))
    accepted = places[rng.random(len(places)) < mask[places[:, 0], places[:, 1]]][:count]
    radii = rng.uniform(*radius, len(accepted))
    low, high = min(strength), max(strength)
    _stamp_discs(accepted, radii, rng.uniform(low, high, len(accepted)), rng.uniform(0.8, 1.15, len(accepted)), out)


def _paint_lids(canvas: _Canvas, traits: Traits, rng: np.random.Generator, texture: np.ndarray) -> None:
    """Dark lash roots for everybody, eye shadow and eyeliner with make-up."""
    if traits.make_up > 0.25 and rng.random() < 0.7:
        color = srgb_to_linear(np.array(_EYE_SHADOW[rng.integers(len(_EYE_SHADOW))]) / 255.0) * (
            1 - 0.45 * traits.darkness
        )
        _blend(
            texture,
            canvas["upper_lid"],
            np.float32(0.65 * traits.make_up * rng.uniform(0.3, 1.0)),
            color.astype(np.float32),
        )
    liner = 0.30 if not traits.is_man else 0.12
    if traits.make_up > 0.2 and rng.random() < 0.7:
        liner += 0.55 * traits.make_up
    _blend(texture, canvas["lash_line"], np.float32(min(liner, 0.85)), np.array([0.016, 0.012, 0.011], np.float32))


def _paint_lips(
    canvas: _Canvas, traits: Traits, rng: np.random.Generator, base: np.ndarray, noise: _Noise, texture: np.ndarray
) -> None:
    pale = 1.0 + 0.18 * traits.age_fraction
    natural = base * np.array([rng.uniform(0.74, 0.92), rng.uniform(0.44, 0.60) * pale, rng.uniform(0.48, 0.66) * pale])
    natural = natural * (1 - traits.darkness) + traits.darkness * base * np.array([0.80, 0.54, 0.60]) * rng.uniform(
        0.75, 1.1
    )
    color, opacity = natural, rng.uniform(0.62, 0.9)
    if traits.make_up > 0.3 and rng.random() < 0.8:
        stick = srgb_to_linear(np.array(_LIPSTICK[rng.integers(len(_LIPSTICK))]) / 255.0) * (1 - 0.62 * traits.darkness)
        share = np.clip(0.3 + 0.7 * traits.make_up, 0, 1)
        color, opacity = natural * (1 - share) + stick * share, 0.92
    mask = canvas["lip"] * np.clip(opacity * (1 + 0.07 * noise(9.0)), 0, 1)
    mottled = 1.0 + 0.06 * noise(4.0)
    _blend_mottled(texture, mask, mottled.astype(np.float32), color.astype(np.float32))


def _paint_beard(
    canvas: _Canvas, traits: Traits, rng: np.random.Generator, color: np.ndarray, fine: np.ndarray, texture: np.ndarray
) -> None:
    """Stubble grains, the shadow of a close shave and the shade under a beard."""
    if not traits.is_man:
        return
    shaven = rng.uniform(0.0, 0.22) * (1.0 if color.mean() < 0.07 else 0.4)
    strength = {"none": shaven, "stubble": rng.uniform(0.3, 0.7)}.get(traits.beard, 0.4 + 0.2 * rng.random())
    region = {"moustache": "moustache", "goatee": "goatee"}.get(traits.beard, "beard")
    grain = np.clip(0.75 + 0.45 * fine, 0.1, 1.6)
    strength *= 1.0 - 0.7 * float(smoothstep(0.08, 0.3, color.mean()))  # pale stubble hardly shades
    _blend(texture, canvas[region] * grain, np.float32(strength), color)
    if region != "beard":
        _blend(texture, canvas["beard"] * grain, np.float32(shaven), color)
    _absorb(texture, canvas[region], BEARD_SHADOW * np.float32(strength))


def _paint_brows(
    canvas: _Canvas, traits: Traits, rng: np.random.Generator, color: np.ndarray, fine: np.ndarray, texture: np.ndarray
) -> None:
    """A soft shadow under the strands of the brows, of the same shape and place."""
    shape = choose_brow(traits, traits.rng("brows"))
    strength = rng.uniform(0.2, 0.5) + 0.2 * traits.make_up
    t = np.clip((canvas["beside"] - shape.start) / (shape.end - shape.start), 0.0, 1.0)
    middle = shape.drop - shape.arch * np.sin(np.pi * t**1.4)
    half = shape.half_width * np.interp(t, [0.0, 0.08, 0.55, 1.0], [0.55, 1.0, 0.85, 0.18]).astype(np.float32)
    region = np.exp(-0.5 * ((canvas["below_brow"] - middle) / (0.8 * half + 0.04)) ** 2)
    region *= smoothstep(-0.02, 0.15, t) * smoothstep(1.0, 0.85, t) * np.clip(0.85 + 0.3 * fine[_BROW_ROWS], 0.2, 1.4)
    _blend(texture[_BROW_ROWS], region.astype(np.float32), np.float32(strength), color)


def _paint_scalp(
    canvas: _Canvas, traits: Traits, base: np.ndarray, hair: np.ndarray, noise: _Noise, texture: np.ndarray
) -> None:
    """Darken the scalp under hair, with a soft, uneven hairline; a shaved head keeps a faint shadow."""
    small = canvas.small_positions
    distance = scalp_signed_distance(small, traits)
    step = canvas.size // len(small)
    distance += 0.25 * noise(9.0)[::step, ::step]
    cover = smoothstep(-0.5, 1.1, distance) * scalp_density(small, traits)
    cover = cv2.resize(cover, (canvas.size, canvas.size), interpolation=cv2.INTER_LINEAR)
    strength = {"bald": 0.12, "buzz": 0.75}.get(traits.hair_style, 0.85)
    grain = np.clip(0.97 + 0.07 * noise(4.0), 0.6, 1.08)
    _blend(texture, cover * grain, np.float32(strength), (hair * 0.6 + base * 0.08).astype(np.float32))


def _specular(canvas: _Canvas, traits: Traits, rng: np.random.Generator, noise: _Noise) -> np.ndarray:
    """Oily T-zone, dry cheeks of the old, moist lips, matt powder."""
    oil = rng.uniform(0.5, 1.6) * (1 - 0.5 * traits.age_fraction) * (1 - 0.6 * traits.make_up)
    strength = 0.024 + np.float32(0.022 * oil) * canvas["sebum"]
    lips = 0.03 * rng.uniform(0.4, 1.2) * (1 - 0.5 * traits.age_fraction) + 0.03 * traits.make_up * (rng.random() < 0.5)
    lips *= 1.0 - 0.6 * traits.darkness
    strength += np.float32(lips) * canvas["lip"]
    strength *= np.clip(1.0 + 0.12 * noise(4.0) + 0.12 * noise(24.0), 0.3, 2.0)
    strength *= np.float32(1.0 - 0.25 * traits.darkness)
    return strength


def _paint_head(canvas: _Canvas, traits: Traits, base: np.ndarray, hair: np.ndarray) -> np.ndarray:
    rng = traits.rng("head skin")
    noise = _Noise(rng, canvas.size)
    melanin = 0.025 * noise(24.0) * canvas["inner"]
    blood = 0.03 * noise(24.0) * canvas["inner"]
    blood += np.float32(np.interp(traits.skin_tone, [0, 2, 7], [0.06, 0.03, 0.0]))
    flush = traits.rng("skin").uniform(0.2, 0.65) * (1 - 0.65 * traits.darkness)
    blood += np.float32(0.5 * flush) * canvas["ear"]
    texture = np.empty((canvas.size, canvas.size, 4), np.float32)
    _albedo(base, melanin, blood, _shading_noise(noise(2.0), noise(4.0), noise(9.0), 1.0), texture)
    _paint_scalp(canvas, traits, base, hair, noise, texture)
    texture[..., 3] = 0.024 * (1.0 - 0.25 * traits.darkness)
    return texture


def _pores(canvas: _Canvas, traits: Traits) -> np.ndarray:
    """Fine relief in cm: pores in the T-zone, leathery mid-scale relief with age, lip lines."""
    rng = traits.rng("pores")
    noise = _Noise(rng, canvas.size)
    smooth = 1.0 - 0.45 * traits.make_up
    age = traits.age_fraction
    pores = noise(2.0)
    relief = pores * (np.float32(0.0011 * smooth * rng.uniform(0.7, 1.4)) * (0.6 + canvas["sebum"]))
    relief += np.float32((0.0014 + 0.0022 * age) * smooth) * noise(4.0)
    relief += np.float32((0.0020 + 0.0045 * age) * smooth) * noise(9.0)
    relief += np.float32(0.008 * age) * noise(24.0)
    relief *= 1.0 - 0.8 * canvas["lip"]
    relief -= np.float32(0.009 + 0.008 * age) * canvas["lip_grooves"]
    return relief


def _teeth(traits: Traits, rng: np.random.Generator) -> np.ndarray:
    stain = np.clip(0.25 * rng.random() + 0.6 * traits.age_fraction * rng.random(), 0, 1)
    return srgb_to_linear(np.array([0.88, 0.85, 0.79]) - np.array([0.05, 0.09, 0.19]) * stain)


def _iris(traits: Traits, rng: np.random.Generator) -> np.ndarray:
    odds = (0.28, 0.20, 0.16, 0.12, 0.15, 0.09) if traits.darkness < 0.35 else (0.84, 0.13, 0.03, 0.0, 0.0, 0.0)
    color = np.array(_IRIS[rng.choice(len(_IRIS), p=odds)]) / 255.0
    return srgb_to_linear(np.clip(color * rng.uniform(0.8, 1.2) * (1 + rng.normal(0, 0.05, 3)), 0, 1))


def _sclera(traits: Traits, rng: np.random.Generator) -> np.ndarray:
    white = np.array([0.85, 0.82, 0.79]) * rng.uniform(0.76, 0.9)
    white -= traits.age_fraction * rng.random() * np.array([0.02, 0.04, 0.08])
    return srgb_to_linear(np.clip(white * (1 - 0.10 * traits.darkness), 0, 1))


@functools.lru_cache(maxsize=2)
def _noise_bank(size: int) -> np.ndarray:
    """(scales, bank, size, size) float32 periodic noise of unit variance. Scales are texels of the 512 map."""
    rng = np.random.default_rng(20)
    frequency = np.fft.fftfreq(size) ** 2
    squared = frequency[:, None] + frequency[None, : size // 2 + 1]
    bank = np.empty((len(NOISE_SCALES), _BANK, size, size), np.float32)
    for i, scale in enumerate(NOISE_SCALES):
        sigma = scale * size / FACE_TEXTURE / 2.2
        weight = np.exp(-2 * (np.pi * sigma) ** 2 * squared) + 0.4 * np.exp(-2 * (0.45 * np.pi * sigma) ** 2 * squared)
        weight[0, 0] = 0.0
        for k in range(_BANK):
            field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * weight, s=(size, size))
            bank[i, k] = field / field.std()
    return bank


@functools.lru_cache(maxsize=2)
def face_canvas(model: FaceModel) -> _Canvas:
    """Masks over the face texture."""
    p = position_map(model, Material.FACE, FACE_TEXTURE)
    inside = coverage(model, Material.FACE, FACE_TEXTURE)
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    ax = np.abs(x)
    front = smoothstep(1.0, 4.0, z)
    lip, lip_wide = _lip_masks(model)
    upper, lash = _lid_masks(model, ax, y, z)
    masks = {
        "zero": np.zeros_like(x),
        "inner": _inner_fade(inside, 26.0),
        "cheek": gaussian((ax - 4.4) ** 2 + ((y - 0.2) * 1.15) ** 2, 1.5) * front,
        "blusher": gaussian(((ax - 5.3) * 0.9) ** 2 + ((y - 0.7 - 0.45 * (ax - 5.3)) * 1.6) ** 2, 1.1) * front,
        "nose": gaussian(x**2 * 0.8 + (y - 0.1) ** 2, 0.9) * front,
        "chin": gaussian(x**2 + (y + 6.1) ** 2, 0.9) * front,
        "knuckle": gaussian((ax - 1.2) ** 2 + (y + 0.7) ** 2, 0.5) * front,
        "ear": cv2.GaussianBlur(((ax > 7.3) & (z < 4.2) & (y > -3) & (y < 5)).astype(np.float32), (0, 0), 5),
        "forehead": smoothstep(6.0, 7.5, y) * smoothstep(6.5, 4.5, ax) * front,
        "lid": gaussian(((ax - 3.2) / 1.5) ** 2 + ((y - 3.75) / 0.8) ** 2, 0.75) * front,
        "under_eye": gaussian(((ax - 2.8) / 1.35) ** 2 + ((y - 2.3 - 0.12 * (ax - 2.8)) / 0.5) ** 2, 0.8) * front,
        "upper_lid": upper,
        "lash_line": lash,
        "perioral": gaussian((x / 1.6) ** 2 + (y + 3.6) ** 2, 1.3) * front,
        "neck": smoothstep(-7.3, -8.6, y),
        "lip": lip,
        "lip_grooves": (np.abs(np.sin(7.5 * x + 1.3 * np.sin(3 * x))) ** 4 * lip).astype(np.float32),
        "freckle": np.clip(
            gaussian((ax - 3.2) ** 2 * 0.4 + (y - 0.7) ** 2, 1.1) + 0.6 * gaussian(x**2 + (y - 1.5) ** 2, 1.2) + 0.06,
            0,
            1,
        )
        * front,
        "sun": np.clip(smoothstep(6, 7.5, y) + gaussian((ax - 5.5) ** 2 + (y - 1.8) ** 2, 1.6), 0, 1) * front,
        "skin": (inside * smoothstep(0.0, 3.0, z) * (1 - lip_wide)).astype(np.float32),
        "beside": np.ascontiguousarray(ax[_BROW_ROWS]),
        "below_brow": np.where(z > 5, brow_line(model, x) - y, 9.0)[_BROW_ROWS].astype(np.float32),
    }
    t_zone = smoothstep(3.4, 1.0, ax) * smoothstep(6.0, 7.2, y) * smoothstep(11.0, 9.0, y)
    t_zone = np.maximum(t_zone, gaussian(x**2 * 0.6 + ((y - 1.0) * 0.6) ** 2, 0.85))
    masks["sebum"] = (np.clip(t_zone + 0.5 * masks["cheek"] + 0.6 * masks["chin"], 0, 1) * front).astype(np.float32)
    free = 1.0 - np.clip(1.6 * cv2.GaussianBlur(lip, (0, 0), 1.2), 0.0, 1.0)
    for name, kind in (("beard", "full"), ("moustache", "moustache"), ("goatee", "goatee")):
        density = cv2.GaussianBlur(beard_density(model, p, kind).astype(np.float32), (0, 0), 1.5)
        masks[name] = (density * free).astype(np.float32)
    return _freeze(_Canvas(FACE_TEXTURE, p, position_map(model, Material.FACE, FACE_TEXTURE // 2), masks))


@functools.lru_cache(maxsize=2)
def _head_canvas(model: FaceModel) -> _Canvas:
    p = position_map(model, Material.HEAD, HEAD_TEXTURE)
    ax, y, z = np.abs(p[..., 0]), p[..., 1], p[..., 2]
    ear = ((ax > 7.0) & (y > -3) & (y < 5) & (z > -3.5)).astype(np.float32)
    masks = {
        "inner": _inner_fade(coverage(model, Material.HEAD, HEAD_TEXTURE), 12.0),
        "ear": cv2.GaussianBlur(ear, (0, 0), 2),
    }
    return _freeze(_Canvas(HEAD_TEXTURE, p, p, masks))


def _freeze(canvas: _Canvas) -> _Canvas:
    for mask in canvas.masks.values():
        mask.setflags(write=False)
    return canvas


def _inner_fade(inside: np.ndarray, reach: float) -> np.ndarray:
    """0 at the border of the layout, 1 further in: broad mottling must not break where face and head meet."""
    return smoothstep(0.0, reach, cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5))


def _lip_masks(model: FaceModel) -> tuple[np.ndarray, np.ndarray]:
    """The vermilion between the outer lip landmarks, and a wider soft version."""
    outline = _closed_curve(landmark_texels(model, np.arange(48, 60)).astype(np.float64))
    mask = np.zeros((FACE_TEXTURE, FACE_TEXTURE), np.float32)
    cv2.fillPoly(mask, [np.round(outline * 256).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=8)
    return np.clip(cv2.GaussianBlur(mask, (0, 0), 1.0), 0, 1), np.clip(cv2.GaussianBlur(mask, (0, 0), 4.5), 0, 1)


def _closed_curve(knots: np.ndarray, samples: int = 20) -> np.ndarray:
    """Catmull-Rom curve through closed (n, 2) knots."""
    p0, p1, p2, p3 = (np.roll(knots, 1 - k, axis=0)[:, None] for k in range(4))
    f = np.linspace(0, 1, samples, endpoint=False)[None, :, None]
    curve = 2 * p1 + (p2 - p0) * f + (2 * p0 - 5 * p1 + 4 * p2 - p3) * f**2 + (3 * p1 - p0 - 3 * p2 + p3) * f**3
    return (0.5 * curve).reshape(-1, 2)


def _lid_masks(model: FaceModel, ax: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where eye shadow goes, and the lash line."""
    eye = model.neutral[model.landmarks[42:48]]
    upper = np.interp(ax, eye[:4, 0], eye[:4, 1])
    lower = np.interp(ax, eye[[0, 5, 4, 3], 0], eye[[0, 5, 4, 3], 1])
    across = smoothstep(1.7, 2.1, ax) * smoothstep(5.2, 4.5, ax) * (z > 6.5)
    shadow = smoothstep(-0.1, 0.1, y - upper) * smoothstep(1.1, 0.25, y - upper) * across
    upper_line = gaussian((y - upper - 0.02) ** 2, 0.10)
    lower_line = 0.55 * gaussian((y - lower + 0.02) ** 2, 0.08) * smoothstep(2.2, 2.9, ax)
    return shadow.astype(np.float32), (np.maximum(upper_line, lower_line) * across).astype(np.float32)


@numba.njit(cache=True, fastmath=True)
def _albedo(base, melanin, blood, shade, out):  # type: ignore[no-untyped-def]
    """base * exp(-melanin * MELANIN - blood * BLOOD) * shade into the colour channels of ``out``."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            m, b, s = melanin[row, column], blood[row, column], shade[row, column]
            for k in range(3):
                out[row, column, k] = min(base[k] * s * np.exp(-m * MELANIN[k] - b * BLOOD[k]), np.float32(0.92))


@numba.njit(cache=True, fastmath=True)
def _shading_noise(fine, small, medium, strength):  # type: ignore[no-untyped-def]
    out = np.empty_like(fine)
    for row in range(fine.shape[0]):
        for column in range(fine.shape[1]):
            grain = 0.018 * fine[row, column] + 0.016 * small[row, column] + 0.018 * medium[row, column]
            out[row, column] = 1.0 + strength * grain
    return out


@numba.njit(cache=True, fastmath=True)
def _blend(texture, mask, strength, color):  # type: ignore[no-untyped-def]
    """Mix ``color`` into the texture by ``strength * mask``."""
    for row in range(texture.shape[0]):
        for column in range(texture.shape[1]):
            share = min(mask[row, column] * strength, np.float32(1.0))
            if share > 1e-3:
                for k in range(3):
                    texture[row, column, k] += share * (color[k] - texture[row, column, k])


@numba.njit(cache=True, fastmath=True)
def _absorb(texture, mask, share):  # type: ignore[no-untyped-def]
    """Take ``share`` (3,) of the colour away where ``mask`` is 1."""
    for row in range(texture.shape[0]):
        for column in range(texture.shape[1]):
            for k in range(3):
                texture[row, column, k] *= np.float32(1.0) - share[k] * mask[row, column]


@numba.njit(cache=True, fastmath=True)
def _blend_mottled(texture, mask, shade, color):  # type: ignore[no-untyped-def]
    for row in range(texture.shape[0]):
        for column in range(texture.shape[1]):
            share = min(mask[row, column], np.float32(1.0))
            if share > 1e-3:
                for k in range(3):
                    texture[row, column, k] += share * (color[k] * shade[row, column] - texture[row, column, k])


@numba.njit(cache=True)
def _stamp_discs(places, radii, strengths, stretch, out):  # type: ignore[no-untyped-def]
    size = out.shape[0]
    for i in range(places.shape[0]):
        row, column, radius = places[i, 0], places[i, 1], radii[i]
        reach = int(3 * radius * max(stretch[i], 1.0)) + 1
        for r in range(max(row - reach, 0), min(row + reach + 1, size)):
            for c in range(max(column - reach, 0), min(column + reach + 1, size)):
                d2 = ((r - row) ** 2 + ((c - column) / stretch[i]) ** 2) / (radius * radius)
                out[r, c] += strengths[i] * np.exp(-0.5 * d2 * d2)
