"""AUNet's label VAE as released: five fully connected layers, by name (``LabelVAE.RELEASED_NAMES``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aufait.errors import InputError
from aufait.models.aunet.label_vae import LabelVAE
from aufait.models.import_checkpoint.action_units import choose_action_units
from aufait.models.import_checkpoint.mapping import convert, layer
from aufait.models.import_checkpoint.reading import read_state_dict
from aufait.models.import_checkpoint.report import FileReport, ImportReport, count_parameters

_AFFWILD2_LATENTS = 5
"""k of AffWild2's, which has as many labels as DISFA's (AUNet section V-C)."""


def read_label_vae(path: Path, *, au_set: str | Sequence[int] | None = None) -> tuple[LabelVAE, ImportReport]:
    """Fill a label VAE; the number of action units and of latents is read from the file.

    Args:
        path: the released state dict.
        au_set: what the labels are; by default what was released with that many.

    Raises:
        MissingModelError, InputError: as ``read_state_dict`` does, or the file holds another network.
    """
    tensors = read_state_dict(path)
    first = tensors.get(f"{LabelVAE.RELEASED_NAMES['encoder']}.weight")
    if first is None or first.ndim != 2:
        raise InputError(f"{path} is not a label VAE: expected the layers fc1, fc21, fc22, fc3 and fc4. Check --as and the file")
    latent, count = first.shape
    released = {12: "bp4d", 8: "affwild2" if latent == _AFFWILD2_LATENTS else "disfa"}
    units = choose_action_units(count, au_set, released, str(path))
    vae = LabelVAE(count, latent, units)
    rules = [rule for ours, released in LabelVAE.RELEASED_NAMES.items() for rule in layer(ours, released)]
    shapes = {name: value.shape for name, value in vae.state_dict().items()}
    expected = f"a label VAE of {count} action units and {latent} latents"
    weights = convert(rules, tensors, shapes, origin=str(path), expected=expected)
    vae.load_state_dict(weights, strict=True)
    file = FileReport(path, len(tensors), count_parameters(tensors), f"label VAE, {latent} latents")
    parameters = sum(parameter.numel() for parameter in vae.parameters())
    return vae.requires_grad_(False).eval(), ImportReport("vae", "label-vae", units, parameters, (file,))
