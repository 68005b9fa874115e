"""Brows and lashes: the shape of a brow, its strands, and lashes that follow the lids."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from aufait.synthetic.drawing.materials import Material
from aufait.synthetic.drawing.primitives import Strands, smoothstep
from aufait.synthetic.head.assets import FaceModel
from aufait.synthetic.head.person import Traits
from aufait.synthetic.head.resting import resting_face
from aufait.synthetic.looks.hair_colours import brow_colour
from aufait.synthetic.looks.strand_roots import sample_roots, skin_area, tangential, unit

BROW_BAND = (0.42, 1.10)
"""Brow hairs are rooted this many cm below landmarks 17-26, which are on the upper edge of the brow ridge."""


@dataclass(frozen=True)
class BrowShape:
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


def choose_brow(traits: Traits, rng: np.random.Generator) -> BrowShape:
    man = traits.is_man
    pencilled = traits.make_up > 0.45 and rng.random() < 0.7
    half_width = rng.uniform(0.17, 0.34) if man else rng.uniform(0.12, 0.27)
    old = float(smoothstep(50.0, 75.0, np.array(traits.age)))
    bushy = old * rng.random() if man else 0.0
    sparse = 1.0 - rng.uniform(0.0, 0.6) * (rng.random() < 0.25 + 0.3 * old)
    density = rng.uniform(0.8, 1.35) * sparse * (1.25 if pencilled else 1.0)
    half_width = min(half_width * resting_face(traits).brow_thickness, 0.34)
    return BrowShape(
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
    shape = choose_brow(traits, rng)
    center = skin_area(model)[2]
    below = brow_line(model, center[:, 0]) - center[:, 1]
    near = (below > 0.0) & (below < 1.6) & (np.abs(center[:, 0]) < 6.2) & (center[:, 2] > 6.0)
    roots = sample_roots(model, near.astype(np.float32), shape.strands * 9, rng)
    sign = np.sign(roots.neutral[:, 0]).astype(np.float32)
    shift = rng.normal(0, 0.025, 2)[(sign > 0).astype(int)]
    along = (np.abs(roots.neutral[:, 0]) - shape.start) / (shape.end - shape.start)
    across, inside = _across_brow(model, shape, roots.neutral, along, shift, rng)
    keep = np.flatnonzero(inside)
    keep = np.sort(rng.choice(keep, min(len(keep), 2 * shape.strands), replace=False))
    roots, along, across, sign = roots.take(keep), along[keep], across[keep], sign[keep]
    offsets = _brow_offsets(shape, unit(roots.on(model, normals)), along, across, sign, rng)
    colour = brow_colour(traits) * np.exp(rng.normal(0, 0.2, len(keep)))[:, None]
    return Strands(
        roots.triangle,
        roots.barycentric,
        offsets,
        shape.width,
        0.75,
        np.clip(colour, 0.002, 0.8).astype(np.float32),
        0.02,
    )


def _across_brow(
    model: FaceModel,
    shape: BrowShape,
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
    shape: BrowShape,
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
    direction = unit(tangential(direction, normal))
    length = shape.length * np.interp(along, [0, 0.25, 1], [0.7, 1.0, 0.65]) * rng.uniform(0.65, 1.15, n)
    length *= 1.0 + 0.9 * shape.bushy * (rng.random(n) < 0.12)
    t = np.linspace(0, 1, 4, dtype=np.float32)
    rise = 0.02 + (0.07 + 0.12 * shape.bushy) * np.sin(np.pi * t * 0.75)
    offsets = direction[:, None] * (length[:, None] * t)[..., None] + normal[:, None] * (rise * (t > 0))[None, :, None]
    offsets[..., 1] -= (0.10 * length * sign * outward)[:, None] * t**2
    return offsets.astype(np.float32)


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
