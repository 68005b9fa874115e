"""Scalp hair of a synthetic person as strands.

It grows in three steps, each cheap: a few hundred guides are combed over the head and fall under gravity; locks are blends
of neighbouring guides with their own length, curl and stray; every strand follows its lock, spread by the distance of the
roots.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.spatial import cKDTree

from aufait.synthetic.drawing.primitives import Strands, smoothstep
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.person import Traits
from aufait.synthetic.looks.hair_clearance import keep_clear, visible_under_headwear
from aufait.synthetic.looks.hair_colours import strand_colours
from aufait.synthetic.looks.hair_guides import grow_guides
from aufait.synthetic.looks.haircuts import Cut, choose_cut, side_of_parting
from aufait.synthetic.looks.scalp import HeadMap, scalp_density, scalp_signed_distance
from aufait.synthetic.looks.strand_roots import Roots, sample_roots, skin_area, unit


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
    cut = choose_cut(traits, rng)
    head = HeadMap(model, vertices)
    roots = _scalp_roots(model, traits, cut, rng)
    if len(roots.triangle) < 50:
        return None
    root = roots.on(model, vertices)
    normal = unit(roots.on(model, normals))
    points, fringe = _comb(cut, traits, head, roots, root, normal, rng)
    points = keep_clear(points, cut, traits, head, fringe, rng)
    keep = visible_under_headwear(points, traits)
    roots, points = roots.take(keep), points[keep]
    if len(points) < 50:
        return None
    return Strands(
        root_triangle=roots.triangle,
        root_barycentric=roots.barycentric,
        offsets=(points - points[:, :1]).astype(np.float32),
        width=cut.width,
        taper=0.6,
        colour=strand_colours(traits, roots.neutral, rng),
        specular=float(rng.uniform(0.012, 0.045)) * (0.5 if traits.hair_style in ("buzz", "curly") else 1.0),
        is_scalp=True,
    )


@functools.lru_cache(maxsize=2)
def _scalp_distance(model: FaceModel) -> np.ndarray:
    """Average hairline distance of the skin triangles of ``skin_area``."""
    return scalp_signed_distance(skin_area(model)[2])


def _scalp_roots(model: FaceModel, traits: Traits, cut: Cut, rng: np.random.Generator) -> Roots:
    weight = (_scalp_distance(model) > -1.8).astype(np.float32)
    # The front is seen most: more strands there, fewer low at the back.
    center = skin_area(model)[2]
    weight *= 0.7 + 0.6 * smoothstep(-4.0, 5.0, center[:, 2])
    roots = sample_roots(model, weight, int(cut.strands * 1.4), rng)
    distance = scalp_signed_distance(roots.neutral, traits)
    chance = smoothstep(-0.35, 0.75, distance + rng.normal(0, 0.12, len(distance))) * scalp_density(roots.neutral, traits)
    if traits.hair_style == "tied":  # no sideburns: they are too short to reach the tie
        low = smoothstep(5.0, 3.0, roots.neutral[:, 1]) * smoothstep(1.0, 2.2, roots.neutral[:, 2])
        chance = chance * (1.0 - 0.9 * low)
    keep = np.flatnonzero(rng.random(len(chance)) < chance)
    return roots.take(keep[: cut.strands] if len(keep) <= cut.strands else np.sort(rng.choice(keep, cut.strands, False)))


def _comb(
    cut: Cut,
    traits: Traits,
    head: HeadMap,
    roots: Roots,
    root: np.ndarray,
    normal: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Strand points (n, K, 3) and which strands (n,) belong to the fringe."""
    n, k = len(root), cut.points
    fringe = _fringe_roots(cut, roots.neutral)
    # Neighbours across a parting or the edge of the fringe must not share a lock.
    key = root + np.stack([side_of_parting(cut, root) * 1.5, 3.0 * fringe, np.zeros(n)], axis=1).astype(np.float32)
    guide = rng.choice(n, min(n, 260), replace=False)
    guide_points = grow_guides(cut, traits, head, root[guide], normal[guide], roots.neutral[guide], fringe[guide], rng)
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


def _fringe_roots(cut: Cut, neutral: np.ndarray) -> np.ndarray:
    if cut.fringe is None:
        return np.zeros(len(neutral), bool)
    return (neutral[:, 1] > 9.5) & (neutral[:, 2] > 4.6) & (np.abs(neutral[:, 0]) < 5.2)


def _edge_length(cut: Cut, traits: Traits, neutral: np.ndarray) -> np.ndarray:
    """Hair gets shorter towards the hairline, so that the edge is soft."""
    distance = scalp_signed_distance(neutral, traits)
    least = 0.35 if cut.top < 6 else 0.75
    return least + (1 - least) * smoothstep(-0.3, 1.2, distance)


def _lock_offsets(
    cut: Cut,
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


def _coil(offsets: np.ndarray, t: np.ndarray, cut: Cut, rng: np.random.Generator) -> np.ndarray:
    """Displacement (m, K, 3) that winds each lock around its own axis."""
    axis = unit(np.gradient(offsets, axis=1))
    side = unit(np.cross(axis, np.array([0.3, 0.2, 1.0], np.float32)))
    other = np.cross(axis, side)
    m = len(offsets)
    turns = cut.turns * rng.uniform(0.8, 1.2, (m, 1))
    phase = 2 * np.pi * (turns * t[None] + rng.random((m, 1)))
    radius = (cut.curl * rng.uniform(0.7, 1.2, (m, 1)) * smoothstep(0.0, 0.35, t)[None])[..., None]
    return radius * (np.cos(phase)[..., None] * side + np.sin(phase)[..., None] * other)


def _strays(cut: Cut, normal: np.ndarray, t: np.ndarray, offsets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Displacement (n, K, 3) of single strands: thickness of the layer, a little bend, and a few fly-aways."""
    n = len(normal)
    bend = rng.normal(0, 1, (n, 1, 3)).astype(np.float32) * (cut.frizz * (1 + 0.08 * cut.top))
    wild = (rng.random(n) < 0.03) & (cut.top > 1.0)
    bend[wild] *= 2.5
    layer = (rng.random(n) ** 1.5 * min(0.5, 0.16 * cut.top)).astype(np.float32)
    lift = np.where(wild, layer + 0.5, layer)[:, None] * np.sin(np.pi * np.clip(t * 0.9 + 0.05, 0, 1))
    return (normal[:, None] * lift[..., None] + bend * (t**1.3)[None, :, None]).astype(np.float32)
