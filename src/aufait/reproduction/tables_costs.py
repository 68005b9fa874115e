"""Makers of tables of what networks cost: size, arithmetic and time, with the printed claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from aufait.action_units import AU_SETS
from aufait.bench.networks import time_in_turns
from aufait.evaluation.reports.published import published_costs
from aufait.evaluation.reports.tables import Column, Row, Table
from aufait.machine import describe_machine
from aufait.models.profile import profile_model
from aufait.models.registry import create_model
from aufait.models.system import AUSystem
from aufait.reproduction.laboratory import Laboratory
from aufait.reproduction.outputs import Made
from aufait.reproduction.registry import PUBLISHED_NAMES, Item

_MILLION, _BILLION = 1e6, 1e9
_REPEATS, _QUICK_REPEATS = 20, 3


def costs(laboratory: Laboratory, item: Item) -> Made:
    """Parameters and multiply-accumulates of one prediction, ours above the printed ones (AUNet section V-F)."""
    printed = _printed(item)
    rows = []
    for label, name, part in item.options["networks"]:
        parameters, macs = _cost(create_model(name, "bp4d"), part)
        rows.append(Row(f"{label} (ours)", (parameters / _MILLION, macs / _BILLION), strong=True))
        rows.append(_printed_row(label, printed.pop(label)))
    rows += [_printed_row(label, one) for label, one in printed.items()]
    columns = (Column("parameters, M", "number2"), Column("multiply-accumulates, G", "number2"))
    notes = (
        "Ours: counted on networks for 12 AUs at full size, convolutions and matrix products of one prediction; of networks with a "
        "frozen part that of one frame, and the trained part as the prediction uses it.",
    )
    return Made(tables=(Table("costs", item.title, "network", columns, tuple(rows), notes),))


def _cost(model: AUSystem, part: str) -> tuple[int, int]:
    """Parameters and MACs of "all" of a network, of its "frozen" alignment network on one frame, or of its "trained" rest."""
    whole = profile_model(model)
    if part == "all":
        return whole.parameters, whole.macs
    frame = torch.zeros(1, 3, model.config.image_size, model.config.image_size)
    frozen = profile_model(model.get_submodule("extractor"), inputs={"images": frame})
    if part == "frozen":
        return frozen.parameters, frozen.macs
    return whole.trainable, whole.macs - model.frames * frozen.macs


def _printed_row(label: str, one: Mapping[str, Any]) -> Row:
    return Row(f"{label} (printed)", (one["params_M"], one["GFLOPs_as_printed"]))


def pass_times(laboratory: Laboratory, item: Item) -> Made:
    """Milliseconds of a forward pass of one image, both networks in turns (MGRR-Net section IV-A)."""
    (first, second) = item.options["networks"]
    repeats = _QUICK_REPEATS if laboratory.quick else _REPEATS
    passes = [_forward_pass(name, laboratory.device) for _, name in (first, second)]
    timings = time_in_turns(passes[0], passes[1], repeats)
    printed = _printed(item)
    rows = []
    for (label, _), timing in zip((first, second), timings, strict=True):
        rows.append(Row(f"{label} (ours)", (timing.milliseconds(), laboratory.device), strong=True))
        rows.append(Row(f"{label} (printed)", (f"{printed[label]['ms_per_image']:g}", printed[label]["hardware"])))
    ratio, claimed = timings[1].median / timings[0].median, printed[second[0]]["ms_per_image"] / printed[first[0]]["ms_per_image"]
    rows.append(Row(f"{second[0]} / {first[0]} (ours)", (f"{ratio:.2f}", ""), strong=True))
    rows.append(Row(f"{second[0]} / {first[0]} (printed)", (f"{claimed:.2f}", "")))
    columns = (Column("ms per image"), Column("on"))
    notes = (
        "Ours: median and, in brackets, smallest and largest of forward passes of one face, the two networks turn by turn, random "
        "weights, for 12 AUs at full size.",
    )
    table = Table("times", item.title, "network", columns, tuple(rows), notes)
    return Made(tables=(table,), facts={"Machine": describe_machine()})


def _forward_pass(name: str, device: str) -> Any:
    model = create_model(name, AU_SETS["bp4d"]).eval().to(device)
    model.check_values = False
    inputs = {key: value.to(device) for key, value in model.example_inputs(1).items()}

    def run() -> None:
        with torch.inference_mode():
            model(**inputs)
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    return run


def _printed(item: Item) -> dict[str, Mapping[str, Any]]:
    paper = PUBLISHED_NAMES[item.paper]
    return {one["model"]: one for one in published_costs() if one["paper"] == paper and one["section"] == item.number}
