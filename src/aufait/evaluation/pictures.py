"""Test of a detector on the pictures of a data set, without prepared faces: ``aufait evaluate MODEL --data NAME=ROOT``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aufait.errors import InputError

if TYPE_CHECKING:
    from aufait.data.dataset import AUDataset
    from aufait.data.protocols import Protocol
    from aufait.detection.detector import Detector
    from aufait.evaluation import Evaluation, Predictions
    from aufait.evaluation.networks import TrainedNetwork
    from aufait.workers.contract import Executor

Progress = Callable[[int, int, str], None]


def open_data(texts: Sequence[str]) -> tuple[dict[str, AUDataset], bool]:
    """``["disfa=/data/DISFA", "csv=labels.csv"]`` -> name of the data set -> labels and pictures, and whether they are rendered.

    Raises:
        InputError: not NAME=ROOT, an unknown name, one name twice, or a folder that holds no such data set.
    """
    from aufait.data.datasets import dataset_entry, open_dataset
    from aufait.evaluation.predict_pictures import with_synthetic_marks

    found: dict[str, AUDataset] = {}
    synthetic = False
    for text in texts:
        name, equals, root = text.partition("=")
        if not equals or not root:
            raise InputError(f"--data takes NAME=ROOT, such as disfa=/data/DISFA or csv=labels.csv; got {text!r}")
        key = dataset_entry(name).name
        place = Path(root)
        dataset, rendered = with_synthetic_marks(open_dataset(key, place), place if place.is_dir() else place.parent)
        if dataset.name in found:
            raise InputError(f"two data sets named {dataset.name}; give each once")
        found[dataset.name], synthetic = dataset, synthetic or rendered
    return found, synthetic


def evaluate_pictures(
    model: str | Path,
    data: Sequence[str],
    output: Path,
    *,
    detector: Mapping[str, Any],
    protocol: str | None,
    fold: str | None,
    split: str,
    shared: bool,
    partial: bool,
    per: Sequence[str],
    common: Mapping[str, Any],
    report: Progress,
    executor: Executor | None = None,
) -> list[tuple[Path, Evaluation, dict[str, Predictions]]]:
    """Folder, scores and predictions of each test set.

    Args:
        model: what ``Detector`` takes.
        data: texts NAME=ROOT.
        output: folder of the reports.
        detector: further arguments of ``Detector``.
        protocol: its action units, threshold and folds are used; None scores all frames and the shared action units.
        fold, split: part of the protocol; the test part of fold 1 if left open.
        shared: score the action units that model and protocol share.
        partial: accept data in which subjects of the protocol are missing.
        per: groups.
        common: arguments of ``evaluate``.
        report: called with frames done, frames in all, and of what.
        executor: how to spread the recordings; None: one after the other, in this process.

    Raises:
        InputError: data, protocol and model do not fit together, or the network was trained on people of the test.
    """
    from aufait.data.protocols import get_protocol
    from aufait.detection.detector import Detector
    from aufait.evaluation.groups import check_groups
    from aufait.evaluation.networks import choose_part

    datasets, synthetic = open_data(data)
    network = _network(model)
    wanted = None if protocol is None else get_protocol(protocol)
    if wanted is None:
        if fold is not None or split != "test":
            raise InputError("--fold and --split are parts of a protocol; choose one with --protocol (aufait data list)")
        notes: tuple[str, ...]
        parts, notes = datasets, ("All labelled frames; the action units that model and data set share.",)
    else:
        strict = not partial and not synthetic
        parts, notes = choose_part(network, wanted, datasets, fold or 1, split, strict=strict)
    for part in parts.values():
        check_groups(per, part)
    results = []
    with Detector(model=model, **detector) as ready:
        for name, part in parts.items():
            spread = {"executor": executor, "arguments": {"model": model, **detector}}
            found = _predict(ready, network, name, part, wanted, split, shared or wanted is None, synthetic, fold, report, spread)
            evaluation = _score(found, wanted, notes, per, common)
            results.append((output if len(parts) == 1 else output / name, evaluation, {"full": found}))
    return results


def _network(model: str | Path) -> TrainedNetwork | None:
    """What is known about a trained network; None for shipped models."""
    from aufait.evaluation.networks import open_network
    from aufait.models.default.shipped import is_shipped_format, model_header, model_path

    path = Path(model)
    if path.is_dir() or (path.is_file() and not is_shipped_format(model_header(path))):
        return open_network(path)
    model_path(model)  # raises for unknown names
    return None


def _predict(
    detector: Detector, network: TrainedNetwork | None, name: str, part: AUDataset, protocol: Protocol | None, split: str,
    shared: bool, synthetic: bool, fold: str | None, report: Progress, spread: Mapping[str, Any],
) -> Predictions:  # fmt: skip
    from aufait.evaluation.networks import check_leakage
    from aufait.evaluation.predict_pictures import predict_pictures

    leakage = "not possible: a shipped model names nobody it learned from"
    if network is not None:
        leakage = check_leakage(network, part) if split == "test" else "none: not a test"
    settings = detector.settings
    about = {
        "model": settings["model"], "run": str(settings["model"]), "network": str(settings["model_sha256"])[:16],
        "finder": settings["finder"], "split": split if protocol else "all", "leakage": leakage,
    }  # fmt: skip
    about |= {} if protocol is None else {"protocol": protocol.name, "fold": fold or "1"}
    return predict_pictures(
        detector, part, action_units=None if shared else part.action_units, about=about, synthetic=synthetic,
        progress=lambda done, total: report(done, total, f"pictures of {name}"), **spread,
    )  # fmt: skip


def _score(
    found: Predictions, protocol: Protocol | None, notes: Sequence[str], per: Sequence[str], common: Mapping[str, Any]
) -> Evaluation:
    from aufait.evaluation import evaluate

    told = (*notes, *found.about.get("notes", ()))
    if str(found.about.get("leakage", "")).startswith("not possible"):
        told += ("Whom the model learned from is not named in its file; whether this is a test cannot be checked.",)
    return evaluate(found, protocol, per=per, notes=told, **common)
