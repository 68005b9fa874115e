"""Networks to evaluate, and the people they were trained on, who are never a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aufait.data.dataset import AUDataset, union
from aufait.data.protocols.protocol import Protocol
from aufait.errors import InputError
from aufait.files.hashes import file_sha256
from aufait.models.checkpoint import load_model, read_header
from aufait.settings import did_you_mean
from aufait.training.recipe import changes, load_recipe
from aufait.training.run_folder import LAST, MODEL, RECIPE, RUN, START, read_facts

if TYPE_CHECKING:
    from aufait.models.system import AUSystem

SPLITS = ("test", "train", "held-out", "all")
"""Parts of the data that can be evaluated; only "test" may be called a test."""

_SHOWN = 6


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network and what is known about its training.

    Attributes:
        path: file of the weights.
        name: registry name ("arl").
        trained_on: identities whose faces it learned from, those of networks it started from included; None where its file
            does not say.
        held_out: identities that chose its epoch.
        facts: protocol, fold, recipe, seed and data of its training, as far as known; for a run also "changes" in the recipe
            and "protocol_name" and "protocol_seed" as the recipe has them.
    """

    path: Path
    name: str
    trained_on: frozenset[str] | None
    held_out: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def load(self, device: str = "cpu") -> AUSystem:
        """The network, in evaluation mode."""
        return load_model(self.path, device=device)

    @property
    def alignment(self) -> str | None:
        """Alignment of the faces it was trained on, where known."""
        frames = {str(one["alignment"]) for one in self.facts.get("data", {}).values() if "alignment" in one}
        return frames.pop() if len(frames) == 1 else None

    def digest(self) -> str:
        """Hash of the weights, to recognise predictions of the same network."""
        return file_sha256(self.path)[:16]


def open_network(path: str | Path) -> TrainedNetwork:
    """A network by its file, or by the folder of the run that trained it.

    Raises:
        InputError: a folder without a finished run, or a damaged file.
        MissingModelError: no such file.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    if path.is_dir():
        if not (folder / RUN).is_file() or not (folder / MODEL).is_file():
            raise InputError(
                f"{folder} holds no finished training run ({RUN} and {MODEL}); give the folder of aufait train, or a model file"
            )
        path = folder / MODEL
    header = read_header(path)
    own_run = (folder / RUN).is_file() and path.name in (MODEL, LAST)
    facts = (read_facts(folder) or {}) if own_run else dict(header.get("notes") or {})
    if own_run and facts.get("status") not in (None, "finished"):
        raise InputError(f"the run in {folder} is not finished; give the same aufait train command again to resume it")
    trained, held = _persons(facts)
    for start in _starts(folder) if own_run and trained is not None else ():
        earlier = open_network(start)
        trained = None if trained is None or earlier.trained_on is None else trained | earlier.trained_on | earlier.held_out
    if own_run and (folder / RECIPE).is_file():
        recipe = load_recipe(folder / RECIPE)
        facts |= {"changes": changes(recipe), "protocol_name": recipe.protocol, "protocol_seed": recipe.protocol_seed}
    return TrainedNetwork(path, str(header["model"]), trained, held, facts)


def _starts(folder: Path) -> list[Path]:
    """The networks that the network of a run started from: trained within the run, or given as a file."""
    if (folder / START / RUN).is_file():
        return [folder / START]
    if not (folder / RECIPE).is_file():
        return []
    given = load_recipe(folder / RECIPE).start_file
    return [Path(given)] if given and Path(given).is_file() else []


def check_leakage(network: TrainedNetwork, dataset: AUDataset) -> str:
    """Make sure that a test holds nobody whose faces the network has seen.

    Returns:
        What was checked, for the report.

    Raises:
        InputError: a person of the test was trained on, or chose the epoch; the message names them.
    """
    if network.trained_on is None:
        return f"not possible: {network.path.name} does not say whom it was trained on"
    tested = set(dataset.persons)
    for seen, how in ((network.trained_on, "was trained on"), (network.held_out, "chose its epoch by")):
        both = sorted(tested & seen)
        if both:
            more = f" and {len(both) - _SHOWN} more" if len(both) > _SHOWN else ""
            home = _home(network.facts)
            raise InputError(
                f"the network {how} {', '.join(both[:_SHOWN])}{more} of the frames to be tested{home}. That would be no test: "
                "choose the fold it was trained for, or say --split train to see how well it fits its training data"
            )
    return f"none of the {len(tested)} tested subjects is among the {len(network.trained_on | network.held_out)} of the training"


def choose_part(
    network: TrainedNetwork | None,
    protocol: Protocol,
    datasets: Mapping[str, AUDataset],
    fold: int | str,
    split: str = "test",
    *,
    strict: bool = True,
) -> tuple[dict[str, AUDataset], tuple[str, ...]]:
    """The frames to evaluate, by test set, each with the action units that are scored there.

    Args:
        network: for "held-out", and to leave the persons that chose the epoch out of "train".
        protocol: how the data are divided.
        datasets: name -> labels of a cache. For "test" the test sets are enough.
        fold: number or alias.
        split: one of ``SPLITS``.
        strict: refuse data in which subjects of the protocol are missing.

    Returns:
        name of the data set -> frames, and what a reader must know.

    Raises:
        InputError: unknown part or fold, a missing data set, or a part without frames.
    """
    if split not in SPLITS:
        raise InputError(f"unknown part {split!r}{did_you_mean(split, SPLITS)} Known: {', '.join(SPLITS)}")
    notes: tuple[str, ...]
    if split == "test":
        part, notes = _test_part(protocol, datasets, fold, strict)
    elif split == "all":
        part, notes = (
            _joined([protocol.prepare(one) for one in datasets.values()], protocol),
            ("All frames of the data, no split.",),
        )
    else:
        found = protocol.split(dict(datasets), fold, strict=strict)
        part, notes = _training_part(network, found.train, split), found.notes
        what = "the network learned from them" if split == "train" else "the network's epoch was chosen by them"
        notes = (*notes, f"These are training subjects, not a test: {what}.")
    names = dict.fromkeys(one.dataset for one in part.recordings)
    return {name: _of(part, name).with_action_units(protocol.evaluated_on(name)) for name in names}, notes


def _test_part(
    protocol: Protocol, datasets: Mapping[str, AUDataset], fold: int | str, strict: bool
) -> tuple[AUDataset, tuple[str, ...]]:
    if all(name in datasets for name in protocol.datasets):
        found = protocol.split(dict(datasets), fold, strict=strict)
        return found.test, found.notes
    parts = protocol.fold(fold).test
    missing = sorted({part.dataset for part in parts} - set(datasets))
    if missing:
        raise InputError(
            f"protocol {protocol.name} tests on {' and '.join(missing)}, got {', '.join(datasets) or 'nothing'}; give the prepared "
            "faces of that data set with --cache"
        )
    chosen = [part.select(protocol.prepare(datasets[part.dataset])) for part in parts]
    lacking = [
        f"{part.dataset} lacks {len(set(part.subjects) - set(one.subjects))} of {len(part.subjects)} test subjects of the protocol"
        for part, one in zip(parts, chosen, strict=True)
        if part.subjects is not None and set(part.subjects) - set(one.subjects)
    ]
    if lacking and strict:
        raise InputError(f"{'; '.join(lacking)}. Prepare the whole data set, or say --partial to continue with what there is")
    part = _joined(chosen, protocol)
    if not len(part):
        raise InputError(f"the test part of fold {fold} of {protocol.name} has no frame in the data")
    return part, tuple(lacking)


def _training_part(network: TrainedNetwork | None, train: AUDataset, split: str) -> AUDataset:
    held = frozenset() if network is None else network.held_out
    learned = None if network is None else network.trained_on
    if split == "held-out":
        wanted = [person for person in train.persons if person in held]
    else:
        wanted = [person for person in train.persons if person not in held and (learned is None or person in learned)]
    if not wanted:
        raise InputError(f"the run names no {split} subjects among those of the training part; choose another --split or --fold")
    return train.select(wanted)


def _joined(parts: list[AUDataset], protocol: Protocol) -> AUDataset:
    return parts[0] if len(parts) == 1 else union(parts, protocol.action_units)


def _of(dataset: AUDataset, name: str) -> AUDataset:
    return replace(dataset, name=name, recordings=tuple(one for one in dataset.recordings if one.dataset == name))


def _persons(facts: Mapping[str, Any]) -> tuple[frozenset[str] | None, frozenset[str]]:
    persons = facts.get("persons")
    if not isinstance(persons, Mapping) or "train" not in persons:
        return None, frozenset()
    trained, held = persons["train"], persons.get("held_out", [])
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in (trained, held)):
        raise InputError("the record of the training does not list the persons that it was trained on; it is damaged")
    return frozenset(trained), frozenset(held)


def _home(facts: Mapping[str, Any]) -> str:
    if "protocol" not in facts:
        return ""
    return f" (it was trained for fold {facts.get('fold')} of {facts['protocol']})"
