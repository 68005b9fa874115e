"""ResNet18 and ResNet18-A: sizes, the layers written out, and the limit in which the additions vanish."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import aufait
from aufait.errors import InputError
from aufait.models.profile import profile_model
from aufait.models.resnet import ResNet18, ResNet18Backbone


@pytest.fixture(scope="module")
def backbone() -> ResNet18Backbone:
    torch.manual_seed(0)
    network = ResNet18Backbone().eval().requires_grad_(False)
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return network


def test_size_is_that_of_resnet18() -> None:
    with torch.device("meta"):
        model = aufait.create_model("resnet18")
    profile = profile_model(model)
    assert profile.parameters == profile.trainable == 11_182_668
    assert profile.macs / 1e9 == pytest.approx(2.369, rel=0.01)


def test_backbone_equals_the_layers_written_out(backbone: ResNet18Backbone) -> None:
    weights = backbone.state_dict()

    def conv_norm(x: Tensor, conv: str, norm: str, stride: int = 1, padding: int = 0) -> Tensor:
        x = F.conv2d(x, weights[f"{conv}.weight"], stride=stride, padding=padding)
        entries = [weights[f"{norm}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *entries)

    images = torch.rand(1, 3, 64, 64)
    x = F.max_pool2d(F.relu(conv_norm(images, "conv1", "bn1", 2, 3)), 3, 2, 1)
    for layer in (1, 2, 3, 4):
        for k in (0, 1):
            name, stride = f"layer{layer}.{k}", 2 if layer > 1 and k == 0 else 1
            inner = F.relu(conv_norm(x, f"{name}.conv1", f"{name}.bn1", stride, 1))
            if stride == 2:
                x = conv_norm(x, f"{name}.downsample.0", f"{name}.downsample.1", 2)
            x = F.relu(conv_norm(inner, f"{name}.conv2", f"{name}.bn2", 1, 1) + x)
    torch.testing.assert_close(backbone(images), x, atol=1e-5, rtol=1e-5)
    assert len(weights) == 120  # the names of common releases, less fc.weight and fc.bias


def test_without_difference_resnet18_a_is_resnet18_on_the_current_frame() -> None:
    temporal = aufait.create_model("resnet18-a", (1, 2), image_size=64, alpha=1.0, beta=0.0).eval()
    plain = aufait.create_model("resnet18", (1, 2), image_size=64).eval()
    missing, unexpected = plain.load_state_dict(temporal.state_dict(), strict=False)
    assert not missing and all(key.startswith("temporal.") for key in unexpected)
    images = temporal.example_inputs(2)["images"]
    with torch.no_grad():
        torch.testing.assert_close(temporal(images).logits, plain(images[:, 0]).logits, atol=1e-5, rtol=1e-5)


def test_a_still_face_differs_from_resnet18_by_the_projection_of_zero_only() -> None:
    model = aufait.create_model("resnet18-a", (1, 2), image_size=64).eval()
    assert isinstance(model, ResNet18) and model.temporal is not None
    frame = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        still = model(frame[:, None].expand(-1, 3, -1, -1, -1)).logits
        model.temporal.project.weight.zero_()
        other = torch.stack((frame, 1 - frame, frame.flip(-1)), dim=1)
        torch.testing.assert_close(model(other).logits, still, atol=1e-5, rtol=1e-5)


def test_imagenet_normalisation_is_applied_inside() -> None:
    plain = aufait.create_model("resnet18", (1, 2), image_size=32).eval()
    scaled = aufait.create_model("resnet18", (1, 2), image_size=32, normalization="imagenet").eval()
    scaled.load_state_dict(plain.state_dict())
    images = torch.rand(1, 3, 32, 32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    plain.check_values = False
    with torch.no_grad():
        expected = plain((images - mean[:, None, None]) / std[:, None, None]).logits
        torch.testing.assert_close(scaled(images).logits, expected, atol=1e-5, rtol=1e-5)


def test_wrong_settings_are_explained() -> None:
    with pytest.raises(InputError, match="multiple of 32"):
        aufait.create_model("resnet18", image_size=100)
    with pytest.raises(InputError, match="one of none, imagenet"):
        aufait.create_model("resnet18", normalization="imagnet")
    with pytest.raises(InputError, match="fit_label_vae"):
        aufait.create_criterion(aufait.create_model("resnet18-a", (1, 2), image_size=32))


def test_published_weights_of_the_backbone_are_taken_whole_or_refused(backbone: ResNet18Backbone) -> None:
    model = aufait.create_model("resnet18", "disfa", image_size=64, normalization="imagenet")
    released = {**backbone.state_dict(), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    classifier = model.classifier.weight.clone()
    model.use_backbone({name: value for name, value in released.items() if not name.endswith("num_batches_tracked")})
    for name, value in model.backbone.state_dict().items():
        assert name.endswith("num_batches_tracked") or torch.equal(value, released[name]), name
    assert torch.equal(model.classifier.weight, classifier)
    with pytest.raises(InputError, match=r"not those of a ResNet18: layer5\.0\.conv1\.weight"):
        model.use_backbone({**released, "layer5.0.conv1.weight": torch.zeros(1)})
    with pytest.raises(InputError, match=r"conv1\.weight"):
        model.use_backbone({name: value for name, value in released.items() if name != "conv1.weight"})
    with pytest.raises(InputError, match="no backbone that others publish"):
        aufait.create_model("drml", "disfa").use_backbone({})
