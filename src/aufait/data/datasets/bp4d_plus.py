"""BP4D+ (MMSE): 140 subjects, ten tasks of which T1, T6, T7 and T8 are coded, pictures in one ZIP archive per subject.

Pictures are numbered from 0 and label frames from 1, as two public readers found: label frame f belongs to picture f - 1.
"""

from __future__ import annotations

from pathlib import Path

from aufait.data.dataset import AUDataset
from aufait.data.datasets.bp4d_family import FamilyLayout, FamilyOptions, read_family

LAYOUT = FamilyLayout(
    name="bp4d_plus",
    title="BP4D+",
    tree="""
ROOT/
  2D+3D/F001.zip                           archive with .../T1/0000.jpg; or unpacked: 2D+3D/F001/T1/0000.jpg
  AUCoding/AU_OCC/F001_T1.csv              occurrence: header of AU numbers, column of frames, 0 / 1 / 9
  AUCoding/AU_INT/AU06/F001_T1_AU06.csv    intensity (optional): frame,intensity
  2DFeatures/F001_T1.mat                   49 landmarks (optional)
""",
    person_pool="bp4d_plus",
    frame_offset=-1,
)


def open_bp4d_plus(
    root: Path,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    frame_offset: int = -1,
    need_media: bool = True,
    max_missing: float = 0.05,
    landmark_base: int = 1,
) -> AUDataset:
    """Read BP4D+; the options are those of ``open_bp4d``, with another ``frame_offset``.

    Raises:
        InputError: folders are missing (with the expected tree), or nothing usable remains.
    """
    return read_family(root, LAYOUT, FamilyOptions(images, labels, frame_offset, need_media, max_missing, landmark_base))
