"""Scores by group: which frames belong to which pose, subject, skin tone, occlusion, view or task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from aufait.data.naming import did_you_mean
from aufait.errors import InputError
from aufait.evaluation.predictions import Predictions

if TYPE_CHECKING:
    from aufait.data.dataset import AUDataset

YAW_EDGES = (-60.0, -30.0, -15.0, 15.0, 30.0, 60.0)
"""Degrees; the classes of ``pose`` where a data set has no numbered views. Positive: the nose points to the left of the picture."""

UNKNOWN = "unknown"


def group_names(predictions: Predictions) -> list[str]:
    """What these predictions can be divided by."""
    names = [*predictions.attributes, "subject", "person", "recording"]
    if "view" in predictions.attributes or predictions.pose is not None:
        names.append("pose")
    return sorted(dict.fromkeys(names))


def check_groups(names: Iterable[str], dataset: AUDataset) -> None:
    """Make sure that predictions on a data set will carry the facts to divide them by, before hours of work.

    Raises:
        InputError: a fact that neither recordings nor frames have.
    """
    known = {"subject", "person", "recording", "dataset", "fold"}
    for one in dataset.recordings:
        known |= {*one.attributes, *one.frame_attributes}
        known |= {"task"} if one.task else set()
        known |= {"view", "pose"} if one.view is not None else {"pose"} if one.pose is not None else set()
    for name in names:
        if name.strip().lower().replace("-", "_") not in known:
            raise _unknown(name, known)


def _unknown(name: str, known: Iterable[str]) -> InputError:
    listed = ", ".join(sorted(known))
    return InputError(f"these frames carry no {name!r} to divide by{did_you_mean(name, known)} They have: {listed}")


def groups_of(predictions: Predictions, by: str) -> dict[str, np.ndarray]:
    """Rows of each group; every frame is in exactly one.

    Args:
        predictions: N frames.
        by: "pose" (the number of the view, else classes of yaw), "subject", "person", "recording", or an attribute
            ("skin_tone", "occlusion", "view", "task", "fold", "dataset", ...).

    Returns:
        name of the group -> row numbers. Numbers are sorted as numbers; frames without the fact come last as "unknown".

    Raises:
        InputError: a fact that these predictions do not carry.
    """
    values = _values(predictions, by.strip().lower().replace("-", "_"))
    names, index = np.unique(values, return_inverse=True)
    order = sorted(range(len(names)), key=lambda k: _sort_key(str(names[k])))
    return {str(names[k]): np.flatnonzero(index == k) for k in order}


def _values(predictions: Predictions, by: str) -> np.ndarray:
    own: Mapping[str, np.ndarray] = {"person": predictions.person, "recording": predictions.recording}
    if by == "pose" and "view" not in predictions.attributes and predictions.pose is not None:
        return yaw_class(predictions.pose[:, 1])
    if by == "subject" and "subject" not in predictions.attributes:
        return predictions.person
    name = "view" if by == "pose" else by
    if name in own:
        return own[name]
    if name not in predictions.attributes:
        raise _unknown(by, group_names(predictions))
    column = predictions.attributes[name]
    if column.dtype.kind == "f":
        return np.array([UNKNOWN if np.isnan(value) else f"{value:g}" for value in column], dtype=str)
    texts = column.astype(str)
    return np.where(texts == "", UNKNOWN, texts)


def yaw_class(yaw: np.ndarray) -> np.ndarray:
    """(N,) class of each head turn in degrees: "yaw -30..-15", or "unknown"."""
    edges = (-90.0, *YAW_EDGES, 90.0)
    names = np.array([f"yaw {low:g}..{high:g}" for low, high in zip(edges[:-1], edges[1:], strict=True)])
    classes = names[np.digitize(np.nan_to_num(yaw), YAW_EDGES)]
    return np.where(np.isnan(yaw), UNKNOWN, classes)


def _sort_key(name: str) -> tuple[int, float, str]:
    if name == UNKNOWN:
        return 2, 0.0, name
    start = name.removeprefix("yaw ").partition("..")[0]
    try:
        return 0, float(start), name
    except ValueError:
        return 1, 0.0, name
