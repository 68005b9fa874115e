"""One call for each release: read the authors' files, fill our network, write it as safetensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from aufait.errors import InputError
from aufait.models.aunet.label_vae import LabelVAE, save_label_vae
from aufait.models.checkpoint import save_model
from aufait.models.configuration import did_you_mean
from aufait.models.fan import FaceAligner, save_aligner
from aufait.models.import_checkpoint.aunet import read_aunet
from aufait.models.import_checkpoint.fan import read_fan
from aufait.models.import_checkpoint.jaa_net import read_jaa_net
from aufait.models.import_checkpoint.label_vae import read_label_vae
from aufait.models.import_checkpoint.report import ImportReport
from aufait.models.system import AUSystem

SYSTEMS = ("aunet", "aufan", "fan", "jaanet-v1", "jaanet-v2", "vae")
"""Releases that can be read."""


def import_checkpoint(
    path: str | Path,
    system: str,
    output: str | Path,
    *,
    fan: str | Path | None = None,
    au_set: str | Sequence[int] | None = None,
    epoch: int | None = None,
    pool: str | None = None,
) -> ImportReport:
    """Read an authors' checkpoint and write it as a file that ``aufait.load_model`` reads.

    "fan" becomes a file for ``load_aligner`` of ``aufait.models.fan``, "vae" one for ``load_label_vae`` of ``aufait.models.aunet``.

    Args:
        path: the released file; for JAA-Net the folder with the six files of an epoch.
        system: one of ``SYSTEMS``.
        output: the file to write, ending in .safetensors; it is whole or absent.
        fan: for "aunet" and "aufan": the FAN that goes with the head.
        au_set: what the outputs are; by default what was released with that many.
        epoch: for JAA-Net, where the folder holds several.
        pool: how a FAN halves its maps, "max" or "avg"; by default as released.

    Raises:
        InputError: unknown system, an argument that does not go with it, or a file that is not what ``system`` says.
        MissingModelError: a file is absent.
        OutputError: the output cannot be written.

    Example:
        >>> from aufait.models.import_checkpoint import import_checkpoint
        >>> report = import_checkpoint("bp4d/", "jaanet-v2", "jaanet.safetensors")  # doctest: +SKIP
        >>> report.action_units  # doctest: +SKIP
        (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
    """
    target = Path(output)
    if target.suffix != ".safetensors":
        raise InputError(f"the output must end in .safetensors, got {target}")
    network, report = read_checkpoint(path, system, fan=fan, au_set=au_set, epoch=epoch, pool=pool)
    notes = {"imported": {key: value for key, value in report.to_dict().items() if key in ("system", "files", "notes")}}
    if isinstance(network, AUSystem):
        save_model(network, target, name=report.model, notes=notes)
    elif isinstance(network, FaceAligner):
        save_aligner(network, target, notes=notes)
    elif isinstance(network, LabelVAE):
        save_label_vae(network, target, notes=notes)
    return replace(report, output=target)


def read_checkpoint(
    path: str | Path,
    system: str,
    *,
    fan: str | Path | None = None,
    au_set: str | Sequence[int] | None = None,
    epoch: int | None = None,
    pool: str | None = None,
) -> tuple[nn.Module, ImportReport]:
    """The same without writing: the network in evaluation mode on the CPU, and the report.

    Raises:
        InputError, MissingModelError: as ``import_checkpoint``.
    """
    if system not in SYSTEMS:
        raise InputError(f"--as must be one of {', '.join(SYSTEMS)}; got {system!r}{did_you_mean(system, SYSTEMS)}")
    given = {"--fan": fan, "--au-set": au_set, "--epoch": epoch, "--pool": pool}
    _refuse_unused(system, [name for name, value in given.items() if value is not None])
    source = Path(path)
    if system == "fan":
        return read_fan(source, pool=pool)
    if system == "vae":
        return read_label_vae(source, au_set=au_set)
    if system in ("aunet", "aufan"):
        return read_aunet(source, system, fan=None if fan is None else Path(fan), pool=pool, au_set=au_set)
    return read_jaa_net(source, int(system[-1]), au_set=au_set, epoch=epoch)


_USES = {
    "fan": {"--pool"},
    "vae": {"--au-set"},
    "aunet": {"--fan", "--au-set", "--pool"},
    "aufan": {"--fan", "--au-set", "--pool"},
    "jaanet-v1": {"--au-set", "--epoch"},
    "jaanet-v2": {"--au-set", "--epoch"},
}


def _refuse_unused(system: str, given: list[str]) -> None:
    unused = [name for name in given if name not in _USES[system]]
    if unused:
        raise InputError(f"--as {system} takes {', '.join(sorted(_USES[system]))}; leave out {', '.join(unused)}")
