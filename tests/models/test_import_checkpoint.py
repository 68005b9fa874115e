"""Authors' checkpoints: every tensor goes where it belongs, and everything else is refused with a reason.

The files are made by rule (``released_layouts``). The oracles below compute with the released tensors under their released
names, so that they share nothing with the rules under test.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import released_layouts as layouts
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import JAANetLoop
from torch import Tensor, nn
from typer.testing import CliRunner

from aufait import create_model, load_model
from aufait.action_units import AU_SETS
from aufait.cli.app import app
from aufait.errors import AufaitError, InputError, MissingModelError
from aufait.models.aunet.released import fill_head, head_rules
from aufait.models.fan import load_aligner
from aufait.models.import_checkpoint import import_checkpoint, read_checkpoint
from aufait.models.import_checkpoint.reading import read_state_dict
from aufait.models.jaa_net import released as jaa_net_release

runner = CliRunner()
Weights = dict[str, Tensor]


def change(weights: Weights, **changes: Tensor) -> Weights:
    return {**weights, **changes}


# --- layouts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "entries"),
    [
        *(
            (f"jaa/{name}/{part}{f'_v{version}' if part == 'local_au_net' else ''}", layouts.jaa_net(count, version)[part])
            for name, count in (("BP4D_12", 12), ("DISFA_8", 8))
            for version in (1, 2)
            for part in jaa_net_release.PARTS
        ),
        *((f"aunet/AUFAN_TDN_{count}", layouts.aunet_head(count)) for count in (12, 8, 15)),
        ("aunet/AUFAN_12", layouts.aufan_head(12)),
        ("aunet/2dfan2", layouts.fan(2)),
        ("face_alignment/2DFAN4", layouts.fan(4)),
    ],
)
def test_layouts_made_by_rule_are_the_recorded_ones(key: str, entries: layouts.Entries, shared: Path) -> None:
    recorded = json.loads((shared / "specs" / "state_dict_layouts.json").read_text())["layouts"][key]["entries"]
    assert [(name, tuple(shape)) for name, shape in recorded] == entries


@pytest.mark.parametrize(("au_set", "version"), [("bp4d", 1), ("bp4d", 2), ("disfa", 1), ("disfa", 2)])
def test_jaa_net_rules_use_every_released_tensor_once_and_fill_the_whole_network(au_set: str, version: int) -> None:
    with torch.device("meta"):
        model = create_model(f"jaa-net-v{version}", au_set)
    count = len(AU_SETS[au_set])
    targets: list[str] = []
    for part, entries in layouts.jaa_net(count, version).items():
        rules = jaa_net_release.rules(part, count, version)
        assert sorted(name for rule in rules for name in rule.sources) == sorted(name for name, _ in entries)
        targets += [rule.target for rule in rules]
    assert sorted(targets) == sorted(model.state_dict())


@pytest.mark.parametrize(("name", "entries"), [("aunet", layouts.aunet_head(12)), ("au-fan", layouts.aufan_head(12))])
def test_heads_have_the_released_order(name: str, entries: layouts.Entries) -> None:
    with torch.device("meta"):
        head = create_model(name).head
    shapes = {key: tuple(value.shape) for key, value in head.state_dict().items()}
    assert [(rule.sources[0], shapes[rule.target]) for rule in head_rules(head)] == entries


# --- JAA-Net ---------------------------------------------------------------------------------------------------------

TWO_UNITS = (4, 12)


@pytest.fixture(scope="module")
def jaa_files() -> dict[str, OrderedDict[str, Tensor]]:
    """One epoch of version 2 with two action units; the landmarks are on the face."""
    files = {part: layouts.random_weights(entries, seed) for seed, (part, entries) in enumerate(layouts.jaa_net(2, 2).items())}
    files["align_net"]["align_output.1.bias"] = torch.rand(98, generator=torch.Generator().manual_seed(9)) * 120 + 28
    return files


@pytest.fixture(scope="module")
def jaa_folder(jaa_files: dict[str, OrderedDict[str, Tensor]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jaa")
    for part, weights in jaa_files.items():
        torch.save(weights, folder / f"{part}_4.pth")
    return folder


def fill_loop(loop: JAANetLoop, files: dict[str, OrderedDict[str, Tensor]]) -> None:
    """Released tensors into the loop oracle, layer by layer: only names change."""

    def fill(module: nn.Module, weights: Weights, *renames: tuple[str, str]) -> None:
        renamed = {}
        for name, value in weights.items():
            for pattern, replacement in renames:
                name = re.sub(pattern, replacement, name)
            renamed[name] = value
        module.load_state_dict(renamed, strict=True)

    def part(name: str, prefix: str) -> Weights:
        return {key.removeprefix(prefix): value for key, value in files[name].items() if key.startswith(prefix)}

    fill(
        loop.region, files["region_learning"],
        (r"multiscale_feat\.0", "stages.0"), (r"multiscale_feat\.2", "stages.1"),
        (r"local_conv_branch1", "branches.0"), (r"local_conv_branch2", "branches.1"), (r"local_conv_branch3", "branches.2"),
        (r"\.bns\.", ".norms."), (r"\.bn\.", ".norm."),
    )  # fmt: skip
    fill(loop.align, part("align_net", "align_feat."), ("feat_extract", "layers"))
    fill(loop.align_output, part("align_net", "align_output."))
    fill(loop.refinement, files["local_attention_refine"], ("local_aus_attention", "branches"))
    fill(loop.local, part("local_au_net", "local_aus_branch."), ("feat_extract", "layers"))
    fill(loop.local_output, part("local_au_net", "local_aus_output."))
    fill(loop.whole, files["global_au_feat"], ("feat_extract", "layers"))
    fill(loop.au_output, part("au_net", "au_output."))


def test_imported_jaa_net_computes_what_the_released_layers_compute(
    jaa_folder: Path, jaa_files: dict[str, OrderedDict[str, Tensor]], tmp_path: Path
) -> None:
    report = import_checkpoint(jaa_folder, "jaanet-v2", tmp_path / "jaa.safetensors", au_set=TWO_UNITS)
    model = load_model(tmp_path / "jaa.safetensors")
    loop = JAANetLoop(create_model("jaa-net-v2", TWO_UNITS).eval())
    fill_loop(loop, jaa_files)
    images = model.example_inputs(2)["images"]
    with torch.no_grad():
        ours, theirs = model(images), loop(images)
    torch.testing.assert_close(ours.landmarks, theirs.landmarks, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(ours.attention_maps, theirs.attention_maps, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.logits, theirs.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.extra["local_logits"], theirs.extra["local_logits"], atol=1e-4, rtol=1e-4)
    assert report.action_units == model.action_units == TWO_UNITS
    assert report.parameters == sum(file.parameters for file in report.files)
    assert model.region_learning.stages[0].norm.num_batches_tracked == 7


def test_files_saved_from_several_gpus_and_without_counters_are_read_too(
    jaa_folder: Path, jaa_files: dict[str, OrderedDict[str, Tensor]], tmp_path: Path
) -> None:
    for name, weights in jaa_files.items():
        kept = {f"module.{key}": value for key, value in weights.items() if not key.endswith("num_batches_tracked")}
        torch.save(kept, tmp_path / f"{name}_1.pth")
    model, _ = read_checkpoint(tmp_path, "jaanet-v2", au_set=TWO_UNITS)
    plain, _ = read_checkpoint(jaa_folder, "jaanet-v2", au_set=TWO_UNITS)
    counters = {key for key in plain.state_dict() if key.endswith("num_batches_tracked")}
    assert all(model.state_dict()[key].equal(value) for key, value in plain.state_dict().items() if key not in counters)


def test_jaa_net_needs_a_choice_of_epoch_among_several(jaa_folder: Path, tmp_path: Path) -> None:
    for path in jaa_folder.iterdir():
        for epoch in (4, 11):
            (tmp_path / path.name.replace("_4.", f"_{epoch}.")).symlink_to(path)
    with pytest.raises(InputError, match=r"epochs 4, 11; choose one with --epoch"):
        read_checkpoint(tmp_path, "jaanet-v2", au_set=TWO_UNITS)
    with pytest.raises(MissingModelError, match="no epoch 5; it has 4, 11"):
        read_checkpoint(tmp_path, "jaanet-v2", au_set=TWO_UNITS, epoch=5)
    (tmp_path / "au_net_11.pth").unlink()
    with pytest.raises(MissingModelError, match=r"lacks au_net_11\.pth"):
        read_checkpoint(tmp_path, "jaanet-v2", au_set=TWO_UNITS, epoch=11)
    read_checkpoint(tmp_path, "jaanet-v2", au_set=TWO_UNITS, epoch=4)


def test_jaa_net_errors_say_what_is_wrong(jaa_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"from JAA-Net v2, not v1; import it with --as jaanet-v2"):
        read_checkpoint(jaa_folder, "jaanet-v1", au_set=TWO_UNITS)
    with pytest.raises(InputError, match=r"predicts 2 AUs; released files have 12 \(bp4d\)"):
        read_checkpoint(jaa_folder, "jaanet-v2")
    with pytest.raises(InputError, match=r"predicts 2 AUs, the AU set 'disfa' has 8"):
        read_checkpoint(jaa_folder, "jaanet-v2", au_set="disfa")
    with pytest.raises(InputError, match="is a file; expected a folder"):
        read_checkpoint(jaa_folder / "au_net_4.pth", "jaanet-v2")
    with pytest.raises(MissingModelError, match="does not exist"):
        read_checkpoint(tmp_path / "nowhere", "jaanet-v2")
    with pytest.raises(MissingModelError, match=r"holds no epoch of JAA-Net; expected files region_learning_E\.pth"):
        read_checkpoint(tmp_path, "jaanet-v2")


# --- FAN and AUNet ---------------------------------------------------------------------------------------------------


def batch_norm(x: Tensor, w: Weights, name: str) -> Tensor:
    mean, var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
    shape = (1, -1) + (1,) * (x.ndim - 2)
    scaled = (x - mean.view(shape)) / (var.view(shape) + 1e-5).sqrt()
    return scaled * w[f"{name}.weight"].view(shape) + w[f"{name}.bias"].view(shape)


def convolve(x: Tensor, w: Weights, name: str, *, stride: int = 1) -> Tensor:
    kernel = w[f"{name}.weight"]
    return F.conv2d(x, kernel, w.get(f"{name}.bias"), stride, kernel.shape[-1] // 2)


def run_block(x: Tensor, w: Weights, name: str) -> Tensor:
    first = convolve(batch_norm(x, w, f"{name}.bn1").relu(), w, f"{name}.conv1")
    second = convolve(batch_norm(first, w, f"{name}.bn2").relu(), w, f"{name}.conv2")
    third = convolve(batch_norm(second, w, f"{name}.bn3").relu(), w, f"{name}.conv3")
    if f"{name}.downsample.0.weight" in w:
        x = convolve(batch_norm(x, w, f"{name}.downsample.0").relu(), w, f"{name}.downsample.2")
    return torch.cat([first, second, third], 1) + x


def run_hourglass(x: Tensor, w: Weights, name: str, pool: str, level: int = 4) -> Tensor:
    upper = run_block(x, w, f"{name}.b1_{level}")
    lower = run_block(halve(x, pool), w, f"{name}.b2_{level}")
    lower = run_hourglass(lower, w, name, pool, level - 1) if level > 1 else run_block(lower, w, f"{name}.b2_plus_1")
    lower = run_block(lower, w, f"{name}.b3_{level}")
    return upper + lower.repeat_interleave(2, -1).repeat_interleave(2, -2)


def halve(x: Tensor, pool: str) -> Tensor:
    return F.max_pool2d(x, 2) if pool == "max" else F.avg_pool2d(x, 2)


def run_fan(images: Tensor, w: Weights, stacks: int, pool: str) -> tuple[Tensor, list[Tensor], Tensor]:
    """Low-level feature, features of the stacks, heat maps of the last stack."""
    x = batch_norm(convolve(images, w, "conv1", stride=2), w, "bn1").relu()
    low = x = run_block(run_block(halve(run_block(x, w, "conv2"), pool), w, "conv3"), w, "conv4")
    features, maps = [], x
    for stack in range(stacks):
        inner = run_block(run_hourglass(x, w, f"m{stack}", pool), w, f"top_m_{stack}")
        inner = batch_norm(convolve(inner, w, f"conv_last{stack}"), w, f"bn_end{stack}").relu()
        maps = convolve(inner, w, f"l{stack}")
        if stack < stacks - 1:
            inner = convolve(inner, w, f"bl{stack}")
            x = x + inner + convolve(maps, w, f"al{stack}")
        features.append(inner)
    return low, features, maps


def combined_feature(images: Tensor, w: Weights) -> Tensor:
    low, (first, second), maps = run_fan(images, w, 2, "max")
    mask = maps.sum(1, keepdim=True)
    return torch.cat([low, mask * first, mask * second], 1)


def classify(x: Tensor, w: Weights) -> Tensor:
    hidden = F.avg_pool2d(x, 4).flatten(1) @ w["predictor.0.weight"].T + w["predictor.0.bias"]
    return batch_norm(hidden, w, "predictor.1").relu() @ w["predictor.3.weight"].T + w["predictor.3.bias"]


def run_single_frame_head(features: Tensor, w: Weights) -> Tensor:
    x = convolve(features, w, "conv1x1")
    for index in (0, 2, 4, 6):
        x = F.max_pool2d(run_block(x, w, f"ConvNet.{index}"), 2)
    return classify(x, w)


def run_three_frame_head(current: Tensor, earlier: Tensor, later: Tensor, w: Weights) -> Tensor:
    change = F.avg_pool2d(torch.cat([current - earlier, later - current], 1), 2)
    difference = convolve(change, w, "conv1x1_diff")
    x = 0.9 * convolve(current, w, "conv1x1") + 0.1 * F.interpolate(difference, scale_factor=2)
    x = F.max_pool2d(run_block(x, w, "ConvNet_1.0"), 2)
    difference = F.max_pool2d(run_block(difference, w, "ConvNet_diff.0"), 2)
    x = 0.9 * x + 0.1 * F.interpolate(difference, scale_factor=2)
    for index in (0, 2, 4):
        x = F.max_pool2d(run_block(x, w, f"ConvNet_2.{index}"), 2)
    return classify(x, w)


@pytest.fixture(scope="module")
def fan_weights() -> OrderedDict[str, Tensor]:
    weights = layouts.random_weights(layouts.fan(2), 20)
    for name in ("l1.weight", "l1.bias"):
        weights[name] = weights[name] / 68  # their sum multiplies the features
    return weights


@pytest.fixture(scope="module")
def released(fan_weights: OrderedDict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with 2dfan2.pth, heads of AUNet (BP4D) and AU-FAN (DISFA)."""
    folder = tmp_path_factory.mktemp("aunet")
    torch.save(fan_weights, folder / "2dfan2.pth")
    torch.save(layouts.random_weights(layouts.aunet_head(12), 21), folder / "bp4d_split1.pth")
    torch.save(layouts.random_weights(layouts.aufan_head(8), 22), folder / "disfa_single.pth")
    return folder


def test_imported_aunet_computes_what_the_released_layers_compute(
    released: Path, fan_weights: OrderedDict[str, Tensor], tmp_path: Path
) -> None:
    output = tmp_path / "aunet.safetensors"
    report = import_checkpoint(released / "bp4d_split1.pth", "aunet", output, fan=released / "2dfan2.pth")
    model = load_model(output, au_set="bp4d")
    images = model.example_inputs(1)["images"]
    with torch.no_grad():
        ours = model(images).logits
        features = [combined_feature(images[:, frame], fan_weights) for frame in range(3)]
        theirs = run_three_frame_head(*features, torch.load(released / "bp4d_split1.pth", weights_only=True))
    assert theirs.std() > 0.01
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert [file.matched for file in report.files] == ["by position", "by name"]
    assert [file.parameters for file in report.files] == [2_657_036, 12_106_504]
    assert report.parameters == 2_657_036 + 12_106_504


def test_imported_au_fan_computes_what_the_released_layers_compute(
    released: Path, fan_weights: OrderedDict[str, Tensor]
) -> None:
    model, report = read_checkpoint(released / "disfa_single.pth", "aufan", fan=released / "2dfan2.pth")
    images = model.example_inputs(1)["images"]
    with torch.no_grad():
        features = combined_feature(images, fan_weights)
        theirs = run_single_frame_head(features, torch.load(released / "disfa_single.pth", weights_only=True))
        torch.testing.assert_close(model(images).logits, theirs, atol=1e-4, rtol=1e-4)
    assert report.action_units == AU_SETS["disfa"]


@pytest.mark.parametrize(("stacks", "pool"), [(2, "max"), (2, "avg"), (4, "avg")])
def test_imported_fan_computes_what_the_released_layers_compute(stacks: int, pool: str, tmp_path: Path) -> None:
    weights = layouts.random_weights(layouts.fan(stacks), 23)
    path = tmp_path / "fan.pth"
    torch.save({k: v for k, v in weights.items() if not k.endswith("num_batches_tracked")}, path)
    report = import_checkpoint(path, "fan", tmp_path / "fan.safetensors", pool=pool)
    aligner = load_aligner(tmp_path / "fan.safetensors").double()  # random heat maps are large, so that float32 rounds much
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        expected = run_fan(images, {name: value.double() for name, value in weights.items()}, stacks, pool)[2]
        torch.testing.assert_close(aligner.fan(images).heat_maps[-1], expected, atol=1e-8, rtol=1e-8)
    assert report.parameters == {2: 12_106_504, 4: 23_820_176}[stacks]


def test_fan_pools_as_released_unless_told_otherwise(released: Path) -> None:
    aligner, report = read_checkpoint(released / "2dfan2.pth", "fan")
    assert aligner.config.pool == "max"
    assert "by maximum" in report.notes[0]


def test_heads_are_read_by_position_whatever_their_names() -> None:
    head = create_model("aunet").head
    weights = layouts.random_weights(layouts.aunet_head(12), 3)
    renamed = OrderedDict((f"net.{index}", value) for index, value in enumerate(weights.values()))
    report = fill_head(head, renamed, Path("x.pth"), "aunet")
    assert head.state_dict()["project_difference.weight"].equal(weights["conv1x1_diff.weight"])
    assert report.matched == "by position"
    assert "103 names are not the released program's: net.0" in report.notes[0]


def test_heads_in_another_order_are_read_by_name() -> None:
    head = create_model("aunet").head
    weights = layouts.random_weights(layouts.aunet_head(12), 3)
    report = fill_head(head, dict(sorted(weights.items())), Path("x.pth"), "aunet")
    assert report.matched == "by name"
    for rule in head_rules(head):
        assert head.state_dict()[rule.target].equal(weights[rule.sources[0]])


def test_aunet_errors_say_what_is_wrong(released: Path, tmp_path: Path) -> None:
    fan = released / "2dfan2.pth"
    with pytest.raises(InputError, match=r"with --fan"):
        read_checkpoint(released / "bp4d_split1.pth", "aunet")
    with pytest.raises(InputError, match=r"not a head of AUNet \(three frames\); missing: ConvNet_1\.0\.bn1.* Check --as"):
        read_checkpoint(released / "disfa_single.pth", "aunet", fan=fan)
    with pytest.raises(InputError, match="is not a head of AUNet"):
        read_checkpoint(fan, "aunet", fan=fan)
    with pytest.raises(InputError, match="is not a FAN"):
        read_checkpoint(released / "bp4d_split1.pth", "aunet", fan=released / "bp4d_split1.pth")
    with pytest.raises(InputError, match=r"predicts 12 AUs, the AU set 'disfa' has 8; sets of 12: bp4d, disfa_intensity"):
        read_checkpoint(released / "bp4d_split1.pth", "aunet", fan=fan, au_set="disfa")
    four = tmp_path / "four.pth"
    torch.save(layouts.random_weights(layouts.fan(4)), four)
    with pytest.raises(InputError, match=r"4 stacks; AUNet's has 2 \(2dfan2\.pth\)"):
        read_checkpoint(released / "bp4d_split1.pth", "aunet", fan=four)


# --- tensors that do not fit -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> OrderedDict[str, Tensor]:
    return layouts.random_weights(layouts.aufan_head(8), 5)


def without(weights: Weights, name: str) -> Weights:
    return {key: value for key, value in weights.items() if key != name}


FAULTS = {
    "missing": (lambda w: without(w, "conv1x1.bias"), r"missing: conv1x1\.bias"),
    "left over": (lambda w: {**w, "optimiser.step": torch.zeros(1)}, r"not part of it: optimiser\.step"),
    "shape": (lambda w: {**w, "conv1x1.bias": torch.zeros(7)}, r"conv1x1\.bias has shape \(7,\), expected \(256,\)"),
    "type": (lambda w: {**w, "conv1x1.bias": torch.zeros(256, dtype=torch.int64)}, "expected floating point"),
    "not finite": (lambda w: {**w, "conv1x1.bias": torch.full((256,), torch.nan)}, "NaN or infinite"),
    "counter": (lambda w: {**w, "predictor.1.num_batches_tracked": torch.tensor(1.5)}, "not a count of batches"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_tensors_that_do_not_fit_are_refused_by_name(fault: str, small: OrderedDict[str, Tensor]) -> None:
    spoil, message = FAULTS[fault]
    head = create_model("au-fan", "disfa").head
    with pytest.raises(InputError, match=message):
        fill_head(head, spoil(small), Path("x.pth"), "aufan")


def test_half_precision_weights_become_float32(small: OrderedDict[str, Tensor]) -> None:
    head = create_model("au-fan", "disfa").head
    fill_head(head, {k: v.half() if v.is_floating_point() else v for k, v in small.items()}, Path("x.pth"), "aufan")
    assert head.project.weight.dtype == torch.float32


# --- files -----------------------------------------------------------------------------------------------------------


class Runs:
    """A pickle that would make a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.marker,)


@pytest.fixture(scope="module")
def odd_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    layer = nn.Linear(20, 20)
    torch.save(layer.state_dict(), folder / "good.pth")
    torch.save(layer.state_dict(), folder / "old.pth", _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "state_dict": layer.state_dict()}, folder / "wrapped.pth")
    torch.save(layer, folder / "module.pth")
    torch.save({"weight": Runs(folder / "it-ran")}, folder / "runs.pth")
    torch.save([1, 2], folder / "list.pth")
    torch.save({"weight": "text"}, folder / "text.pth")
    torch.save({}, folder / "nothing.pth")
    with zipfile.ZipFile(folder / "script.pth", "w") as archive:  # the members by which TorchScript is known
        for member in ("script/data.pkl", "script/constants.pkl", "script/code/__torch__/net.py", "script/version"):
            archive.writestr(member, "2")
    (folder / "pickle.pth").write_bytes(pickle.dumps(Runs(folder / "it-ran")))
    for name in ("good", "old"):
        whole = (folder / f"{name}.pth").read_bytes()
        (folder / f"cut_{name}.pth").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "empty.pth").touch()
    (folder / "page.pth").write_text("<html>not found</html>")
    (folder / "lfs.pth").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with zipfile.ZipFile(folder / "zip.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    return folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("module", r"holds Python objects besides tensors \(torch\.nn\.modules\.linear\.Linear\); aufait never runs code"),
        ("runs", "holds Python objects besides tensors"),
        ("pickle", "holds Python objects besides tensors"),
        ("script", "TorchScript archive, which carries a program"),
        ("list", "holds a list; expected a state dict"),
        ("text", "'weight': str; expected a state dict"),
        ("nothing", "holds no tensors"),
        ("cut_good", "damaged or cut off"),
        ("cut_old", "damaged or cut off"),
        ("empty", "is empty"),
        ("page", "is not a PyTorch file"),
        ("lfs", "Git LFS pointer"),
        ("zip", "zip archive but not a PyTorch file"),
    ],
)
def test_other_files_are_refused_with_what_they_are(odd_files: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_state_dict(odd_files / f"{name}.pth")
    assert str(odd_files / f"{name}.pth") in str(caught.value)
    assert not (odd_files / "it-ran").exists()


@pytest.mark.parametrize(("count", "latent", "au_set"), [(12, 8, "bp4d"), (8, 6, "disfa"), (8, 5, "affwild2")])
def test_a_label_vae_computes_as_released(tmp_path: Path, count: int, latent: int, au_set: str) -> None:
    from aufait.models.aunet import load_label_vae

    weights = layouts.random_weights(layouts.label_vae(count, latent))
    torch.save(weights, tmp_path / "vae_100.pth")
    report = import_checkpoint(tmp_path / "vae_100.pth", "vae", tmp_path / "vae.safetensors")
    vae = load_label_vae(tmp_path / "vae.safetensors")
    assert report.action_units == vae.numbers == AU_SETS[au_set] and report.parameters == sum(map(Tensor.numel, weights.values()))
    labels = torch.rand(5, count)
    hidden = F.relu(F.linear(labels, weights["fc1.weight"], weights["fc1.bias"]))
    mean, spread = (F.linear(hidden, weights[f"{name}.weight"], weights[f"{name}.bias"]) for name in ("fc21", "fc22"))
    inner = F.relu(F.linear(mean, weights["fc3.weight"], weights["fc3.bias"]))
    decoded = F.linear(inner, weights["fc4.weight"], weights["fc4.bias"])
    logits, ours_mean, ours_spread = vae(labels)
    for ours, released in ((logits, decoded), (ours_mean, mean), (ours_spread, spread)):
        torch.testing.assert_close(ours, released)


def test_a_file_that_is_no_label_vae_is_refused(tmp_path: Path) -> None:
    torch.save(layouts.random_weights(layouts.label_vae(12, 8)) | {"fc5.weight": torch.zeros(1)}, tmp_path / "more.pth")
    with pytest.raises(InputError, match="fc5"):
        read_checkpoint(tmp_path / "more.pth", "vae")
    torch.save({"l0.weight": torch.zeros(68, 256, 1, 1)}, tmp_path / "fan.pth")
    with pytest.raises(InputError, match="not a label VAE"):
        read_checkpoint(tmp_path / "fan.pth", "vae")
    with pytest.raises(InputError, match="leave out --pool"):
        read_checkpoint(tmp_path / "more.pth", "vae", pool="max")


@pytest.mark.parametrize("name", ["good", "old", "wrapped"])
def test_state_dicts_of_old_and_new_files_are_read(odd_files: Path, name: str) -> None:
    assert {key: tuple(value.shape) for key, value in read_state_dict(odd_files / f"{name}.pth").items()} == {
        "weight": (20, 20),
        "bias": (20,),
    }


def test_our_own_file_is_told_apart_from_a_released_one(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(3)}, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="is a safetensors file"):
        read_state_dict(tmp_path / "x.safetensors")


@given(position=st.integers(0, 2000), value=st.integers(0, 255), name=st.sampled_from(["good", "old"]))
@settings(max_examples=60, deadline=None)
def test_damaged_files_give_tensors_or_one_clear_error(odd_files: Path, position: int, value: int, name: str) -> None:
    data = bytearray((odd_files / f"{name}.pth").read_bytes())
    data[position % len(data)] = value
    path = odd_files / "damaged.pth"
    path.write_bytes(data)
    try:
        assert all(isinstance(tensor, Tensor) for tensor in read_state_dict(path).values())
    except AufaitError as error:
        assert str(path) in str(error)


# --- command ---------------------------------------------------------------------------------------------------------


def test_command_prints_a_report_and_writes_the_file(jaa_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "jaa.safetensors"
    result = runner.invoke(
        app, ["import-checkpoint", str(jaa_folder), "--as", "jaanet-v2", "--au-set", "4,12", "--output", str(output)]
    )
    assert result.exit_code == 0, result.output
    for text in ("region_learning_4.pth", "1,190", "1,615,392", "AU4, AU12", str(output.name)):
        assert text in result.output
    assert load_model(output).action_units == (4, 12)


def test_command_refuses_and_leaves_no_file(jaa_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "x.safetensors"
    arguments = ["import-checkpoint", str(jaa_folder), "--as", "jaanet-v1", "--au-set", "4,12", "--output", str(output)]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert "from JAA-Net v2" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--as", "jaanet"], "did you mean 'jaanet-v2' or 'jaanet-v1'"),
        (["--as", "fan", "--au-set", "bp4d"], "leave out --au-set"),
        (["--as", "jaanet-v2", "--pool", "max"], "leave out --pool"),
    ],
)
def test_command_explains_wrong_options(options: list[str], message: str, tmp_path: Path) -> None:
    result = runner.invoke(app, ["import-checkpoint", "x.pth", *options, "--output", str(tmp_path / "x.safetensors")])
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
