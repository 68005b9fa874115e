"""A network's frozen face aligner (AUNet's) from the landmarks of the training faces, where published weights are not available.

The papers freeze a network that was trained on hundreds of thousands of other faces (Bulat and Tzimiropoulos, ICCV 2017); this
replaces it, learns from the training persons of the fold alone, and is no paper's setting. Loss, optimiser and rate are that
paper's (section 4: heat maps, RMSprop); the augmentation is AUNet's geometry. Faces with 49 or 66 landmarks teach those points'
maps; the maps of the others are held at zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from aufait.data.preparation.cache import FaceCache
from aufait.inputs.augmentation import Augmentation
from aufait.inputs.network_inputs import network_inputs
from aufait.landmarks import SCHEMES
from aufait.models.fan.aligner import FaceAligner
from aufait.models.fan.heat_maps import heat_map_targets
from aufait.models.fan.network import channels_last
from aufait.models.system import AUSystem
from aufait.training.batches import FaceBatch, FaceBatches, FaceTable
from aufait.training.recipe import AlignerSettings

_GEOMETRY = Augmentation(crop=False, mirror=0.5, rotation=13.5, crop_scale=0.25, shift=0.05)


def fit_aligner(
    model: AUSystem,
    table: FaceTable,
    caches: Mapping[str, FaceCache],
    settings: AlignerSettings,
    *,
    seed: int = 0,
    alignment: str | None = None,
    device: str | torch.device = "cpu",
    precision: str = "32-true",
    report: Callable[[int, int, str], None] | None = None,
) -> FaceAligner:
    """Train a face aligner of the size that a network needs.

    Args:
        model: network that has an aligner; it decides size and pooling and is not changed.
        table: training faces; nobody else's landmarks are read.
        caches: name of the data set -> cache.
        settings: steps, batch size and rate.
        seed: of weights, order and augmentation.
        alignment: of the stored faces.
        device: where it is trained.
        precision: "bf16-mixed" computes with bfloat16; all others with float32.
        report: called with steps done, steps in all and a line of text.

    Returns:
        The aligner on the CPU, in evaluation mode.
    """
    wanted = model.aligner_config
    torch.manual_seed(seed)
    device = torch.device(device)
    halves = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed")
    aligner = FaceAligner(wanted).to(device).train()
    optimizer = torch.optim.RMSprop(aligner.parameters(), lr=settings.learning_rate)
    batches = FaceBatches(table, caches, batch_size=min(settings.batch_size, len(table)), seed=seed, drop_last=True)
    done = 0
    while done < settings.steps:
        batches.set_epoch(done)
        for batch in batches:
            with halves:
                loss = _loss(aligner, model, batch.to(device), alignment)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
            if report is not None:
                report(done, settings.steps, f"face alignment network, loss {loss.item():.5f}")
            if done == settings.steps:
                break
    return aligner.cpu().eval()


def _loss(aligner: FaceAligner, model: AUSystem, batch: FaceBatch, alignment: str | None) -> Tensor:
    """Squared error of the heat maps of all stacks; every point has the same weight."""
    scheme = batch.landmarks.shape[1]
    inputs = network_inputs(
        model,
        batch.faces,
        batch.landmarks,
        training=True,
        draws=batch.draws,
        augmentation=_GEOMETRY,
        alignment=alignment,
        scheme=scheme,
    )
    images = inputs["images"] if inputs["images"].ndim == 4 else inputs["images"][:, 0]
    size = aligner.config.image_size
    known = heat_map_targets(inputs["landmarks"], size, size // 4)
    target = known.new_zeros(len(known), aligner.config.points, *known.shape[-2:])
    target[:, list(SCHEMES[scheme])] = known
    maps = aligner.fan(channels_last(images)).heat_maps
    return torch.stack([(one.float() - target).square().mean() for one in maps]).sum()
