"""A network on a part of the data: who may be tested with it, its predictions, and the facts that go with them.

``aufait evaluate``, ``crossval`` and ``reproduce`` all test a fold in this way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aufait.data.dataset import AUDataset
from aufait.data.preparation.cache import FaceCache
from aufait.errors import InputError
from aufait.evaluation.networks import TrainedNetwork, check_leakage
from aufait.evaluation.predict import predict
from aufait.evaluation.predictions import Predictions
from aufait.models.system import AUSystem


@dataclass(eq=False)
class NetworkTest:
    """A trained network whose predictions are wanted; it is loaded when first needed.

    Attributes:
        network: from ``open_network``.
        split: part of the data, one of ``networks.SPLITS``; only "test" is checked for persons that the network has seen.
        batch: faces at a time.
        device: where it runs.
        shared: predict the action units that network and part share, where the part has others too.
        about: what else the predictions are to say about themselves: protocol, fold, recipe, ...
    """

    network: TrainedNetwork
    split: str = "test"
    batch: int = 32
    device: str = "cpu"
    shared: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)
    _model: AUSystem | None = field(default=None, init=False)

    @property
    def model(self) -> AUSystem:
        """The network, in evaluation mode."""
        if self._model is None:
            self._model = self.network.load(self.device)
        return self._model

    def predictions(
        self,
        cache: FaceCache,
        part: AUDataset,
        *,
        visible: str = "full",
        kept: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Predictions:
        """Predictions for every frame of a part.

        Args:
            cache: the faces.
            part: the frames, with the action units that are scored.
            visible: part of the face that is seen, see ``occlusion.CONDITIONS``.
            kept: file of an earlier call, which is read where it is of the same network, faces and frames, and written otherwise.
            progress: called with frames done and in all.

        Raises:
            InputError: a person of a test was trained on or chose the epoch, or no action unit is shared.
        """
        # An evaluation of all frames or of training subjects is marked as such in the report; a test must be one.
        leakage = check_leakage(self.network, part) if self.split == "test" else "none: not a test"
        about = {
            "model": self.network.name, "split": self.split, "network": self.network.digest(), "leakage": leakage,
            "seed": self.network.facts.get("seed", ""), **self.about,
        }  # fmt: skip
        found = None if kept is None else _earlier(kept, {**about, "cache": cache.fingerprint, "visible": visible}, part)
        if found is not None:
            return found
        found = predict(
            self.model, cache, part, action_units=self._units(part), batch=self.batch, device=self.device, visible=visible,
            alignment=self.network.alignment, about=about, progress=progress,
        )  # fmt: skip
        if kept is not None:
            found.save(kept, overwrite=True)
        return found

    def _units(self, part: AUDataset) -> tuple[int, ...]:
        if not self.shared:
            return part.action_units
        units = tuple(unit for unit in part.action_units if unit in self.model.action_units)
        if not units:
            protocol = self.about.get("protocol", "")
            raise InputError(f"network and protocol {protocol} share no action unit; choose another with --protocol")
        return units


def _earlier(path: Path, about: Mapping[str, Any], part: AUDataset) -> Predictions | None:
    """Predictions of an earlier call, if they are of the same network, faces and frames."""
    if not path.is_file():
        return None
    found = Predictions.load(path)
    same = all(found.about.get(key) == about[key] for key in ("network", "cache", "visible"))
    return found if same and len(found) == len(part) and found.action_units == part.action_units else None
