"""``aufait bench``: how fast is this machine?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import AufaitGroup, is_terminal, print_table, stderr, stdout

if TYPE_CHECKING:
    from aufait.bench.networks import ModelReport

bench_app = typer.Typer(help="Measure speed and memory on this machine.", cls=AufaitGroup, no_args_is_help=True)


@bench_app.callback()
def _root() -> None:
    """Measure speed and memory on this machine."""


SectionOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Page to write the tables to, into its section for the device.", show_default=False),
]
JsonTablesOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


@bench_app.command("detect")
def bench_detect(
    video: Annotated[
        Path | None, typer.Argument(help="Video to analyse; the shipped clip if left out.", show_default=False)
    ] = None,
    size: Annotated[
        str, typer.Option(help="Scale the video to this size first, as WIDTHxHEIGHT; 'original' leaves it.")
    ] = "1280x720",
    frames: Annotated[int, typer.Option(min=10, help="Frames per run; the video is repeated as needed.")] = 300,
    repeats: Annotated[int, typer.Option(min=1, help="Runs, each in a fresh process.")] = 3,
    finder: Annotated[str, typer.Option(help="auto, mesh or builtin.")] = "auto",
    model: Annotated[str, typer.Option(help="Name or weights file of the action unit model.")] = "default",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    runtime: Annotated[str, typer.Option(help="torch, onnx, onnx-int8, openvino or auto, which is torch.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Torch threads.", show_default=False)] = None,
    annotate: Annotated[bool, typer.Option("--annotate", help="Write the annotated video too.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Time the whole of `aufait detect`: reading, finding, scoring and writing the table."""
    from aufait.bench.detection import BenchmarkSettings, benchmark_detect

    settings = BenchmarkSettings(
        video=None if video is None else str(video),
        size=None if size == "original" else parse_size(size),
        frames=frames,
        repeats=repeats,
        finder=finder,
        model=model,
        device=device,
        runtime=runtime,
        threads=threads,
        annotate=annotate,
    )
    report = benchmark_detect(settings)
    if json_output:
        import json

        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        stdout().print(report.to_text(), soft_wrap=True)


@bench_app.command("runtimes")
def bench_runtimes(
    video: Annotated[
        Path | None,
        typer.Argument(help="Video with one face; the left half of the shipped clip if left out.", show_default=False),
    ] = None,
    frames: Annotated[int, typer.Option(min=10, help="Frames of a stream per turn.")] = 60,
    pictures: Annotated[int, typer.Option(min=1, help="Single pictures per turn.")] = 6,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of two turns: through the runtimes and back.")] = 2,
    finder: Annotated[
        str | None, typer.Option(help="builtin or mesh; both, where mesh is there, if left out.", show_default=False)
    ] = None,
    runtime: Annotated[
        list[str] | None,
        typer.Option(
            help="A runtime to measure, repeatable; others are compared with the first. torch, onnx and onnx-int8 if left out.",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the networks.", show_default=False)] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Page to write the table to, into its section for runtimes.", show_default=False),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Compare runtimes in turn: streams of 1280 x 720 with one face and with five, and single pictures."""
    from aufait.bench.page import replace_section
    from aufait.bench.runtimes import RUNTIMES, RuntimeBenchmark, benchmark_runtimes
    from aufait.doctor import mesh_problem

    finders = (finder,) if finder else ("builtin",) if mesh_problem() else ("builtin", "mesh")
    settings = RuntimeBenchmark(
        None if video is None else str(video), frames=frames, pictures=pictures, rounds=rounds, threads=threads, finders=finders,
        runtimes=tuple(runtime) if runtime else RUNTIMES,
    )  # fmt: skip
    report = benchmark_runtimes(settings, _tell)
    if output is not None:
        replace_section("runtimes", report.to_markdown(), output)
    if json_output:
        import json

        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        stdout().print(report.machine, soft_wrap=True)
        print_table(report.heading, report.table(), right=range(3, 8))


@bench_app.command("models")
def bench_models(
    model: Annotated[
        str | None, typer.Option(help="Shell pattern of names; one network per system if left out.", show_default=False)
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Faces per forward pass.")] = 8,
    threads: Annotated[int, typer.Option(min=1, help="Torch threads.")] = 2,
    repeats: Annotated[int, typer.Option(min=1, help="Timed repeats, after one that is not timed.")] = 5,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or mps.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, bf16 or fp16; the latter two by autocast.")] = "float32",
    compiled: Annotated[bool, typer.Option("--compile", help="Run the networks through torch.compile.")] = False,
    output: SectionOption = None,
    json_output: JsonTablesOption = False,
) -> None:
    """Time the networks: one forward pass of a batch of faces, with parameters and arithmetic."""
    from aufait.bench.networks import ModelBenchmark, benchmark_models, write_section

    settings = ModelBenchmark(
        pattern=model,
        batch=batch,
        threads=threads,
        repeats=repeats,
        device=device,
        dtype=dtype,
        compiled=compiled,
    )
    report = benchmark_models(settings, on_row=_tell)
    if output is not None:
        write_section(report, output)
    if json_output:
        import json

        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        _print_models(report)


@bench_app.command("gpu")
def bench_gpu(
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    batches: Annotated[
        str | None,
        typer.Option(metavar="N,N", help="Faces at once. Default: 1,8,32,128,512; on a processor 1,4,16.", show_default=False),
    ] = None,
    streams: Annotated[
        str | None,
        typer.Option(metavar="N,N", help="Workers on the device. Default: 1,2,4,8; on a processor 1,2.", show_default=False),
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=10, help="Frames of a stream. Default: 600; on a processor 100.", show_default=False)
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Timed repeats of each pass.")] = 5,
    finder: Annotated[str, typer.Option(help="auto, mesh or builtin.")] = "auto",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Also time the action unit models through torch.compile: minutes.")
    ] = False,
    output: SectionOption = None,
    json_output: JsonTablesOption = False,
) -> None:
    """What a GPU does for detection: networks by batch and precision, numbers compared, and streams that share the device."""
    from aufait.bench.gpu import GpuBenchmark, benchmark_gpu

    settings = GpuBenchmark(
        device, _numbers(batches, "--batches"), _numbers(streams, "--streams"), frames, repeats, finder, compiled
    )
    report = benchmark_gpu(settings, _tell)
    if output is not None:
        report.write(output)
    if json_output:
        import json

        typer.echo(json.dumps(report.to_dict(), indent=2))
        return
    for line in report.header():
        stdout().print(line, soft_wrap=True)
    for table in report.tables():
        print_table(table[0], table[1:], right=range(1, len(table[0])))
    for line in report.footnotes():
        stdout().print(line, soft_wrap=True)


def _numbers(text: str | None, option: str) -> tuple[int, ...]:
    """``"1,8,32"`` -> (1, 8, 32); none where nothing was given."""
    words = [] if text is None else [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words):
        raise typer.BadParameter(f"expected numbers such as 1,8,32; got {text!r}", param_hint=option)
    return tuple(map(int, words))


def _tell(name: str) -> None:
    if is_terminal():
        stderr().print(f"measuring {name}", style="dim", soft_wrap=True)


def _print_models(report: ModelReport) -> None:
    console = stdout()
    for line in report.header():
        console.print(line, soft_wrap=True)
    for table in (report.model_table(), report.comparison_table()):
        if len(table) > 1:
            print_table(table[0], table[1:], right=range(2, 6))
    for line in report.footnotes():
        console.print(line, soft_wrap=True)


def parse_size(text: str) -> tuple[int, int]:
    """``"1280x720"`` -> (1280, 720); both must be even numbers of at least 32, because video encoders require that."""
    width, cross, height = text.lower().partition("x")
    if cross and width.isdigit() and height.isdigit():
        size = int(width), int(height)
        if min(size) >= 32 and not any(side % 2 for side in size):
            return size
    message = f"expected WIDTHxHEIGHT in even pixels, such as 1280x720, got {text!r}"
    raise typer.BadParameter(message, param_hint="--size")
