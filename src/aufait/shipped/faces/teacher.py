"""Real faces for the builtin face networks: pictures that the package lists, with points of the mesh finder as labels.

The mesh finder's landmark network was trained on photographs; its 478 points, brought to the 68 landmarks
(``faces/mesh_points.py``), are the teacher's answer for each portrait. A square of the portrait around the face becomes a face
of a ``FaceBank``, as renders do; where the square reaches beyond the picture it is transparent. The people that
``real_faces`` keeps out are only used to measure results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aufait.errors import InputError
from aufait.faces.boxes import box_centers, box_sizes, landmark_boxes
from aufait.faces.finder import create_finder
from aufait.media.images import read_image
from aufait.shipped.faces.scenes import BANK_SIDE, FaceBank, build_bank
from aufait.shipped.real_faces import SOURCES, RealFace, read_real_faces

WINDOW = 2.2
"""Side of the square over the longer side of the face's box: room for hair, and for crops that are next to the face."""

_BORDER = 110
"""Grey level beyond the picture, as the finder has it."""

FIRST_IDENTITY = 1_000_000_000
"""Numbers of real people start here, those of rendered ones at 0."""


@dataclass(frozen=True, eq=False)
class RealBanks:
    """Real faces in memory.

    Attributes:
        train: faces that training may see.
        held_out: faces of the people kept out.
        counts: set of pictures -> faces in ``train``.
    """

    train: FaceBank
    held_out: FaceBank
    counts: dict[str, int]

    def sources(self) -> list[dict[str, object]]:
        """Where the training faces come from, for the header of the weights."""
        return [
            {"set": name, "faces": count, "repository": s.repository, "commit": s.commit, "licence": s.licence, "credit": s.credit}
            for name, count in self.counts.items()
            for s in (SOURCES[name],)
        ]


def load_real_faces(folder: Path, backgrounds: Tensor, out: Path, task_file: Path | None = None) -> RealBanks:
    """Read the listed real faces and have the mesh finder place their points.

    Args:
        folder: holds the pictures, see ``read_real_faces``.
        backgrounds: (M, 3, S, S) uint8 for both banks.
        out: keeps the points, so that a resumed run does not search the faces again.
        task_file: ``face_landmarker.task``; None looks in the usual places.

    Raises:
        InputError: none of the pictures is there, or the kept points are of other pictures.
        MissingModelError: no task file.
    """
    banks, chosen = [], []
    for held_out, name in ((False, "real_points.npz"), (True, "real_points_held_out.npz")):
        listed = read_real_faces(folder, held_out=held_out)
        rows, landmarks = _teacher_points([face.path for face in listed], out / name, task_file)
        if len(rows) == 0:
            raise InputError(f"the mesh finder saw no face in the {len(listed)} pictures of {folder}")
        faces = [listed[row] for row in rows]
        banks.append(real_bank([face.path for face in faces], landmarks, _people(faces), backgrounds))
        chosen.append(faces)
    return RealBanks(banks[0], banks[1], dict(Counter(face.set_name for face in chosen[0])))


def real_bank(pictures: Sequence[Path], landmarks: np.ndarray, identity: Tensor, backgrounds: Tensor) -> FaceBank:
    """A bank of N pictures, each with one face at ``landmarks`` (N, 68, 2), of the people ``identity`` (N,)."""
    cut = [cut_face(read_image(path), points) for path, points in zip(pictures, landmarks, strict=True)]
    pixels = torch.stack([torch.from_numpy(p).permute(2, 0, 1) for p, _ in cut])
    return build_bank(pixels, torch.from_numpy(np.stack([p for _, p in cut])), identity, backgrounds, real=True)


def cut_face(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The square around a face, as a bank stores it.

    Args:
        image: (H, W, 3) uint8.
        landmarks: (68, 2) pixels.

    Returns:
        (192, 192, 4) uint8, the last channel 255 in the picture and 0 beyond, and the landmarks (68, 2) float32 there.
    """
    box = landmark_boxes(landmarks[None])
    side = max(round(WINDOW * float(box_sizes(box)[0])), 1)
    corner = np.round(box_centers(box)[0] - side / 2).astype(int)
    # Pictures are cut before they are shrunk, so a pixel of the bank is the mean of those that it covers.
    left, top = (int(value) for value in np.maximum(corner, 0))
    part = Image.fromarray(image[top : max(corner[1] + side, 0), left : max(corner[0] + side, 0)])
    place = (left - int(corner[0]), top - int(corner[1]))
    picture, inside = Image.new("RGB", (side, side), (_BORDER,) * 3), Image.new("L", (side, side), 0)
    picture.paste(part, place)
    inside.paste(255, (*place, place[0] + part.width, place[1] + part.height))
    size = (BANK_SIDE, BANK_SIDE)
    pixels = [np.asarray(layer.resize(size, Image.Resampling.BILINEAR)) for layer in (picture, inside)]
    points = (landmarks - corner + 0.5) * (BANK_SIDE / side) - 0.5
    return np.concatenate([pixels[0], pixels[1][..., None]], axis=2), points.astype(np.float32)


def _teacher_points(pictures: Sequence[Path], kept: Path, task_file: Path | None) -> tuple[list[int], np.ndarray]:
    """Rows of the pictures in which the mesh finder sees a face, and the landmarks (N, 68, 2) of the largest."""
    if not kept.is_file():
        rows, landmarks = [], []
        with create_finder("mesh", model_path=task_file) as finder:  # type: ignore[attr-defined]
            for row, path in enumerate(pictures):
                if found := finder.find(read_image(path)):
                    rows.append(row)
                    landmarks.append(max(found, key=lambda face: float(box_sizes(face.box[None])[0])).landmarks)
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, pictures=len(pictures), rows=np.array(rows, np.int64), landmarks=np.array(landmarks, np.float32))
    with np.load(kept) as content:
        if int(content["pictures"]) != len(pictures):
            raise InputError(
                f"{kept} holds the points of {int(content['pictures'])} pictures, now there are {len(pictures)}; delete it"
            )
        return content["rows"].tolist(), content["landmarks"]


def _people(faces: Sequence[RealFace]) -> Tensor:
    """(N,) a number per person; the same name in two sets is two people."""
    names = sorted({(face.set_name, face.person) for face in faces})
    number = {name: FIRST_IDENTITY + k for k, name in enumerate(names)}
    return torch.tensor([number[face.set_name, face.person] for face in faces])
