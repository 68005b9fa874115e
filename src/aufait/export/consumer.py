"""Action units of one face with NumPy and ONNX Runtime or OpenVINO alone: python consumer.py MODEL PICTURE.npy LANDMARKS.npy

MODEL: .onnx or .xml, written by ``aufait export default``. PICTURE.npy: (H, W, 3) uint8 RGB. LANDMARKS.npy: (68, 2) pixels of it.
Faces much larger than 112 pixels should be shrunk beforehand, as every bilinear warp wants.
"""

import json
import sys
from typing import Any

import numpy as np


def opened(model: str) -> tuple[str, Any]:
    """What a file says about itself, and a function: images -> logits and intensity."""
    if model.endswith(".onnx"):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.x64quantprecision", "1")  # sums in 8 bits are then exact on every processor
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        about = session.get_modelmeta().custom_metadata_map["aufait"]
        return about, lambda images: session.run(["logits", "intensity"], {"images": images})

    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # OpenVINO would tell Google Analytics of its import
    import openvino

    network = openvino.Core().read_model(model)
    run = openvino.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return network.get_rt_info("aufait").astype(str), lambda images: [run(images)[name] for name in ("logits", "intensity")]


model, picture, landmarks = sys.argv[1], np.load(sys.argv[2]).astype(np.float64), np.load(sys.argv[3]).astype(np.float64)
about, scores = opened(model)
facts = json.loads(about)
frame = facts["alignment"]
size, margin = frame["window"], (frame["side"] - frame["window"]) / 2
target = np.array(frame["template"]) - margin  # where the five points are in the crop

# The similarity with the least squared error that brings the points onto the template, as complex numbers, and its inverse.
there, here = target @ [1, 1j], landmarks[frame["points_of_68"]] @ [1, 1j]
turn = np.vdot(here - here.mean(), there - there.mean()) / np.vdot(here - here.mean(), here - here.mean()).real
x, y = np.meshgrid(np.arange(size), np.arange(size))
place = (x + 1j * y - there.mean()) / turn + here.mean()  # of the crop's pixels in the picture

# Bilinear, with a plain border outside the picture.
padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), constant_values=frame["border"])
column = np.clip(place.real + 1, 0, padded.shape[1] - 1.001)
row = np.clip(place.imag + 1, 0, padded.shape[0] - 1.001)
c, r = column.astype(int), row.astype(int)
u, v = (column - c)[..., None], (row - r)[..., None]
crop = (1 - v) * ((1 - u) * padded[r, c] + u * padded[r, c + 1]) + v * ((1 - u) * padded[r + 1, c] + u * padded[r + 1, c + 1])

images = (crop.round().transpose(2, 0, 1)[None] / 255).astype(np.float32)
logits, intensity = scores(images)
for unit, logit, strength in zip(facts["action_units"], logits[0], intensity[0], strict=True):
    print(f"AU{unit:02d} probability {1 / (1 + np.exp(-logit)):.4f} intensity {strength:.3f}")
