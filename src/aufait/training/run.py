"""A whole training run: split, pre-training, training, and a folder that says how it was made.

    >>> from aufait.data.preparation import FaceCache
    >>> from aufait.training.recipe import load_recipe
    >>> cache = FaceCache.open("/data/disfa-faces")  # doctest: +SKIP
    >>> run = train(load_recipe("jaa_net_disfa"), cache, fold=1, out="runs/jaa-disfa-1")  # doctest: +SKIP
    >>> model = run.load()  # doctest: +SKIP

The folder holds model.safetensors (the epoch that was best on held-out training persons), last.safetensors, recipe.yaml,
run.json, metrics.csv and checkpoints. The same call in the same folder resumes a stopped run, and ends with the same
weights as one that was not stopped (bit by bit on one kind of processor).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from aufait.data.preparation.cache import FaceCache
from aufait.data.protocols import (
    Protocol,
)
from aufait.errors import InputError, OutputError
from aufait.files.atomic import output_errors, write_text
from aufait.files.claims import Claim
from aufait.files.versions import code_version, software_versions
from aufait.machine import is_first_process
from aufait.models.checkpoint import load_model
from aufait.models.criterion import Criterion
from aufait.models.import_checkpoint.reading import read_state_dict
from aufait.models.registry import create_criterion, create_model
from aufait.models.system import AUSystem
from aufait.models.transfer import transfer
from aufait.training.plan import Caches, Plan
from aufait.training.pretraining import fit_or_read_aligner, training_labels
from aufait.training.recipe import Recipe, differences, load_recipe
from aufait.training.run_folder import (
    CHECKPOINTS,
    CLAIM,
    FIT,
    METRICS,
    RANDOM,
    RECIPE,
    RUN,
    START,
    TENSORBOARD,
    TrainingRun,
    read_facts,
)
from aufait.training.trainer import Means, fit, require_lightning

if TYPE_CHECKING:
    import lightning

    from aufait.training.callbacks import RunKeeper


def train(
    recipe: Recipe,
    caches: Caches,
    *,
    fold: int | str = 1,
    out: str | Path,
    resume: bool = True,
    devices: int = 1,
    nodes: int = 1,
    strategy: str = "auto",
    accelerator: str = "auto",
    limit: int | None = None,
    protocol: Protocol | None = None,
    checkpoint_every: int = 1000,
    render_workers: int = 0,
    tensorboard: bool = False,
    report: Callable[[int, int, str], None] | None = None,
) -> TrainingRun:
    """Train a network by a recipe on one fold; test persons of the fold are never read.

    Args:
        recipe: from ``load_recipe``.
        caches: prepared faces, or name of the data set -> prepared faces where several are needed, or none where all are rendered.
        fold: number or alias of the protocol's fold.
        out: folder of the run.
        resume: continue a stopped run of the same recipe and data; otherwise what is there is replaced.
        devices, nodes, strategy, accelerator, checkpoint_every, render_workers, tensorboard, report: see ``Means``.
        limit: use so many training faces at most, in place of the recipe's ``max_faces``.
        protocol: in place of the recipe's, for your own data.

    Raises:
        InputError: data, fold, recipe and folder do not fit together.
        OutputError: the folder cannot be written.
        NonFiniteLossError: a loss became NaN or infinite.
        MissingExtraError: Lightning is not installed.
    """
    require_lightning(tensorboard)
    means = Means(devices, nodes, strategy, accelerator, checkpoint_every, render_workers, tensorboard, report)
    recipe = recipe if limit is None else replace(recipe, max_faces=limit)
    sources = {caches.name: caches} if isinstance(caches, FaceCache) else dict(caches)
    return _run(Plan.make(recipe, sources, fold, protocol), Path(out), means, resume)


def _run(plan: Plan, out: Path, means: Means, resume: bool) -> TrainingRun:
    done = _finished_before(out, plan) if resume else None
    if done is not None:
        return done
    started = time.time()
    with contextlib.ExitStack() as held:
        if is_first_process():
            _refuse_other_content(out)
            held.enter_context(Claim(out / CLAIM, _digest(plan)))  # before anything of an earlier run is removed
        _make_ready(out, resume)
        trainer, keeper = _trained(plan, out, means, resume)
        return _finish(plan, out, trainer, keeper, time.time() - started)


def _trained(plan: Plan, out: Path, means: Means, resume: bool) -> tuple[lightning.Trainer, RunKeeper]:
    _mark(out, plan, "running")
    with output_errors(out), torch.random.fork_rng():
        model, criterion = _networks(plan, _starting_network(plan, out, means, resume), out, means)
        return fit(plan, model, criterion, out, means, resume)


# ---------------------------------------------------------------------------------------------------------------------
# The folder
# ---------------------------------------------------------------------------------------------------------------------


def _finished_before(out: Path, plan: Plan) -> TrainingRun | None:
    """The run that is finished in the folder already, if any.

    Raises:
        InputError: another run is there.
    """
    facts = read_facts(out)
    if facts is None:
        return None
    _require_same_run(out, facts, plan)
    return TrainingRun(out, facts) if facts.get("status") == "finished" else None


def _refuse_other_content(out: Path) -> None:
    """Raises where a folder holds files of another kind.

    Raises:
        OutputError: it holds something, and no run that is finished or was stopped, at whatever moment.
    """
    names = [path.name for path in out.iterdir()] if out.is_dir() else []
    claims = [name for name in names if name.startswith(CLAIM)]
    # A recipe with the claim of a training next to it is what that training had written when it was killed.
    own = {CHECKPOINTS, *claims, *([RECIPE] if claims else [])}
    if not own.issuperset(names) and read_facts(out) is None:
        raise OutputError(f"{out} is not empty and holds no training run; choose another folder")


def _make_ready(out: Path, resume: bool) -> None:
    """Makes the folder; removes the earlier run where it is not to be resumed."""
    if not resume and is_first_process() and read_facts(out) is not None:
        for file in (out / RUN, out / RECIPE, out / METRICS, *out.glob("*.safetensors")):
            file.unlink(missing_ok=True)
        for name in (CHECKPOINTS, START, TENSORBOARD):
            shutil.rmtree(out / name, ignore_errors=True)
    with output_errors(out):
        (out / CHECKPOINTS).mkdir(parents=True, exist_ok=True)


def _digest(plan: Plan) -> str:
    return hashlib.sha256(json.dumps(plan.facts(), sort_keys=True).encode()).hexdigest()


def _require_same_run(out: Path, facts: Mapping[str, Any], plan: Plan) -> None:
    before = load_recipe(out / RECIPE)
    changed = differences(before, plan.recipe)
    wanted = plan.facts()
    changed += [name for name in ("fold", "data", "training_labels", "persons") if facts.get(name) != wanted[name]]
    if changed:
        raise InputError(
            f"{out} holds another run: {', '.join(changed)} differ. Choose another folder, or replace that run with --fresh "
            "(resume=False)"
        )


def _mark(out: Path, plan: Plan, status: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write recipe.yaml and run.json, whole or not at all."""
    facts = {**plan.facts(), "status": status, "code": code_version(), "software": software_versions(), **(more or {})}
    if is_first_process():
        write_text(out / RECIPE, plan.recipe.to_yaml(), overwrite=True)
        write_text(out / RUN, json.dumps(facts, indent=1, ensure_ascii=False) + "\n", overwrite=True)
    return facts


def _finish(plan: Plan, out: Path, trainer: lightning.Trainer, keeper: RunKeeper, seconds: float) -> TrainingRun:
    trainer.strategy.barrier("aufait-finish")
    more = {
        "selected": {"epoch": keeper.best_epoch, "monitor": plan.monitor, "value": _number(keeper.best)},
        "last": {"epoch": keeper.epochs_done, "held_out": {name: _number(value) for name, value in keeper.figures.items()}},
        "updates": trainer.global_step,
        "processes": trainer.world_size,
        "device": str(trainer.strategy.root_device),
        "seconds": round(seconds, 1),
    }
    facts = _mark(out, plan, "finished", more)
    trainer.strategy.barrier("aufait-finished")
    return TrainingRun(out, facts)


def _number(value: float | None) -> float | None:
    return None if value is None or value != value else round(float(value), 6)


# ---------------------------------------------------------------------------------------------------------------------
# Networks
# ---------------------------------------------------------------------------------------------------------------------


def _starting_network(plan: Plan, out: Path, means: Means, resume: bool) -> AUSystem | None:
    """The trained network that this one starts from, trained first where need be."""
    if plan.recipe.start_file:
        return load_model(plan.recipe.start_file)
    return None if plan.first is None else _run(plan.first, out / START, means, resume).load()


def _networks(plan: Plan, source: AUSystem | None, out: Path, means: Means) -> tuple[AUSystem, Criterion]:
    recipe, statistics = plan.recipe, plan.statistics()
    torch.manual_seed(recipe.seed)
    model = create_model(recipe.model, plan.protocol.action_units, **recipe.model_settings)
    if recipe.pretrained:
        model.use_backbone(read_state_dict(recipe.pretrained))
    model.initialise_from_labels(statistics)
    if plan.recipe.aligner not in (None, RANDOM) and not (source is not None and plan.recipe.aligner == FIT):
        fit_or_read_aligner(model, plan, out, means)
    if source is not None:
        transfer(model, source)
    return model, create_criterion(model, statistics, **model.criterion_arguments(training_labels(plan, out)))
