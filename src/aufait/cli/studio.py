"""``aufait studio``: the local web app."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from aufait.cli.console import print_warning, stdout
from aufait.cli.detect import DeviceOption, FinderModelOption, FinderOption, ModelOption, RuntimeOption

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMG]?)B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_LOCAL = ("127.0.0.1", "localhost", "::1")


def studio(
    folder: Annotated[Path, typer.Argument(help="Where recordings and results are kept; made if absent.")] = Path("aufait-studio"),
    host: Annotated[str, typer.Option(help="Address to bind to; others than this machine need --allow-remote.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: the one of the last time if it is free, else any.")] = 0,
    allow_remote: Annotated[bool, typer.Option("--allow-remote", help="Let other machines that know the token in.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Recordings that are analysed at the same time.")] = 1,
    finder: FinderOption = "auto",
    finder_model: FinderModelOption = None,
    model: ModelOption = "default",
    device: DeviceOption = "auto",
    runtime: RuntimeOption = "auto",
    max_upload: Annotated[str, typer.Option(metavar="SIZE", help="Largest file that is taken, such as 500MB.")] = "4GB",
    allow_paths: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Files below it may be analysed where they are; repeatable.", show_default=False),
    ] = None,
    static: Annotated[
        Path | None,
        typer.Option("--static", metavar="FOLDER", help="Write the page that needs no server there, and end.", show_default=False),
    ] = None,
) -> None:
    """Watch, correct and export recordings in the browser; nothing leaves this machine.

    Prints an address with a secret token and opens it. docs/studio.md says what the page does and how programs use the API.
    """
    if static is not None:
        from aufait.studio.static_page import write_static_page

        stdout().print(str(write_static_page(static)), soft_wrap=True)
        return
    from aufait.studio.serve import serve
    from aufait.studio.settings import StudioSettings

    _check_host(host, allow_remote)
    settings = StudioSettings(
        host=host, port=port, workers=workers, finder=finder, finder_model=None if finder_model is None else str(finder_model),
        model=model, device=device, runtime=runtime, max_upload=_bytes(max_upload), allow_paths=tuple(_folders(allow_paths or [])),
    )  # fmt: skip
    serve(folder, settings, _announce, browser=not no_browser)


def _announce(address: str) -> None:
    stdout().print(f"The studio is open at\n  {address}\nCtrl-C ends it.", soft_wrap=True, highlight=False)


def _check_host(host: str, allow_remote: bool) -> None:
    if host in _LOCAL:
        return
    if not allow_remote:
        raise typer.BadParameter(f"--host {host} lets other machines in; if that is meant, say --allow-remote too")
    print_warning(f"other machines can reach the studio ({host}), unencrypted: whoever has the token may do everything")


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if not found or float(found[1]) <= 0:
        raise typer.BadParameter(f"--max-upload {text!r}: write a size such as 500MB or 4GB")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def _folders(folders: list[Path]) -> list[Path]:
    for folder in folders:
        if not folder.expanduser().is_dir():
            raise typer.BadParameter(f"--allow-paths {folder} is no folder")
    return [folder.expanduser().resolve() for folder in folders]
