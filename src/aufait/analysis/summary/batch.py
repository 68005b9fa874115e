"""A whole batch: tables, markers and persons by their files; each worker has one recording at a time in memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aufait.analysis.markers import read_markers
from aufait.analysis.persons import Persons, read_groups, read_persons, report_unknown
from aufait.analysis.span import Span
from aufait.analysis.summary.inputs import open_table, table_files
from aufait.analysis.summary.rest import Rest
from aufait.analysis.summary.row import Row
from aufait.analysis.summary.summary import Settings, Summary
from aufait.errors import AufaitError, InputError
from aufait.workers.contract import Executor
from aufait.workers.sharing import Ended, all_values


@dataclass(frozen=True, eq=False)
class Batch:
    """What became of a batch.

    Attributes:
        rows: of recordings, persons and groups.
        tables: recording -> its table.
        failed: recording -> why it could not be used.
        settings: with which it was made.
        baseline: where baselines came from, in words; "none" where there are none.
    """

    rows: tuple[Row, ...]
    tables: dict[str, Path]
    failed: dict[str, str]
    settings: Settings
    baseline: str


def summarize(
    tables: Sequence[str | Path],
    *,
    markers: str | Path | None = None,
    tiers: Sequence[str] = (),
    persons: str | Path | None = None,
    groups: Sequence[str] = (),
    baseline: str = "none",
    settings: Settings | None = None,
    tool: str | None = None,
    fps: float | None = None,
    progress: Callable[[str], None] | None = None,
    executor: Executor | None = None,
    ended: Ended | None = None,
) -> Batch:
    """Sum up recordings.

    Args:
        tables: files, and folders of them.
        markers: file or folder of conditions.
        tiers: only markers on these.
        persons: table recording,face_id,person.
        groups: further columns of that table, for rows over several persons.
        baseline: none, quiet, running, seconds such as "0-10", or the label of the markers at rest.
        tool: whose tables they are; None: told by their headers.
        fps: for tables without times.
        progress: called with the name of each recording when it is begun.
        executor: how to spread the recordings; None: one after the other, in this process.
        ended: called after each recording.

    Raises:
        InputError: an input cannot be used; a table that cannot is an error only where no other can.
    """
    settings = settings or Settings()
    if groups and persons is None:
        raise InputError(f"groups ({', '.join(groups)}) are columns of the table of persons; give that too")
    files = table_files(tables)
    named = read_persons(persons) if persons is not None else {}
    spans = read_markers(markers, list(files), tiers) if markers is not None else {}
    rest = Rest.named(baseline, settings.rule.min_quality)
    _check_rest(rest, {span.label for found in spans.values() for span in found})
    summary = Summary(settings, named, read_groups(persons, groups) if persons is not None else {})
    failed: dict[str, str] = {}
    names = list(files)
    work = _Summing(settings, named, spans, rest, tool, fps, alone=len(files) == 1)
    on_message = None if progress is None else lambda _, name: progress(name)
    told = all_values(executor, work, list(files.items()), names=names, on_message=on_message, ended=ended)
    for name, one in zip(names, told, strict=True):
        for text, category in one.warned:
            warnings.warn(text, category, stacklevel=2)
        if one.summary is None:
            failed[name] = one.failure
        else:
            summary.take(one.summary)
    if len(failed) == len(files):
        raise InputError("no table could be used: " + "; ".join(failed.values()))
    if persons is not None:
        report_unknown(named, {**summary.faces, **{name: [face for one, face in named if one == name] for name in failed}}, persons)
    return Batch(tuple(summary.all_rows()), files, failed, settings, "none" if rest is None else str(rest))


@dataclass(frozen=True, eq=False)
class _Summed:
    """One recording, or why it could not be used; and what was warned of."""

    summary: Summary | None
    failure: str
    warned: tuple[tuple[str, type[Warning]], ...]


@dataclass(frozen=True, eq=False)
class _Summing:
    """What is done to a recording: its name and table are the item."""

    settings: Settings
    persons: Persons
    spans: Mapping[str, Sequence[Span]]
    rest: Rest | None
    tool: str | None
    fps: float | None
    alone: bool
    """Whether it is the only one: then its error is that of all."""

    def begin(self) -> None:
        """Nothing."""

    def do(self, tools: None, item: tuple[str, Path], tell: Callable[[Any], None]) -> _Summed:
        """One recording; tells its name."""
        name, path = item
        tell(name)
        summary, failure = Summary(self.settings, self.persons), ""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                summary.add(open_table(name, path, self.tool, self.fps), self.spans.get(name, ()), self.rest)
            except AufaitError as error:
                if self.alone:
                    raise
                failure = str(error)
        warned = tuple((str(one.message), one.category) for one in caught)
        return _Summed(None if failure else summary, failure, warned)


def _check_rest(rest: Rest | None, labels: set[str]) -> None:
    if rest is None or not rest.condition or rest.condition in labels:
        return
    known = ", ".join(sorted(labels)) or "none were given"
    raise InputError(f"baseline: no marker has the label {rest.condition!r}; labels: {known}; or give none, quiet, running or 0-10")
