"""A whole batch: tables, markers and persons by their files; one recording at a time is in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aufait.analysis.markers import read_markers
from aufait.analysis.persons import read_groups, read_persons, report_unknown
from aufait.analysis.summary.inputs import open_table, table_files
from aufait.analysis.summary.rest import Rest
from aufait.analysis.summary.row import Row
from aufait.analysis.summary.summary import Settings, Summary
from aufait.errors import AufaitError, InputError


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
        progress: called with the name of each recording before it is read.

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
    for name, path in files.items():
        if progress is not None:
            progress(name)
        try:
            summary.add(open_table(name, path, tool, fps), spans.get(name, ()), rest)
        except AufaitError as error:
            if len(files) == 1:
                raise
            failed[name] = str(error)
    if len(failed) == len(files):
        raise InputError("no table could be used: " + "; ".join(failed.values()))
    if persons is not None:
        report_unknown(named, {**summary.faces, **{name: [face for one, face in named if one == name] for name in failed}}, persons)
    return Batch(tuple(summary.all_rows()), files, failed, settings, "none" if rest is None else str(rest))


def _check_rest(rest: Rest | None, labels: set[str]) -> None:
    if rest is None or not rest.condition or rest.condition in labels:
        return
    known = ", ".join(sorted(labels)) or "none were given"
    raise InputError(f"baseline: no marker has the label {rest.condition!r}; labels: {known}; or give none, quiet, running or 0-10")
