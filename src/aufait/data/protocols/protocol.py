"""A protocol: which action units, which subjects in which fold, which threshold, which metrics, and the source of all this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from aufait.data.dataset import AUDataset, union
from aufait.data.protocols.splits import hold_out
from aufait.errors import InputError

_SHOWN = 12


@dataclass(frozen=True)
class Part:
    """A set of recordings.

    Attributes:
        name: name within the protocol ("part1").
        dataset: data set it is taken from.
        subjects: its subjects; None for all.
        partition: value of the recordings' attribute ``partition``; None for all.
        views: numbers of the views; None for all.
    """

    name: str
    dataset: str
    subjects: tuple[str, ...] | None = None
    partition: str | None = None
    views: tuple[int, ...] | None = None

    def select(self, dataset: AUDataset) -> AUDataset:
        """The recordings of this part; subjects that are not there are ignored."""
        here = None if self.subjects is None else {*self.subjects} & {*dataset.subjects}
        partition = self.partition
        return dataset.select(
            here,
            views=self.views,
            where=None if partition is None else lambda one: one.attributes.get("partition") == partition,
        )


@dataclass(frozen=True)
class Fold:
    """One division into training and test; numbers are those published, aliases those of other releases."""

    number: int
    train: tuple[Part, ...]
    test: tuple[Part, ...]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Protocol:
    """How a data set (or several) is used in published experiments.

    Attributes:
        name: what ``get_protocol`` is called with.
        title: one line for people.
        action_units: FACS numbers in output order.
        target: "occurrence" or "intensity".
        occurrence_threshold: intensity from which an action unit is present, where people did not code occurrence; None
            where that does not arise.
        metrics: names of the metrics, as in ``aufait.metrics``.
        folds: divisions into training and test.
        citation: where it is described.
        notes: disagreements between releases, and what is our reading.
        excluded: subjects that are in no fold on purpose, with the reason.
        evaluated: test data set -> action units scored there, where these are fewer than ``action_units``.

    Raises:
        InputError: a subject is in the training and the test part of a fold, or in the test parts of two folds.
    """

    name: str
    title: str
    action_units: tuple[int, ...]
    target: str
    occurrence_threshold: int | None
    metrics: tuple[str, ...]
    folds: tuple[Fold, ...]
    citation: str
    notes: tuple[str, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)
    evaluated: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_folds()

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets that are needed."""
        return tuple(dict.fromkeys(part.dataset for fold in self.folds for part in (*fold.train, *fold.test)))

    def evaluated_on(self, dataset: str) -> tuple[int, ...]:
        """Action units that are scored on a test data set."""
        return self.evaluated.get(dataset, self.action_units)

    def fold(self, fold: int | str) -> Fold:
        """A fold by number or alias ("part2", "me_graphau_1").

        Raises:
            InputError: there is no such fold.
        """
        for one in self.folds:
            if fold in (one.number, str(one.number), *one.aliases):
                return one
        numbers = ", ".join(str(one.number) for one in self.folds[:_SHOWN]) + (", ..." if len(self.folds) > _SHOWN else "")
        aliases = ", ".join(alias for one in self.folds[:_SHOWN] for alias in one.aliases)
        more = f"; also known as {aliases}" if aliases else ""
        raise InputError(f"fold of {self.name} must be one of {numbers}, got {fold!r}; folds are numbered from 1{more}")

    def problems(self, datasets: AUDataset | Mapping[str, AUDataset]) -> list[str]:
        """What of the data disagrees with the protocol: missing subjects, and subjects that are in no fold."""
        given = self._given(datasets)
        found: list[str] = []
        for name in self.datasets:
            parts = {part for fold in self.folds for part in (*fold.train, *fold.test) if part.dataset == name}
            data = given[name]
            if all(part.subjects is not None for part in parts):
                named = {subject for part in parts for subject in part.subjects or ()}
                missing = sorted(named - set(data.subjects))
                extra = sorted(set(data.subjects) - named - set(self.excluded))
                found += [f"{name} lacks {_names(missing)} of the protocol"] if missing else []
                found += [f"{name} has {_names(extra)}, in no fold of the protocol"] if extra else []
            for part in parts:
                if part.subjects is None and not part.select(data).recordings:
                    found.append(f"{name} has no recordings for {part.name} ({_conditions(part)})")
        return found

    def split(self, datasets: AUDataset | Mapping[str, AUDataset], fold: int | str = 1, *, strict: bool = True) -> Split:
        """Training and test recordings of one fold, with the protocol's action units and threshold.

        Args:
            datasets: the data set, or name -> data set where the protocol needs several.
            fold: number or alias.
            strict: refuse data in which subjects of the protocol are missing or that have others; otherwise continue with what
                fits and note in ``Split.notes`` what did not.

        Raises:
            InputError: unknown fold, a data set is missing, the data disagree with the protocol (strict), a part is empty,
                or a person would be in training and test.
        """
        chosen = self.fold(fold)
        given = self._given(datasets)
        problems = self.problems(given)
        if strict and problems:
            raise InputError(
                f"the data do not match the protocol {self.name}: {'; '.join(problems)}. Complete the data, or continue with "
                "what fits by strict=False, on the command line --set strict=false (scores are then not those of the protocol)"
            )
        prepared = {name: self.prepare(given[name]) for name in self.datasets}
        train = _join([part.select(prepared[part.dataset]) for part in chosen.train], self.action_units)
        test = _join([part.select(prepared[part.dataset]) for part in chosen.test], self.action_units)
        for side, data in (("training", train), ("test", test)):
            if not len(data):
                raise InputError(f"the {side} part of fold {chosen.number} of {self.name} has no frame in the data")
        notes = [*problems, *self._unlabelled(test)]
        return Split(self, chosen.number, train, test, tuple(notes))

    def prepare(self, dataset: AUDataset) -> AUDataset:
        """The data set with the protocol's action units and threshold, all subjects."""
        if self.occurrence_threshold is not None:
            dataset = dataset.with_threshold(self.occurrence_threshold)
        return dataset.with_action_units(self.action_units)

    def _given(self, datasets: AUDataset | Mapping[str, AUDataset]) -> dict[str, AUDataset]:
        given = {datasets.name: datasets} if isinstance(datasets, AUDataset) else dict(datasets)
        missing = [name for name in self.datasets if name not in given]
        if missing:
            raise InputError(
                f"protocol {self.name} needs the data set {' and '.join(missing)}, got {', '.join(given) or 'none'}; "
                "give several as a dictionary of name and data set"
            )
        return given

    def _unlabelled(self, test: AUDataset) -> list[str]:
        notes = []
        for name in dict.fromkeys(one.dataset for one in test.recordings):
            table = test.select(where=lambda one, name=name: one.dataset == name).label_table()  # type: ignore[misc]
            known = table.intensity_known if self.target == "intensity" else table.occurrence_known
            labelled = dict(zip(self.action_units, np.any(known, axis=0).tolist(), strict=True))
            absent = [f"AU{unit}" for unit in self.evaluated_on(name) if not labelled[unit]]
            if absent:
                notes.append(f"{name} has no {self.target} label of {', '.join(absent)} in the test part")
        return notes

    def _check_folds(self) -> None:
        tested: dict[tuple[str, str], int] = {}
        for fold in self.folds:
            train, test = _subjects(fold.train), _subjects(fold.test)
            both = sorted(subject for _, subject in train & test)
            if both:
                raise InputError(f"fold {fold.number} of {self.name} has {_names(both)} in training and test")
            for key in sorted(test):
                if key in tested:
                    raise InputError(f"{self.name}: subject {key[1]} is tested in folds {tested[key]} and {fold.number}")
                tested[key] = fold.number


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test recordings of one fold. It cannot be made with a person on both sides.

    Attributes:
        protocol: where it comes from.
        fold: number of the fold.
        train, test: recordings with the protocol's action units; unions where the protocol joins data sets.
        notes: what of the data did not match the protocol.

    Raises:
        InputError: a person is in training and test, also under another data set's name.
    """

    protocol: Protocol
    fold: int
    train: AUDataset
    test: AUDataset
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        refuse_overlap(self.train, self.test)

    def test_sets(self) -> dict[str, AUDataset]:
        """Test recordings by data set, each with the action units that are scored there."""
        names = dict.fromkeys(one.dataset for one in self.test.recordings)
        return {
            name: replace(
                self.test, name=name, recordings=tuple(one for one in self.test.recordings if one.dataset == name)
            ).with_action_units(self.protocol.evaluated_on(name))
            for name in names
        }

    def hold_out(self, share: float = 0.15, seed: int = 0) -> tuple[AUDataset, AUDataset]:
        """Training recordings in two: to learn from, and of held-out persons to choose an epoch by.

        Raises:
            InputError: fewer than two training persons, or a share outside (0, 1).
        """
        kept, held = hold_out(self.train.persons, share, seed)
        return self.train.select(kept), self.train.select(held)


def refuse_overlap(train: AUDataset, test: AUDataset) -> None:
    """The guard against leakage.

    Raises:
        InputError: a person is on both sides; the message names them.
    """
    both = sorted(set(train.persons) & set(test.persons))
    if both:
        raise InputError(
            f"{_names(both)} would be in training and in test. A person's frames on both sides make scores worthless; leave "
            "them out of training (data sets that share people: DISFA and DISFA+; BP4D, FERA 2015 and FERA 2017; BP4D+ and "
            "FERA 2017's validation)"
        )


def _join(parts: Sequence[AUDataset], action_units: tuple[int, ...]) -> AUDataset:
    return parts[0] if len(parts) == 1 else union(parts, action_units)


def _subjects(parts: Sequence[Part]) -> set[tuple[str, str]]:
    return {(part.dataset, subject) for part in parts for subject in part.subjects or ()}


def _conditions(part: Part) -> str:
    conditions = [f"partition {part.partition}"] if part.partition else []
    conditions += [f"views {', '.join(map(str, part.views))}"] if part.views else []
    return ", ".join(conditions) or "any"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
