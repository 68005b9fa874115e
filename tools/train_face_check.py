"""Train the network that ``quality`` uses and write its weights.

    python tools/train_face_check.py RENDERS [RENDERS ...] --real FOLDER -o src/aufait/weights/face_check.safetensors

RENDERS are folders of ``aufait synth``; some of their frames must have a hand, mask or object before the face. FOLDER holds the
listed real faces (``aufait.shipped.real_faces``); the people kept out stay out. A few minutes on one core.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from aufait.faces.face_check import FORMAT, REGIONS, FaceCheckNetwork, load_face_check, normalize
from aufait.faces.finder import create_finder
from aufait.files.weights import write_weights
from aufait.shipped.faces.check_data import StoredFaces, draw_batch, gather_faces, mirrored
from aufait.shipped.real_faces import read_real_faces

HELD_OUT = 0.1


def main() -> None:
    """Gather, train, test, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("renders", type=Path, nargs="+")
    parser.add_argument("--real", type=Path, help="folder of real faces; without it renders alone")
    parser.add_argument("--real-limit", type=int, default=10**6, help="at most so many real pictures")
    parser.add_argument("--finder", default="auto")
    parser.add_argument("--finder-model", type=Path)
    parser.add_argument("--faces", type=Path, help="keep the gathered faces here (.npz) and take them from here again")
    parser.add_argument("--init", type=Path, help="start from these weights")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faces = gathered(options)
    rng = np.random.default_rng(options.seed)
    torch.manual_seed(options.seed)
    order = np.random.default_rng(0).permutation(len(faces.pictures))  # the same split for every run
    held, train = np.split(order, [round(HELD_OUT * len(order))])
    print(f"{len(train)} faces to train on ({faces.real[train].sum()} real), {len(held)} to test on; {len(faces.covers)} covers")
    network, average = FaceCheckNetwork(), None
    if options.init:
        network.load_state_dict(load_face_check(options.init, fused=False).state_dict())
        network.train()
    optimiser = torch.optim.AdamW(network.parameters(), options.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, options.steps, pct_start=0.1)
    start, total, batch = time.time(), 0.0, None
    chosen = weights_of(faces, train)
    for step in range(1, options.steps + 1):
        # Drawing a batch takes as long as learning from it: each is used twice, the second time mirrored.
        batch = draw_batch(faces, rng.choice(train, options.batch, p=chosen), rng) if step % 2 else mirrored(batch)
        loss = answer_loss(network(normalize(batch.crops)), batch.answers, batch.counts)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % 100 == 0:
            print(f"step {step}: loss {total / 100:.4f}, {time.time() - start:.0f} s", flush=True)
            total = 0.0
        if step > 0.5 * options.steps:
            average = blended(average, network)
        if step % 250 == 0 or step == options.steps:
            finish(copy.deepcopy(average or network), faces, train, held, step, options)


def finish(
    network: FaceCheckNetwork, faces: StoredFaces, train: np.ndarray, held: np.ndarray, step: int, options: argparse.Namespace
) -> None:
    """Test and write; also on the way, so that a run can be cut short."""
    figures = test(network.eval(), faces, held, np.random.default_rng(1))
    for name, value in figures.items():
        print(f"{name}: {value:.3f}")
    header = {
        "format": FORMAT,
        "config": dataclasses.asdict(network.config),
        "training": {
            "faces": len(train), "real": int(faces.real[train].sum()), "steps": step, "batch": options.batch,
            "seed": options.seed, "went_on": bool(options.init),
            "held_out": {key: round(value, 4) for key, value in figures.items()},
        },
    }  # fmt: skip
    write_weights(network.half(), options.out, header)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")


def gathered(options: argparse.Namespace) -> StoredFaces:
    """Stored faces, from the file of an earlier run where there is one."""
    if options.faces and options.faces.is_file():
        return StoredFaces.load(options.faces)
    real = read_real_faces(options.real, held_out=False) if options.real else []
    step = max(1, len(real) // options.real_limit)
    finder = create_finder(options.finder, model_path=options.finder_model)
    faces = gather_faces(options.renders, real[::step], finder)
    finder.close()
    if options.faces:
        faces.save(options.faces)
    return faces


def weights_of(faces: StoredFaces, rows: np.ndarray) -> np.ndarray:
    """How often each row is drawn: real and rendered faces equally often."""
    real = faces.real[rows]
    share = np.where(real, 1 / max(real.sum(), 1), 1 / max((~real).sum(), 1))
    return share / share.sum()


def answer_loss(logits: torch.Tensor, answers: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy with soft answers; fit, clarity and the mean over regions weigh equally. Mean over known answers."""
    each = functional.binary_cross_entropy_with_logits(logits, answers, reduction="none") * counts
    parts = [each[:, :1], each[:, 1:2], each[:, 2:]]
    known = [counts[:, :1], counts[:, 1:2], counts[:, 2:]]
    return torch.stack([p.sum() / k.sum().clamp(min=1) for p, k in zip(parts, known, strict=True)]).mean()


@torch.no_grad()
def blended(average: FaceCheckNetwork | None, network: FaceCheckNetwork, keep: float = 0.99) -> FaceCheckNetwork:
    """Running average of the weights."""
    if average is None:
        return copy.deepcopy(network)
    for old, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.mul_(keep).add_(new, alpha=1 - keep)
        else:
            old.copy_(new)
    return average


@torch.no_grad()
def test(network: FaceCheckNetwork, faces: StoredFaces, rows: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Mean absolute errors on faces that were not trained on, and how well fitting faces are distinguished from others."""
    answers, truth, known = [], [], []
    for _ in range(4):
        batch = draw_batch(faces, rows, rng)
        answers.append(network(normalize(batch.crops)).sigmoid())
        truth.append(batch.answers)
        known.append(batch.counts)
    guess, answer, count = (torch.cat(parts).numpy() for parts in (answers, truth, known))
    error = np.abs(guess - answer)
    good, bad = answer[:, 0] > 0.9, answer[:, 0] < 0.1
    figures = {
        "fit taken for fit": float((guess[good, 0] > 0.5).mean()),
        "misfit taken for fit": float((guess[bad, 0] > 0.5).mean()),
        "clarity, mean error": float(error[:, 1][count[:, 1]].mean()),
    }
    for place, name in enumerate(REGIONS):
        figures[f"{name}, mean error"] = float(error[:, 2 + place][count[:, 2 + place]].mean())
    hidden, open_ = (answer[:, 2:] < 0.3) & count[:, 2:], (answer[:, 2:] > 0.97) & count[:, 2:]
    figures["hidden region taken for seen"] = float((guess[:, 2:][hidden] > 0.5).mean())
    figures["seen region taken for hidden"] = float((guess[:, 2:][open_] < 0.5).mean())
    return figures


if __name__ == "__main__":
    main()
