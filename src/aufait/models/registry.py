"""Names of the networks, and how to make them: ``create_model``, ``create_criterion``, ``list_models``."""

from __future__ import annotations

import fnmatch
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aufait.errors import InputError
from aufait.losses.statistics import LabelStatistics
from aufait.models.configuration import ModelConfig
from aufait.models.contract import check_network
from aufait.models.criterion import Criterion
from aufait.models.system import AUSystem
from aufait.plugins import Plugins, find_plugins, origin_of, refuse_taken
from aufait.settings import did_you_mean

_ENTRIES: dict[str, ModelEntry] = {}


@dataclass(frozen=True)
class ModelEntry:
    """One name of the registry.

    Attributes:
        name: what ``create_model`` is called with; lower case, words joined by hyphens.
        network: class of the network, made from a config alone.
        config: class of its settings.
        criterion: class of its loss.
        summary: one line for lists.
        paper: short reference, with the table row where the name is an ablation.
        overrides: settings in which this name differs from the defaults of the config.
    """

    name: str
    network: type[AUSystem]
    config: type[ModelConfig]
    criterion: type[Criterion]
    summary: str
    paper: str
    overrides: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def origin(self) -> str:
        """Package and version that the network comes from."""
        return origin_of(self.network.__module__)


def register_model(entry: ModelEntry) -> None:
    """Add a name, for this process; system packages call it when they are imported. Installed packages name an entry point instead.

    Raises:
        InputError: the name is taken, or the entry is not what it should be.
    """
    wrong = _wrong_with(entry.name if isinstance(entry, ModelEntry) else "", entry)
    if wrong:
        raise InputError(wrong)
    refuse_taken("network", entry.name, _ENTRIES)
    _ENTRIES[entry.name] = entry


def list_models(pattern: str = "*") -> list[str]:
    """Names that match a shell pattern, in alphabetical order.

    >>> list_models("*arl")
    ['arl', 'iarl', 'parl']
    """
    return sorted(fnmatch.filter(_entries(), pattern.lower()))


def model_entry(name: str) -> ModelEntry:
    """What the registry knows about a name.

    Raises:
        InputError: unknown name; the message gives the nearest ones.
    """
    entries = _entries()
    if name.lower() not in entries:
        _plugins().refuse_broken(name.lower())
        known = ", ".join(sorted(entries))
        hint = did_you_mean(name, entries)
        raise InputError(f"unknown model {name!r}{hint} Known models: {known}")
    return entries[name.lower()]


def create_model(name: str, au_set: str | Sequence[int] = "bp4d", **overrides: Any) -> AUSystem:
    """Make a network with fresh weights.

    Args:
        name: one of ``list_models()``, such as "arl", "mgrr-net" or an ablation like "wc-net".
        au_set: a named set of action units ("bp4d", "disfa", "disfa_intensity", "fera2015", "fera2017", "affwild2",
            "mixed", ...) or FACS numbers in the order of the outputs.
        overrides: settings that differ from the paper's; the system's config class lists and explains them.

    Returns:
        The network, in training mode, on the CPU.

    Raises:
        InputError: unknown name, AU set or setting (with the nearest known ones), or a value out of range.

    Example:
        >>> import aufait
        >>> model = aufait.create_model("arl", au_set="disfa")
        >>> model.action_units
        (1, 2, 4, 6, 9, 12, 25, 26)
    """
    entry = model_entry(name)
    model = entry.network(entry.config.create(au_set, **{**entry.overrides, **overrides}))
    check_network(model, run=False)
    return model


def create_criterion(model: AUSystem, statistics: LabelStatistics | None = None, **arguments: Any) -> Criterion:
    """Make the loss that goes with a network.

    Args:
        model: a network of ``create_model``.
        statistics: of the training labels, for weights and relations; see ``LabelStatistics.from_labels``.
        arguments: what a system's criterion takes in addition, such as AUNet's pre-trained label VAE.
    """
    for entry in _entries().values():
        if type(model) is entry.network and type(model.config) is entry.config:
            return entry.criterion(model.config, statistics, **arguments)
    raise InputError(f"no criterion is registered for {type(model).__name__}")


def _entries() -> dict[str, ModelEntry]:
    return {**_plugins().objects, **_ENTRIES}


@lru_cache(maxsize=1)
def _plugins() -> Plugins:
    """Networks of other packages; our own are imported first, since their names are reserved."""
    for name in system_packages():
        importlib.import_module(name)
    return find_plugins("aufait.networks", _ENTRIES, _wrong_with)


def _wrong_with(name: str, entry: Any) -> str:
    """What is wrong with an entry, "" for nothing."""
    if not isinstance(entry, ModelEntry):
        return f"a network is described by a ModelEntry, got a {type(entry).__name__}"
    if entry.name != name or name != name.lower():
        return f"ModelEntry.name must be the name it is registered under, in lower case: {name.lower()!r}, got {entry.name!r}"
    for field_name, base in (("network", AUSystem), ("config", ModelConfig), ("criterion", Criterion)):
        kind = getattr(entry, field_name)
        if not (isinstance(kind, type) and issubclass(kind, base)):
            return f"ModelEntry.{field_name} must be a class that derives from {base.__name__}, got {kind!r}"
    if not entry.config.SYSTEM:
        return f"{entry.config.__name__}.SYSTEM must name the system; it is empty"
    return ""


@lru_cache(maxsize=1)
def system_packages() -> tuple[str, ...]:
    """The packages next to this module: one per system, registering its names where it is imported."""
    folders = pkgutil.iter_modules([str(Path(__file__).parent)], "aufait.models.")
    return tuple(one.name for one in folders if one.ispkg)
