"""FAN, the face alignment network: a face aligner, and the frozen features of AUNet.

Paper: Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?", ICCV 2017.

| paper | file |
|---|---|
| section 3, the block | ``blocks.py`` |
| section 3, stacked hourglasses | ``network.py`` |
| section 4, heat maps, their targets and landmarks | ``heat_maps.py`` |
| (ours) landmarks from images, saved files | ``aligner.py`` |

FAN predicts no action units; it is therefore not among ``aufait.list_models()``.
"""

from aufait.models.fan.aligner import FaceAligner, FaceAlignment, load_aligner, save_aligner
from aufait.models.fan.config import FANConfig
from aufait.models.fan.heat_maps import heat_map_loss, landmarks_from_heat_maps
from aufait.models.fan.network import FAN, FANOutput

__all__ = [
    "FAN",
    "FANConfig",
    "FANOutput",
    "FaceAligner",
    "FaceAlignment",
    "heat_map_loss",
    "landmarks_from_heat_maps",
    "load_aligner",
    "save_aligner",
]
