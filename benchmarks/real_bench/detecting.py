"""Options and header that all parts share, and the one face out of several that a label means."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aufait import Detector
from aufait.machine import describe_machine
from aufait.results import FaceAnalysis
from aufait.shipped.action_units.labelled_faces import best_match


def add_detector_options(parser: argparse.ArgumentParser) -> None:
    """``--finder``, ``--finder-model``, ``--model``, ``--device``, ``--runtime``, ``--min-confidence``."""
    parser.add_argument("--finder", default="auto", help="face finder by name")
    parser.add_argument("--finder-model", type=Path, help="the finder's model file, where it needs one")
    parser.add_argument("--model", help="name or file of the action-unit model; default: the detector's own choice")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--runtime", default="auto", help="what runs the shipped networks")
    parser.add_argument("--min-confidence", type=float, default=0.5)


def make_detector(options: argparse.Namespace) -> Detector:
    """The detector that the options name; prints machine, command, finder and model."""
    detector = Detector(
        finder=options.finder,
        finder_model=options.finder_model,
        device=options.device,
        runtime=options.runtime,
        min_confidence=options.min_confidence,
        **({} if options.model is None else {"model": options.model}),
    )
    settings = detector.settings
    print(f"machine: {describe_machine()}")
    print(f"command: python {' '.join(sys.argv)}")
    model = f"model {settings['model']} ({settings['model_sha256'][:12]})"
    print(f"finder {settings['finder']}, {model}, device {settings['device']}, runtime {settings['runtime']}")
    return detector


def labelled_face(faces: Sequence[FaceAnalysis], box: Sequence[float]) -> FaceAnalysis | None:
    """The face that overlaps a labelled box (x, y, w, h) most, or None where none does enough."""
    best = best_match([face.box for face in faces], box)
    return None if best is None else faces[best]


def largest_face(faces: Sequence[FaceAnalysis]) -> FaceAnalysis | None:
    """The face with the largest box, for portraits."""
    return max(faces, key=lambda face: float(np.prod(face.box[2:] - face.box[:2])), default=None)
