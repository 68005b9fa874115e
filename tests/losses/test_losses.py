"""Losses by numbers worked out by hand, and what unknown labels may and may not change."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from aufait.errors import InputError
from aufait.losses.attention import map_cross_entropy
from aufait.losses.intensity import cosine_distance, weighted_squared_error
from aufait.losses.labels import AULabels, Losses
from aufait.losses.landmark import landmark_error
from aufait.losses.occurrence import dice, masked_mean, weighted_bce
from aufait.losses.statistics import LabelStatistics
from aufait.losses.weighting import au_weights

LOG3 = math.log(3)  # logit of the probability 3/4
LABEL_LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross-entropy": weighted_bce,
    "dice per sample": dice,
    "dice of the batch": lambda *arguments: dice(*arguments, variant="batch_release"),
    "squared error": weighted_squared_error,
}


def tensor(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32)


def test_cross_entropy_of_known_probabilities() -> None:
    logits = tensor([LOG3, 0.0], [-LOG3, LOG3])  # p = 3/4, 1/2; 1/4, 3/4
    target = tensor([1, 0], [1, 0])
    entries = [-math.log(3 / 4), -math.log(1 / 2), -math.log(1 / 4), -math.log(1 / 4)]
    assert float(weighted_bce(logits, target)) == pytest.approx(sum(entries) / 4)
    weight = torch.tensor([0.5, 1.5])
    weighted = (0.5 * entries[0] + 1.5 * entries[1] + 0.5 * entries[2] + 1.5 * entries[3]) / 4
    assert float(weighted_bce(logits, target, None, weight)) == pytest.approx(weighted)
    positive = torch.tensor([3.0, 3.0])
    assert float(weighted_bce(logits, target, None, None, positive)) == pytest.approx(
        (3 * entries[0] + entries[1] + 3 * entries[2] + entries[3]) / 4
    )
    known = torch.tensor([[True, False], [True, True]])
    assert float(weighted_bce(logits, target, known)) == pytest.approx((entries[0] + entries[2] + entries[3]) / 3)


def test_cross_entropy_equals_that_of_a_two_class_softmax() -> None:
    scores, target = torch.randn(5, 2, 3), torch.randint(0, 2, (5, 3))
    expected = F.nll_loss(scores.log_softmax(1), target)
    torch.testing.assert_close(weighted_bce(scores[:, 1] - scores[:, 0], target), expected)


def test_dice_per_sample_by_hand() -> None:
    logits, target = tensor([LOG3, 0.0]), tensor([1, 0])
    first = 1 - (2 * 0.75 + 1) / (0.75**2 + 1 + 1)
    second = 1 - 1 / (0.25 + 1)
    assert float(dice(logits, target)) == pytest.approx((first + second) / 2)
    assert float(dice(logits, target, torch.tensor([[False, True]]))) == pytest.approx(second)
    assert float(dice(logits, target, None, torch.tensor([2.0, 0.0]))) == pytest.approx(first)
    assert float(dice(tensor([50.0, -50.0]), target)) == pytest.approx(0, abs=1e-6)


def test_dice_of_the_batch_divides_by_its_size() -> None:
    logits, target = tensor([LOG3], [0.0]), tensor([1], [0])
    ratio = (2 * 0.75 + 1) / (0.75**2 + 0.25 + 1 + 1)
    # The released program subtracts the ratio divided by the batch size from one.
    assert float(dice(logits, target, variant="batch_release")) == pytest.approx(1 - ratio / 2)
    alone = dice(logits[:1], target[:1], variant="batch_release")
    assert float(alone) == pytest.approx(float(dice(logits[:1], target[:1])))
    with pytest.raises(ValueError, match="per_sample"):
        dice(logits, target, variant="batch")


def test_masked_mean_of_nothing_is_zero_and_differentiable() -> None:
    values = torch.tensor([1.0, float("inf")], requires_grad=True)
    mean = masked_mean(values, torch.tensor([False, False]))
    mean.backward()
    assert float(mean.detach()) == 0 and values.grad.tolist() == [0, 0]


@pytest.mark.parametrize("name", LABEL_LOSSES)
@pytest.mark.parametrize("filler", [9.0, 999.0, float("nan"), float("inf")])
def test_unknown_labels_change_neither_loss_nor_gradient(name: str, filler: float) -> None:
    loss = LABEL_LOSSES[name]
    known = torch.tensor([[True, False, True], [False, True, True]])
    logits = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    weight = torch.tensor([0.5, 1.0, 1.5])

    def result(target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        logits = logits.clone().requires_grad_()
        value = loss(logits, target, known, weight)
        value.backward()
        return value.detach(), logits.grad

    value, gradient = result(target, logits)
    changed, its_gradient = result(torch.where(known, target, filler), torch.where(known, logits, -logits))
    torch.testing.assert_close(changed, value)
    torch.testing.assert_close(its_gradient, gradient)
    assert bool((gradient[~known] == 0).all()) and bool(gradient.isfinite().all())


@pytest.mark.parametrize("name", LABEL_LOSSES)
def test_knowing_everything_is_the_same_as_no_mask(name: str) -> None:
    logits, target = torch.randn(3, 4), torch.randint(0, 2, (3, 4))
    everything = LABEL_LOSSES[name](logits, target, torch.ones(3, 4, dtype=torch.bool))
    torch.testing.assert_close(everything, LABEL_LOSSES[name](logits, target))


def test_squared_error_by_hand() -> None:
    predicted, target = tensor([1.0, 4.0], [2.0, 0.0]), tensor([0, 5], [2, 3])
    assert float(weighted_squared_error(predicted, target)) == pytest.approx((1 + 1 + 0 + 9) / 4)
    weight = torch.tensor([0.5, 1.5])
    assert float(weighted_squared_error(predicted, target, None, weight)) == pytest.approx((0.5 + 1.5 + 0 + 13.5) / 4)
    known = torch.tensor([[True, True], [True, False]])
    assert float(weighted_squared_error(predicted, target, known)) == pytest.approx(2 / 3)


def test_cosine_distance_by_hand() -> None:
    predicted, target = tensor([3.0, 4.0], [1.0, 0.0], [1.0, 1.0]), tensor([4, 3], [0, 2], [0, 0])
    entries = [1 - 24 / 25, 1.0, 1.0]
    assert float(cosine_distance(predicted, target)) == pytest.approx(sum(entries) / 3, abs=1e-6)
    assert float(cosine_distance(predicted, target, keep_empty=False)) == pytest.approx(sum(entries[:2]) / 2, abs=1e-6)
    known = torch.tensor([[True, False], [False, False], [True, True]])
    unknown = torch.where(known, target, torch.full_like(target, float("nan")))
    assert float(cosine_distance(predicted, unknown, known)) == pytest.approx((0 + 1) / 2, abs=1e-6)


def test_cosine_distance_has_finite_gradients_at_zero() -> None:
    predicted = torch.zeros(2, 3, requires_grad=True)
    cosine_distance(predicted, tensor([0, 0, 0], [1, 0, 2])).backward()
    assert bool(predicted.grad.isfinite().all())


def face(distance: float, points: int = 49) -> Tensor:
    """Landmarks of one face, all in one point except the eyes, whose centres are ``distance`` apart."""
    landmarks = torch.zeros(1, points, 2)
    left = range(25, 31) if points == 49 else range(42, 48)
    landmarks[0, list(left), 0] = distance
    return landmarks


def test_landmark_error_by_hand() -> None:
    target = face(10)
    predicted = target.clone()
    predicted[0, 13] += torch.tensor([3.0, 4.0])
    assert float(landmark_error(predicted, target)) == pytest.approx(25 / (2 * 100))
    assert float(landmark_error(predicted, face(10, 68))) == pytest.approx(25 / (2 * 100))
    two = torch.cat([predicted, target]), torch.cat([target, target])
    assert float(landmark_error(*two)) == pytest.approx(25 / 200 / 2)
    assert float(landmark_error(*two, torch.tensor([True, False]))) == pytest.approx(25 / 200)


@pytest.mark.parametrize("filler", [float("nan"), 0.0, 9.0])
def test_faces_without_landmarks_leave_no_trace(filler: float) -> None:
    predicted = torch.cat([face(10) + 1, face(10) + 2]).requires_grad_()
    target = torch.cat([face(10), torch.full((1, 49, 2), filler)])
    loss = landmark_error(predicted, target, torch.tensor([True, False]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(98 / 200)
    assert bool(predicted.grad.isfinite().all()) and bool((predicted.grad[1] == 0).all())
    nobody = landmark_error(predicted, target, torch.tensor([False, False]))
    assert float(nobody.detach()) == 0


def test_attention_loss_by_hand_and_as_the_built_in_one() -> None:
    refined, predefined = torch.tensor([0.5, 0.25, 0.75, 1.0]).view(1, 2, 1, 2), torch.tensor([1.0, 0, 0.5, 1]).view(1, 2, 1, 2)
    first = (math.log(2) - math.log(0.75)) / 2
    second = -(0.5 * math.log(0.75) + 0.5 * math.log(0.25)) / 2
    assert float(map_cross_entropy(refined, predefined)) == pytest.approx(first + second, abs=1e-5)
    refined, predefined = torch.rand(3, 4, 5, 6), torch.rand(3, 4, 5, 6)
    expected = sum(F.binary_cross_entropy(refined[:, k], predefined[:, k]) for k in range(4))
    torch.testing.assert_close(map_cross_entropy(refined, predefined), expected)


def test_attention_loss_has_finite_gradients_and_none_for_its_target() -> None:
    refined = torch.tensor([0.0, 1.0, 0.3]).view(1, 1, 1, 3).requires_grad_()
    predefined = torch.tensor([1.0, 0.0, 0.3]).view(1, 1, 1, 3).requires_grad_()
    map_cross_entropy(refined, predefined).backward()
    assert bool(refined.grad.isfinite().all()) and predefined.grad is None


def test_statistics_of_labels_by_hand() -> None:
    occurrence = torch.tensor([[1, 1], [1, 0], [0, 0], [9, 1]])
    known = torch.tensor([[True, True], [True, True], [True, True], [False, True]])
    found = LabelStatistics.from_labels(occurrence, known)
    torch.testing.assert_close(found.occurrence_rate, torch.tensor([2 / 3, 2 / 4]))
    torch.testing.assert_close(found.skew, torch.tensor([0.5, 1.0]))
    # Pairs count on the three faces where both are known.
    torch.testing.assert_close(found.present_given_present, torch.tensor([[1.0, 1 / 2], [1.0, 1.0]]))
    torch.testing.assert_close(found.absent_given_absent, torch.tensor([[1.0, 1.0], [1 / 2, 1.0]]))
    assert found.count == 4


def test_statistics_mark_what_labels_cannot_tell() -> None:
    found = LabelStatistics.from_labels(torch.tensor([[0, 1, 0], [0, 1, 1]]), torch.tensor([[True, True, False]] * 2))
    assert found.occurrence_rate[:2].tolist() == [0, 1] and bool(found.occurrence_rate[2].isnan())
    assert bool(found.present_given_present[0].isnan().all())
    assert bool(found.absent_given_absent[1].isnan().all())


@pytest.mark.parametrize(
    ("occurrence", "known", "message"),
    [
        (torch.zeros(0, 3), None, "at least one face"),
        (torch.zeros(3), None, r"\(N, A\)"),
        (torch.zeros(2, 3), torch.ones(2, 2, dtype=torch.bool), "shape of the labels"),
        (torch.full((2, 3), 9.0), None, "mark others"),
        (torch.full((2, 3), float("nan")), None, "mark others"),
    ],
)
def test_statistics_refuse_labels_they_cannot_count(occurrence: Tensor, known: Tensor | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LabelStatistics.from_labels(occurrence, known)


def test_weights_are_inverse_rates_of_mean_one() -> None:
    weights = au_weights(torch.tensor([0.1, 0.2, 0.4]))
    torch.testing.assert_close(weights, torch.tensor([4.0, 2.0, 1.0]) * 3 / 7)
    torch.testing.assert_close(au_weights(torch.full((5,), 0.3)), torch.ones(5))


@pytest.mark.parametrize("rates", [[0.0, 0.5], [float("nan"), 0.5], [-0.1, 0.5], [1.1, 0.5], [[0.5]]])
def test_weights_refuse_what_is_not_a_rate(rates: list) -> None:
    with pytest.raises(InputError, match=r"\(0, 1\]"):
        au_weights(torch.tensor(rates))


def test_labels_check_that_they_belong_together() -> None:
    with pytest.raises(InputError, match="same faces"):
        AULabels(occurrence=torch.zeros(2, 3), landmarks=torch.zeros(3, 49, 2))
    with pytest.raises(InputError, match="shape of occurrence"):
        AULabels(occurrence=torch.zeros(2, 3), known=torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(InputError, match="bool"):
        AULabels(occurrence=torch.zeros(2, 3), known=torch.ones(2, 3))
    labels = AULabels(occurrence=torch.zeros(2, 3))
    with pytest.raises(InputError, match=r"labels\.landmarks"):
        labels.require("landmarks", "JAA-Net")
    assert labels.to("meta").occurrence.device.type == "meta"
    assert isinstance(Losses(total=torch.zeros(()), terms={}).total, Tensor)


def test_labels_of_other_action_units_are_explained() -> None:
    for loss in (weighted_bce, dice):
        with pytest.raises(InputError, match=r"shape of the prediction \(2, 3\)"):
            loss(torch.zeros(2, 3), torch.zeros(2, 5))
