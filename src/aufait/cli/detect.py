"""``aufait detect``: pictures and videos in, tables out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import EXIT_ELSEWHERE, EXIT_INTERRUPTED, EXIT_NO_FACE, EXIT_SOME_FAILED, print_warning, stdout
from aufait.cli.options import JsonProgressOption
from aufait.errors import InputError, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from aufait.cli.spreading import Spread
    from aufait.detection.detector import Detector
    from aufait.detection.jobs import Outcome
    from aufait.detection.plan import OutputOptions, Task
    from aufait.detection.remote_results import RemoteResults
    from aufait.media.sources import Source

_SHOWN_PROBLEMS = 20
DEFAULT_OUTPUT = Path("aufait-results")
AVAILABLE = "available"
"""The word for all blocks of OpenFace's columns that the face finder has something for."""

FinderOption = Annotated[str, typer.Option(help="Face finder: auto, mesh or builtin. auto uses mesh if its file is there.")]
FinderModelOption = Annotated[
    Path | None, typer.Option(help="face_landmarker.task for the mesh finder, or its folder.", show_default=False, metavar="FILE")
]
ModelOption = Annotated[
    str, typer.Option(help="Action unit model: default, mesh, compact, a weights file of any network, or a run's folder.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
RuntimeOption = Annotated[
    str,
    typer.Option(
        help="What runs the shipped networks: torch; torch-bf16, scores in half precision; onnx, on the processor, extra fast;"
        " onnx-int8, in 8 bits; openvino, on the processor, extra openvino; auto, that is torch."
    ),
]
MaxFacesOption = Annotated[
    int | None, typer.Option(min=1, help="Keep at most this many faces per frame.", show_default=False)
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="Processor threads for the networks.", show_default=False)
]


def detect(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...", help="Pictures, videos, folders or glob patterns; videos at s3://BUCKET/PATH.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", "-out_dir", help="Folder for the results, also s3://BUCKET/PATH; made if absent.")
    ] = DEFAULT_OUTPUT,
    finder: FinderOption = "auto",
    finder_model: FinderModelOption = None,
    model: ModelOption = "default",
    device: DeviceOption = "auto",
    max_faces: MaxFacesOption = None,
    min_confidence: Annotated[float, typer.Option(min=0.0, max=1.0, help="Leave out faces with lower confidence.")] = 0.5,
    base_rate: Annotated[
        str | None,
        typer.Option(
            metavar="RATE",
            help="Share of frames in which units are expected: 0.1 for all, or 12=0.2,4=0.05.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name for the result of one input: NAME.csv and so on.", show_default=False)
    ] = None,
    sequence: Annotated[
        bool, typer.Option("--sequence", help="Folders hold the numbered frames of one video each; needs --fps.")
    ] = False,
    fps: Annotated[float | None, typer.Option(help="Frames of a sequence per second.", show_default=False)] = None,
    openface_columns: Annotated[
        str | None,
        typer.Option(
            metavar="BLOCKS",
            help="Blocks of OpenFace's columns: gaze,pose,2Dfp,3Dfp,aus, or all, or available: all that the face finder gives."
            " Default: pose,2Dfp,aus.",
            show_default=False,
        ),
    ] = None,
    alignment: Annotated[
        str,
        typer.Option(
            help="Networks that read three frames (AUNet): track, one pass per frame; neighbours, three passes, as in the paper."
        ),
    ] = "track",
    formats: Annotated[str, typer.Option("--format", help="Table formats, separated by commas: csv, parquet.")] = "csv",
    parquet: Annotated[bool, typer.Option("--parquet", help="Write Parquet too: --format csv,parquet.")] = False,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Write each video or picture again with boxes, landmarks and bars.")
    ] = False,
    no_sound: Annotated[bool, typer.Option("--no-sound", help="Leave the sound out of the annotated copy.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Write a timeline picture for each video.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Write an HTML page that shows the results.")] = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Write the page, and show on the most telling faces where the model looked."),
    ] = False,
    camera: Annotated[
        int | None, typer.Option(min=0, help="Analyse this camera until you press Ctrl-C; 0 is the first.", show_default=False)
    ] = None,
    stream: Annotated[
        int | None,
        typer.Option(min=0, help="Video stream to read, as numbered in the file; default: the main one.", show_default=False),
    ] = None,
    all_pages: Annotated[
        bool, typer.Option("--all-pages", help="Read all pages or animation frames of a picture, as a video, not only the first.")
    ] = False,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Also read the folders inside folders.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing results.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave inputs alone whose tables exist, whoever made them and however.")
    ] = False,
    allow_no_face: Annotated[
        bool, typer.Option("--allow-no-face", help="Exit with 0 even if no face is found in an input.")
    ] = False,
    threads: ThreadsOption = None,
    runtime: RuntimeOption = "auto",
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Processes that share the inputs; ray or ray://HOST:PORT for a Ray cluster."
            " Default: 1, or one per segment or device.",
            show_default=False,
        ),
    ] = None,
    segments: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Cut long videos into N segments for as many workers; auto: one per worker.",
            show_default=False,
        ),
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="GPUs that the workers are spread over: auto (all), a number, or cuda:0,cuda:1. Default: all use --device.",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Frames of a video that are scored together. Default: 4, on a GPU 16.", show_default=False),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Part I of N, for one of N machines that get the same inputs.", show_default=False),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="At the end, wait for what other processes are making in the same folder.")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")] = False,
    json_progress: JsonProgressOption = False,
    openface_folders: Annotated[list[str] | None, typer.Option("--openface-folder", hidden=True)] = None,
) -> None:
    """Find faces and score their action units, in pictures, videos, folders or a camera.

    A video clip.mp4 gives clip.csv (OpenFace 2.2's columns, ours to the right of them) and clip.provenance.json; all
    pictures of a call share images.csv. One input that fails does not stop the others. Give the same command again to resume where
    a run was stopped or killed; several processes may share one folder.

    OpenFace's flags are understood: -f FILE, -fdir FOLDER, -device N, -out_dir FOLDER, -of NAME, -aus, -pose, -2Dfp, -3Dfp, -gaze,
    -tracked and more; those without a counterpart are refused by name, with what to use instead.

    Exit status: 0 all done; 1 some inputs failed; 2 wrong usage or no usable input; 3 output cannot be written;
    4 model file missing; 5 optional package missing; 6 done, but an input shows no face; 7 with --no-wait: done, except what
    another process is still making; 130 interrupted.
    """
    from aufait.cli.spreading import spread
    from aufait.detection.openface_blocks import needs_space
    from aufait.detection.pieced import tell_pieces
    from aufait.detection.plan import OutputOptions
    from aufait.detection.remote_results import remote_results
    from aufait.detection.shards import read_shard, shard_of

    names = [name.strip().lower() for name in formats.split(",") if name.strip()]
    options = OutputOptions(
        formats=tuple(dict.fromkeys([*names, *(["parquet"] if parquet else [])])),
        annotate=annotate,
        sound=not no_sound,
        plot=plot,
        report=report or explain,
        explain=explain,
        overwrite=overwrite,
        blocks=_blocks(openface_columns),
    )
    wanted = _Wanted(inputs or [], openface_folders or [], camera, sequence=sequence, fps=fps, name=name)
    how = spread(workers, segments, devices, device)
    remote = remote_results(out)
    tasks, unusable = _prepare(
        wanted, out, options, recursive=recursive, all_pages=all_pages, stream=stream, skip_existing=skip_existing, remote=remote
    )  # fmt: skip
    if not tasks and skip_existing and not unusable:
        raise typer.Exit(0)
    if shard is not None:
        tasks = shard_of(tasks, *read_shard(shard))
        if not tasks:
            stdout().print(f"shard {shard} is empty: there are fewer inputs than shards", soft_wrap=True)
            raise typer.Exit(0)
    outcomes = _run(
        tasks if segments is None else tell_pieces(tasks),
        options,
        {
            "finder": finder,
            "finder_model": finder_model,
            "model": model,
            "device": how.device,
            "max_faces": max_faces,
            "min_confidence": min_confidence,
            "threads": threads,
            "batch_size": batch,
            "base_rates": _base_rates(base_rate),
            "alignment": alignment,
            "gaze": needs_space(options.blocks),
            "runtime": runtime,
        },
        how,
        remote,
        only_given=openface_columns is not None and openface_columns.strip().lower() == AVAILABLE,
        wait=wait,
        quiet=quiet,
        json_progress=json_progress,
    )
    raise typer.Exit(_conclude(outcomes, unusable, allow_no_face=allow_no_face, quiet=quiet or json_progress))


def _base_rates(text: str | None) -> float | dict[int, float] | None:
    """``--base-rate`` -> what ``Detector`` takes: one number, or a number for some units."""
    if text is None:
        return None
    try:
        if "=" not in text:
            return float(text)
        pairs = [pair.split("=") for pair in text.split(",")]
        return {int(unit.strip().upper().removeprefix("AU")): float(rate) for unit, rate in pairs}
    except ValueError:
        wanted = "a share such as 0.1, or units with shares such as 12=0.2,4=0.05"
        raise typer.BadParameter(f"expected {wanted}; got {text!r}") from None


def _blocks(text: str | None) -> tuple[str, ...] | None:
    """``--openface-columns`` -> what ``OutputOptions`` takes; those that are available are known when the face finder is."""
    if text is None:
        return None
    from aufait.detection.openface_blocks import BLOCKS, read_blocks

    return BLOCKS if text.strip().lower() == AVAILABLE else read_blocks(text)


@dataclass(frozen=True)
class _Wanted:
    """What the user named as inputs."""

    inputs: list[str]
    folders: list[str]
    """Of OpenFace's ``-fdir``: sequences where their pictures are numbered."""
    camera: int | None
    sequence: bool
    fps: float | None
    name: str | None


def _sources(wanted: _Wanted, *, recursive: bool) -> list[Source]:
    """Pictures and videos, in the order of the inputs.

    Raises:
        InputError: a sequence without frame rate, a frame rate without sequence, or nothing that can be used.
    """
    from aufait.media.sources import expand_inputs

    if wanted.sequence and wanted.fps is None:
        raise InputError("--sequence needs --fps, the frames per second, such as --fps 25: pictures say nothing of time")
    if wanted.fps is not None and not (wanted.sequence or wanted.folders):
        raise InputError("--fps is for folders of frames (--sequence); the times of a video are in its file")
    if wanted.sequence:
        sources = [_sequence(folder, wanted.fps or 0.0) for folder in wanted.inputs]
    else:
        sources = expand_inputs(wanted.inputs, recursive=recursive) if wanted.inputs else []
    return sources + [source for folder in wanted.folders for source in _openface_folder(folder, wanted.fps, recursive=recursive)]


def _openface_folder(folder: str, fps: float | None, *, recursive: bool) -> list[Source]:
    """What is in a folder given by ``-fdir``: one sequence, where its pictures are numbered, else what a folder always gives."""
    from aufait.media.frame_folder import OPENFACE_RATE, is_numbered
    from aufait.media.sources import expand_inputs

    if fps is None and not is_numbered(folder):
        print_warning(f"-fdir {folder}: its pictures are not numbered, and each stands for itself; --fps 25 makes them a sequence")
        return expand_inputs([folder], recursive=recursive)
    if fps is None:
        print_warning(f"-fdir {folder}: its frames are taken to be {OPENFACE_RATE:g} per second; give the true rate with --fps")
    return [_sequence(folder, OPENFACE_RATE if fps is None else fps)]


def _sequence(folder: str, fps: float) -> Source:
    """A folder of frames; what else is in it is named."""
    from aufait.media.frame_folder import frame_sequence

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        source = frame_sequence(folder, fps)
    for one in told:
        print_warning(str(one.message))
    return source


def _prepare(
    wanted: _Wanted,
    out: Path,
    options: OutputOptions,
    *,
    recursive: bool,
    all_pages: bool,
    stream: int | None,
    skip_existing: bool,
    remote: RemoteResults | None,
) -> tuple[list[Task], list[Source]]:
    """Everything that can go wrong before any work is done, goes wrong here."""
    from aufait.detection.plan import camera_task, check_outputs, named, plan_tasks

    if wanted.camera is not None:
        if wanted.inputs or wanted.folders:
            raise typer.BadParameter("give either inputs or --camera, not both")
        tasks, unusable = [camera_task(wanted.camera, out)], []
    else:
        if not wanted.inputs and not wanted.folders:
            raise typer.BadParameter("name at least one picture, video or folder, or give --camera 0")
        sources = _sources(wanted, recursive=recursive)
        if all_pages:
            from aufait.media.pages import as_sequences

            sources = as_sequences(sources)
        tasks, unusable = plan_tasks(sources, out, stream=stream), [source for source in sources if source.kind == "unusable"]
    if wanted.name is not None:
        tasks = named(tasks, wanted.name)
    if remote is not None:
        tasks = [replace(task, folder=remote.folder) for task in tasks]
        remote.fetch(tasks, options)
    if skip_existing:
        tasks = _not_existing(tasks, options)
    check_outputs(tasks, options)
    return tasks, unusable


def _not_existing(tasks: list[Task], options: OutputOptions) -> list[Task]:
    """The tasks whose tables are not there; says how many are left alone."""
    from aufait.detection.shards import without_existing

    if options.overwrite:
        raise InputError("--skip-existing leaves alone what --overwrite replaces; give one of them")
    left = without_existing(tasks, options)
    if len(left) < len(tasks):
        stdout().print(f"{len(tasks) - len(left)} of {len(tasks)} left alone: their tables exist", soft_wrap=True)
    return left


def _sending(remote: RemoteResults | None, done: Callable[[Outcome], None]) -> Callable[[Outcome], None]:
    """What is called with each outcome: results that belong into a bucket are sent there first."""

    def send(outcome: Outcome) -> None:
        if remote is not None:
            remote.send(outcome)
        done(outcome)

    return send


def _run(
    tasks: list[Task],
    options: OutputOptions,
    settings: dict[str, object],
    how: Spread,
    remote: RemoteResults | None,
    *,
    only_given: bool,
    wait: bool,
    quiet: bool,
    json_progress: bool,
) -> list[Outcome]:
    """Does the work.

    Args:
        only_given: leave out blocks of columns that the face finder has nothing for.
        wait: for what other processes are making.
    """
    from aufait.cli.page_events import page_events
    from aufait.cli.progress import DetectionBoard
    from aufait.detection.detector import Detector
    from aufait.detection.many import run_tasks
    from aufait.detection.provenance import command_line

    with Detector(**settings) as detector:  # type: ignore[arg-type]
        if not quiet and not json_progress:
            print_setup(detector)
        options = _given_blocks(options, detector.finder_name, only_given=only_given)
        with DetectionBoard(quiet=quiet, json_lines=json_progress, items=len(tasks)) as board:
            return run_tasks(
                tasks, detector, options, on_frame=board.frame, on_done=_sending(remote, board.done), command=command_line(),
                find_events=page_events, executor=how.executor, arguments=settings, segments=how.segments, devices=how.devices,
                wait=board.waiting if wait else None,
            )  # fmt: skip


def _given_blocks(options: OutputOptions, finder: str, *, only_given: bool) -> OutputOptions:
    """The options, without blocks of columns that would be empty, or with a word on them where they were asked for by name."""
    from aufait.detection.openface_blocks import available_blocks

    given = available_blocks(finder)
    empty = [block for block in options.blocks or () if block not in given]
    if not empty:
        return options
    if only_given:
        return replace(options, blocks=given)
    print_warning(f"the {finder} face finder gives no gaze and no eye points: their columns stay empty; --finder mesh gives them")
    return options


def print_setup(detector: Detector) -> None:
    """Says which finder, model and device are used, and why this finder where the choice was left open."""
    reason = f" ({detector.finder_reason})" if detector.finder_reason else ""
    line = f"finder {detector.finder_name}{reason}, model {detector.settings['model']}, device {detector.device}"
    stdout().print(line, soft_wrap=True)


def _conclude(outcomes: list[Outcome], unusable: list[Source], *, allow_no_face: bool, quiet: bool) -> int:
    """Prints the summary and every problem; returns the exit status."""
    if not quiet:
        for outcome in outcomes:
            if not outcome.kept and outcome.status != "elsewhere":
                print_outcome(outcome)
        if kept := sum(outcome.kept for outcome in outcomes):
            stdout().print(f"{kept} of {len(outcomes)} were there already, whole and made in the same way", soft_wrap=True)
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    failures = [problem for problem in problems if problem.is_failure]
    told = [str(problem) for problem in problems if not problem.no_face]
    _print_some([source.problem or str(source.path) for source in unusable] + told)
    if not allow_no_face:
        _print_some([str(problem) for problem in problems if problem.no_face])
    if any(outcome.status == "interrupted" for outcome in outcomes):
        print_warning("interrupted: what was done so far is in the files named .partial; give the same command again to resume")
        return EXIT_INTERRUPTED
    if failures and not unusable and all(outcome.status in ("failed", "not started") for outcome in outcomes):
        return failures[0].exit_code
    if failures or unusable:
        return EXIT_SOME_FAILED
    if any(outcome.status == "elsewhere" for outcome in outcomes):
        return EXIT_ELSEWHERE
    return EXIT_NO_FACE if any(problem.no_face for problem in problems) and not allow_no_face else 0


def print_outcome(outcome: Outcome) -> None:
    """One line on how a task went, and where its files are."""
    state = "" if outcome.status == "ok" else f" ({outcome.status})"
    count = "" if outcome.task.kind == "image" else f"{outcome.frames} frames, "
    line = f"{printable(outcome.task.title)}{state}: {count}{outcome.frames_with_face} with a face, "
    line += f"{outcome.frames_per_second:.1f}/s"
    stdout().print(line, soft_wrap=True)
    if outcome.resumed:
        stdout().print(f"  {outcome.resumed} of {outcome.frames} pictures were done before the run was stopped", soft_wrap=True)
    for path in outcome.outputs:
        stdout().print(f"  {printable(str(path))}", soft_wrap=True)


def _print_some(messages: list[str]) -> None:
    for message in messages[:_SHOWN_PROBLEMS]:
        print_warning(message)
    if len(messages) > _SHOWN_PROBLEMS:
        print_warning(f"and {len(messages) - _SHOWN_PROBLEMS} more like this; all are in the provenance record")
