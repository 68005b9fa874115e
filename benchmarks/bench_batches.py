"""How fast training batches are read from a cache, and made into inputs: python benchmarks/bench_batches.py [--threads 1]

Makes two caches of noise in a temporary folder: 200-pixel faces in batches of 16, and AUNet's 384-pixel crops with two neighbouring
frames in batches of 64. Reading must feed a GPU with at least 500 faces per second; inputs are made on the GPU in training, here on
the CPU.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from aufait.action_units import AU_SETS
from aufait.data.anomalies import AnomalyLog
from aufait.data.dataset import AUDataset
from aufait.data.preparation import FaceCache, write_cache
from aufait.data.recording import Recording
from aufait.inputs.alignments import ALIGNMENTS
from aufait.inputs.network_inputs import network_inputs
from aufait.models.registry import create_model
from aufait.models.system import _MEAN_FACE_49
from aufait.training.batches import FaceBatches, FaceTable
from aufait.training.recipe import load_recipe


def noise_cache(path: Path, alignment: str, recordings: int, frames: int) -> FaceCache:
    """A cache of noise with BP4D's columns."""
    random, units, made = np.random.default_rng(0), AU_SETS["bp4d"], []
    for number in range(recordings):
        labels = random.integers(0, 2, (frames, len(units))).astype(np.int8)
        known = np.ones(labels.shape, bool)
        made.append(
            Recording(
                dataset="bp4d", subject=f"S{number:03d}", task="T1", frames=np.arange(frames), action_units=units,
                occurrence=labels, intensity=labels, occurrence_known=known, intensity_known=known,
            )
        )  # fmt: skip
    side = ALIGNMENTS[alignment].side
    faces = random.integers(0, 256, (recordings * frames, side, side, 3), dtype=np.uint8)
    landmarks = np.tile(np.array(_MEAN_FACE_49, np.float32) * side, (len(faces), 1, 1))
    dataset = AUDataset("bp4d", units, tuple(made), AnomalyLog())
    return write_cache(path, dataset, faces, landmarks, alignment=alignment, synthetic=True)


def measure(title: str, cache: FaceCache, recipe_name: str, model_name: str, batch: int, interval: int) -> None:
    """Print faces per second, read and read with inputs made."""
    table = FaceTable.of(cache.dataset(), {"bp4d": cache}, "occurrence")
    batches = FaceBatches(table, {"bp4d": cache}, batch_size=batch, seed=0, interval=interval)
    recipe, model = load_recipe(recipe_name), create_model(model_name, "bp4d")
    for _ in batches:  # the first pass fills the system's memory of files
        pass
    start, count = time.perf_counter(), 0
    for one in batches:
        count += len(one)
    read = count / (time.perf_counter() - start)
    start, count = time.perf_counter(), 0
    for one in batches:
        network_inputs(
            model, one.faces, one.landmarks, training=True, neighbours=one.neighbours, augmentation=recipe.augmentation,
            draws=one.draws,
        )  # fmt: skip
        count += len(one)
        if time.perf_counter() - start > 10:
            break
    print(f"{title}: {read:,.0f} faces/s read, {count / (time.perf_counter() - start):,.0f} faces/s with inputs made on the CPU")


def main() -> None:
    """See the description of the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    torch.set_num_threads(parser.parse_args().threads)
    with tempfile.TemporaryDirectory() as folder:
        faces = noise_cache(Path(folder) / "faces", "jaa_net", 6, 300)
        measure("200 px, batches of 16", faces, "jaa_net_bp4d", "jaa-net-v2", 16, 0)
        crops = noise_cache(Path(folder) / "crops", "aunet", 6, 60)
        measure("three frames of 384 px, batches of 64", crops, "aunet_bp4d", "resnet18-a", 64, 10)


if __name__ == "__main__":
    main()
