"""Weights as the systems' authors published them -> our networks, strictly: nothing missing, nothing left over, no code run.

| part | file |
|---|---|
| reading files without running anything in them | ``reading.py`` |
| rules that map tensors, and their checks | ``mapping.py`` |
| which action units a file predicts | ``action_units.py`` |
| layouts of the releases | ``jaa_net.py``, ``aunet.py``, ``fan.py`` |
| the report | ``report.py`` |
| reading and saving in one call | ``run.py`` |
"""

from aufait.models.import_checkpoint.report import FileReport, ImportReport
from aufait.models.import_checkpoint.run import SYSTEMS, import_checkpoint, read_checkpoint

__all__ = ["SYSTEMS", "FileReport", "ImportReport", "import_checkpoint", "read_checkpoint"]
