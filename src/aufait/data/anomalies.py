"""Problems of a data set that do not stop the reading: what kind, where, how many.

A reader raises only where nothing usable remains. Everything else (a label row without a picture, a value outside 0-5, a
video that ends early) is recorded here, so that ``aufait data check`` can name it and nothing is dropped silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "missing-pictures": "label rows whose picture or video frame is missing; these rows are left out",
        "missing-files": "pictures and videos that a table names and that are not there",
        "recording-without-media": "labelled recordings without any picture or video; left out",
        "recording-without-labels": "recordings with pictures or a video but without labels; left out",
        "missing-label-file": "label files that should be there; their action units are unknown in that recording",
        "unreadable-file": "files and folders that cannot be read; what they hold is unknown",
        "bad-cell": "cells that are not a number; taken as unknown",
        "value-out-of-range": "values that are neither a valid label nor a code for missing; taken as unknown",
        "duplicate-rows": "frames labelled more than once; where the rows disagree the labels are taken as unknown",
        "unsorted-rows": "label files whose frames are not in order; sorted",
        "length-disagrees": "files of one recording that disagree about the number or the range of its frames",
        "label-disagrees": "frames where occurrence says absent and intensity says present, or the reverse; both are kept",
        "duplicate-pictures": "frame numbers with more than one picture file; the first by name is used",
        "duplicate-recordings": "recordings found twice (two files or folders for one name); the first is used",
        "frame-base": "signs that label rows and pictures may be counted from different start numbers; compare them by eye",
        "mixed-versions": "files of different releases in one folder",
        "unexpected-subject": "subjects that the published data set does not have",
        "missing-subject": "subjects of the published data set that are not here",
        "unexpected-count": "counts that differ from the published data set",
        "missing-landmarks": "recordings or frames without landmarks; these landmarks are nan",
        "truncated-video": "videos that break off, or hold damaged frames",
        "unreadable-picture": "pictures that cannot be read",
        "occurrence-rate": "action units whose occurrence rate is far from the published one",
    }
)
"""Kind of anomaly -> what it means and what the reader does about it."""


@dataclass(frozen=True)
class Anomaly:
    """One oddity.

    Attributes:
        kind: a key of ``KINDS``.
        where: file, folder or recording.
        detail: what was seen there, with frame numbers, lines or action units.
        count: how many rows, cells or files it concerns.
    """

    kind: str
    where: str
    detail: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.where}: {self.detail}"


class AnomalyLog:
    """Anomalies in the order in which they were met.

    Example:
        >>> log = AnomalyLog()
        >>> log.add("duplicate-rows", "labels.csv", "frame 7 (lines 8, 9)", count=2)
        >>> log.counts()
        {'duplicate-rows': 2}
    """

    def __init__(self) -> None:
        self._entries: list[Anomaly] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Anomaly]:
        return iter(self._entries)

    def add(self, kind: str, where: object, detail: str, count: int = 1) -> None:
        """Record one anomaly; a count of 0 is not an anomaly.

        Raises:
            KeyError: the kind is not in ``KINDS``.
        """
        KINDS[kind]
        if count:
            self._entries.append(Anomaly(kind, str(where), detail, int(count)))

    def extend(self, other: AnomalyLog) -> None:
        """Append all anomalies of another log."""
        self._entries += other._entries

    def of(self, kind: str) -> list[Anomaly]:
        """The anomalies of one kind."""
        return [entry for entry in self._entries if entry.kind == kind]

    def counts(self) -> dict[str, int]:
        """Kind -> sum of the counts, in the order of ``KINDS``; kinds that did not occur are left out."""
        totals = {kind: sum(entry.count for entry in self.of(kind)) for kind in KINDS}
        return {kind: total for kind, total in totals.items() if total}

    def to_dict(self, examples: int = 5) -> dict[str, Any]:
        """Kind -> meaning, total, number of places and the first examples, ready for JSON."""
        return {
            kind: {
                "meaning": KINDS[kind],
                "count": total,
                "places": len(self.of(kind)),
                "examples": [str(entry) for entry in self.of(kind)[:examples]],
            }
            for kind, total in self.counts().items()
        }


def number_ranges(numbers: object, limit: int = 6) -> str:
    """Frame numbers as text with ranges: ``"3-5, 9"``; after ``limit`` ranges comes the number of those left out."""
    values = sorted({int(value) for value in numbers})  # type: ignore[attr-defined]
    ranges: list[list[int]] = []
    for value in values:
        if ranges and value == ranges[-1][1] + 1:
            ranges[-1][1] = value
        else:
            ranges.append([value, value])
    parts = [f"{first}" if first == last else f"{first}-{last}" for first, last in ranges]
    more = f" and {len(parts) - limit} more ranges" if len(parts) > limit else ""
    return ", ".join(parts[:limit]) + more
