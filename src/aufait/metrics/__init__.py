"""Numbers that judge predictions: pure functions, arrays in, numbers out. Undefined is nan, never a silent 0."""

from aufait.metrics.functional import calibration_error, f1_frame, icc_3_1, roc_area

__all__ = ["calibration_error", "f1_frame", "icc_3_1", "roc_area"]
