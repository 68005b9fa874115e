"""A few hundred guides combed over the head, step by step, under gravity or to a tie at the back."""

from __future__ import annotations

import numpy as np

from aufait.synthetic.drawing.primitives import smoothstep
from aufait.synthetic.head.person import Traits
from aufait.synthetic.looks.haircuts import Cut, side_of_parting
from aufait.synthetic.looks.scalp import HeadMap
from aufait.synthetic.looks.strand_roots import DOWN, tangential, unit

_TIE_POINT = np.array([0.0, 9.5, -9.6], np.float32)


def grow_guides(
    cut: Cut,
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
    direction = unit(tangential(comb, normal)) + normal * (cut.lift * (0.4 + 0.6 * smoothstep(4, 10, neutral[:, 1])))[:, None]
    out = np.empty((len(root), cut.points, 3), np.float32)
    out[:, 0] = position = root
    for j in range(1, cut.points):
        direction = unit(direction)
        position = position + direction * step
        outward = unit(position - head.center)
        clearance = np.minimum(0.12 + 0.4 * j * step[:, 0], 0.15 + volume * smoothstep(0.0, 8.0, position[:, 1]))
        position = head.push_out(position, clearance)
        pull = cut.gravity * np.minimum(step, 2.0) * (1.0 + 0.6 * j)
        into = np.minimum(np.einsum("nk,nk->n", direction, outward), 0.0)[:, None]
        direction = direction - 0.8 * into * outward + DOWN * pull - outward * (0.12 * cut.lift)
        # Below the ears hair hangs towards the neck instead of keeping its way outwards.
        direction[:, [0, 2]] *= (1.0 - 0.45 * smoothstep(4.0, -1.0, position[:, 1]) * (cut.gravity > 0.3))[:, None]
        out[:, j] = position
    return out


def _lengths(cut: Cut, neutral: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    top = smoothstep(6.5, 10.5, neutral[:, 1] + 0.15 * neutral[:, 2])
    return ((cut.side + (cut.top - cut.side) * top) * rng.uniform(0.85, 1.12, len(neutral))).astype(np.float32)


def _comb_direction(
    cut: Cut, traits: Traits, root: np.ndarray, neutral: np.ndarray, fringe: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(g, 3) how the hair is laid at its roots: off the whorl, away from the parting, downwards at the sides."""
    whorl = np.array([rng.uniform(-1.5, 1.5), 13.2, -4.5], np.float32)
    comb = 0.5 * unit(root - whorl)
    comb[:, 2] += cut.forward * smoothstep(-3.0, 3.0, neutral[:, 2])
    sign = side_of_parting(cut, root) if cut.parting is not None else np.full(len(root), rng.choice([-1.0, 1.0]), np.float32)
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


def _tie_back(cut: Cut, head: HeadMap, root: np.ndarray, fringe: np.ndarray, rng: np.random.Generator) -> np.ndarray:
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
    path += 0.35 * np.array([0, 1, 0]) * np.sin(np.pi * t) * np.linalg.norm(a, axis=-1, keepdims=True) * (a[..., 1:2] > 0)
    surface = unit(path) * head.radius(path)[..., None]
    clearance = 0.10 + cut.volume * np.sin(np.pi * np.clip(t * 1.05, 0, 1))
    out = np.empty((len(root), k, 3), np.float32)
    out[:, :on_head] = head.center + surface * (1 + clearance / np.linalg.norm(surface, axis=-1, keepdims=True))
    out[:, 0] = root
    spin = rng.uniform(0, 6.28, len(root))
    size = rng.uniform(1.2, 2.4)
    outward = unit(tie - head.center)
    for j in range(on_head, k):
        s = (j - on_head + 1) / (k - on_head)
        if bun:
            angle = spin + 2.6 * s
            around = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)
            out[:, j] = tie + outward * size * 0.8 + around * size * (0.6 + 0.4 * s) * rng.uniform(0.6, 1.0, (len(root), 1))
        else:
            jitter = np.stack([np.cos(spin), np.zeros_like(spin), np.sin(spin)], axis=1) * (0.5 + 0.6 * np.sin(np.pi * s))
            out[:, j] = tie + outward * (1.2 * np.sin(np.pi * min(s, 0.6))) + DOWN * (9.0 * s * s) + jitter
    if fringe.any():
        out[fringe] = _short_fringe(cut, head, root[fringe])
    return out


def _short_fringe(cut: Cut, head: HeadMap, root: np.ndarray) -> np.ndarray:
    t = np.linspace(0, 1, cut.points, dtype=np.float32)[None, :, None]
    reach = np.maximum(root[:, 1] - (cut.fringe or 7.5), 0.5)[:, None, None]
    path = root[:, None] + np.array([0, 0, 1.6]) * np.sin(np.pi * t * 0.7) + DOWN * reach * t**1.6
    path[..., 0] *= 1 + 0.15 * t[..., 0]
    out: np.ndarray = head.push_out(path, 0.15 + 0.5 * np.sin(np.pi * t[..., 0])).astype(np.float32)
    return out
