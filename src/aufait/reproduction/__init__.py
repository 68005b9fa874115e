"""Every table and figure of the five papers, and numbers that are only in their text; each by one command, ``aufait reproduce``.

| file | what |
|---|---|
| ``registry.py`` | what an item is; ``list_items``, ``get_item`` |
| ``networks.py``, ``runs.py`` | what a training of the papers is (``PaperRun``), and all of them |
| ``arl.py``, ``deep_regions.py``, ``mgrr_net.py``, ``aunet.py``, ``abrnet.py`` | the items of each paper, as data |
| ``laboratory.py`` | twins, prepared faces, trainings and predictions, each made once and shared between items |
| ``makers.py`` | which function makes an item |
| ``tables.py``, ``tables_costs.py``, ``figures_*.py`` | how items are made |
| ``examples.py``, ``outputs.py`` | faces chosen for figures; the files that are written |
| ``check.py`` | all of them one after the other; what is done is kept if the process is killed |
"""

from __future__ import annotations

from aufait.reproduction.networks import PaperRun
from aufait.reproduction.registry import Block, Item, Row, get_item, list_items
from aufait.reproduction.runs import get_run, list_runs

__all__ = ["Block", "Item", "PaperRun", "Row", "get_item", "get_run", "list_items", "list_runs"]
