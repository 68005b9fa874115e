"""The mesh model that ships with the package, as a system like the others: the same contract, configuration, file and tests.

Own design, no paper. It reads more of a face than an aligned picture: what the landmark network of the ``mesh`` finder saw. So it
works where that finder does, on pictures and videos (``aufait.Detector``), and not on stored faces; ``aufait train-mesh`` trains
it, branch by branch. ``aufait.Detector`` runs it by ``aufait.models.default.mesh``, which cuts its crops without a detour.

| part | file |
|---|---|
| branches and their votes | ``aufait.models.default.branches``, ``aufait.models.default.photo_trunk`` |
| the pixel branch, the compact model | ``aufait.models.default.network`` |
| all of it as one network, calibration | ``model.py`` |
"""

from aufait.models.criterion import OccurrenceCriterion
from aufait.models.mesh.config import MeshSystemConfig
from aufait.models.mesh.model import Mesh, shipped_mesh
from aufait.models.registry import ModelEntry, register_model

__all__ = ["Mesh", "MeshSystemConfig", "shipped_mesh"]

register_model(
    ModelEntry(
        name="aufait-mesh",
        network=Mesh,
        config=MeshSystemConfig,
        criterion=OccurrenceCriterion,
        summary="The shipped mesh model: heads on frozen networks that have seen real faces and photographs, and the compact model",
        paper="own design, no paper",
    )
)
