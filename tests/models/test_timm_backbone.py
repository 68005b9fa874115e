"""Backbones of timm: the contract with them in place, files, weights, and what is answered without them.

timm is no part of the development installation: it brings torchvision, whose build must fit that of torch.
"""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import aufait
from aufait.errors import InputError, MissingExtraError
from aufait.layers import timm_backbone
from aufait.models import registry
from aufait.models.registry import model_entry

BACKBONE = "timm:mobilenetv3_small_050"
"""Small, and no weight starts at zero; the other names below are tried for one property each."""


@pytest.fixture(scope="module")
def timm() -> ModuleType:
    try:
        import timm
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"timm cannot be imported here: {error}")
    return timm


@pytest.fixture(params=("abrnet", "resnet18"))
def name(request: pytest.FixtureRequest, timm: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A registered name whose network has a backbone of timm."""
    import test_model_contract as suite

    entry = model_entry(request.param)
    overrides = {**entry.overrides, "backbone": BACKBONE, "image_size": 96}
    own = replace(entry, name=f"{entry.name}-timm", overrides=overrides)
    monkeypatch.setattr(registry, "_ENTRIES", {**registry._ENTRIES, own.name: own})
    suite.small.cache_clear()
    yield own.name
    suite.small.cache_clear()


def promises() -> list[str]:
    import test_model_contract as suite

    tests = {word: function for word, function in vars(suite).items() if word.startswith("test_")}
    return sorted(word for word, function in tests.items() if "name" in inspect.signature(function).parameters)


@pytest.mark.parametrize("promise", promises())
def test_every_promise_of_the_contract_holds_with_a_backbone_of_timm(promise: str, name: str, tmp_path: Path) -> None:
    import test_model_contract as suite

    test = getattr(suite, promise)
    known: dict[str, Any] = {"name": name, "au_set": "disfa", "dtype": torch.bfloat16, "tmp_path": tmp_path}
    test(**{word: known[word] for word in inspect.signature(test).parameters})


def test_the_map_has_the_stride_that_the_system_needs(timm: ModuleType) -> None:
    assert aufait.create_model("abrnet", backbone="timm:resnet10t", image_size=96).local.region.stride == 4
    model = aufait.create_model("resnet18", backbone="timm:efficientnet_lite0", image_size=128)
    assert model.backbone.stride == 32 and model.classifier.in_features == model.backbone.out_channels == 320


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "vit_tiny_patch16_224"])
def test_transformers_give_their_last_map_with_channels_first(name: str, timm: ModuleType) -> None:
    with torch.device("meta"):
        model = aufait.create_model("resnet18", (1, 2), backbone=f"timm:{name}", image_size=224)
        shape = model.backbone(torch.zeros(1, 3, 224, 224)).shape
    assert shape == (1, model.backbone.out_channels, 224 // model.backbone.stride, 224 // model.backbone.stride)


def test_weights_of_a_file_are_taken_whole_or_refused(timm: ModuleType) -> None:
    torch.manual_seed(0)
    whole = timm.create_model("resnet10t", pretrained=False, num_classes=7)
    model = aufait.create_model("resnet18", (1, 2), backbone="timm:resnet10t", image_size=64).eval()
    model.use_backbone(whole.state_dict())
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model.backbone(images), whole.eval().forward_features(images))
    lacking = {key: value for key, value in whole.state_dict().items() if key != "layer1.0.conv1.weight"}
    with pytest.raises(InputError, match=r"not those of timm's resnet10t: layer1.0.conv1.weight missing"):
        model.use_backbone(lacking)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("abrnet", {"backbone": "timm:vit_tiny_patch16_224", "image_size": 224}, "strides 16, needed is 4"),
        ("resnet18", {"backbone": "timm:vit_tiny_patch16_224"}, "does not take images of 256 pixels"),
        ("resnet18", {"backbone": "timm:resnet18x"}, "no model 'resnet18x'; did you mean"),
        ("resnet18", {"backbone": "timm:hf-hub:somebody/something"}, "would be downloaded"),
    ],
)
def test_backbones_that_do_not_fit_are_refused(name: str, settings: dict[str, Any], words: str, timm: ModuleType) -> None:
    with pytest.raises(InputError, match=words):
        aufait.create_model(name, (1, 2), **settings)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("resnet18", {"backbone": "resnet50"}, "backbone must be one of resnet18, timm:NAME"),
        ("resnet18-a", {"backbone": "timm:resnet10t"}, "use_tdn adds differences inside"),
        ("abrnet", {"backbone": "timm:"}, "backbone must be one of region, timm:NAME"),
    ],
)
def test_settings_are_checked_without_timm(name: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        aufait.create_model(name, (1, 2), **settings)


def test_abrnets_own_module_has_no_weights_to_copy() -> None:
    with pytest.raises(InputError, match="set backbone to timm:NAME"):
        aufait.create_model("abrnet", (1, 2)).use_backbone({})


def importing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Make ``import timm`` raise."""
    real = builtins.__import__

    def other(name: str, *rest: Any, **named: Any) -> Any:
        if name == "timm":
            raise error
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", other)


def test_without_timm_the_install_command_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    importing(monkeypatch, ModuleNotFoundError("No module named 'timm'"))
    monkeypatch.setattr(timm_backbone, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"'timm:resnet10t' needs the 'timm' extra; .*pip install 'aufait\[timm\]'"):
        aufait.create_model("resnet18", (1, 2), backbone="timm:resnet10t")


def test_a_torchvision_of_another_build_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    importing(monkeypatch, RuntimeError("operator torchvision::nms does not exist"))
    monkeypatch.setattr(timm_backbone, "find_spec", lambda _: object())
    with pytest.raises(InputError, match=r"nms does not exist.*torchvision must be built for the torch"):
        aufait.create_model("resnet18", (1, 2), backbone="timm:resnet10t")
