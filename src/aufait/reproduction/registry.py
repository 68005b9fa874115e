"""What the items of the papers are made of, and the list of all of them.

An ``Item`` is a table or a figure: which runs (``PaperRun``) it needs, and which function draws it from them.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from aufait.errors import InputError
from aufait.reproduction.runs import get_run
from aufait.settings import did_you_mean

PAPERS: Mapping[str, str] = MappingProxyType(
    {
        "arl": "Shao et al., Facial Action Unit Detection Using Attention and Relation Learning",
        "deep-regions": "Ali et al., Facial Action Units Detection Under Pose Variations Using Deep Regions Learning",
        "mgrr-net": "Ge et al., MGRR-Net: Multi-level Graph Relational Reasoning Network for Facial Action Units Detection",
        "aunet": "Yang et al., Towards Robust Facial Action Units Detection",
        "abrnet": "Wei et al., Attention Based Relation Network for Facial Action Units Recognition",
    }
)
"""Short name -> paper, in the order of the lists."""

PUBLISHED_NAMES: Mapping[str, str] = MappingProxyType(
    {"arl": "ARL", "deep-regions": "Deep Regions", "mgrr-net": "MGRR-Net", "aunet": "AUNet", "abrnet": "ABRNet"}
)
"""Short name -> name of the paper in the file of published results."""

_ROMAN = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One of our own rows in a table.

    Attributes:
        method: the row's name as printed, by which the published numbers are found.
        run: name of the run.
    """

    method: str
    run: str


@dataclass(frozen=True, kw_only=True)
class Block:
    """Part of a table: one metric, on one test set, under one condition.

    Attributes:
        metric: as in ``aufait.metrics``.
        dataset: test data set.
        published: fields by which the published numbers are found: "table", "dataset", and where needed "pose" or "visible".
        title: heading.
        test: protocol whose test part is predicted; "" for that of the run.
        where: condition: {"occlusion": "lower"} or {"view": 3}.
    """

    metric: str
    dataset: str
    published: Mapping[str, Any]
    title: str
    test: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Item:
    """A table, a figure, or numbers that only the text gives.

    Attributes:
        paper: key of ``PAPERS``.
        kind: "table", "figure" or "text".
        number: as printed, "10" or "VI"; of the text its section, "IV-C1".
        title: what it shows.
        maker: function that makes it: a name in ``aufait.reproduction.makers``.
        runs: names of the runs it needs, in the order it uses them.
        protocols: names of the protocols whose data it needs in addition to those of its runs.
        rows: our rows, for tables of scores.
        blocks: parts, for tables of scores.
        options: further arguments of the maker.
        printed: for figures, the published one described; for others, what it contains that is not run here.
        cannot: why it cannot be made; empty for all that can.
    """

    paper: str
    kind: str
    number: str
    title: str
    maker: str
    runs: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    blocks: tuple[Block, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    printed: str = ""
    cannot: str = ""

    @property
    def id(self) -> str:
        """Such as "arl/table-10", numbers in Arabic digits; or "mgrr-net/text-iv-c1"."""
        return f"{self.paper}/{self.kind}-{_key(self.kind, self.number)}"

    @property
    def place(self) -> str:
        """Where it is in the paper: "Table 10", "section IV-C1"."""
        return f"section {self.number}" if self.kind == "text" else f"{self.kind.title()} {self.number}"

    @property
    def needed_runs(self) -> tuple[str, ...]:
        """Names of all runs, those that others start from first."""
        found: dict[str, None] = {}

        def add(name: str) -> None:
            run = get_run(name)
            if run.start:
                add(run.start)
            found[name] = None

        for name in (*self.runs, *(row.run for row in self.rows)):
            add(name)
        return tuple(found)

    @property
    def needed_protocols(self) -> tuple[str, ...]:
        """Names of the protocols of its runs, its tests and its data."""
        own = (*self.protocols, *(block.test for block in self.blocks if block.test))
        return tuple(dict.fromkeys([*(get_run(name).protocol for name in self.needed_runs), *own]))

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets it needs."""
        from aufait.data.protocols import get_protocol

        return tuple(dict.fromkeys(name for protocol in self.needed_protocols for name in get_protocol(protocol).datasets))

    @property
    def trainings(self) -> int:
        """Number of trainings at full size: all folds of its runs for a table, the first one for a figure."""
        return sum(1 if self.kind == "figure" else len(get_run(name).folds) for name in self.needed_runs)

    @property
    def status(self) -> str:
        """One word for lists: "runs", or "cannot: why"."""
        return f"cannot: {self.cannot}" if self.cannot else "runs"


def arabic(number: str) -> int:
    """Number of a table or figure from digits or Roman numerals.

    Raises:
        InputError: neither.
    """
    text = str(number).strip().upper()
    if text.isdigit() and int(text) > 0:
        return int(text)
    if text in _ROMAN[1:]:
        return _ROMAN.index(text)
    raise InputError(f"a table or figure has a number such as 10 or VI, got {number!r}")


def _key(kind: str, number: str | int) -> str:
    """What distinguishes an item from others of its paper and kind."""
    return str(number).strip().lower() if kind == "text" else str(arabic(str(number)))


def list_items(paper: str | None = None) -> tuple[Item, ...]:
    """All items, or those of one paper, in the order of the papers.

    Raises:
        InputError: unknown paper.
    """
    chosen = _items()
    if paper is None:
        return chosen
    key = paper_name(paper)
    return tuple(item for item in chosen if item.paper == key)


def get_item(paper: str, kind: str, number: str | int) -> Item:
    """One item: ``get_item("arl", "table", 10)``, ``get_item("mgrr-net", "text", "IV-C1")``.

    Raises:
        InputError: unknown paper or number; the message lists those that exist.
    """
    items = [item for item in list_items(paper) if item.kind == kind]
    wanted = _key(kind, number)
    for item in items:
        if _key(kind, item.number) == wanted:
            return item
    known = ", ".join(item.number for item in items) or "none"
    if kind == "text":
        raise InputError(f"{paper_name(paper)} has no section {number} whose numbers can be made; it has {known}")
    raise InputError(f"{paper_name(paper)} has no {kind} {number} that holds results; it has {kind}s {known}")


def find_item(name: str) -> Item:
    """An item by its id, "arl/table-10".

    Raises:
        InputError: not the id of an item.
    """
    match = re.fullmatch(r"([\w-]+)/(table|figure|text)-([\w-]+)", name.strip().lower())
    if match is None:
        raise InputError(f"an item is named like arl/table-10, aunet/figure-6 or mgrr-net/text-iv-c1, got {name!r}")
    return get_item(match[1], match[2], match[3])


def paper_name(name: str) -> str:
    """Short name of a paper from one of its spellings ("ARL", "deep_regions").

    Raises:
        InputError: unknown paper.
    """
    key = name.strip().lower().replace("_", "-")
    if key not in PAPERS:
        raise InputError(f"unknown paper {name!r}{did_you_mean(key, PAPERS)} Known: {', '.join(PAPERS)}")
    return key


def _modules() -> list[Any]:
    return [importlib.import_module(f"aufait.reproduction.{paper.replace('-', '_')}") for paper in PAPERS]


@lru_cache(maxsize=1)
def _items() -> tuple[Item, ...]:
    return tuple(item for module in _modules() for item in module.ITEMS)


