"""What all commands share: where they write to, how they fail, and what their exit status means.

Exit status: 0 everything done; 1 some inputs failed, or an unexpected error; 2 wrong usage or no usable input;
3 output cannot be written; 4 model file missing; 5 optional package missing; 6 done, but an input shows no face;
130 interrupted.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from aufait.errors import AufaitError, InputError, MissingExtraError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rich.console import Console

EXIT_SOME_FAILED = 1
EXIT_NO_FACE = 6
EXIT_INTERRUPTED = 130

# Which extra brings a package that commands import lazily.
_EXTRA_OF_PACKAGE = {
    "numba": "synth",
    "scipy": "synth",
    "cv2": "synth",
    "h5py": "train",
    "lightning": "train",
    "yaml": "train",
    "matplotlib": "plot",
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "pyarrow": "parquet",
}


def debugging() -> bool:
    """Whether the user asked for tracebacks with ``AUFAIT_DEBUG=1``."""
    return os.environ.get("AUFAIT_DEBUG", "") not in ("", "0")


def stdout() -> Console:
    """Console for results."""
    from rich.console import Console

    return Console(highlight=False)


def stderr() -> Console:
    """Console for progress, warnings and errors, so that results can be piped."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def print_table(heading: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Prints a table on standard output; piped into a file it is as wide as it needs to be.

    Args:
        heading: names of the columns.
        rows: cells as plain text.
        right: numbers of the columns whose cells are aligned to the right.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(heading):
        table.add_column(Text(name), justify="right" if number in right else "left", no_wrap=number == 0)
    for cells in rows:
        table.add_row(*(Text(cell) for cell in cells))
    console = stdout()
    if not console.is_terminal:
        console.width = 200
    console.print(table)


class AufaitGroup(TyperGroup):
    """A command group that prints errors as one message, without a traceback, and sets the exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            stderr().print("[yellow]interrupted[/yellow]")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except Exception as error:
            known = as_aufait_error(error)
            if debugging() or (known is None and _belongs_to_typer(error)):
                raise
            print_error(known or error)
            raise typer.Exit(known.exit_code if known else 1) from None


def as_aufait_error(error: BaseException) -> AufaitError | None:
    """The error as one that a user can act on, or None where it is a fault of the program."""
    if isinstance(error, AufaitError):
        return error
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        if package in _EXTRA_OF_PACKAGE:
            return MissingExtraError(f"this command (package {package})", _EXTRA_OF_PACKAGE[package])
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"the disc is full{_at(error)}; free some space or choose another output folder")
    if isinstance(error, PermissionError):
        return OutputError(f"permission denied{_at(error)}")
    if isinstance(error, FileNotFoundError) and error.filename:
        return InputError(f"no such file: {error.filename}")
    return None


def print_error(error: BaseException) -> None:
    """Prints an error in one paragraph on standard error; says how to see more of one that is not expected."""
    from rich.text import Text

    message = Text()
    message.append("error: ", style="bold red")
    if isinstance(error, AufaitError):
        message.append(str(error))
    else:
        message.append(f"unexpected {type(error).__name__}: {error}; set AUFAIT_DEBUG=1 for a full report")
    stderr().print(message, soft_wrap=True)


def print_warning(text: str) -> None:
    """Prints a warning in one line on standard error."""
    from rich.text import Text

    stderr().print(Text.assemble(("warning: ", "bold yellow"), text), soft_wrap=True)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raises where a file to be written exists and may not be replaced, before any work is done."""
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; use --overwrite or choose another name")


def is_terminal() -> bool:
    """Whether a person watches standard error, so that a moving progress bar makes sense."""
    return sys.stderr.isatty()


def _belongs_to_typer(error: Exception) -> bool:
    """Usage errors, exits and aborts, which Typer shows itself."""
    return type(error).__module__.partition(".")[0] in ("typer", "click")


def _at(error: OSError) -> str:
    return f" at {error.filename}" if error.filename else ""
