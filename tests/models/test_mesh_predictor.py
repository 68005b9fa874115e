"""The mesh model: its branches and their votes, the photo trunk, the weight file, errors. Networks here are untrained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import draw_test_image
from mesh_faces import made_face
from torch import Tensor
from torch.nn import functional

from aufait.errors import InputError, MissingModelError
from aufait.faces.mesh_networks import BLENDSHAPES
from aufait.models.default.branches import NAMED_BLENDSHAPES, MeshModel, MeshModelConfig, NamedBlendshapes
from aufait.models.default.mesh import MeshPredictor
from aufait.models.default.photo_trunk import PhotoTrunk
from aufait.models.default.predictor import AUPredictor
from aufait.models.default.shipped import open_model

UNITS = MeshModelConfig().action_units


@pytest.fixture(scope="module")
def predictor() -> MeshPredictor:
    torch.manual_seed(0)
    return MeshPredictor(MeshModel(), AUPredictor.load(mirror=False))


def test_faces_of_several_pictures_score_as_one_by_one(predictor: MeshPredictor) -> None:
    images = [draw_test_image(400, 300, seed=k) for k in range(3)]
    faces = [[made_face((120.0, 150.0), 1), made_face((270.0, 140.0), 2)], [], [made_face((150.0, 150.0), 3)]]
    together = predictor.predict_faces(images, faces).exceedance
    apart = [
        predictor.predict_faces([image], [[face]]).exceedance for image, group in zip(images, faces, strict=True) for face in group
    ]
    assert together.shape == (3, len(UNITS), 2, 5)
    assert np.abs(together - np.concatenate(apart)).max() < 1e-4
    assert (np.diff(together, axis=-1) <= 1e-6).all()  # a distribution over levels


def test_no_face_gives_empty_scores(predictor: MeshPredictor) -> None:
    assert predictor.predict_faces([draw_test_image(64, 64)], [[]]).probability.shape == (0, len(UNITS))


def test_faces_of_another_finder_are_refused(predictor: MeshPredictor) -> None:
    with pytest.raises(InputError, match="mesh finder"):
        predictor.predict_faces([draw_test_image(300, 300)], [[made_face((150.0, 150.0), 0, features=False)]])


def sided(left: float, right: float) -> torch.Tensor:
    return torch.tensor([left, right])[None, None, :, None].expand(1, 2, 2, 5)


def test_a_branch_has_no_vote_about_units_it_cannot_see() -> None:
    model = MeshModel(MeshModelConfig(action_units=(12, 17), unheard=((17,), (), (), ()), tells_sides=(True,) * 4))
    counted = model.count(sided(8.0, 8.0), sided(1.0, 1.0), sided(4.0, 4.0)[..., :1], sided(-2.0, -2.0))
    assert counted[0, 0].unique().tolist() == [11.0 / 4]
    assert counted[0, 1].unique().tolist() == [1.0]


def test_how_the_sides_differ_is_up_to_the_branches_that_tell_them_apart() -> None:
    model = MeshModel(MeshModelConfig(action_units=(12, 17), unheard=((),) * 4, tells_sides=(True, False, False, False)))
    counted = model.count(sided(3.0, 1.0), sided(0.0, 4.0), sided(2.0, 2.0), sided(0.0, 0.0))
    assert counted[0, 0, :, 0].tolist() == [1.5 + 1.0, 1.5 - 1.0]


def test_counted_levels_never_rise() -> None:
    votes = [torch.randn(3, 2, 2, 5).sort(dim=-1, descending=True).values for _ in range(4)]
    model = MeshModel(MeshModelConfig(action_units=(12, 17)))
    assert (model.count(*votes).diff(dim=-1) <= 0).all()


def test_named_blendshapes_vote_by_their_own_score_and_side() -> None:
    named = NamedBlendshapes((12, 6, 17))
    resting = torch.full((200, 52), 0.1) + torch.rand(200, 52) * 0.05
    named.fit_rest(resting)
    face = torch.full((1, 52), 0.12)
    face[0, BLENDSHAPES.index("mouthSmileLeft")] = 0.9
    votes = named(face)[0, :, :, 0]
    assert votes[0, 0] > 3 > abs(votes[0, 1])
    assert votes[1].tolist() == [0.0, 0.0]  # no score corresponds to AU 6
    assert 6 not in NAMED_BLENDSHAPES
    assert votes[2, 0] == votes[2, 1]


def test_saved_model_gives_the_same_scores(predictor: MeshPredictor, tmp_path: Path) -> None:
    table = np.tile([1.5, -0.5], (len(UNITS), 1))
    path = MeshPredictor(predictor.model, predictor.pixels, table).save(tmp_path / "mesh.safetensors", {"note": "test"})
    loaded = open_model(path)
    assert isinstance(loaded, MeshPredictor)
    image, face = draw_test_image(300, 300), made_face((150.0, 150.0), 4)
    logits = np.log(
        predictor.predict_faces([image], [[face]]).exceedance / (1 - predictor.predict_faces([image], [[face]]).exceedance)
    )
    scores = loaded.predict_faces([image], [[face]]).exceedance
    assert np.abs(scores - 1 / (1 + np.exp(-(1.5 * logits - 0.5)))).max() < 5e-3  # weights are stored in 8 bits
    rarer = open_model(path, base_rates=0.05)
    assert (rarer.predict_faces([image], [[face]]).exceedance < scores).all()


def test_weights_for_another_compact_model_are_refused(
    predictor: MeshPredictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = predictor.save(tmp_path / "mesh.safetensors")
    monkeypatch.setattr(AUPredictor, "load", lambda *args, **kwargs: AUPredictor(predictor.pixels.network, sha256="other"))
    with pytest.raises(MissingModelError, match="from one release"):
        MeshPredictor.load(path)


def test_branches_and_pixels_must_score_the_same_units(predictor: MeshPredictor) -> None:
    with pytest.raises(InputError, match="score units"):
        MeshPredictor(MeshModel(MeshModelConfig(action_units=(1, 12))), predictor.pixels)


def test_trunk_folds_the_norms_of_the_release() -> None:
    """Against the same layers computed one after the other, norm by norm."""
    torch.manual_seed(0)
    trunk = PhotoTrunk().eval()
    state = released_state(trunk)
    trunk.load_release(state)
    crops = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        found, expected = trunk(crops), plain_trunk(trunk, state, crops)
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-3 * float(theirs.abs().max()))
    assert found.fine.shape == (1, 40, 8, 8)
    assert found.coarse.shape == (1, 112, 4, 4)


def released_state(trunk: PhotoTrunk) -> dict[str, Tensor]:
    """Random tensors under the names of the released file."""
    state: dict[str, Tensor] = {}

    def layer(convolution: str, norm: str, weight: Tensor) -> None:
        channels = len(weight)
        state[f"{convolution}.weight"] = torch.randn_like(weight) / weight[0].numel() ** 0.5
        state[f"{norm}.weight"], state[f"{norm}.bias"] = torch.rand(channels) + 0.5, torch.randn(channels) * 0.1
        state[f"{norm}.running_mean"], state[f"{norm}.running_var"] = torch.randn(channels) * 0.1, torch.rand(channels) + 0.5

    layer("_conv_stem", "_bn0", trunk.stem.conv.weight)
    for k, block in enumerate(trunk.blocks):
        if block.expand is not None:  # type: ignore[union-attr]
            layer(f"_blocks.{k}._expand_conv", f"_blocks.{k}._bn0", block.expand.conv.weight)  # type: ignore[union-attr]
        layer(f"_blocks.{k}._depthwise_conv", f"_blocks.{k}._bn1", block.spatial.conv.weight)  # type: ignore[union-attr]
        layer(f"_blocks.{k}._project_conv", f"_blocks.{k}._bn2", block.project.conv.weight)  # type: ignore[union-attr]
    return state


def plain_trunk(trunk: PhotoTrunk, state: dict[str, Tensor], crops: Tensor) -> tuple[Tensor, Tensor]:
    """The layers of the release as TensorFlow runs them: pad to "same", convolve, normalise."""

    def run(x: Tensor, convolution: str, norm: str, stride: int, groups: int = 1) -> Tensor:
        weight = state[f"{convolution}.weight"]
        size, kernel = x.shape[-1], weight.shape[-1]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        x = functional.pad(x, (total // 2, total - total // 2) * 2)
        x = functional.conv2d(x, weight, stride=stride, groups=groups)
        mean, variance = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        return functional.batch_norm(x, mean, variance, state[f"{norm}.weight"], state[f"{norm}.bias"], eps=1e-3)

    x = (crops - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    x = functional.relu6(run(x, "_conv_stem", "_bn0", 2))
    maps = []
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1)
    for k, stride in enumerate(strides):
        name, kept = f"_blocks.{k}.", x
        if f"{name}_expand_conv.weight" in state:
            x = functional.relu6(run(x, name + "_expand_conv", name + "_bn0", 1))
        x = functional.relu6(run(x, name + "_depthwise_conv", name + "_bn1", stride, x.shape[1]))
        x = run(x, name + "_project_conv", name + "_bn2", 1)
        x = x + kept if kept.shape == x.shape else x
        maps.append(x)
    return maps[4], maps[10]
