"""A report on a data set as it is on the disc: counts, rates next to the published ones, and everything unusual.

Labels are compared with the folders of pictures and with the length that videos state, which takes seconds; pictures,
videos and landmark files are read in full only on request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aufait.action_units import au_name
from aufait.data.anomalies import Anomaly, AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.facts import facts_of, published_rates
from aufait.data.pictures import Video
from aufait.data.preparation.sources import is_rendered
from aufait.data.protocols import Protocol
from aufait.data.recording import Recording
from aufait.errors import AufaitError
from aufait.machine import cores

RATE_TOLERANCE = 0.03
"""Occurrence rates that differ from the published ones by more than this (absolute) are noted."""

_ENOUGH_SUBJECTS = 0.9
_LABELLED_TO_THE_END = {"disfa", "fera2017", "affwild2"}
"""Data sets whose videos are labelled from the first to the last frame; elsewhere a part is labelled."""


@dataclass(frozen=True)
class UnitReport:
    """Labels of one action unit.

    Attributes:
        action_unit: FACS number.
        known: frames with a known occurrence.
        positives: frames in which it is present.
        rate: positives / known, nan where nothing is known.
        intensity: frames of intensity 0, 1, 2, 3, 4, 5.
        published: source -> published occurrence rate.
    """

    action_unit: int
    known: int
    positives: int
    rate: float
    intensity: tuple[int, ...]
    published: dict[str, float]


@dataclass(frozen=True)
class CheckReport:
    """What ``check_dataset`` found.

    Attributes:
        dataset: name.
        subjects, persons, recordings, frames: counts.
        groups: counts of recordings by partition and by view, where there are any.
        action_units: one report each.
        anomalies: everything odd, of reading and of checking.
        occurrence_threshold: intensity from which occurrence was derived, or None.
        protocol: None, or its name, problems, notes and frames of each fold.
        decoded: whether pictures, videos and landmarks were read in full.
        synthetic: whether the pictures are rendered; False where the data set was opened without them.
    """

    dataset: str
    subjects: int
    persons: int
    recordings: int
    frames: int
    groups: dict[str, dict[str, int]]
    action_units: tuple[UnitReport, ...]
    anomalies: AnomalyLog
    occurrence_threshold: int | None = None
    protocol: dict[str, Any] | None = None
    decoded: bool = False
    expected: dict[str, Any] = field(default_factory=dict)
    synthetic: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; undefined rates are null."""
        units = {
            au_name(unit.action_unit): {
                "known": unit.known,
                "positives": unit.positives,
                "rate": None if np.isnan(unit.rate) else round(unit.rate, 6),
                "intensity": list(unit.intensity),
                "published": {source: round(rate, 6) for source, rate in unit.published.items()},
            }
            for unit in self.action_units
        }
        return {
            "dataset": self.dataset,
            "synthetic": self.synthetic,
            "subjects": self.subjects,
            "persons": self.persons,
            "recordings": self.recordings,
            "frames": self.frames,
            "expected": self.expected,
            "groups": self.groups,
            "occurrence_threshold": self.occurrence_threshold,
            "action_units": units,
            "protocol": self.protocol,
            "decoded": self.decoded,
            "anomalies": self.anomalies.to_dict(),
        }


def check_dataset(
    dataset: AUDataset,
    *,
    protocol: Protocol | None = None,
    decode: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Count labels, compare with what is published, and look for what is odd.

    Args:
        dataset: as ``open_dataset`` returned it.
        protocol: also say what of it does not fit, and how many frames each fold has.
        decode: read every picture, video and landmark file; takes as long as reading the data set takes.
        progress: called with (done, total) files or recordings.
    """
    log = AnomalyLog()
    log.extend(dataset.anomalies)
    _check_media(dataset, decode, log, progress)
    units = _unit_reports(dataset)
    _compare_counts(dataset, log)
    _compare_rates(dataset, units, log)
    facts = facts_of(dataset.name)
    return CheckReport(
        dataset=dataset.name,
        subjects=len(dataset.subjects),
        persons=len(dataset.persons),
        recordings=len(dataset.recordings),
        frames=len(dataset),
        groups=_groups(dataset),
        action_units=units,
        anomalies=log,
        occurrence_threshold=dataset.occurrence_threshold,
        protocol=None if protocol is None else _protocol_report(dataset, protocol),
        decoded=decode,
        synthetic=is_rendered(dataset.recordings),
        expected={key: facts[key] for key in ("recordings", "frames") if key in facts}
        | ({"subjects": facts.get("subject_count", len(facts.get("subjects", ())))} if facts.keys() & _SUBJECT_FACTS else {}),
    )


_SUBJECT_FACTS = {"subjects", "subject_count"}


def _groups(dataset: AUDataset) -> dict[str, dict[str, int]]:
    groups: dict[str, dict[str, int]] = {}
    for one in dataset.recordings:
        named = {"partition": one.attributes.get("partition"), "view": one.view}
        for kind, value in named.items():
            if value is not None:
                counts = groups.setdefault(kind, {})
                counts[str(value)] = counts.get(str(value), 0) + 1
    return groups


def _unit_reports(dataset: AUDataset) -> tuple[UnitReport, ...]:
    table = dataset.label_table()
    rates = table.occurrence_rate()
    known = table.occurrence_known.sum(0)
    positives = (table.occurrence.astype(bool) & table.occurrence_known).sum(0)
    tables = published_rates(dataset.name)
    reports = []
    for place, unit in enumerate(dataset.action_units):
        levels = table.intensity[table.intensity_known[:, place], place]
        published = {f"{one['source']} ({one['population']})": one["rates"][unit] for one in tables if unit in one["rates"]}
        histogram = tuple(int(count) for count in np.bincount(levels, minlength=6))
        reports.append(UnitReport(unit, int(known[place]), int(positives[place]), float(rates[place]), histogram, published))
    return tuple(reports)


def _complete(dataset: AUDataset) -> bool:
    """Whether (nearly) all subjects of the published data set are here, so that counts can be compared."""
    published = facts_of(dataset.name).get("subjects", ())
    return bool(published) and len(set(dataset.subjects) & set(published)) >= _ENOUGH_SUBJECTS * len(published)


def _compare_counts(dataset: AUDataset, log: AnomalyLog) -> None:
    facts = facts_of(dataset.name)
    per_recording = facts.get("frames_per_recording", {})
    for one in dataset.recordings:
        wanted = per_recording.get(one.subject, per_recording.get("*"))
        if wanted is not None and len(one) != wanted:
            log.add("unexpected-count", one.name, f"{len(one)} labelled frames with pictures; the published files have {wanted}")
    if len(set(dataset.subjects) & set(facts.get("subjects", ()))) == len(facts.get("subjects", ())) > 0:
        for what, found in (("recordings", len(dataset.recordings)), ("frames", len(dataset))):
            if what in facts and found != facts[what]:
                source = facts.get("counts_source", "published")
                log.add("unexpected-count", dataset.name, f"{found} {what}; {facts[what]} are expected ({source})")


def _compare_rates(dataset: AUDataset, units: tuple[UnitReport, ...], log: AnomalyLog) -> None:
    """Only whole data sets with the published threshold are compared."""
    threshold = facts_of(dataset.name).get("occurrence_threshold")
    if not _complete(dataset) or dataset.occurrence_threshold != threshold:
        return
    for table in (one for one in published_rates(dataset.name) if one["decides"]):
        for unit in units:
            published = table["rates"].get(unit.action_unit)
            if published is not None and not abs(unit.rate - published) <= RATE_TOLERANCE:
                detail = f"{unit.rate:.1%} here, {published:.1%} in {table['source']}"
                log.add("occurrence-rate", au_name(unit.action_unit), detail)


def _protocol_report(dataset: AUDataset, protocol: Protocol) -> dict[str, Any]:
    report: dict[str, Any] = {"name": protocol.name, "title": protocol.title, "problems": [], "folds": []}
    problems: dict[str, None] = {}
    for fold in protocol.folds:
        try:
            split = protocol.split(dataset, fold.number, strict=False)
        except AufaitError as error:
            problems[str(error)] = None
            continue
        problems |= dict.fromkeys(split.notes)
        report["folds"].append(
            {
                "fold": fold.number,
                "train_subjects": len(split.train.persons),
                "train_frames": len(split.train),
                "test_subjects": len(split.test.persons),
                "test_frames": len(split.test),
            }
        )
    report["problems"] = list(problems)
    return report | {"notes": list(protocol.notes), "citation": protocol.citation}


def _check_media(dataset: AUDataset, decode: bool, log: AnomalyLog, progress: Callable[[int, int], None] | None) -> None:
    """Examine each recording separately, several at a time: the work is in libraries that run in parallel."""
    jobs = [one for one in dataset.recordings if decode or isinstance(one.media, Video)]
    pool = ThreadPoolExecutor(max_workers=cores())
    try:
        for done, found in enumerate(pool.map(_decoded if decode else _promised, jobs), start=1):
            for entry in found:
                log.add(entry.kind, entry.where, entry.detail, entry.count)
            if progress is not None:
                progress(done, len(jobs))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C must not wait for the recordings that have not begun


def _promised(recording: Recording) -> list[Anomaly]:
    """Compare labels with what the video's container says."""
    if not isinstance(recording.media, Video):
        return []
    header = recording.media.header
    if header.problem:
        return [Anomaly("truncated-video", recording.name, f"{recording.media.path} cannot be opened: {header.problem}")]
    return [] if header.frames is None else list(_compare_length(recording, header.frames, "promises"))


def _compare_length(recording: Recording, frames: int, verb: str) -> Iterator[Anomaly]:
    assert isinstance(recording.media, Video)
    first, last = recording.media.first, recording.media.first + frames - 1
    beyond = int(((recording.frames < first) | (recording.frames > last)).sum())
    said = f"the video {verb} frames {first} to {last}, labels go from {recording.frames[0]} to {recording.frames[-1]}"
    if beyond:
        yield Anomaly("length-disagrees", recording.name, f"{said}; {beyond} label rows have no frame", beyond)
    elif recording.dataset in _LABELLED_TO_THE_END and recording.frames[-1] < last:
        yield Anomaly("length-disagrees", recording.name, said, int(last - recording.frames[-1]))


def _decoded(recording: Recording) -> list[Anomaly]:
    """Read everything of a recording."""
    found: list[Anomaly] = []
    if isinstance(recording.media, Video):
        found += _decoded_video(recording)
    elif recording.media is not None:
        found += _decoded_pictures(recording)
    try:
        landmarks = recording.landmarks
    except AufaitError as error:
        return [*found, Anomaly("missing-landmarks", recording.name, str(error))]
    if landmarks is not None and (missing := int(np.isnan(landmarks).any((1, 2)).sum())):
        found.append(Anomaly("missing-landmarks", recording.name, f"{missing} of {len(recording)} frames", missing))
    return found


def _decoded_video(recording: Recording) -> list[Anomaly]:
    from aufait.media.video import VideoReader

    assert isinstance(recording.media, Video)
    path: Path = recording.media.path
    try:
        with VideoReader(path, threads=1) as reader:
            for _ in reader:
                pass
    except AufaitError as error:
        return [Anomaly("truncated-video", recording.name, str(error))]
    found = [Anomaly("truncated-video", recording.name, f"{path}: {reader.error}")] if reader.error else []
    if reader.corrupt:
        found.append(Anomaly("truncated-video", recording.name, f"{path}: damaged frames", reader.corrupt))
    return found + list(_compare_length(recording, reader.frames, "holds"))


def _decoded_pictures(recording: Recording) -> list[Anomaly]:
    found = []
    assert recording.media is not None
    for frame in recording.frames:
        try:
            recording.media.read(int(frame))
        except AufaitError as error:
            found.append(Anomaly("unreadable-picture", recording.name, str(error)))
    return found
