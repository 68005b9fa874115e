"""Tiny data sets in the official layouts, with every spelling that the readers accept. Pictures are 32 x 32."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from aufait.media.video_writer import VideoWriter

DISFA_UNITS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
INTENSITY_UNITS = (6, 10, 12, 14, 17)


def write_picture(path: Path, shade: int = 128) -> Path:
    """A flat 32 x 32 picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((32, 32, 3), shade, dtype=np.uint8)).save(path)
    return path


def write_video(path: Path, frames: int, rate: float = 20.0) -> Path:
    """A video whose k-th frame (from 0) has the grey value 20 + 10 k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path if path.suffix in (".mp4", ".mov") else path.with_suffix(".mp4")
    with VideoWriter(made, (32, 32), frame_rate=rate) as writer:
        for index in range(frames):
            writer.write(np.full((32, 32, 3), 20 + 10 * index, dtype=np.uint8), index / rate)
    # Readers go by name, the decoder by content: an .mp4 called .avi serves.
    return made.rename(path)


def write_text(path: Path, text: str) -> Path:
    """A text file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def occurrence_csv(units: Iterable[int], rows: Mapping[int, Iterable[int]]) -> str:
    """Header of numbers and one row per frame."""
    lines = [",".join(map(str, (0, *units)))]
    lines += [",".join(map(str, (frame, *values))) for frame, values in rows.items()]
    return "\n".join(lines) + "\n"


def pairs(values: Mapping[int, int]) -> str:
    """``frame,intensity`` lines."""
    return "".join(f"{frame},{value}\n" for frame, value in values.items())


def make_bp4d(
    root: Path,
    *,
    subjects: Iterable[str] = ("F001", "M001"),
    tasks: Iterable[str] = ("T1", "T2"),
    frames: range = range(10, 14),
    picture: str = "{:04d}.jpg",
    images: str = "Sequences(2D+3D)",
    occurrence: str = "AUCoding/AU_OCC",
    intensity: str = "AUCoding/AU_INT",
    columns: int = 99,
) -> Path:
    """BP4D: every AU below 40 alternates 0, 1 with the frame, those above are 9; AU12 has intensity 3 where present."""
    units = range(1, columns + 1)
    for subject in subjects:
        for task in tasks:
            for frame in range(frames.start - 2, frames.stop + 2):
                write_picture(root / images / subject / task / picture.format(frame), 10 * (frame % 20))
            rows = {frame: [frame % 2 if unit < 40 else 9 for unit in units] for frame in frames}
            write_text(root / occurrence / f"{subject}_{task}.csv", occurrence_csv(units, rows))
            for unit in INTENSITY_UNITS:
                text = pairs({frame: 3 * (frame % 2) for frame in frames})
                write_text(root / intensity / f"AU{unit:02d}" / f"{subject}_{task}_AU{unit:02d}.csv", text)
    return root


def make_disfa(
    root: Path,
    *,
    subjects: Iterable[int] = (1, 2, 3),
    frames: int = 6,
    video: str = "Videos_LeftCamera/LeftVideoSN{:03d}_comp.avi",
    labels: str = "ActionUnit_Labels/SN{0:03d}/SN{0:03d}_au{1}.txt",
    media: bool = True,
    video_frames: int | None = None,
) -> Path:
    """DISFA: the intensity of every AU in frame f (from 1) is f mod 6."""
    for subject in subjects:
        if media:
            write_video(root / video.format(subject), video_frames or frames)
        for unit in DISFA_UNITS:
            write_text(root / labels.format(subject, unit), pairs({frame: frame % 6 for frame in range(1, frames + 1)}))
    return root


def make_disfa_plus(root: Path, *, subjects: Iterable[int] = (1, 3), trials: Iterable[str] = ("A1_AU1_TrailNo_1",)) -> Path:
    """DISFA+: frames 0 to 5, intensity = frame, two header lines as in some copies."""
    for subject in subjects:
        for trial in trials:
            for frame in range(6):
                write_picture(root / "Images" / f"SN{subject:03d}" / trial / f"{frame:03d}.jpg")
            lines = "AU label\nframe     intensity\n" + "".join(f"{frame:03d}.jpg     {frame}\n" for frame in range(6))
            for unit in DISFA_UNITS:
                write_text(root / "Labels" / f"SN{subject:03d}" / trial / f"AU{unit}.txt", lines)
    return root


def make_fera2017(root: Path, *, views: Iterable[int] = (5, 6), frames: int = 4, flat: bool = True) -> Path:
    """FERA 2017: F001 of the training and of the validation partition; two people with one name."""
    units = (1, 4, 6, 7, 10, 12, 14, 15, 17, 23)
    for part in ("TR", "VA"):
        name = f"FERA17_{part}_F001_T1"
        homes = (root, root, root) if flat else (root / "ims", root / "occ", root / "int")
        for view in views:
            write_video(homes[0] / f"{name}_{view}.mp4", frames, 25.0)
        rows = {frame: [frame % 2] * len(units) for frame in range(1, frames + 1)}
        write_text(homes[1] / f"{name}.csv", occurrence_csv(units, rows))
        write_text(homes[2] / f"{name}_AU06_Int.csv", pairs({frame: 2 * (frame % 2) for frame in range(1, frames + 1)}))
    return root


def make_affwild2(
    root: Path,
    *,
    labels: str = "annotations/annotations/AU_Detection_Challenge",
    header: str = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26",
) -> Path:
    """AffWild2: video v1 (training), v2_left (validation); the picture of frame 3 is missing, frame 2 is unlabelled."""
    width = header.count(",") + 1
    for part, stem in (("Train_Set", "v1"), ("Validation_Set", "v2_left")):
        rows = [",".join(["-1" if frame == 2 else str(frame % 2)] * width) for frame in range(1, 6)]
        write_text(root / labels / part / f"{stem}.txt", "\n".join([header, *rows]) + "\n")
        for frame in (1, 2, 4, 5):
            write_picture(root / "cropped_aligned" / stem / f"{frame:05d}.jpg")
    return root
