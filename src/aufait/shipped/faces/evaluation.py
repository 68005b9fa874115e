"""How good the face networks are on people whom they have not seen: figures for the weights' headers and the model
card."""

from __future__ import annotations

import torch
from torch import Tensor

from aufait.faces.boxes import keep_best, overlap
from aufait.faces.networks import FaceDetectorNet, FaceLandmarkNet, decode_boxes, soft_argmax
from aufait.shipped.faces.camera import Draw
from aufait.shipped.faces.scenes import FaceBank, detection_batch, landmark_batch


@torch.inference_mode()
def evaluate_detector(
    network: FaceDetectorNet, bank: FaceBank, side: int, *, seed: int, batches: int = 12, threshold: float = 0.4
) -> dict[str, float]:
    """Recall at intersection over union 0.5, by face size, and false finds per scene, at a score threshold.

    Returns:
        ``detector_recall_<from>_<to>`` for size ranges in pixels, ``detector_recall``, ``detector_false_per_scene``.
    """
    device = bank.pixels.device
    draw = Draw(torch.Generator(device).manual_seed(seed))
    ranges = ((12, 20), (20, 40), (40, 100), (100, 240))
    hits, totals, false, scenes = [0] * len(ranges), [0] * len(ranges), 0, 0
    for _ in range(batches):
        images, boxes, kinds = detection_batch(bank, 16, side, draw)
        for found, truth, kind in zip(find_boxes(network, images, threshold), boxes, kinds, strict=True):
            real, aside = truth[kind == 1].cpu().numpy(), truth[kind != 0].cpu().numpy()
            shared = overlap(real, found)
            sizes = (real[:, 2:] - real[:, :2]).max(axis=1) if len(real) else []
            for row, size in enumerate(sizes):
                for k, (low, high) in enumerate(ranges):
                    if low <= size < high:
                        totals[k] += 1
                        hits[k] += bool((shared[row] >= 0.5).any())
            false += int((overlap(found, aside) < 0.3).all(axis=1).sum()) if len(found) else 0
            scenes += 1
    recall = {f"detector_recall_{a}_{b}": hits[k] / max(totals[k], 1) for k, (a, b) in enumerate(ranges)}
    return {**recall, "detector_recall": sum(hits) / max(sum(totals), 1), "detector_false_per_scene": false / scenes}


def find_boxes(network: FaceDetectorNet, images: Tensor, threshold: float) -> list:
    """Boxes (n, 4) numpy per picture, after non-maximum suppression."""
    config = network.config
    scores, boxes = [], []
    outputs = network(images.contiguous(memory_format=torch.channels_last))
    for (logits, edges), stride, reference in zip(outputs, config.strides, config.reference_sizes, strict=True):
        scores.append(logits.float().flatten(1).sigmoid())
        boxes.append(decode_boxes(edges, stride, reference))
    score, box = torch.cat(scores, dim=1).cpu(), torch.cat(boxes, dim=1).cpu()
    out = []
    for s, b in zip(score, box, strict=True):
        rows = (s > threshold).nonzero()[:, 0]
        kept = keep_best(b[rows].numpy(), s[rows].numpy(), 0.4)
        out.append(b[rows].numpy()[kept])
    return out


@torch.inference_mode()
def evaluate_landmarks(network: FaceLandmarkNet, bank: FaceBank, *, seed: int, batches: int = 12) -> dict[str, float]:
    """Point error over the outer-canthus distance, and how well faces and other crops are distinguished.

    Returns:
        ``landmark_nme_inner`` (51 points, mean), ``landmark_nme_inner_median``, ``landmark_nme_jaw``,
        ``face_recall`` and ``face_false_rate`` at a face score of 0.5.
    """
    device = bank.pixels.device
    draw = Draw(torch.Generator(device).manual_seed(seed))
    errors, faces, truth = [], [], []
    config = network.config
    for _ in range(batches):
        crops, points, is_face = landmark_batch(bank, 48, config.crop_size, config.crop_scale, draw)
        heatmaps, logits = network(crops.contiguous(memory_format=torch.channels_last))
        distance = (soft_argmax(heatmaps) - points).norm(dim=2)
        canthi = (points[:, 36] - points[:, 45]).norm(dim=1, keepdim=True)
        errors.append((distance / canthi)[is_face])
        faces.append(logits > 0)
        truth.append(is_face)
    error, face, true = torch.cat(errors), torch.cat(faces), torch.cat(truth)
    return {
        "landmark_nme_inner": float(error[:, 17:].mean()),
        "landmark_nme_inner_median": float(error[:, 17:].median()),
        "landmark_nme_jaw": float(error[:, :17].mean()),
        "face_recall": float(face[true].float().mean()),
        "face_false_rate": float(face[~true].float().mean()),
    }
