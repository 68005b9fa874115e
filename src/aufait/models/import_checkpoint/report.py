"""What an import did, for people and programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class FileReport:
    """One file that was read.

    Attributes:
        path: the file.
        tensors: how many it holds; all of them were used.
        parameters: numbers in its weights; running statistics and counters are not among them.
        part: what of the network it became.
        matched: "by name" or "by position".
        notes: remarks, such as names that differ.
    """

    path: Path
    tensors: int
    parameters: int
    part: str
    matched: str = "by name"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImportReport:
    """A whole import.

    Attributes:
        system: the release that was requested ("aunet", "jaanet-v2", ...).
        model: registry name of the network; "fan" for the face alignment network.
        action_units: in output order; empty for FAN.
        parameters: of the network that was filled.
        files: those that were read.
        notes: remarks about the whole.
        output: the safetensors file that was written; ``None`` while nothing is.
    """

    system: str
    model: str
    action_units: tuple[int, ...]
    parameters: int
    files: tuple[FileReport, ...]
    notes: tuple[str, ...] = ()
    output: Path | None = field(default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; files by their names alone, since folders differ between machines."""
        values = asdict(self)
        values["output"] = None if self.output is None else self.output.name
        for file in values["files"]:
            file["path"] = file["path"].name
        return values


def count_parameters(tensors: Mapping[str, Tensor]) -> int:
    """Numbers in the weights of a state dict, without BatchNorm's statistics and counters."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(value.numel() for name, value in tensors.items() if not name.endswith(statistics))
