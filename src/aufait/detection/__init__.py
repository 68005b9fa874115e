"""Detection on pictures and videos: ``Detector``, quality scores, and jobs over many files."""

from __future__ import annotations

from aufait.detection.detected import DetectedFrame, Detections
from aufait.detection.detector import AnalyzedFrame, Detector
from aufait.detection.quality import RECOMMENDED_QUALITY, QualityFactors, quality_factors, quality_scores
from aufait.machine import resolve_device

__all__ = [
    "RECOMMENDED_QUALITY",
    "AnalyzedFrame",
    "DetectedFrame",
    "Detections",
    "Detector",
    "QualityFactors",
    "quality_factors",
    "quality_scores",
    "resolve_device",
]
