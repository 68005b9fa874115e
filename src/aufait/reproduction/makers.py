"""Name of a maker, as items give it -> the function. Loaded when an item is made, not when items are listed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from aufait.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aufait.reproduction.laboratory import Laboratory
    from aufait.reproduction.outputs import Made
    from aufait.reproduction.registry import Item

MAKERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "tables": ("score_table", "occurrence_rates", "skews", "structures", "landmark_errors", "relation_differences",
                   "temporal_models", "paired_tests", "settings_table"),
        "tables_costs": ("costs", "pass_times"),
        "figures_attention": ("attention_comparison", "strongest_channel_maps", "refinement", "attention_of_two", "attention_rows",
                              "attention_by_intensity", "occlusions", "poses"),
        "figures_relations": ("patch_significance", "relation_matrices", "metrics_by_pose", "deviation_over_poses",
                              "activation_maps", "predefined_and_learned", "relation_graph"),
        "figures_features": ("feature_maps", "failures", "difference_features", "prediction_timeline"),
    }
)  # fmt: skip
"""Module of this package -> its makers."""


def get_maker(name: str) -> Callable[[Laboratory, Item], Made]:
    """The function of a maker.

    Raises:
        InputError: there is none of that name.
    """
    for module, names in MAKERS.items():
        if name in names:
            function: Callable[[Laboratory, Item], Made] = getattr(import_module(f"aufait.reproduction.{module}"), name)
            return function
    raise InputError(f"unknown maker {name!r}; known: {', '.join(one for names in MAKERS.values() for one in names)}")
