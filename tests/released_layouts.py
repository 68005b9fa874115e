"""Names and shapes of the released state dicts, made by rule, and random weights in them.

An entry is (name, shape); ``num_batches_tracked`` entries are int64 scalars, all others float32.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

Entries = list[tuple[str, tuple[int, ...]]]


def conv(name: str, out: int, in_: int, kernel: int = 3, *, bias: bool = True) -> Entries:
    entries: Entries = [(f"{name}.weight", (out, in_, kernel, kernel))]
    return entries + ([(f"{name}.bias", (out,))] if bias else [])


def linear(name: str, out: int, in_: int) -> Entries:
    return [(f"{name}.weight", (out, in_)), (f"{name}.bias", (out,))]


def norm(name: str, width: int) -> Entries:
    words = ("weight", "bias", "running_mean", "running_var")
    return [*((f"{name}.{word}", (width,)) for word in words), (f"{name}.num_batches_tracked", ())]


def join(*parts: Entries) -> Entries:
    return [entry for part in parts for entry in part]


def extractor(prefix: str, width: int = 64) -> Entries:
    entries: Entries = []
    index = 0
    for out in (96, 128, 160):
        for _ in range(2):
            entries += conv(f"{prefix}feat_extract.{index}", out, width) + norm(f"{prefix}feat_extract.{index + 1}", out)
            width, index = out, index + 3
        index += 1  # pooling
    return entries


def region_learning() -> Entries:
    entries: Entries = []
    for stage, (width, in_) in {0: (32, 3), 2: (64, 32)}.items():
        prefix = f"multiscale_feat.{stage}"
        entries += conv(f"{prefix}.conv", width, in_)
        for branch, (patches, before, after) in enumerate(
            ((64, width, width // 2), (16, width // 2, width // 4), (4, width // 4, width // 4)), start=1
        ):
            name = f"{prefix}.local_conv_branch{branch}"
            entries += join(*(norm(f"{name}.bns.{patch}", before) for patch in range(patches)))
            entries += join(*(conv(f"{name}.convs.{patch}", after, before) for patch in range(patches)))
        entries += norm(f"{prefix}.bn", width)
    return entries


def jaa_net(action_units: int, version: int) -> dict[str, Entries]:
    """Entries of the six files of an epoch."""
    units = range(action_units)
    refine = join(
        *(
            join(
                *(
                    conv(f"local_aus_attention.{unit}.{index}", 64, width)
                    + norm(f"local_aus_attention.{unit}.{index + 1}", 64)
                    for index, width in ((0, 1), (3, 64), (6, 64))
                ),
                conv(f"local_aus_attention.{unit}.9", 1, 64),
            )
            for unit in units
        )
    )
    local = join(*(extractor(f"local_aus_branch.{unit}.") for unit in units))
    if version == 2:
        for unit in units:
            local += linear(f"local_aus_output.{unit}.0", 64, 4000) + linear(f"local_aus_output.{unit}.1", 2, 64)
    return {
        "region_learning": region_learning(),
        "align_net": extractor("align_feat.") + linear("align_output.0", 512, 4000) + linear("align_output.1", 98, 512),
        "local_attention_refine": refine,
        "local_au_net": local,
        "global_au_feat": extractor(""),
        "au_net": linear("au_output.0", 512, 12000) + linear("au_output.1", 2 * action_units, 512),
    }


def block(name: str, in_: int, out: int) -> Entries:
    entries = join(
        norm(f"{name}.bn1", in_), conv(f"{name}.conv1", out // 2, in_, bias=False),
        norm(f"{name}.bn2", out // 2), conv(f"{name}.conv2", out // 4, out // 2, bias=False),
        norm(f"{name}.bn3", out // 4), conv(f"{name}.conv3", out // 4, out // 4, bias=False),
    )  # fmt: skip
    if in_ != out:
        entries += norm(f"{name}.downsample.0", in_) + conv(f"{name}.downsample.2", out, in_, 1, bias=False)
    return entries


def fan(stacks: int) -> Entries:
    entries = join(
        conv("conv1", 64, 3, 7), norm("bn1", 64), block("conv2", 64, 128), block("conv3", 128, 128), block("conv4", 128, 256)
    )
    order = ["b1_4", "b2_4", "b1_3", "b2_3", "b1_2", "b2_2", "b1_1", "b2_1", "b2_plus_1", "b3_1", "b3_2", "b3_3", "b3_4"]
    for stack in range(stacks):
        entries += join(*(block(f"m{stack}.{name}", 256, 256) for name in order), block(f"top_m_{stack}", 256, 256))
        entries += conv(f"conv_last{stack}", 256, 256, 1) + norm(f"bn_end{stack}", 256) + conv(f"l{stack}", 68, 256, 1)
        if stack < stacks - 1:
            entries += conv(f"bl{stack}", 256, 256, 1) + conv(f"al{stack}", 256, 68, 1)
    return entries


def classifier(action_units: int) -> Entries:
    return linear("predictor.0", 128, 256) + norm("predictor.1", 128) + linear("predictor.3", action_units, 128)


def aunet_head(action_units: int) -> Entries:
    names = ("ConvNet_1.0", "ConvNet_diff.0", "ConvNet_2.0", "ConvNet_2.2", "ConvNet_2.4")
    blocks = join(*(block(name, 256, 256) for name in names))
    return join(conv("conv1x1", 256, 768, 1), blocks, classifier(action_units), conv("conv1x1_diff", 256, 1536, 1))


def aufan_head(action_units: int) -> Entries:
    blocks = join(*(block(f"ConvNet.{index}", 256, 256) for index in (0, 2, 4, 6)))
    return join(conv("conv1x1", 256, 768, 1), blocks, classifier(action_units))


def label_vae(action_units: int, latent: int) -> Entries:
    sizes = {"fc1": (latent, action_units), "fc21": (latent, latent), "fc22": (latent, latent), "fc3": (latent, latent),
             "fc4": (action_units, latent)}  # fmt: skip
    ends = [(name, shape, end) for name, shape in sizes.items() for end in ("weight", "bias")]
    return [(f"{name}.{end}", shape if end == "weight" else shape[:1]) for name, shape, end in ends]


def random_weights(entries: Entries, seed: int = 0) -> OrderedDict[str, Tensor]:
    """A state dict whose every number differs and whose activations neither vanish nor explode."""
    generator = torch.Generator().manual_seed(seed)
    weights: OrderedDict[str, Tensor] = OrderedDict()
    for name, shape in entries:
        weights[name] = _values(name, shape, generator)
    return weights


def _values(name: str, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(7)
    noise = torch.randn(*shape, generator=generator)
    if len(shape) > 1:
        return noise * (1.5 / noise[0].numel()) ** 0.5
    if name.endswith("running_var"):
        return 0.5 + noise.abs()
    return 0.1 * noise + (1.0 if name.endswith("weight") else 0.0)
