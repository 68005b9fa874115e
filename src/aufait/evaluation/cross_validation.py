"""Cross-validation by a recipe: every fold is trained and tested once; a stopped one resumes.

The folder holds ``fold_1``, ``fold_2``, ... (training runs), ``predictions`` (one file per fold and test set), and per test set
the pooled predictions and the report. A fold's test persons are checked against those its network has seen before it is tested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aufait.data.preparation.cache import FaceCache
from aufait.data.protocols import Protocol
from aufait.errors import InputError
from aufait.evaluation.evaluate import Evaluation, evaluate
from aufait.evaluation.groups import check_groups
from aufait.evaluation.networks import choose_part, open_network
from aufait.evaluation.predictions import Predictions, concatenate
from aufait.evaluation.testing import NetworkTest
from aufait.training.plan import find_protocol, needs_all_subjects
from aufait.workers.contract import Executor
from aufait.workers.sharing import Ended, all_values, at_intervals, limited_threads, threads_each

if TYPE_CHECKING:
    from aufait.data.dataset import AUDataset
    from aufait.training.recipe import Recipe

PREDICTIONS = "predictions"
Report = Callable[[int, int, str], None]
"""Called with how much is done, how much there is, and of what ("fold 2: training")."""


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Result on one test set.

    Attributes:
        predictions: of all folds, with the attribute "fold".
        evaluation: their scores, by fold and pooled.
        conditions: visible part of the face -> predictions of all folds.
    """

    predictions: Predictions
    evaluation: Evaluation
    conditions: Mapping[str, Predictions]


def cross_validate(
    recipe: Recipe,
    caches: FaceCache | Mapping[str, FaceCache],
    out: str | Path,
    *,
    folds: Sequence[int | str] | None = None,
    protocol: Protocol | None = None,
    per: Sequence[str] = (),
    conditions: Sequence[str] = (),
    batch: int = 32,
    device: str = "cpu",
    draws: int = 1000,
    seed: int = 0,
    report: Report | None = None,
    executor: Executor | None = None,
    threads: int | None = None,
    ended: Ended | None = None,
    **training: Any,
) -> dict[str, CrossValidation]:
    """Train and test the folds of a protocol.

    Args:
        recipe: how to train.
        caches: prepared faces, or name of the data set -> prepared faces.
        out: folder; called again with the same folder, it resumes.
        folds: numbers or aliases; all of the protocol if None.
        protocol: in place of the recipe's, for your own data.
        per: what to divide the scores by.
        conditions: visible parts of the face to test in addition to the whole (``occlusion.CONDITIONS``).
        batch: faces at a time in tests.
        device: where tests run.
        draws: bootstrap draws of subjects for the intervals.
        seed: of the draws.
        report: called with the progress.
        executor: how to spread the folds; None: one after the other, in this process.
        threads: processor threads of each worker, and of this process where it works alone; None shares the cores among workers.
            Networks are the same to the bit however folds are spread, as long as this number is.
        ended: called after each fold.
        training: further arguments of ``aufait.training.run.train``.

    Returns:
        name of the test set -> result.

    Raises:
        InputError: data, folds and recipe do not fit together, or a fold's network has seen its test persons.
    """
    sources = {caches.name: caches} if isinstance(caches, FaceCache) else dict(caches)
    protocol = protocol or find_protocol(recipe.protocol, sources, recipe.protocol_seed)
    chosen = [protocol.fold(fold).number for fold in folds] if folds is not None else [one.number for one in protocol.folds]
    if not chosen or len(set(chosen)) < len(chosen):
        raise InputError(f"name each fold once, got {', '.join(map(str, folds or ())) or 'none'}")
    for cache in sources.values():
        check_groups(per, cache.dataset())
    visible = tuple(dict.fromkeys(["full", *conditions]))
    work = _Work(recipe, sources, Path(out), protocol, visible, batch, device, threads_each(executor, threads), training)
    tested = all_values(
        executor, work, chosen, names=[f"fold {fold}" for fold in chosen], ended=ended,
        on_message=None if report is None else lambda _, told: report(*told),
    )  # fmt: skip
    names = dict.fromkeys(name for one in tested for name in one)
    return {name: _pooled(name, [one[name] for one in tested if name in one], work, per, draws, seed, chosen) for name in names}


Tested = Mapping[str, Predictions]
"""Visible part of the face -> predictions."""


@dataclass(frozen=True, eq=False)
class _Work:
    """What all folds share."""

    recipe: Recipe
    sources: Mapping[str, FaceCache]
    out: Path
    protocol: Protocol
    visible: tuple[str, ...]
    batch: int
    device: str
    threads: int | None
    training: Mapping[str, Any]

    def begin(self) -> ExitStack:
        """Threads."""
        return limited_threads(self.threads)

    def do(self, tools: ExitStack, item: int, tell: Callable[[Any], None]) -> dict[str, Tested]:
        """Train and test one fold: test set -> visible part -> predictions. Tells what ``Report`` takes."""
        from aufait.training.run import train

        folder, telling = self.out / f"fold_{item}", at_intervals(tell)

        def told(done: int, total: int, text: str) -> None:
            telling((done, total, f"fold {item}: {text}"))

        train(self.recipe, self.sources, fold=item, out=folder, protocol=self.protocol, report=told, **self.training)
        network = open_network(folder)
        labels = {name: cache.dataset() for name, cache in self.sources.items()}
        strict = needs_all_subjects(self.recipe.strict, self.sources)
        parts, notes = choose_part(network, self.protocol, labels, item, strict=strict)
        about = {"recipe": self.recipe.name, "protocol": self.protocol.name, "fold": item, "notes": list(notes)}
        test = NetworkTest(network, batch=self.batch, device=self.device, about=about)
        return {
            name: {visible: self._tested(test, name, part, item, visible, told) for visible in self.visible}
            for name, part in parts.items()
        }

    def _tested(self, test: NetworkTest, name: str, part: AUDataset, fold: int, visible: str, report: Report) -> Predictions:
        found = test.predictions(
            self.sources[name], part, visible=visible, kept=self.out / PREDICTIONS / f"fold_{fold}_{name}_{visible}.npz",
            progress=lambda done, total: report(done, total, f"testing on {name}"),
        )  # fmt: skip
        return found.with_attribute("fold", str(fold))


def _pooled(
    name: str, tested: Sequence[Tested], work: _Work, per: Sequence[str], draws: int, seed: int, folds: Sequence[int]
) -> CrossValidation:
    from aufait.training.recipe import changes

    notes = list(dict.fromkeys(note for one in tested for note in one["full"].about.get("notes", ())))
    left = len(work.protocol.folds) - len(folds)
    if left:
        notes.append(f"{left} of the {len(work.protocol.folds)} folds of the protocol were not run.")
    first = tested[0]["full"].about
    about = {
        key: first[key] for key in ("model", "recipe", "protocol", "split", "seed", "dataset", "alignment", "cache") if key in first
    }
    about["changes"] = changes(work.recipe)
    about["leakage"] = "each fold's test subjects are none of those its network was trained on or chosen by"
    about["mirrored_pass"] = first.get("mirrored_pass", False)
    pooled = {visible: concatenate([one[visible] for one in tested], {**about, "visible": visible}) for visible in work.visible}
    others = {} if len(work.visible) == 1 else pooled
    evaluation = evaluate(pooled["full"], work.protocol, per=per, conditions=others, draws=draws, seed=seed, notes=notes)
    return CrossValidation(pooled["full"], evaluation, others)
