"""Lists of frames: experiments on fewer frames than are labelled, such as those that JAA-Net's and ARL's authors kept.

Their lists leave out 4,670 of 130,814 frames of DISFA and 271 of 146,847 of BP4D, for reasons that are not given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from aufait.data.dataset import AUDataset
from aufait.data.recording import Recording
from aufait.data.trees import read_content
from aufait.errors import InputError

_SHOWN = 3
_NUMBER = re.compile(r"(?<!\d)(\d{1,15})$")


def read_frame_list(path: str | Path) -> dict[str, np.ndarray]:
    """Frames by the folder that a line names them in.

    Args:
        path: a text file with a picture per line, as the released lists have them: ``F001/T1/2440.jpg`` or ``SN001/12``. The last
            part ends with the frame's number as in the distribution, what comes before it names the recording; what follows the
            first blank in a line, such as labels, is ignored, and so are empty lines.

    Returns:
        "F001/T1" -> increasing frame numbers.

    Raises:
        InputError: no such file, or a line that names no frame.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no list of frames at {path}")
    found: dict[str, set[int]] = {}
    try:
        lines = read_content(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a list of frames: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        folder, _, name = line.split()[0].replace("\\", "/").rpartition("/")
        digits = _NUMBER.search(name.rpartition(".")[0] or name)
        if not folder or digits is None:
            raise InputError(f"{path}, line {number}: expected RECORDING/FRAME such as F001/T1/2440.jpg, got {line.strip()[:60]!r}")
        found.setdefault(folder, set()).add(int(digits[1]))
    if not found:
        raise InputError(f"{path} names no frame")
    return {folder: np.array(sorted(frames)) for folder, frames in found.items()}


def keep_frames(dataset: AUDataset, listed: Mapping[str, np.ndarray]) -> AUDataset:
    """The data set with the listed frames only; recordings without one are left out.

    Args:
        dataset: whose recordings a folder names by its parts: subject, task where there is one, view where there are several.
        listed: from ``read_frame_list``.

    Raises:
        InputError: a folder that is not a recording of the data set, or is several, or a frame that it does not have.
    """
    frames: dict[str, np.ndarray] = {}
    for folder, numbers in listed.items():
        one = _recording(dataset, folder)
        frames[one.name] = np.union1d(frames.get(one.name, np.zeros(0, np.int64)), numbers)
        missing = np.setdiff1d(numbers, one.frames)
        if len(missing):
            shown = ", ".join(map(str, missing[:_SHOWN])) + (", ..." if len(missing) > _SHOWN else "")
            raise InputError(
                f"the list names {len(missing):,} frames of {folder} that {one.name} has no labels for: {shown}; numbers are those "
                "of the distribution"
            )
    kept = [one.rows(np.isin(one.frames, frames[one.name])) for one in dataset.recordings if one.name in frames]
    return replace(dataset, recordings=tuple(kept))


def _recording(dataset: AUDataset, folder: str) -> Recording:
    parts = set(folder.split("/"))
    fitting = [
        one
        for one in dataset.recordings
        if one.subject in parts and (not one.task or one.task in parts) and (one.view is None or str(one.view) in parts)
    ]
    if len(fitting) != 1:
        example = dataset.recordings[0].name.partition("/")[2] if dataset.recordings else "F001/T1"
        what = "several recordings" if fitting else "no recording"
        raise InputError(f"the list names {folder!r}, which is {what} of {dataset.name}; recordings are named like {example}")
    return fitting[0]
