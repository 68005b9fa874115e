"""Hair of a synthetic person: scalp hair, brows, beard and lashes as strands.

Scalp hair grows in three steps, each cheap: a few hundred guides are combed over the head and fall under gravity; locks
are blends of neighbouring guides with their own length, curl and stray; every strand follows its lock, spread by the
distance of the roots.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from aufait.synthetic.drawing.primitives import Strands, gaussian, smoothstep, srgb_to_linear
from aufait.synthetic.head.assets import FaceModel, Material
from aufait.synthetic.head.person import Traits
from aufait.synthetic.head.resting import resting_face
from aufait.synthetic.looks.props_headwear import covered_depth
from aufait.synthetic.looks.scalp import HeadMap, scalp_density, scalp_signed_distance

__all__ = [
    "brow_color",
    "grow_beard",
    "grow_brows",
    "grow_scalp_hair",
    "hair_color",
    "lash_points",
    "scalp_density",
    "scalp_signed_distance",
]

_COLORS = {
    "black": (19, 16, 14),
    "dark_brown": (40, 28, 22),
    "brown": (66, 45, 31),
    "light_brown": (102, 72, 48),
    "dark_blond": (138, 106, 70),
    "blond": (184, 150, 104),
    "red": (122, 58, 32),
    "grey": (136, 133, 130),
    "white": (206, 203, 198),
}
_BROW_UNDER_GREY = {"grey": "dark_brown", "white": "grey"}
_TIE_POINT = np.array([0.0, 9.5, -9.6], np.float32)
_DOWN = np.array([0.0, -1.0, 0.0], np.float32)


def hair_color(traits: Traits) -> np.ndarray:
    """(3,) float32 linear RGB reflectance of the scalp hair."""
    rng = traits.rng("hair_color")
    shade = np.exp(rng.normal(0.0, 0.16)) * np.exp(rng.normal(0.0, 0.05, 3))
    return np.clip(srgb_to_linear(np.array(_COLORS[traits.hair_color]) / 255.0) * shade, 0.003, 0.8).astype(np.float32)


def brow_color(traits: Traits) -> np.ndarray:
    """(3,) float32 linear RGB reflectance of brows and beard: greys later than the scalp, often darker than it."""
    rng = traits.rng("brow_color")
    color = hair_color(traits)
    if traits.hair_color in _BROW_UNDER_GREY:
        younger = srgb_to_linear(np.array(_COLORS[_BROW_UNDER_GREY[traits.hair_color]]) / 255.0)
        return (color + (younger - color) * rng.uniform(0.2, 0.9)).astype(np.float32)
    if traits.hair_color in ("blond", "dark_blond", "light_brown", "red"):
        return (color * rng.uniform(0.45, 0.9)).astype(np.float32)
    return (color * rng.uniform(0.8, 1.1)).astype(np.float32)


# ---- roots ---------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=2)
def _skin_area(model: FaceModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of skin triangles, their neutral area in square cm and their neutral centroids."""
    rows = np.flatnonzero(model.material <= Material.HEAD)
    corners = model.neutral[model.triangles[rows]]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return rows, area, model.triangle_center[rows]


@functools.lru_cache(maxsize=2)
def _scalp_distance(model: FaceModel) -> np.ndarray:
    """Average hairline distance of the skin triangles of ``_skin_area``."""
    return scalp_signed_distance(_skin_area(model)[2])


@dataclass(eq=False)
class _Roots:
    triangle: np.ndarray
    barycentric: np.ndarray
    neutral: np.ndarray

    def take(self, keep: np.ndarray) -> _Roots:
        return _Roots(self.triangle[keep], self.barycentric[keep], self.neutral[keep])

    def on(self, model: FaceModel, values: np.ndarray) -> np.ndarray:
        """Values (V, 3) interpolated at the roots."""
        corners = values[model.triangles[self.triangle]]
        return np.einsum("nk,nkc->nc", self.barycentric, corners).astype(np.float32)


def _sample_roots(model: FaceModel, weight: np.ndarray, count: int, rng: np.random.Generator) -> _Roots:
    """``count`` roots, spread over the skin triangles by area times ``weight``."""
    rows, area, _ = _skin_area(model)
    cumulative = np.cumsum(area * weight)
    # Stratified draws cover the skin more evenly than independent ones.
    draw = (np.arange(count) + rng.random(count)) / count * cumulative[-1]
    triangle = rows[np.minimum(np.searchsorted(cumulative, draw), len(rows) - 1)]
    u, v = rng.random((2, count))
    flip = u + v > 1
    u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
    barycentric = np.stack([1 - u - v, u, v], axis=1).astype(np.float32)
    roots = _Roots(triangle.astype(np.int32), barycentric, np.empty(0))
    roots.neutral = roots.on(model, model.neutral)
    return roots


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.sqrt(np.einsum("...k,...k->...", v, v)), 1e-6)[..., None]


def _tangential(v: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return v - np.einsum("...k,...k->...", v, normal)[..., None] * normal


# ---- scalp hair ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cut:
    """How one person's hair is cut and combed. Lengths in cm.

    Attributes:
        strands, points: how many, and points of each.
        top, side: length on top and at the sides.
        volume: how far the hair stands off the head.
        gravity: how fast it turns downwards; lift: how steeply it leaves the skin.
        curl, turns: radius of the locks' waves and how often they wind.
        clump, locks: how tightly strands follow their lock; how many locks.
        frizz: random bend of single strands.
        parting: x of the parting; None without one.
        sideways, forward: the way the hair is combed.
        fringe: height of the lower edge of a fringe; None without one.
        width: of a strand.
    """

    strands: int
    points: int
    top: float
    side: float
    volume: float = 0.0
    gravity: float = 0.0
    lift: float = 1.0
    curl: float = 0.0
    turns: float = 1.0
    clump: float = 0.0
    locks: int = 800
    frizz: float = 0.05
    parting: float | None = None
    sideways: float = 0.3
    forward: float = 0.4
    fringe: float | None = None
    width: float = 0.05


def _choose_cut(traits: Traits, rng: np.random.Generator) -> _Cut:
    base = _Cut(
        strands=7600,
        points=6,
        top=1.0,
        side=1.0,
        curl=0.0 if rng.random() < 0.45 else float(rng.uniform(0.05, 0.3)),
        turns=rng.uniform(0.8, 2.2),
        frizz=rng.uniform(0.02, 0.08),
        parting=None
        if rng.random() < 0.2
        else float(rng.choice([-1.0, 1.0]) * rng.uniform(1.0, 4.0) * (rng.random() < 0.65)),
        fringe=float(rng.uniform(6.9, 8.4)) if rng.random() < (0.22 if traits.is_man else 0.32) else None,
    )
    choose = {"buzz": _buzz_cut, "short": _short_cut, "curly": _curly_cut, "tied": _tied_cut}
    return choose.get(traits.hair_style, _hanging_cut)(base, traits, rng)


def _buzz_cut(base: _Cut, traits: Traits, rng: np.random.Generator) -> _Cut:
    length = rng.uniform(0.2, 0.8)
    return _Cut(strands=7800, points=3, top=length, side=length * rng.uniform(0.4, 1.0), width=0.042)


def _short_cut(base: _Cut, traits: Traits, rng: np.random.Generator) -> _Cut:
    top = rng.uniform(1.8, 5.0)
    return replace(
        base,
        top=top,
        side=rng.uniform(0.5, min(2.4, top)),
        volume=rng.uniform(0.3, 1.5),
        gravity=0.12,
        lift=rng.uniform(0.35, 1.0),
        clump=rng.uniform(0.35, 0.7),
        parting=base.parting if rng.random() < 0.5 else None,
        sideways=rng.uniform(0.2, 0.9),
        forward=rng.uniform(0.5, 1.2) if base.fringe else rng.uniform(-0.8, 0.5),
    )


def _curly_cut(base: _Cut, traits: Traits, rng: np.random.Generator) -> _Cut:
    tight = rng.random() < 0.3 + 0.5 * traits.darkness
    top = rng.uniform(2.5, 7.0) if traits.is_man else rng.uniform(4.0, 11.0)
    return replace(
        base,
        strands=7400,
        points=12,
        top=top,
        side=top * rng.uniform(0.4, 1.0),
        volume=rng.uniform(0.6, 1.2),
        gravity=0.06 if tight else 0.2,
        lift=1.2 if tight else 0.8,
        curl=rng.uniform(0.25, 0.4) if tight else rng.uniform(0.4, 0.7),
        turns=top / (1.6 if tight else 3.0),
        clump=rng.uniform(0.6, 0.8),
        locks=650,
        sideways=0.5,
        forward=rng.uniform(-0.3, 0.3),
        fringe=None,
    )


def _tied_cut(base: _Cut, traits: Traits, rng: np.random.Generator) -> _Cut:
    return replace(
        base,
        strands=6400,
        points=10,
        top=24.0,
        side=24.0,
        volume=rng.uniform(0.15, 0.5),
        curl=0.4 * base.curl,
        clump=rng.uniform(0.2, 0.5),
        sideways=0.0,
        forward=-1.0,
        fringe=base.fringe if rng.random() < 0.5 and not traits.is_man else None,
        width=0.06,
    )


def _hanging_cut(base: _Cut, traits: Traits, rng: np.random.Generator) -> _Cut:
    medium = traits.hair_style == "medium"
    length = rng.uniform(8.0, 15.0) if medium else rng.uniform(19.0, 30.0)
    return replace(
        base,
        strands=7900,
        points=10 if medium else 12,
        top=length,
        side=length * rng.uniform(0.75, 1.0),
        volume=rng.uniform(0.6, 1.7),
        gravity=rng.uniform(0.4, 0.6),
        lift=rng.uniform(0.3, 0.6),
        clump=rng.uniform(0.3, 0.65),
        sideways=rng.uniform(0.8, 1.3),
        forward=rng.uniform(-0.9, 0.0),
        width=0.06,
    )


def grow_scalp_hair(model: FaceModel, traits: Traits, vertices: np.ndarray, normals: np.ndarray) -> Strands | None:
    """Scalp hair of one person.

    Args:
        model: the geometry.
        traits: style, colour, age, headwear.
        vertices, normals: (V, 3) the person's neutral vertices in cm and unit normals.

    Returns:
        At most 8,000 strands of at most 12 points, or None for a bald or wholly covered head.
    """
    if traits.hair_style == "bald" or traits.headwear == "headscarf":
        return None
    rng = traits.rng("scalp_hair")
    cut = _choose_cut(traits, rng)
    head = HeadMap(model, vertices)
    roots = _scalp_roots(model, traits, cut, rng)
    if len(roots.triangle) < 50:
        return None
    root = roots.on(model, vertices)
    normal = _unit(roots.on(model, normals))
    points, fringe = _comb(cut, traits, head, roots, root, normal, rng)
    points = _keep_clear(points, cut, traits, head, fringe, rng)
    keep = _visible_under_headwear(points, traits)
    roots, points = roots.take(keep), points[keep]
    if len(points) < 50:
        return None
    return Strands(
        root_triangle=roots.triangle,
        root_barycentric=roots.barycentric,
        offsets=(points - points[:, :1]).astype(np.float32),
        width=cut.width,
        taper=0.6,
        color=_strand_colors(traits, roots.neutral, rng),
        specular=float(rng.uniform(0.012, 0.045)) * (0.5 if traits.hair_style in ("buzz", "curly") else 1.0),
        is_scalp=True,
    )


def _scalp_roots(model: FaceModel, traits: Traits, cut: _Cut, rng: np.random.Generator) -> _Roots:
    weight = (_scalp_distance(model) > -1.8).astype(np.float32)
    # The front is seen most: more strands there, fewer low at the back.
    center = _skin_area(model)[2]
    weight *= 0.7 + 0.6 * smoothstep(-4.0, 5.0, center[:, 2])
    roots = _sample_roots(model, weight, int(cut.strands * 1.4), rng)
    distance = scalp_signed_distance(roots.neutral, traits)
    chance = smoothstep(-0.35, 0.75, distance + rng.normal(0, 0.12, len(distance))) * scalp_density(
        roots.neutral, traits
    )
    if traits.hair_style == "tied":  # no sideburns: they are too short to reach the tie
        low = smoothstep(5.0, 3.0, roots.neutral[:, 1]) * smoothstep(1.0, 2.2, roots.neutral[:, 2])
        chance = chance * (1.0 - 0.9 * low)
    keep = np.flatnonzero(rng.random(len(chance)) < chance)
    return roots.take(
        keep[: cut.strands] if len(keep) <= cut.strands else np.sort(rng.choice(keep, cut.strands, False))
    )


def _comb(
    cut: _Cut,
    traits: Traits,
    head: HeadMap,
    roots: _Roots,
    root: np.ndarray,
    normal: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Strand points (n, K, 3) and which strands (n,) belong to the fringe."""
    n, k = len(root), cut.points
    fringe = _fringe_roots(cut, roots.neutral)
    # Neighbours across a parting or the edge of the fringe must not share a lock.
    key = root + np.stack([_side(cut, root) * 1.5, 3.0 * fringe, np.zeros(n)], axis=1).astype(np.float32)
    guide = rng.choice(n, min(n, 260), replace=False)
    guide_points = _grow_guides(cut, traits, head, root[guide], normal[guide], roots.neutral[guide], fringe[guide], rng)
    lock = rng.choice(n, min(n, cut.locks), replace=False)
    lock_offsets = _lock_offsets(cut, key[lock], key[guide], guide_points - root[guide][:, None], normal[lock], rng)
    _, member = cKDTree(key[lock]).query(key + rng.normal(0, 0.10, (n, 3)))
    t = np.linspace(0.0, 1.0, k, dtype=np.float32)
    length = (1.0 - 0.22 * rng.random(n) ** 2).astype(np.float32) * _edge_length(cut, traits, roots.neutral)
    offsets = lock_offsets[member] * length[:, None, None]
    spread = root - root[lock][member]
    gather = cut.clump * rng.uniform(0.5, 1.0, n).astype(np.float32)
    offsets -= spread[:, None] * (gather[:, None] * t**0.8)[..., None]
    offsets += _strays(cut, normal, t, offsets, rng)
    return root[:, None] + offsets, fringe


def _side(cut: _Cut, points: np.ndarray) -> np.ndarray:
    """-1 to 1: on which side of the parting a root lies; 0 without a parting."""
    if cut.parting is None:
        return np.zeros(len(points), np.float32)
    return np.tanh((points[:, 0] - cut.parting) / 0.35).astype(np.float32)


def _fringe_roots(cut: _Cut, neutral: np.ndarray) -> np.ndarray:
    if cut.fringe is None:
        return np.zeros(len(neutral), bool)
    return (neutral[:, 1] > 9.5) & (neutral[:, 2] > 4.6) & (np.abs(neutral[:, 0]) < 5.2)


def _edge_length(cut: _Cut, traits: Traits, neutral: np.ndarray) -> np.ndarray:
    """Hair gets shorter towards the hairline, so that the edge is soft."""
    distance = scalp_signed_distance(neutral, traits)
    least = 0.35 if cut.top < 6 else 0.75
    return least + (1 - least) * smoothstep(-0.3, 1.2, distance)


def _lengths(cut: _Cut, neutral: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    top = smoothstep(6.5, 10.5, neutral[:, 1] + 0.15 * neutral[:, 2])
    return ((cut.side + (cut.top - cut.side) * top) * rng.uniform(0.85, 1.12, len(neutral))).astype(np.float32)


def _grow_guides(
    cut: _Cut,
    traits: Traits,
    head: HeadMap,
    root: np.ndarray,
    normal: np.ndarray,
    neutral: np.ndarray,
    fringe: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """(g, K, 3) guides combed over the head, step by step, never inside it."""
    length = _lengths(cut, neutral, rng)
    if cut.fringe is not None:
        length = np.where(fringe, np.minimum(length, 3.0 + 0.9 * np.maximum(neutral[:, 1] - cut.fringe, 0.5)), length)
    if traits.hair_style == "tied":
        return _tie_back(cut, head, root, fringe, rng)
    step = (length / (cut.points - 1))[:, None]
    comb = _comb_direction(cut, traits, root, neutral, fringe, rng)
    volume = (cut.volume * smoothstep(3.0, 9.0, neutral[:, 1]) + 0.12).astype(np.float32)
    direction = (
        _unit(_tangential(comb, normal)) + normal * (cut.lift * (0.4 + 0.6 * smoothstep(4, 10, neutral[:, 1])))[:, None]
    )
    out = np.empty((len(root), cut.points, 3), np.float32)
    out[:, 0] = position = root
    for j in range(1, cut.points):
        direction = _unit(direction)
        position = position + direction * step
        outward = _unit(position - head.center)
        clearance = np.minimum(0.12 + 0.4 * j * step[:, 0], 0.15 + volume * smoothstep(0.0, 8.0, position[:, 1]))
        position = head.push_out(position, clearance)
        pull = cut.gravity * np.minimum(step, 2.0) * (1.0 + 0.6 * j)
        into = np.minimum(np.einsum("nk,nk->n", direction, outward), 0.0)[:, None]
        direction = direction - 0.8 * into * outward + _DOWN * pull - outward * (0.12 * cut.lift)
        # Below the ears hair hangs towards the neck instead of keeping its way outwards.
        direction[:, [0, 2]] *= (1.0 - 0.45 * smoothstep(4.0, -1.0, position[:, 1]) * (cut.gravity > 0.3))[:, None]
        out[:, j] = position
    return out


def _comb_direction(
    cut: _Cut, traits: Traits, root: np.ndarray, neutral: np.ndarray, fringe: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(g, 3) how the hair is laid at its roots: off the whorl, away from the parting, downwards at the sides."""
    whorl = np.array([rng.uniform(-1.5, 1.5), 13.2, -4.5], np.float32)
    comb = 0.5 * _unit(root - whorl)
    comb[:, 2] += cut.forward * smoothstep(-3.0, 3.0, neutral[:, 2])
    sign = _side(cut, root) if cut.parting is not None else np.full(len(root), rng.choice([-1.0, 1.0]), np.float32)
    comb[:, 0] += cut.sideways * sign
    low = smoothstep(11.0, 7.0, neutral[:, 1])[:, None]
    down = np.stack([0.3 * np.sign(root[:, 0]), np.full(len(root), -1.3), np.full(len(root), -0.35)], axis=1)
    comb = comb * (1 - 0.8 * low) + down * low
    if cut.fringe is not None:
        ahead = np.stack(
            [0.12 * root[:, 0] + 0.25 * cut.sideways * sign, np.full(len(root), -0.3), np.full(len(root), 1.2)], axis=1
        )
        comb = np.where(fringe[:, None], ahead, comb)
    waves = rng.normal(0, 0.5, (3, 3)).astype(np.float32)
    return (comb + 0.22 * np.sin(root @ waves + rng.uniform(0, 6.28, 3))).astype(np.float32)


def _tie_back(cut: _Cut, head: HeadMap, root: np.ndarray, fringe: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Guides laid along the head to a tie at the back, then into a knot or a tail."""
    tie = _TIE_POINT + np.array([0.0, rng.uniform(-7.0, 2.5), 0.0], np.float32)
    tie = head.push_out(tie[None] * [1, 1, 0.3], 0.3)[0] if tie[1] < 12 else head.push_out(tie[None], 0.3)[0]
    bun = rng.random() < 0.5
    k = cut.points
    on_head = k - 3
    t = np.linspace(0, 1, on_head, dtype=np.float32)[None, :, None]
    a, b = root[:, None] - head.center, (tie - head.center)[None, None]
    path = a * (1 - t) + b * t
    # A straight way through the head, projected onto its surface, is the great circle to the tie.
    path += (
        0.35 * np.array([0, 1, 0]) * np.sin(np.pi * t) * np.linalg.norm(a, axis=-1, keepdims=True) * (a[..., 1:2] > 0)
    )
    surface = _unit(path) * head.radius(path)[..., None]
    clearance = 0.10 + cut.volume * np.sin(np.pi * np.clip(t * 1.05, 0, 1))
    out = np.empty((len(root), k, 3), np.float32)
    out[:, :on_head] = head.center + surface * (1 + clearance / np.linalg.norm(surface, axis=-1, keepdims=True))
    out[:, 0] = root
    spin = rng.uniform(0, 6.28, len(root))
    size = rng.uniform(1.2, 2.4)
    outward = _unit(tie - head.center)
    for j in range(on_head, k):
        s = (j - on_head + 1) / (k - on_head)
        if bun:
            angle = spin + 2.6 * s
            around = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)
            out[:, j] = (
                tie + outward * size * 0.8 + around * size * (0.6 + 0.4 * s) * rng.uniform(0.6, 1.0, (len(root), 1))
            )
        else:
            jitter = np.stack([np.cos(spin), np.zeros_like(spin), np.sin(spin)], axis=1) * (
                0.5 + 0.6 * np.sin(np.pi * s)
            )
            out[:, j] = tie + outward * (1.2 * np.sin(np.pi * min(s, 0.6))) + _DOWN * (9.0 * s * s) + jitter
    if fringe.any():
        out[fringe] = _short_fringe(cut, head, root[fringe])
    return out


def _short_fringe(cut: _Cut, head: HeadMap, root: np.ndarray) -> np.ndarray:
    t = np.linspace(0, 1, cut.points, dtype=np.float32)[None, :, None]
    reach = np.maximum(root[:, 1] - (cut.fringe or 7.5), 0.5)[:, None, None]
    path = root[:, None] + np.array([0, 0, 1.6]) * np.sin(np.pi * t * 0.7) + _DOWN * reach * t**1.6
    path[..., 0] *= 1 + 0.15 * t[..., 0]
    out: np.ndarray = head.push_out(path, 0.15 + 0.5 * np.sin(np.pi * t[..., 0])).astype(np.float32)
    return out


def _lock_offsets(
    cut: _Cut,
    key: np.ndarray,
    guide_key: np.ndarray,
    guide_offsets: np.ndarray,
    normal: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """(m, K, 3) offsets of the locks: nearest guides blended, then waved or curled and strayed."""
    distance, index = cKDTree(guide_key).query(key, k=3)
    weight = 1.0 / (distance + 0.05) ** 2
    weight /= weight.sum(axis=1, keepdims=True)
    offsets = np.einsum("mg,mgkc->mkc", weight.astype(np.float32), guide_offsets[index])
    m, k = len(key), cut.points
    t = np.linspace(0.0, 1.0, k, dtype=np.float32)
    offsets *= rng.uniform(0.88, 1.08, (m, 1, 1)).astype(np.float32)
    reach = np.linalg.norm(offsets[:, -1], axis=1)[:, None, None]
    offsets += (rng.normal(0, 0.06, (m, 1, 3)) * reach * (t**1.5)[None, :, None]).astype(np.float32)
    if cut.curl > 0:
        offsets += _coil(offsets, t, cut, rng)
    return offsets.astype(np.float32)


def _coil(offsets: np.ndarray, t: np.ndarray, cut: _Cut, rng: np.random.Generator) -> np.ndarray:
    """Displacement (m, K, 3) that winds each lock round its own axis."""
    axis = _unit(np.gradient(offsets, axis=1))
    side = _unit(np.cross(axis, np.array([0.3, 0.2, 1.0], np.float32)))
    other = np.cross(axis, side)
    m = len(offsets)
    turns = cut.turns * rng.uniform(0.8, 1.2, (m, 1))
    phase = 2 * np.pi * (turns * t[None] + rng.random((m, 1)))
    radius = (cut.curl * rng.uniform(0.7, 1.2, (m, 1)) * smoothstep(0.0, 0.35, t)[None])[..., None]
    return radius * (np.cos(phase)[..., None] * side + np.sin(phase)[..., None] * other)


def _strays(cut: _Cut, normal: np.ndarray, t: np.ndarray, offsets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Displacement (n, K, 3) of single strands: thickness of the layer, a little bend, and a few fly-aways."""
    n = len(normal)
    bend = rng.normal(0, 1, (n, 1, 3)).astype(np.float32) * (cut.frizz * (1 + 0.08 * cut.top))
    wild = (rng.random(n) < 0.03) & (cut.top > 1.0)
    bend[wild] *= 2.5
    layer = (rng.random(n) ** 1.5 * min(0.5, 0.16 * cut.top)).astype(np.float32)
    lift = np.where(wild, layer + 0.5, layer)[:, None] * np.sin(np.pi * np.clip(t * 0.9 + 0.05, 0, 1))
    return (normal[:, None] * lift[..., None] + bend * (t**1.3)[None, :, None]).astype(np.float32)


def _keep_clear(
    points: np.ndarray, cut: _Cut, traits: Traits, head: HeadMap, fringe: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Push strands out of head, neck and shoulders and off the face; shorten the fringe to its cut."""
    points = points.astype(np.float32)
    if cut.fringe is not None and fringe.any():
        _trim_fringe(points, cut.fringe, fringe, rng)
    if cut.top > 3.0:
        loose = ~fringe
        points[loose] = _off_the_face(points[loose], cut, rng)
    layer = (0.05 + 0.2 * rng.random((len(points), 1)) * min(1.0, 0.3 * cut.top)).astype(np.float32)
    high = points[:, 1:, 1] > -5.5
    pushed = head.push_out(points[:, 1:], layer)
    points[:, 1:] = np.where(high[..., None], pushed, points[:, 1:])
    if traits.headwear != "none":
        points = _flatten_under_headwear(points, traits, head)
    if cut.top > 9.0:
        points = _drape(points)
    return points


def _trim_fringe(points: np.ndarray, cut_height: float, fringe: np.ndarray, rng: np.random.Generator) -> None:
    selected = points[fringe]
    root = selected[:, :1]
    # The cut line rises towards the temples.
    line = cut_height + rng.normal(0, 0.22, len(selected)) + 0.03 * selected[:, -1, 0] ** 2 * 0.5
    fall = root[:, 0, 1] - selected[..., 1].min(axis=1)
    allowed = np.maximum(root[:, 0, 1] - line, 0.4)
    scale = np.where(fall > allowed, allowed / np.maximum(fall, 1e-3), 1.0)
    points[fringe] = root + (selected - root) * scale[:, None, None].astype(np.float32)


def _off_the_face(points: np.ndarray, cut: _Cut, rng: np.random.Generator) -> np.ndarray:
    """Turn points that hang in front of the face sideways, to beside the cheeks."""
    relative_z = points[..., 2] - 1.0
    azimuth = np.arctan2(np.abs(points[..., 0]), np.maximum(relative_z, 1e-3))
    least = np.radians(rng.uniform(47.0, 60.0, (len(points), 1))).astype(np.float32)
    # Above the brows the hair may still cross the forehead.
    least = least * smoothstep(12.0, 7.5, points[..., 1])
    blocked = (azimuth < least) & (relative_z > 0)
    # At least a cheek's distance: what lies inside the head would be pushed out before the face again.
    distance = np.maximum(np.hypot(points[..., 0], relative_z), 7.2)
    # The parting decides the side, not the middle of the face; without one, where most of the strand lies.
    lean = points[:, :1, 0] - cut.parting if cut.parting is not None else points[:, 1:4, 0].mean(axis=1, keepdims=True)
    side = np.where(lean >= 0, 1.0, -1.0)
    x = np.where(blocked, side * distance * np.sin(least), points[..., 0])
    z = np.where(blocked, 1.0 + distance * np.cos(least), points[..., 2])
    return np.stack([x, points[..., 1], z], axis=-1).astype(np.float32)


def _drape(points: np.ndarray) -> np.ndarray:
    """Lay long hair over neck and shoulders: before the chest or behind the back, never inside them."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    neck = np.interp(y, [-11.0, -6.0], [6.6, 6.2])
    distance = np.hypot(x, z + 0.8)
    scale = np.where((y < -5.5) & (distance < neck), neck / np.maximum(distance, 0.1), 1.0)
    x, z = x * scale, (z + 0.8) * scale - 0.8
    half_width, depth = (
        np.interp(y, [-20, -15.5, -13.0, -10.5], [20, 16.0, 9.5, 6.5]),
        np.interp(y, [-20, -13.0, -10.5], [9.8, 8.2, 6.4]),
    )
    inside = np.clip(1.0 - (x / half_width) ** 2, 0.0, 1.0)
    surface = depth * np.sqrt(inside) + 0.3
    front = points[:, :1, 2] > 1.5
    z = np.where((y < -10.5) & front, np.maximum(z, surface - 1.0), z)
    z = np.where((y < -10.5) & ~front, np.minimum(z, -surface - 1.0), z)
    return np.stack([x, y, z], axis=-1).astype(np.float32)


def _flatten_under_headwear(points: np.ndarray, traits: Traits, head: HeadMap) -> np.ndarray:
    """Press hair that lies under a hat to the head, so that it does not poke through."""
    depth = covered_depth(points, traits)
    relative = points - head.center
    length = np.linalg.norm(relative, axis=-1)
    most = head.radius(relative) + 0.2 + 0.3 * smoothstep(0.6, -0.6, depth) + 1.5 * smoothstep(-0.4, -4.0, depth)
    scale = np.where(depth > -4.0, np.minimum(most / np.maximum(length, 1e-3), 1.0), 1.0)
    return (head.center + relative * scale[..., None]).astype(np.float32)


def _visible_under_headwear(points: np.ndarray, traits: Traits) -> np.ndarray:
    """(n,) bool: strands of which some part sticks out."""
    if traits.headwear == "none":
        return np.ones(len(points), bool)
    visible: np.ndarray = covered_depth(points, traits).min(axis=1) < -0.1
    return visible


def _strand_colors(traits: Traits, neutral: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, 3) colours: streaks over the head, strand by strand scatter, grey mixed in with age."""
    n = len(neutral)
    base = hair_color(traits)
    waves = rng.normal(0, 1.6, (3, 2)).astype(np.float32)
    streak = np.sin(neutral @ waves + rng.uniform(0, 6.28, 2)).sum(axis=1) * 0.10
    color = base * np.exp(rng.normal(0, 0.11, n) + 1.3 * streak)[:, None]
    if traits.hair_color not in ("black", "grey", "white") and rng.random() < 0.35:
        lighter = rng.random(n) < rng.uniform(0.1, 0.4)
        color[lighter] = 0.55 * color[lighter] + 0.45 * srgb_to_linear((0.72, 0.58, 0.40)) * rng.uniform(0.4, 0.9)
    grey_share = np.clip((traits.age - 40.0) / 60.0, 0.0, 0.45) * rng.uniform(0.1, 1.2)
    if traits.hair_color in ("grey", "white"):
        dark = rng.random(n) < rng.uniform(0.05, 0.5)
        color[dark] *= rng.uniform(0.65, 0.9)
    else:
        temples = 1.0 + 1.2 * gaussian((np.abs(neutral[:, 0]) - 7.2) ** 2 + (neutral[:, 1] - 4.0) ** 2 * 0.3, 1.8)
        grey = rng.random(n) < grey_share * temples
        color[grey] = 0.6 * color[grey] + 0.4 * srgb_to_linear((0.50, 0.49, 0.48))
    return np.clip(color, 0.003, 0.85).astype(np.float32)


# ---- brows ---------------------------------------------------------------------------------------------------------

BROW_BAND = (0.42, 1.10)
"""Brow hairs are rooted this many cm below landmarks 17-26, which lie on the upper edge of the brow ridge."""


@dataclass(frozen=True)
class _BrowShape:
    drop: float
    half_width: float
    arch: float
    start: float
    end: float
    strands: int
    length: float
    scatter: float
    bushy: float
    width: float


def _choose_brow(traits: Traits, rng: np.random.Generator) -> _BrowShape:
    man = traits.is_man
    pencilled = traits.make_up > 0.45 and rng.random() < 0.7
    half_width = rng.uniform(0.17, 0.34) if man else rng.uniform(0.12, 0.27)
    old = float(smoothstep(50.0, 75.0, np.array(traits.age)))
    bushy = old * rng.random() if man else 0.0
    sparse = 1.0 - rng.uniform(0.0, 0.6) * (rng.random() < 0.25 + 0.3 * old)
    density = rng.uniform(0.8, 1.35) * sparse * (1.25 if pencilled else 1.0)
    half_width = min(half_width * resting_face(traits).brow_thickness, 0.34)
    return _BrowShape(
        drop=rng.uniform(0.64, 0.86) - (0.05 if not man else 0.0),
        half_width=half_width,
        arch=rng.uniform(-0.12, 0.06) if man else rng.uniform(-0.06, 0.16),
        start=rng.uniform(1.0, 1.7) if rng.random() > 0.12 * man else rng.uniform(0.5, 0.9),
        end=rng.uniform(5.1, 5.75),
        strands=int(2100 * density * (0.10 + half_width)),
        length=rng.uniform(0.40, 0.62) * (1 + 0.6 * bushy) * (0.8 if pencilled else 1.0),
        scatter=0.10 if pencilled else rng.uniform(0.14, 0.26) + 0.2 * bushy,
        bushy=bushy,
        width=rng.uniform(0.024, 0.034) * (1.15 if pencilled else 1.0),
    )


def brow_line(model: FaceModel, x: np.ndarray) -> np.ndarray:
    """Neutral height in cm of landmarks 17-26 at distances ``x`` (...) from the middle."""
    upper = model.neutral[model.landmarks[22:27]]
    return np.interp(np.abs(x), upper[:, 0], upper[:, 1])


def grow_brows(model: FaceModel, traits: Traits, vertices: np.ndarray, normals: np.ndarray) -> Strands:
    """Both brows, four points a hair, rooted inside ``BROW_BAND``. Arguments as for ``grow_scalp_hair``."""
    rng = traits.rng("brows")
    shape = _choose_brow(traits, rng)
    center = _skin_area(model)[2]
    below = brow_line(model, center[:, 0]) - center[:, 1]
    near = (below > 0.0) & (below < 1.6) & (np.abs(center[:, 0]) < 6.2) & (center[:, 2] > 6.0)
    roots = _sample_roots(model, near.astype(np.float32), shape.strands * 9, rng)
    sign = np.sign(roots.neutral[:, 0]).astype(np.float32)
    shift = rng.normal(0, 0.025, 2)[(sign > 0).astype(int)]
    along = (np.abs(roots.neutral[:, 0]) - shape.start) / (shape.end - shape.start)
    across, inside = _across_brow(model, shape, roots.neutral, along, shift, rng)
    keep = np.flatnonzero(inside)
    keep = np.sort(rng.choice(keep, min(len(keep), 2 * shape.strands), replace=False))
    roots, along, across, sign = roots.take(keep), along[keep], across[keep], sign[keep]
    offsets = _brow_offsets(shape, _unit(roots.on(model, normals)), along, across, sign, rng)
    color = brow_color(traits) * np.exp(rng.normal(0, 0.2, len(keep)))[:, None]
    return Strands(
        roots.triangle,
        roots.barycentric,
        offsets,
        shape.width,
        0.75,
        np.clip(color, 0.002, 0.8).astype(np.float32),
        0.02,
    )


def _across_brow(
    model: FaceModel,
    shape: _BrowShape,
    neutral: np.ndarray,
    along: np.ndarray,
    shift: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Position across the brow (-1 lower edge, 1 upper edge) and whether a hair grows there."""
    t = np.clip(along, 0.0, 1.0)
    middle = shape.drop - shape.arch * np.sin(np.pi * t**1.4) + shift
    half = shape.half_width * np.interp(t, [0.0, 0.08, 0.55, 1.0], [0.55, 1.0, 0.85, 0.18])
    middle = np.clip(middle, BROW_BAND[0] + half, BROW_BAND[1] - half)
    below = brow_line(model, neutral[:, 0]) - neutral[:, 1]
    across = (middle - below) / half
    ragged = 1.0 - 0.35 * rng.random(len(t)) ** 2
    thin_start = rng.random(len(t)) < 0.45 + 0.55 * smoothstep(0.0, 0.18, along)
    inside = (along > 0) & (along < 1) & (np.abs(across) < ragged) & thin_start
    return across, inside & (below >= BROW_BAND[0]) & (below <= BROW_BAND[1])


def _brow_offsets(
    shape: _BrowShape,
    normal: np.ndarray,
    along: np.ndarray,
    across: np.ndarray,
    sign: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """(n, 4, 3): upright at the root of the nose, then outwards, upper hairs leaning down and lower ones up."""
    n = len(along)
    outward = np.interp(along, [0, 0.2, 1], [0.2, 0.85, 1.0]) * sign
    upward = np.interp(along, [0, 0.2, 0.6, 1], [1.0, 0.6, 0.1, -0.45]) - 0.35 * across * smoothstep(0.0, 0.3, along)
    direction = np.stack([outward, upward, np.full(n, -0.3)], axis=1) + rng.normal(0, shape.scatter, (n, 3))
    direction = _unit(_tangential(direction, normal))
    length = shape.length * np.interp(along, [0, 0.25, 1], [0.7, 1.0, 0.65]) * rng.uniform(0.65, 1.15, n)
    length *= 1.0 + 0.9 * shape.bushy * (rng.random(n) < 0.12)
    t = np.linspace(0, 1, 4, dtype=np.float32)
    rise = 0.02 + (0.07 + 0.12 * shape.bushy) * np.sin(np.pi * t * 0.75)
    offsets = direction[:, None] * (length[:, None] * t)[..., None] + normal[:, None] * (rise * (t > 0))[None, :, None]
    offsets[..., 1] -= (0.10 * length * sign * outward)[:, None] * t**2
    return offsets.astype(np.float32)


# ---- beard ---------------------------------------------------------------------------------------------------------


def beard_density(model: FaceModel, points: np.ndarray, kind: str) -> np.ndarray:
    """(...) float32, 0-1: how densely a beard of ``kind`` (a name of ``person.BEARDS``) grows at neutral ``points``."""
    x, y, z = np.abs(points[..., 0]), points[..., 1], points[..., 2]
    if kind == "none":
        return np.zeros(x.shape, np.float32)
    cheek = np.interp(x, [0.0, 2.6, 3.6, 5.0, 6.2, 7.0, 7.6], [-2.9, -2.9, -3.1, -2.6, -0.9, 1.8, 3.0])
    jaw = smoothstep(-0.45, 0.85, cheek - y) * smoothstep(-9.6, -8.2, y) * smoothstep(0.8, 2.6, z)
    bare = gaussian((x - 1.45) ** 2 * 1.4 + (y + 4.75) ** 2 * 2.5, 0.45)
    jaw *= 1.0 - 0.75 * bare
    lower_edge = np.interp(x, [0.0, 2.3, 3.2], [-2.6, -3.6, -4.4])
    upper_edge = np.interp(x, [0.0, 0.35, 1.2, 2.2, 3.1], [-1.75, -1.45, -1.5, -2.1, -3.2])
    moustache = (
        smoothstep(-0.12, 0.2, upper_edge - y)
        * smoothstep(-0.2, 0.15, y - lower_edge)
        * smoothstep(3.3, 2.7, x)
        * (z > 8)
    )
    if kind == "moustache":
        return moustache
    if kind == "goatee":
        chin = jaw * smoothstep(2.9, 2.2, x - 0.12 * (y + 5)) * smoothstep(-8.6, -7.8, y)
        return np.maximum(moustache, chin).astype(np.float32)
    return np.maximum(moustache, jaw).astype(np.float32)


def lip_freedom(model: FaceModel, points: np.ndarray) -> np.ndarray:
    """(...) float32, 0 on the lips, 1 from 0.2 cm beside them, for neutral ``points`` (..., 3)."""
    lips = model.neutral[model.landmarks[48:60]][:, :2]
    x, y = points[..., 0], points[..., 1]
    nearest = np.full(x.shape, np.inf)
    odd = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(lips, np.roll(lips, -1, axis=0), strict=True):
        sx, sy = x1 - x0, y1 - y0
        t = np.clip(((x - x0) * sx + (y - y0) * sy) / (sx * sx + sy * sy), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - x0 - t * sx, y - y0 - t * sy))
        if y0 != y1:
            odd ^= ((y0 > y) != (y1 > y)) & (x < sx * (y - y0) / sy + x0)
    return np.where(odd, 0.0, smoothstep(0.06, 0.2, nearest)).astype(np.float32)


def grow_beard(
    model: FaceModel,
    traits: Traits,
    vertices: np.ndarray,
    normals: np.ndarray,
    lip_free: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Strands | None:
    """Beard hair, or None for a shaven face.

    Args:
        model, traits, vertices, normals: as for ``grow_scalp_hair``.
        lip_free: maps neutral points (n, 3) to (n,) in 0-1, 0 on the lips; ``lip_freedom`` when None.
    """
    if traits.beard == "none":
        return None
    rng = traits.rng("beard")
    center = _skin_area(model)[2]
    density = beard_density(model, center, traits.beard) * (center[:, 2] > 0)
    near_lips = (density > 0) & (np.hypot(center[:, 0] / 3.2, (center[:, 1] + 3.4) / 1.6) < 1)
    density[near_lips] = np.maximum(density[near_lips], 0.05)
    stubble = traits.beard == "stubble"
    count = {"stubble": 3000, "moustache": 1100, "goatee": 2000, "full": 5600}[traits.beard]
    length = rng.uniform(0.06, 0.2) if stubble else float(np.exp(rng.uniform(np.log(0.35), np.log(1.3))))
    long_chin = rng.uniform(1.0, 4.5) if traits.beard in ("full", "goatee") and rng.random() < 0.3 else 1.0
    roots = _sample_roots(model, density, int(count * 1.15), rng)
    patch = np.sin(roots.neutral @ rng.normal(0, 2.2, (3, 3)) + rng.uniform(0, 6.28, 3)).sum(axis=1) * 0.12
    free = (lip_free or functools.partial(lip_freedom, model))(roots.neutral)
    grows = beard_density(model, roots.neutral, traits.beard) * (0.9 + patch) * free
    roots = roots.take(np.flatnonzero((rng.random(len(grows)) < grows) & (free > 0.3)))
    offsets = _beard_offsets(roots, _unit(roots.on(model, normals)), length, long_chin, 3 if stubble else 5, rng)
    color = brow_color(traits) * np.exp(rng.normal(0, 0.25, len(roots.triangle)))[:, None]
    grey = rng.random(len(color)) < np.clip((traits.age - 40.0) / 45.0, 0.0, 0.8) * rng.uniform(0.2, 1.3)
    color[grey] = 0.4 * color[grey] + 0.6 * srgb_to_linear((0.52, 0.51, 0.50))
    return Strands(
        roots.triangle,
        roots.barycentric,
        offsets,
        0.016 if stubble else 0.032,
        0.6,
        np.clip(color, 0.002, 0.8).astype(np.float32),
        0.012,
    )


def _beard_offsets(
    roots: _Roots, normal: np.ndarray, length: float, long_chin: float, k: int, rng: np.random.Generator
) -> np.ndarray:
    """(n, K, 3): downwards and outwards, shorter on cheeks and lip, longest on the chin."""
    n = len(normal)
    x, y = roots.neutral[:, 0], roots.neutral[:, 1]
    chin = gaussian(x**2 * 0.6 + (y + 6.8) ** 2, 1.8)
    lip = smoothstep(-3.3, -2.9, y) * (np.abs(x) < 3)
    reach = length * (1 + (long_chin - 1) * chin) * np.where(lip > 0.5, 0.75, 1.0)
    reach = np.minimum(reach, np.where(lip > 0.5, 0.55, 9.0)) * rng.uniform(0.55, 1.15, n)
    sideways = np.sign(x) * (
        0.25 * np.clip(np.abs(x) / 4, 0, 1) * (1 - lip) + lip * np.clip(0.35 + 0.3 * np.abs(x), 0, 1.1)
    )
    fall = np.stack([sideways, np.where(lip > 0.5, -0.8, -1.0), 0.12 * np.ones(n)], axis=1)
    lock = np.sin(roots.neutral @ rng.normal(0, 2.0, (3, 3)) + rng.uniform(0, 6.28, 3)) * 0.16
    direction = _unit(0.45 * normal + fall + lock + rng.normal(0, 0.24, (n, 3)))
    t = np.linspace(0, 1, k, dtype=np.float32)
    bend = 0.25 * (t - t**2)[None, :, None] * normal[:, None]
    offsets = (direction[:, None] * t[None, :, None] + bend) * reach[:, None, None]
    offsets[:, 1:] += 0.02 * normal[:, None]
    return offsets.astype(np.float32)


# ---- lashes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _LashPlan:
    """n lashes of K points on the mean face.

    Attributes:
        lid: (n,) vertex of the edge of the lid that each root follows.
        root: (n, 3) cm from that vertex to the root.
        open, closed: (n, K, 3) cm from the root, with the eye open and shut.
        left: (n,) bool, the subject's left eye.
    """

    lid: np.ndarray
    root: np.ndarray
    open: np.ndarray
    closed: np.ndarray
    left: np.ndarray


@functools.lru_cache(maxsize=2)
def _lash_plan(model: FaceModel) -> _LashPlan:
    rng = np.random.default_rng(3)
    skin = np.unique(model.triangles[model.material == Material.FACE])
    edge = cKDTree(model.neutral[skin])
    shut = model.neutral + 1.05 * sum(model.expression_shapes[model.expression_index[f"eyeBlink_{side}"]] for side in "LR")
    parts: dict[str, list[np.ndarray]] = {"lid": [], "root": [], "open": [], "closed": [], "left": []}
    for eye in range(2):
        for strip in range(6):
            upper = strip >= 3
            count = 30 if upper else 14
            column = np.sort(rng.uniform(0.0, 17.99, count))
            first = column.astype(int)
            share = (column - first).astype(np.float32)[:, None, None]
            before, behind = model.lash_grid[eye, strip][:, first].T, model.lash_grid[eye, strip][:, first + 1].T
            length = (rng.uniform(0.55, 1.0, count) * (0.85 if upper else 0.65)).astype(np.float32)[:, None, None]
            points = model.neutral[before] * (1 - share) + model.neutral[behind] * share
            after = shut[before] * (1 - share) + shut[behind] * share if upper else points
            _, nearest = edge.query(points[:, 0])
            parts["lid"].append(skin[nearest])
            parts["root"].append(points[:, 0] - model.neutral[skin[nearest]])
            parts["open"].append((points - points[:, :1]) * length)
            parts["closed"].append((after - after[:, :1]) * length)
            parts["left"].append(np.full(count, points[:, 0, 0].mean() > 0))
    return _LashPlan(**{name: np.concatenate(values) for name, values in parts.items()})


def lash_points(
    model: FaceModel, vertices: np.ndarray, closure: tuple[float, float], make_up: float = 0.0
) -> tuple[np.ndarray, float, tuple[float, float, float]]:
    """Lashes on the lids, before the head is turned.

    They follow the edge of the lid, whatever moves it; the upper ones turn down as the eye closes.

    Args:
        model: the geometry.
        vertices: (V, 3) cm of the expression, head upright.
        closure: how far the left and right eye are shut, 0-1.
        make_up: 0 (none) - 1 (strong mascara): longer and thicker.

    Returns:
        Points (264, 6, 3) float32, strand width in cm, linear RGB colour.
    """
    plan = _lash_plan(model)
    shut = np.where(plan.left, *closure).astype(np.float32)[:, None, None]
    offsets = (plan.open * (1 - shut) + plan.closed * shut) * (0.85 + 0.3 * make_up)
    roots = vertices[plan.lid] + plan.root
    return (roots[:, None] + offsets).astype(np.float32), 0.017 + 0.012 * make_up, (0.012, 0.009, 0.008)
