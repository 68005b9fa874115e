"""Action units of all faces of a picture with NumPy and ONNX Runtime (and Pillow, to open it): python consumer.py PICTURE"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

folder = Path(__file__).parent
facts = json.loads((folder / "pipeline.json").read_text())
find, read = (
    onnxruntime.InferenceSession(str(folder / f"{one}.onnx"), providers=["CPUExecutionProvider"]) for one in facts["graphs"]
)
picture = np.asarray(ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("RGB"))


def best(boxes: Any, scores: Any, least: float) -> list[Any]:  # the surest rows that do not overlap a surer one
    kept: list[Any] = []
    for row in sorted(np.flatnonzero(scores >= least), key=lambda row: -scores[row]):
        sides = [np.minimum(boxes[row, 2:], boxes[k, 2:]) - np.maximum(boxes[row, :2], boxes[k, :2]) for k in kept]
        areas = [np.prod(boxes[k, 2:] - boxes[k, :2]) for k in (row, *kept)]
        common = [np.prod(side.clip(0)) / min(areas[0], area) for side, area in zip(sides, areas[1:], strict=True)]
        kept += [row] if max(common, default=0) < facts["thresholds"]["same_box"] else []
    return kept


boxes, scores = find.run(None, {"picture": picture})
chosen = boxes[best(boxes, scores, facts["thresholds"]["box_score"])]
points, face, chances, levels, *_ = read.run(None, {"picture": picture, "boxes": chosen})
for number, row in enumerate(best(np.concatenate([points.min(1), points.max(1)], 1), face, facts["thresholds"]["face"])):
    for unit, chance, level in zip(facts["action_units"], chances[row], levels[row], strict=True):
        print(f"face {number} AU{unit['number']:02d} probability {chance:.4f} intensity {level:.3f}")
