"""``aufait models``: which networks there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aufait.cli.console import print_table, stdout
from aufait.cli.import_checkpoint import parse_au_set

if TYPE_CHECKING:
    from aufait.bench.networks import ModelFacts


def models(
    pattern: Annotated[str, typer.Argument(help="Shell pattern of names, such as 'arl*'.")] = "*",
    au_set: Annotated[str, typer.Option(help="AU set whose sizes are shown, by name or as numbers such as 1,2,12.")] = "bp4d",
    json_output: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """List the networks with their papers, sizes and what they need as input."""
    from aufait.bench.networks import model_facts
    from aufait.errors import InputError
    from aufait.models.registry import list_models

    names = list_models(pattern)
    if not names:
        raise InputError(f"no model matches {pattern!r}; known models: {', '.join(list_models())}")
    action_units = parse_au_set(au_set)
    facts = [model_facts(name, action_units) for name in names]
    if json_output:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps([asdict(fact) for fact in facts], indent=2))
    else:
        _print(facts, au_set)


def _print(facts: list[ModelFacts], au_set: str) -> None:
    heading = ("model", "paper", "AUs", "parameters", "GMAC", "input")
    print_table(heading, (_cells(fact) for fact in facts), right=(2, 3, 4))
    text = f"Sizes are those for the AU set {au_set}; GMAC: multiply-accumulates of one prediction."
    stdout().print(text, soft_wrap=True)


def _cells(fact: ModelFacts) -> tuple[str, ...]:
    frames = f"{fact.frames} x " if fact.frames > 1 else ""
    needs = f"{frames}{fact.image_size} px" + (f", {fact.landmarks} landmarks" if fact.landmarks else "")
    return fact.name, fact.paper, str(len(fact.action_units)), f"{fact.parameters:,}", f"{fact.macs / 1e9:.2f}", needs
