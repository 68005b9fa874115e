"""Every table and figure of the five papers, and numbers that only their text gives; each by one command, ``aufait reproduce``.

| file | what |
|---|---|
| ``registry.py`` | what an item and a training are; ``list_items``, ``get_item`` |
| ``arl.py``, ``deep_regions.py``, ``mgrr_net.py``, ``aunet.py``, ``abrnet.py`` | the items of each paper, as data |
| ``laboratory.py`` | twins, prepared faces, trainings and predictions, each made once and shared between items |
| ``tables.py``, ``tables_costs.py``, ``figures_attention.py`` and the others | how items are made |
| ``check.py`` | all of them in turn, with a state that survives a kill |
"""

from __future__ import annotations

from aufait.reproduction.registry import Block, Item, Row, Run, get_item, get_run, list_items, list_runs

__all__ = ["Block", "Item", "Row", "Run", "get_item", "get_run", "list_items", "list_runs"]
