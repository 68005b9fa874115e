"""``aufait doctor``: what is installed, what is missing, what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import EXIT_SOME_FAILED, stdout

if TYPE_CHECKING:
    from aufait.doctor import Check

_MARKS = {"ok": "[green]ok[/green]", "optional": "[yellow]absent[/yellow]", "missing": "[red]missing[/red]"}
_EXIT_MISSING = 4
_SHOWN = 100
"""Characters of what came; --json has all."""


def doctor(
    fetch: Annotated[
        bool,
        typer.Option(
            "--fetch", help="Download face_landmarker.task (3.8 MB) for the mesh finder, once. Nothing else uses the network."
        ),
    ] = False,
    self_test: Annotated[
        bool,
        typer.Option("--self-test", help="Test this installation with unusual and damaged files, made for the test."),
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show versions, face finders and model files, and what to do about each missing one. Works offline."""
    from aufait.doctor import diagnose, healthy

    if fetch:
        from aufait.faces.task_file import fetch_task_file

        stdout().print(f"{fetch_task_file()}", soft_wrap=True)
    if self_test:
        _run_self_test(json_output)
        return
    checks = diagnose()
    if json_output:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _print(checks)
    if not healthy(checks):
        raise typer.Exit(_EXIT_MISSING)


def _run_self_test(json_output: bool) -> None:
    """Prints each finding as soon as it is there; exit status 1 if one is not as it should be."""
    import json
    from dataclasses import asdict

    from aufait.self_test import self_test

    console, findings = stdout(), []
    for finding in self_test():
        findings.append(finding)
        if not json_output:
            mark = "ok   " if finding.right else "WRONG"
            got = finding.got if len(finding.got) <= _SHOWN else finding.got[: _SHOWN - 3] + "..."
            console.print(f"{mark}  {finding.kind:<38} {finding.expected:<8} {finding.seconds:5.1f} s  {got}", soft_wrap=True)
    wrong = sum(not finding.right for finding in findings)
    if json_output:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        console.print(f"{len(findings) - wrong} of {len(findings)} as documented, {sum(one.seconds for one in findings):.0f} s")
    if wrong:
        raise typer.Exit(EXIT_SOME_FAILED)


def _print(checks: list[Check]) -> None:
    from rich.markup import escape

    console = stdout()
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            console.print(f"\n{group}", style="bold")
        padding = " " * max(1, 16 - len(check.name))
        console.print(f"  {check.name}{padding}{_MARKS[check.status]}  {escape(check.detail)}", soft_wrap=True, markup=True)
        if check.advice:
            console.print(f"  {' ' * 16}[dim]->[/dim] {escape(check.advice)}", soft_wrap=True, markup=True)
