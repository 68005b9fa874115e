"""A whole training run: split, pre-training, training, and a folder that says how it was made.

    >>> from aufait.data.preparation import FaceCache
    >>> from aufait.training.recipe import load_recipe
    >>> cache = FaceCache.open("/data/disfa-faces")  # doctest: +SKIP
    >>> run = train(load_recipe("jaa_net_disfa"), cache, fold=1, out="runs/jaa-disfa-1")  # doctest: +SKIP
    >>> model = run.load()  # doctest: +SKIP

The folder holds model.safetensors (the epoch that was best on held-out training persons), last.safetensors, recipe.yaml,
run.json, metrics.csv and checkpoints. The same call in the same folder goes on where a stopped run was, and ends with the same
weights as one that was not stopped (bit by bit on one kind of processor).
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from aufait.data.dataset import AUDataset
from aufait.data.preparation.cache import FaceCache
from aufait.data.protocols import (
    Protocol,
    Split,
    divides_own_data,
    get_protocol,
    leave_one_dataset_out,
    leaves_datasets_out,
    protocol_for,
    refuse_overlap,
)
from aufait.errors import InputError, MissingExtraError, OutputError
from aufait.files.atomic import output_errors, write_text
from aufait.files.versions import code_version, software_versions
from aufait.inputs.alignments import alignment_of
from aufait.losses.statistics import LabelStatistics
from aufait.machine import has_gpu, is_first_process
from aufait.models.checkpoint import load_model
from aufait.models.criterion import Criterion
from aufait.models.import_checkpoint.reading import read_state_dict
from aufait.models.registry import create_criterion, create_model
from aufait.models.system import AUSystem
from aufait.models.training_labels import TrainingLabels
from aufait.models.transfer import transfer
from aufait.training.batches import FaceTable
from aufait.training.recipe import Recipe, differences, load_recipe

if TYPE_CHECKING:
    import lightning

    from aufait.training.callbacks import RunKeeper

RUN, RECIPE, MODEL, LAST, METRICS, CHECKPOINTS, START, TENSORBOARD = (
    "run.json", "recipe.yaml", "model.safetensors", "last.safetensors", "metrics.csv", "checkpoints", "start", "tensorboard"
)  # fmt: skip
_FORMAT = 1
ALIGNER, FIT, RANDOM = "aligner.safetensors", "fit", "random"
Caches = FaceCache | Mapping[str, FaceCache]


@dataclass(frozen=True)
class TrainingRun:
    """A finished run.

    Attributes:
        folder: where it lies.
        facts: content of run.json.
    """

    folder: Path
    facts: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> TrainingRun:
        """A run by its folder.

        Raises:
            InputError: no finished run lies there.
        """
        folder = Path(folder)
        facts = _read_facts(folder)
        if facts is None:
            raise InputError(f"{folder} holds no training run; make one with: aufait train RECIPE --output {folder}")
        if facts["status"] != "finished":
            raise InputError(f"the run in {folder} is not finished; give the same aufait train command again to go on with it")
        return cls(folder, facts)

    @property
    def recipe(self) -> Recipe:
        """The recipe with all values as they were used."""
        return load_recipe(self.folder / RECIPE)

    @property
    def model_path(self) -> Path:
        """Network of the chosen epoch."""
        return self.folder / MODEL

    @property
    def last_path(self) -> Path:
        """Network of the last epoch; the chosen one where no persons were held out."""
        last = self.folder / LAST
        return last if last.is_file() else self.model_path

    def load(self, device: str | torch.device = "cpu") -> AUSystem:
        """The network of the chosen epoch, in evaluation mode."""
        return load_model(self.model_path, device=device)


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
    tensorboard: bool = False,
    report: Callable[[int, int, str], None] | None = None,
) -> TrainingRun:
    """Train a network by a recipe on one fold; test persons of the fold are never read.

    Args:
        recipe: from ``load_recipe``.
        caches: prepared faces, or name of the data set -> prepared faces where several are needed.
        fold: number or alias of the protocol's fold.
        out: folder of the run.
        resume: go on with a stopped run of the same recipe and data; otherwise what lies there is replaced.
        devices: processes on this machine, one per GPU.
        nodes: machines.
        strategy: of Lightning, for more than one process; "auto" is its DistributedDataParallel.
        accelerator: "auto", "cpu", "cuda" or "mps"; "cuda:1" is one particular GPU.
        limit: use so many training faces at most, in place of the recipe's ``max_faces``.
        protocol: in place of the recipe's, for data of one's own.
        checkpoint_every: updates of the weights between checkpoints within an epoch; 0 saves after epochs only.
        tensorboard: also write logs for TensorBoard.
        report: told steps done, steps in all and a line of text.

    Raises:
        InputError: data, fold, recipe and folder do not fit together.
        OutputError: the folder cannot be written.
        NonFiniteLossError: a loss became NaN or infinite.
        MissingExtraError: Lightning is not installed.
    """
    _require_lightning(tensorboard)
    if any(word in strategy for word in ("spawn", "fork", "notebook")):
        raise InputError(f"strategy {strategy!r} trains in processes that this one cannot follow; use 'ddp', or aufait train")
    out = Path(out)
    recipe = recipe if limit is None else replace(recipe, max_faces=limit)
    sources = {caches.name: caches} if isinstance(caches, FaceCache) else dict(caches)
    plan = _Plan.make(recipe, sources, fold, protocol)
    _starting_plan(plan, sources)
    done = _claim(out, plan, resume)
    if done is not None:
        return done
    if ":" in accelerator and devices * nodes > 1:
        raise InputError(f"{accelerator} is one device, and {devices * nodes} processes need one each; leave the number out")
    started = time.time()
    _mark(out, plan, "running")
    with output_errors(out), torch.random.fork_rng():
        source = _starting_network(
            plan, sources, out, resume=resume, devices=devices, nodes=nodes, strategy=strategy, accelerator=accelerator,
            checkpoint_every=checkpoint_every, tensorboard=tensorboard, report=report,
        )  # fmt: skip
        model, criterion = _networks(plan, source, out, accelerator, report)
        trainer, keeper = _fit(
            plan, model, criterion, out, devices=devices, nodes=nodes, strategy=strategy, accelerator=accelerator,
            checkpoint_every=checkpoint_every, tensorboard=tensorboard, report=report,
        )  # fmt: skip
    return _finish(plan, out, trainer, keeper, time.time() - started)


# ---------------------------------------------------------------------------------------------------------------------
# What is trained on what
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Plan:
    """Everything that follows from recipe, data and fold before any weight is made."""

    recipe: Recipe
    protocol: Protocol
    split: Split
    caches: dict[str, FaceCache]
    kept: AUDataset
    held: AUDataset | None
    table: FaceTable
    held_table: FaceTable | None
    alignment: str

    @classmethod
    def make(cls, recipe: Recipe, sources: Mapping[str, FaceCache], fold: int | str, protocol: Protocol | None) -> _Plan:
        _require_aligner(recipe)
        protocol = protocol or find_protocol(recipe.protocol, sources, recipe.protocol_seed)
        # A twin is never the whole data set, and its results are marked as synthetic in any case.
        strict = recipe.strict and not any(cache.synthetic for cache in sources.values())
        split = protocol.split({name: cache.dataset() for name, cache in sources.items()}, fold, strict=strict)
        used = {name: sources[name] for name in protocol.datasets}
        alignment = recipe.alignment or alignment_of(recipe.model)
        for name, cache in used.items():
            if cache.alignment != alignment:
                raise InputError(
                    f"{recipe.model} reads faces of alignment {alignment!r}, the cache of {name} has {cache.alignment!r}; prepare "
                    f"it with --alignment {alignment}, or set alignment={cache.alignment} to train on these faces all the same"
                )
        kept, held = split.train, None
        if recipe.hold_out:
            kept, held = split.hold_out(recipe.hold_out, recipe.seed)
            refuse_overlap(kept, held)
        table = FaceTable.of(kept, used, protocol.target).drawn(recipe.draw_positives, recipe.draw_negatives, recipe.seed)
        held_table = None if held is None else FaceTable.of(held, used, protocol.target).thinned(recipe.max_held_out)
        return cls(recipe, protocol, split, used, kept, held, table, held_table, alignment)

    @property
    def monitor(self) -> str | None:
        """Figure that chooses the epoch."""
        if self.held_table is None:
            return None
        if self.recipe.monitor != "auto":
            return self.recipe.monitor
        return "icc_3_1" if self.protocol.target == "intensity" else "f1_frame"

    def facts(self) -> dict[str, Any]:
        """What run.json says; nothing in it changes when a run is resumed."""
        return {
            "format": _FORMAT,
            "recipe": self.recipe.name,
            "model": self.recipe.model,
            "protocol": self.protocol.name,
            "fold": self.split.fold,
            "seed": self.recipe.seed,
            "action_units": list(self.protocol.action_units),
            "target": self.protocol.target,
            "synthetic": any(cache.synthetic for cache in self.caches.values()),
            "data": {
                name: {
                    "fingerprint": cache.fingerprint,
                    "alignment": cache.alignment,
                    "faces": len(cache),
                    "synthetic": cache.synthetic,
                }
                for name, cache in self.caches.items()
            },
            "training_labels": self.kept.fingerprint(),
            "persons": {
                "train": sorted(self.kept.persons),
                "held_out": [] if self.held is None else sorted(self.held.persons),
                "test": sorted(self.split.test.persons),
            },
            "faces": {"train": len(self.table), "held_out": 0 if self.held_table is None else len(self.held_table)},
            "notes": [*self.split.notes, *self.warnings()],
        }

    def warnings(self) -> list[str]:
        """What makes the result less than it could be."""
        if self.recipe.aligner == RANDOM and not self.recipe.start_file:
            return [f"the frozen face alignment network of {self.recipe.model} has random weights, as aligner=random asks for"]
        return []

    def statistics(self) -> LabelStatistics:
        """Of all training labels, not only those that ``max_faces`` leaves."""
        known = torch.from_numpy(self.table.known)
        if self.protocol.target == "intensity":
            return LabelStatistics.from_intensities(torch.from_numpy(self.table.intensity), known)
        return LabelStatistics.from_labels(torch.from_numpy(self.table.occurrence), known)


def _require_aligner(recipe: Recipe) -> None:
    """Refuse to train on a frozen network of random weights unless it is asked for.

    Raises:
        InputError: the network has a frozen face alignment network, and nothing says where its weights come from.
    """
    from aufait.models.registry import model_entry

    if model_entry(recipe.model).network.has_aligner and not (recipe.aligner or recipe.start_file):
        raise InputError(
            f"{recipe.model} looks through a frozen face alignment network, which would have random weights; give trained ones as "
            f"aligner=FILE (aufait import-checkpoint FILE --as fan), train them first with aligner={FIT}, or say aligner={RANDOM} "
            "to go on without"
        )


# ---------------------------------------------------------------------------------------------------------------------
# The folder
# ---------------------------------------------------------------------------------------------------------------------


def _claim(out: Path, plan: _Plan, resume: bool) -> TrainingRun | None:
    """Make the folder ready; the run that is finished there already, if any.

    Raises:
        InputError: another run lies there.
    """
    facts = _read_facts(out)
    if facts is not None and not resume and is_first_process():
        for file in (out / RUN, out / RECIPE, out / METRICS, *out.glob("*.safetensors")):
            file.unlink(missing_ok=True)
        for name in (CHECKPOINTS, START, TENSORBOARD):
            shutil.rmtree(out / name, ignore_errors=True)
        facts = None
    if facts is not None and resume:
        _require_same_run(out, facts, plan)
        if facts["status"] == "finished":
            return TrainingRun(out, facts)
    if facts is None and out.is_dir() and any(out.iterdir()) and is_first_process():
        raise OutputError(f"{out} is not empty and holds no training run; choose another folder")
    with output_errors(out):
        (out / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    return None


def _require_same_run(out: Path, facts: Mapping[str, Any], plan: _Plan) -> None:
    before = load_recipe(out / RECIPE)
    changed = differences(before, plan.recipe)
    wanted = plan.facts()
    changed += [name for name in ("fold", "data", "training_labels", "persons") if facts.get(name) != wanted[name]]
    if changed:
        raise InputError(
            f"{out} holds another run: {', '.join(changed)} differ. Choose another folder, or replace that run with --fresh "
            "(resume=False)"
        )


def _read_facts(out: Path) -> dict[str, Any] | None:
    path = out / RUN
    if not path.is_file():
        return None
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is damaged ({error}); delete the folder or choose another") from error
    if facts.get("format") != _FORMAT:
        raise InputError(f"{path} has format {facts.get('format')!r}, this version reads {_FORMAT}")
    return dict(facts)


def _mark(out: Path, plan: _Plan, status: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write recipe.yaml and run.json, whole or not at all."""
    facts = {**plan.facts(), "status": status, "code": code_version(), "software": software_versions(), **(more or {})}
    if is_first_process():
        write_text(out / RECIPE, plan.recipe.to_yaml(), overwrite=True)
        write_text(out / RUN, json.dumps(facts, indent=1, ensure_ascii=False) + "\n", overwrite=True)
    return facts


def _finish(plan: _Plan, out: Path, trainer: lightning.Trainer, keeper: RunKeeper, seconds: float) -> TrainingRun:
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


def find_protocol(name: str, caches: Mapping[str, FaceCache], seed: int | None = None) -> Protocol:
    """A protocol by name; "leave_one_subject_out", "k_fold", "3_fold", ... divide the subjects of the one data set that is given,
    "lodo" tests each of several on a network that was trained on the others.

    Raises:
        InputError: unknown protocol, several data sets for one that divides one, one for "lodo", or a seed where nothing is drawn.
    """
    if leaves_datasets_out(name):
        return leave_one_dataset_out({one: cache.dataset() for one, cache in caches.items()})
    if not divides_own_data(name):
        return get_protocol(name, seed=seed)
    if len(caches) != 1:
        raise InputError(f"protocol {name} divides one data set, got {', '.join(caches) or 'none'}")
    return protocol_for(next(iter(caches.values())).dataset(), name, seed=seed)


def _starting_network(plan: _Plan, sources: Mapping[str, FaceCache], out: Path, **options: Any) -> AUSystem | None:
    """The trained network that this one starts from, trained first where need be."""
    if plan.recipe.start_file:
        return load_model(plan.recipe.start_file)
    first = _starting_plan(plan, sources)
    if first is None:
        return None
    return train(first.recipe, sources, fold=first.split.fold, out=out / START, **options).load()


def _starting_plan(plan: _Plan, sources: Mapping[str, FaceCache]) -> _Plan | None:
    """What is trained before, on which data; None where the weights are fresh or given.

    Raises:
        InputError: its data are not given, or it would learn from persons that are tested here.
    """
    recipe = plan.recipe
    if recipe.start_file or not recipe.start_from:
        return None
    first = starting_recipe(recipe)
    earlier = get_protocol(first.protocol, seed=first.protocol_seed)
    missing = [name for name in earlier.datasets if name not in sources]
    if missing:
        raise InputError(
            f"{recipe.name} starts from a network of {recipe.start_from}; give its faces as --cache {missing[0]}=FOLDER, a trained "
            "network as --set start_file=MODEL.safetensors, or start fresh with --set start_from=none"
        )
    fold = recipe.start_fold or (plan.split.fold if len(earlier.folds) > 1 else 1)
    before = _Plan.make(first, sources, fold, None)
    refuse_overlap(before.split.train, plan.split.test)
    return before


def starting_recipe(recipe: Recipe) -> Recipe:
    """The recipe by which the network is trained that a recipe starts from: same network, seed and limits."""
    if recipe.start_from is None:
        raise InputError(f"{recipe.name} starts from fresh weights")
    first = load_recipe(recipe.start_from)
    shared = (
        "model", "alignment", "strict", "precision", "hold_out", "max_faces", "max_held_out", "aligner", "aligner_fit", "label_vae",
        "seed",
    )  # fmt: skip
    same = {name: getattr(recipe, name) for name in shared}
    settings = {**first.model_settings, **recipe.model_settings}
    return replace(first, **same, model_settings=settings).changed(dict(recipe.start_settings))


def _networks(
    plan: _Plan, source: AUSystem | None, out: Path, accelerator: str, report: Callable[[int, int, str], None] | None
) -> tuple[AUSystem, Criterion]:
    recipe, statistics = plan.recipe, plan.statistics()
    torch.manual_seed(recipe.seed)
    model = create_model(recipe.model, plan.protocol.action_units, **recipe.model_settings)
    if recipe.pretrained:
        model.use_backbone(read_state_dict(recipe.pretrained))
    model.initialise_from_labels(statistics)
    if plan.recipe.aligner not in (None, RANDOM) and not (source is not None and plan.recipe.aligner == FIT):
        _align(model, plan, out, accelerator, report)
    if source is not None:
        transfer(model, source)
    return model, create_criterion(model, statistics, **model.criterion_arguments(_training_labels(plan, out)))


def _align(
    model: AUSystem, plan: _Plan, out: Path, accelerator: str, report: Callable[[int, int, str], None] | None
) -> None:
    """Weights of a frozen aligner: from a file, or fitted to the training faces; read back where the run has them already."""
    from aufait.models.fan.aligner import load_aligner, save_aligner
    from aufait.training.fit_aligner import fit_aligner

    recipe, path = plan.recipe, out / ALIGNER
    if not model.has_aligner:
        raise InputError(f"{recipe.model} has no face alignment network; leave aligner out")
    if recipe.aligner != FIT:
        model.use_aligner(load_aligner(str(recipe.aligner)))
        return
    if not path.is_file():
        device = accelerator.replace("auto", "cuda") if has_gpu(accelerator) else "cpu"
        table = plan.table.thinned(recipe.max_faces)
        aligner = fit_aligner(
            model, table, plan.caches, recipe.aligner_fit,
            seed=recipe.seed, alignment=plan.alignment, device=device, precision=recipe.precision, report=report,
        )  # fmt: skip
        model.use_aligner(aligner)
        if is_first_process():
            save_aligner(aligner, path, notes={"persons": list(plan.table.persons)})
        return
    model.use_aligner(load_aligner(path))


def _training_labels(plan: _Plan, out: Path) -> TrainingLabels:
    """Labels of the training faces, for what a network learns from them before training."""
    table = plan.table
    return TrainingLabels(
        plan.protocol.action_units, table.occurrence, table.known, table.source, table.names, table.persons,
        settings=asdict(plan.recipe.label_vae), seed=plan.recipe.seed, folder=out, writes=is_first_process(),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# The trainer
# ---------------------------------------------------------------------------------------------------------------------


def _fit(
    plan: _Plan,
    model: AUSystem,
    criterion: Criterion,
    out: Path,
    *,
    devices: int,
    nodes: int,
    strategy: str,
    accelerator: str,
    checkpoint_every: int,
    tensorboard: bool,
    report: Callable[[int, int, str], None] | None,
) -> tuple[lightning.Trainer, RunKeeper]:
    import lightning

    from aufait.training.callbacks import CSVMetrics, RunKeeper, StepReport
    from aufait.training.lightning_module import FaceData, RecipeModule

    recipe = plan.recipe
    data = FaceData(plan.table.thinned(recipe.max_faces), plan.held_table, plan.caches, recipe, interval=model.interval)
    module = RecipeModule(
        model,
        criterion,
        recipe,
        updates_per_epoch=-(-len(data.training(0, devices * nodes)) // recipe.accumulate),
        target=plan.protocol.target,
        alignment=plan.alignment,
    )
    keeper = RunKeeper(out, monitor=plan.monitor, patience=recipe.patience, every=checkpoint_every, notes=plan.facts())
    checkpoint = keeper.checkpoint if keeper.checkpoint.is_file() else None
    loggers: list[Any] = [CSVMetrics(out / METRICS, _step_of(checkpoint))]
    if tensorboard:
        from lightning.pytorch.loggers import TensorBoardLogger

        loggers.append(TensorBoardLogger(out, name=TENSORBOARD, version=""))
    several = devices * nodes > 1
    kind, _, index = accelerator.partition(":")
    with _quiet():
        trainer = lightning.Trainer(
            accelerator="gpu" if kind == "cuda" else kind,
            devices=[int(index)] if index else devices,
            num_nodes=nodes,
            strategy="ddp" if several and strategy == "auto" else strategy,
            precision=recipe.precision,  # type: ignore[arg-type]
            max_epochs=recipe.epochs,
            max_steps=recipe.max_updates or -1,
            accumulate_grad_batches=recipe.accumulate,
            gradient_clip_val=recipe.clip_norm or None,
            callbacks=[keeper, *([StepReport(report)] if report else [])],
            logger=loggers,
            log_every_n_steps=max(1, min(50, len(data.training(0, devices * nodes)))),
            sync_batchnorm=several and has_gpu(accelerator),
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=out,
        )
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
    if trainer.interrupted:  # some versions of Lightning only note that somebody pressed Ctrl-C
        raise KeyboardInterrupt
    return trainer, keeper


def _step_of(checkpoint: Path | None) -> int | None:
    """Updates of the weights at a checkpoint."""
    if checkpoint is None:
        return None
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["global_step"])


def _require_lightning(tensorboard: bool) -> None:
    try:
        import lightning  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("training by recipes", "train") from error
    if tensorboard:
        try:
            import tensorboard as _  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("logs for TensorBoard", "train") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advertisements and hints that our own settings answer."""
    loggers: Sequence[logging.Logger] = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*Found .* module.* in eval mode.*")
            warnings.filterwarnings("ignore", message=".*Checkpoint directory.*exists.*")
            warnings.filterwarnings("ignore", message=".*LeafSpec.*")
            warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
