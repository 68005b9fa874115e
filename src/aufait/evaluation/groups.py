"""Scores by group: which frames belong to which pose, subject, skin tone, occlusion, view or task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from aufait.errors import InputError
from aufait.evaluation.predictions import Predictions
from aufait.settings import did_you_mean

if TYPE_CHECKING:
    from aufait.data.dataset import AUDataset

YAW_EDGES = (-60.0, -30.0, -15.0, 15.0, 30.0, 60.0)
"""Degrees; the classes of ``pose`` where a data set has no numbered views. Positive: the nose points to the left of the picture."""

UNKNOWN = "unknown"

SKIN_TONES = (0.0, 1.75, 3.5, 5.25, 7.0)
"""Limits of the classes of the face engine's continuous skin tone, from very light (0) to very dark (7)."""

MOST_NUMBERS = 12
"""Whole numbers of at most so many different values are one group each; others are put into classes."""


def group_names(predictions: Predictions) -> list[str]:
    """What these predictions can be divided by."""
    names = [*predictions.attributes, "subject", "person", "recording"]
    if "view" in predictions.attributes or predictions.pose is not None:
        names.append("pose")
    return sorted(dict.fromkeys(names))


def check_groups(names: Iterable[str], dataset: AUDataset) -> None:
    """Make sure that predictions on a data set will have the facts to divide them by, before hours of work.

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
        name of the group -> row numbers. Continuous numbers are put into classes (skin tone into ``SKIN_TONES``, age into tens,
        others into four of about equal size). Groups are sorted by number where they are numbers; frames without the fact come
        last as "unknown".

    Raises:
        InputError: a fact that these predictions do not have.
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
    column = predictions.attributes[name].astype(str)
    texts = np.where((column == "") | (column == "nan"), UNKNOWN, column)
    return _classes(name, texts)


def _classes(name: str, texts: np.ndarray) -> np.ndarray:
    """Numbers on a scale as classes, where there are too many different ones for groups; anything else as it is."""
    distinct = [text for text in np.unique(texts).tolist() if text != UNKNOWN]
    try:
        numbers = {text: float(text) for text in distinct}
    except ValueError:
        return texts
    if all(number.is_integer() for number in numbers.values()) and len(numbers) <= MOST_NUMBERS:
        return np.array([UNKNOWN if text == UNKNOWN else f"{numbers[text]:g}" for text in texts.tolist()], dtype=str)
    edges = _edges(name, np.array(list(numbers.values())))
    names = [f"{low:g}..{high:g}" for low, high in zip(edges[:-1], edges[1:], strict=True)]
    place = {text: int(np.clip(np.searchsorted(edges, number, "right") - 1, 0, len(names) - 1)) for text, number in numbers.items()}
    return np.array([UNKNOWN if text == UNKNOWN else names[place[text]] for text in texts.tolist()], dtype=str)


def _edges(name: str, numbers: np.ndarray) -> np.ndarray:
    """Limits of the classes; a number on a limit belongs to the class above it."""
    if name == "skin_tone" and numbers.min() >= 0 and numbers.max() <= SKIN_TONES[-1]:
        return np.array(SKIN_TONES)
    if name == "age":
        return np.arange(np.floor(numbers.min() / 10) * 10, numbers.max() + 10.001, 10)
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, 5)))
    return edges if len(edges) > 1 else np.array([numbers.min(), numbers.max()])


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
