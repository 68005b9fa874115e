"""What the readers share: collecting recordings, dropping rows without pictures, and the checks at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aufait.action_units import ACTION_UNITS
from aufait.data.anomalies import AnomalyLog, number_ranges
from aufait.data.dataset import AUDataset
from aufait.data.facts import facts_of
from aufait.data.labels import Labels
from aufait.data.pictures import Media
from aufait.data.recording import Recording
from aufait.data.trees import layout_error
from aufait.errors import InputError

_SHOWN_MISSING = 8


@dataclass
class Builder:
    """Collects the recordings of one data set.

    Args:
        name: registry name, also the ``dataset`` of the recordings.
        title: name for people.
        root: folder that the user named.
        tree: expected layout, for messages.
        log: takes the anomalies.
        need_media: leave out what has no picture; otherwise recordings have no media at all.
        max_missing: largest share of label rows without picture, among recordings that have pictures, before the reader
            gives up: a wrong frame offset or an incomplete copy would otherwise pass unseen.
    """

    name: str
    title: str
    root: Path
    tree: str
    log: AnomalyLog
    need_media: bool = True
    max_missing: float = 0.05
    _recordings: list[Recording] = field(default_factory=list)
    _rows: int = 0
    _missing: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.max_missing <= 1:
            raise InputError(f"max_missing is a share from 0 to 1, got {self.max_missing}")

    def fail(self, missing: str, hint: str = "") -> InputError:
        """An error that shows the expected tree and what was found."""
        return layout_error(self.root, self.title, self.tree, missing, hint)

    def add(self, labels: Labels, media: Media | None, **facts: Any) -> None:
        """Take one recording; ``facts`` are further fields of ``Recording`` (subject and task at least)."""
        recording = Recording(
            dataset=self.name,
            frames=labels.frames,
            action_units=labels.action_units,
            occurrence=labels.occurrence,
            intensity=labels.intensity,
            occurrence_known=labels.occurrence_known,
            intensity_known=labels.intensity_known,
            media=media if self.need_media else None,
            **facts,
        )
        if self.need_media and media is None:
            self.log.add("recording-without-media", recording.name, f"{len(recording)} label rows")
            return
        kept = self._with_pictures(recording)
        if len(kept):
            self._recordings.append(kept)

    def _with_pictures(self, recording: Recording) -> Recording:
        numbers = None if recording.media is None else recording.media.numbers()
        if numbers is None:  # a video: only decoding could show
            return recording
        there = np.isin(recording.frames, numbers)
        self._rows += len(there)
        self._missing += int((~there).sum())
        if there.all():
            return recording
        self.log.add("missing-pictures", recording.name, f"frames {number_ranges(recording.frames[~there])}", (~there).sum())
        return recording.rows(there)

    def finish(self, *, threshold: int | None = None) -> AUDataset:
        """The data set, its recordings in order, with the action units that are labelled anywhere.

        Raises:
            InputError: nothing usable remains, or too many label rows have no picture.
        """
        self._check()
        seen: dict[str, Recording] = {}
        for one in sorted(self._recordings, key=lambda one: (one.subject, _natural(one.task), one.view or 0)):
            if one.name in seen:
                self.log.add("duplicate-recordings", one.name, "labelled twice")
            seen.setdefault(one.name, one)
        units = self._labelled_units()
        if not units:
            raise InputError(f"{self.title} in {self.root} holds no label: every cell is marked as unknown")
        recordings = tuple(one if one.action_units == units else one.with_action_units(units) for one in seen.values())
        dataset = AUDataset(self.name, units, recordings, self.log)
        self._compare_published(dataset)
        return dataset if threshold is None else dataset.with_threshold(threshold)

    def _check(self) -> None:
        if self._rows and self._missing / self._rows > self.max_missing:
            share = f"{self._missing} of {self._rows} label rows ({self._missing / self._rows:.0%})"
            examples = "; ".join(str(entry) for entry in self.log.of("missing-pictures")[:3])
            raise InputError(
                f"{self.title} in {self.root}: {share} have no picture, for example {examples}. Either pictures are missing "
                f"or they are counted from another base: try frame_offset=-1 or frame_offset=1. "
                f"To continue without these rows, set max_missing=1"
            )
        if not self._recordings:
            without = [entry.where for entry in self.log.of("recording-without-media")]
            more = "..." if len(without) > _SHOWN_MISSING else ""
            if without:
                names = ", ".join(without[:_SHOWN_MISSING]) + more
                raise self.fail(f"{len(without)} labelled recordings, but no pictures for any of them ({names})",
                                "To read the labels alone, set need_media=False")  # fmt: skip
            problems = "; ".join(str(entry) for entry in list(self.log)[:3])
            raise self.fail("no recording with labels could be read" + (f" ({problems})" if problems else ""))

    def _labelled_units(self) -> tuple[int, ...]:
        found: set[int] = set()
        for one in self._recordings:
            labelled = (one.occurrence_known | one.intensity_known).any(0)
            found |= {unit for unit, yes in zip(one.action_units, labelled, strict=True) if yes}
        return tuple(sorted(found & set(ACTION_UNITS)))

    def _compare_published(self, dataset: AUDataset) -> None:
        tasks = facts_of(self.name).get("tasks")
        odd = sorted({one.task for one in dataset.recordings} - set(tasks)) if tasks else []
        detail = f"labels of {', '.join(odd)}, but {self.title} codes {', '.join(tasks or ())}; is this another data set?"
        self.log.add("mixed-versions", self.root, detail, len(odd))
        published = set(facts_of(self.name).get("subjects", ()))
        if not published:
            return
        here = set(dataset.subjects)
        extra, absent = sorted(here - published), sorted(published - here)
        self.log.add("unexpected-subject", self.root, ", ".join(extra), len(extra))
        self.log.add("missing-subject", self.root, ", ".join(absent), len(absent))


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    import re

    parts = re.split(r"(\d+)", text)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part)
