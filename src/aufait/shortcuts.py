"""What a short script needs, one call each: ``aufait.detect``, ``aufait.train``, ``aufait.evaluate``.

They are thin: to call them often, or for more control, keep a ``Detector`` or use ``aufait.training``, ``aufait.evaluation``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aufait.errors import InputError

if TYPE_CHECKING:
    from aufait.data.preparation import FaceCache
    from aufait.detection.detected import Detections
    from aufait.detection.pictures import ImageLike
    from aufait.evaluation import Evaluation
    from aufait.training.run_folder import TrainingRun

Report = Callable[[int, int, str], None]


def detect(
    inputs: ImageLike | Sequence[ImageLike], *, on_error: str = "raise", keep_pictures: bool = False, **settings: Any
) -> Detections:
    """Faces and action units of pictures and videos.

    Loads the networks at every call; for many calls keep a ``Detector``, for long videos use its ``stream``.

    Args:
        inputs: one or several of: path, glob pattern, folder, (H, W, 3) uint8 RGB array or tensor, Pillow picture, bytes,
            open file.
        on_error: "raise", or "keep" to put a result with ``error`` set in the place of an input that cannot be read.
        keep_pictures: keep a small copy of each picture with its result, which notebooks show.
        settings: of ``Detector``: finder, model, device, max_faces, ...

    Returns:
        One result per picture and per video frame, in the order of the inputs: a list with ``to_dataframe``, ``plot`` and
        ``annotate``.

    Raises:
        InputError: an input cannot be read, or an unfit setting.
        MissingModelError: a model file is missing.
    """
    from aufait.detection.detector import Detector

    with Detector(**settings) as detector:
        return detector.detect(inputs, on_error=on_error, keep_pictures=keep_pictures)


def train(
    recipe: str | Path,
    faces: str | Path | FaceCache | Mapping[str, str | Path | FaceCache],
    out: str | Path,
    *,
    fold: int | str = 1,
    settings: Mapping[str, Any] | Sequence[str] = (),
    quick: bool = False,
    small: bool = False,
    device: str = "auto",
    report: Report | None = None,
) -> TrainingRun:
    """Train a network by a recipe on one fold of its protocol; a run that was stopped resumes.

    Args:
        recipe: name ("jaa_net_disfa") or YAML file.
        faces: prepared faces (folder of ``aufait prepare``); name of the data set -> prepared faces where several are needed.
        out: folder of the run.
        fold: number or alias of the protocol's fold; its test persons are never read.
        settings: dotted key of the recipe -> value, or texts "key=value".
        quick, small: as ``aufait train --quick`` and ``--small``.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        report: is called with steps done, steps in all, and a line about the state.

    Returns:
        The finished run; ``load()`` gives its network, ``model_path`` its weights.

    Raises:
        InputError: data, fold, recipe and folder do not fit together.
        MissingExtraError: the extra ``train`` is not installed.
    """
    from aufait.machine import resolve_device
    from aufait.training.recipe import load_recipe
    from aufait.training.run import train as run

    plan = load_recipe(recipe, settings, quick=quick, small=small)
    accelerator = device if device == "auto" else resolve_device(device)
    return run(plan, _opened(faces), fold=fold, out=out, accelerator=accelerator, report=report)


def evaluate(
    network: str | Path,
    data: str | Path | FaceCache | Mapping[str, str | Path],
    *,
    protocol: str | None = None,
    fold: int | str | None = None,
    split: str = "test",
    per: Sequence[str] = (),
    partial: bool = False,
    draws: int = 1000,
    device: str = "auto",
    report: Report | None = None,
) -> Evaluation:
    """Test a network on people it was not trained on.

    Args:
        network: folder of a run or weights file; with pictures also "default", "mesh" or "compact".
        data: prepared faces (folder of ``aufait prepare``), or name and place of a data set with pictures, {"disfa": ROOT}.
        protocol: its folds and action units are used. None takes the one that the network was trained by; with pictures, all
            labelled frames and the action units that network and data set share.
        fold, split: part of the protocol; None takes the fold that the network was trained on.
        per: what to divide by as well: "pose", "subject", "skin_tone", ... or any attribute.
        partial: continue if subjects of the protocol are missing from the data.
        draws: bootstrap draws of subjects for the intervals; 0 for none.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        report: is called with frames done, frames in all, and of what.

    Returns:
        Scores with intervals; ``aufait.evaluation.write_report`` makes documents of them.

    Raises:
        InputError: network, data and protocol do not fit together, or the network was trained on people of the test.
    """
    told = report or (lambda done, total, what: None)
    if isinstance(data, Mapping):
        from aufait.evaluation.pictures import evaluate_pictures

        found = evaluate_pictures(
            network, [f"{name}={root}" for name, root in data.items()], Path(), detector={"device": device}, protocol=protocol,
            fold=None if fold is None else str(fold), split=split, shared=False, partial=partial, per=per,
            common={"draws": draws}, report=told,
        )  # fmt: skip
        results = [evaluation for _, evaluation, _ in found]
    else:
        from aufait.evaluation.trained import evaluate_on_faces
        from aufait.machine import resolve_device

        scored = evaluate_on_faces(
            network, _opened(data), protocol=protocol, fold=fold, split=split, per=per, partial=partial,
            device=resolve_device(device), common={"draws": draws}, report=told,
        )  # fmt: skip
        results = [evaluation for evaluation, _ in scored.values()]
    if len(results) != 1:
        names = ", ".join(one.dataset for one in results)
        raise InputError(f"one test set at a time, got {names}; evaluate each by itself")
    return results[0]


def _opened(faces: str | Path | FaceCache | Mapping[str, str | Path | FaceCache]) -> dict[str, FaceCache]:
    """Name of the data set -> prepared faces."""
    from aufait.data.preparation import FaceCache

    if not isinstance(faces, Mapping):
        one = faces if isinstance(faces, FaceCache) else FaceCache.open(faces)
        return {one.name: one}
    return {name: one if isinstance(one, FaceCache) else FaceCache.open(one) for name, one in faces.items()}
