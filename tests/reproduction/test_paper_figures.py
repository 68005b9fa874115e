"""Figures of the papers: what is drawn follows from the arrays alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from aufait.errors import InputError
from aufait.visualization.figures.activation_maps import activation_map, branch_activation_maps
from aufait.visualization.figures.attention_overlay import attention_figure, attention_overlay, enlarge
from aufait.visualization.figures.feature_maps import map_picture, mean_response, scaled, strongest_channels
from aufait.visualization.figures.figure import badge, margins, text_scale
from aufait.visualization.figures.metric_plots import deviation, metrics_by_group
from aufait.visualization.figures.patch_significance import _window, patch_ranks, significance_figure
from aufait.visualization.figures.picture_grid import picture_grid
from aufait.visualization.figures.relation_plots import graph_edges, relation_figure
from aufait.visualization.figures.spread_plots import spread_figure
from aufait.visualization.figures.timeline_plots import breaks, prediction_timelines

UNITS = (1, 2, 12)
FACE = np.full((40, 40, 3), 100, np.uint8)


def _size(png: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(png)).size


def _pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_overlay_mixes_two_fifths_of_jet_with_three_fifths_of_the_face():
    nothing = attention_overlay(FACE, np.zeros((5, 5)))
    everything = attention_overlay(FACE, np.ones((5, 5)))
    dark_blue, dark_red = np.array([0, 0, 127.5]), np.array([127.5, 0, 0])
    assert np.abs(nothing[20, 20] - (0.6 * 100 + 0.4 * dark_blue)).max() <= 1
    assert np.abs(everything[20, 20] - (0.6 * 100 + 0.4 * dark_red)).max() <= 1


def test_overlay_without_weight_is_the_face():
    assert np.array_equal(attention_overlay(FACE, np.random.default_rng(0).random((5, 5)), weight=0), FACE)


def test_overlay_keeps_the_place_of_a_maximum():
    attention = np.zeros((10, 10))
    attention[2, 7] = 1
    large = enlarge(attention, (40, 40))
    assert np.unravel_index(large.argmax(), large.shape) in {(r, c) for r in (9, 10) for c in (29, 30)}


@pytest.mark.parametrize("face", [FACE.astype(float), FACE[..., 0]])
def test_overlay_refuses_what_is_no_picture(face):
    with pytest.raises(InputError, match="uint8"):
        attention_overlay(face, np.zeros((5, 5)))


def test_overlay_refuses_nan():
    with pytest.raises(InputError, match="finite"):
        attention_overlay(FACE, np.full((5, 5), np.nan))


def test_strongest_channels_come_in_the_order_of_their_weights():
    features = np.arange(4)[:, None, None] * np.ones((4, 3, 3))
    chosen, maps = strongest_channels(features, np.array([0.1, 0.9, 0.3, 0.5]))
    assert chosen.tolist() == [1, 3, 2]
    assert maps.shape == (3, 3, 3)
    assert maps[0].max() == 0 and maps[1].max() == 1


def test_scaled_constant_is_zero_and_one_pixel_sets_no_scale():
    assert not scaled(np.full((4, 4), 7.0)).any()
    values = np.concatenate([np.linspace(0, 1, 399), [1000.0]])
    assert scaled(values)[380] > 0.9


def test_mean_response_ignores_the_sign():
    features = np.stack([np.eye(4), -np.eye(4)])
    assert np.allclose(mean_response(features), np.eye(4))


def test_map_picture_draws_every_value_as_a_square():
    picture = map_picture(np.eye(2), side=10)
    assert picture.shape == (10, 10, 3)
    assert np.array_equal(picture[0, 0], picture[4, 4]) and not np.array_equal(picture[0, 0], picture[0, 5])


def test_activation_map_by_hand():
    features = np.stack([np.eye(2), 1 - np.eye(2)])[None]
    gradients = np.stack([np.full((2, 2), 2.0), np.full((2, 2), -1.0)])[None]
    assert np.allclose(activation_map(features, gradients)[0], np.eye(2))
    assert not activation_map(features, -np.abs(gradients)).any()


class _Branches(torch.nn.Module):
    """Two action units, each with a linear score of its own two channels."""

    def __init__(self) -> None:
        super().__init__()
        self.head = _Head()

    def forward(self, images, landmarks=None):
        from aufait.models.outputs import AUOutput

        patches = torch.cat([images[:, :2], images[:, 1:3]], 1)
        logits = self.head(patches)
        return AUOutput(logits=logits, extra={"local_logits": logits})


class _Head(torch.nn.Module):
    def forward(self, patches):
        first, second = patches.unflatten(1, (2, -1)).mean((-2, -1)).unbind(1)
        return torch.stack([first @ torch.tensor([1.0, 0.0]), second @ torch.tensor([0.0, 1.0])], 1)


def test_one_backward_pass_gives_the_map_of_every_action_unit():
    model, images = _Branches(), torch.rand(2, 3, 6, 6)
    maps = branch_activation_maps(model, model.head, images)
    expected = [images[:, 0], images[:, 2]]  # the channel that each score reads
    assert maps.shape == (2, 2, 6, 6)
    for unit, channel in enumerate(expected):
        top = channel.amax((-2, -1), keepdim=True)
        assert np.allclose(maps[:, unit], (channel / top).numpy(), atol=1e-6)


def test_activation_maps_of_mgrr_net_leave_no_gradient_behind():
    import aufait

    model = aufait.create_model("mgrr-net", "disfa", image_size=64, unit=4, dim=32, layers=1).eval()
    maps = branch_activation_maps(model, model.local_heads, torch.rand(1, 3, 64, 64))
    assert maps.shape == (1, 8, 16, 16) and maps.min() >= 0 and maps.max() <= 1
    assert all(parameter.grad is None for parameter in model.parameters()) and not model.training


def test_ranks_do_not_depend_on_the_size_of_the_effect():
    effect = np.array([[1.0, 5.0, 100.0], [3.0, 3.0, 3.0]])
    assert np.allclose(patch_ranks(effect), [[0, 0.5, 1], [0.5, 0.5, 0.5]])


def test_graph_joins_the_pairs_that_go_together():
    matrix = np.array([[1, 0.5, -0.9], [0.5, 1, np.nan], [-0.9, np.nan, 1]])
    assert graph_edges(matrix, 0.2) == [(0, 1, 0.5)]


def test_breaks_count_changes():
    assert breaks(np.array([0, 1, 1, 0, 1])) == 3 and breaks(np.ones(4)) == 0


def test_deviation_over_defined_groups_only():
    table = np.array([[0.2, np.nan, np.nan], [0.4, 0.3, np.nan], [np.nan, 0.5, 0.1]])
    assert np.allclose(deviation(table)[:2], [0.1, 0.1])
    assert np.isnan(deviation(table)[2])


def test_every_kind_of_figure_is_drawn():
    random = np.random.default_rng(0)
    matrix = np.corrcoef(random.normal(size=(3, 20)))
    scores = {"F1": random.random((2, 3)), "area": np.full((2, 3), np.nan)}
    labels = random.integers(0, 2, (9, 3))
    figures = [
        attention_figure([FACE, FACE], [random.random((3, 5, 5))] * 2, UNITS, title="t", rows=["a", "b"], synthetic=True),
        relation_figure({"labels": matrix, "predictions": matrix}, UNITS, title="t", graph_of="labels"),
        relation_figure({"prior": np.abs(matrix)}, UNITS, title="t", signed=False),
        significance_figure(FACE, random.uniform(5, 35, (7, 2)), random.random((3, 7)), UNITS, title="t"),
        prediction_timelines(np.arange(9), labels, {"net": random.random((9, 3))}, UNITS, title="t", known=labels > 5),
        metrics_by_group(scores, UNITS, ["1", "2"], title="t"),
        spread_figure({"(a) one": {"F1": random.random(3)}, "(b) two": {"F1": np.full(3, np.nan)}}, UNITS, title="t"),
    ]
    for png in figures:
        width, height = _size(png)
        assert width >= 600 and height >= 250


def test_graph_of_relations_stands_aside_or_below():
    matrices = {"labels": np.eye(3), "predictions": np.eye(3)}
    aside = _size(relation_figure(matrices, UNITS, title="t", graph_of="labels"))
    below = _size(relation_figure(matrices, UNITS, title="t", graph_of="labels", per_row=2))
    assert aside[0] > 1.3 * below[0] and below[1] > 1.5 * aside[1]


def test_type_of_wide_figures_is_larger():
    assert text_scale(6.0) == 1 and 1 < text_scale(12.0) < text_scale(30.0) == 1.5


@pytest.mark.parametrize("spreads", [{}, {"a": {}}, {"a": {"F1": np.zeros(2)}}])
def test_spreads_that_do_not_fit_are_refused(spreads):
    with pytest.raises(InputError, match="one value per action unit"):
        spread_figure(spreads, UNITS, title="t")


def test_patches_are_shown_round_the_landmarks():
    points = np.array([[60.0, 80.0], [140.0, 80.0], [100.0, 150.0]])
    left, top, side = _window(points, (200, 200))
    assert 80 < side < 120 and left < 60 and left + side > 141 and top < 80 and top + side > 151
    assert _window(np.array([[0.0, 0.0], [199.0, 199.0]]), (200, 200)) == (0, 0, 200)


def test_rendered_faces_are_marked():
    plain = _pixels(picture_grid([[FACE]], title="t"))
    marked = _pixels(picture_grid([[FACE]], title="t", synthetic=True))
    assert plain.shape == marked.shape and (plain != marked).any()


def _ink(png: bytes, top: float, bottom: float) -> int:
    """Pixels that are not white between two heights in inches from the top."""
    pixels = _pixels(png)[int(150 * top) : int(150 * bottom)]
    return int((pixels < 250).any(-1).sum())


@pytest.mark.parametrize("cells", [3, 13])
def test_a_long_subtitle_and_note_push_the_drawing_instead_of_lying_on_it(cells):
    white = np.full((40, 40, 3), 255, np.uint8)
    words = "Grad-CAM of each action unit's head on the features that enter it; " * 3
    width = _size(picture_grid([[white] * cells], title="t"))[0] / 150
    head, foot = margins(width, words, words)
    assert head > margins(width)[0] and foot > margins(width)[1] and margins(width) == pytest.approx((0.82, 0.34), abs=0.06)
    png = picture_grid([[white] * cells], title="t", subtitle=words, note=words)
    height = _size(png)[1] / 150
    assert _ink(png, head - 0.08, head + 1.0) == 0, "the texts end above the pictures"
    assert _ink(png, 0.5, head - 0.1) > 0 and _ink(png, height - foot, height) > 0
    short = _size(picture_grid([[white] * cells], title="t"))[1] / 150
    assert height == pytest.approx(short + head + foot - sum(margins(width)), abs=0.02)


def test_captions_are_wrapped_to_the_width_of_their_picture():
    white, words = np.full((40, 40, 3), 255, np.uint8), "bp4d F001, task T1, frame 1234, AU12: 0.12"
    one, long = (picture_grid([[white] * 4], title="t", captions=[[text] * 4], cell=1.5) for text in ("AU12", words))
    assert _size(long)[0] == _size(one)[0] and _size(long)[1] > _size(one)[1]
    right = _pixels(long)[:, -12:]
    assert (right >= 250).all(), "nothing reaches the edge"


def test_quick_figures_say_so_on_the_picture():
    plain = _pixels(picture_grid([[FACE]], title="t", synthetic=True))
    with badge("QUICK: shows that it runs"):
        marked = _pixels(picture_grid([[FACE]], title="t", synthetic=True))
        drawn = relation_figure({"labels": np.eye(3)}, UNITS, title="t")
    assert plain.shape == marked.shape and (plain != marked).any()
    assert drawn != relation_figure({"labels": np.eye(3)}, UNITS, title="t")


@pytest.mark.parametrize("pictures, headings", [([], {}), ([[FACE]], {"columns": ("a", "b")}), ([[FACE]], {"rows": ("a", "b")})])
def test_grid_refuses_what_does_not_fit(pictures, headings):
    with pytest.raises(InputError):
        picture_grid(pictures, title="t", **headings)
