"""Recipes: how a network is trained on a data set, as YAML files that name every number and where it is published.

    >>> from aufait.training.recipe import load_recipe
    >>> recipe = load_recipe("arl_bp4d", ["epochs=2", "model_settings.crf=false"])
    >>> recipe.learning_rate, recipe.epochs
    (0.006, 2)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from aufait.errors import InputError
from aufait.files.safe_yaml import load_yaml_package, parse_yaml, read_yaml
from aufait.inputs.augmentation import Augmentation
from aufait.settings import as_number, check_types, converted, did_you_mean, plain

OPTIMIZERS = ("sgd", "adam", "adamw", "adadelta")
SCHEDULES = ("constant", "step", "milestones", "cosine")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true")
MONITORS = ("auto", "f1_frame", "roc_area", "icc_3_1", "loss")
QUICK, SMALL, TINY = "quick", "small", "tiny"
"""Overlays: sizes in which any recipe can be tried out; files in the folder of the recipes, and ``TRIAL`` of each system."""

_OPEN = ("model_settings", "start_settings")
_FOLDER = "aufait.recipes"


@dataclass(frozen=True, kw_only=True)
class LabelVAESettings:
    """Pre-training of the label VAE, for networks whose loss has one (AUNet section V-C)."""

    file: str | None = None
    """A label VAE to take instead of training one (aufait import-checkpoint FILE --as vae); "{dataset}" in it is replaced by the
    name of the data set, where several are trained on."""

    latent_size: int | None = None
    """k; null takes the paper's for BP4D, DISFA and AffWild2, and 8 for others."""

    kl_weight: float = 0.3
    """lambda of equation 2."""

    epochs: int = 100
    """Passes over the labels."""

    batch_size: int = 128
    """Labels per step."""

    learning_rate: float = 0.001
    """Of Adam."""

    noise: float = 0.2
    """Half width of the uniform noise on the labels."""


@dataclass(frozen=True, kw_only=True)
class AlignerSettings:
    """Training of the frozen face alignment network with ``aligner=fit``; no paper's setting."""

    steps: int = 3000
    """Updates of the weights."""

    batch_size: int = 16
    """Faces per update."""

    learning_rate: float = 0.0001
    """Of RMSprop (FAN paper, section 4)."""


_NESTED: Mapping[str, type] = {"augmentation": Augmentation, "label_vae": LabelVAESettings, "aligner_fit": AlignerSettings}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides a training run, apart from the data and the seed's effect on other hardware."""

    name: str
    """Name, as in ``aufait train NAME``."""

    title: str = ""
    """One line for lists."""

    paper: str = ""
    """Where the numbers come from."""

    cost: str = ""
    """What a run takes, as text."""

    model: str
    """Name of the network, one of ``aufait models``."""

    model_settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings in which the network differs from its defaults."""

    protocol: str
    """Name of the protocol, which fixes data sets, action units, folds and the threshold of occurrence."""

    protocol_seed: int | None = None
    """Which split, for protocols whose subjects are not published."""

    strict: bool = True
    """Whether the data must hold every subject of the protocol; twins and subsets need false."""

    alignment: str | None = None
    """Alignment of the faces; null is the network's own."""

    optimizer: str = "sgd"
    """sgd, adam, adamw or adadelta."""

    learning_rate: float = 0.01
    """At the start."""

    momentum: float = 0.9
    """Of sgd."""

    nesterov: bool = True
    """Of sgd."""

    betas: tuple[float, float] = (0.9, 0.999)
    """Of adam and adamw."""

    rho: float = 0.9
    """Of adadelta."""

    weight_decay: float = 0.0005
    """Added to the gradient; adamw takes it off the weights."""

    schedule: str = "step"
    """constant, step, milestones or cosine."""

    decay: float = 0.3
    """Factor of the learning rate at each step or milestone."""

    decay_every: int = 2
    """Length of a step, in ``decay_unit``."""

    decay_unit: str = "epoch"
    """epoch or iteration (one update of the weights)."""

    milestones: tuple[int, ...] = ()
    """When the rate falls, in ``decay_unit``."""

    epochs: int = 12
    """Passes over the training faces."""

    max_updates: int = 0
    """Updates of the weights after which training ends within an epoch, as released solvers count; 0 trains all epochs."""

    batch_size: int = 16
    """Faces per update on all devices together, before ``accumulate``."""

    accumulate: int = 1
    """Batches whose gradients are averaged for one update."""

    drop_last: bool = False
    """Whether the last, smaller batch of an epoch is left out."""

    clip_norm: float = 0.0
    """Largest norm of the gradient; 0 does not clip."""

    precision: str = "32-true"
    """32-true, bf16-mixed, 16-mixed or 64-true."""

    augmentation: Augmentation = field(default_factory=Augmentation)
    """What training changes in a face."""

    hold_out: float = 0.15
    """Share of the training persons who only choose the epoch; 0, as in the papers' recipes, trains on all for the number of epochs
    and keeps the last one."""

    monitor: str = "auto"
    """What the epoch is chosen by, on the held-out persons: f1_frame, roc_area, icc_3_1, loss; auto is F1 or ICC."""

    patience: int = 0
    """Epochs without a better one after which training stops; 0 trains to the end."""

    max_faces: int = 0
    """Training faces that are used, spread evenly over the recordings; 0 takes all."""

    max_held_out: int = 0
    """The same for the faces that choose the epoch."""

    rendered: int = 0
    """Faces per epoch that the face engine renders while the network trains, a new person each, in place of the training persons'
    faces; prepared faces are then only for choosing the epoch. 0 trains on prepared faces."""

    draw_positives: int = 0
    """Frames with each action unit that are drawn from every recording for training, as DRML does; 0 takes all. Labels of an action
    unit in frames that are not drawn for it count as unknown."""

    draw_negatives: int = 0
    """The same for frames without it."""

    start_from: str | None = None
    """Recipe whose network this one starts from, for other action units; it is trained first where its data are given."""

    start_fold: int | None = None
    """Fold of that recipe; null is the same number, or 1 where it has only one."""

    start_file: str | None = None
    """Saved network to start from instead of training ``start_from``."""

    start_settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings in which the run that ``start_from`` names differs from its own recipe."""

    aligner: str | None = None
    """Weights of AUNet's frozen face alignment network: a file, "fit" to train it on the landmarks of the training faces first, or
    "random" to leave them random, for trials; null is refused where the network has one and starts from no other."""

    aligner_fit: AlignerSettings = field(default_factory=AlignerSettings)
    """How ``aligner=fit`` trains it."""

    pretrained: str | None = None
    """Weights that the network's backbone starts from, such as a ResNet18 of ImageNet (AUNet section V-D): a state dict (.pth) with
    the names of common releases; null starts it untrained."""

    label_vae: LabelVAESettings = field(default_factory=LabelVAESettings)
    """Pre-training of the label VAE."""

    seed: int = 0
    """Of weights, order, augmentation and held-out persons."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in _NESTED:
            check_types(getattr(self, name), f"{name}.")
        self._check_values()

    def _check_values(self) -> None:
        choices = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS, "monitor": MONITORS}
        for name, known in {**choices, "decay_unit": ("epoch", "iteration")}.items():
            value = getattr(self, name)
            if value not in known:
                raise InputError(f"{name} must be one of {', '.join(known)}; got {value!r}{did_you_mean(value, known)}")
        for name in ("learning_rate", "epochs", "batch_size", "accumulate", "decay_every"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be positive, got {getattr(self, name)}")
        counts = ("patience", "max_updates", "max_faces", "max_held_out", "rendered", "draw_positives", "draw_negatives", "seed")
        for name in ("weight_decay", "clip_norm", *counts):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must not be negative, got {getattr(self, name)}")
        if not 0 <= self.hold_out < 1:
            raise InputError(f"hold_out is a share of the training persons, from 0 to below 1; got {self.hold_out}")
        if self.patience and not self.hold_out:
            raise InputError(
                "patience counts epochs without a better one on held-out persons, and none are held out; set hold_out too"
            )
        if self.rendered and (self.draw_positives or self.draw_negatives or self.aligner == "fit"):
            raise InputError("rendered faces are neither drawn from recordings nor kept for aligner=fit; set draw_positives=0 and "
                             "draw_negatives=0, and aligner to a file")  # fmt: skip
        for name in ("mirror", "blur", "compression", "holes"):
            if not 0 <= getattr(self.augmentation, name) <= 1:
                raise InputError(f"augmentation.{name} is a probability, got {getattr(self.augmentation, name)}")
        for name in ("scale", "crop_scale", "shift", "jitter"):
            if not 0 <= getattr(self.augmentation, name) < 1:
                raise InputError(f"augmentation.{name} must be in [0, 1), got {getattr(self.augmentation, name)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values that YAML and JSON can hold."""
        return plain(dataclasses.asdict(self))

    def to_yaml(self, *, used_only: bool = False) -> str:
        """The recipe as a file that ``load_recipe`` reads; with ``used_only`` without keys that its network ignores."""
        values = self.to_dict()
        if used_only:
            values = {key: value for key, value in values.items() if key not in unused_keys(self)}
        return str(load_yaml_package().safe_dump(values, sort_keys=False, allow_unicode=True, width=120))

    def changed(self, settings: Mapping[str, Any] | Sequence[str]) -> Recipe:
        """A recipe with other values.

        Args:
            settings: dotted key -> value, or texts "key=value" as on the command line.

        Raises:
            InputError: an unknown key (with the nearest ones), or a value of the wrong type or range.
        """
        return Recipe.from_dict(_put_all(self.to_dict(), settings))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """From plain values.

        Raises:
            InputError: an unknown or missing key, or a value of the wrong type or range.
        """
        values = dict(values)
        for key in values:
            _require_known(str(key), _names(cls), "")
        missing = [name for name in ("name", "model", "protocol") if not values.get(name)]
        if missing:
            raise InputError(f"a recipe must have {', '.join(missing)}")
        for name, kind in _NESTED.items():
            given = _inner(values, name)
            for key in given:
                _require_known(str(key), _names(kind), f"{name}.")
            values[name] = kind(**converted(kind, given))
        nested: dict[str, Any] = {name: values.pop(name) for name in _NESTED if name in values}
        for name in _OPEN:
            nested[name] = {str(key): as_number(value) for key, value in _inner(values, name).items()}
            values.pop(name, None)
        recipe = cls(**converted(cls, values), **nested)
        recipe._check_model()
        return recipe

    def _check_model(self) -> None:
        """Raise for settings that the network does not have."""
        from aufait.models.registry import model_entry

        entry = model_entry(self.model)
        entry.config.create("disfa", **{**entry.overrides, **self.model_settings})
        if more := ", ".join(entry.network.further_inputs):
            raise InputError(
                f"{self.model} cannot be trained by a recipe: it also reads {more}, which prepared faces do not hold; "
                "docs/models.md names the command that trains it"
            )


def list_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    files = (Path(file.name) for file in resources.files(_FOLDER).iterdir())
    return sorted(file.stem for file in files if file.suffix == ".yaml" and file.stem not in (QUICK, SMALL, TINY))


def load_recipe(
    name: str | Path, settings: Mapping[str, Any] | Sequence[str] = (), *, quick: bool = False, small: bool = False
) -> Recipe:
    """A recipe by name or file, with some values changed.

    Args:
        name: one of ``list_recipes()``, or the path of a YAML file (such as a run's recipe.yaml).
        settings: dotted key -> value, or texts "key=value"; they win over ``quick`` and ``small``.
        quick: smaller networks, few epochs on few faces. No paper's setting, only to see that everything runs.
        small: networks as small, trained long enough to learn something without a GPU; no paper's setting either.

    Raises:
        InputError: unknown recipe, unreadable file, unknown key, a value of the wrong type or range, or quick and small at once.
        MissingExtraError: the package that reads YAML is missing.
    """
    if quick and small:
        raise InputError("quick and small are two sizes; choose one of them")
    values = _read(name)
    model = str(values.get("model") or "")
    for overlay in ([QUICK] * quick + [QUICK, SMALL] * small) if model else ():
        _put_all(values, overlay_of(model, overlay))
    return Recipe.from_dict(_put_all(values, settings))


def overlay_of(model: str, name: str) -> dict[str, Any]:
    """Dotted keys and values of an overlay: those for all networks, then those for the network's system.

    Args:
        model: name of the network.
        name: "quick", "small" (on top of "quick": longer) or "tiny" (on top of "quick": smaller still).
    """
    from aufait.models.registry import model_entry

    trial = model_entry(model).config.TRIAL
    return {**_mapping(parse_yaml(_text_of(name), name), name), **getattr(trial, name)}


def known_keys() -> list[str]:
    """Every key that ``--set`` takes; those of ``model_settings`` depend on the network."""
    keys: list[str] = []
    for name in _names(Recipe):
        keys += [f"{name}.{inner}" for inner in _names(_NESTED[name])] if name in _NESTED else [name]
    return keys


def _read(name: str | Path) -> dict[str, Any]:
    text = str(name)
    if text in list_recipes():
        return _mapping(parse_yaml(_text_of(text), text), text)
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise InputError(f"no recipe file at {path}; check the path, or choose a name from aufait train --list")
        return _mapping(read_yaml(path), str(path))
    known = list_recipes()
    hint = did_you_mean(text.replace("-", "_"), known)
    raise InputError(f"unknown recipe {text!r}{hint} Known recipes: {', '.join(known)}; or give a YAML file")


def _text_of(name: str) -> str:
    return (resources.files(_FOLDER) / f"{name}.yaml").read_text(encoding="utf-8")


def _mapping(values: Any, where: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise InputError(f"{where} must hold keys and values, got {type(values).__name__}")
    return values


def _pair(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise InputError(f"a setting must read key=value, got {text!r}")
    try:
        return key.strip(), parse_yaml(value, f"the setting {key.strip()}")
    except InputError:  # a text such as "a: b: c"
        return key.strip(), value


def _put_all(values: dict[str, Any], settings: Mapping[str, Any] | Sequence[str]) -> dict[str, Any]:
    """Set dotted keys, of a mapping or of texts "key=value", in plain recipe values."""
    for key, value in settings.items() if isinstance(settings, Mapping) else map(_pair, settings):
        _put(values, key, value)
    return values


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key of plain recipe values."""
    first, _, rest = key.partition(".")
    if not rest:
        _require_known(first, _names(Recipe), "")
        if first in (*_NESTED, *_OPEN) and not isinstance(value, Mapping):
            raise InputError(f"{first} has settings of its own; write {first}.KEY=VALUE")
        if first in (*_NESTED, *_OPEN):
            values[first] = {**_inner(values, first), **value}
        else:
            values[first] = value
        return
    if first not in (*_NESTED, *_OPEN):
        _require_known(first, _names(Recipe), "")
        raise InputError(f"{first} has no settings of its own; write {first}=VALUE")
    if first in _NESTED:
        _require_known(rest, _names(_NESTED[first]), f"{first}.")
    values[first] = {**_inner(values, first), rest: value}


def _inner(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The settings under a key that has settings of its own.

    Raises:
        InputError: something else is there.
    """
    given = values.get(name) or {}
    if not isinstance(given, Mapping):
        raise InputError(f"{name} must be a mapping of settings, got {given!r}")
    return given


def _require_known(key: str, known: Sequence[str], prefix: str) -> None:
    if key not in known:
        near = did_you_mean(key, known)
        raise InputError(f"a recipe has no key {prefix + key!r}{near} Known keys: {', '.join(prefix + name for name in known)}")


def _names(kind: type) -> list[str]:
    return [one.name for one in dataclasses.fields(kind)]


def differences(first: Recipe, second: Recipe) -> list[str]:
    """Keys, dotted, in which two recipes differ; titles and costs do not count."""
    return sorted(_differences(first.to_dict(), second.to_dict(), ""))


_OWN_BUSINESS = frozenset({"seed", "protocol_seed", "strict", "aligner", "pretrained"})
"""Keys that say on what a run is made rather than how."""


def unused_keys(recipe: Recipe) -> frozenset[str]:
    """First parts of keys that the recipe's network ignores: of a label VAE, an aligner, a backbone that it does not have."""
    from aufait.models.registry import model_entry

    entry = model_entry(recipe.model)
    config = entry.config.create("disfa", **{**entry.overrides, **recipe.model_settings}).to_dict()
    unused = set() if config.get("use_vae") else {"label_vae"}
    unused |= set() if entry.network.has_aligner else {"aligner", "aligner_fit"}
    return frozenset(unused | (set() if entry.network.has_backbone else {"pretrained"}))


def changes(recipe: Recipe) -> dict[str, Any]:
    """What was changed in a recipe of the package.

    Returns:
        dotted key -> value where it differs from the package's recipe of the same name; empty for your own recipes. Seeds, the
        file of AUNet's aligner and whether data must be complete do not count, nor does what the network ignores.
    """
    if recipe.name not in list_recipes():
        return {}
    found: dict[str, Any] = {}
    passed_over = _OWN_BUSINESS | unused_keys(recipe)
    values = recipe.to_dict()
    for key in differences(load_recipe(recipe.name), recipe):
        first, _, rest = key.partition(".")
        if first not in passed_over:
            found[key] = values[first].get(rest) if rest else values[first]
    return found


def _differences(first: Mapping[str, Any], second: Mapping[str, Any], prefix: str) -> Iterable[str]:
    for key in {*first, *second} - {"title", "paper", "cost"}:
        one, other = first.get(key), second.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other, f"{prefix}{key}.")
        elif one != other:
            yield f"{prefix}{key}"
