"""JAA-Net as its authors released it: a folder with six state dicts per epoch, one layer per patch and per action unit.

Layer indices below are those of the released ``nn.Sequential`` containers, where ReLU and pooling take an index too; ours have
the same order, so that most indices carry over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from torch import Tensor

from aufait.errors import InputError, MissingModelError
from aufait.layers.region_stage import GRIDS
from aufait.models.import_checkpoint.action_units import choose_action_units
from aufait.models.import_checkpoint.mapping import Rule, batch_norm, convert, layer
from aufait.models.import_checkpoint.reading import read_state_dict
from aufait.models.import_checkpoint.release import Release
from aufait.models.import_checkpoint.report import FileReport, ImportReport, count_parameters
from aufait.models.registry import create_model
from aufait.models.system import AUSystem

PARTS = ("region_learning", "align_net", "local_attention_refine", "local_au_net", "global_au_feat", "au_net")
"""Files of one epoch: ``region_learning_5.pth`` and so on."""

RELEASED = {12: "bp4d", 8: "disfa", 10: "gft"}
"""Numbers of AUs that the authors trained for."""

_EXTRACTOR_CONVOLUTIONS = (0, 3, 7, 10, 14, 17)
_REFINEMENT_CONVOLUTIONS = (0, 3, 6)
_RELEASED_STAGES = (0, 2)  # the container has a pooling between the two


def read_jaa_net(
    folder: Path, version: int, *, au_set: str | Sequence[int] | None = None, epoch: int | None = None
) -> tuple[AUSystem, ImportReport]:
    """Fill a JAA-Net with the weights of one epoch.

    Args:
        folder: holds the six files.
        version: 1 or 2; the files must be of that version.
        au_set: what the outputs are; by default inferred from their number.
        epoch: number in the file names; may be left out where the folder holds one epoch.

    Raises:
        MissingModelError: no folder, or files of the epoch are missing.
        InputError: several epochs and none chosen, files of another version, damaged files, another number of AUs.
    """
    files = _files_of_epoch(folder, epoch)
    tensors = {part: read_state_dict(path) for part, path in files.items()}
    count = _count_action_units(tensors["au_net"], files["au_net"])
    action_units = choose_action_units(count, au_set, RELEASED, str(files["au_net"]))
    name = f"jaa-net-v{version}"
    model = create_model(name, au_set=action_units)
    weights, reports = _convert_parts(model, tensors, files, version)
    model.load_state_dict(weights, strict=True)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return model.eval(), ImportReport(f"jaanet-v{version}", name, action_units, parameters, tuple(reports))


def rules(part: str, action_units: int, version: int) -> list[Rule]:
    """How the tensors of one released file become ours.

    Args:
        part: one of ``PARTS``.
        action_units: how many there are.
        version: 1 or 2.
    """
    if part == "region_learning":
        return [rule for stage in range(2) for rule in _region_stage(stage)]
    if part == "align_net":
        head = layer("face_alignment.hidden", "align_output.0") + layer("face_alignment.output", "align_output.1")
        return _extractor("face_alignment.extractor", ["align_feat"]) + head
    if part == "local_attention_refine":
        return _refinement("adaptive_attention.refinement", [f"local_aus_attention.{unit}" for unit in range(action_units)])
    if part == "local_au_net":
        return _local_detection(action_units, version)
    if part == "global_au_feat":
        return _extractor("global_extractor", [""])
    return layer("detection.hidden", "au_output.0") + layer("detection.output", "au_output.1")


def _region_stage(stage: int) -> list[Rule]:
    source, target = f"multiscale_feat.{_RELEASED_STAGES[stage]}", f"region_learning.stages.{stage}"
    found = layer(f"{target}.conv", f"{source}.conv") + batch_norm(f"{target}.norm", f"{source}.bn")
    for branch, grid in enumerate(GRIDS):
        theirs, ours = f"{source}.local_conv_branch{branch + 1}", f"{target}.branches.{branch}"
        patches = range(grid * grid)  # row by row in both
        found += batch_norm(f"{ours}.norm", *(f"{theirs}.bns.{patch}" for patch in patches))
        found += layer(f"{ours}.conv", *(f"{theirs}.convs.{patch}" for patch in patches))
    return found


def _extractor(target: str, sources: Sequence[str]) -> list[Rule]:
    """One extractor, or one per action unit that become the groups of one; a source is the released module's name or ""."""
    found = []
    for index in _EXTRACTOR_CONVOLUTIONS:
        theirs = [f"{source}.feat_extract".removeprefix(".") for source in sources]
        found += layer(f"{target}.layers.{index}", *(f"{name}.{index}" for name in theirs))
        found += batch_norm(f"{target}.layers.{index + 1}", *(f"{name}.{index + 1}" for name in theirs))
    return found


def _refinement(target: str, sources: Sequence[str]) -> list[Rule]:
    found = []
    for index in _REFINEMENT_CONVOLUTIONS:
        found += layer(f"{target}.hidden.{index}", *(f"{source}.{index}" for source in sources))
        found += batch_norm(f"{target}.hidden.{index + 1}", *(f"{source}.{index + 1}" for source in sources))
    return found + layer(f"{target}.output", *(f"{source}.9" for source in sources))


def _local_detection(action_units: int, version: int) -> list[Rule]:
    units = range(action_units)
    found = _extractor("local_detection.extractor", [f"local_aus_branch.{unit}" for unit in units])
    if version == 2:
        for index, name in enumerate(("hidden", "output")):
            sources = [f"local_aus_output.{unit}.{index}" for unit in units]
            found += layer(f"local_detection.{name}", *sources, join="stack")
    return found


def _convert_parts(
    model: AUSystem, tensors: dict[str, dict[str, Tensor]], files: dict[str, Path], version: int
) -> tuple[dict[str, Tensor], list[FileReport]]:
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    weights: dict[str, Tensor] = {}
    reports = []
    for part, path in files.items():
        mapped = rules(part, len(model.action_units), version)
        _check_version(tensors[part], part, path, version)
        expected = f"the {part} part of JAA-Net v{version} with {len(model.action_units)} AUs"
        weights |= convert(mapped, tensors[part], shapes, origin=str(path), expected=expected)
        own = {rule.target.rpartition(".")[0].partition(".")[0] for rule in mapped}
        reports.append(FileReport(path, len(tensors[part]), count_parameters(tensors[part]), ", ".join(sorted(own))))
    return weights, reports


def _check_version(tensors: dict[str, Tensor], part: str, path: Path, version: int) -> None:
    """The two versions differ in one file alone; say so rather than list what is missing."""
    if part != "local_au_net":
        return
    found = 2 if any(name.startswith("local_aus_output.") for name in tensors) else 1
    if found != version and any(name.startswith("local_aus_branch.") for name in tensors):
        raise InputError(f"{path} is from JAA-Net v{found}, not v{version}; import it with --as jaanet-v{found}")


def _files_of_epoch(folder: Path, epoch: int | None) -> dict[str, Path]:
    expected = ", ".join(f"{part}_E.pth" for part in PARTS)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        kind: type[MissingModelError] | type[InputError] = InputError if folder.exists() else MissingModelError
        raise kind(f"{folder} {what}; expected a folder with the files of an epoch E: {expected}")
    epochs = sorted({int(found[1]) for path in folder.iterdir() if (found := re.fullmatch(_FILE_NAME, path.name))})
    if not epochs:
        raise MissingModelError(f"{folder} holds no epoch of JAA-Net; expected files {expected}")
    if epoch is None and len(epochs) > 1:
        raise InputError(f"{folder} holds the epochs {', '.join(map(str, epochs))}; choose one with --epoch")
    chosen = epochs[0] if epoch is None else epoch
    if chosen not in epochs:
        raise MissingModelError(f"{folder} holds no epoch {chosen}; it has {', '.join(map(str, epochs))}")
    files = {part: folder / f"{part}_{chosen}.pth" for part in PARTS}
    missing = [path.name for path in files.values() if not path.is_file()]
    if missing:
        raise MissingModelError(f"{folder} lacks {', '.join(missing)} of epoch {chosen}; an epoch is {expected}")
    return files


_FILE_NAME = rf"(?:{'|'.join(PARTS)})_(\d+)\.pth"


def _count_action_units(tensors: dict[str, Tensor], path: Path) -> int:
    last = tensors.get("au_output.1.weight")
    if last is None or last.ndim != 2 or last.shape[0] % 2:
        raise InputError(f"{path} is not the au_net part of JAA-Net: expected au_output.1.weight with two rows per AU")
    return last.shape[0] // 2


RELEASES = tuple(
    Release(f"jaanet-v{version}", ("au_set", "epoch"), partial(read_jaa_net, version=version)) for version in (1, 2)
)
"""What ``aufait import-checkpoint`` reads for this system."""
