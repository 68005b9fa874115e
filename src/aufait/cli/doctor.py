"""``aufait doctor``: what is installed, what is missing, what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import stdout

if TYPE_CHECKING:
    from aufait.inference.environment import Check

_MARKS = {"ok": "[green]ok[/green]", "optional": "[yellow]absent[/yellow]", "missing": "[red]missing[/red]"}
_EXIT_MISSING = 4


def doctor(
    fetch: Annotated[
        list[str] | None,
        typer.Option(
            "--fetch", metavar="NAME", help="Download a model file once: mediapipe. Nothing else uses the network."
        ),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show versions, face finders and model files, and what to do about each missing one. Works offline."""
    from aufait.inference.environment import diagnose, healthy

    if fetch:
        _fetch(fetch)
    checks = diagnose()
    if json_output:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _print(checks)
    if not healthy(checks):
        raise typer.Exit(_EXIT_MISSING)


def _fetch(names: list[str]) -> None:
    from aufait.errors import InputError
    from aufait.faces.mediapipe_model import fetch_model

    fetchers = {"mediapipe": fetch_model}
    unknown = [name for name in names if name not in fetchers]
    if unknown:
        raise InputError(f"--fetch knows {', '.join(fetchers)}, got {', '.join(unknown)}")
    for name in names:
        stdout().print(f"{name}: {fetchers[name]()}", soft_wrap=True)


def _print(checks: list[Check]) -> None:
    from rich.markup import escape

    console = stdout()
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            console.print(f"\n[bold]{group}[/bold]")
        padding = " " * max(1, 16 - len(check.name))
        console.print(f"  {check.name}{padding}{_MARKS[check.status]}  {escape(check.detail)}", soft_wrap=True)
        if check.advice:
            console.print(f"  {' ' * 16}[dim]->[/dim] {escape(check.advice)}", soft_wrap=True)
