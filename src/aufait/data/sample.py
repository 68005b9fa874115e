"""One labelled face picture of any data set, with the same meaning everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aufait.data.pictures import Media


@dataclass(frozen=True, eq=False)
class FaceSample:
    """One frame of one recording with its labels.

    Codes for "not labelled" (9, 999, -1, an empty cell) never reach this class: ``*_known`` is False there, and the value
    itself is 0 and means nothing.

    Attributes:
        dataset: name of the data set ("bp4d").
        subject: person as the distribution spells it ("F001", "SN001").
        task: elicitation task, trial or video ("T1"); "" where there is only one recording of a subject.
        frame: number as the label files of the distribution count it (most count from 1).
        time: seconds since the first frame of the recording's pictures; from the nominal frame rate, nan where unknown.
        action_units: FACS numbers of the columns below, A of them.
        occurrence: (A,) int8, 1 present, 0 absent (or unknown).
        intensity: (A,) int8, 0 absent, 1 to 5 for FACS A to E (0 where unknown).
        occurrence_known: (A,) bool.
        intensity_known: (A,) bool.
        media: where the picture comes from; None for a data set that was opened without pictures.
        pose: (3,) float32 pitch, yaw, roll in degrees, or None.
        view: number of the camera view (FERA 2017), or None.
        person: the identity of the subject, equal across data sets that share people ("disfa:SN001").
        attributes: further facts for reports by group, such as {"partition": "train", "skin_tone": "III"}.
        load_landmarks: reads the landmarks of this frame, or None; ask for ``landmarks``.
    """

    dataset: str
    subject: str
    task: str
    frame: int
    time: float
    action_units: tuple[int, ...]
    occurrence: np.ndarray
    intensity: np.ndarray
    occurrence_known: np.ndarray
    intensity_known: np.ndarray
    media: Media | None = None
    pose: np.ndarray | None = None
    view: int | None = None
    person: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    load_landmarks: Callable[[], np.ndarray | None] | None = None

    @property
    def landmarks(self) -> np.ndarray | None:
        """(N, 2) float32 x, y in pixels of the full picture, centre of the top-left pixel = 0; read when asked for.

        nan where the tracker failed; None where the data set has no landmarks.
        """
        return None if self.load_landmarks is None else self.load_landmarks()

    def image(self) -> np.ndarray:
        """Read the picture: (H, W, 3) uint8 RGB. For videos go through ``Recording.images``, which decodes once.

        Raises:
            InputError: the data set was opened without pictures, or the file cannot be read.
        """
        if self.media is None:
            from aufait.errors import InputError

            raise InputError(f"{self.dataset}/{self.subject}/{self.task} was opened without pictures (need_media=False)")
        return self.media.read(self.frame)
