"""What all commands share: where they write to, how they fail, and what their exit status means.

Exit status: 0 everything done; 1 some inputs failed, or an unexpected error; 2 wrong usage or no usable input;
3 output cannot be written; 4 model file missing; 5 optional package missing; 6 done, but an input shows no face;
7 done, except what another process is still making; 130 interrupted or asked to end.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import typer
from typer.core import TyperGroup

from aufait.errors import AufaitError, InputError, MissingExtraError, OutputError, printable
from aufait.extras import extra_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

EXIT_SOME_FAILED = 1
EXIT_NO_FACE = 6
EXIT_ELSEWHERE = 7
EXIT_INTERRUPTED = 130

_HOME = re.compile(r"^(--[\w-]+=|-\w)?(~(?:[/\\].*)?)$", re.DOTALL)


@contextmanager
def input_warnings_printed(quiet: bool = False) -> Iterator[list[str]]:
    """Warnings about inputs inside are printed, each once, also where an error ends the work; afterwards the list holds them."""
    import warnings

    from aufait.errors import InputWarning

    told: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        try:
            yield told
        finally:
            told += dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, InputWarning))
            for text in [] if quiet else told:
                print_warning(text)


def debugging() -> bool:
    """Whether the user asked for tracebacks with ``AUFAIT_DEBUG=1``."""
    return os.environ.get("AUFAIT_DEBUG", "") not in ("", "0")


def stdout() -> Console:
    """Console for results."""
    return _console(stderr=False)


def stderr() -> Console:
    """Console for progress, warnings and errors, so that results can be piped."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    class CleanConsole(Console):
        """Prints texts as they are: control characters in file names are shown as escapes, and [marks] are used only on request."""

        def print(self, *objects: Any, **options: Any) -> None:
            options.setdefault("markup", False)
            super().print(*(_clean(one) if isinstance(one, str) else one for one in objects), **options)

    return CleanConsole(stderr=stderr, highlight=False, emoji=False)


def _clean(text: str, indent: str = "") -> str:
    """Every line of a text made printable, the later ones with an indent."""
    return f"\n{indent}".join(map(printable, text.split("\n")))


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
        table.add_row(*(Text(_clean(cell)) for cell in cells))
    console = stdout()
    if not console.is_terminal:
        console.width = 200
    console.print(table)


class AufaitGroup(TyperGroup):
    """A command group that prints errors as one message, without a traceback, and sets the exit status."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Reads ``~`` as the home folder also where shells leave it, as in ``--out=~/results``."""
        return super().parse_args(ctx, [_HOME.sub(_at_home, word) for word in args])

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was asked for."""
        try:
            with _unread_output(), _ended_like_ctrl_c():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            stderr().print("interrupted", style="yellow")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except Exception as error:
            known = as_aufait_error(error)
            if debugging() or (known is None and _belongs_to_typer(error)):
                raise
            print_error(known or error)
            raise typer.Exit(known.exit_code if known else 1) from None


def _at_home(word: re.Match[str]) -> str:
    return f"{word[1] or ''}{Path(word[2]).expanduser()}"


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Inside, being asked to end, or losing the terminal, does what Ctrl-C does: partial results stay whole, the status says so."""
    if threading.current_thread() is not threading.main_thread():  # only there Python hears of signals
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # Not where the caller ignores it, as nohup does, or has a handler.
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _unread_output() -> Iterator[None]:
    """Inside, output that nobody reads any more, as with ``| head -1``, is dropped, and the work continues."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", _Forgiving(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Forgiving:
    """A text stream whose reader may go away."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes, or drops the text."""
        with self._forgiving():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hands over what waits."""
        with self._forgiving():
            self._stream.flush()

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            # What waits in the stream would be tried, and fail, again and again; this lets it go.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def as_aufait_error(error: BaseException) -> AufaitError | None:
    """The error as one that a user can act on, or None where it is a fault of the program."""
    if isinstance(error, AufaitError):
        return error
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        extra = extra_of(package)
        if extra is not None:
            return MissingExtraError(f"this command (package {package})", extra)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"the disc is full{_at(error)}; free some space or choose another output folder")
    if isinstance(error, PermissionError):
        return OutputError(f"permission denied{_at(error)}")
    if isinstance(error, OSError) and error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return InputError(f"{error.filename or 'a name'} cannot be a file or folder here: {error.strerror}; check how it was typed")
    if isinstance(error, FileNotFoundError) and error.filename:
        return InputError(f"no such file: {error.filename}")
    return None


def print_error(error: BaseException) -> None:
    """Prints an error in one paragraph on standard error; says how to see more of one that is not expected."""
    from rich.text import Text

    message = Text()
    message.append("error: ", style="bold red")
    if isinstance(error, AufaitError):
        message.append(_clean(str(error), indent="  "))  # a name with a line break must not look like a separate line
    else:
        message.append(_clean(f"unexpected {type(error).__name__}: {error}; set AUFAIT_DEBUG=1 for a full report", indent="  "))
    stderr().print(message, soft_wrap=True)


def print_warning(text: str) -> None:
    """Prints a warning in one line on standard error."""
    from rich.text import Text

    stderr().print(Text.assemble(("warning: ", "bold yellow"), printable(text)), soft_wrap=True)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raises where a file to be written exists and may not be replaced, before any work is done."""
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; use --overwrite or choose another name")


def is_terminal() -> bool:
    """Whether a person watches standard error, so that a moving progress bar makes sense."""
    return sys.stderr is not None and sys.stderr.isatty()


def _belongs_to_typer(error: Exception) -> bool:
    """Usage errors, exits and aborts, which Typer shows itself."""
    return type(error).__module__.partition(".")[0] in ("typer", "click")


def _at(error: OSError) -> str:
    return f" at {error.filename}" if error.filename else ""
