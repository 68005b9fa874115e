"""One call for each release: read the authors' files, fill our network, write it as safetensors."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from aufait.errors import InputError
from aufait.models.checkpoint import save_model
from aufait.models.import_checkpoint.release import Release
from aufait.models.import_checkpoint.report import ImportReport
from aufait.models.registry import system_packages
from aufait.settings import did_you_mean


@lru_cache(maxsize=1)
def releases() -> dict[str, Release]:
    """Releases that can be read, by what ``--as`` says; each system's folder names its own in ``released.py``."""
    modules = [f"{package}.released" for package in system_packages()]
    found = [one for name in modules if find_spec(name) for one in importlib.import_module(name).RELEASES]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}


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
        system: one of ``releases()``.
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
    save = releases()[system].save
    if save is None:
        save_model(network, target, name=report.model, notes=notes)  # type: ignore[arg-type]  # it checks
    else:
        save(network, target, notes)
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
    known = releases()
    if system not in known:
        raise InputError(f"--as must be one of {', '.join(known)}; got {system!r}{did_you_mean(system, known)}")
    options: dict[str, Any] = {"fan": None if fan is None else Path(fan), "au_set": au_set, "epoch": epoch, "pool": pool}
    given = {name: value for name, value in options.items() if value is not None}
    _refuse_unused(known[system], given)
    return known[system].read(Path(path), **given)


def _refuse_unused(release: Release, given: dict[str, Any]) -> None:
    unused = [_flag(name) for name in given if name not in release.options]
    if unused:
        taken = ", ".join(sorted(map(_flag, release.options)))
        raise InputError(f"--as {release.name} takes {taken}; leave out {', '.join(unused)}")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
