"""The TypeScript of the page without a server against numbers that Python computes here; vitest compares them.

Skipped with the reason where Node.js or its packages are absent.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from studio_pages import demo_frames, write_clip
from torch.nn import functional

from aufait.alignment import warp
from aufait.detection.quality import quality_factors
from aufait.detection.tables import OpenFaceCsvWriter, TableKind
from aufait.faces.boxes import keep_best, landmark_boxes, overlap, overlap_of_smaller
from aufait.faces.builtin import BuiltinConfig, LandmarkReader
from aufait.faces.cuts import CutConfig, change, small_picture
from aufait.faces.face import Face, HeadPose
from aufait.faces.pose import Camera, estimate_pose, fit_error, matrix_from_euler, project
from aufait.faces.template import template_transforms
from aufait.media.video import open_video
from aufait.models.default.predictor import AUPredictor
from aufait.results import FaceAnalysis, FrameAnalysis
from aufait.studio.static_facts import facts

WEB = Path(__file__).resolve().parents[2] / "web"
SIZE = (640, 480)


def _rgb(image: np.ndarray) -> dict[str, Any]:
    return {"width": image.shape[1], "height": image.shape[0], "rgb": image.ravel().tolist()}


def _landmarks(count: int) -> np.ndarray:
    """(F, 68, 2) px of heads in many poses, a little out of shape."""
    generator = np.random.default_rng(4)
    angles = generator.uniform((-0.4, -0.8, -0.6), (0.4, 0.8, 0.6), (count, 3))
    places = generator.uniform((-80, -60, 500), (80, 60, 1500), (count, 3))
    points = project(matrix_from_euler(angles), places, Camera.guess(*SIZE))
    return (points + generator.normal(0, 0.8, points.shape)).astype(np.float32)


def _faces(points: np.ndarray) -> list[dict[str, Any]]:
    reader, poses = LandmarkReader.load(), estimate_pose(points, SIZE)
    errors = fit_error(points, poses, Camera.guess(*SIZE))
    boxes = landmark_boxes(points)
    columns = (points, template_transforms(points), reader.crop_from_landmarks(points), reader.crop_from_boxes(boxes), boxes)
    names = ("points", "template", "window", "upright", "box")
    return [
        {
            **dict(zip(names, (np.ravel(value).tolist() for value in one), strict=True)),
            "error": float(error),
            "rotation": pose.rotation.tolist(),
            "translation": pose.translation.tolist(),
        }
        for one, error, pose in zip(zip(*columns, strict=True), errors, poses, strict=True)
    ]


def _warps(image: np.ndarray) -> list[dict[str, Any]]:
    matrices = [[1, 0, 0.3, 0, 1, -0.2], [0.28, 0.05, 2, -0.05, 0.28, 4], [0.7, -0.7, 20, 0.7, 0.7, -30], [3, 0, -60, 0, 3, 20],
                [0.1, 0, 3, 0, 0.1, 3], [1, 0, 500, 0, 1, 0]]  # fmt: skip
    return [
        {"matrix": one, "size": 32, "border": 110, "rgb": crop.permute(1, 2, 0).flatten().tolist()}
        for one, crop in zip(matrices, warp(image, np.array(matrices, float).reshape(-1, 2, 3), 32, 110), strict=True)
    ]


def _shrunk(image: np.ndarray) -> list[dict[str, Any]]:
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
    sizes = [(80, 62), (240, 187), (180, 140), (7, 5)]
    made = [functional.interpolate(pixels, size=(height, width), mode="bilinear", antialias=True) for width, height in sizes]
    return [
        {"width": width, "height": height, "rgb": one[0].permute(1, 2, 0).flatten().tolist()}
        for (width, height), one in zip(sizes, made, strict=True)
    ]


def _qualities(image: np.ndarray) -> list[dict[str, Any]]:
    """Without fit, visible share and clarity."""
    found: list[dict[str, Any]] = []
    for k, points in enumerate(_landmarks(6)):
        side, corner = np.float32(40 + 20 * k), np.float32(12 * k)  # the last reach outside
        points = (points - points.min(axis=0)) / np.ptp(points) * side + corner
        turned = np.array([0.15 * k, -0.2 * k, 0.1])
        pose = HeadPose(translation=np.zeros(3), rotation=turned)
        face = Face(landmark_boxes(points[None])[0], 0.9 - 0.1 * k, points, pose)
        factors = quality_factors(image, face)
        quality = factors.confidence * factors.size * factors.pose * factors.exposure * factors.inside
        own = {"box": face.box.tolist(), "points": points.ravel().tolist(), "confidence": face.confidence}
        found.append({"face": {**own, "pose": {"rotation": turned.tolist(), "translation": [0, 0, 0]}}, "quality": quality})
    assert len({one["quality"] for one in found if one["quality"] > 0.01}) >= 3
    return found


def _boxes() -> dict[str, Any]:
    generator = np.random.default_rng(2)
    corners, sizes = generator.uniform(0, 60, (30, 2)), generator.uniform(4, 50, (30, 2))
    boxes, sure = np.concatenate([corners, corners + sizes], axis=1), generator.uniform(0, 1, 30).round(1)
    return {
        "boxes": boxes.tolist(), "confidence": sure.tolist(), "overlaps": overlap(boxes, boxes).tolist(),
        "smaller": overlap_of_smaller(boxes, boxes).tolist(), "kept": keep_best(boxes, sure, 0.35),
        "keptNested": keep_best(boxes, sure, 0.35, nested=0.7),
    }  # fmt: skip


def _cuts() -> dict[str, Any]:
    pictures = [frame[::4, ::4] for frame in (demo_frames(1)[0], demo_frames(1, start=30)[0])]
    first, second = (small_picture(np.ascontiguousarray(one)) for one in pictures)
    changed = change(first, second, CutConfig().plain)
    return {"pictures": [_rgb(one) for one in pictures], "small": first.ravel().tolist(), "change": changed}


def _yuv() -> list[dict[str, Any]]:
    """Frames as libswscale converts them, whose arithmetic differs from one processor to another."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return []
    generator, found = np.random.default_rng(0), []
    for matrix, number, full in (("smpte170m", 5, False), ("bt709", 1, False), ("bt709", 1, True)):
        planes = [generator.integers(0, 256, (48 >> half, 64 >> half), dtype=np.uint8) for half in (0, 1, 1)]
        frame = av.VideoFrame.from_ndarray(np.concatenate([one.reshape(-1, 64) for one in planes]), format="yuv420p")
        frame.colorspace, frame.color_range = number, 2 if full else 1
        rgb = frame.reformat(format="rgb24", threads=1).to_ndarray()
        data = np.concatenate([one.ravel() for one in planes]).tolist()
        layout = {"width": 64, "height": 48, "offsets": [0, 3072, 3840], "strides": [64, 32, 32]}
        found.append({**layout, "data": data, "matrix": matrix, "full": full, "rgb": rgb.ravel().tolist()})
    return found


def _films(folder: Path) -> list[dict[str, Any]]:
    frames = demo_frames(14)
    plain = write_clip(folder / "plain.mp4", frames)
    quick = folder / "quick.mp4"
    with av.open(str(quick), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", Fraction(30000, 1001), options={"g": "5", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 960, 480, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    found: list[dict[str, Any]] = []
    for path in (plain, quick):
        with open_video(path) as video:
            times = [frame.timestamp for frame in video]
        with av.open(str(path)) as container:
            keys = sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size)
        found.append({"file": str(path), "times": times, "codec": "^avc1\\.[0-9a-f]{6}$", "keys": keys})
    other = write_clip(folder / "other.webm", frames[:3], codec="libvpx-vp9")
    fragments = folder / "fragments.mp4"
    with av.open(str(fragments), "w", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        stream = container.add_stream("libx264", 25)
        stream.width, stream.height, stream.pix_fmt = 960, 480, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(frames[0], format="rgb24")))
        container.mux(stream.encode())
    return [*found, *({"file": str(path), "times": None} for path in (other, fragments))]


def _tables(folder: Path, units: tuple[int, ...]) -> list[dict[str, Any]]:
    generator = np.random.default_rng(9)

    def face(number: int) -> FaceAnalysis:
        # Numbers away from halves of the last digit, which Python rounds to the even neighbour and JavaScript up.
        chance, strength = (generator.integers(0, 99, (3, len(units))).astype(np.float32) / np.float32(100) for _ in range(2))
        points = generator.integers(0, 4000, (68, 2)).astype(np.float32) / np.float32(8) + np.float32(0.01)
        pose = HeadPose(translation=np.array([1.23, -4.56, 789.01]), rotation=np.array([0.1234, -0.2346, 0.01]))
        return FaceAnalysis(
            number, np.array([1.01, 2.02, 3.03, 4.04], np.float32), 0.87654, points, pose, units, chance[0], strength[0],
            chance[1], chance[2], strength[1], strength[2], quality=0.4321,
        )  # fmt: skip

    found: list[dict[str, Any]] = []
    cases: list[tuple[TableKind, list[FrameAnalysis]]] = [
        ("video", [FrameAnalysis("=clip,1.mp4", 1, 0.0, SIZE, (face(0), face(3))), FrameAnalysis("=clip,1.mp4", 3, 0.08, SIZE)]),
        ("image", [FrameAnalysis("face.png", 1, 0.0, SIZE, (face(0), face(1)))]),
        ("image", [FrameAnalysis("none.png", 1, 0.0, SIZE)]),
    ]
    for k, (kind, frames) in enumerate(cases):
        with OpenFaceCsvWriter(folder / f"{k}.csv", units, kind=kind) as writer:
            for frame in frames:
                writer.write(frame)
        moments = [{"frame": one.frame, "time": one.timestamp, "faces": [_scored(face) for face in one.faces]} for one in frames]
        source = {"name": frames[0].source, "width": SIZE[0], "height": SIZE[1]}
        text = (folder / f"{k}.csv").read_text(encoding="utf-8")
        found.append({"kind": kind, "text": text, "source": source, "moments": moments})
    return found


def _scored(face: FaceAnalysis) -> dict[str, Any]:
    assert face.pose is not None
    arrays = {"probability": face.probability, "intensity": face.intensity, "probabilityLeft": face.probability_left,
              "probabilityRight": face.probability_right, "intensityLeft": face.intensity_left,
              "intensityRight": face.intensity_right, "box": face.box}  # fmt: skip
    pose = {"translation": face.pose.translation.tolist(), "rotation": face.pose.rotation.tolist()}
    plain = {"id": face.face_id, "confidence": face.confidence, "quality": face.quality, "points": face.landmarks.ravel().tolist()}
    return {**plain, "pose": pose, **{name: np.asarray(values).tolist() for name, values in arrays.items()}}


def golden(folder: Path) -> dict[str, Any]:
    """All inputs and what Python makes of them."""
    predictor = AUPredictor.load("compact")
    image = np.ascontiguousarray(demo_frames(1)[0][60:340:2, 100:460:2])  # 180 x 140 pixels with a face
    return {
        "picture": _rgb(image),
        "size": SIZE,
        "facts": facts(predictor, BuiltinConfig(), {}),
        "warps": _warps(image),
        "shrunk": _shrunk(image),
        "faces": _faces(_landmarks(12)),
        "qualities": _qualities(image),
        "boxes": _boxes(),
        "cuts": _cuts(),
        "yuv": _yuv(),
        "films": _films(folder),
        "tables": _tables(folder, tuple(predictor.action_units)),
    }


def test_geometry_quality_films_and_tables_of_the_page_are_those_of_python(tmp_path: Path) -> None:
    vitest = WEB / "node_modules" / ".bin" / "vitest"
    if shutil.which("node") is None or not vitest.exists():
        pytest.skip("Node.js or the packages of web/ are absent; `make web` installs them")
    (path := tmp_path / "golden.json").write_text(json.dumps(golden(tmp_path)), encoding="utf-8")
    environment = {**os.environ, "AUFAIT_GOLDEN": str(path), "NO_COLOR": "1", "CI": "1"}
    done = subprocess.run(
        [str(vitest), "run", "tests/pipeline"], cwd=WEB, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout, done.stdout
