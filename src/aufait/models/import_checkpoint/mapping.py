"""Released tensors -> ours, by declared rules: each source used once, each target filled once, all shapes checked.

A network that was published as many small layers (one per patch or per action unit) is ours with one grouped layer; a rule
therefore names one target and the sources that are joined into it, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from aufait.errors import InputError

Join = Literal["concatenate", "stack"]

COUNTER = "num_batches_tracked"
"""Last word of the names of BatchNorm's counters; older files do not have them, and evaluation does not use them."""

_SHOWN = 4  # names per kind of fault in a message


@dataclass(frozen=True)
class Rule:
    """One tensor of ours and where it comes from.

    Attributes:
        target: its name in our state dict.
        sources: names in the released file; several are joined in this order.
        join: "concatenate" along the first axis (grouped convolutions, BatchNorm), or "stack" on a new first axis.
    """

    target: str
    sources: tuple[str, ...]
    join: Join = "concatenate"

    @property
    def is_counter(self) -> bool:
        """Whether this is a BatchNorm's counter, which may be missing from a file."""
        return self.target.endswith(COUNTER)


def layer(target: str, *sources: str, bias: bool = True, join: Join = "concatenate") -> list[Rule]:
    """Rules of a convolution or fully connected layer."""
    names = ("weight", "bias") if bias else ("weight",)
    return [Rule(f"{target}.{name}", tuple(f"{source}.{name}" for source in sources), join) for name in names]


def batch_norm(target: str, *sources: str) -> list[Rule]:
    """Rules of a BatchNorm with its running statistics and counter."""
    names = ("weight", "bias", "running_mean", "running_var", COUNTER)
    return [Rule(f"{target}.{name}", tuple(f"{source}.{name}" for source in sources)) for name in names]


def convert(
    rules: Sequence[Rule], tensors: Mapping[str, Tensor], shapes: Mapping[str, torch.Size], *, origin: str, expected: str
) -> dict[str, Tensor]:
    """Tensors of ours from those of one file.

    Args:
        rules: for every target in ``shapes`` and every source that the file may hold.
        tensors: what the file holds.
        shapes: of our tensors.
        origin: the file, for messages.
        expected: what it should hold, for messages ("the JAA-Net v2 region_learning part").

    Raises:
        InputError: tensors are missing, left over, of another shape or type, or not finite.
    """
    _check_names(rules, tensors, origin, expected)
    converted = {}
    for rule in rules:
        if rule.is_counter:
            counts = [tensors[name] for name in rule.sources if name in tensors]
            converted[rule.target] = _counter(counts, f"{rule.sources[0]} in {origin}")
            continue
        parts = [tensors[name] for name in rule.sources]
        _check_parts(rule, parts, shapes[rule.target], origin, expected)
        floats = [part.float() for part in parts]
        joined = torch.stack(floats) if rule.join == "stack" else torch.cat(floats)
        if not bool(joined.isfinite().all()):
            raise InputError(f"{origin}: {', '.join(rule.sources[:_SHOWN])} holds NaN or infinite weights; get the file again")
        converted[rule.target] = joined
    return converted


def by_position(
    rules: Sequence[Rule], tensors: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]
) -> dict[str, Tensor] | None:
    """The file's tensors under the names of the rules' sources, entry by entry, as programs do that load by position.

    ``None`` where the number of entries or the shape of one does not fit, which means that the order is not the released one.
    Each rule must have one source, and the rules must be in the released order.
    """
    for wanted in (rules, [rule for rule in rules if not rule.is_counter]):
        fits = len(wanted) == len(tensors) and all(
            tensor.shape == shapes[rule.target] for rule, tensor in zip(wanted, tensors.values(), strict=True)
        )
        if fits:
            return {rule.sources[0]: tensor for rule, tensor in zip(wanted, tensors.values(), strict=True)}
    return None


def some(names: Iterable[str]) -> str:
    """The first few names and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def _check_names(rules: Sequence[Rule], tensors: Mapping[str, Tensor], origin: str, expected: str) -> None:
    known = {name for rule in rules for name in rule.sources}
    missing = [name for rule in rules if not rule.is_counter for name in rule.sources if name not in tensors]
    unexpected = [name for name in tensors if name not in known]
    if missing or unexpected:
        faults = [f"missing: {some(missing)}"] if missing else []
        faults += [f"not part of it: {some(unexpected)}"] if unexpected else []
        raise InputError(f"{origin} is not {expected}; {'; '.join(faults)}. Check --as and the file")


def _check_parts(rule: Rule, parts: Sequence[Tensor], shape: torch.Size, origin: str, expected: str) -> None:
    part_shape = tuple(shape[1:]) if rule.join == "stack" else (shape[0] // len(parts), *shape[1:])
    for name, part in zip(rule.sources, parts, strict=True):
        if tuple(part.shape) != part_shape:
            raise InputError(f"{origin} is not {expected}: {name} has shape {tuple(part.shape)}, expected {part_shape}")
        if not part.is_floating_point():
            raise InputError(f"{origin}: {name} has type {part.dtype}, expected floating point weights")


def _counter(counts: Sequence[Tensor], name: str) -> Tensor:
    """The largest of the joined layers' counters (they run together), or 0 where the file has none."""
    if any(count.numel() != 1 or count.is_floating_point() for count in counts):
        raise InputError(f"{name} is not a count of batches; get the file again")
    return torch.tensor(max((int(count) for count in counts), default=0))
