"""Training pictures for the face networks, put together from rendered and real faces and procedural backgrounds.

A ``FaceBank`` holds faces with their alpha; ``detection_batch`` places some of them, at many sizes, before
backgrounds, with hard negatives among them; ``landmark_batch`` cuts one crop per face, plus crops that show no face.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from aufait.errors import InputError
from aufait.landmarks import MIRROR_68
from aufait.shipped.faces.camera import Draw, distort, occlude

if TYPE_CHECKING:
    from aufait.synthetic.dataset import FrameRecord

BANK_SIDE = 192
"""Side of a stored render in pixels."""


@dataclass(frozen=True, eq=False)
class FaceBank:
    """Faces in memory.

    Attributes:
        pixels: (N, 4, 192, 192) uint8: red, green, blue, alpha of the person; of a real face, alpha of the picture.
        landmarks: (N, 68, 2) float32 pixels.
        identity: (N,) int64 number of the person.
        backgrounds: (M, 3, 320, 320) uint8 pictures without faces.
        smaller: the same with colours premultiplied by alpha, at a half and at a quarter of the size, so that small
            faces neither alias nor cost more than they show.
        is_real: (N,) bool; the others are renders.
        real_share: share of the real ones among the faces taken from a bank that has both kinds.
    """

    pixels: Tensor
    landmarks: Tensor
    identity: Tensor
    backgrounds: Tensor
    smaller: tuple[Tensor, Tensor]
    is_real: Tensor
    real_share: float = 0.5

    def __len__(self) -> int:
        return len(self.pixels)

    def part(self, rows: Tensor, backgrounds: Tensor) -> FaceBank:
        """Some of the faces, with their share of the backgrounds."""
        half, quarter = (level[rows] for level in self.smaller)
        return replace(
            self,
            pixels=self.pixels[rows],
            landmarks=self.landmarks[rows],
            identity=self.identity[rows],
            backgrounds=backgrounds,
            smaller=(half, quarter),
            is_real=self.is_real[rows],
        )

    def joined(self, other: FaceBank, real_share: float) -> FaceBank:
        """The faces of both, before the backgrounds of this one."""
        half, quarter = (torch.cat(pair) for pair in zip(self.smaller, other.smaller, strict=True))
        return replace(
            self,
            pixels=torch.cat([self.pixels, other.pixels]),
            landmarks=torch.cat([self.landmarks, other.landmarks]),
            identity=torch.cat([self.identity, other.identity]),
            smaller=(half, quarter),
            is_real=torch.cat([self.is_real, other.is_real]),
            real_share=real_share,
        )

    def draw_rows(self, count: int, draw: Draw) -> Tensor:
        """(count,) random rows, ``real_share`` of them real where there are both kinds."""
        real, rendered = (kind.nonzero()[:, 0] for kind in (self.is_real, ~self.is_real))
        if len(real) == 0 or len(rendered) == 0:
            return draw.integers(len(self), count)
        place = draw.uniform(0, 1, count)
        of_real, of_rendered = ((place * len(kind)).long().clamp(max=len(kind) - 1) for kind in (real, rendered))
        return torch.where(draw.chance(self.real_share, count), real[of_real], rendered[of_rendered])

    def to(self, device: torch.device | str) -> FaceBank:
        """The same on another device."""
        half, quarter = (level.to(device) for level in self.smaller)
        return replace(
            self,
            pixels=self.pixels.to(device),
            landmarks=self.landmarks.to(device),
            identity=self.identity.to(device),
            backgrounds=self.backgrounds.to(device),
            smaller=(half, quarter),
            is_real=self.is_real.to(device),
        )


def build_bank(
    pixels: Tensor, landmarks: Tensor, identity: Tensor, backgrounds: Tensor, *, real: bool = False
) -> FaceBank:
    """A bank from straight (not premultiplied) faces, all renders or all real; see ``FaceBank`` for the shapes."""
    halves, quarters = [], []
    for block in pixels.split(256):
        half = functional.avg_pool2d(premultiply(block.float()), 2)
        halves.append(half.round().to(torch.uint8))
        quarters.append(functional.avg_pool2d(half, 2).round().to(torch.uint8))
    is_real = torch.full((len(pixels),), real)
    return FaceBank(pixels, landmarks, identity, backgrounds, (torch.cat(halves), torch.cat(quarters)), is_real)


def premultiply(pixels: Tensor) -> Tensor:
    """Colours times alpha: (B, 4, H, W) in [0, 255] -> the same."""
    return torch.cat([pixels[:, :3] * (pixels[:, 3:] / 255.0), pixels[:, 3:]], dim=1)


def split_by_identity(bank: FaceBank, held_out: float) -> tuple[FaceBank, FaceBank]:
    """Training and held-out part; no person is in both. Every ``1 / held_out``-th person is held out."""
    people = torch.unique(bank.identity)
    every = max(round(1.0 / held_out), 2)
    apart = torch.isin(bank.identity, people[::every])
    cut = max(len(bank.backgrounds) // every, 1)
    train = bank.part((~apart).nonzero()[:, 0], bank.backgrounds[cut:])
    return train, bank.part(apart.nonzero()[:, 0], bank.backgrounds[:cut])


def load_faces(
    folder: Path, backgrounds: Tensor, *, max_frames: int | None = None, threads: int = 4, seed: int = 0
) -> FaceBank:
    """Read the renders of ``aufait synth``.

    Args:
        folder: the output folder of ``aufait synth``.
        backgrounds: (M, 3, S, S) uint8, from ``make_backgrounds``.
        max_frames: a random part of the frames; each takes 0.2 MB of memory.
        threads: that decode pictures.
        seed: of the choice.

    Raises:
        InputError: the folder holds no records.
    """
    from aufait.synthetic.dataset import read_records

    records: list[FrameRecord] = list(read_records(folder))
    if not records:
        raise InputError(f"{folder} holds no rendered frames; make some with: aufait synth {folder} --frames 5000")
    if max_frames is not None and len(records) > max_frames:
        chosen = np.random.default_rng(seed).permutation(len(records))[:max_frames]
        records = [records[row] for row in np.sort(chosen)]
    pixels = torch.empty((len(records), 4, BANK_SIDE, BANK_SIDE), dtype=torch.uint8)
    landmarks = torch.empty((len(records), 68, 2))

    def read(row: int) -> None:
        pixels[row], landmarks[row] = _read_record(records[row])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, range(len(records))))
    identity = torch.tensor([int(record.identity) for record in records])
    return build_bank(pixels, landmarks, identity, backgrounds)


def _read_record(record: FrameRecord) -> tuple[Tensor, Tensor]:
    with Image.open(record.image_path) as file:
        picture = file.convert("RGB")
    with Image.open(record.mask_path) as file:
        mask = file.convert("L")
    scale = BANK_SIDE / np.array(picture.size)
    if picture.size != (BANK_SIDE, BANK_SIDE):
        picture = picture.resize((BANK_SIDE, BANK_SIDE), Image.Resampling.BOX)
    if mask.size != (BANK_SIDE, BANK_SIDE):
        mask = mask.resize((BANK_SIDE, BANK_SIDE), Image.Resampling.BOX)
    stacked = np.concatenate([np.asarray(picture), np.asarray(mask)[..., None]], axis=2)
    points = (np.asarray(record.landmarks) + 0.5) * scale - 0.5
    return torch.from_numpy(stacked.copy()).permute(2, 0, 1), torch.from_numpy(points.astype(np.float32))


def landmark_box(landmarks: Tensor) -> Tensor:
    """(..., 68, 2) -> (..., 4): the smallest upright box."""
    return torch.cat([landmarks.amin(dim=-2), landmarks.amax(dim=-2)], dim=-1)


def similarity(angle: Tensor, scale: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """(B, 2, 3) transforms that turn by ``angle`` (B,), scale by ``scale`` (B,) and bring ``source`` to ``target``
    (B, 2)."""
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    linear = torch.stack([torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], dim=-2)
    return torch.cat([linear, (target - (linear @ source[..., None])[..., 0])[..., None]], dim=-1)


def move(matrix: Tensor, points: Tensor) -> Tensor:
    """Points (B, N, 2) moved by transforms (B, 2, 3)."""
    return points @ matrix[:, :, :2].transpose(1, 2) + matrix[:, None, :, 2]


def sample(sources: Tensor, matrix: Tensor, height: int, width: int) -> Tensor:
    """Sources (B, C, h, w), seen through transforms (B, 2, 3) source -> target, as (B, C, height, width); zero
    outside."""
    bottom = torch.tensor([0.0, 0.0, 1.0], device=matrix.device).expand(len(matrix), 1, 3)
    inverse = torch.linalg.inv(torch.cat([matrix, bottom], dim=1))[:, :2]
    y, x = torch.meshgrid(
        torch.arange(height, device=matrix.device), torch.arange(width, device=matrix.device), indexing="ij"
    )
    target = torch.stack([x, y, torch.ones_like(x)], dim=-1).reshape(1, -1, 3).to(matrix.dtype)
    place = (target @ inverse.transpose(1, 2)).view(len(matrix), height, width, 2)
    size = torch.tensor([sources.shape[3], sources.shape[2]], device=matrix.device)
    return functional.grid_sample(sources, (place + 0.5) * 2.0 / size - 1.0, align_corners=False)


def background_batch(bank: FaceBank, batch: int, side: int, draw: Draw) -> Tensor:
    """Random windows of random backgrounds: (batch, 3, side, side) in [0, 1], at half, full or double size, mirrored or
    turned upside down now and then."""
    stored = bank.backgrounds.shape[-1]
    out = torch.empty((batch, 3, side, side), device=bank.backgrounds.device)
    rows = draw.integers(len(bank.backgrounds), batch).tolist()
    zooms = draw.uniform(0, 1, batch).tolist()
    corners = draw.uniform(0, 1, batch, 2).tolist()
    flips = draw.integers(4, batch).tolist()
    for k in range(batch):
        span = side if zooms[k] < 0.4 else side // 2 if zooms[k] < 0.75 or 2 * side > stored else 2 * side
        x, y = (int(c * (stored - span + 1)) for c in corners[k])
        window = bank.backgrounds[rows[k], :, y : y + span, x : x + span].float()
        if span > side:
            window = functional.avg_pool2d(window, 2)
        elif span < side:
            window = functional.interpolate(window[None], size=(side, side), mode="bilinear")[0]
        window = window.flip(-1) if flips[k] & 1 else window
        out[k] = window.flip(-2) if flips[k] == 3 else window
    return out / 255.0


@dataclass(frozen=True, eq=False)
class Faces:
    """Faces taken from a bank for one batch.

    Attributes:
        pixels: (B, 4, S, S) float in [0, 1], premultiplied, S = 192, 96 or 48.
        landmarks: (B, 68, 2) pixels at S = 192; mirrored where ``mirror`` says so.
        matrix: (B, 2, 3) from the pixels of ``pixels`` to the coordinates of ``landmarks``: scale and mirror.
    """

    pixels: Tensor
    landmarks: Tensor
    matrix: Tensor


def take_faces(bank: FaceBank, count: int, draw: Draw, *, shrink: int = 1, keep_scene: float = 0.0) -> Faces:
    """Random faces; half of them mirrored, some without shoulders, some with the scene that they were rendered in.

    Args:
        bank: where from.
        count: how many.
        draw: random numbers.
        shrink: 1, 2 or 4: pixels at 192, 96 or 48.
        keep_scene: share that keeps its own background (only at full size).
    """
    rows = bank.draw_rows(count, draw)
    source = bank.pixels if shrink == 1 else bank.smaller[0 if shrink == 2 else 1]
    pixels = source[rows].float() / 255.0
    if shrink == 1:
        opaque = draw.chance(keep_scene, count)[:, None, None]
        alpha = torch.where(opaque, 1.0, pixels[:, 3])
        pixels[:, :3] *= alpha[:, None]
        pixels[:, 3] = alpha
    headless = draw.chance(0.3, count).nonzero()[:, 0]
    landmarks = bank.landmarks[rows]
    if len(headless):
        pixels[headless] *= _head_oval(landmarks[headless], pixels.shape[-1], draw)[:, None]
    flip = draw.chance(0.5, count)[:, None, None]
    mirror = torch.tensor(MIRROR_68, device=landmarks.device)
    turned = landmarks[:, mirror] * torch.tensor([-1.0, 1.0], device=landmarks.device)
    turned[..., 0] += BANK_SIDE - 1
    edge = (shrink - 1) / 2
    plain = torch.tensor([[shrink, 0.0, edge], [0.0, shrink, edge]], device=landmarks.device)
    flipped = torch.tensor([[-shrink, 0.0, BANK_SIDE - 1 - edge], [0.0, shrink, edge]], device=landmarks.device)
    return Faces(pixels, torch.where(flip, turned, landmarks), torch.where(flip, flipped, plain))


def _head_oval(landmarks: Tensor, side: int, draw: Draw) -> Tensor:
    """(B, side, side): 1 on an oval around face and hair, falling softly to 0."""
    box = landmark_box(landmarks) * (side / BANK_SIDE)
    center, size = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2])
    radius = size * draw.uniform(0.75, 1.1, len(box), 1)
    steps = torch.arange(side, device=landmarks.device).float()
    dx = (steps[None, None] - center[:, 0, None, None]) / radius[:, 0, None, None]
    dy = (steps[None, :, None] - (center[:, 1] - 0.2 * size[:, 1])[:, None, None]) / radius[:, 1, None, None]
    return ((1.15 - (dx**2 + dy**2).sqrt()) / 0.15).clamp(0, 1)


def compose(second: Tensor, first: Tensor) -> Tensor:
    """(B, 2, 3): first one transform, then the other."""
    linear = second[:, :, :2] @ first[:, :, :2]
    return torch.cat([linear, second[:, :, :2] @ first[:, :, 2:] + second[:, :, 2:]], dim=2)


@dataclass(frozen=True)
class SceneSlot:
    """One face that a scene may hold."""

    sizes: tuple[float, float]
    """Face size in pixels, from and to, even in the logarithm."""

    chance: float
    """Share of scenes that have it."""

    shrink: int
    """The render is averaged over blocks of this side first, so that small faces do not alias."""


SCENE_SLOTS = (
    SceneSlot((84.0, 240.0), 0.5, 1),
    SceneSlot((36.0, 90.0), 0.55, 1),
    SceneSlot((20.0, 40.0), 0.45, 2),
    SceneSlot((12.0, 24.0), 0.4, 4),
)


def detection_batch(bank: FaceBank, batch: int, side: int, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """Scenes for the detector.

    Args:
        bank: faces and backgrounds.
        batch: number of scenes.
        side: of a scene in pixels, a multiple of 32.
        draw: random numbers.

    Returns:
        Pictures (B, 3, side, side) in [0, 1], boxes (B, K, 4) in pixels, and what they are (B, K): 1 a face, 0 nothing,
        -1 something that should count neither as face nor as background (a face mostly cut off or hidden).
    """
    scenes = background_batch(bank, batch, side, draw)
    boxes = torch.zeros(batch, len(SCENE_SLOTS), 4, device=scenes.device)
    kinds = torch.zeros(batch, len(SCENE_SLOTS), dtype=torch.long, device=scenes.device)
    _add_hard_negatives(scenes, bank, draw, share=0.3)
    for number, slot in enumerate(SCENE_SLOTS):
        _add_faces(scenes, bank, slot, number, boxes, kinds, draw)
    rows = draw.chance(0.15, batch).nonzero()[:, 0]
    scenes = occlude(scenes, background_batch(bank, len(rows), side, draw), rows, draw)
    return distort(scenes, draw), boxes, kinds


def _add_faces(
    scenes: Tensor, bank: FaceBank, slot: SceneSlot, number: int, boxes: Tensor, kinds: Tensor, draw: Draw
) -> None:
    """Paste one face into some scenes, where there is room, and note it in column ``number`` of boxes and kinds."""
    side = scenes.shape[-1]
    rows = draw.chance(slot.chance, len(scenes)).nonzero()[:, 0]
    if len(rows) == 0:
        return
    faces = take_faces(bank, len(rows), draw, shrink=slot.shrink)
    matrix = _placement(faces.landmarks, slot.sizes, side, draw)
    box = landmark_box(move(matrix, faces.landmarks))
    free = _room(box, boxes[rows, :number], kinds[rows, :number])
    rows, box = rows[free], box[free]
    if len(rows) == 0:
        return
    _paste(scenes, rows, faces.pixels[free], compose(matrix[free], faces.matrix[free]))
    visible = box.clamp(0, side - 1)
    share = (visible[:, 2:] - visible[:, :2]).prod(dim=1) / (box[:, 2:] - box[:, :2]).prod(dim=1)
    boxes[rows, number] = box
    kinds[rows, number] = torch.where(share > 0.55, 1, -1)


def _placement(landmarks: Tensor, sizes: tuple[float, float], side: int, draw: Draw) -> Tensor:
    """(B, 2, 3) transforms that put each face somewhere in the scene, at a size within ``sizes``, somewhat turned."""
    batch = len(landmarks)
    box = landmark_box(landmarks)
    size = (box[:, 2:] - box[:, :2]).amax(dim=1)
    low, high = (float(np.log(s)) for s in sizes)
    wanted = draw.uniform(low, high, batch).exp()
    angle = draw.normal(batch) * torch.where(draw.chance(0.15, batch), 0.6, 0.2)
    margin = (0.42 * wanted / side).clamp(max=0.5)[:, None]
    target = (margin + (1 - 2 * margin) * draw.uniform(0, 1, batch, 2)) * side
    # Now and then a face is cut by the edge of the picture.
    target = target + draw.normal(batch, 2) * 0.25 * wanted[:, None] * draw.chance(0.15, batch, 1)
    return similarity(angle, wanted / size, (box[:, :2] + box[:, 2:]) / 2, target)


def _room(box: Tensor, others: Tensor, kinds: Tensor) -> Tensor:
    """(R,): whether new faces (R, 4) would leave the earlier ones (R, K, 4) visible."""
    low, high = torch.maximum(box[:, None, :2], others[..., :2]), torch.minimum(box[:, None, 2:], others[..., 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)
    area, other_area = (box[:, 2:] - box[:, :2]).prod(dim=1), (others[..., 2:] - others[..., :2]).prod(dim=2)
    clash = (shared > 0.1 * torch.minimum(area[:, None], other_area)) & (kinds != 0)
    return ~clash.any(dim=1)


def _paste(scenes: Tensor, rows: Tensor, pixels: Tensor, matrix: Tensor) -> None:
    """Lay premultiplied pixels (R, 4, S, S) over scenes; small ones through a small window, which is what makes this
    fast."""
    side = scenes.shape[-1]
    reach = torch.linalg.norm(matrix[:, :, 1], dim=1).max().item() * pixels.shape[-1] * 1.25
    window = min(int(np.ceil(reach / 8) * 8), side)
    middle = torch.full((len(rows), 1, 2), (pixels.shape[-1] - 1) / 2, device=matrix.device)
    corner = (move(matrix, middle)[:, 0] - window / 2).round().clamp(0, side - window)
    local = torch.cat([matrix[:, :, :2], matrix[:, :, 2:] - corner[..., None]], dim=2)
    layer = sample(pixels, local, window, window)
    for k, (row, (x, y)) in enumerate(zip(rows.tolist(), corner.int().tolist(), strict=True)):
        view = scenes[row, :, y : y + window, x : x + window]
        view.mul_(1 - layer[k, 3]).add_(layer[k, :3])


def _add_hard_negatives(scenes: Tensor, bank: FaceBank, draw: Draw, share: float) -> None:
    """Faces upside down, faces cut into blocks and shuffled: face-like pixels that are not a face."""
    rows = draw.chance(share, len(scenes)).nonzero()[:, 0]
    if len(rows) == 0:
        return
    faces = take_faces(bank, len(rows), draw)
    upside_down = draw.chance(0.5, len(rows))
    pixels = torch.where(upside_down[:, None, None, None], faces.pixels, shuffle_blocks(faces.pixels, draw))
    matrix = _placement(faces.landmarks, (40.0, 160.0), scenes.shape[-1], draw)
    middle = torch.full((len(rows), 2), (BANK_SIDE - 1) / 2, device=scenes.device)
    turn = similarity(torch.where(upside_down, torch.pi, 0.0), torch.ones_like(middle[:, 0]), middle, middle)
    _paste(scenes, rows, pixels, compose(compose(matrix, turn), faces.matrix))


def shuffle_blocks(pictures: Tensor, draw: Draw, blocks: int = 5) -> Tensor:
    """Cut pictures (B, C, S, S) into blocks x blocks pieces and shuffle them, all pictures of a batch in the same
    way."""
    side = pictures.shape[-1]
    piece = side // blocks
    order = torch.randperm(blocks * blocks, generator=draw.generator, device=draw.device)
    part = pictures[..., : piece * blocks, : piece * blocks]
    cut = part.unfold(2, piece, piece).unfold(3, piece, piece).flatten(2, 3)[:, :, order]  # (B, C, K, p, p)
    rows = cut.unflatten(2, (blocks, blocks)).permute(0, 1, 2, 4, 3, 5).flatten(4, 5).flatten(2, 3)
    out = pictures.clone()
    out[..., : piece * blocks, : piece * blocks] = rows
    return out


def landmark_batch(
    bank: FaceBank, batch: int, side: int, scale: float, draw: Draw, *, negatives: float = 0.35
) -> tuple[Tensor, Tensor, Tensor]:
    """Crops for the landmark network.

    Args:
        bank: faces and backgrounds.
        batch: number of crops.
        side: of a crop in pixels.
        scale: side of a crop over the longer side of the face box.
        draw: random numbers.
        negatives: share of crops without a face.

    Returns:
        Crops (B, 3, side, side) in [0, 1], landmarks (B, 68, 2) in crop pixels, and whether each shows a face (B,).
    """
    faces = take_faces(bank, batch, draw, keep_scene=0.3)
    is_face = ~draw.chance(negatives, batch)
    pixels = faces.pixels
    shuffled = (draw.chance(0.25, batch) & ~is_face).nonzero()[:, 0]
    if len(shuffled):
        pixels[shuffled] = shuffle_blocks(pixels[shuffled], draw)
    pixels[draw.chance(0.55, batch) & ~is_face] = 0.0  # only background
    matrix = _crop_placement(faces.landmarks, side, scale, is_face, draw)
    layer = sample(pixels, compose(matrix, faces.matrix), side, side)
    crops = background_batch(bank, batch, side, draw).mul_(1 - layer[:, 3:]).add_(layer[:, :3])
    rows = draw.chance(0.25, batch).nonzero()[:, 0]
    crops = occlude(crops, background_batch(bank, len(rows), side, draw), rows, draw)
    return distort(crops, draw), move(matrix, faces.landmarks), is_face


def _crop_placement(landmarks: Tensor, side: int, scale: float, is_face: Tensor, draw: Draw) -> Tensor:
    """(B, 2, 3): crops as the finder cuts them, give or take; crops that are not a face show it too large, too small,
    upside down or off the middle."""
    batch, device = len(landmarks), landmarks.device
    eyes = landmarks[:, 42:48].mean(dim=1) - landmarks[:, 36:42].mean(dim=1)
    roll = torch.atan2(eyes[:, 1], eyes[:, 0])
    upright = draw.chance(0.6, batch)
    angle = torch.where(upright, -roll + draw.normal(batch) * 0.1, draw.normal(batch) * 0.25)
    zero, one = torch.zeros(batch, 2, device=device), torch.ones(batch, device=device)
    box = landmark_box(move(similarity(angle, one, zero, zero), landmarks))
    center = (box[:, :2] + box[:, 2:]) / 2
    size = (box[:, 2:] - box[:, :2]).amax(dim=1)
    zoom = (draw.normal(batch) * 0.09).exp()
    shift = draw.normal(batch, 2) * 0.055 * side
    wrong = draw.integers(4, batch)
    far = torch.nn.functional.normalize(draw.normal(batch, 2), dim=1) * draw.uniform(0.45, 0.9, batch, 1) * side
    zoom = torch.where(~is_face & (wrong == 0), draw.uniform(2.2, 4.0, batch), zoom)
    zoom = torch.where(~is_face & (wrong == 1), draw.uniform(0.2, 0.42, batch), zoom)
    shift = torch.where((~is_face & (wrong == 2))[:, None], far, shift)
    turn = torch.where(~is_face & (wrong == 3), draw.uniform(1.9, 4.4, batch), torch.zeros(batch, device=device))
    factor = side / (scale * size) * zoom
    target = torch.full((batch, 2), (side - 1) / 2, device=device) + shift
    middle = (center[:, None] @ similarity(angle, one, zero, zero)[:, :, :2])[:, 0]  # back to the render's frame
    return similarity(angle + turn, factor, middle, target)
