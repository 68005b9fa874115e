"""Option tables of the command-line page, made from the commands themselves so that the page cannot drift from them.

Update the page with ``python -m aufait.cli.reference docs/cli.md``; a test compares the two.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

_BLOCK = re.compile(r"(<!-- options: (?P<name>[a-z -]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def commands(command: Any = None, name: str = "") -> Iterator[tuple[str, Any]]:
    """All commands with their full names, such as ``bench detect``."""
    if command is None:
        from aufait.cli.app import app

        command = typer.main.get_command(app)
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, below in inner.items():
        yield from commands(below, f"{name} {word}".strip())


def option_table(command: Any) -> str:
    """Markdown table of the arguments and options of one command."""
    rows = ["| option | default | meaning |", "|---|---|---|"]
    for parameter in command.params:
        if parameter.name == "help" or getattr(parameter, "hidden", False):
            continue
        rows.append(f"| {_spelling(parameter)} | {_default(parameter)} | {(parameter.help or '').strip()} |")
    return "\n".join(rows) + "\n"


def renew(page: str) -> str:
    """The page with every table between ``<!-- options: NAME -->`` and ``<!-- end -->`` made again.

    Raises:
        KeyError: the page names a command that does not exist.
    """
    known = dict(commands())
    return _BLOCK.sub(lambda block: block.group(1) + option_table(known[block["name"]]) + block.group(3), page)


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{(parameter.metavar or parameter.name).upper()}`"
    return ", ".join(f"`{flag}`" for flag in sorted(parameter.opts, key=lambda flag: (-flag.count("-"), flag)))


def _default(parameter: Any) -> str:
    default = parameter.default
    if default is None or callable(default) or isinstance(default, bool):
        return ""
    return f"`{getattr(default, 'value', default)}`"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renew(path.read_text(encoding="utf-8")), encoding="utf-8")
