"""Test of a trained network on prepared faces, from its file to scores: ``aufait evaluate RUN --cache FOLDER``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aufait.data.preparation.cache import FaceCache
from aufait.data.protocols import Protocol
from aufait.errors import InputError
from aufait.evaluation.evaluate import Evaluation, evaluate
from aufait.evaluation.groups import check_groups
from aufait.evaluation.networks import TrainedNetwork, choose_part, open_network
from aufait.evaluation.occlusion import CONDITIONS
from aufait.evaluation.predictions import Predictions
from aufait.evaluation.testing import NetworkTest
from aufait.training.plan import find_protocol, needs_all_subjects
from aufait.workers.contract import Executor
from aufait.workers.sharing import Ended, all_values, at_intervals, is_spread, limited_threads, threads_each

if TYPE_CHECKING:
    from contextlib import ExitStack

    from aufait.data.dataset import AUDataset


def evaluate_on_faces(
    path: str | Path,
    caches: Mapping[str, FaceCache],
    *,
    protocol: str | None = None,
    fold: int | str | None = None,
    split: str = "test",
    per: Sequence[str] = (),
    visible: Sequence[str] = (),
    shared: bool = False,
    partial: bool = False,
    batch: int = 32,
    device: str = "cpu",
    common: Mapping[str, Any],
    report: Callable[[int, int, str], None] = lambda *_: None,
    executor: Executor | None = None,
    threads: int | None = None,
    ended: Ended | None = None,
) -> dict[str, tuple[Evaluation, dict[str, Predictions]]]:
    """Name of each test set -> scores, and predictions by visible part of the face.

    Args:
        path: folder of a run or weights file.
        caches: name of the data set -> prepared faces.
        protocol: None takes the one that the network was trained by.
        fold: None takes the one that the network was trained on, else the first.
        split: one of ``networks.SPLITS``.
        per: what to divide by as well.
        visible: further conditions in addition to the full face, keys of ``occlusion.CONDITIONS``.
        shared: score the action units that network and protocol share.
        partial: accept data in which subjects of the protocol are missing.
        batch: faces at a time.
        device: where the network runs.
        common: arguments of ``evaluate``.
        report: is called with frames done, frames in all, and of what.
        executor: how to spread test sets and conditions; None: one after the other, in this process.
        threads: processor threads of each worker, and of this process where it works alone; None shares the cores.
        ended: called after each test set and condition.

    Raises:
        InputError: network, data and protocol do not fit together, or the network was trained on people of the test.
    """
    network = open_network(path)
    rules = protocol_of(network, caches, protocol)
    trained = network.facts.get("fold") if network.facts.get("protocol") == rules.name else None
    fold = str(fold if fold is not None else trained or 1)
    split = split.strip().lower().replace("_", "-")
    strict = needs_all_subjects(not partial, caches)
    labels = {name: cache.dataset() for name, cache in caches.items()}
    parts, notes = choose_part(network, rules, labels, fold, split, strict=strict)
    for part in parts.values():
        check_groups(per, part)
    test = NetworkTest(network, split, batch, device, shared, _about(network, rules, fold))
    work = _Testing(test, caches, parts, threads_each(executor, threads), is_spread(executor))
    items = [(name, one) for name in parts for one in ("full", *visible)]
    names = [f"{name}, {CONDITIONS[one]}" for name, one in items]
    told = all_values(
        executor, work, items, names=names, ended=ended,
        on_message=lambda index, progress: report(progress[0], progress[1], names[index]),
    )  # fmt: skip
    results = {}
    for name in parts:
        found = {one: value for (of, one), value in zip(items, told, strict=True) if of == name}
        say = (*notes, *untold(found["full"]))
        results[name] = evaluate(found["full"], rules, per=per, conditions=found if visible else None, notes=say, **common), found
    return results


@dataclass(frozen=True, eq=False)
class _Testing:
    """A network on test sets, each under each condition: items are pairs of their names."""

    test: NetworkTest
    caches: Mapping[str, FaceCache]
    parts: Mapping[str, AUDataset]
    threads: int | None
    spread: bool

    def begin(self) -> ExitStack:
        """Threads; the network is loaded when it is first needed."""
        return limited_threads(self.threads)

    def do(self, tools: ExitStack, item: tuple[str, str], tell: Callable[[Any], None]) -> Predictions:
        """One pair; tells frames done and in all."""
        name, visible = item
        telling = at_intervals(tell) if self.spread else tell
        return self.test.predictions(
            self.caches[name], self.parts[name], visible=visible, progress=lambda done, total: telling((done, total))
        )


def protocol_of(network: TrainedNetwork, caches: Mapping[str, FaceCache], name: str | None = None) -> Protocol:
    """The protocol of a name; None gives the one that a network was trained by, with its own folds also where they are drawn.

    Raises:
        InputError: unknown protocol, or none is named here and in the file.
    """
    facts = network.facts
    recipe, trained = facts.get("protocol_name"), facts.get("protocol")
    if name in (None, trained, recipe) and recipe is not None:
        own = find_protocol(recipe, caches, facts.get("protocol_seed"))
        if own.name == trained:
            return own
    if name is None and trained is None:
        raise InputError("the model file names no protocol; choose one with --protocol (aufait data list shows them)")
    return find_protocol(name or str(trained), caches)


def untold(found: Predictions) -> tuple[str, ...]:
    """What a reader must know where nobody knows whom a network learned from."""
    if str(found.about.get("leakage", "")).startswith("not possible"):
        return ("Whom the network was trained on is not known; whether this is a test cannot be checked.",)
    return ()


def _about(network: TrainedNetwork, protocol: Protocol, fold: str) -> dict[str, Any]:
    facts = network.facts
    return {
        "run": network.path.as_posix(), "recipe": facts.get("recipe", ""), "trained_on": facts.get("protocol", ""),
        "protocol": protocol.name, "fold": fold, "changes": facts.get("changes", {}),
    }  # fmt: skip
