"""FERA 2015, BP4D part: BP4D's people in two partitions, odd subject numbers for training and even ones for development."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aufait.data.dataset import AUDataset
from aufait.data.datasets.bp4d_family import FamilyLayout, FamilyOptions, read_family

LAYOUT = FamilyLayout(
    name="fera2015",
    title="FERA 2015 (BP4D part)",
    tree="""
ROOT/
  BP4D-training/F001/T1/2440.jpg                pictures; the development partition next to it
  AUCoding/F001_T1.csv                          occurrence: header of AU numbers, column of frames, 0 / 1 / 9
  AU Intensity Codes3.0/AU06/F001_T1_AU06.csv   intensity: frame,intensity (also AU-Intensity-Codes3.0, ...)
""",
    person_pool="bp4d",
    frame_offset=0,
)


def open_fera2015(
    root: Path,
    *,
    images: Path | None = None,
    labels: Path | None = None,
    frame_offset: int = 0,
    need_media: bool = True,
    max_missing: float = 0.05,
    landmark_base: int = 1,
) -> AUDataset:
    """Read the BP4D part of FERA 2015; the options are those of ``open_bp4d``.

    Recordings have the attribute ``partition``: "train" for odd subject numbers, "development" for even ones.

    Raises:
        InputError: folders are missing (with the expected tree), or nothing usable remains.
    """
    options = FamilyOptions(images, labels, frame_offset, need_media, max_missing, landmark_base)
    dataset = read_family(root, LAYOUT, options)
    parted = [replace(one, attributes={**one.attributes, "partition": _partition(one.subject)}) for one in dataset.recordings]
    return replace(dataset, recordings=tuple(parted))


def _partition(subject: str) -> str:
    return "train" if int(subject[1:]) % 2 else "development"
