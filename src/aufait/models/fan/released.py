"""FAN as released: AUNet's "2dfan2" (halves its maps by maximum) and the face-alignment package's networks (by average).

Their state dicts have the same names, and so has ours.
"""

from __future__ import annotations

from pathlib import Path

from aufait.errors import InputError
from aufait.models.fan.aligner import FaceAligner, save_aligner
from aufait.models.fan.config import FANConfig
from aufait.models.import_checkpoint.mapping import Rule, convert
from aufait.models.import_checkpoint.reading import read_state_dict
from aufait.models.import_checkpoint.release import Release
from aufait.models.import_checkpoint.report import FileReport, ImportReport, count_parameters

RELEASED_POOLS = {2: "max", 4: "avg"}
"""Stacks -> how the release that is best known for that many halves its maps: AUNet's "2dfan2", the package's 2DFAN-4."""


def read_fan(path: Path, *, pool: str | None = None) -> tuple[FaceAligner, ImportReport]:
    """Fill a face aligner; the number of stacks and of heat maps is read from the file.

    Args:
        path: the released state dict.
        pool: "max" or "avg", which the file does not say; by default "max" for 2 stacks and "avg" for 4.

    Raises:
        MissingModelError, InputError: as ``read_state_dict`` does, or the file holds another network.
    """
    tensors = read_state_dict(path)
    stacks = sum(f"l{stack}.weight" in tensors for stack in range(5))
    heat_maps = tensors.get("l0.weight")
    if heat_maps is None or not 1 <= stacks <= 4 or heat_maps.ndim != 4:
        raise InputError(f"{path} is not a FAN of 1 to 4 stacks: expected the heat map layers l0, l1, ... Check --as and the file")
    chosen = pool or RELEASED_POOLS.get(stacks, "avg")
    aligner = FaceAligner(FANConfig(stacks=stacks, pool=chosen, points=heat_maps.shape[0]))
    shapes = {name: value.shape for name, value in aligner.fan.state_dict().items()}
    rules = [Rule(name, (name,)) for name in shapes]
    weights = convert(rules, tensors, shapes, origin=str(path), expected=f"a FAN of {stacks} stacks")
    aligner.fan.load_state_dict(weights, strict=True)
    notes = () if pool else (f"halves its maps by {'maximum' if chosen == 'max' else 'average'}; --pool says otherwise",)
    parameters = sum(parameter.numel() for parameter in aligner.parameters())
    file = FileReport(path, len(tensors), count_parameters(tensors), f"FAN, {stacks} stacks")
    return aligner.eval(), ImportReport("fan", "fan", (), parameters, (file,), notes)


RELEASES = (Release("fan", ("pool",), read_fan, lambda aligner, path, notes: save_aligner(aligner, path, notes=notes)),)
"""What ``aufait import-checkpoint`` reads for this network."""
