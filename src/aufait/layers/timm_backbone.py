"""A backbone of the ``timm`` collection instead of a system's own: ``backbone="timm:NAME"``.

Of the network that timm builds, the part up to one feature map is used. Nothing is ever downloaded: it is untrained unless you give
a file of weights (``use_weights``). Names that timm would read from the network, such as "hf-hub:...", are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from aufait.errors import InputError, MissingExtraError
from aufait.files.weights import uncounted

PREFIX = "timm:"
"""What a setting starts with that names a backbone of timm."""


def is_timm(backbone: str) -> bool:
    """Whether a setting names a backbone of timm; says nothing about whether there is such a one."""
    return backbone.startswith(PREFIX) and len(backbone) > len(PREFIX)


class TimmBackbone(nn.Module):
    """(B, 3, S, S) -> one feature map (B, out_channels, S / stride, S / stride).

    Args:
        backbone: "timm:NAME".
        image_size: S.
        stride: wanted; None takes the last map, whatever its stride.

    Attributes:
        out_channels, stride: of the map, as timm states them.

    Raises:
        MissingExtraError: timm is not installed.
        InputError: no such name, no map of that stride, or a network that does not take images of that size.
    """

    def __init__(self, backbone: str, image_size: int, *, stride: int | None = None) -> None:
        super().__init__()
        self.name = backbone.removeprefix(PREFIX)
        timm = _timm(backbone)
        _check_name(timm, self.name)
        with uncounted():
            self._build(timm, backbone, image_size, stride)

    def _build(self, timm: Any, backbone: str, image_size: int, stride: int | None) -> None:
        with torch.device("meta"):
            info = _features(timm, self.name).feature_info
            strides = [int(one) for one in info.reduction()]
            if stride is not None and stride not in strides:
                there = ", ".join(map(str, sorted(set(strides))))
                raise InputError(f"{backbone} has feature maps of strides {there}, needed is {stride}; timm:resnet18 has one")
            chosen = len(strides) - 1 if stride is None else max(k for k, one in enumerate(strides) if one == stride)
            place = int(info.out_indices[chosen])
            self.stride, self.out_channels = strides[chosen], int(info.channels()[chosen])
            self._try(_features(timm, self.name, place).eval(), backbone, image_size)
        self.body = _features(timm, self.name, place)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, out_channels, S / stride, S / stride)."""
        found: Tensor = self.body(images)[0]
        return found

    def use_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Copy weights of the whole network, with timm's names; what is beyond the map, such as the classifier, is left out.

        Raises:
            InputError: the weights are of another network.
        """
        network = self.body.model  # the part that timm keeps, under the names of the whole
        own = network.state_dict()
        wrong = [name for name, value in own.items() if name not in weights or weights[name].shape != value.shape]
        wrong = [name for name in wrong if not name.endswith("num_batches_tracked")]  # absent from older files
        if wrong:
            shown = ", ".join(wrong[:3]) + (", ..." if len(wrong) > 3 else "")
            raise InputError(
                f"the weights are not those of timm's {self.name}: {shown} missing or of another shape; give its state dict as "
                "timm saves it"
            )
        network.load_state_dict({**own, **{name: weights[name] for name in own if name in weights}})

    def _try(self, body: nn.Module, backbone: str, image_size: int) -> None:
        """Raise unless images of that size give the map that timm states; costs no arithmetic."""
        side = image_size // self.stride
        try:
            shape = tuple(body(torch.zeros(1, 3, image_size, image_size, device="meta"))[0].shape[1:])
        except (AssertionError, RuntimeError, ValueError) as error:
            raise InputError(f"{backbone} does not take images of {image_size} pixels: {error}; set image_size") from error
        if shape != (self.out_channels, side, side):
            raise InputError(
                f"{backbone} makes a map {shape} of {image_size} pixels, expected ({self.out_channels}, {side}, {side}); choose "
                "another backbone or image_size"
            )


def _timm(backbone: str) -> Any:
    try:
        import timm
    except (ImportError, RuntimeError) as error:
        if find_spec("timm") is None:
            raise MissingExtraError(f"the backbone {backbone!r}", "timm") from error
        raise InputError(
            f"timm is installed but cannot be imported ({error}); its torchvision must be built for the torch that is here"
        ) from error
    return timm


def _check_name(timm: Any, name: str) -> None:
    if ":" in name or "/" in name:
        raise InputError(f"{PREFIX}{name} would be downloaded; give a name of timm.list_models(), and weights as a file")
    if not timm.is_model(name.partition(".")[0]):
        near = get_close_matches(name, timm.list_models(), n=3)
        raise InputError(f"timm has no model {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))


def _features(timm: Any, name: str, place: int | None = None) -> Any:
    """The network up to its map ``place``, channels first; None for all maps. What comes after it is not kept."""
    places = {} if place is None else {"out_indices": (place,)}
    try:
        return timm.create_model(name, pretrained=False, features_only=True, feature_cls="getter", **places)
    except (RuntimeError, AttributeError, AssertionError) as error:
        raise InputError(f"timm's {name} gives no feature maps ({error}); choose another backbone") from error
