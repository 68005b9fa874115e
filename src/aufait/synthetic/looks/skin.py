"""Skin, lips, eyes and mouth of one synthetic person: colours, gloss and fine relief as textures.

Skin colour follows two pigments: melanin darkens blue most, blood absorbs green and blue. Every feature (cheeks, lids,
freckles, age spots) adds to one of the two, so that all of them fit the tone of the person.
"""

from __future__ import annotations

import cv2
import numpy as np

from aufait.synthetic.drawing.primitives import smoothstep, srgb_to_linear
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.person import Traits
from aufait.synthetic.looks.brows_and_lashes import choose_brow
from aufait.synthetic.looks.hair_colours import brow_colour, hair_colour
from aufait.synthetic.looks.scalp import scalp_density
from aufait.synthetic.looks.skin_kernels import absorb, albedo, blend, blend_mottled, shading_noise, stamp_discs
from aufait.synthetic.looks.skin_noise import Noise
from aufait.synthetic.looks.skin_regions import BROW_ROWS, Canvas, face_canvas, head_canvas
from aufait.synthetic.looks.textures import SkinTextures
from aufait.synthetic.looks.wrinkle_amounts import static_amounts
from aufait.synthetic.looks.wrinkle_maps import wrinkle_maps
from aufait.synthetic.looks.wrinkles import add_layers

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
BEARD_SHADOW = np.array([0.077, 0.053, 0.035], np.float32)
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


def paint_skin(model: FaceModel, traits: Traits) -> SkinTextures:
    """Textures of one person; the same traits give the same textures.

    Args:
        model: the geometry.
        traits: age, tone, sex, beard, make-up.

    Returns:
        The textures, all freshly allocated.
    """
    base = _base_colour(traits)
    hair, brow = hair_colour(traits), brow_colour(traits)
    face, head = face_canvas(model), head_canvas(model)
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


def _base_colour(traits: Traits) -> np.ndarray:
    """(3,) tone with an undertone between rosy, yellow and olive."""
    rng = traits.rng("skin tone")
    k = int(np.clip(traits.skin_tone, 0, 6.999))
    mix = float(np.clip(traits.skin_tone, 0, 7)) - k
    base = TONES[k] ** (1 - mix) * TONES[k + 1] ** mix
    rosy, yellow = np.clip(rng.normal(0.0, 1.0, 2), -2, 2)
    undertone = np.array([0.015 * rosy, -0.035 * rosy + 0.01 * yellow, -0.025 * rosy - 0.055 * yellow])
    return (base * np.exp(undertone + rng.normal(0, 0.04))).astype(np.float32)


def _paint_face(canvas: Canvas, traits: Traits, base: np.ndarray, hair: np.ndarray, brow: np.ndarray) -> np.ndarray:
    rng = traits.rng("skin")
    noise = Noise(rng, canvas.size)
    melanin, blood = _pigments(canvas, traits, rng, noise)
    _add_spots(canvas, traits, rng, melanin, blood)
    fine = noise(2.0)
    shade = shading_noise(fine, noise(4.0), noise(9.0), 1.0 - 0.5 * traits.make_up)
    texture = np.empty((canvas.size, canvas.size, 4), np.float32)
    albedo(base, melanin, blood, shade, texture)
    _paint_lids(canvas, traits, rng, texture)
    _paint_lips(canvas, traits, rng, base, noise, texture)
    _paint_beard(canvas, traits, rng, np.minimum(brow * 0.7 + 0.004, base * 0.8), fine, texture)
    _paint_brows(canvas, traits, rng, np.minimum(brow * 0.7, base * 0.75), fine, texture)
    _paint_scalp(canvas, traits, base, hair, noise, texture)
    texture[..., 3] = _specular(canvas, traits, rng, noise)
    return texture


def _pigments(canvas: Canvas, traits: Traits, rng: np.random.Generator, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
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
    for name, weight, j in zip(("cheek", "nose", "ear", "chin", "knuckle"), (0.55, 0.5, 0.6, 0.22, 0.25), jitter, strict=True):
        blood += np.float32(flush * weight * j) * canvas[name]
    blood += (
        np.float32(0.14 + 0.1 * rng.random()) * canvas["lid"] + np.float32(0.06 + 0.09 * age * rng.random()) * canvas["under_eye"]
    )
    blood -= np.float32(0.06 * rng.random()) * canvas["forehead"]
    tired = rng.uniform(0.02, 0.14) + 0.16 * age * rng.random()
    melanin += np.float32(tired * even) * canvas["under_eye"] + np.float32(rng.uniform(0.0, 0.18)) * canvas["lid"]
    melanin += np.float32(0.10 * dark) * (canvas["perioral"] + 0.6 * canvas["forehead"] * rng.random())
    melanin += np.float32(rng.uniform(-0.05, 0.03)) * canvas["neck"]
    if traits.make_up > 0:
        blood += np.float32(0.3 * traits.make_up * rng.random()) * canvas["blusher"]
    return melanin, blood


def _add_spots(canvas: Canvas, traits: Traits, rng: np.random.Generator, melanin: np.ndarray, blood: np.ndarray) -> None:
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
    stamp_discs(accepted, radii, rng.uniform(low, high, len(accepted)), rng.uniform(0.8, 1.15, len(accepted)), out)


def _paint_lids(canvas: Canvas, traits: Traits, rng: np.random.Generator, texture: np.ndarray) -> None:
    """Dark lash roots for everybody, eye shadow and eyeliner with make-up."""
    if traits.make_up > 0.25 and rng.random() < 0.7:
        colour = srgb_to_linear(np.array(_EYE_SHADOW[rng.integers(len(_EYE_SHADOW))]) / 255.0) * (1 - 0.45 * traits.darkness)
        blend(
            texture,
            canvas["upper_lid"],
            np.float32(0.65 * traits.make_up * rng.uniform(0.3, 1.0)),
            colour.astype(np.float32),
        )
    liner = 0.30 if not traits.is_man else 0.12
    if traits.make_up > 0.2 and rng.random() < 0.7:
        liner += 0.55 * traits.make_up
    blend(texture, canvas["lash_line"], np.float32(min(liner, 0.85)), np.array([0.016, 0.012, 0.011], np.float32))


def _paint_lips(
    canvas: Canvas, traits: Traits, rng: np.random.Generator, base: np.ndarray, noise: Noise, texture: np.ndarray
) -> None:
    pale = 1.0 + 0.18 * traits.age_fraction
    natural = base * np.array([rng.uniform(0.74, 0.92), rng.uniform(0.44, 0.60) * pale, rng.uniform(0.48, 0.66) * pale])
    natural = natural * (1 - traits.darkness) + traits.darkness * base * np.array([0.80, 0.54, 0.60]) * rng.uniform(0.75, 1.1)
    colour, opacity = natural, rng.uniform(0.62, 0.9)
    if traits.make_up > 0.3 and rng.random() < 0.8:
        stick = srgb_to_linear(np.array(_LIPSTICK[rng.integers(len(_LIPSTICK))]) / 255.0) * (1 - 0.62 * traits.darkness)
        share = np.clip(0.3 + 0.7 * traits.make_up, 0, 1)
        colour, opacity = natural * (1 - share) + stick * share, 0.92
    mask = canvas["lip"] * np.clip(opacity * (1 + 0.07 * noise(9.0)), 0, 1)
    mottled = 1.0 + 0.06 * noise(4.0)
    blend_mottled(texture, mask, mottled.astype(np.float32), colour.astype(np.float32))


def _paint_beard(
    canvas: Canvas, traits: Traits, rng: np.random.Generator, colour: np.ndarray, fine: np.ndarray, texture: np.ndarray
) -> None:
    """Stubble grains, the shadow of a close shave and the shade under a beard."""
    if not traits.is_man:
        return
    shaven = rng.uniform(0.0, 0.22) * (1.0 if colour.mean() < 0.07 else 0.4)
    strength = {"none": shaven, "stubble": rng.uniform(0.3, 0.7)}.get(traits.beard, 0.4 + 0.2 * rng.random())
    region = {"moustache": "moustache", "goatee": "goatee"}.get(traits.beard, "beard")
    grain = np.clip(0.75 + 0.45 * fine, 0.1, 1.6)
    strength *= 1.0 - 0.7 * float(smoothstep(0.08, 0.3, colour.mean()))  # pale stubble hardly shades
    blend(texture, canvas[region] * grain, np.float32(strength), colour)
    if region != "beard":
        blend(texture, canvas["beard"] * grain, np.float32(shaven), colour)
    absorb(texture, canvas[region], BEARD_SHADOW * np.float32(strength))


def _paint_brows(
    canvas: Canvas, traits: Traits, rng: np.random.Generator, colour: np.ndarray, fine: np.ndarray, texture: np.ndarray
) -> None:
    """A soft shadow under the strands of the brows, of the same shape and place."""
    shape = choose_brow(traits, traits.rng("brows"))
    strength = rng.uniform(0.2, 0.5) + 0.2 * traits.make_up
    t = np.clip((canvas["beside"] - shape.start) / (shape.end - shape.start), 0.0, 1.0)
    middle = shape.drop - shape.arch * np.sin(np.pi * t**1.4)
    half = shape.half_width * np.interp(t, [0.0, 0.08, 0.55, 1.0], [0.55, 1.0, 0.85, 0.18]).astype(np.float32)
    region = np.exp(-0.5 * ((canvas["below_brow"] - middle) / (0.8 * half + 0.04)) ** 2)
    region *= smoothstep(-0.02, 0.15, t) * smoothstep(1.0, 0.85, t) * np.clip(0.85 + 0.3 * fine[BROW_ROWS], 0.2, 1.4)
    blend(texture[BROW_ROWS], region.astype(np.float32), np.float32(strength), colour)


def _paint_scalp(canvas: Canvas, traits: Traits, base: np.ndarray, hair: np.ndarray, noise: Noise, texture: np.ndarray) -> None:
    """Darken the scalp under hair, with a soft, uneven hairline; a shaved head keeps a faint shadow."""
    small = canvas.small_positions
    distance = canvas.small_scalp.signed_distance(traits)
    step = canvas.size // len(small)
    distance += 0.25 * noise(9.0)[::step, ::step]
    cover = smoothstep(-0.5, 1.1, distance) * scalp_density(small, traits)
    cover = cv2.resize(cover, (canvas.size, canvas.size), interpolation=cv2.INTER_LINEAR)
    strength = {"bald": 0.12, "buzz": 0.75}.get(traits.hair_style, 0.85)
    grain = np.clip(0.97 + 0.07 * noise(4.0), 0.6, 1.08)
    blend(texture, cover * grain, np.float32(strength), (hair * 0.6 + base * 0.08).astype(np.float32))


def _specular(canvas: Canvas, traits: Traits, rng: np.random.Generator, noise: Noise) -> np.ndarray:
    """Oily T-zone, dry cheeks of the old, moist lips, matt powder."""
    oil = rng.uniform(0.5, 1.6) * (1 - 0.5 * traits.age_fraction) * (1 - 0.6 * traits.make_up)
    strength = 0.024 + np.float32(0.022 * oil) * canvas["sebum"]
    lips = 0.03 * rng.uniform(0.4, 1.2) * (1 - 0.5 * traits.age_fraction) + 0.03 * traits.make_up * (rng.random() < 0.5)
    lips *= 1.0 - 0.6 * traits.darkness
    strength += np.float32(lips) * canvas["lip"]
    strength *= np.clip(1.0 + 0.12 * noise(4.0) + 0.12 * noise(24.0), 0.3, 2.0)
    strength *= np.float32(1.0 - 0.25 * traits.darkness)
    return strength


def _paint_head(canvas: Canvas, traits: Traits, base: np.ndarray, hair: np.ndarray) -> np.ndarray:
    rng = traits.rng("head skin")
    noise = Noise(rng, canvas.size)
    melanin = 0.025 * noise(24.0) * canvas["inner"]
    blood = 0.03 * noise(24.0) * canvas["inner"]
    blood += np.float32(np.interp(traits.skin_tone, [0, 2, 7], [0.06, 0.03, 0.0]))
    flush = traits.rng("skin").uniform(0.2, 0.65) * (1 - 0.65 * traits.darkness)
    blood += np.float32(0.5 * flush) * canvas["ear"]
    texture = np.empty((canvas.size, canvas.size, 4), np.float32)
    albedo(base, melanin, blood, shading_noise(noise(2.0), noise(4.0), noise(9.0), 1.0), texture)
    _paint_scalp(canvas, traits, base, hair, noise, texture)
    texture[..., 3] = 0.024 * (1.0 - 0.25 * traits.darkness)
    return texture


def _pores(canvas: Canvas, traits: Traits) -> np.ndarray:
    """Fine relief in cm: pores in the T-zone, leathery mid-scale relief with age, lip lines."""
    rng = traits.rng("pores")
    noise = Noise(rng, canvas.size)
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
    colour = np.array(_IRIS[rng.choice(len(_IRIS), p=odds)]) / 255.0
    return srgb_to_linear(np.clip(colour * rng.uniform(0.8, 1.2) * (1 + rng.normal(0, 0.05, 3)), 0, 1))


def _sclera(traits: Traits, rng: np.random.Generator) -> np.ndarray:
    white = np.array([0.85, 0.82, 0.79]) * rng.uniform(0.76, 0.9)
    white -= traits.age_fraction * rng.random() * np.array([0.02, 0.04, 0.08])
    return srgb_to_linear(np.clip(white * (1 - 0.10 * traits.darkness), 0, 1))
