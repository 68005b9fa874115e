"""Weights as the systems' authors published them -> our networks, strictly: nothing missing, nothing left over, no code run.

| part | file |
|---|---|
| reading files without running anything in them | ``reading.py`` |
| rules that map tensors, and their checks | ``mapping.py`` |
| which action units a file predicts | ``action_units.py`` |
| layouts of the releases | ``released.py`` in the folders of the systems |
| the report | ``report.py`` |
| reading and saving in one call | ``run.py`` |
"""

from aufait.models.import_checkpoint.release import Release
from aufait.models.import_checkpoint.report import FileReport, ImportReport
from aufait.models.import_checkpoint.run import import_checkpoint, read_checkpoint, releases

__all__ = ["FileReport", "ImportReport", "Release", "import_checkpoint", "read_checkpoint", "releases"]
