"""What users' scripts rely on, word by word: headers, blocks, exit statuses, public names.

A change here breaks scripts that others have written. docs/versioning.md says when that is allowed; if it is, change this file
and the changelog in the same commit.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import aufait
from aufait.action_units import DEFAULT_ACTION_UNITS
from aufait.cli import console
from aufait.detection.openface_blocks import BLOCKS, parts_of
from aufait.detection.provenance import SCHEMA_VERSION
from aufait.detection.tables import OpenFaceCsvWriter
from aufait.errors import InputError, MissingExtraError, MissingModelError, OutputError

VIDEO_INDEX = "frame,face_id,timestamp,confidence,success"
PICTURE_INDEX = "face,confidence"
POSE = "pose_Tx,pose_Ty,pose_Tz,pose_Rx,pose_Ry,pose_Rz"
POINTS = ",".join(f"{axis}_{point}" for axis in "xy" for point in range(68))
SCORES = (
    "AU01_r,AU02_r,AU04_r,AU05_r,AU06_r,AU07_r,AU09_r,AU10_r,AU12_r,AU14_r,AU15_r,AU17_r,AU20_r,AU23_r,AU25_r,AU26_r,AU45_r,"
    "AU01_c,AU02_c,AU04_c,AU05_c,AU06_c,AU07_c,AU09_c,AU10_c,AU12_c,AU14_c,AU15_c,AU17_c,AU20_c,AU23_c,AU25_c,AU26_c,AU28_c,AU45_c"
)
BOX_AND_QUALITY = "box_x0,box_y0,box_x1,box_y1,quality"
PROBABILITIES = (
    "AU01_p,AU02_p,AU04_p,AU05_p,AU06_p,AU07_p,AU09_p,AU10_p,AU12_p,AU14_p,AU15_p,AU17_p,AU20_p,AU23_p,AU24_p,AU25_p,AU26_p,"
    "AU28_p,AU43_p"
)
BEYOND_OPENFACE = "AU24_r,AU28_r,AU43_r,AU24_c,AU43_c"
SIDES = ",".join(
    f"AU{unit}_left_r,AU{unit}_right_r,AU{unit}_left_p,AU{unit}_right_p"
    for unit in ("01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "20", "43")
)
END = "width,height,source"
OURS = f"{BOX_AND_QUALITY},{PROBABILITIES},{BEYOND_OPENFACE},{SIDES},{END}"

HEADERS = {
    "video": f"{VIDEO_INDEX},{POSE},{POINTS},{SCORES},presentation_time,{OURS}",
    "image": f"{PICTURE_INDEX},{POSE},{POINTS},{SCORES},success,{OURS}",
}

BLOCK_COLUMNS = {"gaze": 8 + 280, "pose": 6, "2Dfp": 136, "3Dfp": 204}
ALL_BLOCKS_SHA256 = "dc249ccab0552ee2227f04fb457e6b291e97d68fe9aa5bf6ae3495fe90f48708"


PUBLIC = """
ACTION_UNITS AULabels AUOutput AUPredictor AUSystem ActionUnit AufaitError Criterion Detector FaceAnalysis
FrameAnalysis InputError LabelStatistics Losses MissingExtraError MissingModelError ModelConfig ModelEntry
OccurrenceCriterion OutputError check_network create_criterion create_finder create_model detect evaluate
list_models load_model open_dataset register_dataset register_finder register_model register_protocol
save_model train
"""


def written_header(folder: Path, kind: str, blocks: tuple[str, ...] | None = None) -> str:
    path = folder / "table.csv"
    with OpenFaceCsvWriter(path, DEFAULT_ACTION_UNITS, kind=kind, blocks=blocks):  # type: ignore[arg-type]
        pass
    return path.read_text("utf-8").splitlines()[0]


@pytest.mark.parametrize("kind", HEADERS)
def test_the_header_of_the_shipped_models_tables(kind: str, tmp_path: Path) -> None:
    assert written_header(tmp_path, kind) == HEADERS[kind]


def test_the_header_with_all_blocks(tmp_path: Path) -> None:
    header = written_header(tmp_path, "video", BLOCKS)
    assert hashlib.sha256(header.encode()).hexdigest() == ALL_BLOCKS_SHA256


def test_blocks_and_their_numbers_of_columns() -> None:
    assert BLOCKS == ("gaze", "pose", "2Dfp", "3Dfp", "aus")
    assert {block: sum(len(part.columns) for part in parts_of([block])) for block in BLOCK_COLUMNS} == BLOCK_COLUMNS


def test_exit_statuses() -> None:
    errors = {error: error.exit_code for error in (InputError, OutputError, MissingModelError, MissingExtraError)}
    assert errors == {InputError: 2, OutputError: 3, MissingModelError: 4, MissingExtraError: 5}
    others = (console.EXIT_SOME_FAILED, console.EXIT_NO_FACE, console.EXIT_ELSEWHERE, console.EXIT_INTERRUPTED)
    assert others == (1, 6, 7, 130)


def test_the_layout_of_the_record() -> None:
    assert SCHEMA_VERSION == 1


def test_no_public_name_has_gone() -> None:
    missing = set(PUBLIC.split()) - set(dir(aufait))
    assert missing == set()
