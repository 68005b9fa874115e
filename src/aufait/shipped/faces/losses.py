"""What the face networks are trained to do, as pure functions."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from aufait.faces.networks import FaceDetectorConfig, cell_centers, soft_argmax


def detector_targets(
    boxes: Tensor, kinds: Tensor, config: FaceDetectorConfig, level: int, height: int, width: int
) -> tuple[Tensor, Tensor, Tensor]:
    """What one grid of cells should say.

    Args:
        boxes: (B, K, 4) pixels.
        kinds: (B, K): 1 a face, 0 nothing, -1 to be ignored.
        config: of the network.
        level: which stride, 0 to 2.
        height, width: cells.

    Returns:
        Score (B, h*w): 1 at the middle of a face, falling off as a bell; edges (B, h*w, 4): logarithm of the
        distances over half the reference size, for the nearest face; mask (B, h*w): 0 in the middle of things left
        out of account.
    """
    stride, reference = config.strides[level], config.reference_sizes[level]
    low, high = config.size_ranges[level]
    centers = cell_centers(height, width, stride, boxes.device)  # (P, 2)
    size = (boxes[..., 2:] - boxes[..., :2]).amax(dim=2)  # (B, K)
    mine = (kinds == 1) & (size >= low) & (size < high)
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    squared = ((centers[None, :, None] - middle[:, None]) ** 2).sum(dim=3)  # (B, P, K)
    spread = (0.09 * size).clamp(min=0.55 * stride)[:, None]
    bell = torch.exp(-squared / (2 * spread**2))
    score, nearest = (bell * mine[:, None]).max(dim=2)
    # The cell nearest to the middle counts in full, wherever the middle falls between cells.
    peak = squared.argmin(dim=1)  # (B, K)
    score = score.scatter_reduce(1, peak, mine.float(), reduce="amax")
    ignored = ((kinds == -1) & (size >= 0.7 * low) & (size < 1.4 * high))[:, None]
    mask = ((bell > 0.1) & ignored).any(dim=2).logical_not().float()
    box = torch.gather(boxes, 1, nearest[..., None].expand(-1, -1, 4))  # (B, P, 4)
    distance = torch.cat([centers - box[..., :2], box[..., 2:] - centers], dim=2)
    return score, (distance.clamp(min=1.0) / (reference / 2)).log(), mask


def detector_loss(
    outputs: list[tuple[Tensor, Tensor]], boxes: Tensor, kinds: Tensor, config: FaceDetectorConfig
) -> dict[str, Tensor]:
    """Score and box terms, each summed over all cells and divided by the number of faces.

    Score: CenterNet's penalty-reduced focal loss. Edges: smooth L1 on logarithms, near the middle of faces.
    """
    score_loss = torch.zeros((), device=boxes.device)
    edge_loss, weight_sum, faces = score_loss.clone(), score_loss.clone(), score_loss.clone()
    for level, (logits, edges) in enumerate(outputs):
        height, width = logits.shape[-2:]
        score, target, mask = detector_targets(boxes, kinds, config, level, height, width)
        chance = logits.float().flatten(1).sigmoid().clamp(1e-5, 1 - 1e-5)
        positive = (score >= 0.999).float()
        hit = -((1 - chance) ** 2) * chance.log() * positive
        miss = -(chance**2) * (1 - chance).log() * (1 - score) ** 4 * (1 - positive) * mask
        score_loss = score_loss + (hit + miss).sum()
        faces = faces + positive.sum()
        weight = score * (score > 0.3)
        error = functional.smooth_l1_loss(
            edges.float().flatten(2).transpose(1, 2), target, beta=0.05, reduction="none"
        ).mean(dim=2)
        edge_loss = edge_loss + (error * weight).sum()
        weight_sum = weight_sum + weight.sum()
    return {"score": score_loss / faces.clamp(min=1), "edges": edge_loss / weight_sum.clamp(min=1)}


def landmark_loss(
    heatmaps: Tensor, face_logits: Tensor, landmarks: Tensor, is_face: Tensor, *, stride: int = 4
) -> dict[str, Tensor]:
    """Heatmap, distance, flatness and face terms.

    Heatmap: cross-entropy between a heatmap's distribution and a bell of one cell around the true point. Distance:
    smooth L1 of the soft-argmax in pixels. Both average over points inside the crop of crops that show a face. Flat:
    cross-entropy between the heatmaps of crops without a face and an even distribution, above its least value. Face:
    binary cross-entropy.

    Args:
        heatmaps: (B, N, h, w) logits.
        face_logits: (B,).
        landmarks: (B, N, 2) crop pixels.
        is_face: (B,) bool.
        stride: pixels per cell.
    """
    height, width = heatmaps.shape[-2:]
    place = (landmarks + 0.5) / stride - 0.5  # in cells
    inside = ((place >= 0) & (place <= torch.tensor([width - 1, height - 1], device=place.device))).all(dim=2)
    weight = (inside & is_face[:, None]).float()
    count = weight.sum().clamp(min=1)
    chance = heatmaps.float().flatten(2).log_softmax(dim=2).view(heatmaps.shape)
    along_x, along_y = _bell(place[..., 0], width), _bell(place[..., 1], height)
    entropy = -torch.einsum("bnhw,bnh,bnw->bn", chance, along_y, along_x)
    distance = functional.smooth_l1_loss(soft_argmax(heatmaps, stride), landmarks, beta=1.0, reduction="none").sum(
        dim=2
    )
    absent = (~is_face).float()
    unevenness = -chance.mean(dim=(1, 2, 3)) - math.log(height * width)
    return {
        "heatmap": (entropy * weight).sum() / count,
        "distance": (distance * weight).sum() / count,
        "flat": (unevenness * absent).sum() / absent.sum().clamp(min=1),
        "face": functional.binary_cross_entropy_with_logits(face_logits.float(), is_face.float()),
    }


def _bell(place: Tensor, cells: int) -> Tensor:
    """(B, N) -> (B, N, cells): a normal distribution of one cell, summing to 1."""
    steps = torch.arange(cells, device=place.device)
    bell = torch.exp(-((steps - place[..., None]) ** 2) / 2)
    return bell / bell.sum(dim=2, keepdim=True).clamp(min=1e-6)
