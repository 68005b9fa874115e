"""Networks that break the contract: each is answered with the method or attribute and what came, before a number is believed."""

from __future__ import annotations

import pytest
import torch
from fakes import FakeFinder, textured
from networks import Echo, EchoConfig
from torch import nn

from aufait.detection.detector import Detector
from aufait.errors import InputError
from aufait.models.explanation import Explanation
from aufait.models.outputs import AUOutput


class Tensors(Echo):
    def forward(self, images, landmarks=None):
        return super().forward(images, landmarks).logits


class OtherCount(Echo):
    def forward(self, images, landmarks=None):
        return AUOutput(logits=torch.zeros(1, 3))


class FlatMaps(Echo):
    def forward(self, images, landmarks=None):
        return AUOutput(logits=torch.zeros(1, 2), attention_maps=torch.zeros(1, 2, 3))


class Diverged(Echo):
    def forward(self, images, landmarks=None):
        return AUOutput(logits=torch.full((1, 2), float("nan")))


class Raising(Echo):
    def forward(self, images, landmarks=None):
        raise KeyError("boom")


class NoLandmarks(Echo):
    def forward(self, images):
        return AUOutput(logits=torch.zeros(1, 2))


class Nowhere(Echo):
    input_alignment = "nowhere"


class Unmade(Echo):
    def __init__(self, config):
        nn.Module.__init__(self)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Tensors, r"Tensors.forward must return an aufait.AUOutput\(logits=...\), got a tensor \(1, 2\)"),
        (OtherCount, r"OtherCount.forward must return logits of shape \(1, 2\), got a tensor \(1, 3\)"),
        (FlatMaps, r"attention_maps of shape \(1, 2, H, W\), got a tensor \(1, 2, 3\)"),
        (Diverged, "Diverged.forward returned logits that are not finite"),
        (Raising, r"Raising.forward, of \w+, raised KeyError: 'boom'"),
        (NoLandmarks, "NoLandmarks.forward must take images and landmarks=None, it takes images"),
        (Nowhere, "Nowhere.input_alignment must be one of .*, got 'nowhere'"),
        (Unmade, r"Unmade.config must be a ModelConfig, got NoneType; call super\(\).__init__\(config\)"),
    ],
)
def test_a_network_that_breaks_the_contract_is_told_which_method_and_what_came(kind: type[Echo], words: str) -> None:
    with pytest.raises(InputError, match=words), made(kind) as detector:
        detector.analyze_image(textured(120, 120))


def test_an_error_of_our_own_networks_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raising, "__module__", "aufait.models.example")
    with pytest.raises(KeyError), made(Raising) as detector:
        detector.analyze_image(textured(120, 120))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (torch.zeros(1, 2, 3, 3), r"Telling.explain must return an Explanation\(kind, maps, meaning\) or None, got a tensor"),
        (Explanation("mine", torch.zeros(1, 5, 3, 3), ""), r"Telling.explain must return maps of shape \(1, 2, H, W\), got a"),
        (Explanation("mine", torch.full((1, 2, 3, 3), -1.0), ""), "Telling.explain returned maps that are negative or not finite"),
    ],
)
def test_an_explanation_that_is_none_is_told_apart(told: object, words: str) -> None:
    class Telling(Echo):
        def explain(self, images, landmarks=None):
            return told

    with pytest.raises(InputError, match=words), made(Telling) as detector:
        detector.explain(textured(120, 120))


def made(kind: type[Echo]) -> Detector:
    return Detector(finder=FakeFinder(), model=kind(EchoConfig(action_units=(1, 2))), device="cpu")
