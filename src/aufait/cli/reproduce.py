"""``aufait reproduce``: the tables and figures of the five papers, on licensed data or on synthetic twins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aufait.cli.console import EXIT_SOME_FAILED, print_table, stderr, stdout
from aufait.cli.options import EachThreadsOption, JsonProgressOption
from aufait.cli.progress import Board
from aufait.errors import InputError

if TYPE_CHECKING:

    from aufait.reproduction.check import Outcome
    from aufait.reproduction.laboratory import Laboratory
    from aufait.reproduction.registry import Item
    from aufait.workers.contract import Executor

_COLOURS = ("jet", "perceptual")
_FEWEST = 3
_SIZES = ("subjects", "tasks", "frames")


def reproduce(
    paper: Annotated[str | None, typer.Argument(help="arl, deep-regions, mgrr-net, aunet or abrnet.", show_default=False)] = None,
    table: Annotated[str | None, typer.Option(help="Number of a table, as printed: 10 or VI.", show_default=False)] = None,
    figure: Annotated[str | None, typer.Option(help="Number of a figure.", show_default=False)] = None,
    text: Annotated[
        str | None,
        typer.Option(help="Section whose text has numbers of its own, such as IV-C1; --list names them.", show_default=False),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="twin, or NAME=FOLDER for each data set: its own folder or prepared faces. NAME= may be left out where one "
            "data set is needed.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Even smaller than aufait train --quick, small twins, one fold: minutes on 2 cores.")
    ] = False,
    output: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("reproduced"),
    work: Annotated[
        Path | None,
        typer.Option(help="Folder of twins, faces and trainings, shared by all items; default: OUTPUT/work.", show_default=False),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of all trainings as KEY=VALUE, such as epochs=3.", show_default=False),
    ] = None,
    twin_size: Annotated[
        list[str] | None,
        typer.Option(help="Size of twins as KEY=NUMBER: subjects, tasks or frames.", show_default=False),
    ] = None,
    aligner: Annotated[
        str | None,
        typer.Option(
            help="Face alignment weights for AUNet: a file, fit to train them on the training faces, or random (as with --quick).",
            show_default=False,
        ),
    ] = None,
    imagenet: Annotated[
        Path | None,
        typer.Option(help="State dict (.pth) of a ResNet18 of ImageNet, for AUNet's section V-D.", show_default=False),
    ] = None,
    colours: Annotated[
        str, typer.Option(help="Colours of attention maps: jet as in the papers; perceptual for print and colour-blind readers.")
    ] = "jet",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps; auto uses the fastest available.")] = "auto",
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="N", show_default=False,
            help="Processes for rendering and preparation, one per core if left out; with --check they share the items, also ray "
            "or ray://HOST:PORT for a Ray cluster.",
        ),
    ] = None,
    threads: EachThreadsOption = None,
    list_all: Annotated[bool, typer.Option("--list", help="List every table and figure with its status.")] = False,
    check_all: Annotated[
        bool, typer.Option("--check", help="Make every item (of a paper), on quick twins unless --data says otherwise.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="With --check: also repeat what was made before.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="With --list: print JSON instead of a table.")] = False,
    json_progress: JsonProgressOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Make a table or figure of a paper, or numbers of its text, and show the published ones.

    Results from twins are marked as synthetic and say nothing about photographs.
    """
    from aufait.reproduction.registry import get_item, list_items
    from aufait.workers.executor import executor_for

    if list_all:
        _list(list_items(paper), json_output)
        return
    if check_all:
        if table or figure or text:
            raise InputError("--check makes every item; leave out --table, --figure and --text")
        quick = quick or not data
        items = list_items(paper)
    elif paper is None or sum(one is not None for one in (table, figure, text)) != 1:
        raise InputError("name a paper and one of its items, such as: aufait reproduce arl --table 10; --list shows all of them")
    else:
        kind = "table" if table is not None else "figure" if figure is not None else "text"
        items = (get_item(paper, kind, table or figure or text or ""),)
    needed = list(dict.fromkeys(name for item in items for name in item.datasets))
    if not check_all and workers is not None and not workers.strip().isdecimal():
        raise InputError(f"--workers {workers}: a cluster shares the items of --check; for one item give a number of processes")
    executor = executor_for(workers or 1)
    board = Board(quiet=quiet, json_lines=json_progress, items=len(items), unit="steps")
    laboratory = _laboratory(
        data or (["twin"] if check_all or not needed else []), needed, work or output / "work", quick,
        settings or [], twin_size or [], aligner, imagenet, colours, device, None if workers is None else executor.workers, board,
    )  # fmt: skip
    if check_all:
        _check(items, laboratory, output, fresh, board, executor, threads)
    else:
        _make(items[0], laboratory, output, board)


def _make(item: Item, laboratory: Laboratory, output: Path, board: Board) -> None:
    from aufait.reproduction.check import make_item

    if item.cannot:
        raise InputError(f"{item.id} cannot be made: {item.cannot}")
    with board:
        files = make_item(item, laboratory, output)
    console = stdout()
    page = next(path for path in files if path.suffix == ".md")
    if item.kind != "figure":
        console.print(page.read_text(encoding="utf-8"), soft_wrap=True)
    for path in files:
        console.print(str(path), soft_wrap=True)


def _check(
    items: tuple[Item, ...], laboratory: Laboratory, output: Path, fresh: bool, board: Board, executor: Executor,
    threads: int | None,
) -> None:  # fmt: skip
    from aufait.reproduction.check import check

    console = stdout()

    def tell(outcome: Outcome, number: int, total: int) -> None:
        text = f"{number:>3}/{total} {outcome.item:<24} {outcome.status:<7} {outcome.seconds:6.1f} s  {outcome.message}"
        board.end(outcome.item, status=outcome.status, seconds=round(outcome.seconds, 3))
        board.say(console, text.rstrip())

    with board:
        outcomes = check(items, laboratory, output, fresh=fresh, report=tell, executor=executor, threads=threads)
    made = sum(outcome.status == "made" for outcome in outcomes)
    spent = ", ".join(f"{kind} {seconds:.0f} s" for kind, seconds in laboratory.seconds.items())
    console.print(f"{made} of {len(outcomes)} made" + (f" ({spent})" if spent else ""), soft_wrap=True)
    if made < len(outcomes):
        raise typer.Exit(EXIT_SOME_FAILED)


def _laboratory(
    data: list[str],
    needed: list[str],
    work: Path,
    quick: bool,
    settings: list[str],
    twin_size: list[str],
    aligner: str | None,
    imagenet: Path | None,
    colours: str,
    device: str,
    workers: int | None,
    board: Board,
) -> Laboratory:
    from aufait.machine import resolve_device
    from aufait.reproduction.laboratory import TWIN, Laboratory

    if not data:
        raise InputError(
            f"this needs {' and '.join(needed)}; give each as --data NAME=FOLDER, or render synthetic twins with --data {TWIN}"
        )
    if colours not in _COLOURS:
        raise InputError(f"--colours takes {' or '.join(_COLOURS)}, got {colours!r}")
    if aligner not in (None, "fit", "random") and not Path(str(aligner)).is_file():
        raise InputError(f"--aligner takes a file of face alignment weights, fit or random; there is no file {aligner}")
    if imagenet is not None and not imagenet.is_file():
        raise InputError(f"--imagenet takes the state dict of a ResNet18; there is no file {imagenet}")
    laboratory = Laboratory(
        work=work,
        sources=_sources([one for one in data if one != TWIN], needed),
        twins=TWIN in data,
        quick=quick,
        twin_size=_sizes(twin_size),
        workers=workers,
        device=resolve_device(device),
        settings=dict(_pair(text, "--set", "epochs=3") for text in settings),
        aligner=aligner,
        imagenet=None if imagenet is None else str(imagenet),
        colours=colours,
        report=lambda line: board.say(stderr(), line, style="dim"),
        progress=board.report,
    )
    laboratory.check_settings()
    return laboratory


def _sources(given: list[str], needed: list[str]) -> dict[str, list[Path]]:
    """``["bp4d=/data/BP4D"]`` -> {"bp4d": [folder]}."""
    from aufait.data.datasets import DATASETS

    found: dict[str, list[Path]] = {}
    for text in given:
        name, equals, place = text.partition("=")
        if not equals:
            if len(needed) != 1:
                raise InputError(f"this needs {' and '.join(needed)}; say which one {text} is: --data {needed[0]}={text}")
            name, place = needed[0], text
        key = name.strip().lower().replace("+", "_plus").replace("-", "_")
        if key == "twin":
            raise InputError(
                f"--data twin renders what is not given and takes no folder; an existing twin is given as its data set, such "
                f"as --data {needed[0] if needed else 'bp4d'}={place}"
            )
        if key not in DATASETS:
            raise InputError(f"unknown data set {name!r} in --data {text}; needed here: {', '.join(needed)}")
        if key not in needed:
            raise InputError(f"--data {text}: {key} is not needed here, only {', '.join(needed) or 'nothing'}")
        if not Path(place).is_dir():
            raise InputError(f"no such folder: {place}")
        found.setdefault(key, []).append(Path(place))
    return found


def _sizes(texts: list[str]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for text in texts:
        name, value = _pair(text, "--twin-size", "subjects=12")
        if name not in _SIZES or not str(value).isdigit() or int(value) < 1:
            raise InputError(f"--twin-size takes {', '.join(_SIZES)} with a positive number, such as subjects=12; got {text!r}")
        if name == "subjects" and int(value) < _FEWEST:
            raise InputError(f"--twin-size subjects={value} is too few; training and test need {_FEWEST} people at least")
        sizes[name] = int(value)
    return sizes


def _pair(text: str, option: str, example: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"{option} needs KEY=VALUE, such as {option} {example}, got {text!r}")
    try:
        return name.strip(), json.loads(value)
    except json.JSONDecodeError:
        return name.strip(), value


def _list(items: tuple[Item, ...], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_facts(item) for item in items], indent=2))
        return
    rows = ((item.id, item.title, ", ".join(item.datasets), str(item.trainings), item.status) for item in items)
    print_table(("item", "shows", "data sets", "trainings", "status"), rows, right=(3,))
    runs = sum(not item.cannot for item in items)
    text = f"{runs} of {len(items)} can be made. Trainings: at full size, shared between items; --quick makes smaller ones."
    stdout().print(text, soft_wrap=True)


def _facts(item: Item) -> dict[str, object]:
    return {
        "id": item.id,
        "paper": item.paper,
        "kind": item.kind,
        "number": item.number,
        "title": item.title,
        "status": item.status,
        "datasets": list(item.datasets),
        "protocols": list(item.needed_protocols),
        "runs": list(item.needed_runs),
        "trainings": item.trainings,
        "printed": item.printed,
    }
