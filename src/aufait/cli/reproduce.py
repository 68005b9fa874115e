"""``aufait reproduce``: the tables and figures of the five papers, on licensed data or on synthetic twins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import print_table, stdout
from aufait.errors import InputError

if TYPE_CHECKING:
    from aufait.reproduction.registry import Item


def reproduce(
    paper: Annotated[
        str | None, typer.Argument(help="arl, deep-regions, mgrr-net, aunet or abrnet.", show_default=False)
    ] = None,
    table: Annotated[str | None, typer.Option(help="Number of a table, as printed: 10 or VI.", show_default=False)] = None,
    figure: Annotated[str | None, typer.Option(help="Number of a figure.", show_default=False)] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List every table and figure with its status.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="With --list: print JSON instead of a table.")] = False,
) -> None:
    """Make a table or figure of a paper, with the published one beside it."""
    from aufait.reproduction.registry import get_item, list_items

    if list_all:
        _list(list_items(paper), json_output)
        return
    if paper is None or (table is None) == (figure is None):
        raise InputError("name a paper and one of its items, such as: aufait reproduce arl --table 10; --list shows all of them")
    item = get_item(paper, "table" if table else "figure", table or figure or "")
    raise InputError(f"{item.id} cannot be made yet")


def _list(items: tuple[Item, ...], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_facts(item) for item in items], indent=2))
        return
    rows = ((item.id, item.title, ", ".join(item.datasets), str(item.trainings), item.status) for item in items)
    print_table(("item", "shows", "data sets", "trainings", "status"), rows, right=(3,))
    runs = sum(not item.cannot for item in items)
    text = f"{runs} of {len(items)} can be made. Trainings: at full size, shared between items; --quick makes smaller ones."
    stdout().print(text, markup=False, soft_wrap=True)


def _facts(item: Item) -> dict[str, object]:
    return {
        "id": item.id,
        "paper": item.paper,
        "kind": item.kind,
        "number": item.number,
        "title": item.title,
        "status": item.status,
        "datasets": list(item.datasets),
        "protocols": list(item.needed_protocols),
        "runs": list(item.needed_runs),
        "trainings": item.trainings,
        "printed": item.printed,
    }
