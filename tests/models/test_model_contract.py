"""What every registered network promises, tested over ``list_models()``: shapes, masks, files, export, bad input."""

from __future__ import annotations

import copy
import dataclasses
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import aufait
from aufait.errors import InputError
from aufait.losses.labels import AULabels
from aufait.losses.statistics import LabelStatistics
from aufait.models.outputs import AUOutput
from aufait.models.registry import model_entry
from aufait.models.system import AUSystem
from aufait.models.training_labels import TrainingLabels

NAMES = aufait.list_models()
FAMILIES = ("abrnet", "arl", "aufait-compact", "aufait-mesh", "aunet", "deep-regions", "drml", "jaa-net-v2", "mgrr-net", "resnet18")
"""One name per class of network, the one with most parts and inputs; what does not depend on the switches is tested on these."""

AU_SET = (1, 4, 12)
"""Three action units that every system has rules for: enough for the contract and quick."""


@lru_cache(maxsize=3)
def small(name: str) -> AUSystem:
    """A network for three action units in evaluation mode, with statistics of its norms away from 0 and 1."""
    torch.manual_seed(0)
    # FAN's sides are free, and half of them takes a quarter of the time.
    sizes = {"image_size": 128} if model_entry(name).config.SYSTEM == "aunet" else {}
    model = aufait.create_model(name, AU_SET, **sizes)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    return model.eval()


def run(model: AUSystem, inputs: dict[str, Tensor]) -> AUOutput:
    with torch.no_grad():
        return model(**inputs)


def labels_for(model: AUSystem, batch: int, *, known: Tensor | None = None) -> AULabels:
    generator = torch.Generator().manual_seed(3)
    count = len(model.action_units)
    occurrence = (torch.rand(batch, count, generator=generator) < 0.5).float()
    occurrence[0, 0], occurrence[-1, 0] = 1.0, 0.0
    from aufait.models.system import _example_landmarks

    return AULabels(
        occurrence=occurrence,
        intensity=occurrence * torch.randint(1, 6, (batch, count), generator=generator),
        known=known,
        landmarks=_example_landmarks(batch, model.config.image_size, generator),
        dataset=torch.zeros(batch, dtype=torch.long),
    )


def statistics() -> LabelStatistics:
    generator = torch.Generator().manual_seed(5)
    return LabelStatistics.from_labels((torch.rand(400, len(AU_SET), generator=generator) < 0.3).float())


def criterion_for(model: AUSystem) -> nn.Module:
    generator = np.random.default_rng(0)
    labels = TrainingLabels(
        AU_SET, generator.integers(0, 2, (64, len(AU_SET))).astype(np.float32), np.ones((64, len(AU_SET)), bool),
        np.zeros(64, np.int64), ("example",), settings={"epochs": 1},
    )  # fmt: skip
    return aufait.create_criterion(model, statistics(), **model.criterion_arguments(labels))


def named_tensors(output: AUOutput) -> dict[str, Tensor]:
    found = {k: v for k, v in vars(output).items() if isinstance(v, Tensor)}
    return found | output.extra


def test_the_five_systems_and_their_baselines_are_registered() -> None:
    expected = {
        "arl", "iarl", "parl", "deep-regions", "mgrr-net", "aunet", "au-fan", "au-vae", "au-tdn", "abrnet", "jaa-net-v1",
        "jaa-net-v2", "drml", "resnet18", "resnet18-a", "convnet",
    }  # fmt: skip
    assert expected <= set(NAMES)


def test_every_class_of_network_is_among_the_families() -> None:
    assert {model_entry(name).network for name in FAMILIES} == {model_entry(name).network for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_says_what_it_is(name: str) -> None:
    entry = model_entry(name)
    assert entry.summary and entry.paper
    assert name == name.lower()


@pytest.mark.parametrize("au_set", ["bp4d", "disfa", "disfa_intensity", "fera2015", "fera2017", "affwild2", "mixed", (2, 26)])
@pytest.mark.parametrize("name", NAMES)
def test_every_au_set_can_be_built(name: str, au_set: Any) -> None:
    with torch.device("meta"):
        model = aufait.create_model(name, au_set)
    expected = au_set if isinstance(au_set, tuple) else aufait.models.configuration.resolve_au_set(au_set)
    assert model.action_units == expected


@pytest.mark.parametrize("name", NAMES)
def test_output_shapes_and_ranges(name: str) -> None:
    model = small(name)
    output = run(model, model.example_inputs(2))
    assert output.logits.shape == (2, 3)
    for key, tensor in named_tensors(output).items():
        assert tensor.isfinite().all(), key
    if output.intensity is not None:
        assert output.intensity.shape == (2, 3) and output.intensity.min() >= 0 and output.intensity.max() <= 5
    if output.landmarks is not None:
        assert output.landmarks.shape[0] == 2 and output.landmarks.shape[2] == 2
    if output.attention_maps is not None:
        assert output.attention_maps.shape[:2] == (2, 3)
        assert output.attention_maps.min() >= 0 and output.attention_maps.max() <= 1
    if output.relations is not None:
        assert output.relations.shape[0] == 2 and output.relations.shape[-2:] == (3, 3)


@pytest.mark.parametrize("name", NAMES)
def test_a_face_does_not_depend_on_its_batch(name: str) -> None:
    model = small(name)
    inputs = model.example_inputs(2)
    together = named_tensors(run(model, inputs))
    alone = named_tensors(run(model, {key: value[1:] for key, value in inputs.items()}))
    for key, tensor in together.items():
        if tensor.shape[0] == 2:  # not what belongs to the network rather than to a face
            torch.testing.assert_close(tensor[1:], alone[key], atol=1e-4, rtol=1e-4, msg=lambda m, key=key: f"{key}: {m}")


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_trainable_parameter(name: str) -> None:
    torch.manual_seed(1)
    model = aufait.create_model(name, AU_SET).train()
    losses = criterion_for(model)(model(**model.example_inputs(2)), labels_for(model, 2))
    losses.total.backward()
    assert losses.total.ndim == 0 and losses.total.isfinite()
    dead = [key for key, value in model.named_parameters() if value.requires_grad and value.grad is None]
    assert not dead, f"no gradient reaches {dead}"
    # The weights themselves must feel the loss; a bias before a normalisation rightly does not.
    numb = [key for key, value in model.named_parameters() if value.grad is not None and value.ndim > 1 and not value.grad.any()]
    assert not numb, f"the loss does not depend on {numb}"
    broken = [key for key, value in model.named_parameters() if value.grad is not None and not value.grad.isfinite().all()]
    assert not broken


@pytest.mark.parametrize("name", NAMES)
def test_unknown_labels_change_nothing(name: str) -> None:
    model = small(name)
    output = run(model, model.example_inputs(3))
    criterion = criterion_for(model)
    known = torch.tensor([[True, True, False], [True, False, True], [True, True, True]])
    clean = labels_for(model, 3, known=known)
    assert clean.occurrence is not None and clean.intensity is not None
    wild = dataclasses.replace(
        clean, occurrence=torch.where(known, clean.occurrence, 9.0), intensity=torch.where(known, clean.intensity, float("nan"))
    )
    expected, got = criterion(output, clean), criterion(output, wild)
    torch.testing.assert_close(got.total, expected.total)
    for key, term in expected.terms.items():
        assert term.ndim == 0 and term.isfinite(), key
        torch.testing.assert_close(got.terms[key], term)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_without_a_known_label_gives_a_finite_loss(name: str) -> None:
    model = small(name)
    output = run(model, model.example_inputs(2))
    losses = criterion_for(model)(output, labels_for(model, 2, known=torch.zeros(2, 3, dtype=torch.bool)))
    assert losses.total.isfinite()


@pytest.mark.parametrize("name", NAMES)
def test_saving_and_loading_keeps_settings_and_outputs(name: str, tmp_path: Path) -> None:
    model = small(name)
    inputs = model.example_inputs(1)
    path = aufait.save_model(model, tmp_path / "model.safetensors", name=name, notes={"data": "random"})
    loaded = aufait.load_model(path)
    assert loaded.config == model.config and not loaded.training
    torch.testing.assert_close(run(loaded, inputs).logits, run(model, inputs).logits)
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", FAMILIES)
def test_autocast_agrees_with_float32(name: str, dtype: torch.dtype) -> None:
    model = small(name)
    inputs = model.example_inputs(1)
    expected = run(model, inputs).logits
    with torch.autocast("cpu", dtype=dtype):
        rough = run(model, inputs).logits.float()
    # bfloat16 has eight bits; what matters is that nothing overflows, mixes types or loses the signal.
    scale = expected.abs().max().clamp(min=0.1)
    assert (rough - expected).abs().max() < 0.2 * scale + 0.05


@pytest.mark.parametrize("name", FAMILIES)
def test_channels_last_agrees_with_channels_first(name: str) -> None:
    model = small(name)
    inputs = model.example_inputs(1)
    expected = run(model, inputs).logits
    images = inputs["images"]
    if images.ndim == 4:
        images = images.to(memory_format=torch.channels_last)
    last = copy.deepcopy(model).to(memory_format=torch.channels_last)
    torch.testing.assert_close(run(last, inputs | {"images": images}).logits, expected, atol=1e-4, rtol=1e-4)


ROWS = {name for name in NAMES if name.startswith(("mgrr-net-", "abrnet-"))}
"""Rows of ablation tables: their layers are those of the whole network."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in ROWS)) for name in NAMES])
def test_torch_export_with_any_batch_agrees_with_eager(name: str) -> None:
    model = small(name)
    dynamic = {key: {0: torch.export.Dim("batch", min=1, max=64)} for key in model.example_inputs(1)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(model, (), model.example_inputs(2), dynamic_shapes=dynamic, strict=False)
    inputs = model.example_inputs(3, seed=4)
    expected = named_tensors(run(model, inputs))
    with torch.no_grad():
        got = named_tensors(program.module()(**inputs))
    assert got.keys() == expected.keys()
    for key, tensor in expected.items():
        torch.testing.assert_close(got[key], tensor, atol=1e-4, rtol=1e-4, msg=lambda m, key=key: f"{key}: {m}")


@pytest.mark.parametrize("name", FAMILIES)
def test_torch_compile_agrees_with_eager(name: str) -> None:
    model = small(name)
    inputs = model.example_inputs(2)
    torch.compiler.reset()
    # The "eager" back end traces the whole graph as others do, without minutes of code generation.
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(run(compiled, inputs).logits, run(model, inputs).logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_wrong_inputs_are_answered_with_what_was_expected(name: str) -> None:
    model = small(name)
    inputs = model.example_inputs(2)
    images, size = inputs["images"], model.config.image_size
    cases = {
        str(size): images[..., : size - 8],
        "float": (images * 255).byte(),
        "divide": images * 255,
        "NaN": torch.full_like(images, float("nan")),
        "empty": images[:0],
    }
    for word, wrong in cases.items():
        rest = {key: value[: len(wrong)] for key, value in inputs.items() if key != "images"}
        with pytest.raises(InputError, match=word):
            run(model, {"images": wrong, **rest})
    if model.landmark_points:
        with pytest.raises(InputError, match="landmarks"):
            run(model, {"images": images})
        with pytest.raises(InputError, match="as a tensor, got list"):
            run(model, inputs | {"landmarks": inputs["landmarks"].tolist()})
        with pytest.raises(InputError, match="2 images but landmarks of 1"):
            run(model, {"images": images, "landmarks": inputs["landmarks"][:1]})


@pytest.mark.parametrize("name", FAMILIES)
def test_settings_are_strict(name: str) -> None:
    with pytest.raises(InputError, match="no setting 'imagesize'; did you mean 'image_size'"):
        aufait.create_model(name, AU_SET, imagesize=176)
    with pytest.raises(InputError, match=r"no setting 'zzz'\. Its settings: image_size"):
        aufait.create_model(name, AU_SET, zzz=1)
    with pytest.raises(InputError, match="image_size must be int"):
        aufait.create_model(name, AU_SET, image_size="176")


def test_typos_are_answered_with_the_nearest_names() -> None:
    with pytest.raises(InputError, match="did you mean 'mgrr-net'"):
        aufait.create_model("mgrrnet")
    with pytest.raises(InputError, match="did you mean 'disfa'"):
        aufait.create_model("arl", au_set="disffa")
    with pytest.raises(InputError, match="FACS numbers, got \\[3\\]"):
        aufait.create_model("arl", au_set=(1, 3))
    with pytest.raises(InputError, match="or AU numbers such as \\(1, 2, 12\\), got 12"):
        aufait.create_model("arl", au_set=12)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="lambda_cos must be a finite number below"):
        aufait.create_model("arl", AU_SET, lambda_cos=float("nan"))
    with pytest.raises(InputError, match="each one once"):
        aufait.create_model("arl", au_set=(1, 1))


def test_patterns_select_names() -> None:
    assert aufait.list_models("i*arl") == ["iarl"]
    assert aufait.list_models("nothing*") == []


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    model = small("drml")
    path = aufait.save_model(model, tmp_path / "drml.safetensors", name="drml")
    with pytest.raises(InputError, match=r"predicts AUs \(1, 4, 12\), asked for"):
        aufait.load_model(path, au_set="disfa")
    with pytest.raises(InputError, match="is the name of"):
        aufait.save_model(model, tmp_path / "x.safetensors", name="arl")
    with pytest.raises(InputError, match="expected a configuration of 'arl', got one of 'drml'"):
        model_entry("arl").config.from_dict(model.config.to_dict())
    with pytest.raises(InputError, match="got 5"):
        model_entry("drml").config.from_dict(model.config.to_dict() | {"action_units": 5})
    with pytest.raises(aufait.MissingModelError, match="no model file"):
        aufait.load_model(tmp_path / "absent.safetensors")
    whole = path.read_bytes()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a whole safetensors file"):
        aufait.load_model(cut)


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="does not say which network it holds"):
        aufait.load_model(path)
