"""What a training run is made of: everything that follows from recipe, data and fold before any weight is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from aufait.data.anomalies import AnomalyLog
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
from aufait.errors import InputError
from aufait.extras import require
from aufait.inputs.alignments import alignment_of
from aufait.losses.statistics import LabelStatistics
from aufait.training.batches import FaceTable
from aufait.training.recipe import Recipe, load_recipe
from aufait.training.run_folder import (
    FIT,
    FORMAT,
    RANDOM,
    RENDERED,
)

if TYPE_CHECKING:
    from aufait.training.rendering import Rendering

Caches = FaceCache | Mapping[str, FaceCache]


@dataclass(frozen=True, eq=False)
class Plan:
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
    rendering: Rendering | None = None
    """Where the training faces come from that are in no cache; ``kept`` is empty and ``table`` a sample then."""

    first: Plan | None = None
    """What is trained before, and gives the weights that this run starts from; None if they are untrained or given."""

    @classmethod
    def make(cls, recipe: Recipe, sources: Mapping[str, FaceCache], fold: int | str, protocol: Protocol | None) -> Plan:
        _require_aligner(recipe)
        protocol = protocol or find_protocol(recipe.protocol, sources, recipe.protocol_seed)
        alignment = recipe.alignment or alignment_of(recipe.model)
        rendering = _rendering(recipe, protocol, alignment) if recipe.rendered else None
        split = _unread(protocol, fold) if rendering and not sources else _split(recipe, protocol, sources, fold)
        used = {name: sources[name] for name in protocol.datasets if name in sources}
        _require_alignment(recipe, used, alignment)
        kept, held = split.train, None
        if recipe.hold_out:
            if not used:
                raise InputError("hold_out takes persons from prepared faces, and none are given; give --cache, or set hold_out=0")
            kept, held = split.hold_out(recipe.hold_out, recipe.seed)
            refuse_overlap(kept, held)
        if rendering:
            kept = replace(kept, recordings=())
            table = rendering.table()
        else:
            table = FaceTable.of(kept, used, protocol.target).drawn(recipe.draw_positives, recipe.draw_negatives, recipe.seed)
        held_table = None if held is None else FaceTable.of(held, used, protocol.target).thinned(recipe.max_held_out)
        first = _starting_plan(recipe, split, sources)
        return cls(recipe, protocol, split, used, kept, held, table, held_table, alignment, rendering, first)

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
            "format": FORMAT,
            "recipe": self.recipe.name,
            "model": self.recipe.model,
            "protocol": self.protocol.name,
            "fold": self.split.fold,
            "seed": self.recipe.seed,
            "action_units": list(self.protocol.action_units),
            "target": self.protocol.target,
            "synthetic": any(cache.synthetic for cache in self.caches.values()) or not self.caches,
            "data": ({RENDERED: self.rendering.facts()} if self.rendering else {})
            | {
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
            "faces": {
                "train": self.rendering.faces if self.rendering else len(self.table),
                "held_out": 0 if self.held_table is None else len(self.held_table),
            },
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


def _rendering(recipe: Recipe, protocol: Protocol, alignment: str) -> Rendering:
    require("rendered faces", "synth", "numba", "scipy", "cv2")
    from aufait.training.rendering import Rendering

    return Rendering.of(recipe, protocol, alignment)


def _split(recipe: Recipe, protocol: Protocol, sources: Mapping[str, FaceCache], fold: int | str) -> Split:
    strict = needs_all_subjects(recipe.strict, sources)
    return protocol.split({name: cache.dataset() for name, cache in sources.items()}, fold, strict=strict)


def _unread(protocol: Protocol, fold: int | str) -> Split:
    """A fold of which no data are given."""
    nobody = AUDataset(RENDERED, protocol.action_units, (), AnomalyLog())
    return Split(protocol, protocol.fold(fold).number, nobody, nobody)


def _require_alignment(recipe: Recipe, caches: Mapping[str, FaceCache], alignment: str) -> None:
    for name, cache in caches.items():
        if cache.alignment != alignment:
            raise InputError(
                f"{recipe.model} reads faces of alignment {alignment!r}, the cache of {name} has {cache.alignment!r}; prepare "
                f"it with --alignment {alignment}, or set alignment={cache.alignment} to train on these faces anyway"
            )


def needs_all_subjects(wanted: bool, caches: Mapping[str, FaceCache]) -> bool:
    """Whether every subject of the protocol must be in the data, as ``wanted``: a twin is never the whole data set, and its results
    are marked as synthetic in any case."""
    return wanted and not any(cache.synthetic for cache in caches.values())


def _require_aligner(recipe: Recipe) -> None:
    """Refuse to train on a frozen network of random weights unless the user chose it.

    Raises:
        InputError: the network has a frozen face alignment network, and nothing says where its weights come from.
    """
    from aufait.models.registry import model_entry

    if model_entry(recipe.model).network.has_aligner and not (recipe.aligner or recipe.start_file):
        raise InputError(
            f"{recipe.model} uses a frozen face alignment network, which would have random weights; give trained ones as "
            f"aligner=FILE (aufait import-checkpoint FILE --as fan), train them first with aligner={FIT}, or say aligner={RANDOM} "
            "to continue without them"
        )


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


def _starting_plan(recipe: Recipe, split: Split, sources: Mapping[str, FaceCache]) -> Plan | None:
    """What is trained before, on which data.

    Raises:
        InputError: its data are not given, or it would learn from persons that are tested here.
    """
    if recipe.start_file or not recipe.start_from:
        return None
    first = starting_recipe(recipe)
    earlier = get_protocol(first.protocol, seed=first.protocol_seed)
    missing = [name for name in earlier.datasets if name not in sources]
    if missing:
        raise InputError(
            f"{recipe.name} starts from a network of {recipe.start_from}; give its faces as --cache {missing[0]}=FOLDER, a trained "
            "network as --set start_file=MODEL.safetensors, or start untrained with --set start_from=none"
        )
    fold = recipe.start_fold or (split.fold if len(earlier.folds) > 1 else 1)
    before = Plan.make(first, sources, fold, None)
    refuse_overlap(before.split.train, split.test)
    return before


def starting_recipe(recipe: Recipe) -> Recipe:
    """The recipe by which the network is trained that a recipe starts from: same network, seed and limits."""
    if recipe.start_from is None:
        raise InputError(f"{recipe.name} starts from untrained weights")
    first = load_recipe(recipe.start_from)
    shared = (
        "model", "alignment", "strict", "precision", "hold_out", "max_faces", "max_held_out", "aligner", "aligner_fit", "label_vae",
        "seed",
    )  # fmt: skip
    same = {name: getattr(recipe, name) for name in shared}
    settings = {**first.model_settings, **recipe.model_settings}
    return replace(first, **same, model_settings=settings).changed(dict(recipe.start_settings))
