"""Label VAEs of a training part, one per data set, kept in the folder of the run (AUNet, section IV-B)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from aufait.action_units import AU_SETS
from aufait.errors import InputError
from aufait.models.aunet.label_vae import PAPER_LATENT_SIZES, LabelVAE, fit_label_vae, load_label_vae, save_label_vae
from aufait.models.training_labels import TrainingLabels


def label_vaes(labels: TrainingLabels, latent_size: int | None = None) -> LabelVAE | dict[int, LabelVAE]:
    """The VAE of the one data set, or index of the data set -> VAE; read back where the folder has them already.

    Args:
        labels: of the training faces.
        latent_size: k where the labels' settings leave it open; None takes the paper's for the data set.
    """
    several = len(labels.datasets) > 1
    vaes = {index: _vae(labels, index, latent_size, several) for index in range(len(labels.datasets))}
    return vaes if several else vaes[0]


def _vae(labels: TrainingLabels, index: int, latent_size: int | None, several: bool) -> LabelVAE:
    name = labels.datasets[index]
    file = f"label_vae_{name}.safetensors" if several else "label_vae.safetensors"
    path = None if labels.folder is None else labels.folder / file
    if path is not None and path.is_file():
        return load_label_vae(path)
    own = labels.source == index
    coded = labels.known[own].any(axis=0)
    settings: dict[str, Any] = dict(labels.settings)
    latent = settings.pop("latent_size", None) or latent_size
    given = settings.pop("file", None)
    units = [unit for unit, has in zip(labels.action_units, coded, strict=True) if has]
    vae = (
        _given(given.replace("{dataset}", name), units)
        if given
        else fit_label_vae(
            torch.from_numpy(labels.occurrence[own][:, coded]),
            torch.from_numpy(labels.known[own][:, coded]),
            action_units=units,
            latent_size=latent or (PAPER_LATENT_SIZES.get(AU_SETS.get(name, ())) if several else None),
            seed=labels.seed,
            **settings,
        )
    )
    _keep(vae, path, labels, name)
    return vae


def _given(path: str, units: list[int]) -> LabelVAE:
    """A label VAE from a file, of the data set's action units."""
    vae = load_label_vae(path)
    if vae.numbers is None or set(vae.numbers) - set(units):
        raise InputError(f"label_vae.file: {path} covers AUs {vae.numbers}, the data code {units}; give the VAE of these labels")
    return vae


def _keep(vae: LabelVAE, path: Path | None, labels: TrainingLabels, name: str) -> None:
    if path is not None and labels.writes:
        save_label_vae(vae, path, notes={"persons": list(labels.persons), "data_set": name})
