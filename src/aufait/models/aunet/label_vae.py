"""Label VAE: what combinations of action units occur, learnt from labels alone and used as a regulariser.

Paper: AUNet, section IV-B, equation (2); sizes and training, section V-C. Layer sizes and the sampled, summed loss are the
released program's. State-dict order is that of the released files; ``LabelVAE.RELEASED_NAMES`` maps our names to theirs.
Our reading: faces with an unknown label are left out of the training, since a VAE needs whole label vectors. The noise on the
labels is drawn again in every epoch (the released data loader is missing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aufait.action_units import AU_SETS
from aufait.errors import InputError
from aufait.files.weights import make_filled, read_description, read_tensors, write_weights
from aufait.models.configuration import resolve_au_set

PAPER_LATENT_SIZES: Mapping[tuple[int, ...], int] = MappingProxyType(
    {AU_SETS["bp4d"]: 8, AU_SETS["disfa"]: 6, AU_SETS["affwild2"]: 5}
)
"""k of each data set (section V-C); other sets of action units take BP4D's 8 unless this says otherwise."""

_FORMAT = 1


class LabelVAE(nn.Module):
    """Variational auto-encoder of occurrence labels: A -> k -> A through hidden layers of size k.

    Args:
        action_units: how many it reads, A.
        latent_size: k.
        numbers: which ones, in order; needed where a network predicts more action units than the VAE covers.
    """

    RELEASED_NAMES: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "encoder": "fc1",
            "mean": "fc21",
            "log_variance": "fc22",
            "decoder": "fc3",
            "output": "fc4",
        }
    )

    def __init__(self, action_units: int, latent_size: int = 8, numbers: Sequence[int] | None = None) -> None:
        super().__init__()
        if action_units < 1 or latent_size < 1:
            raise InputError(f"a label VAE needs at least 1 action unit and 1 latent, got {action_units} and {latent_size}")
        self.numbers = None if numbers is None else resolve_au_set(tuple(numbers))
        if self.numbers is not None and len(self.numbers) != action_units:
            raise InputError(f"a label VAE of {action_units} action units was given the numbers {self.numbers}")
        self.action_units, self.latent_size = action_units, latent_size
        self.encoder = nn.Linear(action_units, latent_size)
        self.mean = nn.Linear(latent_size, latent_size)
        self.log_variance = nn.Linear(latent_size, latent_size)
        self.decoder = nn.Linear(latent_size, latent_size)
        self.output = nn.Linear(latent_size, action_units)

    def encode(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Labels or probabilities (B, A) -> mean and logarithm of the variance, (B, k) each."""
        hidden = F.relu(self.encoder(labels))
        return self.mean(hidden), self.log_variance(hidden)

    def decode(self, latent: Tensor) -> Tensor:
        """Latent (B, k) -> logits (B, A)."""
        return self.output(F.relu(self.decoder(latent)))

    def forward(self, labels: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Labels (B, A) -> logits (B, A), mean and log-variance (B, k).

        ``noise`` (B, k), standard normal, places the latent within its distribution; ``None`` takes the mean.
        """
        mean, log_variance = self.encode(labels)
        latent = mean if noise is None else mean + noise * (0.5 * log_variance).exp()
        return self.decode(latent), mean, log_variance


def vae_loss(logits: Tensor, labels: Tensor, mean: Tensor, log_variance: Tensor, kl_weight: float) -> Tensor:
    """Cross-entropy of the labels plus ``kl_weight`` times the divergence from a standard normal (eq. 2).

    Args:
        logits, labels: (B, A); the labels without noise.
        mean, log_variance: (B, k).
        kl_weight: lambda.

    Returns:
        Scalar, summed over faces, action units and latents as in the released program.
    """
    reconstruction = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
    divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
    return reconstruction + kl_weight * divergence


def fit_label_vae(
    occurrence: Tensor,
    known: Tensor | None = None,
    *,
    action_units: str | Sequence[int] | None = None,
    latent_size: int | None = None,
    kl_weight: float = 0.3,
    epochs: int = 100,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    noise: float = 0.2,
    seed: int = 0,
) -> LabelVAE:
    """Train a label VAE on the labels of a training set; the last epoch is kept.

    Defaults are the paper's (section V-C): Adam, no weight decay. Of its lambda, one of 0.1, 0.2 and 0.3, the released
    example for BP4D uses 0.3. The same seed gives the same weights; PyTorch's own random state is not changed.

    Args:
        occurrence: (N, A) 0 or 1, training faces only.
        known: (N, A) bool; faces with an unknown label are left out.
        action_units: named set or numbers of the A columns; needed when several data sets are trained on at once.
        latent_size: k; ``None`` takes the paper's for BP4D, DISFA and AffWild2, and 8 for others.
        kl_weight: lambda of eq. 2.
        epochs: passes over the labels.
        batch_size: labels per step; the last, smaller batch counts too.
        learning_rate: of Adam.
        noise: half width of the uniform noise added to every label.
        seed: of weights, order and noise.

    Returns:
        The VAE on the CPU, in evaluation mode, frozen.

    Raises:
        InputError: no face with all labels known, labels other than 0 and 1, or shapes that do not match.
    """
    labels = _whole_labels(occurrence, known)
    numbers = None if action_units is None else resolve_au_set(action_units)
    size = latent_size or PAPER_LATENT_SIZES.get(numbers or (), 8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = LabelVAE(labels.shape[1], size, numbers).train()
        optimizer = torch.optim.Adam(vae.parameters(), lr=learning_rate)
        for _ in range(epochs):
            corrupted = labels + torch.empty_like(labels).uniform_(-noise, noise)
            for rows in torch.randperm(len(labels)).split(batch_size):
                logits, mean, log_variance = vae(corrupted[rows], torch.randn(len(rows), size))
                loss = vae_loss(logits, labels[rows], mean, log_variance, kl_weight)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return vae.requires_grad_(False).eval()


def _whole_labels(occurrence: Tensor, known: Tensor | None) -> Tensor:
    """Rows without an unknown label, float32 on the CPU."""
    if occurrence.ndim != 2:
        raise InputError(f"a label VAE is trained on labels (N, A), got {tuple(occurrence.shape)}")
    if known is not None and known.shape != occurrence.shape:
        raise InputError(f"known must have the shape of the labels {tuple(occurrence.shape)}, got {tuple(known.shape)}")
    labels = occurrence.detach().cpu()
    if known is not None:
        labels = labels[known.cpu().all(-1)]
    if len(labels) == 0:
        raise InputError("a label VAE needs at least one face whose labels are all known; choose action units of one data set")
    labels = labels.to(torch.float32)
    if not bool(((labels == 0) | (labels == 1)).all()):
        raise InputError("known occurrence labels must be 0 or 1; mark others (9, 999) as unknown")
    return labels


def save_label_vae(vae: LabelVAE, path: str | Path, *, notes: dict[str, Any] | None = None) -> Path:
    """Write a label VAE; the file is whole or absent.

    Args:
        vae: the VAE.
        path: ends in .safetensors.
        notes: anything JSON can hold that a reader should know, such as the training fold.

    Raises:
        OutputError: the file cannot be written.
    """
    numbers = None if vae.numbers is None else list(vae.numbers)
    sizes = {"action_units": vae.action_units, "latent_size": vae.latent_size, "numbers": numbers}
    header = {"format": _FORMAT, "label_vae": sizes, "notes": notes or {}}
    return write_weights(vae, path, header)


def load_label_vae(path: str | Path) -> LabelVAE:
    """Read a label VAE back, frozen and in evaluation mode.

    Raises:
        MissingModelError: there is no such file.
        InputError: the file does not hold a label VAE.
    """
    path = Path(path)
    header = read_description(path, f"no label VAE at {path}; train one with fit_label_vae and save it with save_label_vae")
    sizes = _sizes(path, header)
    vae = make_filled(lambda: LabelVAE(**sizes), read_tensors(path), f"the weights in {path} do not fit the sizes in its header")
    return vae.requires_grad_(False).eval()


def _sizes(path: Path, header: Any) -> dict[str, Any]:
    """Arguments of ``LabelVAE`` from a file's header."""
    sizes = header.get("label_vae") if isinstance(header, dict) else None
    if not isinstance(header, dict) or not isinstance(sizes, dict) or sizes.keys() != {"action_units", "latent_size", "numbers"}:
        raise InputError(f"{path} does not hold a label VAE; expected a file written by save_label_vae")
    if header.get("format") != _FORMAT:
        raise InputError(f"{path} has format {header.get('format')}, this version reads {_FORMAT}; update aufait")
    return sizes
