"""``aufait data``: what is in a data set's folder, and which data sets and protocols there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aufait.cli.console import AufaitGroup, is_terminal, print_table, stderr, stdout
from aufait.cli.progress import Bar
from aufait.errors import InputError

if TYPE_CHECKING:
    from aufait.data.check import CheckReport
    from aufait.data.protocols import Protocol

_NAME_WIDTH = 28

data_app = typer.Typer(help="Look at data sets and protocols.", cls=AufaitGroup, no_args_is_help=True)


@data_app.callback()
def _root() -> None:
    """Look at data sets and protocols."""


@data_app.command("list")
def data_list(
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Name the data sets that can be read and the protocols that are known."""
    from aufait.data.datasets import dataset_entry, list_datasets
    from aufait.data.protocols import get_protocol, list_protocols

    protocols = [get_protocol(name) for name in list_protocols()]
    if json_output:
        entries = [dataset_entry(name) for name in list_datasets()]
        sets = {one.name: {"summary": one.summary, "options": list(one.options())} for one in entries}
        typer.echo(json.dumps({"datasets": sets, "protocols": {one.name: _protocol_facts(one) for one in protocols}}, indent=2))
        return
    console = stdout()
    console.print("data sets")
    for name in list_datasets():
        entry = dataset_entry(name)
        console.print(f"  {name:<{_NAME_WIDTH}} {entry.summary}", soft_wrap=True)
    console.print("\nprotocols")
    rows = [(one.name, one.title) for one in protocols]
    rows += [("leave_one_subject_out", "your own data, each subject tested once"),
             ("k_fold", "your own data, 5 subject-exclusive folds; other numbers as 3_fold, 10_fold")]  # fmt: skip
    for name, title in rows:
        console.print(f"  {name:<{_NAME_WIDTH}} {title}", soft_wrap=True)


@data_app.command("practice")
def data_practice(
    folder: Annotated[Path, typer.Argument(help="Folder for it; is made.")] = Path("practice"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Unpack a small labelled data set to practise on: 240 rendered faces of 24 persons, 6 action units."""
    from aufait.data.practice import write_practice_set

    table = write_practice_set(folder)
    if not quiet:
        stdout().print(f"{table}: 240 rendered faces of 24 persons. Nobody on them is real.", soft_wrap=True)
        stdout().print(f"Next: aufait prepare csv {table} --output faces", soft_wrap=True)
        stdout().print("Then: aufait crossval practice --cache faces --output result", soft_wrap=True)


@data_app.command("check")
def data_check(
    dataset: Annotated[str, typer.Argument(help="Name of the data set; aufait data list shows them.", show_default=False)],
    root: Annotated[Path, typer.Argument(help="Its folder; for csv the table or its folder.", show_default=False)],
    protocol: Annotated[
        str | None, typer.Option(help="Compare with this protocol too; aufait data list shows them.", show_default=False)
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Option of the data set as KEY=VALUE, such as need_media=false.", show_default=False),
    ] = None,
    decode: Annotated[bool, typer.Option("--decode", help="Read every picture, video and landmark file. Slow.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report to this JSON file too.", show_default=False)
    ] = None,
    examples: Annotated[int, typer.Option(min=0, help="Examples to print of each kind of anomaly.")] = 3,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing report.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Report subjects, frames, occurrence rates and every anomaly of a data set. Anomalies are not errors."""
    from aufait.cli.console import refuse_existing
    from aufait.data.check import check_dataset
    from aufait.data.datasets import open_dataset
    from aufait.data.protocols import protocol_for

    if json_file is not None:
        refuse_existing(json_file, overwrite)
    with stderr().status("reading labels") if is_terminal() and not quiet else _Nothing():
        data = open_dataset(dataset, root, **reader_options(settings or []))
        wanted = None if protocol is None else protocol_for(data, protocol)
    with Bar(quiet=quiet, what="recordings checked") as bar:
        report = check_dataset(data, protocol=wanted, decode=decode, progress=bar.report)
    if not quiet:
        _print_report(report, examples)
    if json_file is not None:
        from aufait.files.atomic import write_bytes

        text = json.dumps(report.to_dict(), indent=2, allow_nan=False) + "\n"
        write_bytes(json_file, text.encode(), overwrite=overwrite)


class _Nothing:
    """Takes the place of a progress display."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def reader_options(settings: list[str]) -> dict[str, str]:
    """``["camera=right"]`` -> {"camera": "right"}."""
    options: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set needs KEY=VALUE, such as --set frame_offset=-1, got {setting!r}")
        options[key.strip()] = value.strip()
    return options


def _protocol_facts(protocol: Protocol) -> dict[str, Any]:
    return {
        "title": protocol.title,
        "datasets": list(protocol.datasets),
        "action_units": list(protocol.action_units),
        "target": protocol.target,
        "occurrence_threshold": protocol.occurrence_threshold,
        "folds": len(protocol.folds),
        "metrics": list(protocol.metrics),
        "citation": protocol.citation,
        "notes": list(protocol.notes),
    }


def _print_report(report: CheckReport, examples: int) -> None:
    console = stdout()
    counts = []
    for what, found in (("subjects", report.subjects), ("recordings", report.recordings), ("frames", report.frames)):
        wanted = report.expected.get(what)
        counts.append(f"{found:,} {what}" + (f" (published: {wanted:,})" if wanted not in (None, found) else ""))
    console.print(f"{report.dataset}: " + ", ".join(counts), soft_wrap=True)
    if report.synthetic:
        note = f"rendered faces in the layout of {report.dataset}, not the data set: figures on them are synthetic"
        console.print(note, soft_wrap=True)
    for kind, groups in report.groups.items():
        console.print(f"recordings by {kind}: " + ", ".join(f"{name} {count:,}" for name, count in groups.items()), soft_wrap=True)
    if report.occurrence_threshold is not None:
        console.print(f"occurrence = intensity >= {report.occurrence_threshold}")
    _print_units(report)
    if report.protocol is not None:
        _print_protocol(report.protocol)
    _print_anomalies(report, examples)


def _print_units(report: CheckReport) -> None:
    sources = list(dict.fromkeys(source for unit in report.action_units for source in unit.published))
    heading = ["AU", "known", "present", "rate"] + [f"[{number}]" for number in range(1, len(sources) + 1)]
    rows = []
    for unit in report.action_units:
        rate = "-" if unit.known == 0 else f"{unit.rate:.1%}"
        row = [f"AU{unit.action_unit}", f"{unit.known:,}", f"{unit.positives:,}", rate]
        rows.append(row + [f"{unit.published[source]:.1%}" if source in unit.published else "-" for source in sources])
    print_table(heading, rows, right=range(1, len(heading)))
    for number, source in enumerate(sources, start=1):
        stdout().print(f"[{number}] published rate: {source}", soft_wrap=True)
    graded = [unit for unit in report.action_units if sum(unit.intensity)]
    if graded:
        levels = [[f"AU{unit.action_unit}", *(f"{count:,}" for count in unit.intensity)] for unit in graded]
        print_table(["intensity", *map(str, range(6))], levels, right=range(1, 7))


def _print_protocol(protocol: dict[str, Any]) -> None:
    stdout().print(f"\nprotocol {protocol['name']}: {protocol['title']}", soft_wrap=True)
    rows = [
        [str(one["fold"]), f"{one['train_subjects']}", f"{one['train_frames']:,}", f"{one['test_subjects']}",
         f"{one['test_frames']:,}"]
        for one in protocol["folds"]
    ]  # fmt: skip
    if rows:
        print_table(["fold", "train subjects", "train frames", "test subjects", "test frames"], rows, right=range(1, 5))
    for problem in protocol["problems"]:
        stdout().print(f"does not match: {problem}", soft_wrap=True)
    for note in protocol["notes"]:
        stdout().print(f"note: {note}", soft_wrap=True)


def _print_anomalies(report: CheckReport, examples: int) -> None:
    console = stdout()
    found = report.anomalies.to_dict(examples)
    if not found:
        console.print("\nno anomalies")
        return
    console.print("\nanomalies:")
    for kind, facts in found.items():
        console.print(f"  {kind} ({facts['count']:,}): {facts['meaning']}", soft_wrap=True)
        for example in facts["examples"]:
            console.print(f"      {example}", soft_wrap=True)
        if facts["places"] > len(facts["examples"]) and examples:
            console.print(f"      ... and {facts['places'] - len(facts['examples']):,} more")
