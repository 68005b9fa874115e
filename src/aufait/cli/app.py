"""The ``aufait`` command: one function per subcommand, each loading what it needs only when it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from aufait.cli.bench import bench_app
from aufait.cli.compare import compare
from aufait.cli.convert import convert
from aufait.cli.data import data_app
from aufait.cli.demo import demo
from aufait.cli.detect import detect
from aufait.cli.doctor import doctor
from aufait.cli.evaluate import crossval, evaluate
from aufait.cli.events import events
from aufait.cli.explain import explain
from aufait.cli.export import export
from aufait.cli.import_checkpoint import import_checkpoint
from aufait.cli.models import models
from aufait.cli.openface_flags import CommandWithOpenFaceFlags
from aufait.cli.plot import plot
from aufait.cli.prepare import prepare
from aufait.cli.reproduce import reproduce
from aufait.cli.shipped import calibrate, train_default, train_faces, train_mesh
from aufait.cli.stream import stream
from aufait.cli.studio import studio
from aufait.cli.summarize import summarize
from aufait.cli.synchrony import synchrony
from aufait.cli.synth import synth
from aufait.cli.train import train
from aufait.cli.twin import GroupWithOldSpelling, twin

app = typer.Typer(
    name="aufait",
    help="Facial action units from photographs and videos.",
    cls=GroupWithOldSpelling,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from aufait import __version__

        typer.echo(f"aufait {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Facial action units from photographs and videos."""


app.command("detect", cls=CommandWithOpenFaceFlags)(detect)
app.command("demo")(demo)
app.command("doctor")(doctor)
app.command("compare")(compare)
app.command("convert")(convert)
app.command("stream")(stream)
app.command("models")(models)
app.command("import-checkpoint")(import_checkpoint)
app.command("export")(export)
app.command("events")(events)
app.command("explain")(explain)
app.command("evaluate")(evaluate)
app.command("crossval")(crossval)
app.command("plot")(plot)
app.command("studio")(studio)
app.command("summarize")(summarize)
app.command("synchrony")(synchrony)
app.command("synth")(synth)
app.command("twin")(twin)
app.command("reproduce")(reproduce)
app.command("prepare")(prepare)
app.command("train")(train)
app.command("train-default")(train_default)
app.command("train-mesh")(train_mesh)
app.command("calibrate")(calibrate)
app.command("train-faces")(train_faces)
app.add_typer(bench_app, name="bench")
app.add_typer(data_app, name="data")


def main() -> None:
    """Entry point of the ``aufait`` command."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, as some services do: the work is still done
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (for as long as the program runs)
    app()


if __name__ == "__main__":
    main()
