"""``aufait evaluate`` and ``aufait crossval``: networks on prepared faces, and reports with the published numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aufait.cli.console import print_table, print_warning, stdout
from aufait.cli.options import EachThreadsOption, JsonProgressOption, SpreadOption, open_caches
from aufait.cli.progress import Board
from aufait.errors import InputError, OutputError

if TYPE_CHECKING:
    from aufait.data.preparation import FaceCache
    from aufait.evaluation import Evaluation, Predictions
    from aufait.evaluation.reports.tables import Table
    from aufait.training.recipe import Recipe

_FORMATS = "md,csv,tex,html"
_PREDICTIONS = "predictions.npz"

CacheOption = Annotated[
    list[str] | None,
    typer.Option("--cache", help="Folder of aufait prepare; for several data sets repeat it as NAME=FOLDER.", show_default=False),
]
PerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--per", help="Scores by pose, subject, skin_tone, occlusion, view, task, ...; may be repeated.", show_default=False
    ),
]
OcclusionOption = Annotated[
    str | None,
    typer.Option(
        "--occlusion",
        help="Also test with only a part of the face visible: lower, upper, right, left (the subject's), none; all, or a list "
        "with commas.",
        show_default=False,
    ),
]
FormatOption = Annotated[str, typer.Option("--format", help="Report formats, with commas: md, csv, tex, html.")]
DrawsOption = Annotated[int, typer.Option(min=0, help="Bootstrap draws of subjects for the intervals; 0 for none.")]
BatchOption = Annotated[int, typer.Option(min=1, help="Faces at a time.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
ProtocolOption = Annotated[str | None, typer.Option(help="How the data are divided; aufait data list.", show_default=False)]


def evaluate(
    network: Annotated[
        Path | None,
        typer.Argument(help="Folder of aufait train or a model file; with --data also default, mesh, compact.", show_default=False),
    ] = None,
    caches: CacheOption = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", metavar="NAME=ROOT", show_default=False,
            help="Use the pictures of a data set, starting with finding the face: disfa=ROOT, csv=TABLE; instead of --cache.",
        ),
    ] = None,
    finder: Annotated[str, typer.Option(help="Face finder for --data: auto, mesh or builtin.")] = "auto",
    protocol: ProtocolOption = None,
    fold: Annotated[
        str | None, typer.Option(help="Number or alias of the fold; that of the run, else 1.", show_default=False)
    ] = None,
    split: Annotated[str, typer.Option(help="test; train or held-out (training subjects, marked so); all (no split).")] = "test",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for predictions and report.", show_default=False)
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Report on saved predictions instead of running a network.", show_default=False)
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None, typer.Option(help="Test whether two saved predictions differ.", show_default=False)
    ] = None,
    per: PerOption = None,
    occlusion: OcclusionOption = None,
    shared: Annotated[bool, typer.Option("--shared", help="Score the action units that network and protocol share.")] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Continue if subjects of the protocol are missing from the data; the report says so.")
    ] = False,
    formats: FormatOption = _FORMATS,
    draws: DrawsOption = 1000,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Probability from which an action unit counts as predicted.")
    ] = 0.5,
    batch: BatchOption = 32,
    device: DeviceOption = "auto",
    workers: SpreadOption = "1",
    threads: EachThreadsOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier report in the folder.")] = False,
    json_progress: JsonProgressOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score a network on prepared faces, with intervals by subject and the published numbers."""
    from aufait.evaluation.reports.writers import check_formats
    from aufait.workers.executor import executor_for

    chosen, executor = check_formats(formats.split(",")), executor_for(workers)
    ways = [network is not None, predictions is not None, compare is not None]
    if sum(ways) != 1:
        raise InputError(
            "give one of: a network (aufait evaluate RUN --cache CACHE --output FOLDER), --predictions FILE, or --compare A B"
        )
    if output is None:
        raise InputError("name the folder for the report: --output FOLDER")
    _refuse_reports(output, overwrite)
    common: dict[str, Any] = {"draws": draws, "threshold": threshold}
    runs_network = {
        "--cache": caches, "--data": data, "--fold": fold, "--split": split != "test", "--occlusion": occlusion, "--shared": shared,
        "--partial": partial,
    }  # fmt: skip
    if compare is not None:
        _refuse_unused("--compare", runs_network | {"--protocol": protocol, "--per": per})
        _compare(compare, output, chosen, overwrite, quiet, common)
    elif predictions is not None:
        _refuse_unused("--predictions", runs_network)
        _report_saved(predictions, protocol, per or [], output, chosen, overwrite, quiet, common)
    elif data:
        _refuse_unused("--data", {"--cache": caches, "--occlusion": occlusion})
        from aufait.evaluation.pictures import evaluate_pictures

        assert network is not None
        with Board(quiet=quiet, json_lines=json_progress) as board:
            results = evaluate_pictures(
                str(network), data, output, detector={"finder": finder, "device": device, "threads": threads}, protocol=protocol,
                fold=fold, split=split, shared=shared, partial=partial, per=per or [], common=common, report=board.report,
                executor=executor,
            )  # fmt: skip
        for folder, evaluation, found in results:
            _save(found, folder)
            _finish(evaluation, folder, chosen, overwrite, quiet)
    else:
        from aufait.evaluation.trained import evaluate_on_faces
        from aufait.machine import resolve_device

        assert network is not None
        _refuse_shipped(network)
        with Board(quiet=quiet, json_lines=json_progress) as board:
            scored = evaluate_on_faces(
                network, open_caches(caches or []), protocol=protocol, fold=fold, split=split, per=per or [],
                visible=_conditions(occlusion), shared=shared, partial=partial, batch=batch, device=resolve_device(device),
                common=common, report=lambda done, total, what: board.at(what, done, total), executor=executor, threads=threads,
                ended=board.ended,
            )  # fmt: skip
        for name, (evaluation, found) in scored.items():
            folder = output if len(scored) == 1 else output / name
            _save(found, folder)
            _finish(evaluation, folder, chosen, overwrite, quiet)


def crossval(
    recipe: Annotated[str, typer.Argument(help="Recipe of aufait train, by name or file.", show_default=False)],
    caches: CacheOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for runs, predictions and report.", show_default=False)
    ] = None,
    folds: Annotated[
        list[str] | None, typer.Option("--fold", help="Only this fold; may be repeated. All if left out.", show_default=False)
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="Instead of the recipe's: k_fold, 3_fold, ..., leave_one_subject_out, or lodo.", show_default=False),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the recipe as KEY=VALUE.", show_default=False)
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few epochs on few faces, to try things out.")] = False,
    small: Annotated[bool, typer.Option("--small", help="Small networks that learn on a CPU: 0.5 to 2 hours a fold.")] = False,
    per: PerOption = None,
    occlusion: OcclusionOption = None,
    formats: FormatOption = _FORMATS,
    draws: DrawsOption = 1000,
    batch: BatchOption = 32,
    device: DeviceOption = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Training processes on this machine, one per GPU.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train all folds again, also finished ones.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Training faces at most.", show_default=False)] = None,
    repeats: Annotated[
        int, typer.Option(min=1, help="Repeat everything this many times with other folds and seeds; the report gives the spread.")
    ] = 1,
    same_folds: Annotated[bool, typer.Option("--same-folds", help="With --repeats: other seeds only, the same folds.")] = False,
    workers: SpreadOption = "1",
    threads: EachThreadsOption = None,
    json_progress: JsonProgressOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train and test every fold by a recipe; give the same command again to resume."""
    from aufait.evaluation.reports.writers import check_formats
    from aufait.machine import resolve_device
    from aufait.training.recipe import load_recipe
    from aufait.workers.executor import executor_for

    chosen = check_formats(formats.split(","))
    if output is None:
        raise InputError("name the folder for runs and report: --output FOLDER")
    executor = executor_for(workers)
    if devices > 1 and executor.workers > 1:
        raise InputError(f"--devices {devices} trains one fold by several processes, --workers {workers} several folds; choose one")
    # What is given besides the recipe becomes part of it, so that runs and report say how the networks were trained.
    given = [f"{key}={value}" for key, value in {"protocol": protocol, "max_faces": limit}.items() if value is not None]
    plan = load_recipe(recipe, [*(settings or []), *given], quick=quick, small=small)
    sources, where = open_caches(caches or []), resolve_device(device)
    options: dict[str, Any] = {
        "folds": folds or None, "per": per or (), "conditions": _conditions(occlusion), "batch": batch, "device": where,
        "draws": draws,
        "accelerator": where if devices == 1 else where.partition(":")[0], "devices": devices, "resume": not fresh,
        "executor": executor, "threads": threads,
    }  # fmt: skip
    if same_folds and repeats == 1:
        raise InputError("--same-folds says how repeats differ; give their number too: --repeats 5")
    if repeats > 1:
        _repeated(plan, sources, output, repeats, same_folds, chosen, quiet, json_progress, options)
    else:
        _once(plan, sources, output, chosen, quiet, json_progress, options)


def _once(
    plan: Recipe, sources: Mapping[str, FaceCache], output: Path, chosen: tuple[str, ...], quiet: bool, json_progress: bool,
    options: Mapping[str, Any],
) -> None:  # fmt: skip
    """One cross-validation, with a report per test set and one of all where there are several."""
    from aufait.evaluation.cross_validation import cross_validate

    with Board(quiet=quiet, json_lines=json_progress, unit="steps") as board:
        results = cross_validate(plan, sources, output, report=board.report, ended=board.ended, **options)
    for name, result in results.items():
        folder = output if len(results) == 1 else output / name
        _save({**result.conditions, "full": result.predictions}, folder)
        _finish(result.evaluation, folder, chosen, True, quiet)
    if len(results) > 1:
        from aufait.evaluation.across import SUMMARY, across_report
        from aufait.evaluation.reports.writers import write_report

        whole = across_report({name: result.evaluation for name, result in results.items()})
        files = write_report(whole, output, formats=chosen, name=SUMMARY, overwrite=True)
        if not quiet:
            _name_files(files)


def _repeated(
    plan: Recipe, sources: Mapping[str, FaceCache], output: Path, repeats: int, same_folds: bool, chosen: tuple[str, ...],
    quiet: bool, json_progress: bool, options: Mapping[str, Any],
) -> None:  # fmt: skip
    """Several cross-validations: the reports of each in its folder, and one of their spread."""
    from aufait.evaluation.repeats import SUMMARY, repeat_cross_validation, repeats_report
    from aufait.evaluation.reports.writers import write_report

    with Board(quiet=quiet, json_lines=json_progress, unit="steps") as board:
        found = repeat_cross_validation(
            plan, sources, output, repeats=repeats, same_folds=same_folds, report=board.report, ended=board.ended, **options
        )  # fmt: skip
    for name, results in found.items():
        for number, result in enumerate(results, start=1):
            folder = output / f"repeat_{number}" if len(found) == 1 else output / f"repeat_{number}" / name
            _save({**result.conditions, "full": result.predictions}, folder)
            _finish(result.evaluation, folder, chosen, True, True)
        whole = repeats_report([result.evaluation for result in results], same_folds=same_folds)
        files = write_report(whole, output if len(found) == 1 else output / name, formats=chosen, name=SUMMARY, overwrite=True)
        if not quiet:
            _print_table(whole.tables[0], whole.heading)
            _name_files(files)


def _print_table(table: Table, heading: str) -> None:
    from aufait.evaluation.reports.tables import shown

    rows = [[row.label, *(shown(cell, one.kind) for cell, one in zip(row.cells, table.columns, strict=True))] for row in table.rows]
    stdout().print(heading, soft_wrap=True)
    print_table([table.first, *(one.title for one in table.columns)], rows, right=range(1, len(table.columns) + 1))


# ---------------------------------------------------------------------------------------------------------------------
# A network on a part of the data
# ---------------------------------------------------------------------------------------------------------------------


def _refuse_shipped(network: Path) -> None:
    """The shipped models read pictures in their own way, not prepared faces."""
    from aufait.models.default.predictor import MODELS
    from aufait.models.default.shipped import DEFAULT

    if str(network) in (*MODELS, DEFAULT):
        raise InputError(
            f"the model {network} reads pictures, not prepared faces; give the data set itself: aufait evaluate {network} "
            "--data disfa=ROOT, or --data csv=TABLE"
        )


def _refuse_unused(way: str, options: Mapping[str, Any]) -> None:
    """An option without effect is probably a misunderstanding, so it is an error."""
    given = [name for name, value in options.items() if value]
    if given:
        raise InputError(
            f"{' and '.join(given)} cannot be used with {way}; leave it out, or run the network on prepared faces: aufait evaluate "
            "RUN --cache CACHE --output FOLDER"
        )


def _report_saved(
    path: Path, protocol: str | None, per: Sequence[str], output: Path, formats: Sequence[str], overwrite: bool, quiet: bool,
    common: Mapping[str, Any],
) -> None:  # fmt: skip
    from aufait.evaluation import Predictions
    from aufait.evaluation import evaluate as score
    from aufait.evaluation.trained import untold

    found = Predictions.load(path)
    name = protocol or found.about.get("protocol")
    wanted = None
    if name is not None:
        from aufait.data.protocols import get_protocol, list_protocols

        wanted = get_protocol(name) if protocol is not None or name in list_protocols() else None
    notes = [*found.about.get("notes", ()), *untold(found)]
    if found.about.get("split") in ("train", "held-out"):
        notes.append("These are training subjects, not a test.")
    _finish(score(found, wanted, per=per, notes=notes, **common), output, formats, overwrite, quiet)


def _compare(
    paths: tuple[Path, Path], output: Path, formats: Sequence[str], overwrite: bool, quiet: bool, common: Mapping[str, Any]
) -> None:
    from aufait.evaluation import Predictions, compare, comparison_report, write_report
    from aufait.evaluation.reports.tables import shown

    result = compare(Predictions.load(paths[0]), Predictions.load(paths[1]), **common)
    made = comparison_report(result)
    files = write_report(made, output, formats=formats, name="comparison", overwrite=overwrite)
    if quiet:
        return
    table = made.tables[0]
    rows = [
        [row.label, *(shown(cell, column.kind) for cell, column in zip(row.cells, table.columns, strict=True))]
        for row in table.rows
    ]
    stdout().print(made.heading, soft_wrap=True)
    print_table(["AU", *(column.title for column in table.columns)], rows, right=range(1, len(table.columns) + 1))
    _name_files(files)


# ---------------------------------------------------------------------------------------------------------------------
# What both commands share
# ---------------------------------------------------------------------------------------------------------------------


def _conditions(text: str | None) -> tuple[str, ...]:
    """``"lower,none"`` -> names, checked before any work."""
    from aufait.evaluation.occlusion import CONDITIONS
    from aufait.settings import did_you_mean

    hidden = tuple(name for name in CONDITIONS if name != "full")
    if text is None:
        return ()
    wanted = tuple(dict.fromkeys(one.strip().lower() for one in text.split(",") if one.strip()))
    if wanted == ("all",):
        return hidden
    unknown = next((one for one in wanted if one not in hidden), None)
    if unknown is not None or not wanted:
        raise InputError(f"unknown occlusion {unknown!r}{did_you_mean(unknown or '', hidden)} Known: {', '.join(hidden)}, or all")
    return wanted


def _save(found: Mapping[str, Predictions], folder: Path) -> None:
    """``predictions.npz``, and ``predictions_lower.npz`` for each other visible part of the face."""
    for visible, one in found.items():
        name = _PREDICTIONS if visible == "full" else _PREDICTIONS.replace(".", f"_{visible}.")
        one.save(folder / name, overwrite=True)


def _refuse_reports(output: Path, overwrite: bool) -> None:
    """Before any work: a folder with an earlier report stays as it is."""
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file; choose a folder")
    earlier = (
        next(iter(sorted(output.glob("**/report.*")) or sorted(output.glob("comparison.*"))), None) if output.is_dir() else None
    )
    if earlier is not None and not overwrite:
        raise OutputError(f"{earlier} exists; use --overwrite or choose another folder")


def _finish(evaluation: Evaluation, folder: Path, formats: Sequence[str], overwrite: bool, quiet: bool) -> None:
    from aufait.evaluation import write_report

    files = write_report(evaluation, folder, formats=formats, overwrite=overwrite)
    for note in evaluation.notes:
        if not quiet:
            print_warning(note)
    if not quiet:
        _print_scores(evaluation)
        _name_files(files)


def _print_scores(evaluation: Evaluation) -> None:
    from aufait.evaluation.reports.report import above_guessing, above_title, build_report, mean_of_folds
    from aufait.evaluation.reports.tables import shown

    made = build_report(evaluation, published=False)
    table = next(one for one in made.tables if one.name in ("occurrence", "intensity"))
    wanted = [k for k, column in enumerate(table.columns) if column.title.partition(",")[0] in _PRINTED]
    rows = [[row.label, *(shown(row.cells[k], table.columns[k].kind) for k in wanted)] for row in table.rows]
    stdout().print(made.heading, soft_wrap=True)
    counts = f"{evaluation.frames:,} frames of {evaluation.persons} subjects"
    if evaluation.intervals:
        counts += f"; in brackets {evaluation.level:.0%} intervals by subject"
    stdout().print(counts)
    if evaluation.folds:
        stdout().print(f"mean of folds: {mean_of_folds(evaluation)}; below: all folds pooled", soft_wrap=True)
    print_table([table.first, *(table.columns[k].title for k in wanted)], rows, right=range(1, len(wanted) + 1))
    if evaluation.scores["frames"]["mean"]:
        stdout().print(f"{above_title(evaluation).lower()}: {above_guessing(evaluation)}")


_PRINTED = ("frames", "positives", "F1-frame", "accuracy", "ROC area", "ICC(3", "PCC", "MAE")


def _name_files(files: Sequence[Path]) -> None:
    stdout().print("report: " + ", ".join(str(file) for file in files), soft_wrap=True)
