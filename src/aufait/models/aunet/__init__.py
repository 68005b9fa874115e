"""AUNet: landmark-centred features, a label VAE and temporal differences.

Paper: Jing Yang, Yordan Hristov, Jie Shen, Yiming Lin, Maja Pantic, "Towards Robust Facial Action Units Detection".

| paper | file |
|---|---|
| section IV-A, figure 4 (a), features of the alignment network | ``feature_extractor.py`` |
| section IV-A, figures 4 (c) and 5, head of AU-FAN | ``head.py`` |
| section IV-B, equation (2), label VAE | ``label_vae.py`` |
| section IV-C, figure 4 (b), temporal difference | ``temporal_difference.py`` |
| equations (1), (3), (4), losses | ``criterion.py`` |
| figure 4, the whole; table VI, the switches | ``model.py``, ``config.py`` |
| section IV-C, alignment of the three frames; ours: of a whole track | ``alignment.py`` |
| (ours) each frame of a video through FAN once | ``streaming.py`` |
"""

from types import MappingProxyType

from aufait.models.aunet.alignment import TrackAligner, neighbour_alignment, track_alignment, track_reference
from aufait.models.aunet.config import AUNetConfig
from aufait.models.aunet.criterion import AUNetCriterion
from aufait.models.aunet.label_vae import LabelVAE, fit_label_vae, load_label_vae, save_label_vae
from aufait.models.aunet.model import AUNet, mirrored_logits
from aufait.models.aunet.streaming import AUNetStream
from aufait.models.registry import ModelEntry, register_model

__all__ = [
    "AUNet",
    "AUNetConfig",
    "AUNetCriterion",
    "AUNetStream",
    "LabelVAE",
    "TrackAligner",
    "fit_label_vae",
    "load_label_vae",
    "mirrored_logits",
    "neighbour_alignment",
    "save_label_vae",
    "track_alignment",
    "track_reference",
]

_PAPER = "Yang et al., Towards Robust Facial Action Units Detection"

for _name, _summary, _row, _overrides in (
    ("au-fan", "Frozen face-alignment features and a small head", "table VI, AU-FAN", {"use_vae": False, "use_tdn": False}),
    ("au-vae", "AU-FAN trained with a label VAE", "table VI, AU-VAE", {"use_vae": True, "use_tdn": False}),
    ("au-tdn", "AU-FAN with differences to an earlier and a later frame", "table VI, AU-TDN", {"use_vae": False, "use_tdn": True}),
    ("aunet", "AU-FAN with label VAE and temporal differences", "table VI, AUNet", {"use_vae": True, "use_tdn": True}),
):
    register_model(
        ModelEntry(
            name=_name,
            network=AUNet,
            config=AUNetConfig,
            criterion=AUNetCriterion,
            summary=_summary,
            paper=f"{_PAPER}, {_row}",
            overrides=MappingProxyType(_overrides),
        )
    )
