"""Where items get data, trained networks and predictions from; each is made once and kept in a working folder.

    <work>/twins/<data set>             synthetic twins
    <work>/faces/<data set>-<alignment> prepared faces
    <work>/runs/<name>-<fingerprint>    trainings, one per fold
    <work>/predictions/<fingerprint>    predictions of them

A training's fingerprint covers its recipe, the faces, the fold, the network it starts from, and the source of networks, losses
and training: what is found under it was made by exactly this program from exactly these data. If the process is killed, starting it
again resumes.
"""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aufait.errors import InputError
from aufait.files.claims import in_turn
from aufait.reproduction.networks import PaperRun
from aufait.reproduction.registry import list_items
from aufait.reproduction.runs import get_run

if TYPE_CHECKING:
    from aufait.data.dataset import AUDataset
    from aufait.data.preparation import FaceCache
    from aufait.data.protocols import Split
    from aufait.evaluation import Predictions
    from aufait.models.system import AUSystem
    from aufait.training.recipe import Recipe
    from aufait.training.run_folder import TrainingRun

TWIN = "twin"
_CODE = ("models", "layers", "losses", "training", "recipes")

QUICK_TWINS: Mapping[str, Mapping[str, int]] = {
    "bp4d": {"subjects": 6, "tasks": 2, "frames": 10},
    "bp4d_plus": {"subjects": 2, "tasks": 2, "frames": 8},
    "disfa": {"subjects": 6, "frames": 24},
    "disfa_plus": {"subjects": 6, "tasks": 3, "frames": 6},
    "fera2015": {"subjects": 6, "tasks": 2, "frames": 10},
    "fera2017": {"subjects": 6, "tasks": 1, "frames": 3},
    "affwild2": {"subjects": 6, "frames": 14},
}
"""Size of the twins of ``--quick``; frames per recording, at each of nine poses for FERA 2017."""

FULL_TWINS: Mapping[str, int] = {"subjects": 12}
"""Size of twins otherwise; the command can give other numbers."""


def _nothing(*_: Any) -> None:
    """Nobody listens. A function with a name, so that it can be sent to other processes."""


@dataclass
class Laboratory:
    """Data, trainings and predictions for items.

    Args:
        work: folder that everything is kept in.
        sources: data set -> folders of prepared faces or the data set's own folder; data sets that are not in it are taken from
            twins where ``twins`` is true.
        twins: whether absent data sets are rendered.
        quick: recipes as by ``aufait train --quick`` and smaller still (``recipes/tiny.yaml``), small twins, the first fold only.
        twin_size: arguments of ``write_twin`` that replace the defaults (subjects, tasks, frames).
        workers: processes for rendering and preparation; None for one per core.
        device: where networks run.
        settings: further settings of all recipes, dotted key -> value.
        aligner: weights of the face alignment network for AUNet's, a file, "fit" or "random"; without, they are random with
            ``quick`` and asked for otherwise.
        imagenet: weights of a ResNet18 of ImageNet, for the run that starts from them; without, its backbone is random with
            ``quick`` and asked for otherwise.
        colours: of attention and activation over faces: "jet" as the papers have it, or "perceptual", whose lightness shows the
            value, for print and colour-blind readers.
        report: called with what is going on, one line at a time.
        progress: called with how far the present work is: parts done, parts in all, what is being done.
    """

    work: Path
    sources: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    twins: bool = False
    quick: bool = False
    twin_size: Mapping[str, int] = field(default_factory=dict)
    workers: int | None = None
    device: str = "cpu"
    settings: Mapping[str, Any] = field(default_factory=dict)
    aligner: str | None = None
    imagenet: str | None = None
    colours: str = "jet"
    report: Callable[[str], None] = _nothing
    progress: Callable[[int, int, str], None] = _nothing
    seconds: dict[str, float] = field(default_factory=dict)
    """Time spent in this process, by kind: twins, preparation, training, prediction."""

    _caches: dict[tuple[str, str], FaceCache] = field(default_factory=dict, repr=False)
    _models: dict[Path, AUSystem] = field(default_factory=dict, repr=False)

    def for_worker(self) -> Laboratory:
        """The same for another process: it works alone, and nobody listens yet. Its folder is common to all."""
        return replace(self, workers=1, report=_nothing, progress=_nothing, seconds={}, _caches={}, _models={})

    # ---------------------------------------------------------------------------------------------------------------------
    # Data
    # ---------------------------------------------------------------------------------------------------------------------

    def cache(self, dataset: str, alignment: str) -> FaceCache:
        """Prepared faces of a data set, prepared first where need be.

        Raises:
            InputError: the data set was not given and twins are not wanted; or all that was given are faces of other alignments.
        """
        key = (dataset, alignment)
        if key not in self._caches:
            self._caches[key] = self._given_cache(dataset, alignment) or self._prepare(dataset, alignment)
        return self._caches[key]

    def root(self, dataset: str) -> Path | None:
        """Folder of a data set in its own layout, a twin drawn first where need be; None where only prepared faces were given."""
        given = [path for path in self.sources.get(dataset, ()) if not _is_cache(path)]
        if given:
            return given[0]
        if self.sources.get(dataset):
            return None
        if not self.twins:
            raise InputError(
                f"the data set {dataset} is needed; give its folder or its prepared faces as --data {dataset}=FOLDER, or render "
                f"it with --data {TWIN}"
            )
        return self._twin(dataset)

    def caches(self, protocol: str, alignment: str) -> dict[str, FaceCache]:
        """Prepared faces of all data sets of a protocol."""
        from aufait.data.protocols import get_protocol

        return {name: self.cache(name, alignment) for name in get_protocol(protocol).datasets}

    def split(self, protocol: str, fold: int, alignment: str) -> Split:
        """Training and test part; subjects missing from the data are ignored where the data are a twin or ``quick``."""
        from aufait.data.protocols import get_protocol

        caches = self.caches(protocol, alignment)
        strict = self._strict(protocol) and not any(cache.synthetic for cache in caches.values())
        return get_protocol(protocol).split({name: cache.dataset() for name, cache in caches.items()}, fold, strict=strict)

    def check_settings(self) -> None:
        """Refuse settings that no recipe has, before twins are drawn and faces prepared.

        Raises:
            InputError: unknown key or unfit value; the message lists the keys.
        """
        from aufait.training.recipe import list_recipes, load_recipe

        # Settings of networks differ from one to the next; each recipe checks its own.
        shared = {key: value for key, value in self.settings.items() if not key.startswith("model_settings")}
        load_recipe(list_recipes()[0]).changed(shared)

    def check_complete(self, protocol: str) -> None:
        """Refuse given data in which subjects of a protocol are missing, before hours are spent on preparing them.

        Raises:
            InputError: subjects are missing or are in no fold; not with ``quick``, the setting strict=false, or twins.
        """
        from aufait.data.datasets import open_dataset
        from aufait.data.preparation import FaceCache
        from aufait.data.preparation.sources import mark_synthetic
        from aufait.data.protocols import get_protocol

        if not self._strict(protocol):
            return
        given, synthetic = {}, []
        for name in get_protocol(protocol).datasets:
            root = self.root(name)
            if root is None:
                cache = FaceCache.open(self.sources[name][0])
                given[name] = cache.dataset()
                synthetic.append(cache.synthetic)
            else:
                given[name] = open_dataset(name, root)
                synthetic.append(mark_synthetic(given[name].recordings, root)[1])
        problems = get_protocol(protocol).problems(given)
        if problems and not any(synthetic):
            raise InputError(
                f"the data do not match the protocol {protocol}: {'; '.join(problems)}. Complete the data, or continue with "
                "what fits by --set strict=false (scores are then not those of the protocol)"
            )

    def folds(self, run: PaperRun) -> tuple[int, ...]:
        """Folds that tables are based on: all, or the first with ``quick``."""
        return run.folds[:1] if self.quick else run.folds

    # ---------------------------------------------------------------------------------------------------------------------
    # Trainings and predictions
    # ---------------------------------------------------------------------------------------------------------------------

    def training(self, name: str, fold: int | None = None) -> TrainingRun:
        """The finished training of a run on one fold (the first if None), made first where need be."""
        from aufait.training.run import train

        run = get_run(name)
        fold = run.folds[0] if fold is None else fold
        recipe, caches = self._recipe(run, fold), self.caches(run.protocol, self._alignment(run))
        out = self.work / "runs" / f"{name.replace('/', '-')}-{fold}-{self._fingerprint(recipe, caches, fold)}"
        begun = time.perf_counter()
        if not (out / "run.json").is_file():
            self.report(f"training {name}, fold {fold}")
        with self._in_turn(out.name), warnings.catch_warnings():
            # Quick trainings hold nobody out on purpose, about which Lightning warns.
            warnings.filterwarnings("ignore", message=".*val_dataloader")
            made = train(recipe, caches, fold=fold, out=out, accelerator=self.device, report=self.progress)
        self._spent("training", begun)
        return made

    def model(self, name: str, fold: int | None = None) -> AUSystem:
        """The trained network of a run on one fold, in evaluation mode."""
        path = self.training(name, fold).model_path
        if path not in self._models:
            from aufait.models.checkpoint import load_model

            if len(self._models) > 3:  # a network may take a gigabyte
                self._models.clear()
            self._models[path] = load_model(path, device=self.device).eval()
        return self._models[path]

    def test_set(self, name: str, fold: int | None = None, *, test: str = "", dataset: str = "") -> tuple[AUDataset, FaceCache]:
        """Test recordings of a run's fold, or of another protocol, and the faces they are in.

        Args:
            name: of the run.
            fold: the first if None.
            test: protocol whose test part is taken; the run's own if empty.
            dataset: which one where the test part joins several; the first if empty.

        Raises:
            InputError: a person of the test part was trained on.
        """
        run = get_run(name)
        alignment = self._alignment(run)
        fold = run.folds[0] if fold is None else fold
        sets = self.split(test or run.protocol, 1 if test else fold, alignment).test_sets()
        chosen = dataset or next(iter(sets))
        if chosen not in sets:
            raise InputError(f"the test part of {test or run.protocol} has no faces of {chosen}, only of {', '.join(sets)}")
        seen = set(self.training(name, fold).facts["persons"]["train"]) & set(sets[chosen].persons)
        if seen:
            raise InputError(f"{name} was trained on {', '.join(sorted(seen))}, who may not be in its test part")
        return sets[chosen], self.cache(chosen, alignment)

    def predictions(self, name: str, *, test: str = "", dataset: str = "", visible: str = "full") -> Predictions:
        """Predictions on the test parts of all folds that tables are based on, with the attribute "fold".

        Args:
            name: of the run.
            test, dataset: see ``test_set``.
            visible: part of the face that is seen, see ``aufait.evaluation.occlusion``.
        """
        from aufait.evaluation import concatenate

        run = get_run(name)
        parts = [self._predict(name, fold, test, dataset, visible).with_attribute("fold", str(fold)) for fold in self.folds(run)]
        return parts[0] if len(parts) == 1 else concatenate(parts, about={**parts[0].about, "folds": len(parts)})

    def _predict(self, name: str, fold: int, test: str, dataset: str, visible: str) -> Predictions:
        from aufait.evaluation.networks import open_network
        from aufait.evaluation.testing import NetworkTest

        made = self.training(name, fold)
        frames, cache = self.test_set(name, fold, test=test, dataset=dataset)
        key = [made.folder.name, frames.fingerprint(), cache.fingerprint, visible]
        path = self.work / "predictions" / f"{_digest(key)}.npz"
        if not path.is_file():
            self.report(f"predicting {frames.name} by {name}, fold {fold}")
        begun = time.perf_counter()
        about = {"model": get_run(name).model, "run": name, "protocol": test or get_run(name).protocol}
        one = NetworkTest(open_network(made.folder), batch=16, device=self.device, about=about)
        with self._in_turn(path.stem):
            found = one.predictions(cache, frames, visible=visible, kept=path, progress=self._telling("predicting"))
        self._spent("prediction", begun)
        return found

    # ---------------------------------------------------------------------------------------------------------------------
    # How things are made
    # ---------------------------------------------------------------------------------------------------------------------

    def _given_cache(self, dataset: str, alignment: str) -> FaceCache | None:
        from aufait.data.preparation import FaceCache

        found = [FaceCache.open(path) for path in self.sources.get(dataset, ()) if _is_cache(path)]
        fitting = [cache for cache in found if cache.alignment == alignment]
        if found and not fitting and self.root(dataset) is None:
            have = ", ".join(cache.alignment for cache in found)
            raise InputError(
                f"faces of {dataset} in the alignment {alignment} are needed, those given are {have}; prepare them with: aufait "
                f"prepare {dataset} ROOT --alignment {alignment}, or give the data set's own folder"
            )
        return fitting[0] if fitting else None

    def _prepare(self, dataset: str, alignment: str) -> FaceCache:
        from aufait.data.datasets import open_dataset
        from aufait.data.preparation import FaceCache, prepare

        root = self.root(dataset)
        assert root is not None  # _given_cache has refused what holds neither
        folder = self.work / "faces" / f"{dataset}-{alignment}-{_digest([str(root.resolve())])[:8]}"
        with self._in_turn(folder.name):
            if (folder / "manifest.json").is_file():
                return FaceCache.open(folder)
            begun = time.perf_counter()
            self.report(f"preparing faces of {dataset}, alignment {alignment}")
            progress = self._telling(f"faces of {dataset}")
            cache = prepare(open_dataset(dataset, root), folder, alignment=alignment, workers=self.workers, progress=progress)
            self._spent("preparation", begun)
            return cache

    def _twin(self, dataset: str) -> Path:
        from aufait.twins import write_twin

        size: dict[str, Any] = dict(QUICK_TWINS[dataset] if self.quick else FULL_TWINS)
        size |= self.twin_size
        folder = self.work / "twins" / f"{dataset}-{_digest([size])[:8]}"
        with self._in_turn(folder.name):
            if not (folder / ".rendered").is_file():
                begun = time.perf_counter()
                self.report(f"rendering the twin of {dataset}")
                telling = self._telling(f"twin of {dataset}")
                write_twin(dataset, folder, **size, workers=self.workers, occlusions=0.15, progress=telling)
                (folder / ".rendered").touch()
                self._spent("twins", begun)
        return folder

    def _recipe(self, run: PaperRun, fold: int) -> Recipe:
        from aufait.models.registry import model_entry
        from aufait.training.recipe import QUICK, TINY, overlay_of

        recipe = base_recipe(run)
        settings: dict[str, Any] = {
            "model": run.model,
            "protocol": run.protocol,
            "name": recipe.name,
            "strict": self._strict(run.protocol),
            "start_from": None,
            "start_file": None,
        }
        settings |= {f"model_settings.{name}": value for name, value in run.settings.items()}
        if self.quick:
            trial = model_entry(run.model).config.TRIAL
            settings |= {**overlay_of(run.model, QUICK), **overlay_of(run.model, TINY)}
            if trial.rarity is not None and self._lacks_units(run, fold):  # it would fail for units that never occur
                settings[f"model_settings.{trial.rarity}"] = False
            if run.name in drawn_runs():
                settings |= trial.drawn
        if model_entry(run.model).network.has_aligner:
            settings["aligner"] = self.aligner or ("random" if self.quick else None)
        if run.pretrained:
            if self.imagenet is None and not self.quick:
                raise InputError(
                    f"{run.name} starts from a ResNet18 of ImageNet, which aufait does not contain; give its state dict as "
                    "--imagenet FILE"
                )
            settings["pretrained"] = self.imagenet
        if run.start:
            first = get_run(run.start)
            # The fold that the recipe of the second network starts from, as aufait train does; else the same number.
            wanted = recipe.start_fold or fold
            start_fold = wanted if wanted in first.folds else first.folds[0]
            settings["start_file"] = str(self.training(run.start, start_fold).model_path)
        return recipe.changed({**settings, **self.settings})

    def _lacks_units(self, run: PaperRun, fold: int) -> bool:
        """Whether an action unit never occurs in the training labels, as may happen in a small twin."""
        from aufait.data.protocols import get_protocol

        labels = self.split(run.protocol, fold, self._alignment(run)).train.label_table()
        if get_protocol(run.protocol).target == "intensity":
            # ARL counts an intensity of 3 and more as an occurrence when it weighs action units.
            return bool(((labels.intensity >= 3) & labels.intensity_known).sum(0).min() == 0)
        return bool(((labels.occurrence > 0) & labels.occurrence_known).sum(0).min() == 0)

    def _alignment(self, run: PaperRun) -> str:
        from aufait.inputs.alignments import alignment_of

        return base_recipe(run).alignment or alignment_of(run.model)

    def _strict(self, protocol: str) -> bool:
        """Whether every subject of the protocol must be there: not in twins, which hold a few, nor with strict=false."""
        from aufait.data.protocols import get_protocol

        wanted = not self.quick and self.settings.get("strict", True)
        return bool(wanted) and all(self.sources.get(name) for name in get_protocol(protocol).datasets)

    def _fingerprint(self, recipe: Recipe, caches: Mapping[str, FaceCache], fold: int) -> str:
        values = recipe.to_dict()
        # Its folder's name holds the fingerprint of the network it starts from; where the folder is does not matter.
        values["start_file"] = None if recipe.start_file is None else Path(recipe.start_file).parent.name
        values.pop("name")
        return _digest([values, {name: cache.fingerprint for name, cache in caches.items()}, fold, code_digest()])[:16]

    def _in_turn(self, name: str) -> AbstractContextManager[None]:
        """Inside, no other process makes what has this name in the folder; one that does is waited for."""
        return in_turn(self.work / "claims" / f"{name}.claim", name)

    def _telling(self, what: str) -> Callable[[int, int], None]:
        return lambda done, total: self.progress(done, total, what)

    def _spent(self, kind: str, begun: float) -> None:
        self.seconds[kind] = self.seconds.get(kind, 0.0) + time.perf_counter() - begun


def base_recipe(run: PaperRun) -> Recipe:
    """The recipe that comes nearest to a run: its own network and protocol, else one of the same system or protocol.

    Ablations and further protocols are trained as their system is on its main data set.
    """
    return _base_recipe(run.model, run.protocol)


@lru_cache(maxsize=256)
def _base_recipe(model: str, protocol: str) -> Recipe:
    from aufait.data.protocols import get_protocol, list_protocols
    from aufait.models.registry import model_entry
    from aufait.training.recipe import list_recipes, load_recipe

    def system(name: str) -> str:
        return model_entry(name).config.SYSTEM

    recipes = [load_recipe(name) for name in list_recipes()]
    published = list_protocols()  # not that of the practice set
    related = [one for one in recipes if one.protocol in published and system(one.model) == system(model)]
    if not related:
        raise InputError(f"there is no recipe for {model}; known recipes: {', '.join(list_recipes())}")
    wanted = get_protocol(protocol)

    def nearness(recipe: Recipe) -> tuple[bool, ...]:
        other = get_protocol(recipe.protocol)
        return (
            other.target == wanted.target,
            recipe.protocol == protocol,
            recipe.model == model,
            other.action_units == wanted.action_units,
            other.datasets[0] == wanted.datasets[0],
        )

    return max(related, key=nearness)


@lru_cache(maxsize=1)
def drawn_runs() -> frozenset[str]:
    """Names of the runs that figures need."""
    return frozenset(name for item in list_items() if item.kind == "figure" for name in item.runs)


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Hash of the source of networks, losses and training, once per process."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for folder in _CODE:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _is_cache(path: Path) -> bool:
    return (path / "manifest.json").is_file()
