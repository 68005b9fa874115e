"""Numbers that judge predictions: pure functions, arrays in, numbers out. Undefined is nan, never a silent 0."""

from aufait.metrics.functional import (
    accuracy,
    calibration_error,
    f1_frame,
    f1_of_guessing,
    failure_rate,
    icc_3_1,
    landmark_errors,
    mean_absolute_error,
    pearson,
    precision_recall_area,
    reliability,
    roc_area,
    skew,
)
from aufait.metrics.intervals import SubjectDraws, intensity_draws, intervals_of, mean_draws, occurrence_draws
from aufait.metrics.relations import dependency_f1, relation_distance, relation_matrix
from aufait.metrics.significance import (
    Interval,
    PairedTest,
    bootstrap_by_subject,
    detectable_difference,
    paired_t_test,
    paired_test_by_subject,
    power_of_test,
)

__all__ = [
    "accuracy",
    "calibration_error",
    "f1_frame",
    "f1_of_guessing",
    "failure_rate",
    "icc_3_1",
    "landmark_errors",
    "mean_absolute_error",
    "pearson",
    "reliability",
    "precision_recall_area",
    "roc_area",
    "skew",
    "dependency_f1",
    "relation_distance",
    "relation_matrix",
    "Interval",
    "SubjectDraws",
    "intensity_draws",
    "intervals_of",
    "mean_draws",
    "occurrence_draws",
    "PairedTest",
    "bootstrap_by_subject",
    "detectable_difference",
    "power_of_test",
    "paired_t_test",
    "paired_test_by_subject",
]
