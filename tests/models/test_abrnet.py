"""ABRNet: equal to a plain-loop version of the paper's equations, limiting cases, and a loss worked by hand."""

from __future__ import annotations

import json
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from aufait.errors import InputError
from aufait.landmarks import LANDMARKS_49
from aufait.losses.labels import AULabels
from aufait.losses.statistics import LabelStatistics
from aufait.models.abrnet import ABRNet, ABRNetConfig, ABRNetCriterion
from aufait.models.abrnet.aur_loss import action_unit_relations, relation_loss
from aufait.models.abrnet.fusion import AverageFusion, SelfAttentionFusion, make_fusion, mean_probability_logits
from aufait.models.abrnet.relation_dropout import RelationDropout
from aufait.models.abrnet.relation_learning import RelationLearning, select_largest
from aufait.models.outputs import AUOutput
from aufait.models.registry import create_criterion, create_model, list_models, model_entry

UNITS = (1, 6, 12)

# A network small enough for many passes; the settings that matter to the mechanism are untouched.
SMALL = {"image_size": 48, "unit": 4, "feature_size": 12, "relation_size": 6, "classifier_size": 5}


def small_network(**overrides) -> ABRNet:
    torch.manual_seed(1)
    return ABRNet(ABRNetConfig.create(UNITS, **{**SMALL, **overrides}))


def shake(network: nn.Module, seed: int = 0) -> None:
    """Give the BatchNorms statistics that differ from channel to channel, so that mixed-up channels show."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator) * 0.1)
            module.running_var.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
            with torch.no_grad():
                module.weight.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
                module.bias.copy_(torch.randn(module.num_features, generator=generator) * 0.1)


# --- oracle: one module per action unit and layer, plain loops -------------------------------------------------------


def one_group(layer: nn.Module, group: int, groups: int) -> nn.Module:
    """The plain layer of one action unit, with its share of a grouped layer's weights."""
    if isinstance(layer, nn.Conv2d):
        rows = layer.out_channels // groups
        part = slice(group * rows, (group + 1) * rows)
        plain: nn.Module = nn.Conv2d(layer.in_channels // groups, rows, layer.kernel_size, layer.stride, layer.padding)
        plain.load_state_dict({"weight": layer.weight[part], "bias": layer.bias[part]})
    elif isinstance(layer, nn.BatchNorm2d):
        rows = layer.num_features // groups
        part = slice(group * rows, (group + 1) * rows)
        plain = nn.BatchNorm2d(rows)
        state = {k: v if v.ndim == 0 else v[part] for k, v in layer.state_dict().items()}
        plain.load_state_dict(state)
    else:
        plain = layer
    return plain.eval()


def per_unit(grouped: nn.Module, group: int, groups: int) -> nn.Sequential:
    return nn.Sequential(*(one_group(layer, group, groups) for layer in grouped.children()))


def plain_linear(layer: nn.Module, group: int) -> nn.Linear:
    out_features, in_features = layer.weight.shape[1:]
    plain = nn.Linear(in_features, out_features)
    plain.load_state_dict({"weight": layer.weight[group], "bias": layer.bias[group]})
    return plain


def oracle_local(network: ABRNet, images: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    local = network.local
    shared = local.region((images - 0.5) / 0.5)
    painted = local.predefined(landmarks)
    units = painted.shape[1]
    features, maps = [], []
    for i in range(units):
        refine = per_unit(local.refinement.hidden, i, units)
        last = one_group(local.refinement.output, i, units)
        refined = last(refine(painted[:, i : i + 1])).sigmoid()
        branch = per_unit(local.extractor.layers, i, units)
        features.append(plain_linear(local.project, i)(branch(shared * refined).flatten(1)))
        maps.append(refined[:, 0])
    return torch.stack(features, 1), torch.stack(maps, 1)


def oracle_relation(module: RelationLearning, features: Tensor, layer: int) -> tuple[Tensor, Tensor]:
    """Equations 1 and 2 for one layer, one face and one action unit at a time."""
    size = module.query.out_features // module.layers
    w_q = module.query.weight[layer * size : (layer + 1) * size]
    w_k = module.key.weight[layer * size : (layer + 1) * size]
    batch, units, _ = features.shape
    gathered, kept = torch.zeros_like(features), torch.zeros(batch, units, units)
    for b in range(batch):
        for i in range(units):
            scores = [(w_q @ features[b, i]) @ (w_k @ features[b, j]) / math.sqrt(size) for j in range(units)]
            mu = F.leaky_relu(torch.stack(scores), module.slope).softmax(0)
            for j in sorted(range(units), key=lambda j: (-float(mu[j]), j))[: module.top_k]:
                kept[b, i, j] = mu[j]
                gathered[b, i] += mu[j] * features[b, j]
    return F.leaky_relu(gathered, module.slope), kept


def oracle(network: ABRNet, images: Tensor, landmarks: Tensor) -> dict[str, Tensor]:
    features, maps = oracle_local(network, images, landmarks)
    layers, relations = [], []
    for layer in range(network.config.relation_layers):
        related, mu = oracle_relation(network.relation, features, layer)
        layers.append(related)
        relations.append(mu)
    fused, betas = torch.zeros_like(features), []
    for related in layers:
        beta = network.fusion.attention(related)[..., 0].sigmoid()
        fused = fused + beta[..., None] * related
        betas.append(beta)
    logits = []
    for i in range(features.shape[1]):
        two = plain_linear(network.classifiers.output, i)(plain_linear(network.classifiers.hidden, i)(fused[:, i]))
        two = F.log_softmax(two, -1)
        logits.append(two[:, 1] - two[:, 0])
    return {
        "logits": torch.stack(logits, 1),
        "attention_maps": maps,
        "relations": torch.stack(relations, 1),
        "features": fused,
        "beta": torch.stack(betas, 1),
    }


def assert_close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_network_equals_separate_modules_per_action_unit_and_layer():
    network = small_network().eval()
    shake(network)
    inputs = network.example_inputs(2)
    output, expected = network(**inputs), oracle(network, **inputs)
    for name in ("logits", "attention_maps", "relations", "features"):
        assert_close(getattr(output, name), expected[name])
    assert_close(output.extra["beta"], expected["beta"])


@torch.no_grad()
@pytest.mark.parametrize("top_k", [1, 3, 5])
def test_relation_layers_equal_the_equations(top_k):
    torch.manual_seed(2)
    module = RelationLearning(3, 7, 4, top_k)
    features = torch.randn(2, 5, 7) * 3  # large enough for the coefficients to differ visibly
    related, relations = module(features)
    for layer in range(3):
        expected, mu = oracle_relation(module, features, layer)
        assert_close(related[:, layer], expected)
        assert_close(relations[:, layer], mu)


# --- sizes -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full_network() -> ABRNet:
    return create_model("abrnet", "disfa").eval()


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_are_those_of_the_parts(full_network):
    local = full_network.local
    assert count(local.region) == 1_615_392
    assert count(local.refinement) == 8 * 75_457
    assert count(local.extractor) == 8 * 813_312
    assert count(local.project) == 8 * (4000 * 512 + 512)
    assert count(full_network.relation) == 4 * 2 * 256 * 512 == 1_048_576
    assert count(full_network.fusion) == 513
    assert count(full_network.classifiers) == 8 * (512 * 64 + 64 + 64 * 2 + 2)
    assert count(full_network) == 26_426_425
    per_unit_total = sum(count(part) for part in (local.refinement, local.extractor, local.project, full_network.classifiers))
    assert per_unit_total / 8 == 2_970_243


@torch.no_grad()
def test_shapes_and_arithmetic_for_eight_action_units(full_network):
    with FlopCounterMode(display=False) as counter:
        output = full_network(**full_network.example_inputs(1))
    assert counter.get_total_flops() / 2 == pytest.approx(5.453e9, rel=0.002)
    assert output.logits.shape == (1, 8)
    assert output.attention_maps.shape == (1, 8, 44, 44)
    assert output.relations.shape == (1, 4, 8, 8)
    assert output.features.shape == (1, 8, 512)
    assert output.extra["beta"].shape == (1, 4, 8)
    assert (output.relations > 0).sum(-1).eq(4).all(), "four of eight stay, not normalised again"
    assert (output.relations.sum(-1) < 1).all()


def test_half_of_the_action_units_are_selected_by_default():
    assert [ABRNetConfig.create(units).selected for units in ("disfa", "bp4d", "fera2015", (12,))] == [4, 6, 3, 1]
    assert ABRNetConfig.create("bp4d", top_k=12).selected == 12


# --- limiting cases --------------------------------------------------------------------------------------------------


def test_selection_keeps_the_largest_and_the_earlier_of_equals():
    values = torch.tensor([[0.1, 0.4, 0.2, 0.3], [0.25, 0.25, 0.25, 0.25], [0.5, 0.0, 0.25, 0.25]])
    kept = select_largest(values, 2)
    expected = torch.tensor([[0, 0.4, 0, 0.3], [0.25, 0.25, 0, 0], [0.5, 0, 0.25, 0]])
    assert torch.equal(kept, expected)
    assert select_largest(values, 4) is values


@torch.no_grad()
def test_selecting_all_action_units_is_plain_attention():
    module = RelationLearning(2, 7, 4, top_k=5)
    relations = module.relations(torch.randn(2, 5, 7))
    assert_close(relations.sum(-1), torch.ones(2, 2, 5))


@torch.no_grad()
def test_without_queries_every_action_unit_takes_the_same_from_all():
    module = RelationLearning(2, 7, 4, top_k=5)
    nn.init.zeros_(module.query.weight)
    features = torch.rand(2, 5, 7)
    related, relations = module(features)
    assert_close(relations, torch.full((2, 2, 5, 5), 0.2))
    assert_close(related, features.mean(1)[:, None, None].expand(-1, 2, 5, -1))


@torch.no_grad()
def test_without_relation_layers_the_local_feature_is_classified():
    network = small_network(relation_layers=0).eval()
    inputs = network.example_inputs(1)
    output = network(**inputs)
    assert output.relations is None
    assert output.extra == {}
    assert_close(output.features, oracle_local(network, **inputs)[0])
    assert {name.split(".")[0] for name, _ in network.named_parameters()} == {"local", "classifiers"}


@torch.no_grad()
def test_self_attention_without_weights_is_half_the_sum():
    fusion = SelfAttentionFusion(6)
    nn.init.zeros_(fusion.attention.weight)
    nn.init.zeros_(fusion.attention.bias)
    layers = torch.randn(2, 4, 3, 6)
    fused, beta = fusion(layers, torch.ones(2, 4, 3))
    assert torch.equal(beta, torch.full((2, 4, 3), 0.5))
    assert_close(fused, layers.sum(1) / 2)
    assert_close(fused, 2 * AverageFusion()(layers, torch.ones(2, 4, 3))[0])


@torch.no_grad()
def test_concatenation_with_stacked_identities_is_the_sum():
    fusion = make_fusion("concat", 4, 6)
    fusion.join.weight.copy_(torch.eye(6).repeat(1, 4))
    nn.init.zeros_(fusion.join.bias)
    layers = torch.randn(2, 4, 3, 6)
    assert_close(fusion(layers, torch.ones(2, 4, 3))[0], layers.sum(1))


def test_dropout_of_no_layer_is_the_plain_sum():
    network = small_network(relation_dropout=0.0)
    layers = torch.randn(3, 4, 3, 12)
    state = torch.random.get_rng_state()
    weights = network.train().dropout(layers)
    assert torch.equal(torch.random.get_rng_state(), state), "nothing is drawn"
    assert torch.equal(weights, torch.ones(3, 4, 3))
    fused, beta = network.fusion(layers, weights)
    assert_close(fused, (beta[..., None] * layers).sum(1))


@pytest.mark.parametrize(("rate", "kept"), [(0.25, 3), (0.5, 2), (0.75, 1)])
def test_dropout_draws_t_layers_per_face_and_keeps_the_sum_on_average(rate, kept):
    torch.manual_seed(0)
    dropout = small_network(relation_dropout=rate).dropout
    weights = dropout(torch.empty(4000, 4, 3, 2))
    drawn = weights > 0
    assert (drawn.sum(1) == kept).all()
    assert torch.equal(weights[drawn].unique(), torch.tensor([4 / kept]))
    assert torch.equal(weights, weights[..., :1].expand_as(weights)), "action units of a face share the draw"
    assert len(drawn[..., 0].unique(dim=0)) == math.comb(4, kept)
    torch.testing.assert_close(weights.mean((0, 2)), torch.ones(4), rtol=0, atol=0.1)
    assert torch.equal(dropout.eval()(torch.empty(2, 4, 3, 2)), torch.ones(2, 4, 3))


def test_dropout_may_draw_for_each_action_unit():
    torch.manual_seed(0)
    weights = RelationDropout(2, per_action_unit=True)(torch.empty(50, 4, 3, 2))
    assert ((weights > 0).sum(1) == 2).all()
    assert not torch.equal(weights[..., 0], weights[..., 1])


def test_identity_joins_the_fusion_and_is_never_dropped():
    network = small_network(include_identity=True, relation_dropout=0.75)
    local = torch.randn(5, 3, 12)
    layers, weights, relations = network.relate(local)
    assert layers.shape == (5, 5, 3, 12)
    assert relations.shape == (5, 4, 3, 3)
    assert torch.equal(layers[:, 0], local)
    assert torch.equal(weights[:, 0], torch.ones(5, 3))
    assert torch.equal(weights[:, 1:].sum(1), torch.full((5, 3), 4.0))


@torch.no_grad()
def test_mean_probability_is_the_mean_of_the_probabilities():
    logits, weights = torch.randn(6, 4, 3, dtype=torch.float64) * 3, torch.ones(6, 4, 3)
    expected = logits.sigmoid().mean(1).logit().float()
    assert_close(mean_probability_logits(logits, weights), expected)
    one = torch.zeros(6, 4, 3)
    one[:, 2] = 4.0
    assert_close(mean_probability_logits(logits, one), logits[:, 2].float())


def test_mean_probability_of_certain_layers_stays_finite():
    logits = torch.tensor([[[200.0], [-200.0]], [[200.0], [200.0]], [[-300.0], [-300.0]]], requires_grad=True)
    weights = torch.ones(3, 2, 1)
    mean = mean_probability_logits(logits, weights)
    torch.testing.assert_close(mean, torch.tensor([[0.0], [200.0], [-300.0]]), rtol=1e-5, atol=1e-4)
    mean.sum().backward()
    assert logits.grad.isfinite().all()


@torch.no_grad()
def test_score_average_classifies_each_layer():
    network = small_network(fusion="score_avg").eval()
    inputs = network.example_inputs(2)
    features = oracle_local(network, **inputs)[0]
    probabilities = [network.classifiers(oracle_relation(network.relation, features, layer)[0]).sigmoid() for layer in range(4)]
    output = network(**inputs)
    assert_close(output.probability, torch.stack(probabilities).mean(0))
    assert "beta" not in output.extra


# --- ablations -------------------------------------------------------------------------------------------------------

TABLE_1 = [
    *({"relation_layers": m} for m in (0, 2, 4, 6)),
    *({"relation_layers": m, "kept_layers": 2} for m in (2, 6)),
    *({"fusion": name} for name in ("avg", "concat", "score_avg", "self_attention")),
    *({"relation_dropout": rate} for rate in (0.0, 0.25, 0.5, 0.75)),
    *({"lambda_aur": weight} for weight in (0.0, 0.05, 0.1, 0.2)),
    {"include_identity": True},
    {"include_identity": True, "relation_layers": 0},
    {"aur_diagonal": True},
    {"dropout_draw": "action_unit", "feature_activation": "relu", "classifier_activation": "relu"},
]


@pytest.mark.parametrize("row", TABLE_1, ids=str)
def test_every_row_of_table_1_trains_all_its_parameters(row):
    network = small_network(**row).train()
    # 16 faces: under dropout each layer is drawn for some of them.
    images, landmarks = network.example_inputs(16).values()
    labels = AULabels(occurrence=torch.tensor([[1, 0, 1], [1, 1, 0]]).repeat(8, 1))
    statistics = LabelStatistics.from_labels(torch.tensor([[1, 0, 1], [1, 1, 0], [0, 1, 0]]))
    losses = ABRNetCriterion(network.config, statistics)(network(images, landmarks), labels)
    losses.total.backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    assert ("au_relation" in losses.terms) == (network.config.lambda_aur > 0)


def test_rows_of_table_1_have_names():
    rows = {name: dict(model_entry(name).overrides) for name in list_models("abrnet*")}
    assert rows == {
        "abrnet": {},
        "abrnet-no-relation": {"relation_layers": 0},
        "abrnet-avg": {"fusion": "avg"},
        "abrnet-concat": {"fusion": "concat"},
        "abrnet-score-avg": {"fusion": "score_avg"},
        "abrnet-no-dropout": {"relation_dropout": 0.0},
        "abrnet-no-aur": {"lambda_aur": 0.0},
    }
    for overrides in rows.values():
        assert overrides in [{}, *TABLE_1], "the row trains in the test above"


def test_settings_travel_as_json():
    config = ABRNetConfig.create("disfa", relation_layers=6, relation_dropout=0.5, top_k=3, fusion="concat", aur_diagonal=True)
    assert ABRNetConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.kept == 3 and config.kept_layers is None


def test_t_can_be_set_itself_and_every_share_that_is_recommended_is_taken():
    assert ABRNetConfig.create("disfa", relation_layers=6, kept_layers=2).kept == 2
    assert small_network(relation_layers=6, kept_layers=2).dropout.kept == 2
    with pytest.raises(InputError) as refused:
        ABRNetConfig.create("disfa", relation_layers=6, relation_dropout=0.3)
    offered = str(refused.value).partition("choose one of ")[2].partition(", or set")[0].split(", ")
    kept = [ABRNetConfig.create("disfa", relation_layers=6, relation_dropout=float(rate)).kept for rate in offered]
    assert kept == [6, 5, 4, 3, 2, 1]
    with pytest.raises(InputError, match=r"kept_layers must be in 1\.\.4"):
        ABRNetConfig.create("disfa", kept_layers=5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"relation_dropout": 0.3}, "choose one of 0, 0.25, 0.5, 0.75"),
        ({"relation_layers": 6, "relation_dropout": 0.25}, "leaves 4.5"),
        ({"relation_dropout": 1.0}, r"\[0, 1\)"),
        ({"fusion": "self_atention"}, "self_attention"),
        ({"top_k": 4}, "top_k must be in 1..3"),
        ({"top_k": 0}, "top_k must be in 1..3"),
        ({"p_neg": 0.7}, "p_neg"),
        ({"relation_layers": -1}, "relation_layers"),
        ({"image_size": 100}, "multiple of 16"),
        ({"lambda_aur": -0.1}, "lambda_aur"),
    ],
)
def test_bad_settings_are_named(settings, words):
    with pytest.raises(InputError, match=words):
        small_network(**settings)


def test_points_of_68_give_the_same_as_the_49_among_them():
    network = small_network().eval()
    inputs = network.example_inputs(1)
    wide = torch.zeros(1, 68, 2)
    wide[:, LANDMARKS_49] = inputs["landmarks"]
    with torch.no_grad():
        assert torch.equal(network(inputs["images"], wide).logits, network(**inputs).logits)


# --- relation loss ---------------------------------------------------------------------------------------------------

# Ten faces, four action units. Units 0 and 1 occur together, 0 and 2 never, 3 is independent of 0.
LABELS = torch.tensor(
    [[1, 1, 0, 1], [1, 1, 0, 0], [1, 1, 0, 1], [1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 1, 0], [0, 0, 1, 1], [0, 0, 1, 0]]
    + [[0, 0, 1, 1], [0, 0, 0, 0]]
)  # fmt: skip


def oracle_relation_loss(probability, occurrence, relations, known, weight, p_pos, p_neg) -> float:
    """Equations 8 and 9 with four plain loops; w_i of mean 1, so the sum is divided by the number of known (face, i)."""
    total, faces = 0.0, 0
    for b in range(probability.shape[0]):
        for i in range(probability.shape[1]):
            faces += bool(known[b, i])
            for j in range(probability.shape[1]):
                for sign, limit in ((1, p_pos), (-1, p_neg)):
                    a = float(relations[i, j])
                    if not (known[b, i] and known[b, j] and occurrence[b, i] == 1):
                        continue
                    p_i, p_j = float(probability[b, i]), float(probability[b, j])
                    if sign == 1 and a > limit and occurrence[b, j] == 1:
                        total += float(weight[i]) * max(2 * a - p_i - p_j, 0)
                    if sign == -1 and a < limit and occurrence[b, j] == 0:
                        total += float(weight[i]) * max(-a - p_i + p_j, 0)
    return total / max(faces, 1)


def test_relations_follow_equations_6_and_7():
    relations = action_unit_relations(LabelStatistics.from_labels(LABELS))
    # P(1|0) = 1 > P(1) = 0.5, so a_01 = 1. P(2|0) = 0, so a_02 = 0/0.5 - 1 = -1. P(3|0) = 0.5 = P(3), so a_03 = 0.
    expected = [0.0, 1.0, -1.0, 0.0]
    torch.testing.assert_close(relations[0], torch.tensor(expected))
    # P(0|1) = 4/5 > 0.4; P(2|1) = 1/5 < 0.5: 0.4 - 1; P(3|1) = 3/5 > 0.5.
    torch.testing.assert_close(relations[1], torch.tensor([0.8, 0.0, -0.6, 0.6]))
    assert torch.equal(action_unit_relations(LabelStatistics.from_labels(LABELS), diagonal=True).diagonal(), torch.ones(4))


def test_relation_loss_worked_by_hand():
    relations = torch.tensor([[0.0, 0.9, -0.8], [0.6, 0.0, 0.0], [-0.8, 0.2, 0.0]])
    probability = torch.tensor([[0.5, 0.4, 0.3]])
    # Units 0 and 1 occur, 2 does not. (0, 1): 2 * 0.9 - 0.5 - 0.4 = 0.9. (0, 2): 0.8 - 0.5 + 0.3 = 0.6.
    # (1, 0): 2 * 0.6 - 0.4 - 0.5 = 0.3. Row 2 does not occur. Weights that sum to 1 are (0.5, 0.25, 0.25).
    loss = relation_loss(probability, torch.tensor([[1, 1, 0]]), relations, weight=torch.tensor([1.5, 0.75, 0.75]))
    assert float(loss) == pytest.approx(0.5 * (0.9 + 0.6) + 0.25 * 0.3)


def test_cases_that_equation_9_does_not_name_are_zero():
    relations = torch.tensor([[0.0, 0.9], [-0.9, 0.0]])
    probability = torch.full((1, 2), 0.1)
    assert float(relation_loss(probability, torch.tensor([[1, 0]]), relations)) == 0, "positive relation, second absent"
    assert float(relation_loss(probability, torch.tensor([[1, 1]]), relations * torch.tensor([[0.0], [1.0]]))) == 0


@pytest.mark.parametrize("diagonal", [False, True])
def test_relation_loss_equals_four_loops(diagonal):
    generator = torch.Generator().manual_seed(3)
    probability = torch.rand(10, 4, generator=generator)
    known = torch.rand(10, 4, generator=generator) > 0.25
    statistics = LabelStatistics.from_labels(LABELS, known)
    relations = action_unit_relations(statistics, diagonal=diagonal)
    weight = torch.tensor([0.4, 1.9, 0.7, 1.0])
    for mask in (torch.ones_like(known), known):
        loss = relation_loss(probability, LABELS, relations, mask, weight, p_pos=0.5, p_neg=-0.5)
        expected = oracle_relation_loss(probability, LABELS, relations, mask, weight, 0.5, -0.5)
        assert expected > 0
        assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_diagonal_adds_what_the_letter_of_equation_8_says():
    statistics = LabelStatistics.from_labels(LABELS)
    probability = torch.full((1, 4), 0.2)
    occurrence = torch.tensor([[1, 0, 0, 0]])
    without, with_diagonal = (
        float(relation_loss(probability, occurrence, action_unit_relations(statistics, diagonal=flag))) for flag in (False, True)
    )
    assert with_diagonal - without == pytest.approx((2 - 2 * 0.2) / 4)


def test_independent_action_units_have_no_relation_loss():
    every_pair = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    relations = action_unit_relations(LabelStatistics.from_labels(every_pair))
    assert torch.equal(relations, torch.zeros(2, 2))
    assert float(relation_loss(torch.rand(4, 2), every_pair, relations)) == 0


def test_unknown_labels_change_nothing_and_have_no_gradient():
    relations = action_unit_relations(LabelStatistics.from_labels(LABELS))
    known = torch.ones(2, 4, dtype=torch.bool)
    known[0, 1] = False
    results = []
    for filler in (0.0, 1.0, 9.0, float("nan")):
        probability = torch.full((2, 4), 0.3, requires_grad=True)
        labels = LABELS[:2].float().clone()
        labels[0, 1] = filler
        loss = relation_loss(probability, labels, relations, known)
        loss.backward()
        assert probability.grad.isfinite().all()
        assert probability.grad[0, 1] == 0
        results.append(float(loss.detach()))
    assert len(set(results)) == 1
    assert results[0] > 0


def test_faces_without_labels_do_not_dilute_the_relation_loss():
    relations = action_unit_relations(LabelStatistics.from_labels(LABELS))
    known = torch.tensor([[True] * 4, [False] * 4])
    probability = torch.full((2, 4), 0.3)
    both = relation_loss(probability, LABELS[:2], relations, known)
    assert_close(both, relation_loss(probability[:1], LABELS[:1], relations))
    assert float(relation_loss(probability, LABELS[:2], relations, torch.zeros(2, 4, dtype=torch.bool))) == 0


def test_action_units_that_never_occur_have_no_relations():
    statistics = LabelStatistics.from_labels(torch.tensor([[1, 0], [0, 0]]))
    relations = action_unit_relations(statistics)
    assert relations.isfinite().all()
    assert torch.equal(relations, torch.zeros(2, 2))


# --- criterion -------------------------------------------------------------------------------------------------------


def test_criterion_adds_a_tenth_of_the_relation_loss():
    config = ABRNetConfig.create((1, 2, 4, 6))
    criterion = ABRNetCriterion(config, LabelStatistics.from_labels(LABELS))
    logits = torch.tensor([[0.5, -0.5, 0.2, -1.0], [0.0, 0.3, -0.4, 0.6]])
    losses = criterion(AUOutput(logits=logits), AULabels(occurrence=LABELS[:2]))
    inverse = [1 / 0.4, 1 / 0.5, 1 / 0.5, 1 / 0.5]
    weights = [value / sum(inverse) for value in inverse]  # equation 5: they sum to 1
    cross = 0.0
    for b in range(2):
        for i in range(4):
            p = 1 / (1 + math.exp(-float(logits[b, i])))
            cross -= weights[i] * math.log(p if LABELS[b, i] else 1 - p) / 2
    assert float(losses.terms["occurrence"]) == pytest.approx(cross, rel=1e-5)
    everything = torch.ones(2, 4)
    relation = oracle_relation_loss(
        logits.sigmoid(), LABELS[:2], criterion.relations, everything, [4 * w for w in weights], 0.5, -0.7
    )
    assert float(losses.terms["au_relation"]) == pytest.approx(relation, rel=1e-5)
    assert float(losses.total) == pytest.approx(cross + 0.1 * relation, rel=1e-5)


def test_criterion_asks_for_statistics_when_it_needs_them():
    network = small_network()
    with pytest.raises(InputError, match=r"LabelStatistics\.from_labels"):
        create_criterion(network)
    plain = create_criterion(small_network(lambda_aur=0.0))
    losses = plain(AUOutput(logits=torch.zeros(2, 3)), AULabels(occurrence=torch.zeros(2, 3)))
    assert float(losses.total) == pytest.approx(math.log(2))
    assert set(losses.terms) == {"occurrence"}


def test_criterion_names_the_missing_label():
    criterion = create_criterion(small_network(lambda_aur=0.0))
    with pytest.raises(InputError, match=r"labels\.occurrence"):
        criterion(AUOutput(logits=torch.zeros(2, 3)), AULabels(intensity=torch.zeros(2, 3)))


def test_two_steps_lower_the_loss():
    network = small_network(relation_dropout=0.0).train()
    images, landmarks = network.example_inputs(4).values()
    labels = AULabels(occurrence=torch.tensor([[1, 0, 1], [0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    criterion = ABRNetCriterion(network.config, LabelStatistics.from_labels(labels.occurrence))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    totals = []
    for _ in range(3):
        losses = criterion(network(images, landmarks), labels)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        totals.append(float(losses.total.detach()))
    assert totals[0] > totals[1] > totals[2]
