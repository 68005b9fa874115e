"""A network as the papers train it: which one, under which protocol, from where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PaperRun:
    """One network trained on the training part of a protocol's folds; items of all papers share them.

    Attributes:
        name: "model/protocol", with a third part where settings differ: "abrnet/disfa_plus/m=2".
        model: name in ``aufait.models``.
        protocol: name in ``aufait.data.protocols``.
        settings: of the model, where they differ from those of its name.
        start: run whose weights it starts from, by name.
        pretrained: whether its backbone starts from weights of ImageNet.
    """

    name: str
    model: str
    protocol: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    start: str | None = None
    pretrained: bool = False

    @property
    def folds(self) -> tuple[int, ...]:
        """Numbers of the folds of its protocol."""
        from aufait.data.protocols import get_protocol

        return tuple(fold.number for fold in get_protocol(self.protocol).folds)
