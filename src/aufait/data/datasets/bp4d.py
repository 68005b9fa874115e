"""BP4D-Spontaneous: 41 subjects, 8 tasks, 328 coded sequences, one JPEG per frame.

Labels pair with pictures of the same number: the coded spans of the public file lists begin at frame 1 or later, never at 0.
"""

from __future__ import annotations

from pathlib import Path

from aufait.data.dataset import AUDataset
from aufait.data.datasets.bp4d_family import FamilyLayout, FamilyOptions, read_family

LAYOUT = FamilyLayout(
    name="bp4d",
    title="BP4D",
    tree="""
ROOT/
  Sequences(2D+3D)/F001/T1/2440.jpg        pictures (any name; .jpg or .png; also F001/T1.mp4 or F001_T1.mp4)
  AUCoding/AU_OCC/F001_T1.csv              occurrence: header of AU numbers, column of frames, 0 / 1 / 9
  AUCoding/AU_INT/AU06/F001_T1_AU06.csv    intensity (optional): frame,intensity
  2DFeatures/F001_T1.mat                   49 landmarks (optional)
""",
    person_pool="bp4d",
    frame_offset=0,
)


def open_bp4d(
    root: Path,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    frame_offset: int = 0,
    need_media: bool = True,
    max_missing: float = 0.05,
    landmark_base: int = 1,
) -> AUDataset:
    """Read BP4D.

    Args:
        root: folder that holds pictures and coding files.
        images: folder of the pictures, if they are elsewhere.
        labels: folder of the coding files, if they are elsewhere.
        frame_offset: picture number minus label frame number.
        need_media: False reads labels without pictures.
        max_missing: largest tolerated share of label rows without picture.
        landmark_base: coordinate of the first pixel's centre in the landmark files.

    Raises:
        InputError: folders are missing (with the expected tree), or nothing usable remains.
    """
    return read_family(root, LAYOUT, FamilyOptions(images, labels, frame_offset, need_media, max_missing, landmark_base))
