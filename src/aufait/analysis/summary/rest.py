"""Each person's baseline in a summary: quiet frames, frames before, seconds that are given, or a condition of the markers."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aufait.analysis.baseline import BaselineRule, correct
from aufait.analysis.markers import covered
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.span import Span
from aufait.errors import InputError, InputWarning

_SECONDS = re.compile(r"\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True)
class Rest:
    """Where the baseline of a person comes from.

    Attributes:
        rule: of ``analysis.baseline``.
        condition: label of the markers in which the person is at rest; empty where the rule says it all.
    """

    rule: BaselineRule
    condition: str = ""

    def __str__(self) -> str:
        return f"condition {self.condition}" if self.condition else str(self.rule)

    @classmethod
    def named(cls, text: str, min_quality: float) -> Rest | None:
        """What a user writes: none, quiet, running, seconds such as 0-10, or a label of the markers.

        Raises:
            InputError: the text is empty, or the seconds end before they start.
        """
        if not text.strip():
            raise InputError("baseline: expected none, quiet, running, seconds such as 0-10, or a label of the markers")
        if text in ("none", "quiet", "running"):
            return None if text == "none" else cls(BaselineRule(text, min_quality=min_quality))
        if match := _SECONDS.fullmatch(text):
            return cls(BaselineRule("given", float(match[1]), float(match[2]), min_quality=min_quality))
        return cls(BaselineRule("given", min_quality=min_quality), text)

    def corrected(self, table: ScoreTable, kind: str, spans: Sequence[Span]) -> np.ndarray | None:
        """(N, A) strength above the baseline; None, with a warning, where a recording has no such segment.

        Args:
            kind: "intensity" or "probability": which scores are the strength; empty where there are none.
            spans: markers of the recording.

        Raises:
            InputError: the segment shows no face.
        """
        if not kind:
            return None
        nothing = np.broadcast_to(np.float32(np.nan), table.intensity.shape)
        others = {name: nothing for name in ("intensity", "probability") if name != kind}
        sides: dict[str, None] = {f"{name}_{side}": None for name in ("intensity", "probability") for side in ("left", "right")}
        alone = replace(table, **others, **sides)  # type: ignore[arg-type]
        if not self.condition:
            return correct(alone, self.rule).corrected.get(kind)
        stretches = covered([span for span in spans if span.label == self.condition], -np.inf, np.inf)
        if not stretches:
            text = f"{table.name}: no marker {self.condition!r}, so no baseline; its corrected scores are unknown"
            warnings.warn(text, InputWarning, stacklevel=2)
            return None
        inside = np.any([(table.time >= start) & (table.time < end) for start, end in stretches], axis=0)
        resting = alone.rows(inside)
        faces = {face: face for face in table.faces if face in resting.faces}
        result = correct(alone, self.rule, replace(resting, name=f"{table.name}, {self.condition}"), faces=faces)
        return result.corrected.get(kind)
