"""Make items one after the other; a failed item does not stop the rest, and finished items are not made again."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from aufait.errors import AufaitError
from aufait.files.atomic import write_text
from aufait.reproduction.laboratory import Laboratory, code_digest
from aufait.reproduction.makers import get_maker
from aufait.reproduction.outputs import QUICK_BADGE, write_item
from aufait.reproduction.registry import Item
from aufait.visualization.figures.figure import badge

STATE = "state.json"


@dataclass(frozen=True)
class Outcome:
    """How an item went: "made", "failed" or "cannot"; the message of what went wrong; seconds; where its files are."""

    item: str
    status: str
    message: str = ""
    seconds: float = 0.0
    folder: str = ""
    made_by: str = ""


def make_item(item: Item, laboratory: Laboratory, output: Path) -> list[Path]:
    """Make one item and write its files to ``output/<paper>/<kind>-<number>``.

    Raises:
        InputError: data that are needed were not given, are incomplete, or do not fit.
        OutputError: the folder cannot be written.
    """
    for protocol in item.needed_protocols:
        laboratory.check_complete(protocol)
    with badge(QUICK_BADGE) if laboratory.quick else nullcontext():
        made = get_maker(item.maker)(laboratory, item)
    return write_item(item, made, laboratory, output / item.id)


def check(
    items: Sequence[Item],
    laboratory: Laboratory,
    output: Path,
    *,
    fresh: bool = False,
    report: Callable[[Outcome, int, int], None] = lambda *_: None,
) -> list[Outcome]:
    """Make items, with a state file and a log per item in ``output``.

    Args:
        items: in the order to make them.
        laboratory: shared by all.
        output: folder of all items.
        fresh: also make what an earlier call with the same program and settings has made.
        report: called with each outcome, its number and the number of items.

    Returns:
        One outcome per item.
    """
    state = {} if fresh else _read_state(output)
    outcomes: list[Outcome] = []
    stamp = _stamp(laboratory)
    for number, item in enumerate(items, start=1):
        before = state.get(item.id)
        if before is not None and before.status == "made" and before.made_by == stamp and (output / item.id).is_dir():
            outcome = before
        else:
            outcome = _attempt(item, laboratory, output, stamp)
        state[item.id] = outcome
        write_text(output / STATE, json.dumps([asdict(one) for one in state.values()], indent=1) + "\n", overwrite=True)
        outcomes.append(outcome)
        report(outcome, number, len(items))
    return outcomes


def _attempt(item: Item, laboratory: Laboratory, output: Path, stamp: str) -> Outcome:
    begun = time.perf_counter()
    if item.cannot:
        return Outcome(item.id, "cannot", item.cannot, made_by=stamp)
    log = output / "logs" / f"{item.id.replace('/', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with _logged(log):
        try:
            make_item(item, laboratory, output)
        except Exception as error:  # one item's fault must not stop the others
            logging.getLogger("aufait.reproduction").error("%s", traceback.format_exc())
            kind = "" if isinstance(error, AufaitError) else f"{type(error).__name__}: "
            return Outcome(item.id, "failed", f"{kind}{error}", time.perf_counter() - begun, made_by=stamp)
    return Outcome(item.id, "made", "", time.perf_counter() - begun, str(Path(item.id)), stamp)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """What is logged meanwhile goes to a file too."""
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def _read_state(output: Path) -> dict[str, Outcome]:
    path = output / STATE
    if not path.is_file():
        return {}
    try:
        found = [Outcome(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (json.JSONDecodeError, TypeError):
        return {}
    return {one.item: one for one in found}


def _stamp(laboratory: Laboratory) -> str:
    """What a made item was made by: the program and the settings that all items share."""
    sources = {name: [str(path) for path in paths] for name, paths in laboratory.sources.items()}
    shared = [laboratory.quick, laboratory.twins, dict(laboratory.twin_size), dict(laboratory.settings), laboratory.aligner,
              laboratory.imagenet, laboratory.colours]  # fmt: skip
    settings = json.dumps([*shared, sources])
    return f"{code_digest()[:12]} {settings}"
