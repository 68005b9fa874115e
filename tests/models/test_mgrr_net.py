"""MGRR-Net against plain loops over action units and heads, worked examples, limiting cases and its published sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from oracles import AttentionRefinementLoop, ExtractorLoop, RegionLearningLoop, copy_groups, copy_region_learning, paint_maps
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import aufait
from aufait.errors import InputError
from aufait.layers.grouped import GroupedLinear
from aufait.losses.labels import AULabels
from aufait.losses.statistics import LabelStatistics
from aufait.models.mgrr_net import MGRRNet, MGRRNetConfig, MGRRNetCriterion
from aufait.models.mgrr_net.gated_fusion import GatedFusion
from aufait.models.mgrr_net.graph_attention import ChannelAttention, GraphAttention, PixelAttention
from aufait.models.mgrr_net.heads import LocalHeads, mean_log_odds
from aufait.models.mgrr_net.region_graph import RegionGraph, co_occurrence_prior
from aufait.models.outputs import AUOutput

AU_SET = (1, 6, 12)
SMALL: dict[str, Any] = {"image_size": 64, "unit": 2, "dim": 32, "heads": 4, "local_hidden": 8, "integrated_hidden": 16}
NO_SOURCE = {"use_graph": False, "use_global": False, "use_channel": False, "use_pixel": False}

# Row of table VI -> which of graph, original global map, channel level and pixel level it has.
TABLE_6 = {
    "mgrr-net-baseline": "",
    "mgrr-net-d": "D",
    "mgrr-net-do": "DO",
    "mgrr-net-dcp": "DCP",
    "mgrr-net-doc": "DOC",
    "mgrr-net-dop": "DOP",
    "mgrr-net": "DOCP",
}


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def small(name: str = "mgrr-net", **overrides: Any) -> MGRRNet:
    """A narrow network in evaluation mode that a picture makes a difference to: nothing in it is faint or a special case."""
    model = aufait.create_model(name, AU_SET, **{**SMALL, **overrides})
    assert isinstance(model, MGRRNet)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | GroupedLinear):
            fan_in = module.weight.shape[-1] if isinstance(module, GroupedLinear) else module.weight[0].numel()
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_in))
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    for graph in model.graphs():
        nn.init.uniform_(graph.edges, -0.5, 1.0)
    # Landmarks near those of a face, so that the predefined maps differ from each other.
    model.alignment.output.bias.data = torch.tensor(_face(model.config.image_size)).flatten()
    model.alignment.output.weight.data *= 0.1
    return model.eval()


def _face(size: int) -> list[tuple[float, float]]:
    from aufait.models.system import _MEAN_FACE_49

    return [(x * size, y * size) for x, y in _MEAN_FACE_49]


def run(model: nn.Module, inputs: dict[str, Tensor]) -> AUOutput:
    with torch.no_grad():
        return model(**inputs)


# --- plain-loop twins ---------------------------------------------------------------------------------------------------


class FusionLoop(nn.Module):
    """Eq. 8 and 9 for one pair of maps, with the four convolutions of the paper."""

    def __init__(self, ours: GatedFusion, unit: int = 0) -> None:
        super().__init__()
        width = ours.channels
        self.norm_axes = {(2,): 1, (2, 3, 4): (1, 2, 3)}[ours._norm_axes]
        self.gate_x, self.value_x, self.gate_y, self.value_y = (nn.Conv2d(width, width, 1) for _ in range(4))
        for merged, gate, value in ((ours.first, self.gate_x, self.value_x), (ours.second, self.gate_y, self.value_y)):
            for name, tensor in merged.state_dict().items():
                rows = tensor[unit * 2 * width : (unit + 1) * 2 * width]
                getattr(gate, name).data, getattr(value, name).data = rows[:width], rows[width:]

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        beta = (self.gate_x(x) + self.gate_y(y)).sigmoid()
        return beta * self._n(self.value_x(x)) + (1 - beta) * self._n(self.value_y(y))

    def _n(self, values: Tensor) -> Tensor:
        return values / values.square().sum(self.norm_axes, keepdim=True).sqrt()


def attend_loop(ours: GraphAttention, tokens: Tensor) -> Tensor:
    """Eq. 3-5, head by head, with a softmax over all tokens."""
    query, key, value = (
        tokens @ weight.T + bias
        for weight, bias in zip(ours.projections.weight.chunk(3), ours.projections.bias.chunk(3), strict=True)
    )
    heads = []
    for q, k, v in zip(*(part.chunk(ours.heads, -1) for part in (query, key, value)), strict=True):
        alpha = (q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])).softmax(-1)
        heads.append(alpha @ v)
    return ours.output(torch.cat(heads, -1)).relu()


def channel_loop(ours: ChannelAttention, global_map: Tensor) -> Tensor:
    reduced = ours.reduce(global_map)
    tokens = torch.stack([reduced[:, channel].flatten(1) for channel in range(reduced.shape[1])], 1)
    return attend_loop(ours.attention, tokens).reshape(global_map.shape)


def pixel_loop(ours: PixelAttention, global_map: Tensor) -> Tensor:
    reduced = ours.reduce(global_map)
    size = reduced.shape[-1]
    tokens = torch.stack([reduced[:, :, k // size, k % size] for k in range(size * size)], 1)
    attended = attend_loop(ours.attention, tokens)
    maps = torch.zeros_like(reduced)
    for k in range(size * size):
        maps[:, :, k // size, k % size] = attended[:, k]
    return ours.restore(maps)


def graph_loop(ours: RegionGraph, patches: list[Tensor], *, self_term: bool = True) -> list[Tensor]:
    """Eq. 6, a sum over j for every i."""
    convs = nn.ModuleList(nn.Conv2d(patches[0].shape[1], patches[0].shape[1], 1) for _ in patches)
    copy_groups(ours.mapping, list(convs))
    mapped = [conv(patch) for conv, patch in zip(convs, patches, strict=True)]
    result = []
    for i in range(len(patches)):
        total = mapped[i].clone()
        for j in range(len(patches)):
            if self_term or j != i:
                total += ours.edges[i, j] * mapped[j]
        result.append(total)
    return result


def head_loop(ours: LocalHeads, patches: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    unit = ours.extractor.out_channels // 20
    extractors = nn.ModuleList(ExtractorLoop(patches[0].shape[1], unit) for _ in patches).train(ours.training)
    copy_groups(ours.extractor, list(extractors))
    logits, features, maps = [], [], []
    for i, patch in enumerate(patches):
        maps.append(extractors[i](patch))
        features.append(maps[-1].flatten(1) @ ours.hidden.weight[i].T + ours.hidden.bias[i])
        absent, present = (features[-1] @ ours.output.weight[i].T + ours.output.bias[i]).T
        logits.append(present - absent)
    return torch.stack(logits, 1), torch.stack(features, 1), torch.stack(maps, 1)


def network_loop(model: MGRRNet, images: Tensor) -> dict[str, Tensor]:
    """The whole network, action unit by action unit."""
    config = model.config
    stem = RegionLearningLoop(config.unit)
    copy_region_learning(model.stem, stem)
    o_g = stem.eval()((images - 0.5) / 0.5)
    landmarks, alignment_maps = model.alignment(o_g)
    refinement = AttentionRefinementLoop(len(config.action_units), config.channels).eval()
    copy_groups(model.refinement, list(refinement.branches))
    attention = refinement(paint_maps(landmarks, config.action_units, config.image_size, config.map_size + 8))
    patches = [o_g * attention[:, i : i + 1] for i in range(len(config.action_units))]
    for layer in model.layers:
        patches = graph_loop(layer.graph, patches)
        inner = FusionLoop(layer.fuse_levels)(channel_loop(layer.channel, o_g), pixel_loop(layer.pixel, o_g))
        fused = FusionLoop(layer.fuse_global)(o_g, inner)
        patches = [FusionLoop(layer.fuse_patches)(patch, fused) for patch in patches]
        o_g = fused
    local_logits, features, local_maps = head_loop(model.local_heads, patches)
    vector = torch.cat([alignment_maps.flatten(1), sum(local_maps.unbind(1)).flatten(1) / local_maps.shape[1]], 1)
    scores = model.integrated_head.output(model.integrated_head.hidden(vector)).view(len(images), 2, -1)
    integrated = scores[:, 1] - scores[:, 0]
    probability = (local_logits.sigmoid() + integrated.sigmoid()) / 2
    return {
        "local_logits": local_logits,
        "integrated_logits": integrated,
        "probability": probability,
        "features": features,
        "attention_maps": attention,
        "landmarks": landmarks,
    }


def test_network_equals_a_loop_over_action_units_heads_and_pixels() -> None:
    model = small()
    images = torch.stack([torch.rand(3, 64, 64), torch.linspace(0, 1, 64).expand(3, 64, 64)])
    output = run(model, {"images": images})
    with torch.no_grad():
        expected = network_loop(model, images)
    got = {**output.extra, **{key: getattr(output, key) for key in ("probability", "features", "attention_maps", "landmarks")}}
    for key, tensor in expected.items():
        torch.testing.assert_close(got[key], tensor, atol=1e-5, rtol=1e-4, msg=lambda m, key=key: f"{key}: {m}")
    # The comparison means something only if action units and faces differ.
    assert output.features is not None and output.landmarks is not None
    assert output.logits.std(0).min() > 0.01 and output.features.std(1).min() > 0.01 and output.landmarks.std(0).min() > 1e-3


@pytest.mark.parametrize("self_term", [True, False])
def test_graph_equals_a_sum_over_pairs(self_term: bool) -> None:
    graph = RegionGraph(5, 4, random_edges=True, self_term=self_term)
    patches = torch.randn(2, 5 * 4, 3, 3)
    expected = torch.cat(graph_loop(graph, list(patches.chunk(5, 1)), self_term=self_term), 1)
    torch.testing.assert_close(graph(patches), expected)


@pytest.mark.parametrize("norm", ["channel", "all"])
@pytest.mark.parametrize("groups", [1, 3])
def test_fusion_of_all_action_units_equals_one_cell_each(norm: str, groups: int) -> None:
    fusion = GatedFusion(4, norm=norm, groups=groups)
    x, y = torch.randn(2, 3 * 4, 5, 5), torch.randn(2, 4, 5, 5)
    cells = [FusionLoop(fusion, unit if groups > 1 else 0) for unit in range(3)]
    expected = torch.cat([cell(part, y) for cell, part in zip(cells, x.chunk(3, 1), strict=True)], 1)
    torch.testing.assert_close(fusion(x, y), expected)


@pytest.mark.parametrize("stride", [1, 2])
def test_both_attentions_equal_a_loop_over_heads_at_either_stride(stride: int) -> None:
    global_map = torch.randn(2, 8, 8, 8)
    channel, pixel = ChannelAttention(8, 8, 16, 4, stride=stride), PixelAttention(8, 16, 4, stride=stride)
    torch.testing.assert_close(channel(global_map), channel_loop(channel, global_map))
    torch.testing.assert_close(pixel(global_map), pixel_loop(pixel, global_map))
    assert channel(global_map).shape == pixel(global_map).shape == global_map.shape
    assert channel(global_map).min() >= 0


# --- the prior ----------------------------------------------------------------------------------------------------------


def test_prior_of_a_hand_worked_example() -> None:
    # AU a occurs on faces 1 and 2, b on face 1 alone, c on all but face 1.
    labels = torch.tensor([[1, 1, 0], [1, 0, 1], [0, 0, 1], [0, 0, 1]]).float()
    prior = co_occurrence_prior(LabelStatistics.from_labels(labels))
    # P_ab = (P(a|b) + P(not a|not b)) / 2 = (1 + 2/3) / 2; A = |2 P - 1| = 2/3.
    # P_ba = (P(b|a) + P(not b|not a)) / 2 = (1/2 + 1) / 2; A = 1/2: what b tells about a is not what a tells about b.
    # c is the opposite of b: P = 0, so knowing one settles the other and A = 1.
    # P_ac = (1/3 + 0) / 2, A = 2/3; P_ca = (1/2 + 0) / 2, A = 1/2.
    expected = [[1, 2 / 3, 2 / 3], [1 / 2, 1, 1], [1 / 2, 1, 1]]
    torch.testing.assert_close(prior, torch.tensor(expected))


def test_prior_has_no_edge_where_the_labels_cannot_tell() -> None:
    # The second action unit never occurs, the third is known on no face.
    labels = torch.tensor([[1, 0, 1], [0, 0, 1], [1, 0, 0.0]])
    known = torch.tensor([[True, True, False]]).expand(3, 3)
    torch.testing.assert_close(co_occurrence_prior(LabelStatistics.from_labels(labels, known)), torch.eye(3))


def test_every_layer_starts_from_the_prior_unless_edges_are_random() -> None:
    statistics = LabelStatistics.from_labels((torch.rand(50, 3) < 0.4).float())
    prior = co_occurrence_prior(statistics)
    model = small(layers=3)
    model.initialise_from_labels(statistics)
    assert len(model.graphs()) == 3
    for graph in model.graphs():
        torch.testing.assert_close(graph.edges.data, prior)
        assert graph.edges.requires_grad
    drawn = aufait.create_model("mgrr-net-d-random", AU_SET, **SMALL)
    assert isinstance(drawn, MGRRNet)
    before = [graph.edges.clone() for graph in drawn.graphs()]
    drawn.initialise_from_labels(statistics)
    for graph, edges in zip(drawn.graphs(), before, strict=True):
        assert torch.equal(graph.edges, edges) and edges.min() >= 0 and edges.max() < 1 and edges.std() > 0
    assert not torch.equal(*before)
    small("mgrr-net-baseline").initialise_from_labels(statistics)  # nothing to set, nothing to complain about


def test_prior_of_other_action_units_is_refused() -> None:
    statistics = LabelStatistics.from_labels(torch.tensor([[1, 0], [0, 1.0]]))
    with pytest.raises(InputError, match="cover 2 action units, the network 3"):
        small().initialise_from_labels(statistics)


# --- limiting cases -----------------------------------------------------------------------------------------------------


def test_graph_without_edges_only_maps_each_patch() -> None:
    graph = RegionGraph(3, 4)
    nn.init.zeros_(graph.edges)
    patches = torch.randn(2, 12, 3, 3)
    torch.testing.assert_close(graph(patches), graph.mapping(patches))
    # Fresh edges are the identity, which adds W_i v_i once more when the sum includes j = i.
    torch.testing.assert_close(RegionGraph(3, 4).edges.data, torch.eye(3))
    nn.init.eye_(graph.edges)
    torch.testing.assert_close(graph(patches), 2 * graph.mapping(patches))


@pytest.mark.parametrize("norm", ["channel", "all"])
def test_fusion_with_an_open_gate_returns_one_normalised_operand(norm: str) -> None:
    fusion = GatedFusion(4, norm=norm)
    x, y = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    axes = 1 if norm == "channel" else (1, 2, 3)
    for sign, projection, operand in ((1, fusion.first, x), (-1, fusion.second, y)):
        fusion.first.bias.data[:4] = sign * 1e4  # the first half of the convolution is the gate
        values = projection(operand)[:, 4:]
        expected = values / torch.linalg.vector_norm(values, dim=axes, keepdim=True)
        torch.testing.assert_close(fusion(x, y), expected, atol=1e-6, rtol=1e-5)


def test_fusion_survives_empty_maps_and_half_precision() -> None:
    fusion = GatedFusion(4, norm="all")
    for parameter in fusion.parameters():
        nn.init.zeros_(parameter)
    x = torch.zeros(1, 4, 2, 2, requires_grad=True)
    fusion(x, x).sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()
    large = torch.full((1, 4, 2, 2), 300.0, dtype=torch.bfloat16)
    assert GatedFusion(4).bfloat16()(large, large).isfinite().all()
    # 16 squares of 3000 exceed the largest number of float16.
    assert fusion._normalise(torch.full((1, 1, 4, 2, 2), 3000.0, dtype=torch.float16)).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_network_runs_in_the_type_of_its_weights(dtype: torch.dtype) -> None:
    model = small()
    images = model.example_inputs(1)["images"]
    expected = run(model, {"images": images}).logits
    got = run(model.to(dtype), {"images": images.to(dtype)}).logits
    torch.testing.assert_close(got.float(), expected, atol=1e-4 if dtype == torch.float64 else 0.3, rtol=0)


def test_baseline_is_stem_and_heads() -> None:
    model = small("mgrr-net-baseline")
    assert len(model.layers) == 0
    images = model.example_inputs(1)["images"]
    output = run(model, {"images": images})
    with torch.no_grad():
        shared = model.stem(images * 2 - 1)
        assert output.attention_maps is not None
        patches = [shared * output.attention_maps[:, i : i + 1] for i in range(3)]
        logits, _, _ = head_loop(model.local_heads, patches)
    torch.testing.assert_close(output.extra["local_logits"], logits, atol=1e-5, rtol=1e-4)
    assert output.relations is None and "edges" not in output.extra


@pytest.mark.parametrize("sources", ["O", "C", "P", "OC", "OP", "CP"])
def test_a_source_that_is_off_hands_on_the_other_operand(sources: str) -> None:
    switches = {"use_global": "O" in sources, "use_channel": "C" in sources, "use_pixel": "P" in sources}
    layer = small(layers=1, **switches).layers[0]
    global_map = torch.randn(1, 16, 16, 16)
    with torch.no_grad():
        parts = {
            "O": global_map,
            "C": layer.channel(global_map) if "C" in sources else None,
            "P": layer.pixel(global_map) if "P" in sources else None,
        }
        expected = parts[sources[0]]
        if len(sources) == 2:
            cell = layer.fuse_global if "O" in sources else layer.fuse_levels
            expected = cell(parts[sources[0]], parts[sources[1]])
        torch.testing.assert_close(layer.fuse_sources(global_map), expected)


def test_the_next_layer_sees_the_fused_global_map_or_the_original_one() -> None:
    patches, global_map = torch.randn(1, 48, 16, 16), torch.randn(1, 16, 16, 16)
    with torch.no_grad():
        updating, keeping = small(layers=1), small(layers=1, update_global=False)
        keeping.load_state_dict(updating.state_dict())
        first, fused, _ = updating.layers[0](patches, global_map)
        second, kept, _ = keeping.layers[0](patches, global_map)
        torch.testing.assert_close(fused, updating.layers[0].fuse_sources(global_map))
    assert kept is global_map
    torch.testing.assert_close(first, second)


def test_logits_are_the_log_odds_of_the_mean_probability() -> None:
    first, second = torch.randn(4, 3) * 3, torch.randn(4, 3) * 3
    torch.testing.assert_close(mean_log_odds(first, second).sigmoid(), (first.sigmoid() + second.sigmoid()) / 2)
    torch.testing.assert_close(mean_log_odds(first, first), first)
    # Where float32 probabilities are 0 or 1, log-odds still tell more from less: (e^-200 + e^-202) / 2.
    far = mean_log_odds(torch.tensor([-200.0, 200.0]), torch.tensor([-202.0, 202.0]))
    expected = 200 - math.log((1 + math.exp(-2)) / 2)
    torch.testing.assert_close(far, torch.tensor([-expected, expected]))
    output = run(model := small(), model.example_inputs(2))
    mean = (output.extra["local_logits"].sigmoid() + output.extra["integrated_logits"].sigmoid()) / 2
    torch.testing.assert_close(output.probability, mean)


def test_relevance_is_the_learned_edge_times_the_size_of_the_message_along_it() -> None:
    graph = RegionGraph(3, 4)
    graph.edges.data = torch.tensor([[1, -0.5, 0.2], [0.3, 1, 0.0], [0.4, 0.6, -1]])
    patches = torch.randn(2, 12, 3, 3)
    sent = graph.messages(patches)
    relevance, mapped = graph.relevance(patches, sent), graph.mapping(patches).detach().chunk(3, 1)
    sizes = torch.stack([part.flatten(1).norm(dim=1) for part in mapped], dim=1)  # (B, A)
    share = sizes / sizes.mean(1, keepdim=True)
    for i in range(3):
        for j in range(3):
            torch.testing.assert_close(relevance[:, i, j], graph.edges[i, j].detach().abs() * share[:, j])
    # A face can strengthen an edge, and the faces differ; the reading by likeness can only weaken it.
    assert (relevance > graph.edges.detach().abs()).any() and not torch.allclose(relevance[0], relevance[1])
    assert (graph.relevance(patches, sent, "likeness").abs() <= graph.edges.detach().abs() + 1e-6).all()


def test_the_norm_by_channel_leaves_nothing_of_the_size_of_the_attention() -> None:
    region, everywhere = torch.zeros(1, 1, 12, 12), torch.randn(1, 16, 12, 12)
    region[..., 3:7, 3:7] = 1.0
    inside = region[0, 0].bool()
    lengths = {}
    for norm in ("channel", "all"):
        torch.manual_seed(0)
        fused = GatedFusion(16, norm=norm)(everywhere * region, everywhere)[0].detach().norm(dim=0)
        lengths[norm] = (fused[inside].mean() / fused[~inside].mean()).item()
    assert lengths["channel"] == pytest.approx(1, abs=0.1) and lengths["all"] > 1.3, lengths


def test_relevance_by_likeness_is_the_learned_edge_times_the_cosine_of_the_patches() -> None:
    graph = RegionGraph(3, 4)
    graph.edges.data = torch.tensor([[1, -0.5, 0.2], [0.3, 1, 0.0], [0.4, 0.6, -1]])
    patches = torch.randn(2, 12, 3, 3)
    relevance = graph.relevance(patches, graph.messages(patches), "likeness")
    parts = patches.chunk(3, 1)
    for i in range(3):
        for j in range(3):
            cosine = F.cosine_similarity(parts[i].flatten(1), parts[j].flatten(1))
            torch.testing.assert_close(relevance[:, i, j], graph.edges[i, j].detach().abs() * cosine)
    torch.testing.assert_close(graph.relevance(patches, graph.messages(patches), "edges")[1], graph.edges.detach().abs())
    model = small(sample_relevance=False)
    output = run(model, model.example_inputs(2))
    assert output.relations is not None
    torch.testing.assert_close(output.relations[0], model.graphs()[-1].edges.data.abs())
    torch.testing.assert_close(output.extra["edges"][1], torch.stack([graph.edges.data for graph in model.graphs()]))


def test_predefined_attention_can_be_used_as_it_is() -> None:
    model = small(refine_attention=False)
    output = run(model, model.example_inputs(1))
    assert output.attention_maps is not None and output.landmarks is not None
    torch.testing.assert_close(output.attention_maps, paint_maps(output.landmarks, AU_SET, 64, 16))
    assert not any(name.startswith("refinement") for name in model.state_dict())


# --- sizes --------------------------------------------------------------------------------------------------------------


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_of_the_published_size() -> None:
    with torch.device("meta"):
        model = aufait.create_model("mgrr-net", "bp4d")
    assert isinstance(model, MGRRNet)
    parts = {name: _count(module) for name, module in model.named_children()}
    assert parts == {
        "stem": 1_615_392,
        "alignment": 2_912_098,
        "predefined": 0,
        "refinement": 905_484,
        "layers": 2 * 3_979_040,
        "local_heads": 12_834_072,
        "integrated_head": 4_108_824,
    }
    assert _count(model) == 30_333_950


def test_multiply_accumulates_of_the_published_size() -> None:
    with torch.device("meta"):
        model = aufait.create_model("mgrr-net", "bp4d").eval()
        images = torch.empty(1, 3, 176, 176)
    # The counter knows the products of the plain attention kernel, not those of the fused ones.
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter, sdpa_kernel(SDPBackend.MATH):
        model(images)
    assert counter.get_total_flops() / 2 / 1e9 == pytest.approx(10.887, abs=5e-4)


@pytest.mark.parametrize(
    ("overrides", "more"),
    [
        # 1936 instead of 484 pixels into queries, keys and values, and no convolution before.
        ({"channel_stride": 1}, 2 * (3 * 1024 * (1936 - 484) - 36_928)),
        # Neither convolution nor deconvolution.
        ({"pixel_stride": 1}, -2 * (36_928 + 65_600)),
        ({"attention_norm": True}, 2 * 2 * (484 + 64)),
        # Eleven more sets of weights for X and for Y, each gate and value.
        ({"fusion_shared": False}, 2 * 11 * 4 * 4_160),
        # One more extractor, whose 4,000 features enter the integrated head.
        ({"integrated_global": True}, 813_312 + 4_000 * 512),
        ({"refine_attention": False}, -905_484),
        ({"layers": 1}, -3_979_040),
        ({"layers": 3}, 3_979_040),
    ],
)
def test_each_switch_adds_and_removes_its_own_weights(overrides: dict[str, Any], more: int) -> None:
    with torch.device("meta"):
        assert _count(aufait.create_model("mgrr-net", "bp4d", **overrides)) == 30_333_950 + more


# --- ablations ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "sources"), TABLE_6.items())
def test_rows_of_table_6_have_their_sources_and_no_idle_weights(name: str, sources: str) -> None:
    model = small(name)
    config = model.config
    assert (config.use_graph, config.use_global, config.use_channel, config.use_pixel) == tuple(s in sources for s in "DOCP")
    assert len(model.layers) == (2 if sources else 0)
    assert_gradients_reach_every_weight(model)


@pytest.mark.parametrize(("name", "layers"), [("mgrr-net-k1", 1), ("mgrr-net", 2), ("mgrr-net-k3", 3)])
def test_rows_of_table_7_have_their_layers(name: str, layers: int) -> None:
    model = small(name)
    assert len(model.layers) == layers
    if layers != 2:  # two layers are a row of table VI
        assert_gradients_reach_every_weight(model)


@pytest.mark.parametrize(
    "overrides",
    [
        {"graph_init": "random", "graph_self_term": False, "gfc_norm": "all", "update_global": False},
        {"channel_stride": 1, "pixel_stride": 1, "attention_norm": True, "fusion_shared": False},
        {"refine_attention": False, "integrated_global": True, "detach_local": True, "dice": "per_sample"},
        {**NO_SOURCE, "use_channel": True, "dice": "batch_release", "au_weight_sum": "one"},
    ],
)
def test_settings_the_paper_leaves_open_train_too(overrides: dict[str, Any]) -> None:
    assert_gradients_reach_every_weight(small(**overrides))


def assert_gradients_reach_every_weight(model: MGRRNet) -> None:
    # Evaluation mode: batch statistics would cancel the biases before them, whose gradients are then only rounding.
    output = model(**model.example_inputs(2))
    labels = AULabels(torch.tensor([[1, 0, 1], [0, 1, 1.0]]), landmarks=torch.tensor([_face(64)] * 2) + torch.rand(2, 49, 2))
    statistics = LabelStatistics.from_labels(torch.tensor([[1, 0, 1], [0, 1, 0.0]]))
    losses = aufait.create_criterion(model, statistics)(output, labels)
    losses.total.backward()
    assert losses.total.isfinite()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, f"{name} gets no gradient"


def test_detached_local_features_get_nothing_from_the_integrated_loss() -> None:
    for detach in (True, False):
        model = small(detach_local=detach)
        model(**model.example_inputs(1)).extra["integrated_logits"].sum().backward()
        grad = next(model.local_heads.extractor.parameters()).grad
        assert (grad is None) is detach
        assert next(model.alignment.parameters()).grad is not None


def test_eight_pictures_are_learned_by_heart() -> None:
    model = aufait.create_model("mgrr-net", AU_SET, **SMALL).train()
    assert isinstance(model, MGRRNet)
    images = torch.rand(8, 3, 64, 64)
    occurrence = torch.cat([torch.ones(1, 3), torch.zeros(1, 3), (torch.rand(6, 3) < 0.5).float()])
    labels = AULabels(occurrence, landmarks=torch.tensor([_face(64)] * 8) + torch.randn(8, 1, 2))
    statistics = LabelStatistics.from_labels(occurrence)
    model.initialise_from_labels(statistics)
    criterion = aufait.create_criterion(model, statistics)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    history = []
    for _ in range(25):
        optimizer.zero_grad()
        losses = criterion(model(images), labels)
        losses.total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        history.append({name: float(term.detach()) for name, term in losses.terms.items()})
    for name, first in history[0].items():
        assert history[-1][name] < first / 10, name


# --- criterion ----------------------------------------------------------------------------------------------------------


def _output(points: Tensor | None = None) -> AUOutput:
    logits = {"local_logits": torch.tensor([[0.0, 2.0]]), "integrated_logits": torch.tensor([[1.0, -1.0]])}
    return AUOutput(logits=torch.zeros(1, 2), landmarks=torch.zeros(1, 49, 2) if points is None else points, extra=logits)


def _criterion(statistics: LabelStatistics | None = None, **overrides: Any) -> MGRRNetCriterion:
    return MGRRNetCriterion(MGRRNetConfig.create((1, 12), **overrides), statistics)


def test_loss_of_a_hand_worked_example() -> None:
    # Rates 1/4 and 1/2: inverse 4 and 2, of mean 1 these are 4/3 and 2/3.
    statistics = LabelStatistics.from_labels(torch.tensor([[1, 1], [0, 1], [0, 0], [0, 0.0]]))
    truth = torch.tensor([_face(176)])
    labels = AULabels(torch.tensor([[1, 0.0]]), landmarks=truth)
    losses = _criterion(statistics)(_output(truth + 2.0), labels)
    # Cross-entropies of (log-odds, label): (0, 1) log 2; (2, 0) log(1 + e^2); (1, 1) and (-1, 0) log(1 + 1/e).
    local = (4 / 3 * math.log(2) + 2 / 3 * math.log1p(math.e**2)) / 2
    integrated = (4 / 3 + 2 / 3) * math.log1p(1 / math.e) / 2
    eyes = truth[0, 19:25].mean(0), truth[0, 25:31].mean(0)
    # 49 points, each 2 pixels off in x and in y, over twice the squared distance of the eye centres.
    landmarks = 49 * 8 / (2 * float((eyes[0] - eyes[1]).square().sum()))
    expected = {"occurrence_local": local, "occurrence_integrated": integrated, "landmarks": landmarks}
    assert {key: float(term) for key, term in losses.terms.items()} == pytest.approx(expected, rel=1e-5)
    assert float(losses.total) == pytest.approx(local + integrated + 0.5 * landmarks, rel=1e-5)
    printed = _criterion(statistics, au_weight_sum="one")(_output(truth), labels)
    assert float(printed.terms["occurrence_local"]) == pytest.approx(local / 2, rel=1e-5)


def test_dice_is_an_extra_term_of_both_heads() -> None:
    labels = AULabels(torch.tensor([[1, 0.0]]), landmarks=torch.tensor([_face(176)]))
    assert "dice_local" not in _criterion()(_output(), labels).terms
    terms = _criterion(dice="per_sample")(_output(), labels).terms
    sigmoid = 1 / (1 + math.exp(-2))
    expected = ((1 - (2 * 0.5 + 1) / (0.25 + 1 + 1)) + (1 - 1 / (sigmoid**2 + 1))) / 2
    assert float(terms["dice_local"]) == pytest.approx(expected, rel=1e-5)
    assert "dice_integrated" in terms


def test_landmarks_are_asked_for_unless_their_loss_has_no_weight() -> None:
    labels = AULabels(torch.tensor([[1, 0.0]]))
    with pytest.raises(InputError, match=r"MGRR-Net needs labels\.landmarks"):
        _criterion()(_output(), labels)
    assert "landmarks" not in _criterion(alignment_weight=0.0)(_output(), labels).terms


def test_unknown_labels_and_landmarks_change_nothing() -> None:
    truth = torch.tensor([_face(176)])
    known = torch.tensor([[True, False]])
    clean = AULabels(torch.tensor([[1, 0.0]]), known=known, landmarks=truth, landmarks_known=torch.tensor([False]))
    wild = AULabels(torch.tensor([[1, 9.0]]), known=known, landmarks=truth * 0, landmarks_known=torch.tensor([False]))
    losses = _criterion(dice="per_sample")
    torch.testing.assert_close(losses(_output(), wild).total, losses(_output(), clean).total)
    assert float(losses(_output(), clean).terms["landmarks"]) == 0.0


# --- settings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"image_size": 170}, "image_size must be a multiple of 16"),
        ({"dim": 100, "heads": 8}, "dim must be a multiple of 8"),
        ({"layers": 0}, "layers must be at least 1"),
        ({"channel_stride": 3}, "channel_stride must be one of 1, 2"),
        ({"gfc_norm": "chanel"}, "did you mean 'channel'"),
        ({"graph_init": "zero"}, "graph_init must be one of prior, random"),
        ({"use_grap": False}, "did you mean 'use_graph'"),
    ],
)
def test_wrong_settings_are_answered_with_the_right_ones(overrides: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        aufait.create_model("mgrr-net", **overrides)


def test_defaults_are_the_papers_values() -> None:
    config = MGRRNetConfig.create("bp4d")
    assert (config.layers, config.heads, config.dim, config.image_size) == (2, 8, 1024, 176)
    assert (config.channels, config.map_size, config.alignment_weight) == (64, 44, 0.5)
    assert config.dim // config.heads == 128
