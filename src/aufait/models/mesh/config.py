"""Settings of the mesh model as a system; its parts have their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from aufait.errors import InputError
from aufait.models.configuration import ModelConfig
from aufait.models.default.base_rates import REFERENCE_RATE
from aufait.models.default.branches import FeatureBranchConfig, MeshModelConfig, PhotoBranchConfig
from aufait.models.default.network import AUNetworkConfig
from aufait.models.default.photo_trunk import PHOTO_SIZE


@dataclass(frozen=True, kw_only=True)
class MeshSystemConfig(ModelConfig):
    """What is set of the parts; names and defaults are those of ``MeshModelConfig`` and ``AUNetworkConfig``."""

    SYSTEM: ClassVar[str] = "aufait-mesh"

    image_size: int = PHOTO_SIZE
    """Side of the crop of the photo trunk in pixels; no other."""

    branches: Mapping[str, Any] | None = None
    """Settings of ``MeshModelConfig`` besides the action units, as JSON has them; None for its defaults."""

    pixels: Mapping[str, Any] | None = None
    """Settings of ``AUNetworkConfig`` besides the action units, as JSON has them; None for its defaults."""

    reference_rate: float = REFERENCE_RATE
    """Base rate that the calibration is for."""

    def validate(self) -> None:
        """See ``ModelConfig.validate``."""
        self._choose("image_size", (PHOTO_SIZE,))
        if not 0 < self.reference_rate < 1:
            raise InputError(f"aufait-mesh: reference_rate is a share between 0 and 1, got {self.reference_rate}")
        try:
            self.branch_config()
            self.pixel_config()
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError(f"aufait-mesh: branches and pixels must hold settings of its parts ({error})") from error

    def branch_config(self) -> MeshModelConfig:
        """Sizes of the branches, and who votes about what."""
        given = dict(self.branches or {})
        if "features" in given:
            given["features"] = FeatureBranchConfig(**given["features"])
        if "photo" in given:
            given["photo"] = PhotoBranchConfig(**given["photo"])
        if "unheard" in given:
            given["unheard"] = tuple(tuple(units) for units in given["unheard"])
        if "tells_sides" in given:
            given["tells_sides"] = tuple(given["tells_sides"])
        return MeshModelConfig(action_units=self.action_units, **given)

    def pixel_config(self) -> AUNetworkConfig:
        """Sizes of the pixel branch."""
        given = self.pixels or {}
        sizes: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        return AUNetworkConfig(action_units=self.action_units, **sizes)
