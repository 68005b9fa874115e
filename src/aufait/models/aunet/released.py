"""AUNet and AU-FAN: a file with the head alone (``bp4d_split1.pth``, ``disfa_split1.pth``, ``cross_model.pth``) and one with FAN.

The released program loads heads by position: the k-th entry of the file becomes the k-th of the head, whatever its name. So
does this module; it goes by name only where an entry's shape says that the order is another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from aufait.errors import InputError
from aufait.models.aunet.label_vae import save_label_vae
from aufait.models.aunet.model import AUNet
from aufait.models.aunet.released_label_vae import read_label_vae
from aufait.models.fan.released import read_fan
from aufait.models.import_checkpoint.action_units import choose_action_units
from aufait.models.import_checkpoint.mapping import Rule, by_position, convert, some
from aufait.models.import_checkpoint.reading import read_state_dict
from aufait.models.import_checkpoint.release import Release
from aufait.models.import_checkpoint.report import FileReport, ImportReport, count_parameters
from aufait.models.registry import create_model
from aufait.models.system import AUSystem

RELEASED = {12: "bp4d", 8: "disfa", 15: "mixed"}
"""Numbers of AUs of the released heads."""

MODELS = {"aunet": "aunet", "aufan": "au-fan"}
"""What ``--as`` says -> registry name."""

_OUTPUT_WIDTH = 128  # inputs of the last layer, by which it is found among the entries


def read_aunet(
    path: Path,
    system: str,
    *,
    fan: Path | None = None,
    pool: str | None = None,
    au_set: str | Sequence[int] | None = None,
) -> tuple[AUSystem, ImportReport]:
    """Fill an AUNet or AU-FAN with the weights of a head and of a FAN.

    Args:
        path: the head.
        system: "aunet" (three frames) or "aufan" (one).
        fan: the FAN of 2 stacks that the head was trained on ("2dfan2"); the head's file does not hold it.
        pool: how that FAN halves its maps; by default "max", as AUNet's program does.
        au_set: what the outputs are; by default inferred from their number.

    Raises:
        InputError: no ``fan``, another network in one of the files, damaged files, another number of AUs.
        MissingModelError: a file is absent.
    """
    if fan is None:
        raise InputError(f"{path} holds a head alone; give the FAN it was trained on too, with --fan (2dfan2.pth)")
    tensors = read_state_dict(path)
    action_units = choose_action_units(_count_action_units(tensors, path, system), au_set, RELEASED, str(path))
    aligner, fan_report = read_fan(fan, pool=pool)
    if aligner.config.stacks != 2:
        raise InputError(f"{fan} is a FAN of {aligner.config.stacks} stacks; AUNet's has 2 (2dfan2.pth)")
    model = create_model(MODELS[system], au_set=action_units, fan_pool=aligner.config.pool)
    assert isinstance(model, AUNet)
    head_report = fill_head(model.head, tensors, path, system)
    model.use_aligner(aligner)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    report = ImportReport(
        system, MODELS[system], action_units, parameters, (head_report, *fan_report.files), fan_report.notes
    )
    return model.eval(), report


def head_rules(head: nn.Module) -> list[Rule]:
    """One rule per entry of the head's state dict, in its order, which is the released one."""
    released: Mapping[str, str] = head.RELEASED_NAMES  # type: ignore[assignment]
    rules = []
    for target in head.state_dict():
        module, _, rest = target.partition(".")
        rules.append(Rule(target, (f"{released[module]}.{rest}",)))
    return rules


def fill_head(head: nn.Module, tensors: Mapping[str, Tensor], path: Path, system: str) -> FileReport:
    """Load the head's weights, by position where all shapes fit, else by name.

    Raises:
        InputError: neither fits.
    """
    rules = head_rules(head)
    shapes = {name: value.shape for name, value in head.state_dict().items()}
    expected = f"a head of {'AUNet (three frames)' if system == 'aunet' else 'AU-FAN (one frame)'}"
    ordered = by_position(rules, tensors, shapes)
    matched = "by name" if ordered is None else "by position"
    used = dict(tensors) if ordered is None else ordered
    head.load_state_dict(convert(rules, used, shapes, origin=str(path), expected=expected), strict=True)
    renamed = [theirs for theirs, ours in zip(tensors, used, strict=True) if theirs != ours]
    notes = (f"{len(renamed)} names are not the released program's: {some(renamed)}",) if renamed else ()
    return FileReport(path, len(tensors), count_parameters(used), "head", matched, notes)


def _count_action_units(tensors: Mapping[str, Tensor], path: Path, system: str) -> int:
    """Rows of the last layer: the last matrix with ``_OUTPUT_WIDTH`` columns, whatever its name."""
    last = [value for value in tensors.values() if value.ndim == 2 and value.shape[1] == _OUTPUT_WIDTH]
    if len(last) != 1:
        raise InputError(f"{path} is not a head of AUNet: expected one layer of {_OUTPUT_WIDTH} inputs. Check --as and the file")
    return last[0].shape[0]


RELEASES = (
    *(Release(name, ("fan", "au_set", "pool"), partial(read_aunet, system=name)) for name in MODELS),
    Release("vae", ("au_set",), read_label_vae, lambda vae, path, notes: save_label_vae(vae, path, notes=notes)),
)
"""What ``aufait import-checkpoint`` reads for this system."""
