"""What a detector can use as its model, and how a name, a file, a run's folder or a network becomes one."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from aufait.errors import InputError, InputWarning
from aufait.layers.runtimes import TORCH, Runtime

if TYPE_CHECKING:
    from torch import nn

    from aufait.detection.network_video import NetworkVideo
    from aufait.faces.face import Face
    from aufait.models.default.base_rates import BaseRates

MODEL_FILE = "model.safetensors"
"""Network of the chosen epoch in the folder of a run."""

_RELEASED = (".pth", ".pt", ".pkl", ".pickle", ".bin", ".tar", ".ckpt", ".caffemodel", ".h5")
_EXPORTED = (".onnx", ".pt2", ".xml")


@runtime_checkable
class Predictor(Protocol):
    """What the detector needs of an action unit model; it is called picture by picture with only the landmarks."""

    action_units: tuple[int, ...]
    name: str
    sha256: str

    def predict(self, image: np.ndarray, landmarks: np.ndarray) -> Any:
        """image (H, W, 3) uint8, landmarks (F, 68, 2) -> ``FaceScores``, or an object with its six (F, A) arrays."""


@runtime_checkable
class WholeFacePredictor(Protocol):
    """A model that is given whole faces, of several frames at once."""

    action_units: tuple[int, ...]
    name: str
    sha256: str

    def predict_faces(self, images: Sequence[np.ndarray], faces: Sequence[Sequence[Face]]) -> Any:
        """Pictures (H, W, 3) uint8 RGB and the faces of each -> scores of all faces in turn, as above."""


@runtime_checkable
class VideoPredictor(WholeFacePredictor, Protocol):
    """A model that may need the frames of a video together."""

    def open_video(self) -> NetworkVideo | None:
        """For one video; None if it reads frame by frame."""


AnyPredictor = Predictor | WholeFacePredictor | VideoPredictor
Model = str | Path | Predictor | WholeFacePredictor | VideoPredictor
"""What ``Detector(model=...)`` takes; networks (``AUSystem``) too."""


def open_predictor(
    model: Model | nn.Module,
    *,
    finder: str = "",
    device: str = "cpu",
    base_rates: BaseRates = None,
    alignment: str = "track",
    attention: bool = False,
    runtime: Runtime = TORCH,
) -> AnyPredictor:
    """Make a model ready for use.

    Args:
        model: see ``Detector``.
        finder: name of the face finder, which chooses between the shipped models.
        device: where it runs.
        base_rates: for the shipped models; see ``aufait.models.default.base_rates``.
        alignment: how networks of three frames see a video, one of ``trained_network.VIDEO_WAYS``.
        attention: also return where a network looked.
        runtime: what runs the shipped models; other networks run in torch, with a warning where that was not asked for.

    Raises:
        MissingModelError: no such file.
        InputError: a file of another kind, an unfinished run, a network that breaks the contract, base rates for one that has none.
    """
    if isinstance(model, str | Path):
        return _open_named(model, finder, device, base_rates, alignment, attention, runtime)
    if base_rates is not None:
        raise InputError("base rates are for the shipped models; your own model must calibrate itself")
    if isinstance(model, Predictor | WholeFacePredictor):
        return model
    _tell_of_torch(runtime)
    from aufait.detection.trained_network import NetworkPredictor

    return _own(model, "", "", device) or NetworkPredictor(
        model, device=device, video=alignment, attention=attention  # type: ignore[arg-type]  # it checks
    )


def _open_named(
    model: str | Path, finder: str, device: str, base_rates: BaseRates, alignment: str, attention: bool, runtime: Runtime
) -> AnyPredictor:
    from aufait.models.default.shipped import is_shipped_format, model_header, model_path, open_model

    path = _network_path(model)
    if path is None:
        path = model_path(model, finder=finder)
    header = model_header(path)
    if is_shipped_format(header):
        return open_model(path, finder=finder, device=device, base_rates=base_rates, runtime=runtime)
    if base_rates is not None:
        raise InputError(f"base rates are for the shipped models; {path} holds a network that is not calibrated for them")
    _tell_of_torch(runtime)
    from aufait.detection.trained_network import NetworkPredictor
    from aufait.models.checkpoint import load_model

    network = load_model(path, device=device)
    notes = dict(header.get("notes") or {})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if (own := _own(network, str(header["model"]), digest, device)) is not None:
        return own
    return NetworkPredictor(
        network, name=str(header["model"]), sha256=digest, device=device, alignment=_trained_on(notes), video=alignment,
        attention=attention, notes=notes,
    )  # fmt: skip


def _tell_of_torch(runtime: Runtime) -> None:
    if runtime is not TORCH:
        told = f"runtime {runtime.name} is for the shipped models; this network runs in torch"
        warnings.warn(told, InputWarning, stacklevel=4)


def _own(network: object, name: str, sha256: str, device: str) -> WholeFacePredictor | None:
    """The predictor of a network that reads more than aligned faces; None for all others, and for what is not a network."""
    from aufait.models.contract import check_network
    from aufait.models.system import AUSystem

    if not isinstance(network, AUSystem) or not network.further_inputs:
        return None
    check_network(network, run=False)
    return network.eval().own_predictor(name=name, sha256=sha256, device=device)


def _network_path(model: str | Path) -> Path | None:
    """The weight file of a run's folder; None for what ``shipped`` resolves: names and files.

    Raises:
        InputError: a folder without a finished run, or a file of another kind.
    """
    from aufait.models.default.predictor import MODELS
    from aufait.models.default.shipped import DEFAULT

    path = Path(model)
    if str(model) in (DEFAULT, *MODELS):  # the list of all networks, below, takes a tenth of a second to load
        return None
    if path.is_dir():
        return _of_run(path)
    if path.suffix.lower() in _RELEASED:
        raise InputError(f"{path} is not a file of aufait; convert authors' files with: aufait import-checkpoint {path} --as ...")
    if path.suffix.lower() in _EXPORTED:
        raise InputError(f"{path} was exported for other programs; give the .safetensors file that it came from")
    if not path.is_file() and path.suffix == "" and path.name == str(model):
        from aufait.models.registry import list_models

        if path.name.lower() in list_models():
            raise InputError(
                f"{path.name!r} names a network, which has no weights yet; give a file or the folder of its training, see: aufait "
                "train --help"
            )
    return None


def _of_run(folder: Path) -> Path:
    record, weights = folder / "run.json", folder / MODEL_FILE
    if not weights.is_file():
        raise InputError(f"{folder} holds no {MODEL_FILE}; give the folder of a finished aufait train, or a .safetensors file")
    try:
        status = json.loads(record.read_text(encoding="utf-8")).get("status") if record.is_file() else "finished"
    except (ValueError, RecursionError, AttributeError, OSError) as error:
        raise InputError(f"{record} is damaged ({error}); train again, or give {weights} itself") from error
    if status != "finished":
        raise InputError(f"the run in {folder} is not finished; give the same aufait train command again to resume it")
    return weights


def _trained_on(notes: dict[str, Any]) -> str | None:
    """Alignment of the faces a network was trained on, where its file says so."""
    data = notes.get("data")
    parts = [one for one in data.values() if isinstance(one, dict)] if isinstance(data, dict) else []
    found = {str(one["alignment"]) for one in parts if "alignment" in one}
    return found.pop() if len(found) == 1 else None
