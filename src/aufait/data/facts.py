"""What is published about the data sets: subjects, counts and occurrence rates, for comparison only.

No reader depends on these numbers. They come from the papers and from public file lists; ``facts.json`` names the source of
each.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Any


@lru_cache(maxsize=1)
def _all() -> dict[str, Any]:
    text = resources.files("aufait.data").joinpath("facts.json").read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(text)
    return facts


def facts_of(name: str) -> dict[str, Any]:
    """Facts about one data set: subjects, recordings, frames, frames_per_recording, published tables; {} where unknown."""
    facts: dict[str, Any] = _all().get(name, {})
    return facts


def published_rates(name: str) -> list[dict[str, Any]]:
    """Published tables of a data set: source, population and action unit -> occurrence rate in 0 to 1.

    Where a table prints the skew (negatives / positives) s, the rate is 1 / (1 + s).
    """
    tables = []
    for table in facts_of(name).get("tables", []):
        skew = table["quantity"] == "skew"
        rates = {int(unit): 1 / (1 + value) if skew else value / 100 for unit, value in table["values"].items()}
        tables.append({**{key: table[key] for key in ("source", "population", "quantity", "decides")}, "rates": rates})
    return tables
