"""ResNet18, AUNet's image-only baseline, and ResNet18-A, the same with AUNet's label VAE and temporal differences.

Papers: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016; Yang et al., "Towards Robust Facial
Action Units Detection" (AUNet), sections V-D and V-F.

| paper | file |
|---|---|
| He et al., section 4.1, table 1, 18 layers | ``backbone.py`` |
| AUNet, section V-D (baseline), section V-F (ResNet18-A) | ``model.py``, ``config.py`` |
| AUNet, equations (1), (3), (4) | ``aufait.models.aunet.criterion`` |
"""

from types import MappingProxyType

from aufait.models.aunet.criterion import AUNetCriterion
from aufait.models.registry import ModelEntry, register_model
from aufait.models.resnet.backbone import ResNet18Backbone
from aufait.models.resnet.config import ResNetConfig
from aufait.models.resnet.model import ResNet18

__all__ = ["ResNet18", "ResNet18Backbone", "ResNetConfig"]

register_model(
    ModelEntry(
        name="resnet18",
        network=ResNet18,
        config=ResNetConfig,
        criterion=AUNetCriterion,
        summary="ResNet18 on whole faces, from scratch",
        paper="He et al., CVPR 2016; baseline of AUNet, table III",
    )
)
register_model(
    ModelEntry(
        name="resnet18-a",
        network=ResNet18,
        config=ResNetConfig,
        criterion=AUNetCriterion,
        summary="ResNet18 with AUNet's label VAE and temporal differences",
        paper="Yang et al., AUNet, section V-F",
        overrides=MappingProxyType({"use_vae": True, "use_tdn": True}),
    )
)
